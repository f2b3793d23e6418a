//! Results in memory: bounded, with their own expiry, and coherent with the store.
//!
//! A slot records the store's generation from before it was read. It is current while the cache's
//! epoch has not moved since the slot was last checked; once it has, the generation is queried
//! again. A hit therefore costs no query, and a removal by any process is noticed at the next check
//! of the store (see [`Cache::epoch`](crate::execution_cache::Cache)).

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache as QuickCache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use xxhash_rust::xxh3::xxh3_64;

use crate::entry::CLOCK_SKEW;
#[cfg(doc)]
use crate::entry::Entry;
use crate::execution_cache::counters::pending::{Hits, Version};
use crate::hashed::Hashed;
use crate::key::KeyParts;
use crate::time::{Moment, Timestamp};

/// The key of a result in memory. Each function has a tier of its own, so the store and the
/// collection follow from its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct MemoryKey {
    /// Number of the cache: a program may have several
    pub(in super::super) cache: u64,
    pub(in super::super) dataset_id: Option<Arc<str>>,
    /// The arguments and scopes, or their hash if one of them is a token
    pub(in super::super) parts: KeyParts,
}

/// Hashes the parts, which takes a tenth of the time of a SHA-256: a hit compares it as well. The
/// cache and the dataset are mixed in; the rest rarely differs.
impl Hash for MemoryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        /// The factor of Fx: odd, and without a pattern.
        const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
        let mut mixed = xxh3_64(self.parts.as_bytes()) ^ self.cache.wrapping_mul(FACTOR);
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

/// Largest result, in bytes, that is copied in well under a millisecond.
const QUICK_TO_COPY: u64 = 1 << 20;

/// A result in memory.
pub(in super::super) struct Slot {
    pub(in super::super) value: Arc<dyn Any + Send + Sync>,
    /// Size of the stored form, in bytes
    pub(in super::super) size: u64,
    pub(in super::super) expires_at: Option<Timestamp>,
    /// Time of the write, unless the result was read from the store
    pub(in super::super) written_at: Option<Timestamp>,
    /// Time that the computation took, in milliseconds
    pub(in super::super) cost_ms: u64,
    /// The entry in the store that it is a copy of
    pub(in super::super) stored: Option<Stored>,
}

/// The store's entry that a result in memory is a copy of.
pub(in super::super) struct Stored {
    /// The store's generation from before the entry was read
    pub(in super::super) generation: u64,
    /// The cache's epoch when the generation was last checked
    pub(in super::super) checked_at: AtomicU64,
    /// Counter of its hits
    pub(in super::super) hits: Arc<Hits>,
}

impl Slot {
    /// Returns the version of the result, as hits at `now` count it.
    pub(in super::super) fn version(&self, now: Timestamp) -> Version {
        let stored = self.stored.as_ref().map(|stored| stored.hits.version());
        stored.unwrap_or(Version {
            written_at: self.written_at.unwrap_or(now),
            cost_ms: self.cost_ms,
        })
    }

    /// Reports whether it was written in the future, as [`Entry::is_fresh`] does.
    fn is_of_the_future(&self, now: &Moment<'_>) -> bool {
        let written_at = self.version(now.coarse()).written_at;
        now.is_before(written_at.saturating_sub(CLOCK_SKEW))
    }

    /// Reports whether copying the value takes well under a millisecond.
    pub(in super::super) fn is_quick_to_copy(&self) -> bool {
        self.size <= QUICK_TO_COPY
    }
}

impl Stored {
    /// Reports whether the entry was last found current at `epoch`.
    pub(in super::super) fn was_current_at(&self, epoch: u64) -> bool {
        self.checked_at.load(Ordering::Acquire) == epoch
    }

