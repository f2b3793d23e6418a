//! Checksums of rows. Every row that leads to an entry or decides about one is verified.
//!
//! An entry has two checksums. A hit verifies `checksum`: a sum of the value XOR a sum of the
//! fields that a hit depends on. A change of lifetime can therefore renew it without reading the
//! value, and damage remains detectable. `row_checksum` covers every column except those two and
//! the value, for operations that list, remove or change entries without reading values. A sum of
//! the whole row would make every hit read every column.
//!
//! All sums begin with the row's `id`, which encodes the store that the row belongs to. A row that
//! a damaged index or page yields in the place of another one therefore fails verification.

use rusqlite::types::{FromSqlResult, ValueRef};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::encoding::is_marked;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::{Chunked, Content, StoreMetadata};
use crate::scope::StoreAddress;

/// Adds numbers to a sum, each with a marker for its presence.
fn numbers<const COUNT: usize>(numbers: [Option<i64>; COUNT], seed: u64) -> u64 {
    const MOST: usize = 20;
    let mut bytes = [0; 8 * MOST];
    let mut present = 0_u64;
    for (index, number) in numbers.into_iter().enumerate() {
        present |= u64::from(number.is_some()) << index;
        bytes[8 * index..][..8].copy_from_slice(&number.unwrap_or(0).to_le_bytes());
    }
    let last = COUNT;
    bytes[8 * last..][..8].copy_from_slice(&present.to_le_bytes());
    xxh3_64_with_seed(&bytes[..8 * (last + 1)], seed)
}

/// Sums several texts, each with its length, so that their boundaries matter.
fn texts<'a>(texts: impl IntoIterator<Item = &'a str>, seed: u64) -> u64 {
    texts.into_iter().fold(seed, |seed, text| {
        xxh3_64_with_seed(text.as_bytes(), seed ^ text.len() as u64)
    })
}

/// Sums a key, which is stored as text or as the 32 bytes of a hash.
fn key_sum(key: ValueRef<'_>) -> FromSqlResult<u64> {
    Ok(match key {
        ValueRef::Blob(hash) => xxh3_64_with_seed(hash, 1),
        text => xxh3_64_with_seed(text.as_bytes()?, 0),
    })
}

/// The fields that a hit depends on, besides the value.
pub(in super::super) struct Identity<'a> {
    pub(in super::super) id: i64,
    pub(in super::super) key: ValueRef<'a>,
    pub(in super::super) kind: i64,
    pub(in super::super) function: Option<i64>,
    pub(in super::super) split: Option<i64>,
    /// Time of the last write of the value
    pub(in super::super) written_at: i64,
    pub(in super::super) expires_at: Option<i64>,
    pub(in super::super) cost_ms: Option<i64>,
}

impl Identity<'_> {
    fn sum(&self) -> FromSqlResult<u64> {
        let fields = [
            Some(self.id),
            Some(self.kind),
            self.function,
            self.split,
            Some(self.written_at),
            self.expires_at,
            self.cost_ms,
        ];
        Ok(numbers(fields, key_sum(self.key)?))
    }

    /// Returns the `checksum` of an entry with this value. The chunks of a large value have their
    /// own.
    pub(in super::super) fn with(&self, content: &Content) -> FromSqlResult<i64> {
        match content {
            Content::Inline(bytes) => self.with_bytes(bytes),
            Content::Chunked(Chunked { id, size }) => {
                let value = numbers([Some(*id), Some(*size as i64)], 1);
                Ok((value ^ self.sum()?) as i64)
            }
        }
    }

    /// Returns the `checksum` of an entry whose value is in its row.
    pub(in super::super) fn with_bytes(&self, value: &[u8]) -> FromSqlResult<i64> {
        Ok((xxh3_64_with_seed(value, 0) ^ self.sum()?) as i64)
    }
}

