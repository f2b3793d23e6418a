//! Undoing operations.
//!
//! A retired store comes back by exchanging its row with the one in use. If entries were written in
//! between, the fewer of both sides move to the other, and the newer one of a key stays. Single
//! entries lose their mark, and move along if their store was retired since.
//!
//! An undo is an operation itself, with the changes of its target the other way round: it is
//! undone in the same way. Entries and settings that were changed since stay as they are.

use super::super::SqliteBackend;
use super::super::marks;
use super::super::operations::{Effect, LoggedOperation, Part};
use super::super::retire::usage_of;
use super::super::session::Session;
use super::change;
use super::findings::Findings;
use crate::backend::{Operation, Progress};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::time::Timestamp;

/// Number of entries that one transaction restores.
const BATCH: usize = 2000;

impl SqliteBackend {
    /// Returns the operation of that number; without one, the latest that can be undone and is no
    /// undo itself.
    pub(super) fn undoable(&self, which: Option<u64>) -> Result<LoggedOperation> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let Some(number) = which else {
            let all = LoggedOperation::all(&connection).map_err(sqlite)?;
            let latest = all.first().map_or(0, |latest| latest.number);
            let found = all
                .into_iter()
                .find(|one| one.undoes == 0 && one.is_undoable());
            return found.ok_or_else(|| {
                Error::NotUndoable(match latest {
                    0 => "there is nothing to undo: no operation is logged".into(),
                    _ => "there is nothing to undo: no operation in the log can be undone".into(),
                })
            });
        };
        let found = i64::try_from(number).ok().filter(|number| *number > 0);
        let found = found
            .map(|number| LoggedOperation::read(&connection, number))
            .transpose()
            .map_err(sqlite)?
            .flatten();
        let why = match found {
            None => "is not in the log".into(),
            Some(found) if found.undone_by != 0 => {
                let by = found.undone_by;
                format!("was undone by operation {by}; `ecache undo {by}` takes that back")
            }
            Some(found) if !found.is_undoable() => "cannot be undone: nothing of it is kept".into(),
            Some(found) => return Ok(found),
        };
        Err(Error::NotUndoable(format!("operation {number} {why}")))
    }

    /// Takes an operation back, as another one.
    pub(super) fn reverse(
        &self,
        target: &LoggedOperation,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<(LoggedOperation, Findings)> {
        let sqlite = |error| self.error(error);
        let mut findings = Findings::default();
        let mut undo = self.transaction(|transaction| {
            let effect = target.effect.reversed();
            let mut undo =
                LoggedOperation::begin(transaction, operation, effect, now).map_err(sqlite)?;
            undo.undoes = target.number;
            undo.renamed = target.renamed.clone().map(|(from, to)| (to, from));
            for swap in &target.swaps {
                if target.effect == Effect::Removed {
                    self.revive(transaction, swap.retired, target, &mut undo, &mut findings)?;
                } else {
                    self.retire_again(transaction, swap, target, &mut undo)?;
                }
            }
            change::set_documents_back(transaction, target, &mut undo).map_err(sqlite)?;
            change::set_settings_back(transaction, target, &mut undo).map_err(sqlite)?;
            self.end_with(transaction, target, &undo, target.parts == 0)?;
            Ok(undo)
        })?;
        for (row, moved) in std::mem::take(&mut findings.revived) {
            let usage = usage_of(&*self.connection()?, row).map_err(sqlite)?;
            findings.restored += Usage {
                entries: usage.entries.saturating_sub(moved.entries),
                bytes: usage.bytes.saturating_sub(moved.bytes),
            };
        }
        // In reverse order: an imported entry goes before the one that it replaced comes back.
        for number in (1..=target.parts).rev() {
            let part = target.part(&*self.connection()?, number).map_err(sqlite)?;
            let batches = part.split(BATCH);
            let count = batches.len();
            for (batch, part) in batches.into_iter().enumerate() {
                let is_last = number == 1 && batch + 1 == count;
                self.transaction(|transaction| {
                    self.reverse_part(transaction, target, &part, &mut undo, &mut findings)?;
                    self.end_with(transaction, target, &undo, is_last)
                })?;
                if progress(findings.entries()).is_break() && !is_last {
                    let done = self.sum_up(&mut undo, &findings)?;
                    return Err(Error::Interrupted { done });
                }
            }
        }
        if target.effect != Effect::Removed {
            for swap in &undo.swaps {
                findings.removed += usage_of(&*self.connection()?, swap.retired).map_err(sqlite)?;
            }
        }
        self.sum_up(&mut undo, &findings)?;
        Ok((undo, findings))
    }

    /// Reverts what one transaction of an operation did to single entries.
    fn reverse_part(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        part: &Part,
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> Result<()> {
        let sqlite = |error| self.error(error);
        match part {
            Part::Removed(ids) => self.unmark(transaction, ids, undo, findings),
            Part::Added(added) => {
                let marked = marks::mark_unchanged(transaction, added, target.at);
                let (usage, marked) = marked.map_err(sqlite)?;
                findings.removed += usage;
                undo.add_part(transaction, &Part::Removed(marked))
                    .map_err(sqlite)
            }
            Part::Touched(entries) => {
                change::set_lifetimes_back(transaction, entries, undo, findings).map_err(sqlite)
            }
            Part::Moved(ids) => self.move_back(transaction, ids, undo, findings),
        }
    }

    /// Writes the usage of an undo into its record, and returns it.
    fn sum_up(&self, undo: &mut LoggedOperation, findings: &Findings) -> Result<Usage> {
        let (usage, replaced) = match undo.effect {
            Effect::Removed => (findings.removed, findings.restored),
            Effect::Restored | Effect::Imported => (findings.restored, findings.removed),
            Effect::Touched | Effect::Renamed | Effect::Set => (findings.changed, Usage::default()),
        };
        undo.usage = Some((0, 0));
        undo.add_usage(usage);
        undo.replaced = (0, 0);
        undo.add_replaced(replaced);
        self.transaction(|transaction| {
            let written = undo.write(transaction);
            written.map_err(|error| self.error(error))
        })?;
        Ok(usage)
    }

    /// Writes the record of an undo, and into that of its target that it is undone.
    fn end_with(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        undo: &LoggedOperation,
        is_last: bool,
    ) -> Result<()> {
        let end = || -> rusqlite::Result<()> {
            undo.write(transaction)?;
            if is_last {
                let mut target = target.clone();
                target.undone_by = undo.number;
                target.write(transaction)?;
            }
            Ok(())
        };
        end().map_err(|error| self.error(error))
    }
}
