//! What calls came to, counted until it is written to the store: no call is a write.
//!
//! A hit in memory counts where its slot says and takes no lock. All else is counted under one: it
//! comes with a look at the store, beside which that is nothing.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counters::Event;
use crate::backend::{Counters, Use};
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// What was counted is written to the store this often, in milliseconds.
const FLUSH_AFTER_MS: u64 = 60_000;

/// The hits of one entry that are not in the store yet.
#[derive(Debug, Default)]
pub(super) struct Hits {
    count: AtomicU64,
    /// Milliseconds since the epoch
    used_at: AtomicI64,
    /// What each saved, in milliseconds
    cost_ms: AtomicU64,
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

/// Takes the first bytes of a key for its hash: it is one.
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

    /// The length of an array, which all have in common.
    fn write_usize(&mut self, _: usize) {}
}

/// One store's part.
#[derive(Default)]
struct Page {
    /// All but hits in memory, and time saved
    counters: Counters,
    /// What could not be written the last time
    unwritten: Counters,
    /// By the hash that is an entry's key
    hits: HashMap<[u8; 32], Arc<Hits>, BuildHasherDefault<FirstBytes>>,
}

impl Page {
    fn hits(&mut self, hash: &[u8; 32], cost_ms: u64) -> &Arc<Hits> {
        let hits = self.hits.entry(*hash).or_default();
        hits.cost_ms.store(cost_ms, Ordering::Relaxed);
        hits
    }
}

/// What calls with one cache came to, by store.
pub(super) struct Ledger {
    // In order: there are few stores, and comparing their names takes less than hashing them.
    pages: Mutex<BTreeMap<Arc<StoreAddress>, Page>>,
    /// When it was last written, or else first noted; milliseconds since the epoch
    flushed_at: AtomicI64,
}

/// The value of `flushed_at` before anything is noted.
const NEVER: i64 = i64::MIN;

impl Default for Ledger {
    fn default() -> Self {
        Self {
            pages: Mutex::default(),
            flushed_at: AtomicI64::new(NEVER),
        }
    }
}

/// Counters of stores, each with what is to be added.
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

    /// Where hits in memory of an entry are noted.
    pub(super) fn hits(
        &self,
        store: &Arc<StoreAddress>,
        hash: &[u8; 32],
        cost_ms: u64,
    ) -> Arc<Hits> {
        self.on_page(store, |page| page.hits(hash, cost_ms).clone())
    }

    /// Notes a hit in the store.
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

    /// Counts what is no hit.
    pub(super) fn count(&self, store: &Arc<StoreAddress>, event: Event) {
        self.on_page(store, |page| *event.of(&mut page.counters) += 1);
    }

    /// Whether it is time to write it, which the caller is then to do.
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

    /// What was noted since the last time: the hits of entries, and the counters of stores.
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
            // A hit in the store is one of its entry's as well.
            noted.memory_hits -= in_store;
            noted.add(std::mem::take(&mut page.unwritten));
            if noted != Counters::default() {
                counters.push((store.clone(), noted));
            }
        }
        (uses, counters)
    }

    /// Notes again what could not be written.
    pub(super) fn give_back(&self, counters: StoreCounters) {
        for (store, counters) in counters {
            self.on_page(&store, |page| page.unwritten.add(counters));
        }
    }
}