    /// Reports whether the entry is unchanged at `epoch`; queries the generation only if the epoch
    /// has moved.
    pub(in super::super) fn is_current(
        &self,
        epoch: u64,
        generation: impl FnOnce() -> Option<u64>,
    ) -> bool {
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

/// The results of one function, bounded by their number and by the bytes of their stored forms.
pub(in super::super) struct MemoryTier {
    results: Option<QuickCache<MemoryKey, Arc<Slot>, Weights, Hashed, Outlasting>>,
    /// Largest result that is kept, in bytes
    largest: u64,
}

/// Number of independent parts of a tier. No result may be larger than one of them.
const SHARDS: usize = 4;

/// Share of a tier for results that are used repeatedly: quick_cache's default.
const DEFAULT_HOT_ALLOCATION: f64 = 0.97;

/// Minimum weight of a result.
const LEAST: u64 = 1024;

/// Combines two bounds into one: a result weighs its share of the number or of the bytes, whichever
/// is larger.
#[derive(Clone)]
struct Weights {
    bytes_per_unit: f64,
}

impl Weighter<MemoryKey, Arc<Slot>> for Weights {
    fn weight(&self, key: &MemoryKey, slot: &Arc<Slot>) -> u64 {
        let size = slot.size.saturating_add(key.parts.as_bytes().len() as u64);
        ((size as f64 / self.bytes_per_unit).ceil() as u64).max(LEAST)
    }
}

/// Hands out the slots that make room for another, because the `Drop` of their values may do
/// anything: it must not run under a lock of the tier.
#[derive(Clone, Copy)]
struct Outlasting;

impl Lifecycle<MemoryKey, Arc<Slot>> for Outlasting {
    type RequestState = Evicted;

    fn on_evict(&self, evicted: &mut Evicted, _: MemoryKey, slot: Arc<Slot>) {
        evicted.0.push(slot);
    }
}

/// Results that made room for another. Dropped, it runs the program's own code.
#[must_use = "to be dropped outside of locks"]
#[derive(Default)]
pub(in super::super) struct Evicted(Vec<Arc<Slot>>);

impl MemoryTier {
    /// Creates a tier for `max_size` results and `max_bytes` bytes; it holds nothing if either is
    /// 0.
    pub(in super::super) fn new(max_size: usize, max_bytes: u64) -> Self {
        if max_size == 0 || max_bytes == 0 {
            return Self {
                results: None,
                largest: 0,
            };
        }
        let capacity = (max_size as u64).saturating_mul(LEAST);
        // A result must fit into the share for repeated use, even if only one is kept.
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
        let results = QuickCache::with_options(options, weights, Hashed::default(), Outlasting);
        Self {
            largest: max_bytes / results.num_shards() as u64,
            results: Some(results),
        }
    }

    /// Reports whether a result of this size may be kept; others need not be copied for memory.
    pub(in super::super) fn admits(&self, size: u64) -> bool {
        size <= self.largest && self.results.is_some()
    }

    /// Returns the slot of a key; removes it instead if it has expired, or was written in the
    /// future: it is not known then how much of its time is left.
    pub(in super::super) fn get(&self, key: &MemoryKey, now: &Moment<'_>) -> Option<Arc<Slot>> {
        let tier = self.results.as_ref()?;
        let slot = tier.get(key)?;
        match slot.expires_at {
            Some(expires) if !now.is_before(expires) || slot.is_of_the_future(now) => {
                tier.remove(key);
                None
            }
            _ => Some(slot),
        }
    }

    /// Adds a result and evicts others for it; ignores one that is too large for the tier.
    pub(in super::super) fn insert(&self, key: MemoryKey, slot: Slot) -> Evicted {
        let mut evicted = Evicted::default();
        match &self.results {
            Some(tier) => tier.insert_with_lifecycle(key, Arc::new(slot), &mut evicted),
            None => evicted.0.push(Arc::new(slot)),
        }
        evicted
    }

    pub(in super::super) fn remove(&self, key: &MemoryKey) -> bool {
        self.results
            .as_ref()
            .is_some_and(|tier| tier.remove(key).is_some())
    }

    /// Removes the results that `goes` selects, and returns their number.
    pub(in super::super) fn remove_if(
        &self,
        mut goes: impl FnMut(&MemoryKey, &Slot) -> bool,
    ) -> u64 {
        let Some(tier) = &self.results else { return 0 };
        // Values are dropped outside of the tier's lock, because their `Drop` may do anything.
        let gone: Vec<MemoryKey> = tier
            .iter()
            .filter(|(key, slot)| goes(key, slot))
            .map(|(key, _)| key)
            .collect();
        gone.iter().map(|key| u64::from(self.remove(key))).sum()
    }
}
