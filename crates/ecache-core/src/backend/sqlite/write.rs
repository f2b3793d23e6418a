//! Writes single entries; imports share the statements.

use crate::filter::{Filter, Selection, Usage};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::blobs::Unnamed;
use super::checksum::{self, Fields, damaged};
use super::names::{self, NameKind, Names};
use super::purge::Purge;
use super::query::{Range, stored_key};
use super::reclaim::Due;
use super::row::{self, RowError, chunk, kind_number, policy, policy_number};
use super::session::Session;
use super::{SqliteBackend, blobs, having_waited, marks};
use crate::backend::types::Lifespan;
use crate::backend::{
    CallIdentity, Commit, Condition, Content, Imported, OnConflict, OnExistingStore, OnRefused,
    Progress, Put, PutOptions, Record, StoreMetadata, Touch, WriteBackend,
};
use crate::entry::{self, Entry, MAX_COUNT};
use crate::error::{Error, Result};
use crate::scope::StoreAddress;
use crate::time::Timestamp;
use crate::value::{Kind, Value};

/// The known fields of an entry about to be replaced; for a damaged one, only its existence.
pub(super) struct Existing {
    pub(super) id: i64,
    blob: Option<i64>,
    created_at: i64,
    pub(super) written_at: Timestamp,
    /// Policy and expiry
    lifetime: Option<Lifespan>,
    is_fresh: bool,
}

/// The numbers that stand for parts of an entry.
pub(super) struct Interned {
    pub(super) store: i64,
    pub(super) user: Option<i64>,
    pub(super) operator: Option<i64>,
    pub(super) prompt: Option<i64>,
    pub(super) function: Option<i64>,
    /// Split of the cached call whose result the entry is, if it is one
    pub(super) split: Option<i64>,
}

impl Interned {
    /// Interns the names of an entry. Requires a write transaction that has interned none before.
    pub(super) fn new(
        known: &Names,
        connection: &Session,
        entry: &Entry,
    ) -> rusqlite::Result<Self> {
        let name = |kind, name: &Option<Arc<str>>| {
            let name = name.as_ref();
            name.map(|name| known.intern_name(connection, kind, name))
                .transpose()
        };
        Ok(Self {
            store: known.intern_store(connection, &entry.address.store)?,
            user: name(NameKind::User, &entry.scopes.user_id)?,
            operator: name(NameKind::Operator, &entry.scopes.operator_uri)?,
            prompt: name(NameKind::Prompt, &entry.scopes.prompt_id)?,
            function: match &entry.function {
                Some(function) => Some(known.intern_function(connection, function)?),
                None => None,
            },
            split: None,
        })
    }
}

/// Selects an entry by its id.
const BY_ID: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", value FROM entries WHERE id = ?1"
);

/// Selects every column of an entry except its value, by store and key.
const EXISTING: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM entries INDEXED BY entries_key WHERE store = ?1 AND key = ?2"
);

/// Undoes a transaction that is dropped before it was committed.
struct Rollback<'a>(&'a Connection);

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // A connection that cannot roll back is not used again.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

impl WriteBackend for SqliteBackend {
    fn stage(&self, value: &mut dyn Read, now: Timestamp) -> Result<Content> {
        self.stage_value(value, now)
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

    fn put_call(
        &self,
        call: &CallIdentity<'_>,
        entry: &Entry,
        content: &Content,
        now: Timestamp,
    ) -> Result<Option<u64>> {
        self.put_result(call, entry, content, now)
    }

    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        self.import_records(records, on_conflict, commit, on_refused, progress)
    }

    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        self.delete(selection, now, progress)
    }

    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        self.update(selection, touch, now, progress)
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        store.check()?;
        self.transaction(|transaction| {
            set_metadata(transaction, store, metadata).map_err(|error| self.error(error))
        })
    }

    fn remove_documents(&self, filter: &Filter) -> Result<u64> {
        self.delete_documents(filter)
    }

    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        _: Progress<'_>,
    ) -> Result<Usage> {
        self.rename(from, to, on_existing)
    }
}

