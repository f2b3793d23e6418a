//! Undoing operations.
//!
//! A retired store comes back by exchanging its row with the one in use. Entries that were written
//! in between move behind those that come back, so that all are in the order in which they were
//! written; if they are very many, the older ones move instead. The newer one of a key stays.
//! Single entries lose their mark, and move along if their store was retired since.
//!
//! An undo is an operation itself, with the changes of its target the other way round: it is
//! undone in the same way. Entries and settings that were changed since stay as they are. Which
//! operation is meant and which record is reversed for it is decided by `Chains`.

use super::change;
use super::findings::Findings;
use super::refusal::Reversal;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::connection::transaction::End;
use crate::backend::sqlite::operations::{Chains, LoggedOperation, OperationPart};
use crate::backend::sqlite::rename::counts;
use crate::backend::sqlite::space::purge::delete_marked;
use crate::backend::{Effect, Operation, OperationRecord, Progress, Undone};
use crate::error::{Error, NotUndoable, Result};
use crate::filter::Usage;
use crate::sidecar::Sidecar;
use crate::single_flight::{FlightLock, FlightLocks};
use crate::time::Timestamp;

/// Number of entries that one transaction restores.
const BATCH: usize = 2000;

/// The name of the lock of undos among those of keys, which are hashes.
const UNDO_LOCK: &[u8; 32] = b"ecache: the undo of an operation";

