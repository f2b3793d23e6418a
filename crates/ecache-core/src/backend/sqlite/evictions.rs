//! Entries that a limit evicts, counted in the transaction that removes them.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::checksum::Fields;
use super::damage::readable;
use super::{SqliteBackend, usage};
use crate::time::Timestamp;
use crate::usage::{Group, Outcome, Period};

/// The entries that a transaction evicts, by the ids of their store, user and operator.
#[derive(Default)]
pub(super) struct Evictions(BTreeMap<(i64, Option<i64>, Option<i64>), u64>);

impl Evictions {
    /// Adds an entry that is to be removed.
    pub(super) fn add(&mut self, entry: &Fields<'_>) {
        let group = (entry.store, entry.user, entry.operator);
        *self.0.entry(group).or_default() += 1;
    }

    /// Writes the counts, in the transaction that removes the entries.
    pub(super) fn write(
        &self,
        backend: &SqliteBackend,
        transaction: &Connection,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let mut periods = Vec::with_capacity(self.0.len());
        for ((store, user, operator), count) in &self.0 {
            let name = |id| readable(backend.names.name(transaction, id)).map(Option::flatten);
            // A store whose name is damaged has no row to count in.
            let Some(store) = readable(backend.names.store(transaction, *store))? else {
                continue;
            };
            let group = Group::Of {
                store,
                user: name(*user)?,
                operator: name(*operator)?,
            };
            periods.push(Period::of(group, Outcome::Eviction, *count, now));
        }
        usage::add_now(transaction, &periods)
    }
}
