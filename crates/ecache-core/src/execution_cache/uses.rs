//! Hits, counted until they are written to the store: a hit is no write.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::Use;
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Hits are written to the store this often, in milliseconds.
const FLUSH_AFTER_MS: u64 = 60_000;

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

/// An entry by the hash that is its key.
#[derive(PartialEq, Eq)]
struct Entry {
    store: Arc<StoreAddress>,
    hash: [u8; 32],
}

impl Hash for Entry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Random enough by itself; hashing the names of the store would take longer than all the rest.
        state.write(&self.hash[..8]);
    }
}

/// The hits of a cache's entries.
pub(super) struct Uses {
    hits: Mutex<HashMap<Entry, Arc<Hits>>>,
    /// When they were last written, or else first noted; milliseconds since the epoch
    flushed_at: AtomicI64,
}

/// The value of `flushed_at` before anything is noted.
const NEVER: i64 = i64::MIN;

impl Default for Uses {
    fn default() -> Self {
        Self {
            hits: Mutex::default(),
            flushed_at: AtomicI64::new(NEVER),
        }
    }
}

impl Uses {
    /// Where the hits of an entry are noted.
    pub(super) fn of(&self, store: Arc<StoreAddress>, hash: &[u8; 32]) -> Arc<Hits> {
        let entry = Entry { store, hash: *hash };
        let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
        hits.entry(entry).or_default().clone()
    }

    /// Whether it is time to write them, which the caller is then to do.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let (now, flushed_at) = (now.as_millis(), self.flushed_at.load(Ordering::Relaxed));
        if now.abs_diff(flushed_at) < FLUSH_AFTER_MS {
            return false;
        }
        // One of those who come at once does it.
        let (order, flushed) = (Ordering::Relaxed, &self.flushed_at);
        let is_ours = flushed.compare_exchange(flushed_at, now, order, order);
        is_ours.is_ok() && flushed_at != NEVER
    }

    /// The hits that were noted since the last time.
    pub(super) fn take(&self) -> Vec<Use> {
        let mut taken = Vec::new();
        let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
        hits.retain(|entry, hits| {
            if let Some((used_at, hits)) = hits.take() {
                taken.push(Use {
                    address: Address {
                        store: entry.store.clone(),
                        key: Key::of_hash(&entry.hash),
                    },
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
