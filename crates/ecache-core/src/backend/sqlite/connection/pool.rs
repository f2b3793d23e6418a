//! Connections to a store's file, and detection of another file in its place.
//!
//! After `rm store.db*`, connections go on reading and writing a file that no other process can
//! open. Cached facts about a file, such as the ids of its names, are invalid for another one. The
//! pool therefore switches to the new file once no operation is under way on the old one, and an
//! operation of several steps holds the file for all of them.
//!
//! The paths of the file and its log are looked at ten times a second, and before a write if their
//! folder has changed since.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use rusqlite::{Connection, FileControl};

use super::session::Session;
use crate::backend::ForkBackend;
use crate::backend::sqlite::file::folder::Folder;
use crate::backend::sqlite::file::trust;
use crate::backend::sqlite::{SqliteBackend, connect};
use crate::error::{Error, Result};
use crate::sync::lock;

/// Maximum age of a look at the paths, which takes half as long as a look-up.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Maximum time to wait for operations on a deleted file, without a connection to it.
const MOVED_PATIENCE: Duration = Duration::from_secs(1);

/// Time between two looks at operations that are under way, or suspended.
const SHORT_PAUSE: Duration = Duration::from_micros(200);

/// Number of bits from the file in a generation; the file's number is above them.
const GENERATION_BITS: u32 = 56;

/// Connections to one file.
#[derive(Default)]
pub(in super::super) struct Pool {
    #[expect(clippy::vec_box, reason = "each operation moves one out and back")]
    pub(in super::super) idle: Vec<Box<Session>>,
    /// Number of operations under way
    users: u64,
    file: Option<FileId>,
    folder: Option<Folder>,
    /// Number of earlier files
    number: u64,
    /// Set while no operation may begin
    is_suspended: bool,
    looked_at: Option<Instant>,
}

/// The occasion for a check for another file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Look {
    /// At most once per interval
    Sometimes,
    /// Also if the folder has changed
    Always,
}

/// Device and inode of a file, and of its log, if it has one.
///
/// `rm store.db*` removes the file first. Before it reaches the log, a writer may have created
/// another file with a log, and `rm` then removes the new log. Nothing else removes it while a
/// connection is open.
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
            log: id(&trust::with_suffix(path, "-wal")),
        })
    }

    /// Identifies a connection's file, if the path still leads to it.
    fn of(connection: &Connection, path: &Path) -> Option<Self> {
        let id = Self::at(path)?;
        let mut has_moved = 0;
        let asked = connection.file_control(None::<&str>, FileControl::HasMoved(&mut has_moved));
        (asked.is_ok() && has_moved == 0).then_some(id)
    }

    /// Reports whether a later check found the same file; a reader may have opened it before it had
    /// a log.
    fn is_still(&self, found: &Self) -> bool {
        self.file == found.file && (self.log.is_none() || self.log == found.log)
    }
}

impl SqliteBackend {
    /// Adds the first connection, whose file the store then tracks.
    pub(in super::super) fn begin_with(&self, connection: Connection) {
        let file = FileId::of(&connection, &self.path);
        let mut pool = lock(&self.pool);
        pool.file = file;
        pool.folder = Folder::of(&self.path);
        pool.idle.push(Box::new(Session::new(connection)));
    }

    /// Adds the connection of a one-shot process, which does not track its file.
    pub(in super::super) fn begin_short(&self, session: Session) {
        lock(&self.pool).idle.push(Box::new(session));
    }

