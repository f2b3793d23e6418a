//! The keys that an import has written, without the keys.
//!
//! While an import fills an empty file, the index of keys does not exist yet: sorting each key in
//! takes longer than writing its row. Two entries with one key must be settled all the same. Here
//! stands a hash of each key; a key whose hash is new was not written before. Any other may have
//! been, and the import then builds the index of the rows so far and goes on with it, as into a
//! file that is not empty. So the file is the same either way, and only the time differs.
//!
//! Weighed: sorting the index last and settling what `CREATE UNIQUE INDEX` refuses (the entries
//! that were written twice, their uses and their place in the operation would have to be undone), a
//! Bloom filter (as many keys in the same memory, and each false positive costs as much as a
//! real one), and a set of whole hashes (half as many keys in the same memory).

use std::collections::HashSet;

use rusqlite::types::ValueRef;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::backend::sqlite::format::encoding::StoredKey;
use crate::hashed::Hashed;

/// Number of hashes up to which they are kept whole, in little memory.
const FEW: usize = 1 << 17;

/// Number of places for more of them; a place has the lower half of a hash, and its number another
/// part: 53 bits, so that a million keys have a false positive once in about 10,000 imports.
const PLACES: usize = 1 << 21;

/// Number of keys that fit: beyond it, finding a free place takes longer and longer.
const MOST: usize = PLACES / 8 * 7;

/// A set of hashes of keys.
#[derive(Default)]
pub(in super::super) struct SeenKeys {
    count: usize,
    few: HashSet<u64, Hashed>,
    /// Lower halves of hashes, zero for a free place; empty while there are few
    places: Vec<u32>,
}

impl SeenKeys {
    /// Adds a key. Returns `true` if it was surely not added before.
    pub(in super::super) fn insert(&mut self, store: i64, key: &StoredKey<'_>) -> bool {
        let (bytes, seed) = match ValueRef::from(key) {
            ValueRef::Blob(hash) => (hash, store.rotate_left(32)),
            ValueRef::Text(text) => (text, !store.rotate_left(32)),
            _ => return false,
        };
        self.insert_hash(xxh3_64_with_seed(bytes, seed as u64))
    }

    fn insert_hash(&mut self, hash: u64) -> bool {
        if self.count == MOST {
            return false;
        }
        self.count += 1;
        if self.places.is_empty() {
            let is_new = self.few.insert(hash);
            if self.few.len() == FEW {
                self.places = vec![0; PLACES];
                let few = std::mem::take(&mut self.few);
                few.into_iter().for_each(|hash| _ = self.place(hash));
            }
            return is_new;
        }
        self.place(hash)
    }

    /// Puts a hash into its place or behind it.
    fn place(&mut self, hash: u64) -> bool {
        let lower = (hash as u32).max(1);
        let mut place = (hash >> 32) as usize % PLACES;
        loop {
            match self.places[place] {
                0 => {
                    self.places[place] = lower;
                    return true;
                }
                same if same == lower => return false,
                _ => place = (place + 1) % PLACES,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_new_once() {
        let mut seen = SeenKeys::default();
        let keys: Vec<String> = (0..2 * FEW).map(|number| number.to_string()).collect();
        for key in &keys {
            assert!(seen.insert(1, &StoredKey::Text(key)), "{key}");
        }
        for key in &keys {
            assert!(!seen.insert(1, &StoredKey::Text(key)), "{key}");
        }
        assert!(seen.insert(2, &StoredKey::Text("0")));
        assert!(seen.insert(1, &StoredKey::Hash([b'0'; 32])));
        assert!(seen.insert(1, &StoredKey::Text(&"0".repeat(32))));
    }

    #[test]
    fn a_full_set_is_sure_of_nothing() {
        let mut seen = SeenKeys::default();
        let hash = |number: usize| (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let new = (0..MOST).filter(|number| seen.insert_hash(hash(*number)));
        assert!(new.count() > MOST - 100);
        assert!(!seen.insert_hash(hash(MOST)));
    }
}
