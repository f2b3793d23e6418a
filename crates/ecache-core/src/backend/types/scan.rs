//! Scanning: orders, rows, and groups of entries.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::lookup::Content;
use super::spread::Spread;
use crate::entry::{Entry, EntryRef, Policy, is_input_record};
use crate::error::Result;
use crate::eviction;
use crate::filter::{Capacity, EvictionOrder, Filter, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::value::Kind;

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Sort {
    /// The backend's own: store by store, oldest first; it streams
    #[default]
    #[cfg_attr(feature = "clap", clap(skip))]
    Stored,
    /// The fastest one
    #[cfg_attr(feature = "clap", clap(skip))]
    Any,
    /// By key
    Key,
    /// By creation
    Created,
    /// By last write
    Updated,
    /// By expiry, those without last
    Expires,
    /// By last use
    Used,
    /// By size
    Size,
    /// By recorded hits
    Hits,
    /// By recorded cost
    Cost,
    /// By the time that recorded hits saved
    Saved,
    /// By size times the time since the last use
    Waste,
    /// By the time that keeping it is expected to save for its size
    Worth,
}

impl Sort {
    /// Returns the number by which entries are ordered; that of their keys, and the backend's own
    /// order, are none.
    pub(crate) fn rank(self, entry: &Entry, now: Timestamp) -> i128 {
        match self {
            Self::Stored | Self::Any | Self::Key => 0,
            Self::Created => entry.created_at.as_millis().into(),
            Self::Updated => entry.written_at().as_millis().into(),
            Self::Expires => entry
                .expires_at
                .map_or(i64::MAX, Timestamp::as_millis)
                .into(),
            Self::Used => entry.used_at().as_millis().into(),
            Self::Size => entry.size.into(),
            Self::Hits => entry.hits.into(),
            Self::Cost => entry.cost_ms.map_or(-1, i128::from),
            Self::Saved => entry.saved_ms.into(),
            Self::Waste => entry.waste(now),
            Self::Worth => eviction::rank(entry.worth(now)),
        }
    }
}

impl From<EvictionOrder> for (Sort, Direction) {
    fn from(order: EvictionOrder) -> Self {
        match order {
            EvictionOrder::Worth => (Sort::Worth, Direction::Ascending),
            EvictionOrder::Use => (Sort::Used, Direction::Ascending),
            EvictionOrder::Age => (Sort::Updated, Direction::Ascending),
            EvictionOrder::Size => (Sort::Size, Direction::Descending),
        }
    }
}

/// Returns the candidates to remove so that the rest is within a capacity. `left` is the usage of
/// all entries that count towards it; each candidate has a unique rank and its size.
pub(in crate::backend) fn beyond<R: Ord, T>(
    capacity: &Capacity,
    mut left: Usage,
    mut candidates: Vec<(R, u64, T)>,
) -> Vec<T> {
    let (_, direction): (Sort, Direction) = capacity.order.into();
    candidates.sort_unstable_by(|(one, ..), (two, ..)| one.cmp(two));
    if direction == Direction::Descending {
        candidates.reverse();
    }
    let mut beyond = Vec::new();
    for (_, bytes, candidate) in candidates {
        if capacity.fits(left) {
            break;
        }
        left.entries -= 1;
        left.bytes -= bytes;
        beyond.push(candidate);
    }
    beyond
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Smallest, earliest first
    #[default]
    Ascending,
    /// Largest, latest first
    Descending,
}

/// Maximum length of the start of a value that a scan with [`Values::Start`] reads.
pub const START_SIZE: usize = 256;

/// The parts of an entry that a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Metadata only
    Omit,
    /// Metadata, and the first [`START_SIZE`] bytes of values, which are not verified: for previews
    Start,
    /// Metadata and verified values
    Include,
}

/// A request to read entries. A release may add a field, so a literal ends with a [`Scan::new`]:
///
/// ```
/// use ecache_core::backend::Scan;
/// use ecache_core::filter::Filter;
///
/// let first = Scan {
///     limit: Some(10),
///     ..Scan::new(Filter::default())
/// };
/// assert!(first.after.is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Filter of the entries
    pub filter: Filter,
    /// Order of the rows
    pub sort: Sort,
    /// Direction of the order
    pub direction: Direction,
    /// Maximum number of rows
    pub limit: Option<u64>,
    /// Only rows behind this entry in the order, for the next page of a list. If the entry is gone,
    /// rows that are equal to it in the order may come again.
    pub after: Option<Box<Entry>>,
    /// With or without values
    pub values: Values,
}

impl Scan {
    /// Returns a scan of all entries that `filter` matches, in the backend's own order, without
    /// values.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        Self {
            filter,
            sort: Sort::default(),
            direction: Direction::default(),
            limit: None,
            after: None,
            values: Values::Omit,
        }
    }
}

/// One row of a scan.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// An entry, with its value where the scan includes values
    Entry(Box<Entry>, Option<Content>),
    /// An entry that cannot be read or fails verification
    Damaged(Address),
    /// An entry of another program that cannot be kept elsewhere as it is
    Foreign(Box<Foreign>),
}

/// An entry of another program, with something that an entry of ours cannot have.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Foreign {
    /// The entry, as far as it can be read
    pub entry: Entry,
    /// The value, where the scan includes values and this one has a form
    pub content: Option<Content>,
    /// The reason why it is foreign, as in `its created_at is not a date`
    pub reason: String,
}