impl SqliteBackend {
    /// Runs `work` in a transaction that takes the write lock at once: one that begins by reading
    /// could not wait for the lock later.
    pub(super) fn transaction<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        self.transaction_on(&*self.writing_connection()?, work)
    }

    /// Does the same, but gives up with [`Error::Busy`] when another process writes for longer than
    /// `patience`.
    pub(super) fn transaction_within<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        let connection = self.writing_connection()?;
        connection
            .busy_timeout(patience)
            .map_err(|error| self.error(error))?;
        let result = self.transaction_on(&connection, work);
        connection
            .busy_timeout(self.patience)
            .map_err(|error| self.error(error))?;
        result.map_err(|error| having_waited(patience, error))
    }

    /// Runs the transaction on the given connection.
    pub(super) fn transaction_on<T>(
        &self,
        connection: &Session,
        work: impl FnOnce(&Session) -> Result<T>,
    ) -> Result<T> {
        // Prepared once for each connection, unlike those of `rusqlite::Transaction`.
        let execute = |sql| -> Result<()> {
            let executed = connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(()));
            executed.map(drop).map_err(|error| self.error(error))
        };
        execute("BEGIN IMMEDIATE")?;
        let _rollback = Rollback(connection);
        let result = work(connection)?;
        let is_current = connection.is_current();
        execute("COMMIT")?;
        if is_current {
            connection.keep_known();
        }
        Ok(result)
    }

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
        self.transaction(|transaction| {
            let sqlite = |error| self.error(error);
            let interned = Interned::new(&self.names, transaction, entry).map_err(sqlite)?;
            self.put_within(transaction, &interned, entry, content, options, now)
        })
    }

    /// Writes an entry within a transaction that has written no other.
    pub(super) fn put_within(
        &self,
        transaction: &Connection,
        interned: &Interned,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        let sqlite = |error| self.error(error);
        let id = last_id(transaction, interned.store)
            .and_then(|last| id_after(transaction, interned.store, last))
            .map_err(sqlite)?;
        if options.condition == Condition::Always {
            self.check_staged(transaction, content)?;
            // Most entries are new, so SQLite itself detects an existing key on insertion.
            if let Some(id) = id {
                let how = Write::InsertNew;
                let written = write(transaction, how, id, interned, entry, content, None);
                if written.map_err(sqlite)? > 0 {
                    return Ok(Put::Created);
                }
            }
        }
        let existing = existing(transaction, interned.store, entry, now).map_err(sqlite)?;
        let holds = match (&options.condition, &existing) {
            (Condition::Always, _) => true,
            (Condition::IfAbsent, existing) => existing.as_ref().is_none_or(|e| !e.is_fresh),
            (Condition::IfValue(expected), Some(existing)) if existing.is_fresh => {
                self.has_value(transaction, existing.id, expected)?
            }
            (Condition::IfValue(_), _) => false,
        };
        if !holds {
            return Ok(Put::Refused);
        }
        self.check_staged(transaction, content)?;
        let Some(existing) = existing else {
            let id = id.ok_or_else(|| full_store(entry))?;
            write(
                transaction,
                Write::Insert,
                id,
                interned,
                entry,
                content,
                None,
            )
            .map_err(sqlite)?;
            return Ok(Put::Created);
        };
        let created_at = Some(existing.created_at);
        let (policy, expires_at) = match existing.lifetime {
            Some(old) => options
                .keep
                .lifetime((entry.policy, entry.expires_at), old, now),
            None => (entry.policy, entry.expires_at),
        };
        let kept;
        let entry = if (policy, expires_at) == (entry.policy, entry.expires_at) {
            entry
        } else {
            kept = Entry {
                policy,
                expires_at,
                ..entry.clone()
            };
            &kept
        };
        replace(transaction, &existing, interned, entry, content, created_at).map_err(sqlite)?;
        Ok(Put::Replaced)
    }

    /// Refuses a staged value that is no longer there.
    fn check_staged(&self, connection: &Connection, content: &Content) -> Result<()> {
        let Content::Chunked(chunked) = content else {
            return Ok(());
        };
        match blobs::name(connection, chunked.id) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Replaced),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Reports whether an entry has a value, within the transaction that may replace it; `false`
    /// for a damaged entry.
    fn has_value(&self, connection: &Connection, id: i64, expected: &Value) -> Result<bool> {
        let read = || -> Result<bool, RowError> {
            let mut statement = connection.prepare_cached(BY_ID)?;
            let mut rows = statement.query([id])?;
            let row = rows.next()?.ok_or(RowError::Damaged)?;
            let fields = row::fields(row)?;
            let kind = row::kind(fields.kind).ok_or(RowError::Damaged)?;
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
            Err(RowError::Sqlite(error)) => Err(self.error(error)),
        }
    }
}

