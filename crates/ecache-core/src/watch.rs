//! Changes of the entries that a filter selects, made by any process.
//!
//! Designs weighed: a log of changes in the store (every writer pays a page for readers that mostly
//! are not there, and the log must be pruned), triggers (the same, and a file with triggers is
//! refused as not ours), SQLite's update hook (it tells of the own connection's changes only), and
//! polling (chosen): a [change token](crate::backend::ObserveBackend::change_token) that costs
//! microseconds, and only where it changed, a scan without values that is compared with the one
//! before.
//!
//! If the engine itself [reports](crate::backend::ObserveBackend::follow) the touched entries, a
//! poll looks up these alone. They are compared with the same snapshot, so that an event which
//! comes twice, late or not at all causes no wrong report.
//!
//! A poll cannot see whether an overwrite within the millisecond in which a scan read the entry
//! came before or after that. Git meets the same question with its index and file times, and
//! answers it the same way: an entry that young counts as changed. So when the generation of its
//! store says that something was replaced or removed, an entry that was written while the last scan
//! ran is reported as updated: once too often rather than once too rarely. What escapes is an
//! overwrite with the same time stamp, length, kind and lifetime that reaches the store after a
//! scan in a later millisecond, since its writer had to wait for the lock.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::{Backend, ChangeFeed, Row, Scan, Touched};
use crate::entry::{Entry, Policy};
use crate::error::Result;
use crate::filter::{Filter, Pattern};
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::time::{Clock, Timestamp};
use crate::value::Kind;

/// A change of an entry between two polls.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was not there before
    Created(Box<Entry>),
    /// It was written again, its lifetime or policy was changed, or it was deleted and created
    /// again
    Updated(Box<Entry>),
    /// It was removed
    Deleted(Address),
}

impl Change {
    /// Returns the key of the entry.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Created(entry) | Self::Updated(entry) => &entry.address.key,
            Self::Deleted(address) => &address.key,
        }
    }
}

/// Reports the changes of the entries that a filter matches, from one [`poll`](Watch::poll) to the
/// next.
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
/// let backend = Arc::new(MemoryBackend::new());
/// let mut watch = Watch::new(backend, Arc::new(SystemClock), Filter::default());
/// assert!(watch.poll()?.is_empty(), "the first poll has nothing to compare with");
/// # Ok::<(), ecache_core::error::Error>(())
/// ```
pub struct Watch {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    /// The filter of the entries whose changes are reported
    filter: Filter,
    /// The filter of the scanned entries: all that the other one matches now, did, or may later
    names: Filter,
    /// Duration of the last poll
    cost: Duration,
    /// `None` until the first poll
    seen: Option<Snapshot>,
    following: Following,
}

debug_fields!(Watch { filter, cost });

/// The engine's reports of touched entries, if it has any.
enum Following {
    /// The engine was not asked yet
    Unasked,
    /// The engine reports changes
    Reported(Box<dyn ChangeFeed>),
    /// The engine reports none: snapshots are compared
    Compared,
}

