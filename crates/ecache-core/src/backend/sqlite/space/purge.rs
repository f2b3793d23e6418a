//! Deletes entries kept for undo, once their time is over or their space is needed.
//!
//! An operation's entries stay for a day. The latest removal has its whole day, whatever its size;
//! earlier ones go first once they take more space than the entries in use, and more than
//! [`LEAST`]. Operations that keep no entries take no space, and can be undone for their day:
//! changes of settings and lifetimes, and renamings. Deletions run in short transactions; the
//! record of the operation is changed with the last one, so that a killed purge is continued by the
//! next.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::reclaim::Due;
use crate::backend::sqlite::file::reserve;
use crate::backend::sqlite::format::checksum::Fields;
use crate::backend::sqlite::format::damage::{self, RowError};
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::store_rows;
use crate::backend::sqlite::operations::{LoggedOperation, OperationPart};
use crate::backend::sqlite::query::Range;
use crate::backend::sqlite::selection::verify::delete_rows;
use crate::backend::sqlite::tombstones::{Burial, Graves};
use crate::backend::sqlite::{SqliteBackend, row, settings};
use crate::backend::{Effect, UNDO_SIZE};
use crate::error::{Error, Result};
use crate::scope::StoreAddress;
use crate::sync::lock;
use crate::time::Timestamp;

/// Space, in bytes, that may be kept for undo however little is in use.
const LEAST: u64 = 64 << 20;

/// Time for which overwriting waits for readers of the log.
const SHRED_PATIENCE: Duration = Duration::from_secs(5);

/// Number of rows that one transaction deletes: a fraction of 75 ms.
const BATCH: usize = 2000;

/// Rows per transaction on a full disk.
const SMALLEST_BATCH: usize = 50;

/// Time that a write spends on due deletions.
const LITTLE: Duration = Duration::from_millis(75);

/// Maximum number of operations that can be undone, besides those in between that cannot.
const MOST_KEPT: i64 = 5000;

/// Interval between checks by a process that writes.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// Selects the records to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Purge {
    /// Operations whose time is over, as many as a short time allows
    ALittle(Timestamp),
    /// All operations whose time is over
    Due(Timestamp),
    /// All entries and documents that are kept for undo
    All,
    /// Those, and documents that were only moved, whose text would be left
    Shred,
}

impl SqliteBackend {
    /// Deletes due records after a write, now and then. Best effort.
    pub(in super::super) fn purge_sometimes(&self, now: Timestamp) {
        let is_first = {
            let mut checked = lock(&self.purged_at);
            let is_recent = |at: &Instant| at.elapsed() < CHECK_EVERY;
            if checked.as_ref().is_some_and(is_recent) {
                return;
            }
            checked.replace(Instant::now()).is_none()
        };
        // A short process writes once: one in sixteen looks.
        if !is_first || std::process::id().is_multiple_of(16) {
            let _ = self.purge(Purge::ALittle(now));
        }
    }

    /// Deletes the entries kept for undo, and returns the number of operations that cannot be
    /// undone any more.
    pub(in super::super) fn purge(&self, purge: Purge) -> Result<u64> {
        let started = Instant::now();
        let due = self.due(purge)?;
        let mut count = 0;
        for stored in due {
            let is_done =
                |purge: &Purge| matches!(purge, Purge::ALittle(_)) && started.elapsed() >= LITTLE;
            for swap in &stored.swaps {
                while self.purge_store(swap.retired, &stored)? {
                    if is_done(&purge) {
                        return Ok(count);
                    }
                }
            }
            for part in 1..=stored.parts {
                self.purge_part(&stored, part)?;
                if is_done(&purge) {
                    return Ok(count);
                }
            }
            self.reclaiming(|transaction| {
                // Another process may have changed the record, or undone the operation.
                let Some(mut current) = LoggedOperation::read(transaction, stored.number)? else {
                    return Ok(());
                };
                if current.keeps_something() {
                    current.forget();
                    current.write(transaction)?;
                }
                Ok(())
            })?;
            count += u64::from(stored.is_undoable());
        }
        if matches!(purge, Purge::All | Purge::Shred) {
            self.purge_left()?;
        }
        Ok(count)
    }

    /// Deletes the rows that undos left marked, since their keys had newer entries.
    fn purge_left(&self) -> Result<()> {
        let connection = self.connection()?;
        let left = || -> rusqlite::Result<Vec<(LoggedOperation, i64)>> {
            let mut found = Vec::new();
            for stored in LoggedOperation::all(&connection)? {
                for part in 1..=stored.parts {
                    let is_left = match stored.part(&connection, part)? {
                        OperationPart::Left(_, left) | OperationPart::Inherited(_, left) => {
                            matches!(*left, OperationPart::Removed(_))
                        }
                        _ => false,
                    };
                    if is_left {
                        found.push((stored.clone(), part));
                    }
                }
            }
            Ok(found)
        };
        let left = left().map_err(|error| self.error(error))?;
        drop(connection);
        for (stored, part) in left {
            self.purge_part(&stored, part)?;
        }
        Ok(())
    }