/// Sets or removes the metadata of a store.
pub(super) fn set_metadata(
    connection: &Connection,
    store: &StoreAddress,
    metadata: Option<&StoreMetadata>,
) -> rusqlite::Result<()> {
    let id = names::intern_store(connection, store)?;
    write_metadata(connection, id, metadata)
}

/// Sets or removes the metadata of the store with that id.
pub(super) fn write_metadata(
    connection: &Connection,
    id: i64,
    metadata: Option<&StoreMetadata>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE stores SET metadata = ?2, metadata_policy = ?3, metadata_created_at = ?4, \
             metadata_updated_at = ?5, metadata_checksum = ?6, generation = generation + 1 \
             WHERE id = ?1",
        )?
        .execute((
            id,
            metadata.map(|metadata| &metadata.value),
            metadata.map(|metadata| policy_number(metadata.policy)),
            metadata.map(|metadata| metadata.created_at.as_millis()),
            metadata.and_then(|metadata| Some(metadata.updated_at?.as_millis())),
            metadata
                .map(|metadata| checksum::metadata(id, metadata, policy_number(metadata.policy))),
        ))?;
    Ok(())
}

/// Returns the time of the last change of a store's metadata, `None` if it has none.
pub(super) fn metadata_written_at(
    connection: &Connection,
    store: &StoreAddress,
) -> rusqlite::Result<Option<Timestamp>> {
    let id = names::intern_store(connection, store)?;
    let sql = "SELECT coalesce(metadata_updated_at, metadata_created_at, 0) FROM stores \
               WHERE id = ?1 AND metadata IS NOT NULL";
    connection
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

/// Raises a store's generation, which invalidates it in the memory tiers of other processes.
pub(super) fn bump_generation(connection: &Connection, store: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE stores SET generation = generation + 1 WHERE id = ?1")?
        .execute([store])?;
    Ok(())
}

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
                lifetime: policy(fields.policy).map(|policy| (policy, time(fields.expires_at))),
                is_fresh: entry::is_fresh(written_at, time(fields.expires_at), now),
            }));
        }
        // Its large value is left to garbage collection, since the id may belong to another entry.
        Err(RowError::Damaged) => {
            return Ok(Some(Existing {
                id: row.get(0)?,
                blob: None,
                created_at: entry.created_at.as_millis(),
                written_at: Timestamp::from_millis(i64::MIN),
                lifetime: None,
                is_fresh: false,
            }));
        }
        Err(RowError::Sqlite(error)) => return Err(error),
    };
    drop(rows);
    removed.make_way(connection)?;
    Ok(None)
}

/// Returns the last id of a store's entries, or the one before its first possible id.
pub(super) fn last_id(connection: &Connection, store: i64) -> rusqlite::Result<i64> {
    let Range { after, end } = Range::store(store);
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(id) FROM entries WHERE id > ?1 AND id <= ?2")?
        .query_row([after, end], |row| row.get(0))?;
    match last {
        None => Ok(after),
        Some(last) if (Range { after, end }).contains(last) => Ok(last),
        Some(_) => Err(damaged("the entries are out of order")),
    }
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

/// Removes the recorded hits of an entry.
pub(super) fn forget_uses(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM uses WHERE entry = ?1")?
        .execute([id])?;
    Ok(())
}

/// Returns the error for a store that has no id left.
pub(super) fn full_store(entry: &Entry) -> Error {
    full_store_of(&entry.address.store)
}

/// Returns the error for a store that has no id left.
pub(super) fn full_store_of(store: &StoreAddress) -> Error {
    Error::Unsupported(format!(
        "{store} has had four billion entries and can take no more"
    ))
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
    connection: &Connection,
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
    connection.prepare_cached(how.sql())?.execute(parameters)
}

/// Replaces an entry.
pub(super) fn replace(
    connection: &Connection,
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
