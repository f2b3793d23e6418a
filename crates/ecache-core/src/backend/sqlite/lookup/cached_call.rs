//! Results of cached calls: most of the cost of a hit and of a miss in a program.
//!
//! Every column that is read costs two per cent of a look-up. A column that only some results need
//! is therefore read for those alone, and one that no hit needs, such as the recorded hits, is not
//! read. A result is recognised by its function and its [split](CallIdentity::split). The checksum
//! covers both and is right only with those of the call, so they are not read either. A result that
//! was written otherwise, as by an import, has no split, and is compared in full.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Rows};

use super::Known;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::format::checksum::Identity;
use crate::backend::sqlite::format::damage::RowError;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::format::{chunks, encoding};
use crate::backend::sqlite::names::interned::Interned;
use crate::backend::sqlite::row::{self, Kept, Uses};
use crate::backend::sqlite::space::reclaim::Due;
use crate::backend::{
    CallBackend, CallIdentity, CallLookup, CallResult, Chunked, Condition, Content, Miss, Put,
    PutCall, PutOptions,
};
use crate::entry::{self, Entry};
use crate::error::{Error, Result};
use crate::key::{MORE_PLACES, more_places};
use crate::time::Timestamp;

/// The columns that every hit reads: those that its checksum covers, except function and split. A
/// second row without an id has the store's generation. Only a miss steps to it, in the transaction
/// of the look-up: to begin another one takes as long as to look up a key.
macro_rules! select {
    ($more:literal, $nulls:literal) => {
        concat!(
            "SELECT id, kind, expires_at, coalesce(updated_at, created_at), cost_ms, checksum, \
             value",
            $more,
            " FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2 UNION ALL SELECT \
             NULL, generation, NULL, NULL, NULL, NULL, NULL",
            $nulls,
            " FROM stores WHERE id = ?1"
        )
    };
}

/// Selects a key that has an entry, in parentheses.
macro_rules! kept {
    ($key:literal) => {
        concat!(
            "(SELECT 1 FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ",
            $key,
            ")"
        )
    };
}

/// One result, by store and hash.
const CALL: &str = select!("", "");

/// One result, with the store's generation as of the same moment.
const CALL_AND_GENERATION: &str =
    select!(", (SELECT generation FROM stores WHERE id = ?1)", ", NULL");

/// One result, with what tells whose it is.
const WHOLE_CALL: &str = select!(", function, split", ", NULL, NULL");

/// One result, with that and the generation.
const WHOLE_CALL_AND_GENERATION: &str = select!(
    ", function, split, (SELECT generation FROM stores WHERE id = ?1)",
    ", NULL, NULL, NULL"
);

/// Reports for each of three keys whether it has an entry, from the index alone. `IN` would make a
/// table of the keys first, which takes longer than to find them.
const TAKEN: &str = concat!(
    "SELECT EXISTS",
    kept!("?2"),
    ", EXISTS",
    kept!("?3"),
    ", EXISTS",
    kept!("?4")
);

/// A statement for the result of a call.
struct CallQuery {
    sql: &'static str,
    /// The function that the result is taken to have, with the split of the call
    claimed: Option<i64>,
    /// The column with the generation of the store
    generation: Option<usize>,
}

impl CallQuery {
    /// Returns the one that reads the least: a claimed function is not read.
    fn of(claimed: Option<i64>, call: &CallIdentity<'_>) -> Self {
        let (sql, generation) = match (claimed, call.with_generation) {
            (Some(_), false) => (CALL, None),
            (Some(_), true) => (CALL_AND_GENERATION, Some(7)),
            (None, false) => (WHOLE_CALL, None),
            (None, true) => (WHOLE_CALL_AND_GENERATION, Some(9)),
        };
        Self {
            sql,
            claimed,
            generation,
        }
    }

    /// Reads the fields of a row that its checksum covers.
    fn identity<'a>(
        &self,
        row: &Row<'_>,
        call: &'a CallIdentity<'_>,
    ) -> rusqlite::Result<Identity<'a>> {
        let (function, split) = match self.claimed {
            Some(function) => (Some(function), Some(call.split())),
            None => (row.get(7)?, row.get(8)?),
        };
        Ok(Identity {
            id: row.get(0)?,
            key: ValueRef::Blob(call.hash),
            kind: row.get(1)?,
            function,
            split,
            written_at: row.get(3)?,
            expires_at: row.get(2)?,
            cost_ms: row.get(4)?,
        })
    }
}

