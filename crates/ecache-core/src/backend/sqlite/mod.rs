//! The store in one SQLite file.
//!
//! | file | its job |
//! |---|---|
//! | `pool`, `folder` | its connections, and noticing that another file has taken its place |
//! | `open`, `trust`, `format` | settings of a connection; safe files; the owner of a format |
//! | `schema` | tables, indexes, migrations |
//! | `one_shot` | one look-up by a short process |
//! | `session` | a connection, and the ids of stores that were read through it |
//! | `names` | interned stores, users, operators, prompts, functions |
//! | `interned` | the ids of the names of an entry that is being written |
//! | `query` | from a filter to SQL |
//! | `row`, `column`, `chunks` | from a row to a verified entry; its columns; a large value in chunks |
//! | `stores`, `rename` | stores and their own documents; giving a store another name |
//! | `rename_counts` | the counts of calls of a store that is renamed |
//! | `store_rows`, `entry_rows` | reading and writing the row of a store; writing one of an entry |
//! | `encoding`, `checksum` | the forms of columns; what the checksums of rows cover |
//! | `damage`, `errors` | damaged pages and rows; what SQLite's other errors mean |
//! | `prepared` | statements that stay prepared beside their connection |
//! | `cached_call` | results of cached calls, read and written with the least |
//! | `read`, `scan`, `scan_order` | single look-ups, many entries, their order |
//! | `index_walk`, `uses_beside` | entries in the order of an index; their hits beside them |
//! | `lookup_many`, `key_index` | look-ups of many keys, whose ids come from the index of keys |
//! | `write`, `transaction`, `import`, `remove`, `stats` | the other verbs |
//! | `write_logged` | replacing the value of an entry as an operation |
//! | `import_log`, `seen_keys` | an import as an operation; the keys that it has written |
//! | `marks` | removed entries that stay in their rows |
//! | `operations` | the log of operations |
//! | `retire`, `undo` | removals that can be undone, and undoing them |
//! | `undo_bounds` | how much one operation keeps for its undo |
//! | `fates` | what became of an entry |
//! | `limits`, `limit_counters` | the usage of each limit, counted in the transaction of each change |
//! | `limit_records` | comparing what limits count and sample with the entries |
//! | `row_changes`, `tail` | the changes of a transaction; new entries that are not counted yet |
//! | `admission` | the entries that limits let in, and their lifetimes |
//! | `evict`, `eviction_targets`, `sample`, `worth` | making room where a write exceeds a limit; the amounts; random entries; their worth |
//! | `purge` | deleting the entries kept for undo |
//! | `clears` | the number of clears of each store |
//! | `select`, `verify` | the entries of a selection, and verifying rows before they are changed |
//! | `salvage`, `repair` | reading the intact rows of a damaged file, and removing from one |
//! | `settings` | settings that bind every writer |
//! | `tombstones` | why entries are gone for good |
//! | `codec` | numbers and texts in records |
//! | `history` | records that are not entries: operations, settings, usage by period, tombstones |
//! | `eviction_records` | entries that a limit evicts, counted where they are removed |
//! | `usage`, `entry_uses` | counts by period, and how far each usage log is folded; hits of entries |
//! | `blobs` | large values, in chunks |
//! | `reclaim` | large values that no entry names |
//! | `observe`, `maintain` | changes and recorded uses; checks, garbage and free space |
//! | `reserve` | space put by for clearing a full disk |
//! | `wal_header`, `timeouts` | whether the header of the log is damaged; how long a connection waits |
//! | `shrink` | giving free pages back to the file system |
//! | `allocator` | SQLite's allocator, and how much it begins with |
//!
//! Designs weighed: one connection behind a mutex (readers would wait for writers, which WAL makes
//! needless), one per thread (a thread pool would keep as many open), and a pool that opens another
//! when all are in use (chosen). The process's own connections coordinate through SQLite as other
//! processes do.

mod admission;
mod allocator;
mod blobs;
mod cached_call;
mod checksum;
mod chunks;
mod clears;
mod codec;
mod column;
mod damage;
mod encoding;
mod entry_rows;
mod entry_uses;
mod errors;
mod evict;
mod eviction_records;
mod eviction_targets;
mod fates;
mod folder;
mod format;
mod history;
mod import;
mod import_log;
mod index_walk;
mod interned;
mod key_index;
mod limit_counters;
mod limit_records;
mod limits;
mod lookup_many;
mod maintain;
mod marks;
mod names;
mod observe;
mod one_shot;
mod open;
mod operations;
mod pool;
mod prepared;
mod purge;
mod query;
mod read;
mod reclaim;
mod remove;
mod rename;
mod rename_counts;
mod repair;
mod reserve;
mod retire;
mod row;
mod row_changes;
mod salvage;
mod sample;
mod scan;
mod scan_order;
mod schema;
mod seen_keys;
mod select;
mod session;
mod settings;
mod shrink;
mod stats;
mod store_rows;
mod stores;
mod tail;
mod timeouts;
mod tombstones;
mod transaction;
mod trust;
mod undo;
mod undo_bounds;
mod usage;
mod uses_beside;
mod verify;
mod wal_header;
mod worth;
mod write;
mod write_logged;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::sync::lock;
use crate::time::Timestamp;
use names::Names;
use pool::Pool;
use query::Plan;
use reclaim::Staging;
use session::Session;
use timeouts::SHORT_WAIT;

pub use super::Access;
pub use allocator::{begin_small, use_global_allocator};
pub use timeouts::BUSY_TIMEOUT;

/// A store in a SQLite file.
///
/// ```
/// use ecache_core::backend::sqlite::{Access, SqliteBackend};
/// use ecache_core::backend::{Condition, Content, Lookup, ReadBackend, WriteBackend};
/// use ecache_core::entry::Entry;
/// use ecache_core::key::Key;
/// use ecache_core::scope::StoreAddress;
/// use ecache_core::time::Timestamp;
/// use ecache_core::value::Kind;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("store.db");
/// let store = SqliteBackend::open(&path, Access::Write)?;
/// let address = StoreAddress::new("thumbnails").entry(Key::new("cat.jpg")?);
/// let now = Timestamp::from_millis(1_795_415_570_948);
/// let entry = Entry::new(address.clone(), Kind::Bytes, now);
/// store.put(&entry, &Content::Inline(vec![1, 2, 3]), &Condition::Always.into(), now)?;
/// let Lookup::Hit(entry, content) = store.lookup(&address, now)? else { panic!("a hit") };
/// assert_eq!(content, Content::Inline(vec![1, 2, 3]));
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
    /// Those of [`SqliteBackend::open`], and [`Error::Busy`].
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

    fn error(&self, error: rusqlite::Error) -> Error {
        errors::sqlite_error(&self.path, error)
    }

    /// Moves the log into the file. A reader elsewhere may prevent that, which does no harm.
    ///
    /// While it waits for readers it holds the write lock, so it does not wait long.
    fn checkpoint(&self, connection: &Connection) {
        let _ = connection
            .busy_timeout(SHORT_WAIT)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())));
        connection
            .busy_timeout(self.patience)
            .expect("SQLite takes any timeout for an open connection");
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