impl Watch {
    /// Watches the entries that `filter` matches, from the first poll on.
    ///
    /// A change is reported if the filter matches the entry before or after it. Conditions on times
    /// are checked when an entry is scanned: that one comes to be true is not a change.
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, filter: Filter) -> Self {
        Self {
            backend,
            clock,
            names: filter.names(),
            filter,
            cost: Duration::ZERO,
            seen: None,
            following: Following::Unasked,
        }
    }

    /// Goes on with another backend, and compares it with the last snapshot of the old one.
    pub fn continue_with(&mut self, backend: Arc<dyn Backend>) {
        self.backend = backend;
        self.following = Following::Unasked;
        self.look_again();
    }

    /// Makes the next poll scan everything.
    fn look_again(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.token = None;
        }
    }

    /// Returns the pause until the next poll: `interval` or longer, so that watching a large store
    /// that changes all the time takes a tenth of a processor and not a whole one. The extension is
    /// half a minute at most, since a poll may have taken long because it waited for a server.
    #[must_use]
    pub fn rest(&self, interval: Duration) -> Duration {
        const REST: u32 = 9;
        const MAX_REST: Duration = Duration::from_secs(30);
        interval.max(self.cost.saturating_mul(REST).min(MAX_REST))
    }

    /// Returns the changes since the last poll, deletions first. After an error, the next poll
    /// compares with the same snapshot.
    ///
    /// # Errors
    /// Fails like [`ScanBackend::scan`](crate::backend::ScanBackend::scan).
    pub fn poll(&mut self) -> Result<Vec<Change>> {
        self.poll_while(&|| true)
    }

    /// Polls as [`Watch::poll`] does, but gives up without changes once `goes_on` returns `false`.
    pub(crate) fn poll_while(&mut self, goes_on: &dyn Fn() -> bool) -> Result<Vec<Change>> {
        let started = Instant::now();
        let polled = self.look(goes_on);
        // A failed poll has waited, and not worked.
        if polled.is_ok() {
            self.cost = started.elapsed();
        }
        polled
    }

    fn look(&mut self, goes_on: &dyn Fn() -> bool) -> Result<Vec<Change>> {
        let touched = self.touched()?;
        let token = match (&touched, self.backend.tells_every_change()) {
            (Touched::Unknown, true) => Some(self.backend.change_token()?),
            (Touched::Unknown, false) => None,
            // The engine reports changes during the scan.
            _ => Some(0),
        };
        let seen = self.seen.as_ref().and_then(|seen| seen.token);
        let is_known = token.is_some() && seen == token;
        match touched {
            Touched::Unknown if is_known => return Ok(Vec::new()),
            Touched::These(addresses) if is_known => {
                let changes = self.look_at(&addresses);
                if changes.is_err() {
                    self.look_again();
                }
                return changes;
            }
            // Events come once, so the token stays unset until a scan succeeds.
            _ => self.look_again(),
        }
        let stores = self.seen.iter().flat_map(Snapshot::stores);
        let generations = self.generations(stores.cloned())?;
        let started = self.clock.now();
        let mut found = Polled::default();
        if !self.find(&self.names, started, &generations, &mut found, goes_on)? {
            return Ok(Vec::new());
        }
        let before = self.seen.iter().flat_map(|seen| &seen.marks);
        let changes = found.changes(before);
        self.seen = Some(Snapshot {
            token,
            generations,
            scanned: started..=self.clock.now(),
            marks: found.marks,
        });
        Ok(changes)
    }

    /// Looks up the entries at these addresses, and compares them with the snapshot.
    fn look_at(&mut self, addresses: &BTreeSet<Address>) -> Result<Vec<Change>> {
        let mut keys: BTreeMap<Arc<StoreAddress>, Vec<Pattern>> = BTreeMap::new();
        let meant = |address: &&Address| self.names.matches_store(&address.store);
        for Address { store, key } in addresses.iter().filter(meant) {
            let keys = keys.entry(Arc::clone(store)).or_default();
            keys.push(Pattern::exact(key.as_str()));
        }
        let generations = self.generations(keys.keys().cloned())?;
        let now = self.clock.now();
        let mut found = Polled::default();
        for (store, keys) in keys {
            let those = Filter {
                keys,
                ..Filter::store(&store)
            };
            self.find(&those, now, &generations, &mut found, &|| true)?;
        }
        let seen = self.seen.as_mut().expect("everything was looked at before");
        let before = addresses
            .iter()
            .filter_map(|address| seen.marks.get_key_value(address));
        let changes = found.changes(before);
        seen.marks.retain(|address, _| !addresses.contains(address));
        seen.marks.extend(found.marks);
        seen.generations.extend(generations);
        Ok(changes)
    }

    fn generations(
        &self,
        stores: impl Iterator<Item = Arc<StoreAddress>>,
    ) -> Result<BTreeMap<Arc<StoreAddress>, u64>> {
        let generation = |store| Ok((Arc::clone(&store), self.backend.generation(&store)?));
        stores.map(generation).collect()
    }

    /// Scans the entries that `filter` matches, and collects those that are watched and their
    /// changes. Returns `false` if `goes_on` did.
    fn find(
        &self,
        filter: &Filter,
        now: Timestamp,
        generations: &BTreeMap<Arc<StoreAddress>, u64>,
        found: &mut Polled,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<bool> {
        for row in self.backend.scan(&Scan::new(filter.clone()), now)? {
            if !goes_on() {
                return Ok(false);
            }
            let row = match row? {
                Row::Foreign(foreign) => Row::Entry(Box::new(foreign.entry), None),
                row => row,
            };
            match row {
                Row::Entry(entry, _) if self.names.matches(&entry, now) => {
                    let mark = Mark {
                        is_meant: self.filter.matches(&entry, now),
                        look: Look::from(&*entry),
                    };
                    found.marks.insert(entry.address.clone(), mark);
                    found.changes.extend(match &self.seen {
                        Some(seen) => seen.change(entry, mark, generations),
                        None => None,
                    });
                }
                Row::Entry(..) | Row::Foreign(_) => {}
                Row::Damaged(address) => {
                    // An unreadable entry was not necessarily deleted.
                    let before = self.seen.as_ref().and_then(|s| s.marks.get(&address));
                    found.marks.extend(before.map(|mark| (address, *mark)));
                }
            }
        }
        Ok(true)
    }

    /// Returns the entries touched since the last poll, as far as the engine reports them.
    fn touched(&mut self) -> Result<Touched> {
        if let Following::Unasked = self.following {
            // Before the first scan, so that nothing happens in between.
            self.following = match self.backend.follow(&self.filter.collections)? {
                Some(follow) => Following::Reported(follow),
                None => Following::Compared,
            };
        }
        let Following::Reported(follow) = &mut self.following else {
            return Ok(Touched::Unknown);
        };
        let touched = follow.touched();
        match &touched {
            Ok(Touched::Unknown) => self.following = Following::Compared,
            Ok(_) => {}
            // The events are not told again.
            Err(_) => self.look_again(),
        }
        touched
    }
}

