//! Hits, counted until they are written to the store: a hit is no write.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::backend::Use;
use crate::scope::Address;
use crate::time::Timestamp;

/// Hits are written to the store this often.
const FLUSH_AFTER: Duration = Duration::from_secs(60);

/// The hits of one entry that are not in the store yet.
#[derive(Debug, Default)]
pub(super) struct Hits {
    count: AtomicU64,
    /// Milliseconds since the epoch
    used_at: AtomicI64,
}

impl Hits {
    pub(super) fn note(&self, now: Timestamp) {
        self.used_at.store(now.as_millis(), Ordering::Relaxed);
        // Released, so that whoever takes the count sees the time.
        self.count.fetch_add(1, Ordering::Release);
    }

    fn take(&self) -> Option<(Timestamp, u64)> {
        match self.count.swap(0, Ordering::Acquire) {
            0 => None,
            count => {
                let used_at = self.used_at.load(Ordering::Relaxed);
                Some((Timestamp::from_millis(used_at), count))
            }
        }
    }
}

/// The hits of a cache's entries.
pub(super) struct Uses {
    hits: Mutex<HashMap<Address, Arc<Hits>>>,
    flushed_at: Mutex<Instant>,
}

impl Default for Uses {
    fn default() -> Self {
        Self {
            hits: Mutex::default(),
            flushed_at: Mutex::new(Instant::now()),
        }
    }
}

impl Uses {
    /// Where the hits of an entry are noted.
    pub(super) fn of(&self, address: &Address) -> Arc<Hits> {
        let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
        match hits.get(address) {
            Some(hits) => hits.clone(),
            None => hits.entry(address.clone()).or_default().clone(),
        }
    }

    /// Whether it is time to write them, which the caller is then to do.
    pub(super) fn is_due(&self) -> bool {
        let mut flushed_at = match self.flushed_at.try_lock() {
            Ok(flushed_at) => flushed_at,
            // Somebody else is looking.
            Err(_) => return false,
        };
        let is_due = flushed_at.elapsed() >= FLUSH_AFTER;
        if is_due {
            *flushed_at = Instant::now();
        }
        is_due
    }

    /// The hits that were noted since the last time.
    pub(super) fn take(&self) -> Vec<Use> {
        let mut taken = Vec::new();
        let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
        hits.retain(|address, hits| {
            if let Some((used_at, hits)) = hits.take() {
                taken.push(Use {
                    address: address.clone(),
                    used_at,
                    hits,
                });
            }
            // Otherwise a slot in memory still counts here.
            Arc::strong_count(hits) > 1
        });
        taken
    }
}
