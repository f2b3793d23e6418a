//! The connections to a store's file, and noticing that another file has taken its place.
//!
//! After `rm store.db*`, connections go on reading and writing a file that no other process can open. What is known
//! of a file, as the numbers of its names, is of no use for another one. So the new file is used once no operation is
//! under way on the old one, and an operation that takes several steps holds the file for all of them.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use rusqlite::{Connection, FileControl};

use super::{SqliteBackend, connect, lock, open};
use crate::error::{Error, Result};

/// A read looks for another file no more often than this: to look takes half as long as to find an entry.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long an operation waits for those on a file that is gone, as long as it has no connection to that one.
const MOVED_PATIENCE: Duration = Duration::from_secs(1);

/// A generation is the file's number, then so many bits of what the file says.
const GENERATION_BITS: u32 = 40;

/// Connections to one file.
#[derive(Default)]
pub(super) struct Pool {
    pub(super) idle: Vec<Connection>,
    /// Operations that are under way
    users: u64,
    file: Option<FileId>,
    /// How many files there were before
    number: u64,
    looked_at: Option<Instant>,
}

/// When to look whether there is another file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Now and then
    Sometimes,
    Always,
}

/// Device and inode of a file, and of its log, if it has one.
///
/// `rm store.db*` removes the file first. A writer may have made another one, with a log, before it comes to the
/// log: it then removes that of the new file. While a connection is open, nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    file: (u64, u64),
    log: Option<(u64, u64)>,
}

impl FileId {
    fn at(path: &Path) -> Option<Self> {
        let id = |path: &Path| {
            let file = fs::metadata(path).ok()?;
            Some((file.dev(), file.ino()))
        };
        Some(Self {
            file: id(path)?,
            log: id(&open::with_suffix(path, "-wal")),
        })
    }

    /// That of a connection's file, if the path still leads to it.
    fn of(connection: &Connection, path: &Path) -> Option<Self> {
        let id = Self::at(path)?;
        let mut has_moved = 0;
        let asked = connection.file_control(None::<&str>, FileControl::HasMoved(&mut has_moved));
        (asked.is_ok() && has_moved == 0).then_some(id)
    }

    /// Whether this is what another look found; a reader may have opened the file before it had a log.
    fn is_still(&self, found: &Self) -> bool {
        self.file == found.file && (self.log.is_none() || self.log == found.log)
    }
}

impl SqliteBackend {
    /// Keeps the first connection, to whose file the store keeps from here on.
    pub(super) fn begin_with(&self, connection: Connection) {
        let file = FileId::of(&connection, &self.path);
        let mut pool = lock(&self.pool);
        pool.file = file;
        pool.idle.push(connection);
    }

    /// Keeps the connection of a process that looks and ends, which does not see whether its file stays.
    pub(super) fn begin_short(&self, connection: Connection) {
        lock(&self.pool).idle.push(connection);
    }

    /// A connection that nobody else uses.
    pub(super) fn connection(&self) -> Result<Pooled<'_>> {
        self.connection_with(Look::Sometimes)
    }

    /// The same, to write: what is written to a file that is not there any more is lost.
    pub(super) fn writing_connection(&self) -> Result<Pooled<'_>> {
        self.connection_with(Look::Always)
    }

    fn connection_with(&self, look: Look) -> Result<Pooled<'_>> {
        let mut waiting_since = None;
        loop {
            let idle = self.enter(look).idle.pop();
            let held = Held(self);
            let connection = match idle.map_or_else(|| self.connect(), Ok) {
                // Until the operations that are under way on the old file have ended.
                Err(Error::Moved { .. })
                    if waiting_since.get_or_insert_with(Instant::now).elapsed()
                        < MOVED_PATIENCE =>
                {
                    drop(held);
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                connection => connection?,
            };
            // From here on, the connection says so.
            std::mem::forget(held);
            return Ok(Pooled {
                backend: self,
                connection: Some(connection),
            });
        }
    }

    /// Opens another connection to the file that is in use.
    fn connect(&self) -> Result<Connection> {
        let connection = connect(&self.path, self.access, self.patience)?;
        let id = FileId::of(&connection, &self.path);
        let mut pool = lock(&self.pool);
        if pool.file.is_none() {
            pool.file = id;
        }
        let is_same = |id| pool.file.is_some_and(|file| file.is_still(&id));
        if id.is_some_and(is_same) {
            Ok(connection)
        } else {
            Err(Error::Moved {
                path: self.path.clone(),
            })
        }
    }

    /// Keeps to the file that is in use until what is returned is dropped.
    pub(super) fn hold(&self, look: Look) -> Held<'_> {
        drop(self.enter(look));
        Held(self)
    }

    /// Begins an operation. First turns to another file, if that has taken the place of this one and no operation is
    /// under way.
    fn enter(&self, look: Look) -> MutexGuard<'_, Pool> {
        let mut pool = lock(&self.pool);
        if pool.users == 0 && self.is_replaced(&mut pool, look) {
            // SQLite's locks on the old file are on no other, so its connections may be closed.
            pool.idle.clear();
            pool.file = None;
            pool.number += 1;
            lock(&self.watcher).take();
            self.names.forget();
            self.staging.forget();
        }
        pool.users += 1;
        pool
    }

    fn is_replaced(&self, pool: &mut Pool, look: Look) -> bool {
        let Some(file) = pool.file else {
            return false;
        };
        let now = Instant::now();
        let is_recent = |at: Instant| now.duration_since(at) < LOOK_EVERY;
        if look == Look::Sometimes && pool.looked_at.is_some_and(is_recent) {
            return false;
        }
        pool.looked_at = Some(now);
        match FileId::at(&self.path) {
            Some(found) => !file.is_still(&found),
            // A writer makes another one, and a reader has nothing better than the old one.
            None => self.access.is_writing(),
        }
    }

    /// The number of changes to the file in use, as one connection of it has counted them, which no other file has.
    pub(super) fn changes(&self) -> Result<u64> {
        let _held = self.hold(Look::Always);
        // `data_version` compares with what the same connection saw before, so one is kept for it.
        let mut watcher = lock(&self.watcher);
        let connection = match watcher.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let version: rusqlite::Result<u64> = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)));
        *watcher = Some(connection);
        let version = version.map_err(|error| self.error(error))?;
        Ok(self.generation_in_file(version))
    }

    /// A number that the file in use tells, as one that no other file tells.
    pub(super) fn generation_in_file(&self, generation: u64) -> u64 {
        let number = lock(&self.pool).number;
        number
            .wrapping_shl(GENERATION_BITS)
            .wrapping_add(generation)
    }
}

/// Says that an operation is under way on the file in use.
pub(super) struct Held<'a>(&'a SqliteBackend);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        lock(&self.0.pool).users -= 1;
    }
}

/// A connection that goes back to the pool.
pub(super) struct Pooled<'a> {
    backend: &'a SqliteBackend,
    connection: Option<Connection>,
}

impl Deref for Pooled<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("taken only when dropped")
    }
}

impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("taken only when dropped")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take();
        let mut pool = lock(&self.backend.pool);
        // One that could not roll back, as on a failing disk, is closed instead.
        pool.idle
            .extend(connection.filter(Connection::is_autocommit));
        pool.users -= 1;
    }
}
