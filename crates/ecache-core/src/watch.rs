//! What became of the entries that a filter means, by whichever process.
//!
//! Designs weighed: a log of changes in the store (every writer pays a page for readers that mostly are not
//! there, and somebody has to prune it), triggers (the same, and a file with triggers is refused as not
//! ours), SQLite's update hook (it tells of the own connection's changes only), and polling (chosen): a
//! [change token](crate::backend::Backend::change_token) that costs microseconds, and only where it
//! changed, a scan without values that is compared with the one before.
//!
//! A poll cannot see whether an overwrite within the millisecond in which a scan read the entry came before
//! or after that. Git meets the same question with its index and file times, and answers it the same way:
//! what is that young counts as changed. So when the generation of its store says that something was replaced
//! or removed, an entry that was written while the last scan ran is reported as updated: once too often
//! rather than once too rarely. What escapes is an overwrite with the same time stamp,
//! length, kind and lifetime that reaches the store after a scan in a later millisecond, since its writer
//! had to wait for the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::{Backend, Row, Scan};
use crate::entry::{Entry, Policy};
use crate::error::Result;
use crate::filter::Filter;
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::{Clock, Timestamp};
use crate::value::Kind;

/// What became of an entry between two polls.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was not there before; this is what is known of it now
    Created(Box<Entry>),
    /// It was written again, its lifetime or policy was changed, or it was deleted and created again
    Updated(Box<Entry>),
    /// It was removed
    Deleted(Address),
}

impl Change {
    /// The key of the entry.
    pub fn key(&self) -> &Key {
        match self {
            Self::Created(entry) | Self::Updated(entry) => &entry.address.key,
            Self::Deleted(address) => &address.key,
        }
    }
}

/// Sees what became of the entries that a filter means, from one [`poll`](Watch::poll) to the next.
///
/// It keeps an address and some 50 bytes for each of them, and no transaction.
///
/// ```
/// use std::sync::Arc;
///
/// use ecache_core::backend::memory::MemoryBackend;
/// use ecache_core::filter::Filter;
/// use ecache_core::time::SystemClock;
/// use ecache_core::watch::Watch;
///
/// let mut watch = Watch::new(Arc::new(MemoryBackend::new()), Arc::new(SystemClock), Filter::default());
/// assert!(watch.poll()?.is_empty(), "the first poll has nothing to compare with");
/// # Ok::<(), ecache_core::error::Error>(())
/// ```
pub struct Watch {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    filter: Filter,
    /// How long the last poll took
    cost: Duration,
    /// `None` until the first poll
    seen: Option<Snapshot>,
}

impl Watch {
    /// Watches what `filter` means, from the first poll on.
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, filter: Filter) -> Self {
        Self {
            backend,
            clock,
            filter,
            cost: Duration::ZERO,
            seen: None,
        }
    }

    /// Goes on with another backend: what is compared is what was seen before.
    pub fn continue_with(&mut self, backend: Arc<dyn Backend>) {
        self.backend = backend;
        if let Some(seen) = &mut self.seen {
            seen.token = None;
        }
    }

    /// How long to wait until the next poll that is to come after `interval`: watching a large store that changes
    /// all the time is to take a tenth of a processor and not a whole one.
    pub fn rest(&self, interval: Duration) -> Duration {
        const REST: u32 = 9;
        interval.max(self.cost.saturating_mul(REST))
    }

    /// The changes since the last poll, deletions first. After an error, the next one compares with the same
    /// snapshot.
    ///
    /// # Errors
    /// Those of [`Backend::scan`].
    pub fn poll(&mut self) -> Result<Vec<Change>> {
        self.poll_while(&|| true)
    }

    /// As [`Watch::poll`], but gives up when `goes_on` says so; then there are no changes.
    pub(crate) fn poll_while(&mut self, goes_on: &dyn Fn() -> bool) -> Result<Vec<Change>> {
        let started = Instant::now();
        let polled = self.look(goes_on);
        self.cost = started.elapsed();
        polled
    }

    fn look(&mut self, goes_on: &dyn Fn() -> bool) -> Result<Vec<Change>> {
        let backend = &self.backend;
        let token = match backend.tells_every_change() {
            true => Some(backend.change_token()?),
            false => None,
        };
        if token.is_some() && self.seen.as_ref().is_some_and(|seen| seen.token == token) {
            return Ok(Vec::new());
        }
        let mut generations = BTreeMap::new();
        for store in self.seen.iter().flat_map(Snapshot::stores) {
            generations.insert(Arc::clone(store), backend.generation(store)?);
        }
        let started = self.clock.now();
        let mut marks = BTreeMap::new();
        let mut changes = Vec::new();
        for row in backend.scan(&Scan::new(self.filter.clone()), started)? {
            if !goes_on() {
                return Ok(Vec::new());
            }
            match row? {
                Row::Entry(entry, _) => {
                    marks.insert(entry.address.clone(), Mark::from(&*entry));
                    changes.extend(match &self.seen {
                        Some(seen) => seen.change(entry, &generations),
                        None => None,
                    });
                }
                Row::Damaged(address) => {
                    // That it cannot be read does not mean that somebody deleted it.
                    let before = self.seen.as_ref().and_then(|s| s.marks.get(&address));
                    marks.extend(before.map(|mark| (address, *mark)));
                }
            }
        }
        let before = self.seen.iter().flat_map(|seen| seen.marks.keys());
        let deleted = before
            .filter(|address| !marks.contains_key(*address))
            .cloned();
        let changes = deleted.map(Change::Deleted).chain(changes).collect();
        self.seen = Some(Snapshot {
            token,
            generations,
            scanned: started..=self.clock.now(),
            marks,
        });
        Ok(changes)
    }
}

/// What an entry looks like; a later write makes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    created_at: Timestamp,
    written_at: Timestamp,
    expires_at: Option<Timestamp>,
    policy: Policy,
    kind: Kind,
    size: u64,
}

impl From<&Entry> for Mark {
    fn from(entry: &Entry) -> Self {
        Self {
            created_at: entry.created_at,
            written_at: entry.written_at(),
            expires_at: entry.expires_at,
            policy: entry.policy,
            kind: entry.kind,
            size: entry.size,
        }
    }
}

/// The entries as one poll saw them.
struct Snapshot {
    /// Read before the scan, so that a change during the scan makes the next poll look again; `None` if it is to look
    /// again anyhow
    token: Option<u64>,
    /// Those of the stores that were there before, read before the scan as well
    generations: BTreeMap<Arc<StoreAddress>, u64>,
    /// When the scan ran
    scanned: RangeInclusive<Timestamp>,
    marks: BTreeMap<Address, Mark>,
}

impl Snapshot {
    /// The stores that had entries.
    fn stores(&self) -> BTreeSet<&Arc<StoreAddress>> {
        self.marks.keys().map(|address| &address.store).collect()
    }

    /// What became of an entry that is there when its store has one of these generations.
    fn change(
        &self,
        entry: Box<Entry>,
        generations: &BTreeMap<Arc<StoreAddress>, u64>,
    ) -> Option<Change> {
        let Some(before) = self.marks.get(&entry.address) else {
            return Some(Change::Created(entry));
        };
        let store = &entry.address.store;
        let is_young = self.scanned.contains(&before.written_at);
        // Of a store that was new then, the generation before that scan is not known.
        let is_as_it_was = || {
            let now = generations.get(store);
            now.is_some() && now == self.generations.get(store)
        };
        let overwritten_unseen = is_young && !is_as_it_was();
        (*before != Mark::from(&*entry) || overwritten_unseen).then_some(Change::Updated(entry))
    }
}
