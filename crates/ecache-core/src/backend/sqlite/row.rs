//! Conversion of a row to a verified entry.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::counters::row_changes::{Amount, NameIds, footprint};
use super::format::checksum::{Fields, Identity};
use super::format::chunks::{chunk_id, verify_chunks};
use super::format::column::{number, size};
use super::format::damage::RowError;
use super::format::encoding::{key_text, kind, policy};
use super::names::{ById, Names};
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::{Chunked, Content, START_SIZE};
use crate::entry::{Entry, EntryRef};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// The columns of an entry, in the order in which [`fields`] reads them, then its checksums.
macro_rules! columns {
    () => {
        "id, store, key, user, operator, prompt, function, split, policy, kind, size, \
         created_at, updated_at, expires_at, cost_ms, blob, jwt_sha256, args, row_checksum, checksum"
    };
}
pub(super) use columns;

/// The columns of `uses`, in the order in which [`Uses::of_row`] reads them.
macro_rules! uses {
    () => {
        "last_used_at, hits, saved_ms"
    };
}
pub(super) use uses;

/// Index of the column with the value's length.
pub(super) const SIZE: usize = 10;

/// Indexes of the two checksum columns.
const ROW_CHECKSUM: usize = 18;
const CHECKSUM: usize = 19;

/// Number of columns, and therefore the index of the first one selected after them.
pub(super) const COLUMNS: usize = 20;

/// The column of the value, where it is selected behind [`columns`].
const VALUE: usize = COLUMNS;

/// The columns of `uses`, selected behind the value.
pub(super) const USES: (&str, usize) = (uses!(), 21);

/// Placeholders for these columns, for an entry whose uses cannot be read.
pub(super) const NO_USES: &str = "NULL, NULL, NULL";

/// Returns what a row of [`columns`] uses, as the triggers count it.
pub(super) fn counted(row: &Row<'_>) -> rusqlite::Result<(NameIds, Amount)> {
    let names = NameIds {
        store: store_of(row.get(0)?),
        user: number(row, 3)?,
        operator: number(row, 4)?,
        prompt: number(row, 5)?,
    };
    let args = row.get_ref(17)?.as_str_or_null().unwrap_or_default();
    let bytes = footprint(size(row, SIZE)?, row.get_ref(2)?, args);
    Ok((names, Amount::one(i64::try_from(bytes).unwrap_or(i64::MAX))))
}

/// Reads a point in time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

/// The recorded hits of an entry.
#[derive(Clone, Copy, Default)]
pub(super) struct Uses {
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) hits: u64,
    saved_ms: u64,
}

impl Uses {
    /// Reads them from two columns, which are NULL where nothing is recorded.
    pub(super) fn of_row(row: &Row<'_>, first: usize) -> Result<Self, RowError> {
        Ok(Self {
            last_used_at: time(row, first)?,
            hits: row.get::<_, Option<u64>>(first + 1)?.unwrap_or(0),
            saved_ms: row.get::<_, Option<u64>>(first + 2)?.unwrap_or(0),
        })
    }

    /// Selects those of one entry. Preparing this and the entry's own statement takes half as long
    /// as preparing a join.
    pub(super) fn select(connection: &Connection, entry: i64) -> Result<Self, RowError> {
        let sql = "SELECT last_used_at, hits, saved_ms FROM uses WHERE entry = ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([entry])?;
        match rows.next()? {
            Some(row) => Self::of_row(row, 0),
            None => Ok(Self::default()),
        }
    }
}

