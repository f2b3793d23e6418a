//! The counters of a function's cache since the process began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::backend::Counters;

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
pub(super) enum Event {
    StaleHit,
    Shared,
    Miss,
    Computation,
    Bypass,
    Mismatch,
    Error,
}

impl Event {
    /// Returns the counter of the event.
    pub(super) fn of(self, counters: &mut Counters) -> &mut u64 {
        match self {
            Self::StaleHit => &mut counters.stale_hits,
            Self::Shared => &mut counters.shared,
            Self::Miss => &mut counters.misses,
            Self::Computation => &mut counters.computations,
            Self::Bypass => &mut counters.bypassed,
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

    pub(super) fn count(&self, event: Event) {
        *event.of(&mut self.counters()) += 1;
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
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
