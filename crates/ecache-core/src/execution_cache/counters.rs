//! What a function's cache has been good for.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a function's cache has been good for since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls answered from memory
    pub memory_hits: u64,
    /// Calls answered from the store
    pub store_hits: u64,
    /// Of these, answered with what was old and is refreshed
    pub stale_hits: u64,
    /// Calls answered by waiting for another one's computation
    pub shared: u64,
    /// Calls that found nothing
    pub misses: u64,
    /// Computations; more than misses where a caller lost its patience, or a hit was verified or
    /// refreshed
    pub computations: u64,
    /// Calls that were not to be cached: switched off, or in no scope
    pub bypassed: u64,
    /// Hits that were computed again and came out differently
    pub mismatches: u64,
    /// Milliseconds that the hits' first computations took
    pub saved_ms: u64,
}

#[derive(Default)]
pub(super) struct Counting {
    pub(super) memory_hits: AtomicU64,
    pub(super) store_hits: AtomicU64,
    pub(super) stale_hits: AtomicU64,
    pub(super) shared: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) computations: AtomicU64,
    pub(super) bypassed: AtomicU64,
    pub(super) mismatches: AtomicU64,
    pub(super) saved_ms: AtomicU64,
}

/// Where a hit was found.
#[derive(Clone, Copy)]
pub(super) enum Tier {
    Memory,
    Store,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counting {
    /// Counts a hit that saved a computation of that cost.
    pub(super) fn hit(&self, tier: Tier, cost_ms: u64, is_old: bool) {
        count(match tier {
            Tier::Memory => &self.memory_hits,
            Tier::Store => &self.store_hits,
        });
        if is_old {
            count(&self.stale_hits);
        }
        if cost_ms > 0 {
            self.saved_ms.fetch_add(cost_ms, Ordering::Relaxed);
        }
    }

    pub(super) fn hits(&self) -> u64 {
        self.memory_hits.load(Ordering::Relaxed) + self.store_hits.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            memory_hits: read(&self.memory_hits),
            store_hits: read(&self.store_hits),
            stale_hits: read(&self.stale_hits),
            shared: read(&self.shared),
            misses: read(&self.misses),
            computations: read(&self.computations),
            bypassed: read(&self.bypassed),
            mismatches: read(&self.mismatches),
            saved_ms: read(&self.saved_ms),
        }
    }
}