/// Rows as they come; no transaction is held between them.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<Row>> + 'a>;

/// Takes the rows of a scan, most of them while they are still borrowed from the backend.
pub trait Visitor {
    /// Takes an entry, and its verified value where the scan includes values.
    ///
    /// A read transaction may be open: this neither waits nor uses the backend.
    fn entry(&mut self, entry: &EntryRef<'_>, value: Option<&[u8]>);

    /// Takes a row that is damaged, foreign, has a value in chunks, or of a backend that lends
    /// none.
    fn row(&mut self, row: Row) -> ControlFlow<()>;

    /// Called after some entries, while no transaction is open.
    fn end_page(&mut self) -> ControlFlow<()>;
}

/// The field by which entries are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dimension {
    /// The collection
    Collection,
    /// The store's name
    Store,
    /// The dataset
    Dataset,
    /// The user
    User,
    /// The operator
    Operator,
    /// The prompt
    Prompt,
}

impl Dimension {
    /// Returns the name of an entry in this dimension.
    pub fn name<'a>(self, entry: impl Into<EntryRef<'a>>) -> Option<&'a Arc<str>> {
        let entry = entry.into();
        match self {
            Self::Collection | Self::Store | Self::Dataset => self.name_of_store(entry.store),
            Self::User => entry.user_id,
            Self::Operator => entry.operator_uri,
            Self::Prompt => entry.prompt_id,
        }
    }

    /// Returns the name in this dimension of all entries of a store, if they have one.
    #[must_use]
    pub fn name_of_store(self, store: &StoreAddress) -> Option<&Arc<str>> {
        match self {
            Self::Collection => Some(&store.collection),
            Self::Store => Some(&store.store_name),
            Self::Dataset => store.dataset_id.as_ref(),
            Self::User | Self::Operator | Self::Prompt => None,
        }
    }
}

/// The entries of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The group's name; `None` for entries that have none
    pub name: Option<Arc<str>>,
    /// All of its entries
    pub usage: Usage,
    /// Those of them that are expired
    pub expired: Usage,
    /// Entries of policy `persist`
    pub persistent: u64,
    /// Recorded hits
    pub hits: u64,
    /// Milliseconds that the recorded hits saved, by the recorded costs
    pub saved_ms: u64,
    /// Time of the first creation
    pub oldest: Option<Timestamp>,
    /// Time of the latest write
    pub newest: Option<Timestamp>,
    /// The sources of the entries
    pub holds: Holds,
}

/// The sources of the entries of a group; a damaged entry has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holds {
    /// Entries that are outputs of commands
    pub commands: u64,
    /// Entries that are results of functions
    pub functions: u64,
    /// Entries that were set by hand
    pub values: u64,
}

impl Holds {
    /// Returns those of one entry.
    pub(in crate::backend) fn of(kind: Option<Kind>, function: Option<&str>) -> Self {
        let mut holds = Self::default();
        match kind {
            None => {}
            Some(kind) if is_input_record(kind, function) => {}
            Some(Kind::Command) => holds.commands = 1,
            Some(_) if function.is_some() => holds.functions = 1,
            Some(_) => holds.values = 1,
        }
        holds
    }
}

impl Group {
    /// Returns the unnamed group of one entry.
    pub fn of<'a>(entry: impl Into<EntryRef<'a>>, now: Timestamp) -> Self {
        let entry = entry.into();
        let usage = Usage {
            entries: 1,
            bytes: entry.size,
        };
        Self {
            name: None,
            usage,
            expired: if entry.is_expired(now) {
                usage
            } else {
                Usage::default()
            },
            persistent: u64::from(entry.policy == Policy::Persist),
            hits: entry.hits,
            saved_ms: entry.saved_ms,
            oldest: Some(entry.created_at),
            newest: Some(entry.written_at()),
            holds: Holds::of(Some(entry.kind), entry.function.map(|name| &**name)),
        }
    }

    /// Adds another group's entries to this one's, whose name it keeps.
    pub fn merge(&mut self, other: Self) {
        self.usage += other.usage;
        self.expired += other.expired;
        self.persistent += other.persistent;
        self.hits = self.hits.saturating_add(other.hits);
        self.saved_ms = self.saved_ms.saturating_add(other.saved_ms);
        self.oldest = self.oldest.into_iter().chain(other.oldest).min();
        self.newest = self.newest.into_iter().chain(other.newest).max();
        self.holds.commands += other.holds.commands;
        self.holds.functions += other.holds.functions;
        self.holds.values += other.holds.values;
    }
}

/// Sums up entries by the name that they share.
pub(crate) struct Grouping<'a> {
    by: Dimension,
    now: Timestamp,
    spread: &'a mut Spread,
    groups: BTreeMap<Option<Arc<str>>, Group>,
}

impl<'a> Grouping<'a> {
    pub(crate) fn new(by: Dimension, now: Timestamp, spread: &'a mut Spread) -> Self {
        Self {
            by,
            now,
            spread,
            groups: BTreeMap::new(),
        }
    }

    /// Adds an entry to its group and to the spread.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.spread.add(entry, self.now);
        let name = self.by.name(entry).cloned();
        let group = self.groups.entry(name).or_default();
        group.merge(Group::of(entry, self.now));
    }

    /// Returns the groups by name, entries without a name first.
    pub(crate) fn into_groups(self) -> Vec<Group> {
        let named = |(name, group)| Group { name, ..group };
        self.groups.into_iter().map(named).collect()
    }
}
