//! Results of cached calls: what a hit and a miss in a program cost most of.
//!
//! Every column that is read costs two per cent of a look-up, so one that only some results need is read for those alone,
//! and none that no hit needs, as what is recorded of earlier ones. A result is mostly recognised by its function and its
//! [split](CallIdentity::split); what came by another way, as an import, has none, and is compared in full.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::SqliteBackend;
use super::reclaim::Due;
use super::row::{self, Kept, RowError};
use super::write::Interned;
use crate::backend::{CallIdentity, CallLookup, CallResult, Condition, Content};
use crate::entry::{self, Entry, same_args};
use crate::error::Result;
use crate::time::Timestamp;

/// What every hit needs of its row; when it was written only counts where it expires.
macro_rules! select {
    ($more:literal) => {
        concat!(
            "SELECT id, function, split, kind, expires_at, \
             CASE WHEN expires_at IS NOT NULL THEN coalesce(updated_at, created_at) END, \
             cost_ms, checksum, value",
            $more,
            " FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2"
        )
    };
}

/// One result, by store and hash.
const CALL: &str = select!("");

/// The same with the store's generation as of the same moment.
const CALL_AND_GENERATION: &str = select!(", (SELECT generation FROM stores WHERE id = ?1)");

impl SqliteBackend {
    pub(super) fn find_call(&self, call: &CallIdentity<'_>, now: Timestamp) -> Result<CallLookup> {
        let connection = self.connection()?;
        match self.try_find_call(&connection, call, now) {
            Ok(found) => Ok(found),
            Err(RowError::Damaged) => Ok(CallLookup::Damaged(call.address())),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn try_find_call(
        &self,
        connection: &Connection,
        call: &CallIdentity<'_>,
        now: Timestamp,
    ) -> Result<CallLookup, RowError> {
        let Some(store) = self.names.store_id(connection, call.store)? else {
            return Ok(CallLookup::Missing);
        };
        let sql = match call.with_generation {
            true => CALL_AND_GENERATION,
            false => CALL,
        };
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((store, &call.hash[..]))?;
        let Some(row) = rows.next()? else {
            return Ok(CallLookup::Missing);
        };
        // As in `row::entry`: a damaged index can lead to the same key of another store.
        let id: i64 = row.get(0)?;
        if id >> 32 != store {
            return Err(RowError::Damaged);
        }
        let expires_at = row::time(row, 4)?;
        if expires_at.is_some() {
            let written_at = row::time(row, 5)?.ok_or(RowError::Damaged)?;
            if !entry::is_fresh(written_at, expires_at, now) {
                return Ok(CallLookup::Missing);
            }
        }
        let bytes = row.get_ref(8)?.as_blob()?;
        // Of a value in the row itself, the checksum says more than its length would.
        let (blob, size) = match bytes {
            [] => large(connection, id)?,
            bytes => (None, bytes.len() as u64),
        };
        let kept = Kept {
            kind: row::kind(row.get(3)?).ok_or(RowError::Damaged)?,
            size,
            checksum: row.get(7)?,
            blob,
            bytes,
        };
        let content = kept.content(connection, ValueRef::Blob(call.hash))?;
        let is_known = row.get::<_, Option<i64>>(2)? == Some(call.split())
            && self
                .names
                .is_name(connection, row.get(1)?, Some(call.function))?;
        if !is_known && !self.is_of_call(connection, id, call)? {
            let function = self.names.name(connection, row.get(1)?)?;
            return Ok(CallLookup::Other(function));
        }
        Ok(CallLookup::Hit(CallResult {
            kind: kept.kind,
            content,
            expires_at,
            cost_ms: row.get(6)?,
            generation: match call.with_generation {
                true => Some(row.get(9)?),
                false => None,
            },
        }))
    }

    /// [`Entry::is_of_call`] on a row, which the snapshot of the look-up still holds.
    fn is_of_call(
        &self,
        connection: &Connection,
        id: i64,
        call: &CallIdentity<'_>,
    ) -> Result<bool, RowError> {
        let sql =
            "SELECT user, operator, prompt, function, jwt_sha256, args FROM entries WHERE id = ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        let row = rows.next()?.ok_or(RowError::Damaged)?;
        let scopes = call.scopes;
        let names = [
            scopes.user_id.as_ref(),
            scopes.operator_uri.as_ref(),
            scopes.prompt_id.as_ref(),
            Some(call.function),
        ];
        for (column, ours) in names.into_iter().enumerate() {
            let id: Option<i64> = row.get(column)?;
            if id.is_some() && !self.names.is_name(connection, id, ours)? {
                return Ok(false);
            }
        }
        let jwt_sha256: Option<[u8; 32]> = row.get(4)?;
        if jwt_sha256.is_some() && jwt_sha256 != scopes.jwt_sha256 {
            return Ok(false);
        }
        match row.get_ref(5)? {
            ValueRef::Null => Ok(true),
            recorded => Ok(same_args(recorded.as_str()?, &call.args())),
        }
    }

    /// Writes a result whatever is there; the generation is as of the same transaction.
    pub(super) fn put_result(
        &self,
        call: &CallIdentity<'_>,
        entry: &Entry,
        content: &Content,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        let put = entry.check().and_then(|()| {
            self.transaction(|transaction| {
                let sqlite = |error| self.error(error);
                let interned = Interned {
                    split: Some(call.split()),
                    ..Interned::new(&self.names, transaction, entry).map_err(sqlite)?
                };
                let always = Condition::Always;
                self.put_within(transaction, &interned, entry, content, &always, now)?;
                match call.with_generation {
                    true => generation(transaction, interned.store).map(Some),
                    false => Ok(None),
                }
                .map_err(sqlite)
            })
        });
        if put.is_err() {
            self.drop_staged(content);
        } else if matches!(content, Content::Chunked(_)) {
            // There is a next time.
            let _ = self.reclaim(Due::By(now));
        }
        put
    }
}

/// A number that grows whenever an entry of that store is replaced or removed.
pub(super) fn generation(connection: &Connection, store: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT generation FROM stores WHERE id = ?1")?
        .query_row([store], |row| row.get(0))
}

/// What else is known of a value that is not in its row: its blob, if it is large and not just empty, and its size.
fn large(connection: &Connection, id: i64) -> rusqlite::Result<(Option<i64>, u64)> {
    connection
        .prepare_cached("SELECT blob, size FROM entries WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
}
