//! Hash maps whose keys have a hash of their own, which is not hashed again.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds the hasher of keys that write one number, their hash.
pub(crate) type Hashed = BuildHasherDefault<AsItIs>;

/// Returns the number that a key writes, unchanged.
#[derive(Clone, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a key writes one number")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