impl CallBackend for SqliteBackend {
    fn lookup_call(&self, call: &CallIdentity<'_>, now: Timestamp) -> Result<CallLookup> {
        let connection = self.connection()?;
        match self.try_find_call(&connection, call, now) {
            Ok(found) => Ok(found),
            Err(RowError::Damaged) => Ok(CallLookup::Damaged(call.address())),
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }

    fn put_call(
        &self,
        call: &CallIdentity<'_>,
        entry: &Entry,
        content: &Content,
        now: Timestamp,
    ) -> Result<PutCall> {
        let put = entry.check().map_err(Error::from).and_then(|()| {
            self.transaction_of_one(|transaction| {
                let sqlite = |error| self.error(error);
                let interned = Interned {
                    split: Some(call.split()),
                    ..Interned::new(&self.names, transaction, entry).map_err(sqlite)?
                };
                if let Some(clears) = call.clears
                    && self
                        .clears_in(transaction, interned.store)
                        .map_err(sqlite)?
                        != clears
                {
                    return Ok(PutCall::OUTDATED);
                }
                let newer = call.began_at.map(Condition::UnlessNewer);
                let options = PutOptions::of_call(entry, newer.unwrap_or(Condition::Always));
                let (put, expires_at) =
                    self.put_within(transaction, &interned, entry, content, &options, now)?;
                if put == Put::Refused {
                    return Ok(PutCall::OUTDATED);
                }
                // As of the same transaction.
                let generation = if call.with_generation {
                    let generation = generation(transaction, interned.store).map_err(sqlite)?;
                    Some(self.generation_in_file(generation))
                } else {
                    None
                };
                Ok(PutCall::new(generation, expires_at))
            })
        });
        if put.is_ok() {
            self.purge_sometimes(now);
        }
        if put.as_ref().map_or(true, |put| put.is_outdated) {
            self.drop_staged(content);
        } else if matches!(content, Content::Chunked(_)) {
            // Best effort: the next write retries.
            let _ = self.reclaim(Due::By(now));
        }
        put
    }
}

impl SqliteBackend {
    fn try_find_call(
        &self,
        session: &Session,
        call: &CallIdentity<'_>,
        now: Timestamp,
    ) -> Result<CallLookup, RowError> {
        self.in_store(session, call.store, |store, known| {
            self.find_call_in(session, store, known, call, now)
        })
        .map(|found| found.unwrap_or(CallLookup::Missing(Miss::default())))
    }

    fn find_call_in(
        &self,
        session: &Session,
        store: i64,
        known: Known,
        call: &CallIdentity<'_>,
        now: Timestamp,
    ) -> Result<Option<CallLookup>, RowError> {
        if let Some(function) = session.known_function(call.function) {
            match self.read_call(session, (store, known), call, Some(function), now) {
                // It is another function's, or was written otherwise, or is damaged.
                Err(RowError::Damaged) => {}
                found => return found,
            }
        }
        self.read_call(session, (store, known), call, None, now)
    }

    /// Reads the result of a call. Its function is read as well, unless `claimed` is its id: then
    /// the result is [`RowError::Damaged`] if it has another one or another split.
    fn read_call(
        &self,
        connection: &Session,
        (store, known): (i64, Known),
        call: &CallIdentity<'_>,
        claimed: Option<i64>,
        now: Timestamp,
    ) -> Result<Option<CallLookup>, RowError> {
        let query = CallQuery::of(claimed, call);
        let mut statement = connection.prepare_kept(query.sql)?;
        let mut rows = statement.get().query((store, &call.hash[..]))?;
        let row = rows.next()?;
        if known.is_outdated(connection) {
            return Ok(None);
        }
        let Some(row) = row else {
            return Ok(Some(CallLookup::Missing(Miss::default())));
        };
        if row.get_ref(0)? == ValueRef::Null {
            return self.miss(connection, store, row, call).map(Some);
        }
        let identity = query.identity(row, call)?;
        // A damaged index can lead to the same key of another store.
        if store_of(identity.id) != store {
            return Err(RowError::Damaged);
        }
        if encoding::is_marked(identity.kind) {
            return self.miss_after(connection, store, rows, call).map(Some);
        }
        let content = verified_content(connection, row, &identity)?;
        let expires_at = identity.expires_at.map(Timestamp::from_millis);
        let written_at = Timestamp::from_millis(identity.written_at);
        if !entry::is_fresh(written_at, expires_at, now) {
            return self.miss_after(connection, store, rows, call).map(Some);
        }
        chunks::verify_chunks(connection, &content)?;
        if claimed.is_none() && !self.belongs_to(connection, &identity, call)? {
            let function = self.names.name(connection, identity.function)?;
            return Ok(Some(CallLookup::Other(function)));
        }
        Ok(Some(CallLookup::Hit(CallResult {
            kind: encoding::kind(identity.kind).ok_or(RowError::Damaged)?,
            content,
            written_at,
            expires_at,
            cost_ms: identity.cost_ms.map(|cost| cost.unsigned_abs()),
            generation: match query.generation {
                Some(column) => Some(self.generation_in_file(row.get(column)?)),
                None => None,
            },
        })))
    }

