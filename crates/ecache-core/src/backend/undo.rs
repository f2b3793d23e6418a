//! The part of the contract for removals and changes that can be taken back.

use std::collections::BTreeMap;

use super::limit::{Bounds, LimitScope};
use super::{
    ChangeBackend, ChangeOutcome, ChangeReport, Commit, Content, DropKept, Fate, ImportBackend,
    ImportLog, Imported, KeepForUndo, KeptForUndo, OnConflict, OnExistingStore, OnRefused,
    Operation, OperationRecord, Progress, Put, PutOptions, Record, RenameBackend, StoresBackend,
    Touch, Undone, WriteBackend,
};
use crate::entry::Entry;
use crate::error::{Error, NotUndoable, Result, Unsupported};
use crate::filter::{Filter, Selection};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
/// Removes entries so that they can be brought back.
///
/// The defaults are those of an engine that keeps nothing for undo, and no log.
pub trait UndoBackend:
    WriteBackend + ImportBackend + ChangeBackend + StoresBackend + RenameBackend
{
    /// Reports whether the engine has a log of operations.
    fn logs_operations(&self) -> bool {
        self.keeps_for_undo()
    }

    /// Reports whether the engine keeps what operations remove and change.
    fn keeps_for_undo(&self) -> bool {
        false
    }

    /// Reports whether there is room to keep what a removal takes: a full disk has none, where an
    /// engine keeps anything at all.
    fn has_room_for_undo(&self) -> bool {
        true
    }

    /// Removes entries and stores' own documents as [`ChangeBackend::remove`] and
    /// [`StoresBackend::remove_documents`] do, but keeps them for [`UndoBackend::undo`] where the
    /// engine can.
    ///
    /// # Errors
    /// As [`ChangeBackend::remove`].
    fn remove_undoably(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeOutcome> {
        self.remove_for_good(selection, documents, operation, now, progress)
            .map(ChangeOutcome::Done)
    }

    /// Removes entries and stores' own documents for good, and logs it where the engine has a log
    /// of operations.
    ///
    /// # Errors
    /// As [`ChangeBackend::remove`].
    fn remove_for_good(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        _operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeReport> {
        Ok(ChangeReport {
            usage: self.remove(selection, now, progress)?,
            documents: match documents {
                Some(filter) => self.remove_documents(filter, now)?,
                None => 0,
            },
            operation: None,
            until: None,
        })
    }

    /// Changes lifetimes as [`ChangeBackend::touch`] does, but as an operation, which can be undone
    /// unless `keep` says otherwise.
    ///
    /// # Errors
    /// As [`ChangeBackend::touch`].
    fn touch_logged(
        &self,
        selection: &Selection,
        touch: Touch,
        _keep: KeepForUndo,
        _operation: &Operation,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeOutcome> {
        let usage = self.touch(selection, touch, now, progress)?;
        Ok(ChangeOutcome::Done(ChangeReport {
            usage,
            ..ChangeReport::default()
        }))
    }

    /// Imports as [`ImportBackend::import`] does, but as part of an operation.
    ///
    /// # Errors
    /// As [`ImportBackend::import`].
    fn import_logged(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        _log: &mut ImportLog<'_>,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        self.import(records, on_conflict, commit, on_refused, progress)
    }

    /// Replaces the value of an entry as [`WriteBackend::put`] does, but as an operation, which can
    /// be undone unless `keep` says otherwise.
    ///
    /// # Errors
    /// As [`WriteBackend::put`].
    fn put_logged(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        _keep: KeepForUndo,
        _operation: &Operation,
        now: Timestamp,
    ) -> Result<(Put, ChangeReport)> {
        let put = self.put(entry, content, options, now)?;
        Ok((put, ChangeReport::default()))
    }

    /// Renames a store as [`RenameBackend::rename_store`] does, but as an operation, which can be
    /// undone unless `keep` says otherwise.
    ///
    /// # Errors
    /// As [`RenameBackend::rename_store`].
    fn rename_logged(
        &self,
        (from, to): (&StoreAddress, &StoreAddress),
        on_existing: OnExistingStore,
        _keep: KeepForUndo,
        _operation: &Operation,
        _now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<ChangeReport> {
        Ok(ChangeReport {
            usage: self.rename_store(from, to, on_existing, progress)?,
            ..ChangeReport::default()
        })
    }

    /// Deletes for good the entries and documents kept for undo, and returns the number of
    /// operations that cannot be undone any more. Former settings, lifetimes and names stay.
    ///
    /// # Errors
    /// [`Error::Busy`] if the values were deleted but not overwritten everywhere, since another
    /// process reads the store.
    fn drop_kept(&self, _how: DropKept) -> Result<u64> {
        Ok(0)
    }

    /// Counts the entries and documents that are kept for undo.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn kept_for_undo(&self) -> Result<KeptForUndo> {
        Ok(KeptForUndo::default())
    }

    /// Returns what became of the last entry of an address that was removed or replaced, as far as
    /// that is known.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn fate(&self, _address: &Address) -> Result<Option<Fate>> {
        Ok(None)
    }

    /// Returns the settings of the store, which bind all its writers, by name.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn settings(&self) -> Result<BTreeMap<String, String>> {
        Ok(BTreeMap::new())
    }

    /// Changes settings of the store as one operation, which can be undone: `None` removes one.
    /// Returns the number of the operation, or `None` if they are so already.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the engine has no settings.
    fn change_settings(
        &self,
        _changes: &[(&str, Option<&str>)],
        _operation: &Operation,
        _now: Timestamp,
    ) -> Result<Option<u64>> {
        Err(Unsupported::NoSettings.into())
    }

    /// Changes the bounds of a limit to what `change` makes of them, and settings, as one
    /// operation. Reads the bounds in the transaction that writes them, so that of two changes of
    /// different bounds neither is lost. Returns the number of the operation, or `None` if all are
    /// so already.
    ///
    /// # Errors
    /// [`Error::NoLimits`] where the engine has none.
    fn change_limit(
        &self,
        _scope: &LimitScope,
        _change: &dyn Fn(Bounds) -> Bounds,
        _settings: &[(&str, Option<&str>)],
        _operation: &Operation,
        _now: Timestamp,
    ) -> Result<Option<u64>> {
        Err(Error::NoLimits)
    }

    /// Returns the log of operations, latest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn operations(&self) -> Result<Vec<OperationRecord>> {
        Ok(Vec::new())
    }

    /// Returns the stores whose entries or documents an operation changed; none if that is not
    /// recorded, or no longer.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn operation_stores(&self, _number: u64) -> Result<Vec<StoreAddress>> {
        Ok(Vec::new())
    }

    /// Undoes an operation: that of a number, or the latest that can be undone and is not an undo
    /// itself. Restores what it removed, with all fields; where a newer entry has the same key,
    /// that one stays. An undo can be undone likewise, and its operation is in force again then.
    ///
    /// # Errors
    /// [`Error::NotUndoable`](crate::error::Error::NotUndoable) with the reason, also where
    /// nothing of it is left to take back, and
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if `progress` stops it; undoing it
    /// again then restores the rest.
    fn undo(
        &self,
        _which: Option<u64>,
        _operation: &Operation,
        _now: Timestamp,
        _progress: Progress<'_>,
    ) -> Result<Undone> {
        Err(NotUndoable::NothingKept.into())
    }

    /// Returns what [`UndoBackend::undo`] would do, and changes nothing. The store must be open for
    /// writing.
    ///
    /// # Errors
    /// As [`UndoBackend::undo`].
    fn rehearse_undo(
        &self,
        _which: Option<u64>,
        _operation: &Operation,
        _now: Timestamp,
    ) -> Result<Undone> {
        Err(NotUndoable::NothingKept.into())
    }
}
