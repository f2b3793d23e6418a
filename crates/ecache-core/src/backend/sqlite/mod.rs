//! The store in one SQLite file.
//!
//! | file | its job |
//! |---|---|
//! | `pool`, `folder` | its connections, and noticing that another file has taken its place |
//! | `open` | trust, ownership of the format, settings of a connection |
//! | `schema` | tables, indexes, migrations |
//! | `one_shot` | one look-up by a short process |
//! | `session` | a connection, and the ids of stores that were read through it |
//! | `names` | interned stores, users, operators, prompts, functions |
//! | `query` | from a filter to SQL |
//! | `row` | from a row to a verified entry |
//! | `checksum` | what the checksums of rows cover |
//! | `cached_call` | results of cached calls, read and written with the least |
//! | `read`, `write`, `import`, `remove`, `stats` | the verbs |
//! | `marks` | removed entries that stay in their rows |
//! | `select`, `verify` | the entries of a selection, and verifying rows before they are changed |
//! | `salvage`, `repair` | what is left of a damaged file, and removing from one |
//! | `history` | operations, settings, usage by period, tombstones: what is not an entry |
//! | `blobs` | large values, in chunks |
//! | `reclaim` | large values that no entry names |
//! | `reserve` | space put by for clearing a full disk |
//! | `log` | whether the header of the log is damaged |
//! | `shrink` | giving free pages back to the file system |
//! | `allocator` | SQLite's allocator, and how much it begins with |
//!
//! Designs weighed: one connection behind a mutex (readers would wait for writers, which WAL makes
//! needless), one per thread (a thread pool would keep as many open), and a pool that opens another
//! when all are in use (chosen). The process's own connections coordinate through SQLite as other
//! processes do.

mod allocator;
mod blobs;
mod cached_call;
mod checksum;
mod folder;
mod history;
mod import;
mod log;
mod marks;
mod names;
mod one_shot;
mod open;
mod pool;
mod query;
mod read;
mod reclaim;
mod remove;
mod rename;
mod repair;
mod reserve;
mod row;
mod salvage;
mod schema;
mod select;
mod session;
mod shrink;
mod stats;
mod stores;
mod verify;
mod write;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub use allocator::{begin_small, use_global_allocator};
pub use open::{Access, BUSY_TIMEOUT};

