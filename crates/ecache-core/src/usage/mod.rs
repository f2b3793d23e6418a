//! The usage log: every hit, miss and error of every process, appended beside the store.
//!
//! A hit must not write a transaction, and a count must be exact. A call therefore appends one
//! small record to a sidecar file. [`statistics`](crate::statistics) *folds* the log into the
//! store: it adds the records behind the folded offset and moves the offset, in one transaction.
//!
//! | file | its job |
//! |---|---|
//! | `record` | one event as bytes, and reading torn ones |
//! | `names` | numbers and names as bytes |
//! | `header` | the first bytes of a log: its id, and the time of calls that are missing in it |
//! | `log` | the files: appending, locking, beginning anew |
//! | `log_tail` | the calls of all processes, as they are appended |
//! | `batch` | many records, summed by period and group and by entry |
//! | `stored` | the sum of one period and group as bytes |
//!
//! Designs weighed:
//!
//! - *Fixed records of 64 bytes with the numbers of entry, store and names in the database* fold
//!   twice as fast. They need a look at the names for each miss of a store that does not exist,
//!   they mean nothing beside another database, and an id that is used again counts for another
//!   entry.
//! - *Names in the record* (chosen): a record says itself what it counts, for every backend. It
//!   takes one or two slots of 64 bytes, and is summed without decoding a name twice.
//! - *Counters in shared memory*, a fixed array for each process: nothing is parsed, but a crash of
//!   the machine loses all of it, and a new group needs a lock.

mod batch;
mod header;
mod log;
mod log_tail;
mod names;
mod record;
mod stored;

use std::sync::Arc;

#[cfg(feature = "mongodb")]
pub(crate) use batch::sum_by_group;
pub use batch::{EntryUse, Period, UsageBatch};
pub use header::{Gap, LogId};
pub(crate) use log::OpenLog;
pub use log::{Appended, Log};
pub use log_tail::LogTail;
pub use names::RecordedAddress;
pub(crate) use names::RecordedKey;
pub(crate) use stored::StoredRow;

use crate::entry::{Entry, MAX_COUNT};
use crate::key::Key;
use crate::scope::{Scopes, StoreAddress};
use crate::time::Timestamp;

/// Size of a file of the log, in bytes, above which it is removed once it is folded. A write that
/// evicts entries reads as much of it.
pub const SHORT_LOG: u64 = 256 << 10;

/// Milliseconds in an hour, the shortest period of usage.
pub const HOUR: i64 = 3_600_000;

/// Milliseconds in a day, the period of usage that is older than [`HOURS_KEPT`].
pub const DAY: i64 = 24 * HOUR;

/// Time for which usage is kept by the hour, in milliseconds.
pub const HOURS_KEPT: i64 = 30 * DAY;

/// Time for which usage is kept at all, in milliseconds.
pub const KEPT: i64 = 366 * DAY;

/// Maximum number of rows of usage by period; the rest is summed as [`CallGroup::Other`].
pub const MAX_ROWS: usize = 100_000;

/// The outcome of a call, as it is counted. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Outcome {
    /// A fresh result was returned
    Hit = 1,
    /// A stale result was returned
    Stale = 2,
    /// The result of another call's computation was returned
    Follower = 3,
    /// There was no result
    Miss = 4,
    /// A result was computed again because that was requested
    Refresh = 5,
    /// The call was not to be cached
    Bypass = 6,
    /// The cache failed
    Error = 7,
    /// An entry was removed because of a limit
    Eviction = 8,
}

impl Outcome {
    const ALL: [Self; 8] = [
        Self::Hit,
        Self::Stale,
        Self::Follower,
        Self::Miss,
        Self::Refresh,
        Self::Bypass,
        Self::Error,
        Self::Eviction,
    ];

    fn of_number(number: u8) -> Option<Self> {
        let place = usize::from(number).checked_sub(1)?;
        Self::ALL.get(place).copied()
    }

