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
//! what is that young counts as changed. So when the store's generation says that something was replaced
//! or removed, an entry that was written in the very milliseconds of the last scan is reported as updated:
//! once too often rather than once too rarely. What escapes is an overwrite with the same time stamp,
//! length, kind and lifetime that reaches the store after a scan in a later millisecond, since its writer
//! had to wait for the lock.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

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
    /// The one store that the filter means, if it means one
    store: Option<Arc<StoreAddress>>,
    /// Whether what the first poll finds was created
    from_nothing: bool,
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
            store: None,
            from_nothing: false,
            seen: None,
        }
    }

    /// Takes what the first poll finds for created: there was no store before.
    pub fn from_nothing(self) -> Self {
        Self {
            from_nothing: true,
            ..self
        }
    }

    /// Watches one store.
    pub fn store(
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
        store: Arc<StoreAddress>,
    ) -> Self {
        let filter = Filter::store(&store);
        Self {
            store: Some(store),
            ..Self::new(backend, clock, filter)
        }
    }

    /// The changes since the last poll, deletions first. After an error, the next one compares with the same
    /// snapshot.
    ///
    /// # Errors
    /// Those of [`Backend::scan`].
    pub fn poll(&mut self) -> Result<Vec<Change>> {
        self.poll_while(&|| true)
    }

    /// As [`Watch::poll`], but gives up when `goes_on` says so; what it returns then is of no use.
    pub(crate) fn poll_while(&mut self, goes_on: &dyn Fn() -> bool) -> Result<Vec<Change>> {
        let backend = &self.backend;
        let token = backend.change_token()?;
        if self.seen.as_ref().is_some_and(|seen| seen.token == token) {
            return Ok(Vec::new());
        }
        // Of many stores it is not known which one changed.
        let generation = match &self.store {
            Some(store) => backend.generation(store)?,
            None => token,
        };
        let started = self.clock.now();
        let mut marks = BTreeMap::new();
        let mut changes = Vec::new();
        let rows = backend.scan(&Scan::new(self.filter.clone()), started)?;
        for row in rows.take_while(|_| goes_on()) {
            match row? {
                Row::Entry(entry, _) => {
                    marks.insert(entry.address.clone(), Mark::from(&*entry));
                    changes.extend(match &self.seen {
                        Some(seen) => seen.change(entry, generation),
                        None if self.from_nothing => Some(Change::Created(entry)),
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
            generation,
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
    /// Read before the scan, so that a change during the scan makes the next poll look again
    token: u64,
    /// Read before the scan as well
    generation: u64,
    /// When the scan ran
    scanned: RangeInclusive<Timestamp>,
    marks: BTreeMap<Address, Mark>,
}

impl Snapshot {
    /// What became of an entry that is there at a later generation.
    fn change(&self, entry: Box<Entry>, generation: u64) -> Option<Change> {
        let Some(before) = self.marks.get(&entry.address) else {
            return Some(Change::Created(entry));
        };
        let overwritten_unseen =
            || generation != self.generation && self.scanned.contains(&before.written_at);
        (*before != Mark::from(&*entry) || overwritten_unseen()).then_some(Change::Updated(entry))
    }
}