use super::{
    Backend, CallIdentity, CallLookup, Chunked, Commit, Content, Counters, Description, Dimension,
    Group, Imported, Lookup, OnConflict, OnExistingStore, OnRefused, Progress, Put, PutOptions,
    Record, Rows, Scan, StoreMetadata, StoreRecord, Touch, Trouble, Use, lookup_enough,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use names::Names;
use open::SHORT_WAIT;
use pool::Pool;
use query::Plan;
use read::Verified;
use reclaim::Staging;

/// A store in a SQLite file.
///
/// ```
/// use ecache_core::backend::sqlite::{Access, SqliteBackend};
/// use ecache_core::backend::{Backend, Condition, Content, Lookup};
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
}

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
        }
    }

    fn plan(&self, connection: &Connection, filter: &Filter, now: Timestamp) -> Result<Plan> {
        Plan::new(connection, filter, now).map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> Error {
        having_waited(self.patience, open::sqlite_error(&self.path, error))
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

/// Adds the time waited for another process to [`Error::Busy`].
fn having_waited(waited: Duration, error: Error) -> Error {
    match error {
        Error::Busy { .. } => Error::Busy { waited },
        other => other,
    }
}

fn connect(path: &Path, access: Access, patience: Duration) -> Result<Connection> {
    let connection = open::open(path, access, patience).map_err(|e| having_waited(patience, e))?;
    query::register(&connection).map_err(|error| open::sqlite_error(path, error))?;
    if access.is_writing() {
        reserve::create(path);
    }
    Ok(connection)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A connection is put back whole or not at all, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backend for SqliteBackend {
    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        self.lookup_with(&*self.connection()?, address, now, Verified::Here)
    }

    fn lookup_unread(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        self.lookup_with(&*self.connection()?, address, now, Verified::ByReader)
    }

    fn lookup_call(&self, call: &CallIdentity<'_>, now: Timestamp) -> Result<CallLookup> {
        self.find_call(call, now)
    }

    fn lookup_many(&self, addresses: &[Address], now: Timestamp) -> Result<Vec<Lookup>> {
        let connection = self.connection()?;
        let snapshot = connection
            .unchecked_transaction()
            .map_err(|error| self.error(error))?;
        let lookups = match self.lookup_sorted(&connection, addresses, now)? {
            Some(lookups) => lookups,
            None => lookup_enough(addresses, |address| {
                self.lookup_with(&connection, address, now, Verified::Here)
            })?,
        };
        drop(snapshot);
        Ok(lookups)
    }

    fn stage(&self, value: &mut dyn Read, now: Timestamp) -> Result<Content> {
        self.stage_value(value, now)
    }

    fn read_chunk(&self, chunked: &Chunked, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        self.chunk(chunked, index, bytes)
    }

    fn put(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        self.put_entry(entry, content, options, now)
    }

    fn put_call(
        &self,
        call: &CallIdentity<'_>,
        entry: &Entry,
        content: &Content,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        self.put_result(call, entry, content, now)
    }

    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        self.import_records(records, on_conflict, commit, on_refused, progress)
    }

    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        Ok(Box::new(self.rows(scan, now)?))
    }

    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        self.count(selection, now)
    }

    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        self.delete(selection, now, progress)
    }

    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        self.update(selection, touch, now, progress)
    }

    fn record_uses(&self, uses: &[Use]) -> Result<()> {
        self.write_uses(uses)
    }

    fn record_calls(&self, counters: &[(Arc<StoreAddress>, Counters)]) -> Result<()> {
        self.add_counters(counters)
    }

    fn calls(&self) -> Result<Vec<(Arc<StoreAddress>, Counters)>> {
        self.read_counters()
    }

    fn stores(&self) -> Result<Vec<StoreRecord>> {
        self.read_stores()
    }

    fn troubles(&self, _collection: &str) -> Result<Vec<Trouble>> {
        /// Maximum number of faults to list.
        const MOST: u32 = 10;
        let faults = self.check_structure(MOST)?;
        Ok(faults.into_iter().map(Trouble::Structure).collect())
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        self.write_metadata(store, metadata)
    }

    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        self.read_document(store)
    }

    fn count_documents(&self, filter: &Filter) -> Result<u64> {
        self.meant_documents(filter)
    }

    fn remove_documents(&self, filter: &Filter) -> Result<u64> {
        self.delete_documents(filter)
    }

    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        _: Progress<'_>,
    ) -> Result<Usage> {
        self.rename(from, to, on_existing)
    }

    fn groups(&self, filter: &Filter, by: Dimension, now: Timestamp) -> Result<Vec<Group>> {
        self.group(filter, by, now)
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        self.read_names(of)
    }

    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        let connection = self.connection()?;
        let generation = || -> rusqlite::Result<u64> {
            match names::find_store(&connection, store)? {
                Some(id) => cached_call::generation(&connection, id),
                None => Ok(0),
            }
        };
        let generation = generation().map_err(|error| self.error(error))?;
        Ok(self.generation_in_file(generation))
    }

    fn change_token(&self) -> Result<u64> {
        self.changes()
    }

    fn collect_garbage(&self, now: Timestamp) -> Result<()> {
        self.delete_garbage(now)
    }

    fn compact(&self, now: Timestamp) -> Result<()> {
        match self.delete_unnamed() {
            Err(Error::Full { .. }) => {}
            deleted => deleted?,
        }
        self.collect_garbage(now)?;
        let connection = self.connection()?;
        match open::vacuum(&connection).map_err(|error| self.error(error)) {
            // There is no space for a second copy of the file.
            Err(Error::Full { .. }) => self.give_back(),
            vacuumed => {
                vacuumed?;
                self.checkpoint(&connection);
            }
        }
        Ok(())
    }

    fn describe(&self) -> Result<Description> {
        let connection = self.connection()?;
        let number = |sql: &str| -> Result<u64> {
            let value = connection.query_row(sql, (), |row| row.get(0));
            value.map_err(|error| self.error(error))
        };
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        Ok(Description {
            engine: format!("SQLite {}", rusqlite::version()),
            path: Some(self.path.clone()),
            file_size: size(&self.path),
            wal_size: open::log_size(&self.path),
            free_size: number("PRAGMA freelist_count")? * number("PRAGMA page_size")?,
            unnamed: self.count_unnamed()?,
            schema_version: number("PRAGMA user_version")? as i64,
            known_schema_version: schema::VERSION,
            stores: self.read_stores()?.len() as u64,
            entries: number("SELECT count(*) FROM entries")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::key::Key;
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
