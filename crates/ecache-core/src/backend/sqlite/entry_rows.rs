//! The statements that write the row of an entry, shared by single writes, results of calls and
//! imports.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::blobs::{self, Unnamed};
use super::connection::session::Session;
use super::counters::row_changes::{Amount, NameIds};
use super::format::checksum::Fields;
use super::format::column;
use super::format::damage::{RowError, damaged};
use super::format::encoding::{MARK, kind_number, policy, policy_number, stored_key};
use super::names::interned::Interned;
use super::names::store_rows::bump_generation;
use super::query::Range;
use super::row;
use super::selection::marks;
use crate::backend::types::put::Lifespan;
use crate::backend::{Content, Keep};
use crate::entry::{self, Entry, MAX_COUNT};
use crate::error::{Error, Unsupported};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// The known fields of an entry about to be replaced; for a damaged one, only its existence.
pub(super) struct Existing {
    pub(super) id: i64,
    blob: Option<i64>,
    pub(super) created_at: i64,
    pub(super) written_at: Timestamp,
    pub(super) cost_ms: Option<u64>,
    /// Policy and expiry
    pub(super) lifetime: Option<Lifespan>,
    pub(super) is_fresh: bool,
    /// The part of limits that its row uses
    pub(super) counted: (NameIds, Amount),
}

impl Existing {
    /// Returns the entry that replaces this one, with as much of its lifetime as `keep` says.
    pub(super) fn with_kept_lifetime<'a>(
        &self,
        entry: &'a Entry,
        keep: Keep,
        now: Timestamp,
    ) -> Cow<'a, Entry> {
        let own = (entry.policy, entry.expires_at);
        let (policy, expires_at) = match self.lifetime {
            Some(old) => keep.lifetime(own, old, now),
            None => own,
        };
        if (policy, expires_at) == own {
            return Cow::Borrowed(entry);
        }
        Cow::Owned(Entry {
            policy,
            expires_at,
            ..entry.clone()
        })
    }
}

/// Selects every column of an entry except its value, by store and key.
const EXISTING: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2"
);

/// Returns the known fields of the stored entry with the key of `entry`, if there is one. A removed
/// one makes way.
pub(super) fn existing(
    connection: &Connection,
    store: i64,
    entry: &Entry,
    now: Timestamp,
) -> rusqlite::Result<Option<Existing>> {
    let mut statement = connection.prepare_cached(EXISTING)?;
    let mut rows = statement.query((store, stored_key(entry.address.key.as_str())))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let counted = row::counted(row)?;
    let removed = match row::fields(row) {
        Ok(fields) if fields.is_marked() => marks::out_of_the_way(&fields)?,
        Ok(fields) => {
            let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
            let written_at = Timestamp::from_millis(fields.identity().written_at);
            return Ok(Some(Existing {
                id: fields.id,
                blob: fields.blob,
                created_at: fields.created_at,
                written_at,
                cost_ms: fields.identity().cost_ms.map(i64::unsigned_abs),
                lifetime: policy(fields.policy).map(|policy| (policy, time(fields.expires_at))),
                is_fresh: entry::is_fresh(written_at, time(fields.expires_at), now),
                counted,
            }));
        }
        // Its large value is left to garbage collection, since the id may belong to another entry.
        Err(RowError::Damaged) => {
            return Ok(Some(Existing {
                id: row.get(0)?,
                blob: None,
                created_at: entry.created_at.as_millis(),
                written_at: Timestamp::from_millis(i64::MIN),
                cost_ms: None,
                lifetime: None,
                is_fresh: false,
                counted,
            }));
        }
        Err(RowError::Sqlite(error)) => return Err(error),
    };
    drop(rows);
    removed.make_way(connection)?;
    Ok(None)
}

/// Returns the id of a new entry of the store whose last one is `last`; `None` if it has no more.
///
/// Ids go up, so that an append touches the end of the table only. A store that has been through
/// all four billion of them goes on below its oldest entry.
pub(super) fn id_after(
    connection: &Connection,
    store: i64,
    last: i64,
) -> rusqlite::Result<Option<i64>> {
    let Range { after, end } = Range::store(store);
    if last < end {
        return Ok(Some(last + 1));
    }
    let first: i64 = connection
        .prepare_cached("SELECT min(id) FROM entries WHERE id > ?1 AND id <= ?2")?
        .query_row([after, end], |row| row.get(0))?;
    Ok(Some(first - 1).filter(|id| *id > after))
}

/// Returns the id of the row with a key in a store.
pub(super) fn id_of_key(
    connection: &Connection,
    store: i64,
    key: impl ToSql,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let id = statement.query_row((store, key), |row| row.get(0));
    id.optional()
}

/// Removes the recorded hits of an entry.
pub(super) fn forget_uses(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM uses WHERE entry = ?1")?
        .execute([id])?;
    Ok(())
}

/// Moves an entry and its recorded hits to another id, which is of the store `store`. Returns its
/// size.
pub(super) fn move_entry(
    connection: &Connection,
    id: i64,
    (to, store): (i64, i64),
) -> Result<u64, RowError> {
    change_and_move(connection, id, |new| (new.id, new.store) = (to, store))
}

/// Makes a marked row the entry `to` of a store, which has none with its key.
pub(super) fn restore(
    connection: &Connection,
    id: i64,
    (to, store): (i64, i64),
) -> Result<u64, RowError> {
    change_and_move(connection, id, |new| {
        new.kind -= MARK;
        (new.id, new.store) = (to, store);
    })
}

