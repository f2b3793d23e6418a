//! The forms in which columns hold keys, kinds, policies and the mark of removed entries.

use std::cmp::Ordering;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use crate::entry::Policy;
use crate::key::{Key, hash_bytes, hash_digits};
use crate::usage::RecordedKey;
use crate::value::Kind;

/// Added to the `kind` of a removed entry, which only undo sees.
pub(in super::super) const MARK: i64 = 16;

/// Selects the entries of a named table that are not removed, in statements that do not verify each
/// row. A `kind` that makes no sense is that of a damaged entry.
macro_rules! unmarked {
    ($table:literal) => {
        concat!("((", $table, ".kind BETWEEN 16 AND 19) IS NOT TRUE)")
    };
}
pub(in super::super) use unmarked;

/// Selects the entries of the table `e` that are not removed.
pub(in super::super) const UNMARKED: &str = unmarked!("e");

/// Reports whether this is the `kind` of a removed entry.
pub(in super::super) fn is_marked(kind: i64) -> bool {
    (MARK..MARK + 4).contains(&kind)
}

/// Returns the number that stands for a policy in the file.
pub(in super::super) fn policy_number(policy: Policy) -> i64 {
    match policy {
        Policy::Persist => 0,
        Policy::Evict => 1,
    }
}

pub(in super::super) fn policy(number: i64) -> Option<Policy> {
    match number {
        0 => Some(Policy::Persist),
        1 => Some(Policy::Evict),
        _ => None,
    }
}

pub(in super::super) fn kind_number(kind: Kind) -> i64 {
    match kind {
        Kind::Json => 0,
        Kind::Text => 1,
        Kind::Bytes => 2,
        Kind::Command => 3,
    }
}

pub(in super::super) fn kind(number: i64) -> Option<Kind> {
    [Kind::Json, Kind::Text, Kind::Bytes, Kind::Command]
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

/// A key as its column holds it: 64 lower-case hex digits as 32 bytes, anything else as text.
pub(in super::super) enum StoredKey<'a> {
    Hash([u8; 32]),
    Text(&'a str),
}

/// Converts a key to its stored form.
pub(in super::super) fn stored_key(key: &str) -> StoredKey<'_> {
    hash_bytes(key).map_or(StoredKey::Text(key), StoredKey::Hash)
}

impl<'a> From<&'a RecordedKey> for StoredKey<'a> {
    fn from(key: &'a RecordedKey) -> Self {
        match key {
            RecordedKey::Hash(hash) => Self::Hash(*hash),
            RecordedKey::Text(key) => Self::Text(key.as_str()),
        }
    }
}

impl StoredKey<'_> {
    /// Returns the first bytes of the key as a number in the order of the index of keys, in which
    /// texts precede hashes.
    pub(in super::super) fn begin(&self) -> (bool, u64) {
        let (is_hash, bytes) = match self {
            Self::Hash(hash) => (true, hash.as_slice()),
            Self::Text(text) => (false, text.as_bytes()),
        };
        let mut begin = [0; 8];
        let length = bytes.len().min(begin.len());
        begin[..length].copy_from_slice(&bytes[..length]);
        (is_hash, u64::from_be_bytes(begin))
    }

    /// Compares the key with one in the index of keys, in the order of the index.
    pub(in super::super) fn compare(&self, other: ValueRef<'_>) -> Ordering {
        match (self, other) {
            (Self::Hash(hash), ValueRef::Blob(other)) => hash.as_slice().cmp(other),
            (Self::Text(text), ValueRef::Text(other)) => text.as_bytes().cmp(other),
            (Self::Text(_), ValueRef::Blob(_)) => Ordering::Less,
            (_, _) => Ordering::Greater,
        }
    }
}

impl<'a> From<&'a StoredKey<'_>> for ValueRef<'a> {
    fn from(key: &'a StoredKey<'_>) -> Self {
        match key {
            StoredKey::Hash(hash) => Self::Blob(hash),
            StoredKey::Text(text) => Self::Text(text.as_bytes()),
        }
    }
}

impl ToSql for StoredKey<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.into()))
    }
}

impl From<&StoredKey<'_>> for Value {
    fn from(key: &StoredKey<'_>) -> Self {
        match key {
            StoredKey::Hash(hash) => Self::Blob(hash.to_vec()),
            StoredKey::Text(text) => Self::Text((*text).into()),
        }
    }
}

/// Returns the key of a row whose columns may be damaged.
pub(in super::super) fn key(value: ValueRef<'_>) -> Option<Key> {
    key_text(value, &mut [0; 64]).and_then(|text| Key::new(text).ok())
}

/// Returns the text of such a key. `digits` has room for that of a hash.
pub(in super::super) fn key_text<'a>(
    value: ValueRef<'a>,
    digits: &'a mut [u8; 64],
) -> Option<&'a str> {
    match value {
        ValueRef::Blob(hash) => Some(hash_digits(hash.try_into().ok()?, digits)),
        ValueRef::Text(text) if text.len() <= Key::MAX_LENGTH => std::str::from_utf8(text).ok(),
        _ => None,
    }
}
