//! What the functions' memory tiers hold of one cache: it is freed when it expires, and with the
//! cache.
//!
//! A tier looks at an expiry only when the key is asked for again, which may be never. So once a
//! result with an expiry is in memory, an alarm is set for the first one that expires, and rings at
//! most once a second.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::memory_tier::MemoryTier;
use super::workers;
use crate::single_flight::Alarm;
use crate::time::{Clock, Timestamp};

/// The tiers are swept no more often than this.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// When nothing in memory expires.
const NEVER: i64 = i64::MAX;

/// The results of one cache that are in memory.
pub(super) struct Residents {
    cache: u64,
    clock: Arc<dyn Clock>,
    tiers: Mutex<Vec<Weak<MemoryTier>>>,
    /// When the alarm rings; milliseconds since the epoch
    due: AtomicI64,
    alarm: Mutex<Option<Alarm>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Residents {
    /// Those of the cache with that number; nothing yet.
    pub(super) fn new(cache: u64, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            cache,
            clock,
            tiers: Mutex::default(),
            due: AtomicI64::new(NEVER),
            alarm: Mutex::default(),
        })
    }

    /// Notes that a tier holds results of the cache.
    pub(super) fn are_in(&self, tier: &Arc<MemoryTier>) {
        let mut tiers = lock(&self.tiers);
        if !tiers
            .iter()
            .any(|known| known.as_ptr() == Arc::as_ptr(tier))
        {
            tiers.retain(|known| known.strong_count() > 0);
            tiers.push(Arc::downgrade(tier));
        }
    }

    /// Has a result freed that expires then.
    pub(super) fn expire_at(self: &Arc<Self>, expires_at: Timestamp) {
        let expires_at = expires_at.as_millis();
        // Only the first to expire sets the alarm.
        if self.due.fetch_min(expires_at, Ordering::AcqRel) > expires_at {
            self.set_alarm(expires_at);
        }
    }

    fn set_alarm(self: &Arc<Self>, expires_at: i64) {
        let left = expires_at.saturating_sub(self.clock.now().as_millis());
        let left = Duration::from_millis(left.try_into().unwrap_or(0)).max(LEAST_PAUSE);
        let mut alarm = Alarm::after(left);
        let waker = Waker::from(Arc::new(Sweep(Arc::downgrade(self))));
        // Without a thread for alarms, results go when their keys are asked for.
        if alarm.poll(&waker).is_pending() {
            let replaced = lock(&self.alarm).replace(alarm);
            drop(replaced);
        }
    }

    /// Frees what has expired, and sets the alarm for what expires next.
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

    /// Frees everything.
    pub(super) fn clear(&self) {
        for tier in self.tiers() {
            tier.remove_if(|key, _| key.cache == self.cache);
        }
    }

    fn tiers(&self) -> Vec<Arc<MemoryTier>> {
        lock(&self.tiers).iter().filter_map(Weak::upgrade).collect()
    }
}

/// What an alarm does when it rings.
struct Sweep(Weak<Residents>);

impl Wake for Sweep {
    fn wake(self: Arc<Self>) {
        // Freeing a result may take long, and other alarms are not to be late.
        if let Some(residents) = self.0.upgrade() {
            workers::spawn(move || residents.sweep());
        }
    }
}
