//! Operations: who changed a store and how, and what undoing it did.

use super::Effect;
use crate::entry::Entry;
use crate::filter::Usage;
use crate::scope::Address;
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
#[non_exhaustive]
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