/// The columns of an entry except its value, as stored in its row.
#[derive(Clone, Copy)]
pub(in super::super) struct Fields<'a> {
    pub(in super::super) id: i64,
    pub(in super::super) store: i64,
    pub(in super::super) key: ValueRef<'a>,
    pub(in super::super) user: Option<i64>,
    pub(in super::super) operator: Option<i64>,
    pub(in super::super) prompt: Option<i64>,
    pub(in super::super) function: Option<i64>,
    pub(in super::super) split: Option<i64>,
    pub(in super::super) policy: i64,
    pub(in super::super) kind: i64,
    pub(in super::super) size: i64,
    pub(in super::super) created_at: i64,
    pub(in super::super) updated_at: Option<i64>,
    pub(in super::super) expires_at: Option<i64>,
    pub(in super::super) cost_ms: Option<i64>,
    pub(in super::super) blob: Option<i64>,
    pub(in super::super) jwt_sha256: Option<&'a [u8]>,
    pub(in super::super) args: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Reports whether the entry was removed, and is kept for undo.
    pub(in super::super) fn is_marked(&self) -> bool {
        is_marked(self.kind)
    }

    /// Reports whether the row is where its id says. A removed entry whose key was written again
    /// has made way: its `store` is its negative id.
    pub(in super::super) fn is_in_place(&self) -> bool {
        self.store == store_of(self.id) || (self.is_marked() && self.store == -self.id)
    }

    /// Returns the fields that a hit depends on.
    pub(in super::super) fn identity(&self) -> Identity<'a> {
        Identity {
            id: self.id,
            key: self.key,
            kind: self.kind,
            function: self.function,
            split: self.split,
            written_at: self.updated_at.unwrap_or(self.created_at),
            expires_at: self.expires_at,
            cost_ms: self.cost_ms,
        }
    }

    /// Returns the `row_checksum` of an entry: 32 bits, to save half the space.
    pub(in super::super) fn sum(&self) -> FromSqlResult<i64> {
        let length = |bytes: Option<&[u8]>| bytes.map(|bytes| bytes.len() as i64);
        let args = self.args.map(str::as_bytes);
        let fields = [
            Some(self.id),
            Some(self.store),
            self.user,
            self.operator,
            self.prompt,
            self.function,
            self.split,
            Some(self.policy),
            Some(self.kind),
            Some(self.size),
            Some(self.created_at),
            self.updated_at,
            self.expires_at,
            self.cost_ms,
            self.blob,
            length(self.jwt_sha256),
            length(args),
        ];
        let sum = numbers(fields, key_sum(self.key)?);
        let bytes = self.jwt_sha256.into_iter().chain(args);
        let sum = bytes.fold(sum, |seed, bytes| xxh3_64_with_seed(bytes, seed));
        Ok(i64::from(sum as i32))
    }

    /// Derives the `checksum` of these fields from that of `before`, for the same value.
    pub(in super::super) fn renewed(&self, before: &Self, checksum: i64) -> FromSqlResult<i64> {
        Ok(checksum ^ (before.identity().sum()? ^ self.identity().sum()?) as i64)
    }
}

/// Returns the `checksum` of a row of `stores`, which covers the columns that lead to the store.
pub(in super::super) fn store(id: i64, store: &StoreAddress, retired: i64) -> i64 {
    let dataset = store.dataset_id.as_deref().unwrap_or_default();
    let names = [&*store.collection, &*store.store_name, dataset];
    texts(names, numbers([Some(id), Some(retired)], 2)) as i64
}

/// Returns a sum of a store's names, for the sums of its addresses.
pub(in super::super) fn address(store: &StoreAddress) -> u64 {
    let dataset = store.dataset_id.as_deref();
    let names = [
        &*store.collection,
        &*store.store_name,
        dataset.unwrap_or_default(),
    ];
    texts(names, 6 + u64::from(dataset.is_some()))
}

/// Returns the sum of an address, given that of its store.
pub(in super::super) fn key_with_seed(key: ValueRef<'_>, store: u64) -> FromSqlResult<u64> {
    Ok(store ^ key_sum(key)?.rotate_left(1))
}

/// Returns the `metadata_checksum` of a row of `stores`; `policy` is the stored number.
pub(in super::super) fn metadata(id: i64, metadata: &StoreMetadata, policy: i64) -> i64 {
    let fields = [
        Some(id),
        Some(policy),
        Some(metadata.created_at.as_millis()),
        metadata.updated_at.map(|time| time.as_millis()),
    ];
    texts([&*metadata.value], numbers(fields, 3)) as i64
}

/// Returns the `checksum` of a row of `names`.
pub(in super::super) fn name(id: i64, kind: i64, name: &str) -> i64 {
    texts([name], numbers([Some(id), Some(kind)], 4)) as i64
}
