//! From a row to an entry, and the checksum that says whether its value is what was written.

use rusqlite::types::{FromSqlResult, ValueRef};
use rusqlite::{Connection, MAIN_DB, Row};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::names::Names;
use crate::backend::{Chunked, Content};
use crate::entry::{Entry, Policy};
use crate::key::{Key, hex};
use crate::scope::{Address, Scopes};
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Kind};

/// The columns of an entry, in the order in which [`entry`] reads them.
macro_rules! columns {
    () => {
        "id, store, key, policy, kind, size, created_at, updated_at, expires_at, user, operator, \
         prompt, function, cost_ms, jwt_sha256, args, checksum, blob"
    };
}
pub(super) use columns;

/// The column of the value, where it is selected behind [`columns`].
const VALUE: usize = 18;

/// The columns of `uses`, selected behind the value.
pub(super) const USES: (&str, usize) = ("last_used_at, hits", 19);

/// The numbers by which policies and kinds are kept.
pub(super) fn policy_number(policy: Policy) -> i64 {
    match policy {
        Policy::Persist => 0,
        Policy::Evict => 1,
    }
}

pub(super) fn policy(number: i64) -> Option<Policy> {
    match number {
        0 => Some(Policy::Persist),
        1 => Some(Policy::Evict),
        _ => None,
    }
}

pub(super) fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Json => 0,
        Kind::Text => 1,
        Kind::Bytes => 2,
        Kind::Command => 3,
    }
}

pub(super) fn kind(number: i64) -> Option<Kind> {
    [Kind::Json, Kind::Text, Kind::Bytes, Kind::Command]
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

/// Why a row is no entry: SQLite failed, or what it holds makes no sense.
pub(super) enum RowError {
    Sqlite(rusqlite::Error),
    Damaged,
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            // The file is intact to SQLite, but the value in the column is of the wrong type.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => Self::Damaged,
            other => Self::Sqlite(other),
        }
    }
}

impl From<rusqlite::types::FromSqlError> for RowError {
    fn from(_: rusqlite::types::FromSqlError) -> Self {
        Self::Damaged
    }
}

/// A number of a row whose other columns may be damaged, as this one may be.
///
/// What counts and removes goes on over damaged rows: they must not keep a store from being cleared.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    })
}

/// The size that a row claims, or nothing where no value has such a size.
pub(super) fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let size = number(row, column)?.and_then(|size| u64::try_from(size).ok());
    Ok(size.filter(|size| *size <= MAX_SIZE).unwrap_or(0))
}

/// The key of a row whose other columns may be damaged.
pub(super) fn key(value: ValueRef<'_>) -> Option<Key> {
    match value {
        ValueRef::Blob(hash) if hash.len() == 32 => Key::new(hex(hash)).ok(),
        ValueRef::Text(text) => Key::new(std::str::from_utf8(text).ok()?).ok(),
        _ => None,
    }
}

/// A point in time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.get(column)?;
    Ok(millis.map(Timestamp::from_millis))
}

/// What is recorded of an entry's hits.
#[derive(Default)]
pub(super) struct Uses {
    last_used_at: Option<Timestamp>,
    hits: u64,
}

impl Uses {
    /// From two columns, which are empty where nothing is recorded.
    pub(super) fn of_row(row: &Row<'_>, first: usize) -> Result<Self, RowError> {
        Ok(Self {
            last_used_at: time(row, first)?,
            hits: row.get::<_, Option<u64>>(first + 1)?.unwrap_or(0),
        })
    }

    /// Of one entry. To prepare this and the entry's own statement takes half of what a join takes.
    pub(super) fn select(connection: &Connection, entry: i64) -> Result<Self, RowError> {
        let sql = "SELECT last_used_at, hits FROM uses WHERE entry = ?1";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([entry])?;
        match rows.next()? {
            Some(row) => Self::of_row(row, 0),
            None => Ok(Self::default()),
        }
    }
}

/// The entry of a row of [`columns`].
pub(super) fn entry(
    connection: &Connection,
    names: &Names,
    row: &Row<'_>,
    uses: Uses,
) -> Result<Entry, RowError> {
    let time = |column| time(row, column);
    let name = |column| -> rusqlite::Result<_> { names.name(connection, row.get(column)?) };
    // The store is read from an index, and the id says where the row is: a damaged index can lead to
    // the same key of another store, which the checksum does not tell apart.
    let (id, store): (i64, i64) = (row.get(0)?, row.get(1)?);
    if id >> 32 != store {
        return Err(RowError::Damaged);
    }
    Ok(Entry {
        address: Address {
            store: names.store(connection, store)?,
            key: key(row.get_ref(2)?).ok_or(RowError::Damaged)?,
        },
        policy: policy(row.get(3)?).ok_or(RowError::Damaged)?,
        kind: kind(row.get(4)?).ok_or(RowError::Damaged)?,
        size: row.get(5)?,
        created_at: Timestamp::from_millis(row.get(6)?),
        updated_at: time(7)?,
        expires_at: time(8)?,
        scopes: Scopes {
            user_id: name(9)?,
            operator_uri: name(10)?,
            prompt_id: name(11)?,
            jwt_sha256: row.get(14)?,
        },
        function: name(12)?,
        cost_ms: row.get(13)?,
        args: row.get(15)?,
        last_used_at: uses.last_used_at,
        hits: uses.hits,
    })
}

