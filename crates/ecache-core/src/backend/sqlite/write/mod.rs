//! Writes single entries; imports share the statements. `logged` writes one as an operation.

mod logged;

use std::collections::HashSet;
use std::io::Read;

use rusqlite::Connection;

use super::connection::failure::SessionResult;
use super::connection::session::Session;
use super::counters::row_changes::{self, Amount};
use super::entry_rows::{Existing, Write, existing, full_store, id_after, replace, write};
use super::format::chunks::chunk;
use super::format::damage::RowError;
use super::format::encoding;
use super::names::interned::Interned;
use super::space::purge::Purge;
use super::space::reclaim::Due;
use super::stores::last_id;
use super::{SqliteBackend, blobs, row};
use crate::backend::{Chunked, Condition, Content, Put, PutOptions, WriteBackend};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Kind, Value};

/// Selects an entry by its id.
const BY_ID: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", value FROM entries WHERE id = ?1"
);

impl WriteBackend for SqliteBackend {
    fn stage(&self, value: &mut dyn Read, now: Timestamp) -> Result<Content> {
        let first = blobs::read_chunk(value)?;
        if first.len() < CHUNK_SIZE {
            return Ok(Content::Inline(first));
        }
        let second = blobs::read_chunk(value)?;
        if second.is_empty() {
            return Ok(Content::Inline(first));
        }
        let id = self.begin_staging(now)?;
        match self.stage_chunks(id, first, second, value) {
            Ok(size) => Ok(Content::Chunked(Chunked { id, size })),
            Err(error) => {
                // The first error says more than a failure to clean up; garbage collection finds a
                // value that stays.
                let _ = self.discard(id);
                Err(error)
            }
        }
    }

    fn put(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        let put = entry
            .check()
            .map_err(Error::from)
            .and_then(|()| self.write_put(entry, content, options, now));
        let put = match put {
            // Retired entries go before a write fails for lack of space.
            Err(Error::Full { .. }) if self.purge(Purge::All).is_ok_and(|count| count > 0) => {
                self.write_put(entry, content, options, now)
            }
            put => put,
        };
        if matches!(put, Ok(Put::Refused) | Err(_)) {
            self.drop_staged(content);
        }
        if put.is_ok() {
            self.purge_sometimes(now);
        }
        if matches!(content, Content::Chunked(_)) && put.is_ok() {
            // Best effort: the next write retries.
            let _ = self.reclaim(Due::By(now));
        }
        put
    }
}

impl SqliteBackend {
    /// Removes a staged value that no entry was given.
    pub(super) fn drop_staged(&self, content: &Content) {
        if let Content::Chunked(chunked) = content {
            // Garbage collection finds a value that stays.
            let _ = self.discard(chunked.id);
        }
    }

    fn write_put(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        self.transaction_of_one(|transaction| {
            let interned = Interned::new(&self.names, transaction, entry)?;
            let written = self.put_within(transaction, &interned, entry, content, options, now);
            written.map(|(put, _)| put)
        })
    }

