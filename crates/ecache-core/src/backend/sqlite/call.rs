//! Results of cached calls: what a hit and a miss in a program cost most of.
//!
//! Every column that is read costs two per cent of a look-up, so one that only some results need is read for those alone,
//! and none that no hit needs, as what is recorded of earlier ones.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::SqliteBackend;
use super::row::{self, Kept, RowError};
use super::write::Interned;
use crate::backend::{CallIdentity, CallLookup, CallResult, Condition, Content};
use crate::entry::{self, Entry, same_args};
use crate::error::Result;
use crate::key::hash_digits;
use crate::time::Timestamp;

/// What every hit needs of its row; when it was written only counts where it expires.
macro_rules! select {
    ($more:literal) => {
        concat!(
            "SELECT id, user, operator, prompt, function, kind, \
             CASE WHEN expires_at IS NOT NULL THEN coalesce(updated_at, created_at) END, \
             expires_at, cost_ms, checksum, blob, jwt_sha256, value",
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
            Ok(Some(result)) => Ok(CallLookup::Hit(result)),
            Ok(None) => Ok(CallLookup::Missing),
            Err(RowError::Damaged) => Ok(CallLookup::Damaged(call.address())),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn try_find_call(
        &self,
        connection: &Connection,
        call: &CallIdentity<'_>,
        now: Timestamp,
    ) -> Result<Option<CallResult>, RowError> {
        let Some(store) = self.names.store_id(connection, call.store)? else {
            return Ok(None);
        };
        let sql = match call.with_generation {
            true => CALL_AND_GENERATION,
            false => CALL,
        };
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((store, &call.hash[..]))?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        // As in `row::entry`: a damaged index can lead to the same key of another store.
        let id: i64 = row.get(0)?;
        if id >> 32 != store {
            return Err(RowError::Damaged);
        }
        let expires_at = row::time(row, 7)?;
        if expires_at.is_some() {
            let written_at = row::time(row, 6)?.ok_or(RowError::Damaged)?;
            if !entry::is_fresh(written_at, expires_at, now) {
                return Ok(None);
            }
        }
        let bytes = row.get_ref(12)?.as_blob()?;
        let blob = row.get(10)?;
        let kept = Kept {
            kind: row::kind(row.get(5)?).ok_or(RowError::Damaged)?,
            // Of a value in the row itself, the checksum says more than its length would.
            size: match blob {
                Some(_) => size(connection, id)?,
                None => bytes.len() as u64,
            },
            checksum: row.get(9)?,
            blob,
            bytes,
        };
        let content = kept.content(connection, hash_digits(call.hash, &mut [0; 64]))?;
        if !self.is_of_call(connection, row, id, call)? {
            return Ok(None);
        }
        Ok(Some(CallResult {
            kind: kept.kind,
            content,
            expires_at,
            cost_ms: row.get(8)?,
            generation: match call.with_generation {
                true => Some(row.get(13)?),
                false => None,
            },
        }))
    }

    /// [`Entry::is_of_call`] on a row, which the snapshot still holds.
    fn is_of_call(
        &self,
        connection: &Connection,
        row: &Row<'_>,
        id: i64,
        call: &CallIdentity<'_>,
    ) -> Result<bool, RowError> {
        let scopes = call.scopes;
        // Whether all of it is recorded.
        let mut is_recorded = true;
        let mut agrees = |column, ours: Option<&Arc<str>>| -> rusqlite::Result<bool> {
            let id = row.get(column)?;
            let is_ours = self.names.is_name(connection, id, ours)?;
            is_recorded &= is_ours;
            Ok(is_ours || id.is_none())
        };
        if !(agrees(1, scopes.user_id.as_ref())?
            && agrees(2, scopes.operator_uri.as_ref())?
            && agrees(3, scopes.prompt_id.as_ref())?
            && agrees(4, Some(call.function))?)
        {
            return Ok(false);
        }
        let jwt_sha256: Option<[u8; 32]> = row.get(11)?;
        if jwt_sha256 != scopes.jwt_sha256 {
            is_recorded = false;
            if jwt_sha256.is_some() {
                return Ok(false);
            }
        }
        // Where the scopes are the same, so are the arguments: the key is the hash of both together.
        match is_recorded {
            true => Ok(true),
            false => has_args(connection, id, &call.args()),
        }
    }

    /// Writes a result whatever is there; the generation is as of the same transaction.
    pub(super) fn put_result(
        &self,
        entry: &Entry,
        content: &Content,
        now: Timestamp,
    ) -> Result<u64> {
        let put = entry.check().and_then(|()| {
            self.transaction(|transaction| {
                let sqlite = |error| self.error(error);
                let interned = Interned::new(&self.names, transaction, entry).map_err(sqlite)?;
                let always = Condition::Always;
                self.put_within(transaction, &interned, entry, content, &always, now)?;
                generation(transaction, interned.store).map_err(sqlite)
            })
        });
        if put.is_err() {
            self.drop_staged(content);
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

/// The size of a large value.
fn size(connection: &Connection, id: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT size FROM entries WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
}

/// Whether other arguments are not recorded of an entry.
fn has_args(connection: &Connection, id: i64, args: &str) -> Result<bool, RowError> {
    let mut statement = connection.prepare_cached("SELECT args FROM entries WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    match rows.next()?.ok_or(RowError::Damaged)?.get_ref(0)? {
        ValueRef::Null => Ok(true),
        recorded => Ok(same_args(recorded.as_str()?, args)),
    }
}