/// Reads the fields of a row of [`columns`] and verifies that they were written with its id.
///
/// If an index led here, SQLite reads the indexed columns from the index rather than from the row.
/// If the index is damaged, they do not match the row's checksum.
pub(super) fn fields<'a>(row: &'a Row<'_>) -> Result<Fields<'a>, RowError> {
    let fields = Fields {
        id: row.get(0)?,
        store: row.get(1)?,
        key: row.get_ref(2)?,
        user: row.get(3)?,
        operator: row.get(4)?,
        prompt: row.get(5)?,
        function: row.get(6)?,
        split: row.get(7)?,
        policy: row.get(8)?,
        kind: row.get(9)?,
        size: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        expires_at: row.get(13)?,
        cost_ms: row.get(14)?,
        blob: row.get(15)?,
        jwt_sha256: row.get_ref(16)?.as_blob_or_null()?,
        args: row.get_ref(17)?.as_str_or_null()?,
    };
    let stored: i64 = row.get(ROW_CHECKSUM)?;
    if fields.is_in_place() && fields.sum()? == stored {
        Ok(fields)
    } else {
        Err(RowError::Damaged)
    }
}

/// Selects [`columns`] of one row from the table, not from an index.
pub(super) const BY_ID: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM entries NOT INDEXED WHERE id = ?1"
);

/// Reads and verifies the row with an id; `None` if there is none.
pub(super) fn with_id<T>(
    connection: &Connection,
    id: i64,
    read: impl FnOnce(Fields<'_>, &Row<'_>) -> Result<T, RowError>,
) -> Result<Option<T>, RowError> {
    let mut statement = connection.prepare_cached(BY_ID)?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => read(fields(row)?, row).map(Some),
        None => Ok(None),
    }
}

/// Returns a function that reads the size of the entry with an id.
pub(super) fn sizes(
    connection: &Connection,
) -> rusqlite::Result<impl FnMut(i64) -> rusqlite::Result<u64>> {
    let mut statement = connection.prepare_cached("SELECT size FROM entries WHERE id = ?1")?;
    Ok(move |id| statement.query_row([id], |row| size(row, 0)))
}

/// Reads the `checksum` of a row of [`columns`].
pub(super) fn checksum(row: &Row<'_>) -> rusqlite::Result<i64> {
    row.get(CHECKSUM)
}

/// The names that rows lead to, for readers of many rows: without locks and counted references.
///
/// Ids are never reused, so a name may be kept while the file stays the same.
#[derive(Default)]
pub(super) struct Known {
    store: Option<(i64, Arc<StoreAddress>)>,
    names: ById<Arc<str>>,
}

impl Known {
    /// Builds an entry from verified fields. `digits` has room for its key.
    pub(super) fn entry<'a>(
        &'a mut self,
        connection: &Connection,
        names: &Names,
        fields: &'a Fields<'_>,
        uses: Uses,
        digits: &'a mut [u8; 64],
    ) -> Result<EntryRef<'a>, RowError> {
        for id in [fields.user, fields.operator, fields.prompt, fields.function] {
            if let Some(id) = id
                && !self.names.contains_key(&id)
                && let Some(name) = names.name(connection, Some(id))?
            {
                self.names.insert(id, name);
            }
        }
        let store = match self.store.take() {
            Some((id, store)) if id == fields.store => store,
            _ => names.store(connection, fields.store)?,
        };
        let (_, store) = self.store.insert((fields.store, store));
        let name = |id: Option<i64>| id.and_then(|id| self.names.get(&id));
        let count = |number| u64::try_from(number).map_err(|_| RowError::Damaged);
        let jwt_sha256 = fields.jwt_sha256.map(TryInto::try_into).transpose();
        Ok(EntryRef {
            store,
            key: key_text(fields.key, digits).ok_or(RowError::Damaged)?,
            policy: policy(fields.policy).ok_or(RowError::Damaged)?,
            kind: kind(fields.kind).ok_or(RowError::Damaged)?,
            size: count(fields.size)?,
            created_at: Timestamp::from_millis(fields.created_at),
            updated_at: fields.updated_at.map(Timestamp::from_millis),
            expires_at: fields.expires_at.map(Timestamp::from_millis),
            user_id: name(fields.user),
            operator_uri: name(fields.operator),
            prompt_id: name(fields.prompt),
            jwt_sha256: jwt_sha256.map_err(|_| RowError::Damaged)?,
            function: name(fields.function),
            cost_ms: fields.cost_ms.map(count).transpose()?,
            args: fields.args,
            last_used_at: uses.last_used_at,
            hits: uses.hits,
            saved_ms: uses.saved_ms,
        })
    }
}

