//! Checks at intervals whether the store has changed, so that results in memory are not outdated.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::sync::lock;
use crate::time::{COARSE, Elapsed};

/// The epoch of a cache: a number that moves when something in its store may have changed.
pub(in super::super) struct Coherence {
    period: Duration,
    /// Time since the creation
    elapsed: Elapsed,
    epoch: AtomicU64,
    /// Milliseconds from the creation to the last check of the store, plus one
    checked_at: AtomicU64,
    /// The store's change token at the last check
    token: Mutex<Option<u64>>,
}

impl Coherence {
    /// Creates an epoch that is checked once in a `period`; with zero, at every use.
    pub(in super::super) fn every(period: Duration) -> Self {
        // Each hit asks for the time. A coarse clock takes a quarter of the time of an exact one;
        // a check is then made as much earlier as that clock may be late.
        let (elapsed, period) = if period >= 4 * COARSE {
            (Elapsed::coarse(), period - COARSE)
        } else {
            (Elapsed::exact(), period)
        };
        Self {
            period,
            elapsed,
            epoch: AtomicU64::new(0),
            checked_at: AtomicU64::new(0),
            token: Mutex::default(),
        }
    }

    /// Returns the epoch as it was last found, whether or not a check is due.
    pub(in super::super) fn last_epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Returns the time of a check made now, or `None` if none is due.
    pub(in super::super) fn due(&self) -> Option<u64> {
        let now = self.elapsed.millis() + 1;
        let checked_at = self.checked_at.load(Ordering::Relaxed);
        let since = u128::from(now.saturating_sub(checked_at));
        (checked_at == 0 || since >= self.period.as_millis()).then_some(now)
    }

    /// Records a check that was made at a time returned by [`Coherence::due`]. `token` returns the
    /// store's change token, or `None` if the store failed.
    pub(in super::super) fn check(&self, at: u64, token: impl FnOnce() -> Option<u64>) {
        let mut last = lock(&self.token);
        let current = token();
        if current.is_none() || *last != current {
            *last = current;
            self.advance();
        }
        self.checked_at.store(at, Ordering::Relaxed);
    }

    /// Makes each result in memory be checked again at its next use.
    pub(in super::super) fn advance(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}
