//! Deletes orphaned large values: replaced ones after their retention time, removed ones at once,
//! and those staged by a process that was killed.
//!
//! A replaced value is retained for a minute, so that its readers can finish. Designs weighed: a
//! read transaction for as long as a value is read (a pipe that blocks would keep the log from
//! being reused), a lock for each reader (each would open one more file, and a read-only folder has
//! none), and restarting with the new value (the output printed so far is of the old one).
//!
//! A backend that stages values holds a kernel lock on a byte of `-locks`, and stores the byte's
//! number with the values. If the lock is free, the writer is dead.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use rusqlite::Connection;

use crate::backend::sqlite::blobs::{self, REPLACED};
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::file::reserve;
use crate::backend::sqlite::format::chunks::chunk_id;
use crate::backend::sqlite::{SqliteBackend, limits};
use crate::backend::{REPLACED_FOR, STAGED_FOR, UnnamedValues};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::sidecar::Sidecar;
use crate::single_flight::{FlightLock, FlightLocks};
use crate::sync::lock;
use crate::time::Timestamp;
use crate::value::CHUNK_SIZE;

/// Chunks deleted per transaction: its log is a dozen pages, and it holds the lock only briefly.
const STEP: u64 = 16;

/// Maximum number of chunks of replaced values retained for the whole minute.
const MANY_CHUNKS: u64 = 256;

/// Minimum retention of a replaced value, regardless of `MANY_CHUNKS`.
const LEAST: Duration = Duration::from_secs(5);

/// Bytes of replaced values that are retained in a store with a limit of its size, besides a tenth
/// of that. As much again is for the value that is being written.
const LIMITED: u64 = 4 << 20;

/// Selects the replaced values to delete.
#[derive(Clone, Copy)]
pub(in super::super) enum Due {
    /// Those past their retention time
    By(Timestamp),
    /// All of them
    All,
}

impl SqliteBackend {
    /// Deletes replaced and removed values.
    pub(in super::super) fn reclaim(&self, due: Due) -> Result<()> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let replaced = replaced(&connection).map_err(sqlite)?;
        let most = if replaced.is_empty() {
            None
        } else {
            most_retained(&connection).map_err(sqlite)?
        };
        drop(connection);
        if replaced.is_empty() {
            return Ok(());
        }
        if let Due::By(now) = due
            && replaced.iter().any(|blob| blob.replaced_at == REPLACED)
        {
            self.reclaiming(|transaction| {
                let sql = "UPDATE blobs SET replaced_at = ?1 WHERE replaced_at = ?2";
                transaction
                    .prepare_cached(sql)?
                    .execute((now.as_millis(), REPLACED))
            })?;
        }
        let mut chunks = 0;
        for blob in replaced {
            chunks += blob.chunks;
            let is_due = match due {
                Due::All => true,
                Due::By(_) if most.is_some_and(|most| chunks > most) => true,
                Due::By(_) if blob.replaced_at == REPLACED => false,
                Due::By(now) => {
                    let kept_for = if chunks > MANY_CHUNKS {
                        LEAST
                    } else {
                        REPLACED_FOR
                    };
                    blob.replaced_at < now.saturating_sub(kept_for).as_millis()
                }
            };
            if is_due {
                self.delete_value(blob.id)?;
            }
        }
        Ok(())
    }

    /// Deletes values that were staged by processes that died, or too long ago.
    pub(super) fn reclaim_staged(&self, now: Timestamp) -> Result<()> {
        let oldest = now.saturating_sub(STAGED_FOR).as_millis();
        let staged = staged(&*self.connection()?).map_err(|error| self.error(error))?;
        let writers = Writers::of(&self.path);
        for blob in staged {
            if blob.staged_at < oldest || writers.is_dead(&blob) {
                self.delete_value(blob.id)?;
            }
        }
        Ok(())
    }

    /// Counts the values that no entry names.
    pub(super) fn count_unnamed(&self) -> Result<UnnamedValues> {
        let connection = self.connection()?;
        let writers = Writers::of(&self.path);
        let count = || -> rusqlite::Result<UnnamedValues> {
            let mut unnamed = UnnamedValues::default();
            for blob in staged(&connection)? {
                let group = if writers.is_dead(&blob) {
                    &mut unnamed.abandoned
                } else {
                    &mut unnamed.staged
                };
                *group += size(&connection, blob.id)?;
            }
            for blob in replaced(&connection)? {
                unnamed.replaced += size(&connection, blob.id)?;
            }
            Ok(unnamed)
        };
        count().map_err(|error| self.error(error))
    }

    /// Deletes an unnamed value, a few chunks at a time.
    fn delete_value(&self, blob: i64) -> Result<()> {
        loop {
            let is_done = self.reclaiming(|transaction| {
                let sql = "SELECT 1 FROM entries WHERE blob = ?1";
                if transaction.prepare_cached(sql)?.exists([blob])? {
                    return Ok(true);
                }
                let sql = "DELETE FROM chunks WHERE id IN \
                           (SELECT id FROM chunks WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3)";
                let range = (chunk_id(blob, 0), chunk_id(blob + 1, 0), STEP);
                if transaction.prepare_cached(sql)?.execute(range)? as u64 == STEP {
                    return Ok(false);
                }
                blobs::delete(transaction, blob)?;
                Ok(true)
            })?;
            if is_done {
                return Ok(());
            }
        }
    }

    /// Runs a short write transaction, even if the disk is nearly full.
    pub(super) fn reclaiming<T>(
        &self,
        work: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let work = |transaction: &Session| Ok(work(transaction)?);
        if !reserve::is_needed(&self.path) {
            return self.transaction(work);
        }
        let frugal = || self.frugally(|connection| self.transaction_on(connection, work));
        match frugal() {
            Err(Error::Full { .. }) => {
                self.give_back();
                frugal()
            }
            result => result,
        }
    }
}

