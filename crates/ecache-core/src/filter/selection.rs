//! Selections: the entries that a removal takes, by filters and a capacity, and those it spares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Filter, Usage};
use crate::entry::{Entry, Policy};
use crate::scope::Address;
use crate::time::Timestamp;

/// The order in which the entries beyond a capacity are removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum EvictionOrder {
    /// Those that save the least time for their size first
    #[default]
    Worth,
    /// The least recently used first
    Use,
    /// Those that were written longest ago first
    Age,
    /// The largest first
    Size,
}

impl EvictionOrder {
    /// Returns its word on a command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worth => "worth",
            Self::Use => "use",
            Self::Age => "age",
            Self::Size => "size",
        }
    }
}

/// Limits of the entries in `scope`.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    /// The entries that count towards the limits; only those of policy `evict` are removed
    pub scope: Filter,
    /// Maximum size of their values, in bytes
    pub max_size: Option<u64>,
    /// Maximum number of entries
    pub max_entries: Option<u64>,
    /// The order in which entries are removed until the rest fits
    pub order: EvictionOrder,
}

impl Capacity {
    /// Reports whether entries of that number and size are within the limits.
    #[must_use]
    pub fn fits(&self, usage: Usage) -> bool {
        usage.fits(self.max_size, self.max_entries)
    }
}

/// The field by which the latest entries are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Per {
    /// The store's name
    Store,
    /// The dataset
    Dataset,
    /// The user
    User,
    /// The operator
    Operator,
    /// The function or program
    Function,
}

impl Per {
    /// Returns its word on a command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Dataset => "dataset",
            Self::User => "user",
            Self::Operator => "operator",
            Self::Function => "function",
        }
    }

    /// Returns the name in this field of an entry.
    #[must_use]
    pub fn name(self, entry: &Entry) -> Option<Arc<str>> {
        match self {
            Self::Store => Some(entry.address.store.store_name.clone()),
            Self::Dataset => entry.address.store.dataset_id.clone(),
            Self::User => entry.scopes.user_id.clone(),
            Self::Operator => entry.scopes.operator_uri.clone(),
            Self::Function => entry.function.clone(),
        }
    }
}

/// The entries of policy `evict` that were written last, of those that have not expired.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// The entries among which they are
    pub scope: Filter,
    /// Number of entries, of each group if there are groups
    pub count: u64,
    /// The field that entries of a group share; `None` makes all of them one group. Entries without
    /// such a field are a group, too.
    pub per: Option<Per>,
}

impl Latest {
    /// Returns the filter of the entries among which they are.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            policy: Some(Policy::Evict),
            ..self.scope.clone()
        }
    }

    /// Returns the latest of each group. A `T` stands for an entry, and has the order of time.
    pub(crate) fn of_groups<G, T: Ord>(
        &self,
        groups: BTreeMap<G, Vec<T>>,
    ) -> impl Iterator<Item = T> {
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        groups.into_values().flat_map(move |mut group| {
            group.sort_unstable_by(|one, two| two.cmp(one));
            group.truncate(count);
            group
        })
    }
}

/// Entries that stay although there is a reason to remove them. One that has expired does not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spared {
    /// Results that took longer than that to compute, in milliseconds
    pub cost_above: Option<u64>,
    /// Entries that were written last
    pub latest: Option<Latest>,
}

impl Spared {
    /// Reports whether an entry stays for its cost.
    #[must_use]
    pub fn is_costly(&self, entry: &Entry, now: Timestamp) -> bool {
        let above = |least| entry.cost_ms.is_some_and(|cost| cost > least);
        self.cost_above.is_some_and(above) && !entry.is_expired(now)
    }
}

/// The entries that one removal takes: those that a filter matches, then those beyond a capacity.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Selection {
    /// Filters; an entry is taken if at least one matches
    pub any_of: Vec<Filter>,
    /// More filters, whose entries are taken unless they are spared
    pub unless_spared: Vec<Filter>,
    /// The capacity of the remaining entries; some beyond it are taken unless they are spared
    pub beyond: Option<Capacity>,
    /// The entries that stay
    pub spared: Spared,
}

impl Selection {
    /// Returns a selection of the entries that at least one of the filters matches.
    #[must_use]
    pub fn of(any_of: Vec<Filter>) -> Self {
        Self {
            any_of,
            ..Self::default()
        }
    }

