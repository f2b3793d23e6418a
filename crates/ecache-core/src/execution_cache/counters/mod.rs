//! The counters of a function's cache since the process began.
//!
//! `pending` has the counts that are not in the usage log yet, whose `marker` says there that some
//! are missing.

pub(super) mod marker;
pub(super) mod pending;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::sync::lock;

/// Counts of the calls of cached functions, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Calls answered from memory
    pub memory_hits: u64,
    /// Calls answered from the store
    pub store_hits: u64,
    /// Hits of both kinds that served a stale result: while it is refreshed, or after an error
    pub stale_hits: u64,
    /// Calls answered by waiting for another one's computation
    pub followers: u64,
    /// Calls that found nothing
    pub misses: u64,
    /// Computations; more than misses where a hit was verified or refreshed
    pub computations: u64,
    /// Computations of results that were there: because of their age, or on request
    pub refreshes: u64,
    /// Calls that were not to be cached: switched off, or in no scope
    pub bypasses: u64,
    /// Hits that were computed again and came out differently
    pub mismatches: u64,
    /// Failures of the cache
    pub errors: u64,
    /// Milliseconds that the hits' first computations took
    pub saved_ms: u64,
}

impl Counters {
    /// Returns the number of calls that might have been answered without a computation.
    #[must_use]
    pub fn calls(&self) -> u64 {
        let found = self.memory_hits.saturating_add(self.store_hits);
        found
            .saturating_add(self.followers)
            .saturating_add(self.misses)
    }
}

/// The counters of one function; those that a hit changes need no lock.
#[derive(Default)]
pub(super) struct Counting {
    memory_hits: AtomicU64,
    store_hits: AtomicU64,
    saved_ms: AtomicU64,
    /// All other counters
    counters: Mutex<Counters>,
}

/// The tier that a hit was found in.
#[derive(Clone, Copy)]
pub(super) enum Tier {
    Memory,
    Store,
}

/// An event of a call that is counted, alone or in addition to a hit.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    StaleHit,
    Shared,
    Miss,
    Computation,
    Refresh,
    Bypass,
    Mismatch,
    Error,
}

impl Counted {
    /// Returns the counter of the event.
    fn of(self, counters: &mut Counters) -> &mut u64 {
        match self {
            Self::StaleHit => &mut counters.stale_hits,
            Self::Shared => &mut counters.followers,
            Self::Miss => &mut counters.misses,
            Self::Computation => &mut counters.computations,
            Self::Refresh => &mut counters.refreshes,
            Self::Bypass => &mut counters.bypasses,
            Self::Mismatch => &mut counters.mismatches,
            Self::Error => &mut counters.errors,
        }
    }
}

impl Counting {
    /// Counts a hit that saved a computation of this cost.
    pub(super) fn hit(&self, tier: Tier, cost_ms: u64) {
        let counter = match tier {
            Tier::Memory => &self.memory_hits,
            Tier::Store => &self.store_hits,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if cost_ms > 0 {
            self.saved_ms.fetch_add(cost_ms, Ordering::Relaxed);
        }
    }

    pub(super) fn count(&self, event: Counted) {
        *event.of(&mut self.counters()) += 1;
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    pub(super) fn hits(&self) -> u64 {
        self.memory_hits.load(Ordering::Relaxed) + self.store_hits.load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            memory_hits: read(&self.memory_hits),
            store_hits: read(&self.store_hits),
            saved_ms: read(&self.saved_ms),
            ..*self.counters()
        }
    }
}
