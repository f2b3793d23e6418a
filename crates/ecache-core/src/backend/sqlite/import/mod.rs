//! Writes many entries exactly as they were elsewhere.
//!
//! One transaction holds the write lock for the whole import, so the caller must not hand in
//! records that wait for a pipe. Into an empty file the indexes are built last, from sorted rows:
//! measured on a million entries, that is more than twice as fast. `seen_keys` tells entries with
//! one key apart meanwhile. Records come in any order, but an entry is stored beside those of its
//! store; so some thousands are taken at a time and written store by store.

mod batch;
mod log;
mod seen_keys;

use rusqlite::Connection;

use self::batch::{ImportBatch, SORTED_AT_ONCE};
use super::SqliteBackend;
use super::connection::session::Session;
use super::connection::transaction::End;
use super::format::schema;
use crate::backend::{
    Commit, ImportBackend, ImportLog, Imported, OnConflict, OnRefused, Progress, Record,
};
use crate::error::{Error, Result};
use crate::filter::Usage;
use log::Recorder;
use seen_keys::SeenKeys;

/// Number of pages to which the log may grow between checkpoints while an import runs.
const CHECKPOINT_PAGES: i64 = 16_000;

/// SQLite's page cache while an import runs, in KiB. Building an index takes as much again for
/// sorting.
const CACHE_KIB: i64 = 20 * 1024;

impl ImportBackend for SqliteBackend {
    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        self.import_records(records, on_conflict, commit, None, on_refused, progress)
    }
}

impl SqliteBackend {
    pub(super) fn import_records(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        log: Option<&mut ImportLog<'_>>,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        let connection = self.writing_connection()?;
        let settings = |cache_kib, pages| {
            format!("PRAGMA cache_size=-{cache_kib}; PRAGMA wal_autocheckpoint={pages};")
        };
        connection
            .execute_batch(&settings(CACHE_KIB, CHECKPOINT_PAGES))
            .map_err(|error| self.error(error))?;
        let result = self.import_with(
            &connection,
            records,
            (on_conflict, commit),
            log,
            on_refused,
            progress,
        );
        self.checkpoint(&connection);
        // The connection goes back to the pool with SQLite's own settings.
        connection
            .execute_batch(&settings(2000, 1000))
            .map_err(|error| self.error(error))?;
        result
    }

    fn import_with(
        &self,
        connection: &Session,
        records: &mut dyn Iterator<Item = Result<Record>>,
        (on_conflict, commit): (OnConflict, Commit),
        log: Option<&mut ImportLog<'_>>,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        let mut log = log;
        let size = match commit {
            Commit::Whole | Commit::Rehearse => u64::MAX,
            Commit::Every(size) => (size as u64).max(1),
        };
        let mut imported = Imported::default();
        let mut done = 0;
        let mut ended = false;
        while !ended {
            let end = match commit {
                Commit::Rehearse => End::Rollback,
                Commit::Whole | Commit::Every(_) => End::Commit,
            };
            let (count, logged) = self.transaction_ending(connection, end, |transaction| {
                // A write that has to make room uses the indexes.
                let rebuild =
                    commit == Commit::Whole && !transaction.has_limits() && is_empty(transaction)?;
                if rebuild {
                    schema::drop_filter_indexes(transaction)?;
                    schema::drop_key_index(transaction)?;
                }
                let recorder = log
                    .as_deref_mut()
                    .map(|log| Recorder::new(transaction, log))
                    .transpose()?;
                let mut batch = ImportBatch::new(self, transaction, on_conflict, recorder);
                batch.seen = rebuild.then(SeenKeys::default);
                let mut count = 0;
                while count < size && !ended {
                    let taken;
                    let most = SORTED_AT_ONCE.min(size - count);
                    (taken, ended) = batch.take(records, most, on_refused)?;
                    let is_empty = taken.is_empty();
                    count += taken.len() as u64;
                    for record in taken {
                        batch.write(record, &mut imported, on_refused)?;
                    }
                    batch.make_room(&mut imported)?;
                    if !is_empty && progress(done + count).is_break() {
                        let entries = done;
                        let done = Usage { entries, bytes: 0 };
                        return Err(Error::Interrupted { done }.into());
                    }
                }
                let logged = batch.recorder.take().map(|it| it.end(transaction));
                let logged = logged.transpose()?.flatten();
                batch.index_keys()?;
                drop(batch);
                if rebuild {
                    schema::create_filter_indexes(transaction)?;
                }
                Ok((count, logged))
            })?;
            if let (Some(log), Some(stored), End::Commit) = (log.as_deref_mut(), logged, end) {
                log.number = Some(stored.number.unsigned_abs());
                log.until = stored.removed().until;
            }
            done += count;
        }
        // Everything is done, so there is nothing to stop.
        let _ = progress(done);
        Ok(imported)
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT EXISTS(SELECT 1 FROM entries)";
    connection.query_row(sql, (), |row| row.get(0))
}
