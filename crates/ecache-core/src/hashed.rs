//! Hash maps whose keys have a hash of their own, which is not hashed again.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hasher of keys that are hashes: arrays of bytes, or keys that write one number.
pub(crate) type Hashed = BuildHasherDefault<AsItIs>;

/// Returns the number that a key writes, or its first eight bytes, unchanged.
#[derive(Clone, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let first = bytes.first_chunk().expect("a hash has eight bytes or more");
        self.0 = u64::from_ne_bytes(*first);
    }

    /// Ignores the length of an array, which is the same for all keys.
    fn write_usize(&mut self, _: usize) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