    /// Deletes all that is kept for undo, and overwrites it in the file and in the log.
    pub(in super::super) fn shred(&self) -> Result<u64> {
        self.overwrite_deleted(true)?;
        let count = self.purge(Purge::Shred).and_then(|count| {
            self.reclaim(Due::All)?;
            Ok(count)
        });
        self.overwrite_deleted(false)?;
        let count = count?;
        let connection = self.connection()?;
        // The log has the old pages.
        match self.checkpoint_within(&connection, SHRED_PATIENCE) {
            Ok(true) => Ok(count),
            Ok(false) => Err(Error::Busy),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Has the idle connections of this process overwrite what they delete, or not.
    fn overwrite_deleted(&self, is_on: bool) -> Result<()> {
        for connection in &lock(&self.pool).idle {
            connection
                .pragma_update_and_check(None, "secure_delete", is_on, |_| Ok(()))
                .map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    /// Returns the operations whose entries are due, oldest first.
    fn due(&self, purge: Purge) -> Result<Vec<LoggedOperation>> {
        let connection = self.connection()?;
        let sqlite = |error| self.error(error);
        let mut kept = LoggedOperation::all(&connection).map_err(sqlite)?;
        // The settings of a change are its record in the log.
        kept.retain(|stored| stored.keeps_something() && stored.effect != Effect::Set);
        if kept.is_empty() {
            return Ok(kept);
        }
        for stored in &mut kept {
            // Best effort: one that is not counted counts as nothing.
            let _ = self.count_operation(stored);
        }
        let now = match purge {
            Purge::All | Purge::Shred => {
                let has_text =
                    |stored: &LoggedOperation| purge == Purge::Shred && !stored.changed.is_empty();
                kept.retain(|stored| stored.keeps_values() || has_text(stored));
                kept.reverse();
                return Ok(kept);
            }
            Purge::ALittle(now) | Purge::Due(now) => now,
        };
        let last = kept.first().map_or(0, |stored| stored.number);
        let held = || kept.iter().map(LoggedOperation::held);
        let latest = held().find(|bytes| *bytes > 0).unwrap_or(0);
        let all = held().fold(0, u64::saturating_add);
        let set = settings::get(&connection, UNDO_SIZE).map_err(sqlite)?;
        let most = match set.and_then(|bytes| bytes.parse().ok()) {
            Some(most) => most,
            None => LEAST.max(self.used_bytes(&connection)?.saturating_sub(all)),
        };
        // The latest is the last of them here, and does not count.
        let mut before = all - latest;
        kept.reverse();
        kept.retain(|stored| {
            let is_over = stored.until() <= now || stored.number + MOST_KEPT < last;
            let is_too_much = before > most && stored.held() > 0;
            if is_over || is_too_much {
                before = before.saturating_sub(stored.held());
            }
            is_over || is_too_much
        });
        Ok(kept)
    }

    /// Returns the bytes of the file that are not free.
    fn used_bytes(&self, connection: &Connection) -> Result<u64> {
        let number = |sql| self.number(connection, sql);
        let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
        Ok(pages.saturating_mul(number("PRAGMA page_size")?))
    }

    /// Deletes some of the entries of a row of `stores` that an operation retired, and at last the
    /// row. Reports whether there are more.
    fn purge_store(&self, store: i64, operation: &LoggedOperation) -> Result<bool> {
        let limit = self.batch_size();
        let number = operation.number;
        self.reclaiming(|transaction| {
            let row = store_rows::store_row(transaction, store)?;
            let Some(row) = row.filter(|row| row.retired == number) else {
                return Ok(false);
            };
            let Range { after, end } = Range::store(store);
            let sql = "SELECT id FROM entries NOT INDEXED WHERE id > ?1 AND id <= ?2 \
                       ORDER BY id LIMIT ?3";
            let mut statement = transaction.prepare_cached(sql)?;
            let ids = statement.query_map((after, end, limit as i64), |row| row.get(0))?;
            let mut ids = ids.collect::<rusqlite::Result<Vec<i64>>>()?;
            // A damaged page can lead elsewhere.
            ids.retain(|id| Range::store(store).contains(*id));
            if ids.is_empty() {
                transaction
                    .prepare_cached("DELETE FROM stores WHERE id = ?1 AND retired = ?2")?
                    .execute((store, number))?;
                return Ok(false);
            }
            let graves = delete(
                transaction,
                &ids,
                |_| true,
                |_| Ok(Some(row.address.clone())),
            )?;
            self.bury(transaction, operation, graves)?;
            Ok(true)
        })
    }

    /// Deletes the entries of one part that are still marked, and its record.
    fn purge_part(&self, stored: &LoggedOperation, part: i64) -> Result<()> {
        let entries = {
            let connection = self.connection()?;
            stored.part(&connection, part)
        };
        // All others are in use.
        let mut ids = entries.map_err(|error| self.error(error))?.marked();
        if !ids.is_empty() {
            if stored.undone_by != 0 {
                let later = self.removed_since(stored.number)?;
                ids.retain(|id| !later.contains(id));
            }
            for ids in ids.chunks(self.batch_size()) {
                self.reclaiming(|transaction| {
                    let is_meant =
                        |fields: Option<&Fields<'_>>| fields.is_some_and(Fields::is_marked);
                    let address = |store| {
                        let row = damage::readable(store_rows::store_row(transaction, store))?;
                        Ok(row.flatten().map(|row| row.address))
                    };
                    let graves = delete(transaction, ids, is_meant, address)?;
                    self.bury(transaction, stored, graves)
                })?;
            }
        }
        self.reclaiming(|transaction| stored.delete_part(transaction, part))
    }

    /// Returns the single entries that operations in force removed after that of a number. What an
    /// undo brought back may be removed again.
    fn removed_since(&self, number: i64) -> Result<HashSet<i64>> {
        let connection = self.connection()?;
        let read = || -> rusqlite::Result<HashSet<i64>> {
            let mut removed = HashSet::new();
            for stored in LoggedOperation::all(&connection)? {
                if stored.number <= number || stored.undone_by != 0 {
                    continue;
                }
                for part in 1..=stored.parts {
                    removed.extend(stored.part(&connection, part)?.marked());
                }
            }
            Ok(removed)
        };
        read().map_err(|error| self.error(error))
    }

    /// Writes down why entries are gone that an operation removed.
    fn bury(
        &self,
        transaction: &Connection,
        operation: &LoggedOperation,
        graves: Graves,
    ) -> rusqlite::Result<()> {
        // On a full disk there is no space to say why, and a replaced entry is not gone.
        if operation.effect != Effect::Removed || reserve::is_needed(&self.path) {
            return Ok(());
        }
        let burial = Burial {
            cause: operation.operation.cause,
            operation: operation.number,
            note: "",
            now: Timestamp::from_millis(operation.at),
        };
        burial.bury(transaction, graves)
    }

    fn batch_size(&self) -> usize {
        if reserve::is_needed(&self.path) {
            SMALLEST_BATCH
        } else {
            BATCH
        }
    }
}

/// Deletes marked rows of entries that were replaced.
pub(in super::super) fn delete_marked(
    transaction: &Connection,
    ids: &[i64],
) -> rusqlite::Result<()> {
    let is_meant = |fields: Option<&Fields<'_>>| fields.is_some_and(Fields::is_marked);
    delete(transaction, ids, is_meant, |_| Ok(None)).map(drop)
}

/// Deletes the rows for which `is_meant` is true; a damaged one has no fields. `address` returns
/// that of a store.
fn delete(
    transaction: &Connection,
    ids: &[i64],
    is_meant: impl Fn(Option<&Fields<'_>>) -> bool,
    address: impl Fn(i64) -> rusqlite::Result<Option<StoreAddress>>,
) -> rusqlite::Result<Graves> {
    let mut graves = Graves::default();
    let mut known: Option<(i64, Option<StoreAddress>)> = None;
    let (mut meant, mut large) = (Vec::new(), Vec::new());
    let mut statement = transaction.prepare_cached(row::BY_ID)?;
    for id in ids {
        let mut rows = statement.query([id])?;
        let Some(row) = rows.next()? else { continue };
        match row::fields(row) {
            Ok(fields) if is_meant(Some(&fields)) => {
                large.extend(fields.blob);
                meant.push(*id);
                let store = store_of(*id);
                if known.as_ref().is_none_or(|(id, _)| *id != store) {
                    known = Some((store, address(store)?));
                }
                if let Some((_, Some(address))) = &known {
                    graves.add(store, address, fields.key, fields.expires_at)?;
                }
            }
            Ok(_) => {}
            Err(RowError::Damaged) if is_meant(None) => meant.push(*id),
            Err(RowError::Damaged) => {}
            Err(RowError::Sqlite(error)) => return Err(error),
        }
    }
    delete_rows(transaction, meant, large)?;
    Ok(graves)
}
