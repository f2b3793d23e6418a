//! Says in the usage log that this process counts calls which it has not appended yet.
//!
//! A process that is killed takes its counts along. The log then has a tally that began and never
//! ended, and its lock is free: `stats` says that the period is incomplete. In a database of many
//! hosts there is no such lock, so that a tally which has not been renewed in time counts as one.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::sidecar::Sidecar;
use crate::single_flight::{FlightLock, FlightLocks};
use crate::time::Timestamp;
use crate::usage::{Log, Tally};

/// The value of `since` while no tally has begun.
const NEVER: i64 = i64::MIN;

/// The tally of one cache.
pub(in super::super) struct PendingMarker {
    id: i64,
    /// Milliseconds since the epoch
    since: AtomicI64,
    /// Held until the cache is dropped, or the process ends
    lock: OnceLock<Option<FlightLock>>,
}

impl Default for PendingMarker {
    fn default() -> Self {
        Self {
            // The seed of a hash map is random, and needs no other source of random numbers.
            id: RandomState::new().build_hasher().finish() as i64,
            since: AtomicI64::new(NEVER),
            lock: OnceLock::new(),
        }
    }
}

impl PendingMarker {
    fn since(&self, since: i64) -> Option<Tally> {
        (since != NEVER).then(|| Tally {
            since: Timestamp::from_millis(since),
            id: self.id,
        })
    }

    pub(in super::super) fn has_begun(&self) -> bool {
        self.since.load(Ordering::Relaxed) != NEVER
    }

    /// Begins a tally. Returns `None` without a lock, since the tally would count as one of a
    /// process that is gone.
    pub(in super::super) fn begin(&self, log: &Log, now: Timestamp) -> Option<Tally> {
        let name = self.since(now.as_millis())?.lock_name();
        let take = || {
            let locks = FlightLocks::open(&Sidecar::Locks.path(log.place())).ok()?;
            locks.try_lock(&name).ok().flatten()
        };
        self.lock.get_or_init(take).as_ref()?;
        self.since.store(now.as_millis(), Ordering::Relaxed);
        self.since(now.as_millis())
    }

    /// Begins a tally that other hosts see, to which a lock means nothing.
    pub(in super::super) fn begin_unlocked(&self, now: Timestamp) -> Tally {
        self.since.store(now.as_millis(), Ordering::Relaxed);
        Tally {
            since: now,
            id: self.id,
        }
    }

    /// Leaves the lock to the parent, in a forked child.
    pub(in super::super) fn leave_to_parent(&self) {
        if let Some(Some(lock)) = self.lock.get() {
            // Best effort: otherwise the parent counts as alive for as long as the child is.
            let _ = lock.locks().leave_to_parent();
        }
    }

    /// Ends the tally.
    pub(in super::super) fn end(&self) -> Option<Tally> {
        self.since(self.since.swap(NEVER, Ordering::Relaxed))
    }

    /// Takes the end of a tally back, which could not be appended.
    pub(in super::super) fn go_on(&self, tally: Option<Tally>) {
        if let Some(tally) = tally {
            self.since.store(tally.since.as_millis(), Ordering::Relaxed);
        }
    }
}