    /// Reports whether an entry is the result of a call, and remembers the id of its function.
    fn belongs_to(
        &self,
        session: &Session,
        identity: &Identity<'_>,
        call: &CallIdentity<'_>,
    ) -> Result<bool, RowError> {
        let is_of_function = identity.split == Some(call.split())
            && self
                .names
                .is_name(session, identity.function, call.function)?;
        match identity.function.filter(|_| is_of_function) {
            Some(function) => session.remember_function(call.function, function),
            None if is_of_function => {}
            None => return self.is_of_call(session, identity.id, call),
        }
        Ok(true)
    }

    /// Returns what a call without a result needs, after the row of one that is not to be served.
    fn miss_after(
        &self,
        session: &Session,
        store: i64,
        mut rows: Rows<'_>,
        call: &CallIdentity<'_>,
    ) -> Result<CallLookup, RowError> {
        match rows.next()? {
            Some(row) => self.miss(session, store, row, call),
            None => Ok(CallLookup::Missing(Miss::default())),
        }
    }

    /// Returns what a call without a result needs, from the row with the store's generation.
    fn miss(
        &self,
        session: &Session,
        store: i64,
        row: &Row<'_>,
        call: &CallIdentity<'_>,
    ) -> Result<CallLookup, RowError> {
        let taken = if call.with_taken {
            Some(taken(session, store, call.hash)?)
        } else {
            None
        };
        // A number that is damaged is asked for again, which reports it.
        let generation = row.get(1).ok();
        let clears = generation.map(|generation| self.clears_as_of(store, generation));
        Ok(CallLookup::Missing(Miss { clears, taken }))
    }

    /// Evaluates [`Entry::is_of_call`] on a row within the snapshot of the look-up.
    fn is_of_call(
        &self,
        connection: &Connection,
        id: i64,
        call: &CallIdentity<'_>,
    ) -> Result<bool, RowError> {
        let read = row::with_id(connection, id, |fields, _| {
            let entry = row::entry(connection, &self.names, &fields, Uses::default())?;
            Ok(entry.is_of_call(call.function, call.scopes, &call.args()))
        });
        read?.ok_or(RowError::Damaged)
    }
}

/// Reads a value and verifies it. For a chunked one, only its name and size are verified.
fn verified_content(
    connection: &Connection,
    row: &Row<'_>,
    identity: &Identity<'_>,
) -> Result<Content, RowError> {
    let bytes = row.get_ref(6)?.as_blob()?;
    let kept = Kept {
        identity,
        checksum: row.get(5)?,
        large: match bytes {
            [] => large(connection, identity.id)?,
            _ => None,
        },
        bytes,
    };
    kept.content()
}

/// Reports which further places of a key have an entry.
fn taken(session: &Session, store: i64, hash: &[u8; 32]) -> Result<[bool; MORE_PLACES], RowError> {
    let mut statement = session.prepare_kept(TAKEN)?;
    let [one, two, three] = more_places(hash);
    let mut rows = statement.get().query((store, one, two, three))?;
    let row = rows.next()?.ok_or(RowError::Damaged)?;
    Ok([row.get(0)?, row.get(1)?, row.get(2)?])
}

/// Returns a number that grows whenever an entry of that store is replaced or removed.
pub(in super::super) fn generation(connection: &Connection, store: i64) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT generation FROM stores WHERE id = ?1")?
        .query_row([store], |row| row.get(0))
}

/// Returns the location of a value stored outside its row, or `None` if the value is empty.
fn large(connection: &Connection, id: i64) -> rusqlite::Result<Option<Chunked>> {
    connection
        .prepare_cached("SELECT blob, size FROM entries WHERE id = ?1")?
        .query_row([id], |row| {
            let (blob, size): (Option<i64>, u64) = (row.get(0)?, row.get(1)?);
            Ok(blob.map(|id| Chunked { id, size }))
        })
}
