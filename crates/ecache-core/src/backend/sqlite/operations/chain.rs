//! Decides which operations are in force, and which can be undone.
//!
//! An undo is an operation, and can be undone itself. So an operation begins a chain: the undo of
//! it, the undo of that one, and so on. After an odd number of undos it is undone; after an even
//! number it is in force. The last of a chain alone keeps what reversing it takes, and reversing it
//! makes the chain longer by one.
//!
//! - An operation in force is undone by reversing the last of its chain.
//! - One that is undone is refused, with the last of its chain: undoing that brings it back.
//! - Without a number, the latest operation is undone that is not an undo, is in force and can be
//!   undone; not if a limit evicted what a later one kept.
//! - One of which nothing can be taken back is refused, since it would count as undone
//!   (`undo/refusal`).
//! - After the time for which the last of its chain can be undone, neither is possible, nor is it
//!   once limits have taken all that this one kept.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::LoggedOperation;
use crate::backend::sqlite::format::damage::readable;
use crate::backend::{OperationRecord, UndoState};
use crate::error::NotUndoable;
use crate::time::Timestamp;

/// The log of operations.
pub(in super::super) struct Chains {
    /// Latest first
    all: Vec<LoggedOperation>,
    /// The numbers of those of which limits have left nothing
    evicted: BTreeSet<i64>,
}

impl Chains {
    /// Reads the log.
    pub(in super::super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut all = LoggedOperation::all(connection)?;
        for one in &mut all {
            // Without those that are damaged: the log is shown all the same.
            readable(one.count(connection))?;
        }
        let mut evicted = BTreeSet::new();
        for one in &all {
            if one.is_evicted(connection)? {
                evicted.insert(one.number);
            }
        }
        Ok(Self { all, evicted })
    }

    /// Returns the operation that is meant, and the last of its chain, which is to be reversed.
    ///
    /// # Errors
    /// The reason if it cannot be undone.
    pub(in super::super) fn undoable(
        &self,
        which: Option<u64>,
        now: Timestamp,
    ) -> Result<(&LoggedOperation, &LoggedOperation), NotUndoable> {
        let Some(number) = which else {
            return self.latest(now);
        };
        let found = i64::try_from(number).ok();
        let found = found.and_then(|number| self.find(number));
        let Some(meant) = found else {
            return Err(NotUndoable::NotLogged { operation: number });
        };
        let (last, is_undone) = self.last(meant);
        let operation = number;
        Err(match self.state(meant).at(now) {
            UndoState::Until(_) | UndoState::Through(..) => return Ok((meant, last)),
            UndoState::Undone(by) => NotUndoable::Undone {
                operation,
                by,
                can_be_redone: is_undone && self.can_reverse(last, now),
            },
            UndoState::Over(until) => NotUndoable::Over { operation, until },
            UndoState::Evicted => NotUndoable::Evicted { operation },
            UndoState::Impossible => NotUndoable::Impossible { operation },
        })
    }

    /// Returns the first renaming in force that moved the store of an earlier one on.
    pub(in super::super) fn moved_on_by(
        &self,
        earlier: &LoggedOperation,
    ) -> Option<&LoggedOperation> {
        let (_, to) = earlier.renamed.as_ref()?;
        let moves_on = |one: &&LoggedOperation| {
            let from = one.renamed.as_ref().map(|(from, _)| from);
            from == Some(to) && !self.last(one).1
        };
        let later = self.all.iter().rev().filter(|one| one.undoes == 0);
        let mut later = later.filter(|one| self.last(one).0.number > earlier.number);
        later.find(moves_on)
    }

    /// Returns the operation that retired the store of a row, or that marked the row.
    pub(in super::super) fn removed_by(
        &self,
        connection: &Connection,
        row: i64,
        retired: i64,
    ) -> rusqlite::Result<Option<&LoggedOperation>> {
        if retired != 0 {
            return Ok(self.find(retired));
        }
        for one in self.all.iter().filter(|one| one.undone_by == 0) {
            for number in 1..=one.parts {
                if one.part(connection, number)?.marked().contains(&row) {
                    return Ok(Some(one));
                }
            }
        }
        Ok(None)
    }

    /// Reports whether another undo of an operation was interrupted, which `undo` ends.
    pub(in super::super) fn is_undone_in_part(
        &self,
        target: &LoggedOperation,
        undo: &LoggedOperation,
    ) -> bool {
        let mut others = self.all.iter().filter(|one| one.number != undo.number);
        others.any(|one| one.undoes == target.number)
    }