    /// Writes an entry within a transaction that has written no other, and makes room for it where
    /// a limit needs that. Also returns its expiry, which a limit may have given it.
    pub(super) fn put_within(
        &self,
        transaction: &Session,
        interned: &Interned,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> SessionResult<(Put, Option<Timestamp>)> {
        if !transaction.has_limits() {
            let (put, _) = self.put_row(transaction, interned, entry, content, options, now)?;
            return Ok((put, entry.expires_at));
        }
        let names = interned.name_ids();
        let entry = &*self.with_default_ttl(transaction, names, entry, options.expiry, now)?;
        let (put, id) = self.put_row(transaction, interned, entry, content, options, now)?;
        if let Some(id) = id {
            let footprint = row_changes::footprint_of(entry, content.size());
            self.check_worth(transaction, names, entry)?;
            self.check_fits(transaction, names, footprint)?;
            self.count_loss(transaction, names, entry, now)?;
            let amount = Amount::one(footprint as i64);
            match put {
                Put::Created => transaction.note_added(id, names, amount),
                _ => transaction.note_changed(id, names, amount),
            }
            self.make_room(transaction, Some(id), &HashSet::new(), now)?;
        }
        Ok((put, entry.expires_at))
    }

    /// Writes an entry, and returns its id if it was written. Notes what it takes from the table.
    fn put_row(
        &self,
        transaction: &Session,
        interned: &Interned,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> SessionResult<(Put, Option<i64>)> {
        let id = last_id(transaction, interned.store)
            .and_then(|last| id_after(transaction, interned.store, last))?;
        if matches!(
            options.condition,
            Condition::Always | Condition::UnlessNewer(_)
        ) {
            self.check_staged(transaction, content)?;
            // Most entries are new, so SQLite itself detects an existing key on insertion.
            if let Some(id) = id {
                let how = Write::InsertNew;
                let written = write(transaction, how, id, interned, entry, content, None);
                if written? > 0 {
                    return Ok((Put::Created, Some(id)));
                }
            }
        }
        let existing = existing(transaction, interned.store, entry, now)?;
        if !self.holds(transaction, &options.condition, existing.as_ref(), now)? {
            return Ok((Put::Refused, None));
        }
        self.check_staged(transaction, content)?;
        let Some(existing) = existing else {
            let id = id.ok_or_else(|| full_store(&entry.address.store))?;
            write(
                transaction,
                Write::Insert,
                id,
                interned,
                entry,
                content,
                None,
            )?;
            return Ok((Put::Created, Some(id)));
        };
        let created_at = Some(existing.created_at);
        let entry = &*existing.with_kept_lifetime(entry, options.keep, now);
        replace(transaction, &existing, interned, entry, content, created_at)?;
        let (names, amount) = existing.counted;
        transaction.note_changed(existing.id, names, -amount);
        Ok((Put::Replaced, Some(existing.id)))
    }

    /// Reports whether the condition of a write holds.
    pub(super) fn holds(
        &self,
        connection: &Connection,
        condition: &Condition,
        existing: Option<&Existing>,
        now: Timestamp,
    ) -> rusqlite::Result<bool> {
        let fresh = existing.filter(|existing| existing.is_fresh);
        let fresh = fresh.map(|fresh| (fresh.id, fresh.written_at, fresh.cost_ms));
        condition.holds(fresh, now, |id, expected| {
            self.has_value(connection, id, expected)
        })
    }

    /// Refuses a staged value that is no longer there.
    pub(super) fn check_staged(
        &self,
        connection: &Connection,
        content: &Content,
    ) -> SessionResult<()> {
        match content {
            Content::Chunked(chunked) if !blobs::name(connection, chunked.id)? => {
                Err(Error::Replaced.into())
            }
            Content::Chunked(_) | Content::Inline(_) => Ok(()),
        }
    }

    /// Reports whether an entry has a value, within the transaction that may replace it; `false`
    /// for a damaged entry.
    fn has_value(
        &self,
        connection: &Connection,
        id: i64,
        expected: &Value,
    ) -> rusqlite::Result<bool> {
        let read = || -> Result<bool, RowError> {
            let mut statement = connection.prepare_cached(BY_ID)?;
            let mut rows = statement.query([id])?;
            let row = rows.next()?.ok_or(RowError::Damaged)?;
            let fields = row::fields(row)?;
            let kind = encoding::kind(fields.kind).ok_or(RowError::Damaged)?;
            // Avoids reading a large value under the lock in vain: only JSON has several spellings
            // of one value.
            let may_differ = kind == Kind::Json || expected.kind == Kind::Json;
            if fields.size != expected.bytes.len() as i64 && !may_differ {
                return Ok(false);
            }
            let content = row::unread(&fields, row)?;
            let bytes = match content {
                Content::Inline(bytes) => bytes,
                Content::Chunked(chunked) => {
                    let (mut bytes, mut part) = (Vec::new(), Vec::new());
                    for index in 0..chunked.chunks() {
                        if !chunk(connection, &chunked, index, &mut part)? {
                            return Err(RowError::Damaged);
                        }
                        bytes.extend_from_slice(&part);
                    }
                    bytes
                }
            };
            Ok(Value { kind, bytes }.equals(expected))
        };
        match read() {
            Ok(same) => Ok(same),
            Err(RowError::Damaged) => Ok(false),
            Err(RowError::Sqlite(error)) => Err(error),
        }
    }
}
