//! The store in one SQLite file.
//!
//! | file | its job |
//! |---|---|
//! | `format` | schema, columns, checksums; damaged pages and rows |
//! | `file` | opening a safe file; the files beside it |
//! | `connection` | pool, transactions, prepared statements |
//! | `history` | the table of facts that are not entries |
//! | `counters` | the usage that limits count, kept in the transaction of each change |
//! | `names` | interned stores, users, operators, prompts, functions |
//! | `query` | from a filter to SQL |
//! | `row`, `entry_rows` | from a row to a verified entry; writing the row of an entry |
//! | `blobs` | large values, in chunks |
//! | `stores`, `rename` | stores and their own documents; giving a store another name |
//! | `settings`, `tombstones` | settings that bind every writer; why entries are gone for good |
//! | `operations`, `undo` | the log of operations, and undoing them |
//! | `fates`, `observe` | what became of an entry; changes and recorded uses |
//! | `usage` | counts of calls by period, and hits of entries |
//! | `lookup`, `scan` | look-ups by key; many entries and their order |
//! | `selection`, `removal` | the entries of a selection; removing them, for good or until an undo |
//! | `write`, `import` | writing an entry, and many |
//! | `limits` | admission, and eviction where a write exceeds a limit |
//! | `space` | deleting kept entries and orphaned values, giving back free pages |
//!
//! Designs weighed: one connection behind a mutex (readers would wait for writers, which WAL makes
//! needless), one per thread (a thread pool would keep as many open), and a pool that opens another
//! when all are in use (chosen). The process's own connections coordinate through SQLite as other
//! processes do.

mod blobs;
mod connection;
mod counters;
mod entry_rows;
mod fates;
mod file;
mod format;
mod history;
mod import;
mod limits;
mod lookup;
mod names;
mod observe;
mod operations;
mod query;
mod removal;
mod rename;
mod row;
mod scan;
mod selection;
mod settings;
mod space;
mod stores;
mod tombstones;
mod undo;
mod usage;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::sync::lock;
use crate::time::Timestamp;
use connection::failure::SessionError;
use connection::pool::Pool;
use connection::session::Session;
use connection::timeouts::SHORT_WAIT;
use file::{open, reserve};
use format::errors;
use names::Names;
use query::Plan;
use space::reclaim::Staging;

pub use super::Access;
#[doc(hidden)]
pub use connection::allocator::{begin_small, use_global_allocator};
pub use connection::timeouts::BUSY_TIMEOUT;

/// A store in a SQLite file.
///
/// ```
/// use std::sync::Arc;
///
/// use ecache_core::backend::sqlite::{Access, SqliteBackend};
/// use ecache_core::execution_store::ExecutionStore;
/// use ecache_core::key::Key;
/// use ecache_core::scope::StoreAddress;
/// use ecache_core::time::SystemClock;
/// use ecache_core::value::Value;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("store.db");
/// let backend = Arc::new(SqliteBackend::open(&path, Access::Write)?);
/// let address = StoreAddress::new("thumbnails");
/// let store = ExecutionStore::new(backend, Arc::new(SystemClock), address);
/// let (key, value) = (Key::new("cat.jpg")?, Value::bytes([1, 2, 3]));
/// store.set(&key, &value, None)?;
/// assert_eq!(store.get(&key)?, Some(value));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SqliteBackend {
    path: PathBuf,
    access: Access,
    patience: Duration,
    names: Names,
    pool: Mutex<Pool>,
    watcher: Mutex<Option<Connection>>,
    staging: Staging,
    /// Time at which this process last looked for due deletions
    purged_at: Mutex<Option<Instant>>,
}

debug_fields!(SqliteBackend { path, access });

impl SqliteBackend {
    /// Opens the store at `path`; to write, it is created if there is none.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none to read, [`Error::NotAStore`], [`Error::Foreign`],
    /// [`Error::NewerSchema`], [`Error::Untrusted`] and [`Error::Permission`] if it is refused,
    /// which leaves the file untouched, and [`Error::Damaged`] if SQLite cannot read it.
    pub fn open(path: &Path, access: Access) -> Result<Self> {
        Self::open_within(path, access, BUSY_TIMEOUT)
    }

