//! Results in memory: bounded, with their own expiry, and coherent with the store.
//!
//! A slot remembers the store's generation from before it was read. As long as the cache's epoch
//! has not moved since the slot was last checked, it is good; when it has, the generation is asked
//! for again. So a hit costs no query, and a removal by any process is noticed at the next look at
//! the store (see [`Cache::epoch`](super::Cache)).

use std::any::Any;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use super::ledger::Hits;
use crate::time::Timestamp;

/// What a result in memory is found by. The function has a tier of its own; its store and
/// collection are those of its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemoryKey {
    /// Which cache: a program may have several
    pub(super) cache: u64,
    pub(super) dataset_id: Option<Arc<str>>,
    /// SHA-256 of the preimage
    pub(super) hash: [u8; 32],
    /// How much of the preimage is arguments; the rest is scopes
    pub(super) arguments_length: usize,
    /// Which scopes have a value
    pub(super) scopes: [bool; 4],
}

/// The SHA-256 is a hash already; what else tells keys apart is mixed in, most of which differs rarely.
impl Hash for MemoryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        /// That of Fx: odd, and without a pattern.
        const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
        let first = self.hash.first_chunk().expect("a hash has 32 bytes");
        let mut mixed = u64::from_ne_bytes(*first) ^ self.cache.wrapping_mul(FACTOR);
        for chunk in self
            .dataset_id
            .iter()
            .flat_map(|id| id.as_bytes().chunks(8))
        {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            mixed = (mixed.rotate_left(5) ^ u64::from_ne_bytes(bytes)).wrapping_mul(FACTOR);
        }
        state.write_u64(mixed);
    }
}

/// Takes the hash that a [`MemoryKey`] makes as it is.
#[derive(Clone, Default)]
pub(super) struct AsItIs(u64);

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

/// A result in memory.
pub(super) struct Slot {
    pub(super) value: Arc<dyn Any + Send + Sync>,
    /// The length of its stored form, in bytes
    pub(super) size: u64,
    pub(super) expires_at: Option<Timestamp>,
    /// When it was written, unless it was read from the store
    pub(super) written_at: Option<Timestamp>,
    /// What computing it took, in milliseconds
    pub(super) cost_ms: u64,
    /// The entry in the store that it is a copy of
    pub(super) stored: Option<Stored>,
}

/// What is known of the entry that a result in memory is a copy of.
pub(super) struct Stored {
    /// The store's generation from before the entry was read
    pub(super) generation: u64,
    /// The cache's epoch when the generation was last checked
    pub(super) checked_at: AtomicU64,
    /// Where its hits are noted
    pub(super) hits: Arc<Hits>,
}

impl Slot {
    /// The value as a copy that the caller can do with as it likes.
    pub(super) fn copy<T: Clone + 'static>(&self) -> Option<T> {
        self.value.downcast_ref::<T>().cloned()
    }
}

impl Stored {
    /// Whether the entry was what it was when it was last checked, at `epoch`.
    pub(super) fn was_current_at(&self, epoch: u64) -> bool {
        self.checked_at.load(Ordering::Acquire) == epoch
    }

    /// Whether the entry is still what it was, at `epoch`; asks for the generation only if the
    /// epoch has moved.
    pub(super) fn is_current(&self, epoch: u64, generation: impl FnOnce() -> Option<u64>) -> bool {
        if self.was_current_at(epoch) {
            return true;
        }
        let is_current = generation() == Some(self.generation);
        if is_current {
            self.checked_at.store(epoch, Ordering::Release);
        }
        is_current
    }
}

/// The results of one function: so many, and so many bytes of their stored forms.
pub(super) struct MemoryTier {
    results: Option<QuickCache<MemoryKey, Arc<Slot>, Weights, BuildHasherDefault<AsItIs>>>,
    /// The largest result that is kept, in bytes
    largest: u64,
}

/// Into how many independent parts a tier is divided. No result may be larger than one of them.
const SHARDS: usize = 4;

/// What part of it is for results that are used again: quick_cache's default.
const DEFAULT_HOT_ALLOCATION: f64 = 0.97;

/// What a result weighs at least.
const LEAST: u64 = 1024;

/// Makes one bound of two: a result weighs what it takes of the number or of the bytes, whichever
/// is more.
#[derive(Clone)]
struct Weights {
    bytes_per_unit: f64,
}

impl Weighter<MemoryKey, Arc<Slot>> for Weights {
    fn weight(&self, _: &MemoryKey, slot: &Arc<Slot>) -> u64 {
        ((slot.size as f64 / self.bytes_per_unit).ceil() as u64).max(LEAST)
    }
}

impl MemoryTier {
    /// A tier for so many results and bytes; none if either is 0.
    pub(super) fn new(max_size: usize, max_bytes: u64) -> Self {
        if max_size == 0 || max_bytes == 0 {
            return Self {
                results: None,
                largest: 0,
            };
        }
        let capacity = (max_size as u64).saturating_mul(LEAST);
        // A result is to fit what is set apart for those that are used again, also where only one
        // is kept.
        let hot = if max_size < 64 {
            1.0
        } else {
            DEFAULT_HOT_ALLOCATION
        };
        let options = OptionsBuilder::new()
            .estimated_items_capacity(max_size)
            .weight_capacity(capacity)
            .shards(SHARDS)
            .hot_allocation(hot)
            .build()
            .expect("both capacities are set");
        let weights = Weights {
            bytes_per_unit: max_bytes as f64 / capacity as f64,
        };
        let results = QuickCache::with_options(
            options,
            weights,
            BuildHasherDefault::default(),
            DefaultLifecycle::default(),
        );
        Self {
            largest: max_bytes / results.num_shards() as u64,
            results: Some(results),
        }
    }

    /// Reports whether a result of that size may be kept: others need not be copied for memory.
    pub(super) fn admits(&self, size: u64) -> bool {
        size <= self.largest && self.results.is_some()
    }

    /// The slot of a key, if it has not expired.
    pub(super) fn get(&self, key: &MemoryKey, now: Timestamp) -> Option<Arc<Slot>> {
        let tier = self.results.as_ref()?;
        let slot = tier.get(key)?;
        match slot.expires_at {
            Some(expires) if expires <= now => {
                tier.remove(key);
                None
            }
            _ => Some(slot),
        }
    }

    /// Adds a result, and frees others for it; one that is too large for the tier is not added.
    pub(super) fn insert(&self, key: MemoryKey, slot: Slot) {
        if let Some(tier) = &self.results {
            tier.insert(key, Arc::new(slot));
        }
    }

    pub(super) fn remove(&self, key: &MemoryKey) -> bool {
        self.results
            .as_ref()
            .is_some_and(|tier| tier.remove(key).is_some())
    }

    /// Removes what `goes` says, and returns how many that were.
    pub(super) fn remove_if(&self, mut goes: impl FnMut(&MemoryKey, &Slot) -> bool) -> u64 {
        let Some(tier) = &self.results else { return 0 };
        // Values are dropped without the tier's lock: they may do anything then.
        let gone: Vec<MemoryKey> = tier
            .iter()
            .filter(|(key, slot)| goes(key, slot))
            .map(|(key, _)| key)
            .collect();
        gone.iter().map(|key| u64::from(self.remove(key))).sum()
    }
}
