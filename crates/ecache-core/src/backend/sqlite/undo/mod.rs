//! Undoing operations.
//!
//! A retired store comes back by exchanging its row with the one in use. If entries were written in
//! between, the fewer of both sides move to the other, and the newer one of a key stays. Single
//! entries lose their mark, and move along if their store was retired since.
//!
//! An undo is an operation itself, with the changes of its target the other way round: it is
//! undone in the same way. What was written, touched or set since stays as it is.

mod change;
mod restore;

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::damage::RowError;
use super::marks;
use super::operations::{Effect, Part, Stored};
use super::pool::Look;
use super::purge::Purge;
use super::reclaim::Due;
use super::removed::find_fate;
use super::retire::usage_of;
use super::session::Session;
use super::{SqliteBackend, rename, settings};
use crate::backend::{
    Commit, DropKept, Fate, ImportLog, Imported, KeepForUndo, OnConflict, OnExistingStore,
    OnRefused, Operation, OperationRecord, Progress, Record, Removal, Removed, Touch, UndoBackend,
    Undone,
};
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Maximum number of addresses in an answer.
const EXAMPLES: usize = 10;

/// Number of entries that one transaction restores.
const BATCH: usize = 2000;

/// The findings of an undo so far.
#[derive(Default)]
struct Report {
    newer: u64,
    examples: Vec<Address>,
    damaged: u64,
    /// Rows of stores that are in use again, and the newer entries that moved there
    revived: Vec<(i64, Usage)>,
    /// Entries that came back
    restored: Usage,
    /// Entries that are removed again
    removed: Usage,
    /// Entries that were changed otherwise
    changed: Usage,
}

impl Report {
    /// Returns the number of entries done.
    fn entries(&self) -> u64 {
        self.restored.entries + self.removed.entries + self.changed.entries
    }

    fn add_newer(&mut self, connection: &Connection, store: &StoreAddress, id: i64) {
        self.newer += 1;
        if self.examples.len() < EXAMPLES
            && let Ok(Some(key)) = rename::key_of(connection, id)
        {
            self.examples.push(store.entry(key));
        }
    }
}

impl UndoBackend for SqliteBackend {
    fn keeps_operations(&self) -> bool {
        true
    }