/// The verified value of a row of [`columns`] and the value, which belongs to `entry`.
pub(super) fn content(
    connection: &Connection,
    entry: &Entry,
    row: &Row<'_>,
) -> Result<Content, RowError> {
    let content = named(entry, row)?;
    verify_chunks(connection, &content)?;
    Ok(content)
}

/// The same, but of a value in chunks only its name and size are verified.
pub(super) fn named(entry: &Entry, row: &Row<'_>) -> Result<Content, RowError> {
    let kept = Kept {
        kind: entry.kind,
        size: entry.size,
        checksum: row.get(16)?,
        blob: row.get(17)?,
        bytes: row.get_ref(VALUE)?.as_blob()?,
    };
    kept.named(row.get_ref(2)?)
}

/// A value as its row has it.
pub(super) struct Kept<'a> {
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) checksum: i64,
    pub(super) blob: Option<i64>,
    pub(super) bytes: &'a [u8],
}

impl Kept<'_> {
    /// The value, verified to be what was written under that key, as the row has it.
    pub(super) fn content(
        &self,
        connection: &Connection,
        key: ValueRef<'_>,
    ) -> Result<Content, RowError> {
        let content = self.named(key)?;
        verify_chunks(connection, &content)?;
        Ok(content)
    }

    /// The same, but of a value in chunks only its name and size are verified.
    fn named(&self, key: ValueRef<'_>) -> Result<Content, RowError> {
        let content = match self.blob {
            Some(id) => Content::Chunked(Chunked {
                id,
                size: self.size,
            }),
            None if self.bytes.len() as u64 == self.size => Content::Inline(self.bytes.to_vec()),
            None => return Err(RowError::Damaged),
        };
        match checksum(key, self.kind, &content)? == self.checksum {
            true => Ok(content),
            false => Err(RowError::Damaged),
        }
    }
}

/// The checksum of an entry: of its key and kind as well, so that a value cannot turn up under another.
/// The chunks of a large value have checksums of their own.
///
/// Each part is the seed of the next, which needs no memory: half as long for a short value as feeding one hash.
pub(super) fn checksum(key: ValueRef<'_>, kind: Kind, content: &Content) -> FromSqlResult<i64> {
    let (is_hash, key) = match key {
        ValueRef::Blob(hash) => (1, hash),
        text => (0, text.as_bytes()?),
    };
    let seed = xxh3_64_with_seed(key, (kind_number(kind) as u64) << 1 | is_hash);
    let checksum = match content {
        Content::Inline(bytes) => xxh3_64_with_seed(bytes, seed),
        Content::Chunked(Chunked { id, size }) => {
            let seed = xxh3_64_with_seed(&id.to_le_bytes(), seed);
            xxh3_64_with_seed(&size.to_le_bytes(), seed)
        }
    };
    Ok(checksum as i64)
}

/// Up to so many chunks make a value: `chunks.id` is `blob << 20 | index`.
pub(super) const MAX_CHUNKS: u64 = 1 << 20;

/// The longest value, in bytes.
pub(super) const MAX_SIZE: u64 = MAX_CHUNKS * CHUNK_SIZE as u64;

/// The ids of a blob's chunks.
pub(super) fn chunk_id(blob: i64, index: u64) -> i64 {
    (blob << 20) | index as i64
}

pub(super) fn chunk_checksum(blob: i64, index: u64, bytes: &[u8]) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(&blob.to_le_bytes());
    hash.update(&index.to_le_bytes());
    hash.update(bytes);
    hash.digest() as i64
}

/// Reads one chunk and verifies it; whether there is one. Without that, `bytes` means nothing.
///
/// Not as a column: SQLite would read it into memory of its own first, anew for every chunk, and a page that is
/// touched for the first time costs more than reading it does.
pub(super) fn chunk(
    connection: &Connection,
    chunked: &Chunked,
    index: u64,
    bytes: &mut Vec<u8>,
) -> Result<bool, RowError> {
    let id = chunk_id(chunked.id, index);
    let sql = "SELECT checksum, typeof(bytes) = 'blob' FROM chunks WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(false);
    };
    let (stored, is_blob): (i64, bool) = (row.get(0)?, row.get(1)?);
    if !is_blob {
        return Err(RowError::Damaged);
    }
    // As of the same moment: the statement is not at its end yet.
    let blob = connection.blob_open(MAIN_DB, c"chunks", c"bytes", id, true)?;
    if blob.len() > CHUNK_SIZE {
        return Err(RowError::Damaged);
    }
    bytes.resize(blob.len(), 0);
    blob.read_at_exact(bytes, 0)?;
    match chunk_checksum(chunked.id, index, bytes) == stored {
        true => Ok(true),
        false => Err(RowError::Damaged),
    }
}

/// Reads all chunks of a value, one at a time.
fn verify_chunks(connection: &Connection, content: &Content) -> Result<(), RowError> {
    if let Content::Chunked(chunked) = content {
        let mut bytes = Vec::new();
        for index in 0..chunked.chunks() {
            if !chunk(connection, chunked, index, &mut bytes)? {
                return Err(RowError::Damaged);
            }
        }
    }
    Ok(())
}