/// Returns the maximum number of chunks of replaced values that are retained at all; `None` without
/// a limit of the size. Their readers fail sooner, but the file takes little more than the limit.
fn most_retained(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let limits = limits::read(connection)?.into_iter();
    let most = limits.filter_map(|limit| limit.bounds.max_bytes).max();
    Ok(most.map(|bytes| (bytes / 10 + LIMITED) / CHUNK_SIZE as u64))
}

/// A value whose entry was replaced or removed.
struct Replaced {
    id: i64,
    replaced_at: i64,
    chunks: u64,
}

/// Lists the replaced and removed values, latest first.
fn replaced(connection: &Connection) -> rusqlite::Result<Vec<Replaced>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, replaced_at, (SELECT count(*) FROM chunks WHERE id >= b.id << 20 AND id < (b.id + 1) << 20) \
         FROM blobs AS b WHERE replaced_at IS NOT NULL ORDER BY replaced_at = ?1 DESC, replaced_at DESC, id DESC",
    )?;
    let blobs = statement.query_map([REPLACED], |row| {
        Ok(Replaced {
            id: row.get(0)?,
            replaced_at: row.get(1)?,
            chunks: row.get(2)?,
        })
    })?;
    blobs.collect()
}

/// A value that no entry names yet.
struct Staged {
    id: i64,
    staged_at: i64,
    /// Number of its writer, if that holds a lock
    writer: Option<i64>,
}

fn staged(connection: &Connection) -> rusqlite::Result<Vec<Staged>> {
    let sql = "SELECT id, staged_at, staged_by FROM blobs WHERE staged_at IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let blobs = statement.query_map((), |row| {
        Ok(Staged {
            id: row.get(0)?,
            staged_at: row.get(1)?,
            writer: row.get(2)?,
        })
    })?;
    blobs.collect()
}

fn size(connection: &Connection, blob: i64) -> rusqlite::Result<Usage> {
    let sql = "SELECT coalesce(sum(octet_length(bytes)), 0) FROM chunks WHERE id >= ?1 AND id < ?2";
    let range = (chunk_id(blob, 0), chunk_id(blob + 1, 0));
    let mut statement = connection.prepare_cached(sql)?;
    let bytes = statement.query_row(range, |row| row.get(0))?;
    Ok(Usage { entries: 1, bytes })
}

/// View of other processes' staging locks.
struct Writers(Option<FlightLocks>);

impl Writers {
    fn of(store: &Path) -> Self {
        Self(FlightLocks::look(&Sidecar::Locks.path(store)).ok())
    }

    /// Reports whether a writer is known to be dead. If unknown, the value's age decides.
    fn is_dead(&self, blob: &Staged) -> bool {
        match (&self.0, blob.writer) {
            (Some(locks), Some(writer)) => locks.is_free(&byte(writer)),
            _ => false,
        }
    }
}

/// Staging lock, which marks this process as alive for the garbage collection of others.
#[derive(Default)]
pub(in super::super) struct Staging(Mutex<Option<(i64, FlightLock)>>);

impl Staging {
    /// Returns the number of this writer, whose lock is held from here on; `None` if the file
    /// system has no locks.
    ///
    /// One lock covers all values: closing another descriptor of the file would drop the signatures
    /// of this process's locks.
    pub(in super::super) fn writer(&self, store: &Path) -> Option<i64> {
        let mut known = lock(&self.0);
        if known.is_none() {
            let locks = FlightLocks::open(&Sidecar::Locks.path(store)).ok()?;
            let number = RandomState::new().hash_one(()) as i64;
            *known = locks
                .try_lock(&byte(number))
                .ok()?
                .map(|lock| (number, lock));
        }
        known.as_ref().map(|(number, _)| *number)
    }

    /// Releases the lock, whose file is gone with the store's.
    pub(in super::super) fn forget(&self) {
        lock(&self.0).take();
    }
}

/// Names a writer's lock in the name space of keys.
fn byte(writer: i64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&writer.to_be_bytes());
    hash
}