    /// Opens the store like [`SqliteBackend::open`], but waits for other processes' writes no
    /// longer than `patience` instead of [`BUSY_TIMEOUT`].
    ///
    /// # Errors
    /// Fails like [`SqliteBackend::open`], and with [`Error::Busy`].
    pub fn open_within(path: &Path, access: Access, patience: Duration) -> Result<Self> {
        let path = open::absolute(path)?;
        let connection = connect(&path, access, patience)?;
        let backend = Self::with(&path, access, patience);
        backend.begin_with(connection);
        Ok(backend)
    }

    /// Returns the store at an absolute path, without a connection yet.
    fn with(path: &Path, access: Access, patience: Duration) -> Self {
        Self {
            path: path.into(),
            access,
            patience,
            names: Names::default(),
            pool: Mutex::default(),
            watcher: Mutex::default(),
            staging: Staging::default(),
            purged_at: Mutex::default(),
        }
    }

    fn plan(&self, connection: &Connection, filter: &Filter, now: Timestamp) -> Result<Plan> {
        Plan::new(connection, filter, now).map_err(|error| self.error(error))
    }

    fn error(&self, error: impl Into<SessionError>) -> Error {
        match error.into() {
            SessionError::Sqlite(error) => errors::sqlite_error(&self.path, error),
            SessionError::Other(error) => error,
        }
    }

    /// Moves the log into the file. A reader elsewhere may prevent that, which does no harm.
    ///
    /// While it waits for readers it holds the write lock, so it does not wait long.
    fn checkpoint(&self, connection: &Connection) {
        let _ = self.checkpoint_within(connection, SHORT_WAIT);
    }

    /// Moves the log into the file and cuts it off. Returns `false` if another process prevented
    /// that for so long.
    fn checkpoint_within(&self, connection: &Connection, wait: Duration) -> rusqlite::Result<bool> {
        let is_done = connection
            .busy_timeout(wait)
            .and_then(|()| open::checkpoint(connection));
        connection
            .busy_timeout(self.patience)
            .expect("SQLite takes any timeout for an open connection");
        is_done
    }
}

impl Drop for SqliteBackend {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut lock(&self.pool).idle);
        self.close(idle);
    }
}

impl SqliteBackend {
    /// Closes these connections, and the one that watches for changes.
    #[expect(clippy::vec_box, reason = "that is how the pool has them")]
    fn close(&self, idle: Vec<Box<Session>>) {
        let watcher = lock(&self.watcher).take();
        let idle = idle.into_iter().map(|session| session.into_connection());
        for connection in idle.chain(watcher) {
            match self.access {
                Access::Read => drop(connection),
                Access::Write | Access::WriteDurably => open::close(connection, &self.path),
            }
        }
    }
}

fn connect(path: &Path, access: Access, patience: Duration) -> Result<Connection> {
    let connection = open::open(path, access, patience)?;
    query::register(&connection).map_err(|error| errors::sqlite_error(path, error))?;
    if access.is_writing() {
        reserve::create(path);
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::backend::{Content, WriteBackend};
    use crate::entry::Entry;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::Timestamp;
    use crate::value::Kind;

    #[test]
    fn a_checkpoint_does_not_wait_for_a_reader() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
        let connection = backend.connection().expect("a connection");
        let reader = backend.connection().expect("a connection");
        let snapshot = reader.unchecked_transaction().expect("a snapshot");
        let count = snapshot.query_row("SELECT count(*) FROM entries", (), |row| row.get(0));
        assert_eq!(count, Ok(0));
        let now = Timestamp::from_millis(1_795_415_570_948);
        let address = StoreAddress::new("s").entry(Key::new("k").expect("a valid key"));
        let entry = Entry::new(address, Kind::Bytes, now);
        let content = Content::Inline(vec![1]);
        let always = crate::backend::Condition::Always;
        let put = backend.put(&entry, &content, &always.into(), now);
        put.expect("an entry");
        let started = Instant::now();
        backend.checkpoint(&connection);
        assert!(started.elapsed() < Duration::from_secs(5));
        let timeout: u64 = connection
            .pragma_query_value(None, "busy_timeout", |row| row.get(0))
            .expect("a timeout");
        assert_eq!(Duration::from_millis(timeout), BUSY_TIMEOUT);
    }
}