    fn remove_undoably(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Removal> {
        self.retire_or_mark(selection, documents, operation, now, progress)
    }

    fn remove_for_good(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Removed> {
        self.delete_logged(selection, documents, operation, now, progress)
    }

    fn touch_logged(
        &self,
        selection: &Selection,
        touch: Touch,
        keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Removal> {
        self.update_logged(selection, touch, keep, operation, now, progress)
    }

    fn import_logged(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        log: &mut ImportLog<'_>,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        self.import_records(
            records,
            on_conflict,
            commit,
            Some(log),
            on_refused,
            progress,
        )
    }

    fn rename_logged(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        operation: &Operation,
        now: Timestamp,
        _progress: Progress<'_>,
    ) -> Result<Removed> {
        self.rename(from, to, on_existing, Some((operation, now)))
    }

    fn drop_kept(&self, how: DropKept) -> Result<u64> {
        match how {
            DropKept::Deleted => self.purge(Purge::All),
            DropKept::Overwritten => self.shred(),
        }
    }

    fn fate(&self, address: &Address) -> Result<Option<Fate>> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        match find_fate(&snapshot, &self.names, address) {
            Ok(found) => Ok(found),
            // A damaged row tells nothing.
            Err(RowError::Damaged) => Ok(None),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn settings(&self) -> Result<BTreeMap<String, String>> {
        settings::all(&*self.connection()?).map_err(|error| self.error(error))
    }

    fn change_settings(
        &self,
        changes: &[(&str, Option<&str>)],
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        self.set_settings(changes, operation, now)
    }

    fn operations(&self) -> Result<Vec<OperationRecord>> {
        let all = Stored::all(&*self.connection()?).map_err(|error| self.error(error))?;
        Ok(all.iter().map(Stored::record).collect())
    }

    fn undo(
        &self,
        which: Option<u64>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Undone> {
        let _held = self.hold(Look::Always);
        let target = self.undoable(which)?;
        let (undo, report) = self.reverse(&target, operation, now, progress)?;
        let _ = self.reclaim(Due::By(now));
        Ok(Undone {
            undone: target.record(),
            operation: undo.number.unsigned_abs(),
            did: undo.effect.did(),
            usage: undo.usage(),
            replaced: undo.replaced(),
            documents: undo.documents.unsigned_abs(),
            settings: undo.settings.len() as u64,
            newer: report.newer,
            newer_examples: report.examples,
            damaged: report.damaged,
        })
    }
}

impl SqliteBackend {
    /// Returns the operation of that number; without one, the latest that can be undone and is no
    /// undo itself.
    fn undoable(&self, which: Option<u64>) -> Result<Stored> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let Some(number) = which else {
            let all = Stored::all(&connection).map_err(sqlite)?;
            let latest = all.first().map_or(0, |latest| latest.number);
            let found = all
                .into_iter()
                .find(|one| one.undoes == 0 && one.is_undoable());
            return found.ok_or_else(|| {
                Error::NotUndoable(match latest {
                    0 => "there is nothing to undo: no operation is logged".into(),
                    _ => "there is nothing to undo: `ecache log` says why".into(),
                })
            });
        };
        let found = i64::try_from(number).ok().filter(|number| *number > 0);
        let found = found
            .map(|number| Stored::read(&connection, number))
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
    fn reverse(
        &self,
        target: &Stored,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<(Stored, Report)> {
        let sqlite = |error| self.error(error);
        let mut report = Report::default();
        let mut undo = self.transaction(|transaction| {
            let effect = target.effect.reversed();
            let mut undo = Stored::begin(transaction, operation, effect, now).map_err(sqlite)?;
            undo.undoes = target.number;
            undo.renamed = target.renamed.clone().map(|(from, to)| (to, from));
            for swap in &target.swaps {
                if target.effect == Effect::Removed {
                    self.revive(transaction, swap.retired, target, &mut undo, &mut report)?;
                } else {
                    self.retire_again(transaction, swap, target, &mut undo)?;
                }
            }
            change::set_documents_back(transaction, target, &mut undo).map_err(sqlite)?;
            change::set_settings_back(transaction, target, &mut undo).map_err(sqlite)?;
            self.end_with(transaction, target, &undo, target.parts == 0)?;
            Ok(undo)
        })?;
        for (row, moved) in std::mem::take(&mut report.revived) {
            let usage = usage_of(&*self.connection()?, row).map_err(sqlite)?;
            report.restored += Usage {
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
                    self.reverse_part(transaction, target, &part, &mut undo, &mut report)?;
                    self.end_with(transaction, target, &undo, is_last)
                })?;
                if progress(report.entries()).is_break() && !is_last {
                    let done = self.sum_up(&mut undo, &report)?;
                    return Err(Error::Interrupted { done });
                }
            }
        }
        if target.effect != Effect::Removed {
            for swap in &undo.swaps {
                report.removed += usage_of(&*self.connection()?, swap.retired).map_err(sqlite)?;
            }
        }
        self.sum_up(&mut undo, &report)?;
        Ok((undo, report))
    }

    /// Takes back what one transaction of an operation did to single entries.
    fn reverse_part(
        &self,
        transaction: &Session,
        target: &Stored,
        part: &Part,
        undo: &mut Stored,
        report: &mut Report,
    ) -> Result<()> {
        let sqlite = |error| self.error(error);
        match part {
            Part::Removed(ids) => self.unmark(transaction, ids, undo, report),
            Part::Added(added) => {
                let marked = marks::mark_unchanged(transaction, added, target.at);
                let (usage, marked) = marked.map_err(sqlite)?;
                report.removed += usage;
                undo.add_part(transaction, &Part::Removed(marked))
                    .map_err(sqlite)
            }
            Part::Touched(entries) => {
                change::set_lifetimes_back(transaction, entries, undo, report).map_err(sqlite)
            }
            Part::Moved(ids) => self.move_back(transaction, ids, undo, report),
        }
    }

    /// Writes into the record of an undo what it came to, and returns it.
    fn sum_up(&self, undo: &mut Stored, report: &Report) -> Result<Usage> {
        let (usage, replaced) = match undo.effect {
            Effect::Removed => (report.removed, report.restored),
            Effect::Restored | Effect::Imported => (report.restored, report.removed),
            Effect::Touched | Effect::Renamed | Effect::Set => (report.changed, Usage::default()),
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
        target: &Stored,
        undo: &Stored,
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
