//! Operations: who changed a store and how, and what undoing it did.

use std::collections::BTreeMap;

use super::limit::{Bounds, LimitScope};
use super::{
    ChangeBackend, Commit, Content, Effect, ImportBackend, ImportLog, Imported, OnConflict,
    OnExistingStore, OnRefused, Progress, Put, PutOptions, Record, RenameBackend, StoresBackend,
    Touch, WriteBackend,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Maximum number of single entries that one operation keeps for undo.
pub const MAX_UNDO_ENTRIES: u64 = 100_000;

/// Maximum size, in bytes, of the values of single entries that one operation keeps for undo.
pub const MAX_UNDO_BYTES: u64 = 64 << 20;

/// Name of the setting of the time for which operations can be undone, in milliseconds; a day
/// unless `limit set --undo-keep` writes it.
pub const UNDO_KEEP: &str = "undo_keep";

/// Name of the setting of the space that entries kept for undo may take, in bytes, besides those of
/// the latest removal. Unless `limit set --undo-size` writes it, it is the size of the others, but
/// at least 64 MiB.
pub const UNDO_SIZE: &str = "undo_size";

/// Decides whether an operation keeps what it takes to undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepForUndo {
    /// As far as the store can
    Yes,
    /// Nothing
    No,
}

/// The user who changes a store, and the command, for the log of operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// The user, as the operating system names them
    pub user: String,
    /// The host
    pub host: String,
    /// The command line, without secrets
    pub command: String,
    /// The selected entries, in words
    pub filter: String,
    /// The reason for which it removes entries
    pub cause: Cause,
}

/// The reason why an entry was removed. The numbers are part of the format of a SQLite store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// A command meant this entry
    #[default]
    Removed = 0,
    /// A command meant many entries
    Cleared = 1,
    /// Its time was over
    Expired = 2,
    /// Its dataset was deleted
    Orphaned = 3,
    /// A command removed old, unused or excess entries
    Pruned = 4,
    /// A write exceeded a limit
    Evicted = 5,
}

impl Cause {
    /// Returns the name of the cause.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Cleared => "cleared",
            Self::Expired => "expired",
            Self::Orphaned => "orphaned",
            Self::Pruned => "pruned",
            Self::Evicted => "evicted",
        }
    }
}

/// The trace of an entry that is gone for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tombstone {
    /// The reason
    pub cause: Cause,
    /// Time at which it was removed
    pub at: Timestamp,
    /// The operation that removed it, if it is still logged
    pub operation: Option<OperationRecord>,
    /// A detail, such as the name of a limit
    pub note: String,
    /// Time at which it had expired, if it had
    pub expired_at: Option<Timestamp>,
}

/// The end of an entry that was stored once.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// An operation removed it that can be undone; the entry as it was
    Kept(Box<OperationRecord>, Box<Entry>),
    /// It is gone for good
    Gone(Box<Tombstone>),
}

/// An operation in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRecord {
    /// Its number; numbers count up
    pub id: u64,
    /// Time at which it began
    pub at: Timestamp,
    /// Its user and command
    pub operation: Operation,
    /// The entries that were removed, restored or changed
    pub usage: Usage,
    /// The entries that imported ones replaced
    pub replaced: Usage,
    /// Number of stores' own documents likewise
    pub documents: u64,
    /// The operation that this one undid
    pub undoes: Option<u64>,
    /// Number of changed settings
    pub settings: u64,
    /// Its effect
    pub effect: Effect,
    /// The possibility of undoing it, whatever the time; [`UndoState::at`] tells that of now
    pub undo: UndoState,
}

/// The entries and documents that are kept for undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptForUndo {
    /// The removed and replaced entries that are still there
    pub usage: Usage,
    /// Number of stores' own documents that were removed
    pub documents: u64,
    /// Number of entries that were kept for operations in force, and that limits took
    pub evicted: u64,
    /// Time until which the latest of them are kept, unless their space is needed
    pub until: Option<Timestamp>,
}

/// The possibility of undoing an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoState {
    /// It can be undone at least until that time, unless its space is needed
    Until(Timestamp),
    /// It is in force again, since its undo was undone. That operation keeps what undoing it takes,
    /// until that time
    Through(u64, Timestamp),
    /// It could be undone until that time
    Over(Timestamp),
    /// It is undone, by that operation
    Undone(u64),
    /// Limits took all that was kept for it
    Evicted,
    /// Nothing is kept for it
    Impossible,
}

impl UndoState {
    /// Returns the state at a time: what could be undone until then is over.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self.until() {
            Some(until) if until <= now => Self::Over(until),
            _ => self,
        }
    }

    /// Returns the time until which the operation can be undone, if it can.
    #[must_use]
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Until(until) | Self::Through(_, until) => Some(until),
            Self::Over(_) | Self::Undone(_) | Self::Evicted | Self::Impossible => None,
        }
    }
}

/// The outcome of a removal that is to be kept for undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The entries are removed
    Done(ChangeReport),
    /// Nothing was removed, since these are more single entries than one operation keeps
    /// ([`MAX_UNDO_ENTRIES`], [`MAX_UNDO_BYTES`])
    TooMany(Usage),
}

/// The amount of a removal, and its operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeReport {
    /// The entries
    pub usage: Usage,
    /// Number of stores' own documents
    pub documents: u64,
    /// The number of the operation, where operations are logged
    pub operation: Option<u64>,
    /// The time until which it can be undone, if it can
    pub until: Option<Timestamp>,
}

/// The way in which entries kept for undo are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropKept {
    /// Its space is free
    Deleted,
    /// No byte of it is left in the store's files
    Overwritten,
}

/// The outcome of undoing an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undone {
    /// The operation that was undone, as it was before
    pub undone: OperationRecord,
    /// The number of the operation that undid it, or would
    pub operation: u64,
    /// The effect of undoing it
    pub effect: Effect,
    /// The entries that came back, are removed again, or are as they were
    pub usage: Usage,
    /// The entries that imported ones had replaced, and that came back
    pub replaced: Usage,
    /// Number of stores' own documents likewise
    pub documents: u64,
    /// Number of settings that are as they were
    pub settings: u64,
    /// Number of entries that were written again in the meantime, and stay as they are
    pub newer: u64,
    /// The first of these
    pub newer_examples: Vec<Address>,
    /// Number of entries that were removed in the meantime, and stay so
    pub gone: u64,
    /// Number of entries that were damaged in the meantime, and do not come back
    pub damaged: u64,
    /// Number of entries that a limit took while they were kept for undo. An entry in the place of
    /// one of them stays
    pub evicted: u64,
}

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
        Err(Error::Unsupported("this store has no settings".into()))
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
    /// [`Error::NotUndoable`](crate::error::Error::NotUndoable) with the reason, and
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if `progress` stops it; undoing it
    /// again then restores the rest.
    fn undo(
        &self,
        _which: Option<u64>,
        _operation: &Operation,
        _now: Timestamp,
        _progress: Progress<'_>,
    ) -> Result<Undone> {
        Err(Error::NotUndoable(NOTHING_KEPT.into()))
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
        Err(Error::NotUndoable(NOTHING_KEPT.into()))
    }
}

const NOTHING_KEPT: &str = "this store keeps nothing for undo";
