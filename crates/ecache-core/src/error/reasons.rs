//! Reasons of errors that a caller may act on.

use std::path::PathBuf;

use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// The reason why an operation cannot be undone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotUndoable {
    /// The engine keeps nothing for undo.
    #[error("this store keeps nothing for undo")]
    NothingKept,
    /// The log has no operation.
    #[error("there is nothing to undo: no operation is logged")]
    NothingLogged,
    /// The log has operations, and none that can be undone.
    #[error("there is nothing to undo: no operation in the log can be undone")]
    NothingUndoable,
    /// The time is over for which the latest operation could be undone.
    #[error(
        "there is nothing to undo any more: operation {operation} could be undone until {until}"
    )]
    LatestOver {
        /// Number of the operation
        operation: u64,
        /// The end of that time
        until: Timestamp,
    },
    /// A limit evicted what the latest operation kept.
    #[error("{}", latest_evicted(*operation, *before))]
    LatestEvicted {
        /// Number of the operation
        operation: u64,
        /// Number of the operation before it that can be undone
        before: Option<u64>,
    },
    /// No such operation is logged.
    #[error("operation {operation} is not in the log")]
    NotLogged {
        /// Number of the operation
        operation: u64,
    },
    /// It is undone already.
    #[error("operation {operation} was undone by operation {by}{}", redoing(*by, *can_be_redone))]
    Undone {
        /// Number of the operation
        operation: u64,
        /// Number of its undo
        by: u64,
        /// Set if the undo can be undone
        can_be_redone: bool,
    },
    /// The time is over for which it could be undone.
    #[error("operation {operation} cannot be undone any more: it could until {until}")]
    Over {
        /// Number of the operation
        operation: u64,
        /// The end of that time
        until: Timestamp,
    },
    /// A limit evicted what it kept.
    #[error("operation {operation} cannot be undone any more: a limit took what it kept")]
    Evicted {
        /// Number of the operation
        operation: u64,
    },
    /// It kept nothing.
    #[error("operation {operation} cannot be undone: nothing of it is kept")]
    Impossible {
        /// Number of the operation
        operation: u64,
    },
    /// A later operation moved, removed or changed what it would take back.
    #[error(
        "operation {operation} cannot be undone{}: operation {later} {did}{}",
        if *can_be_undone_first { " yet" } else { "" },
        if *can_be_undone_first { format!("; undo operation {later} first") } else { String::new() }
    )]
    Later {
        /// Number of the operation
        operation: u64,
        /// Number of the later one
        later: u64,
        /// Describes the later one, as in `removed its entries since then`
        did: String,
        /// Set if the later one can be undone
        can_be_undone_first: bool,
    },
    /// Nothing is left that it would take back.
    #[error("operation {operation} cannot be undone: {why}{}", one_before(*before))]
    NothingLeft {
        /// Number of the operation
        operation: u64,
        /// Describes the entries that are not as it left them
        why: String,
        /// Number of the operation before it that can be undone
        before: Option<u64>,
    },
}

fn latest_evicted(operation: u64, before: Option<u64>) -> String {
    match before {
        Some(_) => format!(
            "operation {operation} cannot be undone any more: a limit took what it kept{}",
            one_before(before)
        ),
        None => format!(
            "there is nothing to undo any more: a limit took what operation {operation} kept"
        ),
    }
}

fn one_before(before: Option<u64>) -> String {
    before.map_or_else(String::new, |before| {
        format!("; undoing operation {before} takes back the one before it")
    })
}

fn redoing(by: u64, can_be_redone: bool) -> String {
    if can_be_redone {
        format!("; undoing operation {by} takes that back")
    } else {
        String::new()
    }
}

/// The reason why a backend, or the cache, cannot do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// The store was opened to be read, and the operation writes.
    #[error("the store was opened to be read only")]
    ReadOnly,
    /// The path of the store is empty.
    #[error("the path of the store is empty")]
    EmptyPath,
    /// A release that was older wrote the file, and it was opened to be read.
    #[error(
        "the store {} has the older schema version {found}; any command that writes to it brings it to {known}",
        path.display()
    )]
    OlderSchema {
        /// The file
        path: PathBuf,
        /// The version of the file
        found: i64,
        /// The version of this release
        known: i64,
    },
    /// The changes in the write-ahead log cannot be read where nothing can be written.
    #[error(
        "the store {} has changes in its write-ahead log, which cannot be read without write access to its folder",
        path.display()
    )]
    UnreadableLog {
        /// The store's file
        path: PathBuf,
    },
    /// The file system has no shared memory, as a write-ahead log needs.
    #[error(
        "the store {} cannot have a write-ahead log where it is (SQLite keeps to journal mode {mode})",
        path.display()
    )]
    NoWriteAheadLog {
        /// The store's file
        path: PathBuf,
        /// The journal mode that SQLite keeps to
        mode: String,
    },
    /// The engine keeps no settings.
    #[error("this store has no settings")]
    NoSettings,
    /// A store has no number left for another entry.
    #[error("{store} has had four billion entries and can take no more")]
    NoNumbersLeft {
        /// The store
        store: Box<StoreAddress>,
    },
    /// Arguments or a result have no stored form.
    #[error("{0}")]
    NoStoredForm(String),
    /// An expression among the options of a function's attribute panicked.
    #[error("the options of the function's attribute panicked")]
    OptionsPanicked,
    /// The program's code that tells the context of a call panicked.
    #[error("the code that tells the context of the call panicked")]
    ContextPanicked,
    /// MongoDB has the entry more than once, so its index cannot be made again.
    #[error("{address} is there {count} times; removing it removes all of them")]
    RepeatedEntry {
        /// The entry
        address: Box<Address>,
        /// Number of its documents
        count: u64,
    },
    /// Other documents of the collection have the ids of the store's.
    #[error(
        "the collection {collection} has other entries with the same _id; export the store, and import it \
         with --collection"
    )]
    RepeatedIds {
        /// The collection that the store would be renamed to
        collection: String,
    },
    /// The collection has documents of another application.
    #[error(
        "the collection {collection:?} is another application's: its documents are not entries of an \
         execution store"
    )]
    ForeignCollection {
        /// The collection
        collection: String,
    },
    /// The collection is one of FiftyOne's own.
    #[error("the collection {collection:?} is FiftyOne's, and no execution store")]
    FiftyonesCollection {
        /// The collection
        collection: String,
    },
    /// MongoDB has no collections of that name, or it is one that ecache keeps its notes in.
    #[error("MongoDB cannot keep an execution store in the collection {collection:?}")]
    InvalidCollection {
        /// The collection
        collection: String,
    },
}
