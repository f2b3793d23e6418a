//! Pending counters of calls: they are written to the store in batches, so that a hit is no write.
//!
//! A hit in memory is counted without a lock, in the [`Hits`] that its slot refers to. Everything
//! else is counted under a lock, whose cost is small beside that of the look at the store that
//! comes with it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counters::Event;
use crate::backend::{Counters, Use};
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// Time between two writes to the store, in milliseconds.
const FLUSH_AFTER_MS: u64 = 60_000;

/// The hits of one entry that are not in the store yet.
#[derive(Debug, Default)]
pub(super) struct Hits {
    count: AtomicU64,
    /// Milliseconds since the epoch
    used_at: AtomicI64,
    /// Time that each hit saved, in milliseconds
    cost_ms: AtomicU64,
}

impl Hits {
    pub(super) fn note(&self, now: Timestamp) {
        self.used_at.store(now.as_millis(), Ordering::Relaxed);
        // Released, so that `take`, which acquires the count, sees the time.
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

/// Uses the first bytes of a key as its hash, because the key is a hash already.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    /// Ignores the length of the array, which is the same for all keys.
    fn write_usize(&mut self, _: usize) {}
}

/// The pending counters of one store.
#[derive(Default)]
struct Page {
    /// All counters except hits in memory and saved time
    counters: Counters,
    /// Counters that could not be written before
    unwritten: Counters,
    /// Hits by the hash that is the entry's key
    hits: HashMap<[u8; 32], Arc<Hits>, BuildHasherDefault<FirstBytes>>,
}

impl Page {
    fn hits(&mut self, hash: &[u8; 32], cost_ms: u64) -> &Arc<Hits> {
        let hits = self.hits.entry(*hash).or_default();
        hits.cost_ms.store(cost_ms, Ordering::Relaxed);
        hits
    }
}

/// The pending counters of one cache, by store.
pub(super) struct Ledger {
    // In order: there are few stores, and comparing their names takes less than hashing them.
    pages: Mutex<BTreeMap<Arc<StoreAddress>, Page>>,
    /// Time of the last write, or of the first check before it; milliseconds since the epoch
    flushed_at: AtomicI64,
}

/// The value of `flushed_at` before the first check.
const NEVER: i64 = i64::MIN;

impl Default for Ledger {
    fn default() -> Self {
        Self {
            pages: Mutex::default(),
            flushed_at: AtomicI64::new(NEVER),
        }
    }
}

/// Stores, each with the numbers to add to its counters.
pub(super) type StoreCounters = Vec<(Arc<StoreAddress>, Counters)>;

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, BTreeMap<Arc<StoreAddress>, Page>> {
        // Each change is a single step, so a panic elsewhere leaves nothing half done.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_page<T>(&self, store: &Arc<StoreAddress>, note: impl FnOnce(&mut Page) -> T) -> T {
        let mut pages = self.pages();
        match pages.get_mut(store) {
            Some(page) => note(page),
            None => note(pages.entry(store.clone()).or_default()),
        }
    }

    /// Returns the counter of an entry's hits in memory.
    pub(super) fn hits(
        &self,
        store: &Arc<StoreAddress>,
        hash: &[u8; 32],
        cost_ms: u64,
    ) -> Arc<Hits> {
        self.on_page(store, |page| page.hits(hash, cost_ms).clone())
    }

    /// Counts a hit in the store.
    pub(super) fn hit(
        &self,
        store: &Arc<StoreAddress>,
        hash: &[u8; 32],
        cost_ms: u64,
        now: Timestamp,
    ) {
        self.on_page(store, |page| {
            page.counters.store_hits += 1;
            page.hits(hash, cost_ms).note(now);
        });
    }

    /// Counts an event other than a hit.
    pub(super) fn count(&self, store: &Arc<StoreAddress>, event: Event) {
        self.on_page(store, |page| *event.of(&mut page.counters) += 1);
    }

    /// Reports whether a write is due; the caller that gets `true` must do it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let (now, flushed_at) = (now.as_millis(), self.flushed_at.load(Ordering::Relaxed));
        if now.abs_diff(flushed_at) < FLUSH_AFTER_MS {
            return false;
        }
        // One of several concurrent callers does it.
        let (order, flushed) = (Ordering::Relaxed, &self.flushed_at);
        let is_ours = flushed.compare_exchange(flushed_at, now, order, order);
        is_ours.is_ok() && flushed_at != NEVER
    }

    /// Takes what was counted since the last time: the hits of entries and the counters of stores.
    pub(super) fn take(&self) -> (Vec<Use>, StoreCounters) {
        let (mut uses, mut counters) = (Vec::new(), Vec::new());
        for (store, page) in self.pages().iter_mut() {
            let mut noted = std::mem::take(&mut page.counters);
            let in_store = noted.store_hits;
            page.hits.retain(|hash, hits| {
                if let Some((used_at, count)) = hits.take() {
                    let saved = count.saturating_mul(hits.cost_ms.load(Ordering::Relaxed));
                    noted.saved_ms = noted.saved_ms.saturating_add(saved);
                    noted.memory_hits += count;
                    uses.push(Use {
                        address: Address {
                            store: store.clone(),
                            key: Key::of_hash(hash),
                        },
                        used_at,
                        hits: count,
                    });
                }
                // Otherwise a slot in memory still counts here.
                Arc::strong_count(hits) > 1
            });
            // The hits of entries include those in the store.
            noted.memory_hits -= in_store;
            noted.add(std::mem::take(&mut page.unwritten));
            if noted != Counters::default() {
                counters.push((store.clone(), noted));
            }
        }
        (uses, counters)
    }

    /// Adds back counters that could not be written.
    pub(super) fn give_back(&self, counters: StoreCounters) {
        for (store, counters) in counters {
            self.on_page(&store, |page| page.unwritten.add(counters));
        }
    }
}
