//! Undoing operations.
//!
//! A retired store comes back by exchanging its row with the one in use. If entries were written in
//! between, the fewer of both sides move to the other, and the newer one of a key stays. Single
//! entries lose their mark, and move along if their store was retired since.
//!
//! An undo is an operation itself, with the changes of its target the other way round: it is
//! undone in the same way. Entries and settings that were changed since stay as they are. Which
//! operation is meant and which record is reversed for it is decided by `Chains`.

use super::super::SqliteBackend;
use super::super::operations::{LoggedOperation, Part};
use super::super::purge::delete_marked;
use super::super::session::Session;
use super::super::transaction::End;
use super::change;
use super::findings::Findings;
use crate::backend::{Effect, Operation, Progress};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::time::Timestamp;

/// Number of entries that one transaction restores.
const BATCH: usize = 2000;

impl SqliteBackend {
    /// Takes an operation back, as another one.
    pub(super) fn reverse(
        &self,
        target: &LoggedOperation,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<(LoggedOperation, Findings)> {
        let sqlite = |error| self.error(error);
        let mut findings = Findings::of(&*self.connection()?, target).map_err(sqlite)?;
        let mut undo = self.transaction(|transaction| {
            let undo = self.begin_undo(transaction, target, operation, now, &mut findings)?;
            self.end_with(transaction, target, &undo, target.parts == 0)?;
            Ok(undo)
        })?;
        let revived = findings.count_revived(&*self.connection()?);
        revived.map_err(sqlite)?;
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
                    let done = self.write_sum(&mut undo, &findings)?;
                    return Err(Error::Interrupted { done });
                }
            }
        }
        let retired = findings.count_retired(&*self.connection()?, target, &undo);
        retired.map_err(sqlite)?;
        self.write_sum(&mut undo, &findings)?;
        Ok((undo, findings))
    }

    /// Does what [`Self::reverse`] does in one transaction, which is rolled back.
    pub(super) fn rehearse(
        &self,
        target: &LoggedOperation,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(LoggedOperation, Findings)> {
        let sqlite = |error| self.error(error);
        let connection = self.writing_connection()?;
        self.transaction_ending(&connection, End::Rollback, |transaction| {
            let mut findings = Findings::of(transaction, target).map_err(sqlite)?;
            let mut undo = self.begin_undo(transaction, target, operation, now, &mut findings)?;
            findings.count_revived(transaction).map_err(sqlite)?;
            for number in (1..=target.parts).rev() {
                let part = target.part(transaction, number).map_err(sqlite)?;
                for part in part.split(BATCH) {
                    self.reverse_part(transaction, target, &part, &mut undo, &mut findings)?;
                }
            }
            let retired = findings.count_retired(transaction, target, &undo);
            retired.map_err(sqlite)?;
            sum_up(&mut undo, &findings);
            Ok((undo, findings))
        })
    }

    /// Reverts what an operation did to whole stores, their documents and settings.
    fn begin_undo(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        operation: &Operation,
        now: Timestamp,
        findings: &mut Findings,
    ) -> Result<LoggedOperation> {
        let sqlite = |error| self.error(error);
        let effect = target.effect.reversed();
        let mut undo =
            LoggedOperation::begin(transaction, operation, effect, now).map_err(sqlite)?;
        undo.undoes = target.number;
        undo.renamed = target.renamed.clone().map(|(from, to)| (to, from));
        for swap in &target.swaps {
            if target.effect == Effect::Removed {
                self.revive(transaction, swap.retired, target, &mut undo, findings)?;
            } else {
                self.retire_again(transaction, swap, target, &mut undo, findings)?;
            }
        }
        change::set_documents_back(transaction, target, &mut undo).map_err(sqlite)?;
        change::set_settings_back(transaction, target, &mut undo).map_err(sqlite)?;
        Ok(undo)
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
            Part::Removed(ids) => {
                let (own, others) = findings.split_own(ids);
                delete_marked(transaction, &own).map_err(sqlite)?;
                self.unmark(transaction, &others, undo, findings)
            }
            Part::Added(added) => {
                change::mark_added(transaction, added, target, undo, findings).map_err(sqlite)
            }
            Part::Touched(entries) => {
                change::set_lifetimes_back(transaction, entries, undo, findings).map_err(sqlite)
            }
            Part::Moved(ids) => self.move_back(transaction, ids, undo, findings),
            // They went back with the others of their store.
            Part::Stayed(_) => Ok(()),
        }
    }

    /// Writes the usage of an undo into its record, and returns it.
    fn write_sum(&self, undo: &mut LoggedOperation, findings: &Findings) -> Result<Usage> {
        sum_up(undo, findings);
        self.transaction(|transaction| {
            let written = undo.write(transaction);
            written.map_err(|error| self.error(error))
        })?;
        Ok(undo.usage())
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

/// Sets the usage of an undo by its findings.
fn sum_up(undo: &mut LoggedOperation, findings: &Findings) {
    let (usage, replaced) = match undo.effect {
        Effect::Removed => (findings.removed, findings.restored),
        Effect::Restored | Effect::Imported => (findings.restored, findings.removed),
        Effect::Touched | Effect::Renamed | Effect::Set => (findings.changed, Usage::default()),
    };
    undo.usage = Some((0, 0));
    undo.add_usage(usage);
    undo.replaced = (0, 0);
    undo.add_replaced(replaced);
}