    /// Returns the outcome's word, as `watch` prints it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Follower => "collapsed",
            Self::Miss => "miss",
            Self::Refresh => "refresh",
            Self::Bypass => "bypass",
            Self::Error => "error",
            Self::Eviction => "evict",
        }
    }

    /// Reports whether an entry's result was returned, which counts as a use of the entry.
    #[must_use]
    pub fn is_use(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Follower)
    }
}

/// One call, or several of one outcome, to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The outcome
    pub outcome: Outcome,
    /// Time of the call, or of the last of several
    pub at: Timestamp,
    /// Number of calls
    pub count: u64,
    /// Milliseconds that computing the returned results took once, for all calls together
    pub saved_ms: u64,
    /// Milliseconds that were spent on computing
    pub spent_ms: u64,
    /// The store of the call
    pub store: Arc<StoreAddress>,
    /// The user of the call
    pub user: Option<Arc<str>>,
    /// The operator of the call
    pub operator: Option<Arc<str>>,
    /// The key of the call, if it has one
    pub key: Option<Key>,
    /// Time at which the returned result was written. A later entry of its key, created after that,
    /// does not count the hit as its own.
    pub written_at: Option<Timestamp>,
}

impl Event {
    /// Returns one call of that outcome without a key, which saved and cost nothing.
    #[must_use]
    pub fn new(outcome: Outcome, at: Timestamp, store: Arc<StoreAddress>, scopes: &Scopes) -> Self {
        Self {
            outcome,
            at,
            count: 1,
            saved_ms: 0,
            spent_ms: 0,
            store,
            user: scopes.user_id.clone(),
            operator: scopes.operator_uri.clone(),
            key: None,
            written_at: None,
        }
    }

    /// Returns a call that returned the result of an entry, which saved that many milliseconds.
    #[must_use]
    pub fn of_entry(outcome: Outcome, at: Timestamp, entry: &Entry, saved_ms: u64) -> Self {
        let store = entry.address.store.clone();
        Self {
            saved_ms,
            key: Some(entry.address.key.clone()),
            written_at: Some(entry.written_at()),
            ..Self::new(outcome, at, store, &entry.scopes)
        }
    }
}

/// A process that counts calls and is going to append them.
///
/// The log says so before and after. One that was killed in between took its counts along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tally {
    /// Time from which it counts
    pub since: Timestamp,
    /// A random number, whose lock it holds beside the store while it lives
    pub id: i64,
}

impl Tally {
    /// Returns the name of the lock.
    pub(crate) fn lock_name(&self) -> [u8; 32] {
        let mut name = [0x7A; 32];
        name[..8].copy_from_slice(&self.id.to_le_bytes());
        name
    }
}

/// Defines [`Counts`] from its fields, whose order is part of the format.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counts of some calls.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// Names of the counts, in the order of [`Counts::fields`].
            pub const NAMES: [&str; Self::FIELDS] = [$(stringify!($name)),*];

            /// Number of counts.
            pub const FIELDS: usize = [$(stringify!($name)),*].len();

            /// Returns the counts in a fixed order, which is part of the format.
            #[must_use]
            pub fn fields(&self) -> [u64; Self::FIELDS] {
                [$(self.$name),*]
            }

            /// Returns the counts of [`Counts::fields`].
            #[must_use]
            pub fn of_fields([$($name),*]: [u64; Self::FIELDS]) -> Self {
                Self { $($name),* }
            }
        }
    };
}

counts! {
    /// Calls that were answered without a computation of their own
    hits,
    /// Hits that returned a stale result
    stale,
    /// Hits that returned the result of another call's computation
    followers,
    /// Calls without a result
    misses,
    /// Computations that were requested although there may have been a result
    refreshes,
    /// Calls that were not to be cached
    bypasses,
    /// Failures of the cache
    errors,
    /// Entries removed because of a limit
    evictions,
    /// Milliseconds that the results of hits took to compute
    saved_ms,
    /// Milliseconds spent on computing, on misses and refreshes
    spent_ms,
    /// Milliseconds spent on computing again what a limit had evicted
    lost_ms,
    /// Ages of the removed entries, in milliseconds, added up
    evicted_age_ms,
}