/// Changes the id, the store and the kind of a row, renews its checksums, and returns its size. Its
/// recorded hits go along.
fn change_and_move(
    connection: &Connection,
    id: i64,
    change: impl FnOnce(&mut Fields<'_>),
) -> Result<u64, RowError> {
    let read = row::with_id(connection, id, |fields, row| {
        let mut new = fields;
        change(&mut new);
        let checksum = new.renewed(&fields, row::checksum(row)?)?;
        let changed = (id, new.id, new.store, new.kind, new.sum()?, checksum);
        Ok((changed, column::size(row, row::SIZE)?))
    });
    let (changed, size) = read?.ok_or(RowError::Damaged)?;
    let sql = "UPDATE entries SET id = ?2, store = ?3, kind = ?4, row_checksum = ?5, checksum = ?6 \
               WHERE id = ?1";
    if connection.prepare_cached(sql)?.execute(changed)? == 0 {
        return Err(RowError::Damaged);
    }
    let to = changed.1;
    if to != id {
        connection
            .prepare_cached("UPDATE uses SET entry = ?2 WHERE entry = ?1")?
            .execute((id, to))?;
    }
    Ok(size)
}

/// Returns the error for a store that has no id left.
pub(super) fn full_store(store: &StoreAddress) -> Error {
    let store = Box::new(store.clone());
    Unsupported::NoNumbersLeft { store }.into()
}

/// The statement that writes an entry; all take the same parameters.
#[derive(Clone, Copy)]
pub(super) enum Write {
    /// Adds it; fails if its key is there
    Insert,
    /// Adds it unless its key is there
    InsertNew,
    /// Puts it in the place of the one with its id and key, whose index entry stays as it is
    Replace,
}

impl Write {
    fn sql(self) -> &'static str {
        macro_rules! insert {
            ($verb:literal) => {
                concat!(
                    $verb,
                    " INTO entries(id, store, key, user, operator, prompt, function, split, policy, \
                     kind, size, created_at, updated_at, expires_at, cost_ms, blob, jwt_sha256, \
                     args, row_checksum, checksum, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, \
                     ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
                )
            };
        }
        match self {
            Self::Insert => insert!("INSERT"),
            Self::InsertNew => insert!("INSERT OR IGNORE"),
            Self::Replace => {
                "UPDATE entries SET user = ?4, operator = ?5, prompt = ?6, function = ?7, \
                 split = ?8, policy = ?9, kind = ?10, size = ?11, created_at = ?12, updated_at = ?13, \
                 expires_at = ?14, cost_ms = ?15, blob = ?16, jwt_sha256 = ?17, args = ?18, \
                 row_checksum = ?19, checksum = ?20, value = ?21 \
                 WHERE id = ?1 AND store = ?2 AND key = ?3"
            }
        }
    }
}

/// Writes an entry under an id, and returns the number of rows written.
pub(super) fn write(
    connection: &Session,
    how: Write,
    id: i64,
    interned: &Interned,
    entry: &Entry,
    content: &Content,
    created_at: Option<i64>,
) -> rusqlite::Result<usize> {
    let (blob, value): (Option<i64>, &[u8]) = match content {
        Content::Inline(bytes) => (None, bytes),
        Content::Chunked(chunked) => (Some(chunked.id), &[]),
    };
    let time = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
    let key = stored_key(entry.address.key.as_str());
    let fields = Fields {
        id,
        store: interned.store,
        key: ValueRef::from(&key),
        user: interned.user,
        operator: interned.operator,
        prompt: interned.prompt,
        function: interned.function,
        split: interned.split,
        policy: policy_number(entry.policy),
        kind: kind_number(entry.kind),
        size: content.size() as i64,
        created_at: created_at.unwrap_or(entry.created_at.as_millis()),
        updated_at: time(entry.updated_at),
        expires_at: time(entry.expires_at),
        cost_ms: entry.cost_ms.map(|cost| cost.min(MAX_COUNT) as i64),
        blob,
        jwt_sha256: entry.scopes.jwt_sha256.as_ref().map(|hash| &hash[..]),
        args: entry.args.as_deref(),
    };
    let parameters: [&dyn ToSql; 21] = [
        &fields.id,
        &fields.store,
        &key,
        &fields.user,
        &fields.operator,
        &fields.prompt,
        &fields.function,
        &fields.split,
        &fields.policy,
        &fields.kind,
        &fields.size,
        &fields.created_at,
        &fields.updated_at,
        &fields.expires_at,
        &fields.cost_ms,
        &fields.blob,
        &fields.jwt_sha256,
        &fields.args,
        &fields.sum()?,
        &fields.identity().with(content)?,
        &ToSqlOutput::Borrowed(ValueRef::Blob(value)),
    ];
    connection
        .prepare_kept(how.sql())?
        .get()
        .execute(parameters)
}

/// Replaces an entry.
pub(super) fn replace(
    connection: &Session,
    existing: &Existing,
    interned: &Interned,
    entry: &Entry,
    content: &Content,
    created_at: Option<i64>,
) -> rusqlite::Result<()> {
    let kept = match content {
        Content::Inline(_) => None,
        Content::Chunked(chunked) => Some(chunked.id),
    };
    if existing.blob != kept
        && let Some(blob) = existing.blob
    {
        blobs::leave(connection, blob, Unnamed::Replaced)?;
    }
    let replaced = write(
        connection,
        Write::Replace,
        existing.id,
        interned,
        entry,
        content,
        created_at,
    )?;
    if replaced == 0 {
        return Err(damaged("an index leads to the row of another key"));
    }
    bump_generation(connection, interned.store)
}