    /// Sets the entries that stay, and the filters whose entries are taken unless they stay.
    #[must_use]
    pub fn with_spared(mut self, unless_spared: Vec<Filter>, spared: Spared) -> Self {
        self.unless_spared = unless_spared;
        self.spared = spared;
        self
    }

    /// Sets the capacity of the remaining entries.
    #[must_use]
    pub fn with_capacity(mut self, beyond: Option<Capacity>) -> Self {
        self.beyond = beyond;
        self
    }

    /// Returns the selection with other filters: those that `change` makes of its own.
    #[must_use]
    pub fn map(&self, change: impl Fn(&Filter) -> Filter) -> Self {
        Self {
            any_of: self.any_of.iter().map(&change).collect(),
            unless_spared: self.unless_spared.iter().map(&change).collect(),
            beyond: self.beyond.as_ref().map(|capacity| Capacity {
                scope: change(&capacity.scope),
                ..capacity.clone()
            }),
            spared: Spared {
                latest: self.spared.latest.as_ref().map(|latest| Latest {
                    scope: change(&latest.scope),
                    ..latest.clone()
                }),
                ..self.spared.clone()
            },
        }
    }

    /// Returns its filter if it takes what one filter matches, and nothing else.
    #[must_use]
    pub fn only_filter(&self) -> Option<&Filter> {
        match (&*self.any_of, &*self.unless_spared, &self.beyond) {
            ([filter], [], None) => Some(filter),
            ([], [filter], None) if self.spared == Spared::default() => Some(filter),
            _ => None,
        }
    }

    /// Returns the filters, those that spare nothing first.
    pub fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.any_of.iter().chain(&self.unless_spared)
    }
}

/// Decides about listed entries by a selection: whether it takes one, and by which filter.
///
/// An entry does not show whether it is the record of a job, so each question names the filter that
/// listed it, as [`Filter::matches_listed`] says.
#[derive(Debug)]
pub struct Judge<'a> {
    filters: Vec<&'a Filter>,
    /// Place of the first filter that spares entries
    sparing: usize,
    spared: &'a Spared,
    latest: BTreeSet<Address>,
    now: Timestamp,
}

impl<'a> Judge<'a> {
    /// Returns a judge to whom the latest entries are not known yet.
    #[must_use]
    pub fn new(selection: &'a Selection, now: Timestamp) -> Self {
        Self {
            filters: selection.filters().collect(),
            sparing: selection.any_of.len(),
            spared: &selection.spared,
            latest: BTreeSet::new(),
            now,
        }
    }

    /// Returns a judge who spares the latest entries.
    #[must_use]
    pub fn sparing(self, latest: BTreeSet<Address>) -> Self {
        Self { latest, ..self }
    }

    /// Returns the filters, those that spare nothing first.
    #[must_use]
    pub fn filters(&self) -> &[&'a Filter] {
        &self.filters
    }

    /// Reports whether an entry counts when the latest ones are looked for: it has not expired, and
    /// no filter takes it that spares nothing.
    #[must_use]
    pub fn may_be_latest(&self, entry: &Entry, listing: &Filter) -> bool {
        let mut gone = self.filters[..self.sparing].iter();
        !entry.is_expired(self.now)
            && !gone.any(|filter| filter.matches_listed(entry, listing, self.now))
    }

    /// Reports whether an entry stays although there is a reason to remove it.
    #[must_use]
    pub fn spares(&self, entry: &Entry) -> bool {
        self.spared.is_costly(entry, self.now) || self.latest.contains(&entry.address)
    }

    /// Reports whether the filter at `place`, which listed the entry, takes it, and none before it
    /// does.
    #[must_use]
    pub fn is_first(&self, place: usize, entry: &Entry) -> bool {
        let listing = self.filters[place];
        let is_spared = place >= self.sparing && self.spares(entry);
        !is_spared && !(0..place).any(|earlier| self.takes_by(earlier, entry, listing))
    }

    /// Reports whether a filter takes the entry.
    #[must_use]
    pub fn takes(&self, entry: &Entry, listing: &Filter) -> bool {
        (0..self.filters.len()).any(|place| self.takes_by(place, entry, listing))
    }

    fn takes_by(&self, place: usize, entry: &Entry, listing: &Filter) -> bool {
        self.filters[place].matches_listed(entry, listing, self.now)
            && !(place >= self.sparing && self.spares(entry))
    }
}

impl From<Filter> for Selection {
    fn from(filter: Filter) -> Self {
        Self {
            any_of: vec![filter],
            ..Self::default()
        }
    }
}
