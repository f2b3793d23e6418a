//! Calls that are counted, but not in the usage log yet: they are appended in batches.
//!
//! A hit in memory is counted without a lock, in the [`Hits`] that its slot refers to. Everything
//! else is counted under a lock, whose cost is small beside that of the look at the store that
//! comes with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::Counted;
use crate::hashed::Hashed;
use crate::key::Key;
use crate::scope::{Scopes, StoreAddress};
use crate::sync::lock;
use crate::time::Timestamp;
use crate::usage::{Event, Outcome};

/// Time between two batches, in milliseconds.
const FLUSH_AFTER_MS: u64 = 60_000;

/// A result as hits return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Version {
    pub(in super::super) written_at: Timestamp,
    /// Time that each hit saves, in milliseconds
    pub(in super::super) cost_ms: u64,
}

/// The hits of one entry that are not in the log yet.
#[derive(Debug)]
pub(in super::super) struct Hits {
    count: AtomicU64,
    /// Milliseconds since the epoch
    used_at: AtomicI64,
    version: Version,
}

impl Hits {
    fn new(version: Version) -> Self {
        Self {
            count: AtomicU64::new(0),
            used_at: AtomicI64::new(0),
            version,
        }
    }

    pub(in super::super) fn note(&self, now: Timestamp) {
        self.used_at.store(now.as_millis(), Ordering::Relaxed);
        // Released, so that `take`, which acquires the count, sees the time.
        self.count.fetch_add(1, Ordering::Release);
    }

    pub(in super::super) fn version(&self) -> Version {
        self.version
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

/// Calls that are counted together: those of a store, a user and an operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct CounterGroup {
    store: Arc<StoreAddress>,
    user: Option<Arc<str>>,
    operator: Option<Arc<str>>,
}

impl CounterGroup {
    pub(in super::super) fn new(store: Arc<StoreAddress>, scopes: &Scopes) -> Self {
        Self {
            store,
            user: scopes.user_id.clone(),
            operator: scopes.operator_uri.clone(),
        }
    }

    fn usage(&self, outcome: Outcome, at: Timestamp, count: u64) -> Event {
        Event {
            outcome,
            at,
            count,
            saved_ms: 0,
            spent_ms: 0,
            store: self.store.clone(),
            user: self.user.clone(),
            operator: self.operator.clone(),
            key: None,
            written_at: None,
        }
    }
}

type HitsByHash = HashMap<[u8; 32], Arc<Hits>, Hashed>;

/// The pending counts of one store, user and operator.
#[derive(Default)]
struct GroupCounters {
    /// Calls by outcome, hits excepted
    calls: BTreeMap<u8, (Outcome, u64)>,
    /// Hits that returned a stale result
    stale: u64,
    spent_ms: u64,
    /// Hits by the hash that is the entry's key
    hits: HitsByHash,
    /// Hits of entries that were written again since
    earlier: Vec<([u8; 32], Arc<Hits>)>,
    /// Calls that got the result of another one's computation, and the time of the last, by the
    /// hash that is the entry's key
    shared: HashMap<[u8; 32], (u64, Timestamp), Hashed>,
}

impl GroupCounters {
    fn hits(&mut self, hash: &[u8; 32], version: Version) -> &Arc<Hits> {
        let new = || Arc::new(Hits::new(version));
        let hits = self.hits.entry(*hash).or_insert_with(new);
        if hits.version != version {
            // What the earlier hits saved stays what it was.
            let earlier = std::mem::replace(hits, new());
            self.earlier.push((*hash, earlier));
        }
        hits
    }

    /// Moves the hits of an entry into events.
    fn take_hits(
        stale: &mut u64,
        group: &CounterGroup,
        (hash, hits): (&[u8; 32], &Hits),
        events: &mut Vec<Event>,
    ) {
        let Some((at, count)) = hits.take() else {
            return;
        };
        // Which entries the stale hits were of does not matter.
        let old = count.min(*stale);
        *stale -= old;
        for (outcome, count) in [(Outcome::Stale, old), (Outcome::Hit, count - old)] {
            if count > 0 {
                events.push(Event {
                    saved_ms: count.saturating_mul(hits.version.cost_ms),
                    key: Some(Key::of_hash(hash)),
                    written_at: Some(hits.version.written_at),
                    ..group.usage(outcome, at, count)
                });
            }
        }
    }
}

/// The pending counts of one cache.
pub(in super::super) struct PendingCounters {
    // In order: there are few, and comparing their names takes less than hashing them.
    groups: Mutex<BTreeMap<CounterGroup, GroupCounters>>,
    /// Events that could not be appended before
    unwritten: Mutex<Vec<Event>>,
    /// Time of the last batch, or of the first check before it; milliseconds since the epoch
    flushed_at: AtomicI64,
}

/// The value of `flushed_at` before the first check.
const NEVER: i64 = i64::MIN;

/// Maximum number of events that are kept for another attempt.
const MAX_UNWRITTEN: usize = 100_000;

impl Default for PendingCounters {
    fn default() -> Self {
        Self {
            groups: Mutex::default(),
            unwritten: Mutex::default(),
            flushed_at: AtomicI64::new(NEVER),
        }
    }
}

impl PendingCounters {
    fn groups(&self) -> MutexGuard<'_, BTreeMap<CounterGroup, GroupCounters>> {
        // Each change is a single step, so a panic elsewhere leaves nothing half done.
        lock(&self.groups)
    }