    /// Returns a connection for exclusive use.
    pub(in super::super) fn connection(&self) -> Result<Pooled<'_>> {
        self.connection_with(Look::Sometimes)
    }

    /// Returns a connection for writing. Always checks the file, since writes to a deleted one are
    /// lost.
    pub(in super::super) fn writing_connection(&self) -> Result<Pooled<'_>> {
        self.connection_with(Look::Always)
    }

    fn connection_with(&self, look: Look) -> Result<Pooled<'_>> {
        let mut waiting_since = None;
        loop {
            let idle = self.enter(look).idle.pop();
            let held = Held(self);
            let connect = || self.connect().map(|new| Box::new(Session::new(new)));
            let session = match idle.map_or_else(connect, Ok) {
                // Waits until the operations under way on the old file have ended.
                Err(Error::FileReplaced { .. })
                    if waiting_since.get_or_insert_with(Instant::now).elapsed()
                        < MOVED_PATIENCE =>
                {
                    drop(held);
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                session => session?,
            };
            // The connection counts the operation from here on.
            std::mem::forget(held);
            return Ok(Pooled {
                backend: self,
                session: Some(session),
            });
        }
    }

    /// Opens another connection to the file in use.
    pub(in super::super) fn connect(&self) -> Result<Connection> {
        let connection = connect(&self.path, self.access, self.patience)?;
        let id = FileId::of(&connection, &self.path);
        let mut pool = lock(&self.pool);
        if pool.file.is_none() {
            pool.file = id;
            pool.folder = Folder::of(&self.path);
        }
        let is_same = |id| pool.file.is_some_and(|file| file.is_still(&id));
        if id.is_some_and(is_same) {
            Ok(connection)
        } else {
            Err(Error::FileReplaced {
                path: self.path.clone(),
            })
        }
    }

    /// Pins the file in use until the returned guard is dropped.
    pub(in super::super) fn hold(&self, look: Look) -> Held<'_> {
        drop(self.enter(look));
        Held(self)
    }

    /// Begins an operation. First switches to another file if it has replaced this one and no
    /// operation is under way.
    fn enter(&self, look: Look) -> MutexGuard<'_, Pool> {
        let mut pool = lock(&self.pool);
        while pool.is_suspended {
            drop(pool);
            std::thread::sleep(SHORT_PAUSE);
            pool = lock(&self.pool);
        }
        if pool.users == 0 && self.is_replaced(&mut pool, look) {
            // SQLite's locks on the old file cover no other file, so its connections may be closed.
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
        let is_unchanged = || pool.folder.as_ref().is_some_and(Folder::is_unchanged);
        if pool.looked_at.is_some_and(is_recent) && (look == Look::Sometimes || is_unchanged()) {
            return false;
        }
        pool.looked_at = Some(now);
        if let Some(folder) = &mut pool.folder {
            folder.note();
        }
        match FileId::at(&self.path) {
            Some(found) => !file.is_still(&found),
            // A writer creates a new file; a reader has nothing better than the old one.
            None => self.access.is_writing(),
        }
    }

    /// Converts a generation of the file in use into one that is unique across files.
    pub(in super::super) fn generation_in_file(&self, generation: u64) -> u64 {
        let number = lock(&self.pool).number;
        number
            .wrapping_shl(GENERATION_BITS)
            .wrapping_add(generation)
    }
}

impl ForkBackend for SqliteBackend {
    fn suspend(&self, patience: Duration) -> bool {
        let started = Instant::now();
        loop {
            let mut pool = lock(&self.pool);
            if pool.users == 0 {
                pool.is_suspended = true;
                let idle = std::mem::take(&mut pool.idle);
                drop(pool);
                self.close(idle);
                return true;
            }
            drop(pool);
            if started.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(SHORT_PAUSE);
        }
    }

    fn resume(&self) {
        lock(&self.pool).is_suspended = false;
    }
}

/// Guard of an operation under way on the file in use.
pub(in super::super) struct Held<'a>(&'a SqliteBackend);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        lock(&self.0.pool).users -= 1;
    }
}

/// A connection that returns to the pool when dropped.
pub(in super::super) struct Pooled<'a> {
    backend: &'a SqliteBackend,
    session: Option<Box<Session>>,
}

impl Deref for Pooled<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("taken only when dropped")
    }
}

impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("taken only when dropped")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let session = self.session.take();
        let mut pool = lock(&self.backend.pool);
        // A connection that could not roll back, as on a failing disk, is closed instead.
        pool.idle
            .extend(session.filter(|session| session.is_autocommit()));
        pool.users -= 1;
    }
}
