//! The forms in which columns hold keys, kinds, policies and the mark of removed entries.

use rusqlite::types::{Value, ValueRef};

use crate::entry::Policy;
use crate::key::{Key, hex};
use crate::value::Kind;

/// Added to the `kind` of a removed entry, which only undo sees.
pub(super) const MARK: i64 = 16;

/// Selects the entries that are not removed, in statements that do not verify each row. A `kind`
/// that makes no sense is that of a damaged entry.
pub(super) const UNMARKED: &str = "(e.kind BETWEEN 16 AND 19) IS NOT TRUE";

/// Reports whether this is the `kind` of a removed entry.
pub(super) fn is_marked(kind: i64) -> bool {
    (MARK..MARK + 4).contains(&kind)
}

/// Returns the number that stands for a policy in the file.
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

/// Converts a key to its stored form: 64 lower-case hex digits to 32 bytes, anything else to text.
pub(super) fn stored_key(key: &str) -> Value {
    match hash_bytes(key) {
        Some(hash) => Value::Blob(hash.to_vec()),
        None => Value::Text(key.into()),
    }
}

/// Returns the key of a row whose columns may be damaged.
pub(super) fn key(value: ValueRef<'_>) -> Option<Key> {
    match value {
        ValueRef::Blob(hash) if hash.len() == 32 => Key::new(hex(hash)).ok(),
        ValueRef::Text(text) => Key::new(std::str::from_utf8(text).ok()?).ok(),
        _ => None,
    }
}

/// Returns the bytes of 64 lower-case hex digits.
pub(super) fn hash_bytes(key: &str) -> Option<[u8; 32]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let digits: &[u8; 64] = key.as_bytes().try_into().ok()?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_64_lower_case_hex_digits_as_32_bytes() {
        let key = "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88";
        let hash = hash_bytes(key).expect("64 lower-case hex digits");
        assert_eq!(hex(&hash), key);
        assert_eq!(hash_bytes(&key.to_uppercase()), None);
        assert_eq!(hash_bytes(&key[1..]), None);
    }
}
