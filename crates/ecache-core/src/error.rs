//! Errors of stores, told apart as far as a caller can act on them.

mod reasons;

pub use reasons::{NotUndoable, Unsupported};

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::filter::Usage;
use crate::scope::{Address, FieldError, StoreAddress};
use crate::system_limits::SystemLimit;
use crate::time::Timestamp;

/// The result of an operation on a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of an SQLite operation.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SqliteError(pub(crate) rusqlite::Error);

/// An error of an operation on a store.
///
/// A message names the attempt and its object; a program adds a tip.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no store there yet.
    #[error("there is no store at {}", path.display())]
    Missing {
        /// The path where it was expected
        path: PathBuf,
    },
    /// The path names something that is not a regular file.
    #[error("{} is {what}, not a store", path.display())]
    NotAStore {
        /// The path
        path: PathBuf,
        /// The thing that is there, as in `a directory`
        what: &'static str,
    },
    /// The file belongs to another application, or is not a store.
    #[error("{} is not an ecache store: {why}", path.display())]
    Foreign {
        /// The file
        path: PathBuf,
        /// The unexpected content
        why: String,
    },
    /// The file was written by a newer release.
    #[error("{} has schema version {found}, and this release knows versions up to {known}", path.display())]
    NewerSchema {
        /// The file
        path: PathBuf,
        /// The version of the file
        found: i64,
        /// The newest version that this release knows
        known: i64,
    },
    /// The file must not be trusted: others could have written to it.
    #[error("{} is not safe to use: {why}", path.display())]
    Untrusted {
        /// The file or folder
        path: PathBuf,
        /// The reason
        why: String,
    },
    /// The operating system does not let this user do that.
    #[error("no permission to {attempt} {}", path.display())]
    Permission {
        /// The operation, as in `write`
        attempt: &'static str,
        /// The file
        path: PathBuf,
    },
    /// Another process held the store's write lock past the busy timeout.
    #[error("the store is busy: another process is writing to it")]
    Busy,
    /// No space is left where the store is.
    #[error("no space is left for the store {}", path.display())]
    Full {
        /// The file
        path: PathBuf,
    },
    /// A limit of the store does not let an entry in.
    #[error("the limit for {scope} {why}")]
    OverLimit {
        /// The scope of the limit, as in `store=thumbs`
        scope: String,
        /// The reason, as in `is reached: nothing in it may be evicted`
        why: Cow<'static, str>,
    },
    /// A database keeps no limits, since its other writers would not obey them.
    #[error("a database has no limits: other programs that write to it would ignore them")]
    NoLimits,
    /// A resource limit of this process prevents the operation.
    #[error("cannot use the store {}: {limit}", path.display())]
    SystemLimit {
        /// Path of the file
        path: PathBuf,
        /// The limit
        limit: SystemLimit,
    },
    /// The file is damaged.
    #[error("the store {} is damaged: {detail}", path.display())]
    Damaged {
        /// The file
        path: PathBuf,
        /// SQLite's message
        detail: String,
    },
    /// The file is so damaged that nothing in it can be read.
    #[error("cannot read the store {}: {detail}", path.display())]
    UnreadableFile {
        /// The file
        path: PathBuf,
        /// The damage
        detail: String,
    },
    /// The store's file was replaced by another one during an operation.
    #[error("the store {} was replaced by another file while it was in use", path.display())]
    FileReplaced {
        /// Path of the file
        path: PathBuf,
    },
    /// The header of the store's write-ahead log is damaged, and the last writes are lost with it.
    #[error("the write-ahead log of {} is damaged, and the latest writes are lost", path.display())]
    DamagedLog {
        /// Path of the store's file
        path: PathBuf,
    },
    /// A value's bytes are not those that were written.
    #[error("{address} is damaged: its checksum does not match")]
    DamagedEntry {
        /// The entry
        address: Box<Address>,
    },
    /// Another program wrote something that has no form here; the entry is left as it is.
    #[error("{address} cannot be read: {reason}")]
    ForeignValue {
        /// The entry
        address: Box<Address>,
        /// The reason why it cannot be read
        reason: String,
    },
    /// Damaged entries were left by a removal or change, since it is unknown if the filter matches
    /// them.
    #[error(
        "{left} damaged {} left: a filter cannot tell what is damaged",
        if *left == 1 { "entry was" } else { "entries were" }
    )]
    DamagedLeft {
        /// Entries removed or changed
        done: Usage,
        /// Number of entries left
        left: u64,
    },
    /// A large value was removed by another process during a read, or replaced more than a minute
    /// ago.
    #[error("the value was removed or replaced while it was being read")]
    Replaced,
    /// A value is longer than a store can keep.
    #[error("the value has {size} bytes, and a store keeps at most {limit}")]
    TooLarge {
        /// The value's length in bytes
        size: u64,
        /// The largest length in bytes
        limit: u64,
    },
    /// An entry cannot be written, as its cause says.
    #[error("{address}: {cause}")]
    Entry {
        /// The entry
        address: Box<Address>,
        /// The error of writing it
        cause: Box<Error>,
    },
    /// The backend has no form for the value.
    #[error("{0}")]
    Unrepresentable(String),
    /// A name of an entry or a store is empty or too long.
    #[error(transparent)]
    Name(#[from] FieldError),
    /// An entry cannot have the key of a store's own document.
    #[error("the key \"__store__\" is reserved for the store's metadata")]
    ReservedKey,
    /// An entry would be expired as soon as it is written.
    #[error("a TTL is at least 1 ms, but this one is {ttl:?}")]
    TtlTooShort {
        /// The TTL that was asked for
        ttl: Duration,
    },
    /// An import met an entry that is there already, and was told to fail then.
    #[error("{address} already exists (written {written_at})")]
    Conflict {
        /// The entry
        address: Box<Address>,
        /// The time at which the existing one was written
        written_at: Timestamp,
    },
    /// A store cannot be renamed to a name that another store has.
    #[error("{store} already exists")]
    StoreExists {
        /// The store that has the name
        store: Box<StoreAddress>,
    },
    /// The work was stopped between two batches; earlier batches are done.
    #[error("interrupted after {}", entries(done.entries))]
    Interrupted {
        /// The work done before
        done: Usage,
    },
    /// The operation failed midway, and the part already done cannot be rolled back.
    #[error("stopped after {}{}: {cause}", entries(done.entries), and_perhaps(*perhaps))]
    Partial {
        /// Entries done before the failure
        done: Usage,
        /// Number of further entries that may have been done: the server did not reply
        perhaps: u64,
        /// Cause of the failure
        cause: Box<Error>,
    },
    /// The location is a URL of an engine that this build does not have.
    #[error("this build of ecache cannot open {scheme}:// locations")]
    UnsupportedScheme {
        /// The URL's scheme; the rest of it may hold a password
        scheme: String,
    },
    /// The location is a malformed URL, and as a path would put a password into a file name.
    #[error("the location begins with {scheme}: but is not a URL")]
    MalformedUrl {
        /// Its scheme; the rest may contain a password
        scheme: String,
    },
    /// The location does not have the form of the engine's locations.
    #[error("the location is not of the form {expected}")]
    InvalidLocation {
        /// The form of a valid one; the given one may hold a password
        expected: &'static str,
    },
    /// An option of the location is unknown here, or has an invalid value, and must not be ignored.
    #[error("the location's option {option} is not supported, or has an invalid value")]
    LocationOption {
        /// The name of the option
        option: String,
    },
    /// No server answers there.
    #[error("the server at {host} cannot be reached: {detail}")]
    Unreachable {
        /// The server, or the servers
        host: String,
        /// The operation
        detail: String,
    },
    /// The server does not let this user do that.
    #[error("the server at {host} refused the request: {detail}")]
    Denied {
        /// The server, or the servers
        host: String,
        /// The server's message
        detail: String,
    },
    /// The location asks a server for writes that it does not acknowledge.
    #[error("the location asks for writes that no server acknowledges (w=0)")]
    Unacknowledged,
    /// A server cannot give the write concern of the location.
    #[error("the server at {host} cannot write as the location asks: {detail}")]
    WriteConcern {
        /// The server, or the servers
        host: String,
        /// The server's message
        detail: String,
    },
    /// Anything else that a server says.
    #[error("the server at {host} failed: {detail}")]
    Server {
        /// The server, or the servers
        host: String,
        /// The server's message
        detail: String,
    },
    /// The engine has no dataset of such an id.
    #[error("no dataset has the id {id:?}: FiftyOne's are 24 hexadecimal digits, in lower case")]
    InvalidDatasetId {
        /// The id
        id: String,
    },
    /// An operation cannot be undone.
    #[error(transparent)]
    NotUndoable(#[from] NotUndoable),
    /// The backend cannot do that.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A stream that was read from or written to failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The system refused to make, open or lock a file of a store.
    #[error("cannot use the store at {path}: {source}", path = path.display())]
    System {
        /// The store's file
        path: PathBuf,
        /// The system's error
        source: std::io::Error,
    },
    /// An entry that was to be imported could not be read.
    #[error(transparent)]
    Input(Box<dyn std::error::Error + Send + Sync>),
    /// Anything else that SQLite says.
    #[error("the store failed: {0}")]
    Sqlite(SqliteError),
}

impl Error {
    /// Returns the error for an entry of another program.
    pub(crate) fn foreign(address: Address, reason: String) -> Self {
        Self::ForeignValue {
            address: Box::new(address),
            reason,
        }
    }

    /// Converts a system error for the store at a path: into an exceeded limit, the [`Error`] it
    /// wraps, or one that names the path.
    pub(crate) fn of_system(path: &Path, error: std::io::Error) -> Self {
        match (SystemLimit::of(&error), error.downcast()) {
            (Some(limit), _) => Self::SystemLimit {
                path: path.to_owned(),
                limit,
            },
            (None, Ok(error)) => error,
            (None, Err(source)) => Self::System {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// Returns the error with which a stream of a store failed, if it is one of ours.
    ///
    /// A [`ContentReader`](crate::backend::ContentReader) can only fail with an `io::Error`; this
    /// unwraps it.
    ///
    /// ```
    /// use std::io;
    /// use ecache_core::error::Error;
    ///
    /// let stream = io::Error::other(Error::Replaced);
    /// assert!(matches!(Error::in_io(&stream), Some(Error::Replaced)));
    /// assert!(Error::in_io(&io::Error::other("broken")).is_none());
    /// ```
    #[must_use]
    pub fn in_io(error: &std::io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Reports whether a backend cannot keep one entry, which says nothing of the others.
    pub(crate) fn is_of_one_entry(&self) -> bool {
        matches!(
            self,
            Self::Entry { .. }
                | Self::TooLarge { .. }
                | Self::Unrepresentable(_)
                | Self::InvalidDatasetId { .. }
                | Self::Name(_)
                | Self::ReservedKey
        )
    }
}
impl Error {
    /// Names the entry that this error is about.
    pub(crate) fn of(self, address: &Address) -> Self {
        match self {
            error if error.is_of_one_entry() => Self::Entry {
                address: Box::new(address.clone()),
                cause: Box::new(error),
            },
            error => error,
        }
    }

    /// Adds the progress before the failure to this error, if there was any.
    #[cfg(feature = "mongodb")]
    pub(crate) fn after(self, done: Usage, perhaps: u64) -> Self {
        let is_begun = done != Usage::default() || perhaps > 0;
        match self {
            Self::Interrupted { .. } => Self::Interrupted { done },
            cause if is_begun => Self::Partial {
                done,
                perhaps,
                cause: Box::new(cause),
            },
            cause => cause,
        }
    }
}

/// Formats a number with separated thousands.
#[doc(hidden)]
#[must_use]
pub fn with_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut formatted = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            formatted.push(',');
        }
        formatted.push(digit);
    }
    formatted
}

/// Formats a number of entries: `1 entry`, `1,234 entries`.
#[doc(hidden)]
#[must_use]
pub fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{} entries", with_thousands(count)),
    }
}

fn and_perhaps(perhaps: u64) -> String {
    match perhaps {
        0 => String::new(),
        more => format!(", and perhaps up to {} more", with_thousands(more)),
    }
}