    fn unwritten(&self) -> MutexGuard<'_, Vec<Event>> {
        lock(&self.unwritten)
    }

    fn with_group<T>(&self, group: &CounterGroup, note: impl FnOnce(&mut GroupCounters) -> T) -> T {
        let mut groups = self.groups();
        match groups.get_mut(group) {
            Some(counters) => note(counters),
            None => note(groups.entry(group.clone()).or_default()),
        }
    }

    /// Returns the counter of an entry's hits in memory.
    pub(in super::super) fn hits(
        &self,
        group: &CounterGroup,
        hash: &[u8; 32],
        version: Version,
    ) -> Arc<Hits> {
        self.with_group(group, |counters| counters.hits(hash, version).clone())
    }

    /// Counts a hit in the store.
    pub(in super::super) fn hit(
        &self,
        group: &CounterGroup,
        hash: &[u8; 32],
        version: Version,
        now: Timestamp,
    ) {
        self.with_group(group, |counters| counters.hits(hash, version).note(now));
    }

    /// Counts an event other than a hit.
    pub(in super::super) fn count(&self, group: &CounterGroup, event: Counted) {
        let outcome = match event {
            Counted::StaleHit => return self.with_group(group, |counters| counters.stale += 1),
            // A miss or a refresh says so already; a mismatch is the function's alone. A shared
            // result is counted with its entry.
            Counted::Computation | Counted::Mismatch | Counted::Shared => return,
            Counted::Miss => Outcome::Miss,
            Counted::Refresh => Outcome::Refresh,
            Counted::Bypass => Outcome::Bypass,
            Counted::Error => Outcome::Error,
        };
        self.with_group(group, |counters| {
            counters
                .calls
                .entry(outcome as u8)
                .or_insert((outcome, 0))
                .1 += 1;
        });
    }

    /// Counts a call that got the result of another one's computation, which is stored by now.
    pub(in super::super) fn share(&self, group: &CounterGroup, hash: &[u8; 32], now: Timestamp) {
        self.with_group(group, |counters| {
            let (count, at) = counters.shared.entry(*hash).or_insert((0, now));
            *count += 1;
            *at = now;
        });
    }

    /// Adds time that was spent on computing.
    pub(in super::super) fn spend(&self, group: &CounterGroup, spent_ms: u64) {
        if spent_ms > 0 {
            self.with_group(group, |counters| {
                counters.spent_ms = counters.spent_ms.saturating_add(spent_ms);
            });
        }
    }

    /// Reports whether a batch is due; the caller that gets `true` must append it.
    pub(in super::super) fn is_due(&self, now: Timestamp) -> bool {
        let (now, flushed_at) = (now.as_millis(), self.flushed_at.load(Ordering::Relaxed));
        if now.abs_diff(flushed_at) < FLUSH_AFTER_MS {
            return false;
        }
        // One of several concurrent callers does it.
        let (order, flushed) = (Ordering::Relaxed, &self.flushed_at);
        let is_ours = flushed.compare_exchange(flushed_at, now, order, order);
        is_ours.is_ok() && flushed_at != NEVER
    }

    /// Takes the counts since the last time.
    pub(in super::super) fn take(&self, now: Timestamp) -> Vec<Event> {
        let mut events = std::mem::take(&mut *self.unwritten());
        self.groups().retain(|group, counters| {
            let stale = &mut counters.stale;
            for (hash, hits) in &counters.earlier {
                GroupCounters::take_hits(stale, group, (hash, hits), &mut events);
            }
            // A slot in memory may still count here.
            counters
                .earlier
                .retain(|(_, hits)| Arc::strong_count(hits) > 1);
            counters.hits.retain(|hash, hits| {
                GroupCounters::take_hits(stale, group, (hash, hits), &mut events);
                Arc::strong_count(hits) > 1
            });
            for (hash, (count, at)) in counters.shared.drain() {
                events.push(Event {
                    key: Some(Key::of_hash(&hash)),
                    // The entry was written before, and one that is created later is another.
                    written_at: Some(at),
                    ..group.usage(Outcome::Follower, at, count)
                });
            }
            let mut spent_ms = std::mem::take(&mut counters.spent_ms);
            for (outcome, count) in std::mem::take(&mut counters.calls).into_values() {
                let mut usage = group.usage(outcome, now, count);
                if matches!(outcome, Outcome::Miss | Outcome::Refresh) {
                    usage.spent_ms = std::mem::take(&mut spent_ms);
                }
                events.push(usage);
            }
            // That of a computation whose call is counted in an earlier batch.
            if spent_ms > 0 {
                let mut usage = group.usage(Outcome::Miss, now, 0);
                usage.spent_ms = spent_ms;
                events.push(usage);
            }
            !counters.hits.is_empty() || !counters.earlier.is_empty() || counters.stale > 0
        });
        events
    }

    /// Keeps events that could not be appended, up to a number, for another attempt.
    pub(in super::super) fn give_back(&self, events: Vec<Event>) {
        let mut unwritten = self.unwritten();
        let room = MAX_UNWRITTEN.saturating_sub(unwritten.len());
        unwritten.extend(events.into_iter().take(room));
    }
}
