//! Keys of entries: that of a call, byte for byte FiftyOne's, or any text that was chosen.
//!
//! A call's key is the SHA-256 of its *preimage*, a JSON list of the arguments and then of the
//! scopes that have a value. Nothing says which scope a value belongs to: that is FiftyOne's, and
//! an entry's recorded identity tells such calls apart.

mod parts;
mod preimage;
mod primitive;
mod scopes;

pub(crate) use parts::{KeyParts, KeyText};
pub(crate) use preimage::Show;
#[doc(hidden)]
pub use preimage::preimage;
pub use preimage::{ArgumentsError, Preimage, parse_arguments};
pub use scopes::CallScopes;
#[doc(hidden)]
pub use scopes::{DeclaredScopes, Scope};

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::python_json::Json;

/// The key of an entry within its store: up to 64 KiB of any UTF-8, control characters included.
///
/// A key that FiftyOne keeps as another type than a string is its
/// [typed name](crate::typed_name).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// A text cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key is at most {} bytes long, not {length}", Key::MAX_LENGTH)]
#[non_exhaustive]
pub struct KeyError {
    /// The length of the text in bytes
    pub length: usize,
}

impl Key {
    /// The length of the longest key, in bytes.
    pub const MAX_LENGTH: usize = 64 * 1024;

    /// Makes a key of a text.
    ///
    /// # Errors
    ///
    /// Fails when the text is longer than [`MAX_LENGTH`](Key::MAX_LENGTH).
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, KeyError> {
        let text = text.into();
        match text.len() {
            0..=Key::MAX_LENGTH => Ok(Key(text)),
            length => Err(KeyError { length }),
        }
    }

    /// Returns the key of a call: the hash of its [preimage](Preimage).
    #[must_use]
    pub fn of_call(arguments: &[Json], scopes: &CallScopes<'_>) -> Self {
        Key::of_preimage(&preimage(arguments, scopes))
    }

    /// Returns the SHA-256 of a preimage, in hexadecimal.
    #[doc(hidden)]
    #[must_use]
    pub fn of_preimage(preimage: &str) -> Self {
        Key::of_hash(&Sha256::digest(preimage).into())
    }

    /// Returns the key of a call from the SHA-256 of its preimage.
    #[doc(hidden)]
    #[must_use]
    pub fn of_hash(hash: &[u8; 32]) -> Self {
        Key(hash_digits(hash, &mut [0; 64]).into())
    }

    /// Returns the key under which a second call with this key keeps its result, if this is the
    /// hash of a call.
    ///
    /// Functions that share a store have one key for equal arguments, as in FiftyOne. In stores
    /// that only ecache reads, the result of the second function is kept under the returned key,
    /// and the result of a third one a place further.
    ///
    /// ```
    /// use ecache_core::key::Key;
    ///
    /// let key = Key::of_preimage(r#"["a.png"]"#);
    /// assert!(key.next_place().is_some_and(|next| next != key));
    /// assert_eq!(Key::new("chosen")?.next_place(), None);
    /// # Ok::<(), ecache_core::key::KeyError>(())
    /// ```
    #[doc(hidden)]
    #[must_use]
    pub fn next_place(&self) -> Option<Self> {
        let hash = hash_bytes(self.as_str())?;
        Some(Self::of_hash(&next_place(&hash)))
    }

    /// Reports whether the key is spelled like the hash of a call.
    #[doc(hidden)]
    #[must_use]
    pub fn is_hash(&self) -> bool {
        is_hash(self.as_str())
    }

    /// Returns the text of the key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Number of places in which a call looks for its result besides its key: one more function with
/// equal arguments in one store replaces the result of the first.
pub(crate) const MORE_PLACES: usize = 3;

/// Returns the hashes after `hash` in the order in which calls with one key look for a place.
pub(crate) fn more_places(hash: &[u8; 32]) -> [[u8; 32]; MORE_PLACES] {
    let mut last = *hash;
    std::array::from_fn(|_| {
        last = next_place(&last);
        last
    })
}

/// Returns the hash after `hash` in that order.
fn next_place(hash: &[u8; 32]) -> [u8; 32] {
    let mut next = Sha256::new_with_prefix(b"the next place after ");
    next.update(hash);
    next.finalize().into()
}

/// Bytes as lower-case hex digits, two for each.
///
/// ```
/// assert_eq!(ecache_core::key::hex(&[0x0f, 0xa0]), "0fa0");
/// ```
#[doc(hidden)]
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.extend_from_slice(&digits(*byte));
    }
    String::from_utf8(text).expect("digits are ASCII")
}

/// Returns the digits of a hash, without memory of their own.
pub(crate) fn hash_digits<'a>(hash: &[u8; 32], text: &'a mut [u8; 64]) -> &'a str {
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash) {
        [pair[0], pair[1]] = digits(*byte);
    }
    std::str::from_utf8(text).expect("digits are ASCII")
}

/// Reports whether a key is spelled like a hash: 64 lower-case hex digits.
#[doc(hidden)]
#[must_use]
pub fn is_hash(key: &str) -> bool {
    // Without an early exit this is compiled to vector instructions.
    let is_digit = |byte: u8| byte.is_ascii_digit() | (b'a'..=b'f').contains(&byte);
    key.len() == 64 && key.bytes().fold(true, |found, byte| found & is_digit(byte))
}

/// Returns the bytes of 64 lower-case hex digits.
pub(crate) fn hash_bytes(key: &str) -> Option<[u8; 32]> {
    let digits: [u8; 64] = key.as_bytes().try_into().ok()?;
    // Loops without a branch or a table are compiled to vector instructions.
    let values = digits.map(value_of);
    let all = values.iter().fold(0, |all, value| all | value);
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(values.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    (all < 16).then_some(hash)
}

/// Returns the value of a hex digit, and more than 15 for any other byte.
fn value_of(digit: u8) -> u8 {
    let (number, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
    if number < 10 {
        number
    } else if letter < 6 {
        letter + 10
    } else {
        0x80
    }
}

/// Returns the hex digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    let digit = |value: u8| value + if value < 10 { b'0' } else { b'a' - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_lower_case_hex_digits() {
        let key = "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88";
        let hash = hash_bytes(key).expect("64 lower-case hex digits");
        assert_eq!(hex(&hash), key);
        assert_eq!(hash_bytes(&key.to_uppercase()), None);
        assert_eq!(
            Key::new(key.to_uppercase()).expect("a key").next_place(),
            None
        );
        assert_eq!(hash_bytes(&key[1..]), None);
        for place in 0..64 {
            for other in ["g", "`", "/", ":", "@", " "] {
                let mut text = key.to_owned();
                text.replace_range(place..=place, other);
                assert_eq!(hash_bytes(&text), None, "{text}");
            }
        }
    }

    #[test]
    fn keys_have_up_to_64_kib() {
        assert_eq!(Key::new("\0").map(|key| key.to_string()), Ok("\0".into()));
        assert!(Key::new("x".repeat(Key::MAX_LENGTH)).is_ok());
        assert!(Key::new("").is_ok(), "FiftyOne has such keys");
        let error = Key::new("x".repeat(65537)).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "a key is at most 65536 bytes long, not 65537"
        );
    }
}