impl Counts {
    /// Adds the counts of `other` to these.
    pub fn add(&mut self, other: &Self) {
        let (mut sum, other) = (self.fields(), other.fields());
        for (ours, theirs) in sum.iter_mut().zip(other) {
            *ours = ours.saturating_add(theirs).min(MAX_COUNT);
        }
        *self = Self::of_fields(sum);
    }

    /// Subtracts counts, each down to zero. Returns the rest and the subtracted counts.
    pub(crate) fn without(&self, counts: &Self) -> (Self, Self) {
        let (mut rest, mut taken) = (self.fields(), counts.fields());
        for (rest, taken) in rest.iter_mut().zip(&mut taken) {
            *taken = (*taken).min(*rest);
            *rest -= *taken;
        }
        (Self::of_fields(rest), Self::of_fields(taken))
    }

    /// Adds calls of one outcome.
    pub fn count(&mut self, outcome: Outcome, calls: u64, saved_ms: u64, spent_ms: u64) {
        let mut counts = Self {
            saved_ms,
            spent_ms,
            ..Self::default()
        };
        match outcome {
            Outcome::Hit => counts.hits = calls,
            Outcome::Stale => (counts.hits, counts.stale) = (calls, calls),
            Outcome::Follower => (counts.hits, counts.followers) = (calls, calls),
            Outcome::Miss => counts.misses = calls,
            Outcome::Refresh => counts.refreshes = calls,
            Outcome::Bypass => counts.bypasses = calls,
            Outcome::Error => counts.errors = calls,
            Outcome::Eviction => counts.evictions = calls,
        }
        self.add(&counts);
    }

    /// Returns the number of calls that might have been answered without a computation.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.hits.saturating_add(self.misses)
    }
}

/// Calls that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallGroup {
    /// The calls of one store, user and operator
    Of {
        /// The store
        store: Arc<StoreAddress>,
        /// The user
        user: Option<Arc<str>>,
        /// The operator
        operator: Option<Arc<str>>,
    },
    /// The calls for which there was no row left
    Other,
}

impl CallGroup {
    /// Returns the store of the calls, if they have one.
    pub(crate) fn store(&self) -> Option<&Arc<StoreAddress>> {
        match self {
            Self::Of { store, .. } => Some(store),
            Self::Other => None,
        }
    }

    /// Returns the calls of the same user and operator in another store.
    pub(crate) fn in_store(&self, other: &Arc<StoreAddress>) -> Self {
        let mut group = self.clone();
        if let Self::Of { store, .. } = &mut group {
            *store = other.clone();
        }
        group
    }
}

/// A part of a log: the records between two offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRange {
    /// The log
    pub log: LogId,
    /// The offset up to which it was folded; 0 if never
    pub from: u64,
    /// The offset up to which it is folded then
    pub to: u64,
}

impl LogRange {
    /// Returns the part of a log between two offsets.
    #[must_use]
    pub fn new(log: LogId, from: u64, to: u64) -> Self {
        Self { log, from, to }
    }
}

/// The counts that a backend has.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// Counts by period and group
    pub periods: Vec<Period>,
    /// Times in which not every call could be counted
    pub gaps: Vec<Gap>,
    /// For each of the logs that were asked for, the offset up to which it is folded; 0 if never
    pub folded: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a miss at a time.
    pub(super) fn event(millis: i64) -> Event {
        let store = Arc::new(StoreAddress::new("s"));
        let at = Timestamp::from_millis(millis);
        Event::new(Outcome::Miss, at, store, &Scopes::default())
    }
}