    /// Returns the number of the latest operation before another one that can be undone and is not
    /// an undo.
    pub(in super::super) fn before(&self, number: u64, now: Timestamp) -> Option<i64> {
        let mut earlier = self.all.iter().filter(|one| one.undoes == 0);
        let found =
            earlier.find(|one| one.number.unsigned_abs() < number && self.can_be_undone(one, now));
        found.map(|one| one.number)
    }

    /// Reports whether an operation can be undone, as far as the log says.
    pub(in super::super) fn can_be_undone(&self, one: &LoggedOperation, now: Timestamp) -> bool {
        let state = self.state(one).at(now);
        matches!(state, UndoState::Until(_) | UndoState::Through(..))
    }

    fn latest(&self, now: Timestamp) -> Result<(&LoggedOperation, &LoggedOperation), NotUndoable> {
        let (mut over, mut evicted) = (None, None);
        for meant in self.all.iter().filter(|one| one.undoes == 0) {
            match self.state(meant).at(now) {
                UndoState::Until(_) | UndoState::Through(..) => {
                    let Some(evicted) = evicted else {
                        return Ok((meant, self.last(meant).0));
                    };
                    // A user who undoes the latest operation does not mean an earlier one.
                    return Err(NotUndoable::LatestEvicted {
                        operation: evicted,
                        before: Some(meant.number.unsigned_abs()),
                    });
                }
                UndoState::Over(until) => {
                    over = over.or(Some((meant.number.unsigned_abs(), until)))
                }
                UndoState::Evicted => evicted = evicted.or(Some(meant.number.unsigned_abs())),
                UndoState::Undone(_) | UndoState::Impossible => {}
            }
        }
        Err(match (evicted, over) {
            _ if self.all.is_empty() => NotUndoable::NothingLogged,
            (Some(operation), _) => NotUndoable::LatestEvicted {
                operation,
                before: None,
            },
            (None, Some((operation, until))) => NotUndoable::LatestOver { operation, until },
            (None, None) => NotUndoable::NothingUndoable,
        })
    }

    /// Returns the records of all operations.
    pub(in super::super) fn records(&self) -> Vec<OperationRecord> {
        self.all
            .iter()
            .map(|one| one.record(self.state(one)))
            .collect()
    }

    /// Returns the possibility of undoing an operation, whatever the time.
    pub(in super::super) fn state(&self, one: &LoggedOperation) -> UndoState {
        let (last, is_undone) = self.last(one);
        let is_last = last.number == one.number;
        let number = last.number.unsigned_abs();
        if is_undone && is_last {
            UndoState::Undone(one.undone_by.unsigned_abs())
        } else if is_undone {
            UndoState::Undone(number)
        } else if !last.is_undoable() {
            UndoState::Impossible
        } else if self.evicted.contains(&last.number) {
            UndoState::Evicted
        } else if is_last {
            UndoState::Until(last.until())
        } else {
            UndoState::Through(number, last.until())
        }
    }

    fn can_reverse(&self, last: &LoggedOperation, now: Timestamp) -> bool {
        matches!(self.state(last).at(now), UndoState::Until(_))
    }

    /// Returns the last of an operation's chain, and whether the operation is undone. Where a
    /// record of the chain is gone, it counts as undone.
    fn last<'a>(&'a self, one: &'a LoggedOperation) -> (&'a LoggedOperation, bool) {
        let (mut last, mut is_undone) = (one, false);
        // Each undo has a higher number; a damaged one leads nowhere.
        while last.undone_by > last.number {
            let Some(next) = self.find(last.undone_by) else {
                return (last, true);
            };
            last = next;
            is_undone = !is_undone;
        }
        (last, is_undone)
    }

    fn find(&self, number: i64) -> Option<&LoggedOperation> {
        let place = self.all.binary_search_by(|one| number.cmp(&one.number));
        place.ok().map(|place| &self.all[place])
    }
}

impl LoggedOperation {
    pub(in super::super) fn record(&self, undo: UndoState) -> OperationRecord {
        OperationRecord {
            id: self.number.unsigned_abs(),
            at: Timestamp::from_millis(self.at),
            operation: self.operation.clone(),
            usage: self.usage(),
            documents: self.documents.unsigned_abs(),
            undoes: (self.undoes != 0).then(|| self.undoes.unsigned_abs()),
            replaced: self.replaced(),
            settings: self.settings.len() as u64,
            effect: self.effect,
            undo,
        }
    }
}
