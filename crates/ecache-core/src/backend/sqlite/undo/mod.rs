//! Operations: changes that are logged, and undoing them.
//!
//! A removal keeps its entries: it retires whole stores (`retire`) or marks rows (`marks`). If
//! neither is possible, as on a full disk or in a damaged file, the entries go for good.

mod change;
mod findings;
mod kept;
mod refusal;
mod restore;
mod reverse;

use std::cell::RefCell;
use std::collections::BTreeMap;

use rusqlite::Connection;

use super::SqliteBackend;
use super::connection::pool::Look;
use super::connection::session::Session;
use super::fates::find_fate;
use super::file::reserve;
use super::format::damage::RowError;
use super::operations::{Chains, LoggedOperation, OperationPart};
use super::query::Plan;
use super::removal::batches::Pace;
use super::removal::bounds::KeptPart;
use super::removal::remove::ForGood;
use super::selection::verify::{ChangeBatch, touch_batch};
use super::settings::{self, SettingChange};
use super::space::purge::Purge;
use super::space::reclaim::Due;
use crate::backend::limit::{Bounds, Limit, LimitScope};
use crate::backend::{
    ChangeOutcome, ChangeReport, Commit, Content, DropKept, Effect, Fate, ImportLog, Imported,
    KeepForUndo, KeptForUndo, OnConflict, OnExistingStore, OnRefused, Operation, OperationRecord,
    Progress, Put, PutOptions, Record, StoresBackend, Touch, UndoBackend, Undone,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

impl UndoBackend for SqliteBackend {
    fn keeps_for_undo(&self) -> bool {
        true
    }

    fn has_room_for_undo(&self) -> bool {
        !reserve::is_needed(&self.path)
    }

    fn remove_undoably(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeOutcome> {
        let _held = self.hold(Look::Always);
        if self.has_room_for_undo() {
            self.count_clear(selection)?;
            let removed = match self.retire_whole(selection, documents, operation, now) {
                Ok(None) => self.mark_selected(selection, documents, operation, now, progress),
                Ok(Some(removed)) => Ok(ChangeOutcome::Done(removed)),
                Err(error) => Err(error),
            };
            match removed {
                Err(Error::Full { .. } | Error::Damaged { .. }) => {}
                removed => {
                    // Best effort: the next removal retries.
                    let _ = self.reclaim(Due::By(now));
                    let _ = self.purge(Purge::ALittle(now));
                    return removed;
                }
            }
        }
        self.remove_for_good(selection, documents, operation, now, progress)
            .map(ChangeOutcome::Done)
    }

    fn remove_for_good(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeReport> {
        let log = ForGood::new(Some(operation), now);
        let usage = self.delete(selection, &log, progress)?;
        let documents = match documents {
            Some(filter) => self.remove_documents(filter, now)?,
            None => 0,
        };
        let mut removed = ChangeReport {
            usage,
            documents,
            operation: None,
            until: None,
        };
        if (usage, documents) != (Usage::default(), 0) {
            let logged =
                self.transaction(|transaction| Ok(log.end(transaction, usage, documents)?));
            // On a full disk there may be no space for the record.
            removed.operation = logged.unwrap_or(None);
        }
        Ok(removed)
    }

    fn touch_logged(
        &self,
        selection: &Selection,
        touch: Touch,
        keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeOutcome> {
        let _held = self.hold(Look::Always);
        let mut done = ChangeBatch::default();
        let parts = self.select(selection, now)?;
        if keep == KeepForUndo::Yes
            && let Some(usage) = self.beyond_limits(&parts, KeptPart::Lifetimes)?
        {
            return Ok(ChangeOutcome::TooMany(usage));
        }
        let stored: RefCell<Option<LoggedOperation>> = RefCell::default();
        let batch = |transaction: &Connection, plan: &Plan, ids: &[i64]| {
            let (batch, touched) = touch_batch(transaction, &self.names, plan, ids, touch)?;
            if batch.usage.entries > 0 {
                let begun = stored.borrow().clone();
                let mut logged = match begun {
                    Some(logged) => logged,
                    None => LoggedOperation::begin(transaction, operation, Effect::Touched, now)?,
                };
                logged.add_usage(batch.usage);
                if keep == KeepForUndo::Yes {
                    logged.add_part(transaction, &OperationPart::Touched(touched))?;
                }
                logged.write(transaction)?;
                stored.replace(Some(logged));
            }
            Ok(batch)
        };
        self.change(&parts, Pace::Timed, &mut done, progress, batch)?;
        done.finish()?;
        let stored = stored.take();
        Ok(ChangeOutcome::Done(
            stored.map_or_else(ChangeReport::default, |stored| stored.removed()),
        ))
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

    fn put_logged(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<(Put, ChangeReport)> {
        let replaced = match keep {
            KeepForUndo::Yes => self.replace_logged(entry, content, options, operation, now),
            KeepForUndo::No => Ok(None),
        };
        if matches!(replaced, Ok(Some((Put::Refused, _))) | Err(_)) {
            self.drop_staged(content);
        }
        match replaced? {
            Some(replaced) => Ok(replaced),
            None => self.put_for_good(entry, content, options, operation, now),
        }
    }

    fn rename_logged(
        &self,
        (from, to): (&StoreAddress, &StoreAddress),
        on_existing: OnExistingStore,
        keep: KeepForUndo,
        operation: &Operation,
        now: Timestamp,
        _progress: Progress<'_>,
    ) -> Result<ChangeReport> {
        self.rename(from, to, on_existing, Some((operation, keep, now)))
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
        self.transaction(|transaction| Ok(put_settings(transaction, changes, operation, now)?))
    }

    fn change_limit(
        &self,
        scope: &LimitScope,
        change: &dyn Fn(Bounds) -> Bounds,
        changes: &[(&str, Option<&str>)],
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        let name = scope.setting();
        self.transaction(|transaction| {
            let before = settings::get(transaction, &name)?;
            let limit = before
                .as_deref()
                .and_then(|value| Limit::read(&name, value));
            let bounds = limit.map_or_else(Bounds::default, |limit| limit.bounds);
            let after = change(bounds);
            let setting = (!after.is_empty()).then(|| after.setting());
            let mut changes = changes.to_vec();
            if after != bounds {
                changes.push((&name, setting.as_deref()));
            }
            Ok(put_settings(transaction, &changes, operation, now)?)
        })
    }

    fn kept_for_undo(&self) -> Result<KeptForUndo> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        kept::count(&snapshot).map_err(|error| self.error(error))
    }

    fn operations(&self) -> Result<Vec<OperationRecord>> {
        let log = Chains::read(&*self.connection()?).map_err(|error| self.error(error))?;
        Ok(log.records())
    }

    fn operation_stores(&self, number: u64) -> Result<Vec<StoreAddress>> {
        let connection = self.connection()?;
        let read = || {
            let stored =
                LoggedOperation::read(&connection, i64::try_from(number).unwrap_or(i64::MAX))?;
            stored.map_or(Ok(Vec::new()), |stored| stored.stores(&connection))
        };
        read().map_err(|error| self.error(error))
    }

    fn undo(
        &self,
        which: Option<u64>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Undone> {
        let _held = self.hold(Look::Always);
        let undone = self.reverse(which, operation, now, progress)?;
        let _ = self.reclaim(Due::By(now));
        Ok(undone)
    }

    fn rehearse_undo(
        &self,
        which: Option<u64>,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<Undone> {
        let _held = self.hold(Look::Always);
        self.rehearse(which, operation, now)
    }
}

/// Changes settings as an operation, and returns its number; `None` if they are so already.
fn put_settings(
    transaction: &Session,
    changes: &[(&str, Option<&str>)],
    operation: &Operation,
    now: Timestamp,
) -> rusqlite::Result<Option<u64>> {
    let mut stored = LoggedOperation::begin(transaction, operation, Effect::Set, now)?;
    for (name, new) in changes {
        let old = settings::get(transaction, name)?;
        if old.as_deref() != *new {
            settings::put(transaction, name, *new)?;
            stored.settings.push(SettingChange {
                name: (*name).into(),
                old,
                new: new.map(Into::into),
            });
        }
    }
    if stored.settings.is_empty() {
        return Ok(None);
    }
    stored.write(transaction)?;
    Ok(Some(stored.number.unsigned_abs()))
}