impl SqliteBackend {
    /// Undoes an operation, as another one.
    ///
    /// It is chosen in the first transaction. An undo may take several; until it has ended, another
    /// one waits, which would find its target undone in part.
    pub(super) fn reverse(
        &self,
        which: Option<u64>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Undone> {
        let _lock = self.lock_undo()?;
        let (meant, target, mut undo, mut findings) = self.transaction(|transaction| {
            let (meant, target) = self.choose(transaction, which, now)?;
            let mut findings = Findings::of(transaction, &target, meant.id)?;
            let mut undo = self.begin_undo(transaction, &target, operation, now, &mut findings)?;
            let is_last = target.parts == 0;
            if is_last || target.is_of_stores(transaction)? {
                let reversal = Reversal::new(&meant, &target, &undo, &findings);
                reversal.check(transaction, which, now)?;
            }
            self.end_with(transaction, &target, &mut undo, &findings, is_last)?;
            Ok((meant, target, undo, findings))
        })?;
        let sqlite = |error| self.error(error);
        let revived = findings.count_revived(&*self.connection()?);
        revived.map_err(sqlite)?;
        // In reverse order: an imported entry goes before the one that it replaced comes back.
        for number in (1..=target.parts).rev() {
            let part = target.part(&*self.connection()?, number);
            let part = part.map_err(sqlite)?;
            let batches = part.split(BATCH);
            let count = batches.len();
            for (batch, part) in batches.into_iter().enumerate() {
                let is_last = number == 1 && batch + 1 == count;
                let refused = self.transaction(|transaction| {
                    self.reverse_part(transaction, &target, &part, &mut undo, &mut findings)?;
                    if is_last && undo.swaps.is_empty() {
                        let reversal = Reversal::new(&meant, &target, &undo, &findings);
                        if let refused @ Some(_) = reversal.refusal(transaction, which, now)? {
                            undo.delete(transaction)?;
                            return Ok(refused);
                        }
                    }
                    self.end_with(transaction, &target, &mut undo, &findings, is_last)?;
                    Ok(None)
                })?;
                if let Some(why) = refused {
                    return Err(Error::NotUndoable(why));
                }
                if progress(findings.entries()).is_break() && !is_last {
                    let retired = findings.count_retired(&*self.connection()?, &target, &undo);
                    retired.map_err(sqlite)?;
                    let done = self.write_sum(&mut undo, &findings)?;
                    return Err(Error::Interrupted { done });
                }
            }
        }
        let retired = findings.count_retired(&*self.connection()?, &target, &undo);
        retired.map_err(sqlite)?;
        findings.count_evicted(&target);
        self.write_sum(&mut undo, &findings)?;
        Ok(findings.undone(meant, &undo))
    }

    /// Does what [`Self::reverse`] does in one transaction, which is rolled back.
    pub(super) fn rehearse(
        &self,
        which: Option<u64>,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Undone> {
        let connection = self.writing_connection()?;
        self.transaction_ending(&connection, End::Rollback, |transaction| {
            let (meant, target) = self.choose(transaction, which, now)?;
            let mut findings = Findings::of(transaction, &target, meant.id)?;
            let mut undo = self.begin_undo(transaction, &target, operation, now, &mut findings)?;
            findings.count_revived(transaction)?;
            for number in (1..=target.parts).rev() {
                let part = target.part(transaction, number)?;
                for part in part.split(BATCH) {
                    self.reverse_part(transaction, &target, &part, &mut undo, &mut findings)?;
                }
            }
            if undo.swaps.is_empty() || target.is_of_stores(transaction)? {
                let reversal = Reversal::new(&meant, &target, &undo, &findings);
                reversal.check(transaction, which, now)?;
            }
            findings.count_retired(transaction, &target, &undo)?;
            findings.count_evicted(&target);
            sum_up(&mut undo, &findings);
            Ok(findings.undone(meant, &undo))
        })
    }

    /// Returns the operation that is meant, and the one that is reversed for it.
    fn choose(
        &self,
        transaction: &Session,
        which: Option<u64>,
        now: Timestamp,
    ) -> SessionResult<(OperationRecord, LoggedOperation)> {
        let log = Chains::read(transaction)?;
        let (meant, last) = log.undoable(which, now).map_err(Error::NotUndoable)?;
        Ok((meant.record(log.state(meant)), last.clone()))
    }

    /// Waits for the undo of another process; `None` if the file system has no locks.
    fn lock_undo(&self) -> Result<Option<FlightLock>> {
        let Ok(locks) = FlightLocks::open(&Sidecar::Locks.path(&self.path)) else {
            return Ok(None);
        };
        match locks.lock(UNDO_LOCK, self.patience) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err(Error::Busy),
            Err(_) => Ok(None),
        }
    }

    /// Reverts what an operation did to whole stores, their documents and settings.
    fn begin_undo(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        operation: &Operation,
        now: Timestamp,
        findings: &mut Findings,
    ) -> SessionResult<LoggedOperation> {
        let effect = target.effect.reversed();
        let mut undo = LoggedOperation::begin(transaction, operation, effect, now)?;
        undo.undoes = target.number;
        undo.renamed = target.renamed.clone().map(|(from, to)| (to, from));
        if undo.renamed.is_some() {
            // So that hits count for the entries that move.
            self.add_all_logged(transaction, now)?;
        }
        for swap in &target.swaps {
            if target.effect == Effect::Removed {
                self.revive(transaction, swap.retired, target, &mut undo, findings)?;
            } else {
                self.retire_again(transaction, swap, target, &mut undo, findings)?;
            }
        }
        let (changed, settings) = change::of_chain(transaction, target, findings.meant)?;
        change::set_documents_back(transaction, target, changed, &mut undo)?;
        let later = change::set_settings_back(transaction, target, &settings, &mut undo)?;
        if let Some(later) = later {
            let refused = NotUndoable::Later {
                operation: target.number.unsigned_abs(),
                later,
                did: "changed the same since".into(),
                can_be_undone_first: false,
            };
            return Err(Error::NotUndoable(refused).into());
        }
        Ok(undo)
    }

    /// Reverts what one transaction of an operation did to single entries.
    fn reverse_part(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        part: &OperationPart,
        undo: &mut LoggedOperation,
        findings: &mut Findings,
    ) -> SessionResult<()> {
        match part {
            OperationPart::Removed(ids) => {
                let (own, mut others) = findings.split_own(ids);
                delete_marked(transaction, &own)?;
                others.retain(|id| !findings.settled.contains(id));
                self.unmark(transaction, &others, undo, findings).map(drop)
            }
            OperationPart::Added(added) => {
                let rows = change::mark_added(transaction, added, target, undo, findings);
                let rows = rows?;
                self.put_replaced_back(transaction, &rows, undo, findings)
            }
            OperationPart::Touched(entries) => Ok(change::set_lifetimes_back(
                transaction,
                entries,
                undo,
                findings,
            )?),
            OperationPart::Moved(ids) => self.move_back(transaction, ids, undo, findings),
            // They went back with the others of their store.
            OperationPart::Stayed(_) => Ok(()),
            // They are read beforehand.
            OperationPart::Replaced(_) => Ok(()),
            // The target left them as they were.
            OperationPart::Left(of, part) => {
                let inherited = OperationPart::Inherited(*of, part.clone());
                Ok(undo.add_part(transaction, &inherited)?)
            }
            OperationPart::Inherited(of, part) if findings.meant <= of.unsigned_abs() => {
                let target_number = std::mem::replace(&mut findings.of, *of);
                let reversed = self.reverse_part(transaction, target, part, undo, findings);
                findings.of = target_number;
                reversed
            }
            OperationPart::Inherited(of, part) => {
                let left = OperationPart::Left(*of, part.clone());
                Ok(undo.add_part(transaction, &left)?)
            }
            // They move at the end, once.
            OperationPart::Counts(_) => Ok(()),
        }
    }

    /// Writes the usage of an undo into its record, and returns it.
    fn write_sum(&self, undo: &mut LoggedOperation, findings: &Findings) -> Result<Usage> {
        sum_up(undo, findings);
        self.transaction(|transaction| {
            undo.write(transaction)?;
            Ok(())
        })?;
        Ok(undo.usage())
    }

    /// Writes the record of an undo; with the last of its transactions, moves counts back, and
    /// writes into the record of its target that it is undone. An undo that was interrupted is
    /// repeated, and counts would move twice earlier.
    fn end_with(
        &self,
        transaction: &Session,
        target: &LoggedOperation,
        undo: &mut LoggedOperation,
        findings: &Findings,
        is_last: bool,
    ) -> SessionResult<()> {
        sum_up(undo, findings);
        if !undo.swaps.is_empty() {
            // Whole stores are counted afterwards.
            undo.usage = None;
        }
        if is_last {
            self.put_newer_behind(transaction, target, undo)?;
            counts::move_back(transaction, target, undo)?;
        }
        undo.write(transaction)?;
        if is_last {
            let mut target = target.clone();
            target.undone_by = undo.number;
            target.write(transaction)?;
        }
        Ok(())
    }
}

/// Sets the usage of an undo by its findings.
fn sum_up(undo: &mut LoggedOperation, findings: &Findings) {
    let (usage, replaced) = match undo.effect {
        Effect::Removed => (findings.removed, findings.restored),
        Effect::Restored | Effect::Written => (findings.restored, findings.removed),
        Effect::Touched | Effect::Renamed | Effect::Set => (findings.changed, Usage::default()),
    };
    undo.usage = Some((0, 0));
    undo.add_usage(usage);
    undo.replaced = (0, 0);
    undo.add_replaced(replaced);
}