/// Builds an entry from verified fields.
pub(super) fn entry(
    connection: &Connection,
    names: &Names,
    fields: &Fields<'_>,
    uses: Uses,
) -> Result<Entry, RowError> {
    let mut known = Known::default();
    let mut digits = [0; 64];
    let entry = known.entry(connection, names, fields, uses, &mut digits)?;
    Ok(entry.to_entry())
}

/// Reads and verifies the value of a row of [`columns`] followed by the value.
pub(super) fn content(
    connection: &Connection,
    fields: &Fields<'_>,
    row: &Row<'_>,
) -> Result<Content, RowError> {
    let content = unread(fields, row)?;
    verify_chunks(connection, &content)?;
    Ok(content)
}

/// Reads and verifies the value of such a row likewise, where it is; `None` for a chunked one.
pub(super) fn inline<'a>(
    fields: &Fields<'_>,
    row: &'a Row<'_>,
) -> Result<Option<&'a [u8]>, RowError> {
    if fields.blob.is_some() {
        return Ok(None);
    }
    let bytes = row.get_ref(VALUE)?.as_blob()?;
    if fields.identity().with_bytes(bytes)? == checksum(row)? {
        Ok(Some(bytes))
    } else {
        Err(RowError::Damaged)
    }
}

/// Reads the value likewise, but verifies only the name and size of a chunked one.
pub(super) fn unread(fields: &Fields<'_>, row: &Row<'_>) -> Result<Content, RowError> {
    let size = u64::try_from(fields.size).map_err(|_| RowError::Damaged)?;
    let kept = Kept {
        identity: &fields.identity(),
        checksum: checksum(row)?,
        large: fields.blob.map(|id| Chunked { id, size }),
        bytes: row.get_ref(VALUE)?.as_blob()?,
    };
    kept.content()
}

/// Returns the statement of [`columns`], the start of the value, and uses.
pub(super) fn select_start(uses: &str, source: &str) -> String {
    let columns = columns!();
    format!("SELECT {columns}, substr(value, 1, {START_SIZE}), {uses} {source}")
}

/// Reads the start of the value of a row of [`select_start`], unverified.
pub(super) fn start(
    connection: &Connection,
    fields: &Fields<'_>,
    row: &Row<'_>,
) -> Result<Content, RowError> {
    let Some(blob) = fields.blob else {
        // SQLite's `substr` makes NULL of an empty blob.
        let start = row.get_ref(VALUE)?.as_blob_or_null()?.unwrap_or_default();
        return Ok(Content::Inline(start.to_vec()));
    };
    let sql = "SELECT substr(bytes, 1, ?2) FROM chunks WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let start = statement.query_row((chunk_id(blob, 0), START_SIZE as i64), |row| {
        Ok(row.get_ref(0)?.as_blob()?.to_vec())
    });
    Ok(Content::Inline(start.optional()?.unwrap_or_default()))
}

/// A value as it is stored in its row.
pub(super) struct Kept<'a> {
    pub(super) identity: &'a Identity<'a>,
    pub(super) checksum: i64,
    /// Location of the value, if it is stored in chunks
    pub(super) large: Option<Chunked>,
    pub(super) bytes: &'a [u8],
}

impl Kept<'_> {
    /// Returns the verified value. For a chunked one, only its name and size are verified.
    pub(super) fn content(&self) -> Result<Content, RowError> {
        let content = match self.large {
            Some(large) => Content::Chunked(large),
            None => Content::Inline(self.bytes.to_vec()),
        };
        if self.identity.with(&content)? == self.checksum {
            Ok(content)
        } else {
            Err(RowError::Damaged)
        }
    }
}
