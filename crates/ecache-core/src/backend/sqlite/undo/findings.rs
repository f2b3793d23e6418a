//! The findings of an undo so far.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::backend::sqlite::operations::{LoggedOperation, OperationPart};
use crate::backend::sqlite::removal::retire::usage_of;
use crate::backend::sqlite::rename;
use crate::backend::{Effect, OperationRecord, Undone};
use crate::filter::Usage;
use crate::scope::{Address, StoreAddress};

/// Maximum number of addresses in an answer.
const EXAMPLES: usize = 10;

/// The findings of an undo so far.
///
/// An import's own entries are counted as newer or gone, and not again those that they replaced.
#[derive(Default)]
pub(super) struct Findings {
    /// Number of the operation that is meant, which may have begun the chain of the target
    pub(super) meant: u64,
    /// Number of the operation that made the change which is reversed now: the target, or an
    /// earlier one of its chain
    pub(super) of: i64,
    pub(super) newer: u64,
    pub(super) examples: Vec<Address>,
    pub(super) gone: u64,
    /// The first of them
    pub(super) gone_example: Option<i64>,
    /// Entries that are as before the operation already
    pub(super) unchanged: u64,
    pub(super) damaged: u64,
    /// Entries that a limit took
    pub(super) evicted: u64,
    /// Set if a store comes back or is retired again that has entries besides newer ones
    pub(super) has_stores: bool,
    /// Rows of stores that are in use again, and the newer entries that moved there
    pub(super) revived: Vec<(i64, Usage)>,
    /// Entries that came back
    pub(super) restored: Usage,
    /// Entries that are removed again
    pub(super) removed: Usage,
    /// Entries that were changed otherwise
    pub(super) changed: Usage,
    /// Rows that the operation wrote and replaced itself, in another transaction
    own: BTreeSet<i64>,
    /// Its entries, and the rows of those that they replaced
    replaced: BTreeMap<i64, i64>,
    /// Those of the rows that came back already, or do not
    pub(super) settled: BTreeSet<i64>,
}

impl Findings {
    /// Begins to undo an operation.
    pub(super) fn of(
        connection: &Connection,
        target: &LoggedOperation,
        meant: u64,
    ) -> rusqlite::Result<Self> {
        let mut findings = Self {
            meant,
            of: target.number,
            replaced: target.replaced_rows(connection)?,
            ..Self::default()
        };
        if target.effect != Effect::Written || target.replaced().entries == 0 {
            return Ok(findings);
        }
        let mut replaced = BTreeSet::new();
        for number in (1..=target.parts).rev() {
            match target.part(connection, number)? {
                OperationPart::Removed(ids) => replaced.extend(ids),
                OperationPart::Added(added) => {
                    let ids = added.ids.into_iter();
                    findings.own.extend(ids.filter(|id| replaced.contains(id)));
                }
                OperationPart::Touched(_)
                | OperationPart::Moved(_)
                | OperationPart::Stayed(_)
                | OperationPart::Replaced(_)
                | OperationPart::Counts(_)
                | OperationPart::Left(..)
                | OperationPart::Inherited(..) => {}
            }
        }
        Ok(findings)
    }

    /// Separates the rows that the operation wrote itself from those that it found.
    pub(super) fn split_own(&self, ids: &[i64]) -> (Vec<i64>, Vec<i64>) {
        ids.iter().partition(|id| self.own.contains(id))
    }

    /// Returns the rows that the operation wrote and did not replace.
    pub(super) fn without_own(&self, ids: &[i64]) -> Vec<i64> {
        self.split_own(ids).1
    }

    /// Returns the row that comes back in the place of an entry of the operation: that of the entry
    /// which it found.
    pub(super) fn replaced_by(&self, id: i64) -> Option<i64> {
        let mut row = *self.replaced.get(&id)?;
        while self.own.contains(&row) {
            row = *self.replaced.get(&row)?;
        }
        Some(row)
    }

    /// Counts the entries of the stores that are in use again.
    pub(super) fn count_revived(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for (row, moved) in std::mem::take(&mut self.revived) {
            let usage = usage_of(connection, row)?;
            self.restored += Usage {
                entries: usage.entries.saturating_sub(moved.entries),
                bytes: usage.bytes.saturating_sub(moved.bytes),
            };
        }
        Ok(())
    }

    /// Counts the entries of retired stores that limits took.
    pub(super) fn count_evicted(&mut self, target: &LoggedOperation) {
        if target.effect == Effect::Removed && !target.swaps.is_empty() {
            let found = self.restored.entries + self.newer + self.damaged + self.evicted;
            self.evicted += target.usage().entries.saturating_sub(found);
        }
    }

    /// Counts the entries of the stores that are retired again.
    pub(super) fn count_retired(
        &mut self,
        connection: &Connection,
        target: &LoggedOperation,
        undo: &LoggedOperation,
    ) -> rusqlite::Result<()> {
        if target.effect != Effect::Removed {
            for swap in &undo.swaps {
                self.removed += usage_of(connection, swap.retired)?;
            }
        }
        Ok(())
    }

    /// Describes an undo for the answer to it.
    pub(super) fn undone(self, meant: OperationRecord, undo: &LoggedOperation) -> Undone {
        Undone {
            undone: meant,
            operation: undo.number.unsigned_abs(),
            effect: undo.effect,
            usage: undo.usage(),
            replaced: undo.replaced(),
            documents: undo.documents.unsigned_abs(),
            settings: undo.settings.len() as u64,
            newer: self.newer,
            newer_examples: self.examples,
            gone: self.gone,
            damaged: self.damaged,
            evicted: self.evicted,
        }
    }

    /// Returns the record of entries that are left as they are.
    pub(super) fn left(&self, part: OperationPart) -> OperationPart {
        OperationPart::Left(self.of, part.into())
    }

    /// Returns the number of entries done.
    pub(super) fn entries(&self) -> u64 {
        self.restored.entries + self.removed.entries + self.changed.entries
    }

    pub(super) fn add_gone(&mut self, id: i64) {
        self.gone += 1;
        self.gone_example.get_or_insert(id);
    }

    pub(super) fn add_newer(&mut self, connection: &Connection, store: &StoreAddress, id: i64) {
        self.newer += 1;
        if self.examples.len() < EXAMPLES
            && let Ok(Some(key)) = rename::key_of(connection, id)
        {
            self.examples.push(store.entry(key));
        }
    }
}