/// The entries that a poll found, and their changes.
#[derive(Default)]
struct Polled {
    marks: BTreeMap<Address, Mark>,
    changes: Vec<Change>,
}

impl Polled {
    /// Returns all changes since `before`: deletions first.
    fn changes<'a>(
        &mut self,
        before: impl Iterator<Item = (&'a Address, &'a Mark)>,
    ) -> Vec<Change> {
        let is_deleted = |(address, mark): &(&Address, &Mark)| {
            mark.is_meant && !self.marks.contains_key(*address)
        };
        let deleted = before.filter(is_deleted);
        let deleted = deleted.map(|(address, _)| Change::Deleted(address.clone()));
        deleted.chain(std::mem::take(&mut self.changes)).collect()
    }
}

/// The record of an entry that was seen.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Set if the filter matched the entry when it was scanned
    is_meant: bool,
    look: Look,
}

/// The version of an entry; each write makes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    created_at: Timestamp,
    written_at: Timestamp,
    expires_at: Option<Timestamp>,
    policy: Policy,
    kind: Kind,
    size: u64,
}

impl From<&Entry> for Look {
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
    /// Read before the scan, so that a change during the scan makes the next poll look again;
    /// `None` if it is to look again anyhow
    token: Option<u64>,
    /// The generations of the stores that were there before, read before the scan as well
    generations: BTreeMap<Arc<StoreAddress>, u64>,
    /// The time during which the scan ran
    scanned: RangeInclusive<Timestamp>,
    marks: BTreeMap<Address, Mark>,
}

impl Snapshot {
    /// Returns the stores that had entries.
    fn stores(&self) -> BTreeSet<&Arc<StoreAddress>> {
        self.marks.keys().map(|address| &address.store).collect()
    }

    /// Returns the change of an existing entry whose store has one of these generations.
    fn change(
        &self,
        entry: Box<Entry>,
        now: Mark,
        generations: &BTreeMap<Arc<StoreAddress>, u64>,
    ) -> Option<Change> {
        let Some(before) = self.marks.get(&entry.address) else {
            return now.is_meant.then_some(Change::Created(entry));
        };
        if !before.is_meant && !now.is_meant {
            return None;
        }
        let store = &entry.address.store;
        let is_young = self.scanned.contains(&before.look.written_at);
        // The generation before that scan is unknown for a store that was new then.
        let is_as_it_was = || {
            let now = generations.get(store);
            now.is_some() && now == self.generations.get(store)
        };
        let overwritten_unseen = is_young && !is_as_it_was();
        (before.look != now.look || overwritten_unseen).then_some(Change::Updated(entry))
    }
}
