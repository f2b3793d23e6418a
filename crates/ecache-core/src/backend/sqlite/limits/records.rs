//! Compares the records of limits, which are their counters and the table of samples, with the
//! entries, and makes them anew.
//!
//! Every transaction keeps them exact, and none looks at them as a whole: where a damaged page or
//! another program changed a row, a limit would hold too much or too little from then on.

use std::collections::BTreeSet;

use super::{Counted, sample};
use crate::backend::LimitBackend;
use crate::backend::limit::LimitUsage;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::transaction::{Counting, End};
use crate::backend::sqlite::counters::row_changes::Amount;
use crate::backend::sqlite::counters::tail::Tail;
use crate::backend::sqlite::counters::{Counter, Used};
use crate::backend::sqlite::format::damage;
use crate::error::Result;

impl LimitBackend for SqliteBackend {
    fn has_limits(&self) -> Result<bool> {
        let connection = self.connection()?;
        let limits = super::read(&connection).map_err(|error| self.error(error))?;
        Ok(!limits.is_empty())
    }

    fn limits(&self) -> Result<Vec<LimitUsage>> {
        if self.access.is_writing() {
            // Counts the entries that are not counted yet.
            self.transaction(|_| Ok(()))?;
        }
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let snapshot = connection.unchecked_transaction().map_err(sqlite)?;
        let list = || -> rusqlite::Result<Vec<LimitUsage>> {
            let limits = super::read(&snapshot)?;
            let Some(counted) = damage::readable(self.counted(&snapshot, &limits))? else {
                // A damaged counter: `doctor` reports it.
                return Ok(self.count_again(&snapshot, &limits)?.into_usages());
            };
            // The process that set the others was killed before it counted.
            let mut others = limits;
            others.retain(|limit| !counted.limits.all.contains(limit));
            let mut found = self.count_again(&snapshot, &others)?.into_usages();
            found.extend(counted.into_usages());
            Ok(found)
        };
        list().map_err(sqlite)
    }

    fn count_limits_again(&self) -> Result<()> {
        let connection = self.writing_connection()?;
        self.transaction_with(&connection, End::Commit, Counting::Anew, |_| Ok(()))
    }
}

impl SqliteBackend {
    /// Describes the counters and samples that differ from the entries.
    pub(in super::super) fn check_limits(&self) -> Result<Vec<String>> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let snapshot = connection.unchecked_transaction().map_err(sqlite)?;
        let check = || -> rusqlite::Result<Vec<String>> {
            let all = super::read(&snapshot)?;
            // Without a tail, the next transaction that writes counts and samples everything.
            let Some(tail) = Tail::read(&snapshot)?.filter(|_| !all.is_empty()) else {
                return Ok(Vec::new());
            };
            let mut faults = match damage::readable(self.counted(&snapshot, &all))? {
                Some(recorded) => {
                    let limits = &recorded.limits.all;
                    differences(&recorded, &self.count_again(&snapshot, limits)?)
                }
                None => vec!["the counter of a limit is damaged".to_owned()],
            };
            match sample::count_wrong(&snapshot, &tail)? {
                Some(0) => {}
                Some(wrong) => {
                    faults.push(format!("samples that differ from their entries: {wrong}"))
                }
                None => faults.push("the table of samples is missing".to_owned()),
            }
            Ok(faults)
        };
        check().map_err(sqlite)
    }
}

/// Describes the counters whose amounts differ.
fn differences(recorded: &Counted, counted: &Counted) -> Vec<String> {
    let counters: BTreeSet<&Counter> = recorded.used.keys().chain(counted.used.keys()).collect();
    let limits = &recorded.limits.all;
    let describe = |counter: &Counter| {
        let (recorded, counted) = (recorded.used.get(counter), counted.used.get(counter));
        let now = |used: Option<&Used>| used.map_or(Amount::default(), |used| used.now);
        let (said, found) = (now(recorded), now(counted));
        let group = counted.or(recorded).and_then(|used| used.group.clone());
        let name = group.unwrap_or_else(|| limits[counter.0].scope.to_string());
        (said != found).then(|| {
            format!(
                "{name}: {} entries of {} bytes are counted, and there are {} of {}",
                said.entries, said.bytes, found.entries, found.bytes
            )
        })
    };
    counters.into_iter().filter_map(describe).collect()
}
