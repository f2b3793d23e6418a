//! The chunks of a large value, each with a checksum.

use rusqlite::{Connection, MAIN_DB};
use xxhash_rust::xxh3::Xxh3;

use super::damage::RowError;
use crate::backend::{Chunked, Content};
use crate::value::CHUNK_SIZE;

/// Maximum number of chunks of a value: `chunks.id` is `blob << 20 | index`.
pub(in super::super) const MAX_CHUNKS: u64 = 1 << 20;

/// Maximum length of a value, in bytes.
pub(in super::super) const MAX_SIZE: u64 = MAX_CHUNKS * CHUNK_SIZE as u64;

/// Returns the id of a blob's chunk.
pub(in super::super) fn chunk_id(blob: i64, index: u64) -> i64 {
    (blob << 20) | index as i64
}

pub(in super::super) fn chunk_checksum(blob: i64, index: u64, bytes: &[u8]) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(&blob.to_le_bytes());
    hash.update(&index.to_le_bytes());
    hash.update(bytes);
    hash.digest() as i64
}

/// Reads one chunk and verifies it. Returns `false` if there is none; `bytes` is then unspecified.
///
/// Does not select the bytes as a column: SQLite would read them into memory of its own first, anew
/// for every chunk, and touching a page for the first time costs more than reading it does.
pub(in super::super) fn chunk(
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
    // In the same snapshot: the statement is not at its end yet.
    let blob = connection.blob_open(MAIN_DB, c"chunks", c"bytes", id, true)?;
    if blob.len() > CHUNK_SIZE {
        return Err(RowError::Damaged);
    }
    bytes.resize(blob.len(), 0);
    blob.read_at_exact(bytes, 0)?;
    if chunk_checksum(chunked.id, index, bytes) == stored {
        Ok(true)
    } else {
        Err(RowError::Damaged)
    }
}

/// Reads all chunks of a value, one at a time.
pub(in super::super) fn verify_chunks(
    connection: &Connection,
    content: &Content,
) -> Result<(), RowError> {
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
