//! One look-up by a process that does nothing else with the file: a hit of a short command.
//!
//! A sixth of such a process was SQLite setting up the shared memory of the log: the first process
//! to open a file truncates `-shm`, extends it page by page and fills it, here for one look-up. A
//! one-shot look-up reads the log into memory of its own instead, as SQLite does wherever it may
//! not write to `-shm`. The locks are the same: other processes can use the file, and during the
//! look-up the log is neither checkpointed nor restarted. If a writer has come in the meantime, it
//! is noticed, and its shared memory is used.
//!
//! Designs weighed: `immutable` (reads what a writer is just writing), `locking_mode=EXCLUSIVE`
//! (shuts others out), no log at all (readers and writers wait for each other).
//!
//! Connections of one process share their state of `-shm`: as long as a one-shot look-up is open,
//! no other connection of its process can write. Hence it is for processes that look up one entry
//! and end, and [`Access::Read`] does not use it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::Verified;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::file::{open, trust};
use crate::backend::sqlite::format::identify;
use crate::backend::sqlite::{Access, SqliteBackend};
use crate::backend::{Content, Lookup};
use crate::error::Result;
use crate::scope::Address;
use crate::time::Timestamp;

impl SqliteBackend {
    /// Opens the store at `path` to read it, and looks up one entry as of that moment, as
    /// [`ReadBackend::lookup_unread`](crate::backend::ReadBackend::lookup_unread) does, in less
    /// time than with [`Access::Read`]; in return nothing in the process may write to the store
    /// before this is dropped.
    ///
    /// # Errors
    /// Fails like [`SqliteBackend::open_within`] and [`ReadBackend::lookup`].
    #[doc(hidden)]
    pub fn look_up_once(
        path: &Path,
        patience: Duration,
        address: &Address,
        now: Timestamp,
    ) -> Result<(Self, Lookup)> {
        let path = open::absolute(path)?;
        trust::check_file(&path)?;
        if let Some(looked_up) = Self::try_look_up_once(&path, patience, address, now) {
            return Ok(looked_up);
        }
        let backend = Self::open_within(&path, Access::Read, patience)?;
        let lookup =
            backend.lookup_with(&*backend.connection()?, address, now, Verified::ByReader)?;
        Ok((backend, lookup))
    }

    /// Returns `None` on any problem, and for a large value, which is read chunk by chunk later.
    /// The caller then opens the store normally, which reports the problem.
    fn try_look_up_once(
        path: &Path,
        patience: Duration,
        address: &Address,
        now: Timestamp,
    ) -> Option<(Self, Lookup)> {
        let flags = open::READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection =
            Connection::open_with_flags(open::uri(path, open::INDEX_IN_MEMORY), flags).ok()?;
        open::configure(&connection, Duration::ZERO).ok()?;
        let session = Session::new(connection);
        let snapshot = session.unchecked_transaction().ok()?;
        identify::check_readable(&snapshot, path).ok()?;
        let backend = Self::with(path, Access::Read, patience);
        let lookup = backend
            .lookup_with(&session, address, now, Verified::ByReader)
            .ok()?;
        snapshot.commit().ok()?;
        match lookup {
            Lookup::Hit(_, Content::Chunked(_)) => None,
            lookup => {
                // Another look waits for other processes as one at any other connection does.
                session.busy_timeout(patience).ok()?;
                backend.begin_short(session);
                Some((backend, lookup))
            }
        }
    }
}
