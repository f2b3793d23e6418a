//! Tracks the results of one cache in the functions' memory tiers, and frees them when they expire
//! and when the cache is dropped.
//!
//! A tier checks an expiry only when its key is requested again, which may never happen. An timer
//! is therefore set for the first result to expire; it rings at most once a second.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::tier::MemoryTier;
use crate::execution_cache::workers;
use crate::single_flight::Timer;
use crate::sync::lock;
use crate::time::{Clock, Timestamp};

/// Minimum time between two sweeps.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// Due time while nothing in memory expires.
const NEVER: i64 = i64::MAX;

/// The results of one cache in memory.
pub(in super::super) struct MemorySweeper {
    cache: u64,
    clock: Arc<dyn Clock>,
    tiers: Mutex<Vec<Weak<MemoryTier>>>,
    /// Time of the next timer, in milliseconds since the epoch
    due: AtomicI64,
    timer: Mutex<Option<Timer>>,
}

impl MemorySweeper {
    /// Creates an empty tracker for the cache with this number.
    pub(in super::super) fn new(cache: u64, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            cache,
            clock,
            tiers: Mutex::default(),
            due: AtomicI64::new(NEVER),
            timer: Mutex::default(),
        })
    }

    /// Records that a tier holds results of the cache.
    pub(in super::super) fn watch(&self, tier: &Arc<MemoryTier>) {
        let mut tiers = lock(&self.tiers);
        if !tiers
            .iter()
            .any(|known| known.as_ptr() == Arc::as_ptr(tier))
        {
            tiers.retain(|known| known.strong_count() > 0);
            tiers.push(Arc::downgrade(tier));
        }
    }

    /// Schedules the removal of a result that expires at `expires_at`.
    pub(in super::super) fn expire_at(self: &Arc<Self>, expires_at: Timestamp) {
        let expires_at = expires_at.as_millis();
        // Only the earliest expiry sets the timer.
        if self.due.fetch_min(expires_at, Ordering::AcqRel) > expires_at {
            self.set_alarm(expires_at);
        }
    }

    fn set_alarm(self: &Arc<Self>, expires_at: i64) {
        let left = expires_at.saturating_sub(self.clock.now().as_millis());
        let left = Duration::from_millis(left.try_into().unwrap_or(0)).max(LEAST_PAUSE);
        let mut timer = Timer::after(left);
        let waker = Waker::from(Arc::new(Sweep(Arc::downgrade(self))));
        // Without a thread for alarms, expired results are freed when their keys are requested.
        if timer.poll(&waker).is_pending() {
            let replaced = lock(&self.timer).replace(timer);
            drop(replaced);
        }
    }

    /// Frees expired results, and sets the timer for the next expiry.
    fn sweep(self: &Arc<Self>) {
        self.due.store(NEVER, Ordering::Release);
        let now = self.clock.now();
        let mut next = NEVER;
        for tier in self.tiers() {
            tier.remove_if(|key, slot| {
                let expires_at = slot.expires_at.filter(|_| key.cache == self.cache);
                let is_over = expires_at.is_some_and(|expires_at| expires_at <= now);
                if let (Some(expires_at), false) = (expires_at, is_over) {
                    next = next.min(expires_at.as_millis());
                }
                is_over
            });
        }
        if next != NEVER {
            self.expire_at(Timestamp::from_millis(next));
        }
    }

    /// Frees all results of the cache.
    pub(in super::super) fn clear(&self) {
        for tier in self.tiers() {
            tier.remove_if(|key, _| key.cache == self.cache);
        }
    }

    fn tiers(&self) -> Vec<Arc<MemoryTier>> {
        lock(&self.tiers).iter().filter_map(Weak::upgrade).collect()
    }
}

/// The waker of an timer, which starts a sweep.
struct Sweep(Weak<MemorySweeper>);

impl Wake for Sweep {
    fn wake(self: Arc<Self>) {
        // Freeing a result may be slow and must not delay other alarms.
        if let Some(sweeper) = self.0.upgrade() {
            workers::spawn(move || sweeper.sweep());
        }
    }
}
