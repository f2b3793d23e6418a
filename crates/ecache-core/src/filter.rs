//! Selects entries: one filter for every verb.
//!
//! [`Filter::matches`] is the definition. A backend turns a filter into a query of its own, and a
//! test holds the two against each other on random stores.

mod selection;

#[doc(hidden)]
pub use selection::{Capacity, EvictionOrder, Judge, Latest, Per, Selection, Spared};

use std::time::Duration;

use crate::entry::{Entry, Policy};
use crate::glob::{Glob, GlobError};
use crate::key::Key;
use crate::python_json::Json;
use crate::scope::{DEFAULT_COLLECTION, StoreAddress};
use crate::time::{Timestamp, whole_millis};
use crate::value::Kind;

/// A name to compare with: exact, or a shell pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The name itself
    Exact(String),
    /// Every name that matches
    Glob(Glob),
}

impl Pattern {
    /// Returns a pattern for exactly that name.
    pub fn exact(name: impl Into<String>) -> Self {
        Self::Exact(name.into())
    }

    /// Returns a pattern for every name that matches the shell pattern.
    ///
    /// # Errors
    /// If the pattern is not well-formed.
    pub fn glob(pattern: &str) -> Result<Self, GlobError> {
        Glob::new(pattern).map(Self::Glob)
    }

    /// Returns the text of the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(name) => name,
            Self::Glob(glob) => glob.as_str(),
        }
    }

    /// Reports whether the pattern matches `name`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(glob) => glob.matches(name),
        }
    }
}

/// Selects datasets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatasetPattern {
    /// Entries that are linked to no dataset
    Unlinked,
    /// Entries linked to a dataset of such an id
    Id(Pattern),
}

impl DatasetPattern {
    /// Returns a pattern for exactly that dataset, or none.
    #[must_use]
    pub fn exact(dataset: Option<&str>) -> Self {
        match dataset {
            Some(dataset) => Self::Id(Pattern::exact(dataset)),
            None => Self::Unlinked,
        }
    }

    /// Reports whether the pattern matches an entry that is linked to `dataset`.
    #[must_use]
    pub fn matches(&self, dataset: Option<&str>) -> bool {
        match (self, dataset) {
            (Self::Unlinked, None) => true,
            (Self::Id(pattern), Some(dataset)) => pattern.matches(dataset),
            _ => false,
        }
    }
}

/// Selects entries by their expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A reader would get it
    Fresh,
    /// Its expiry has passed
    Expired,
    /// It has no expiry: a reader would get it for ever
    Endless,
}

/// Selects records of FiftyOne's transient jobs.
///
/// The value tells a job from other entries, so the query of a backend decides. Workers run jobs in
/// FiftyOne's own database alone: no other backend has any that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// Records of jobs, and nothing else
    Only,
    /// Records of jobs that a worker owns, and nothing else
    Running,
    /// Records of jobs that no worker owns, and nothing else
    Idle,
    /// Everything but records of jobs that a worker owns
    NotRunning,
}

/// Conditions that select entries: all must hold, and of each list at least one pattern.
///
/// An empty list and a `None` match every entry. A release may add a condition, so a literal ends
/// with the default, which matches every entry of the default collection:
///
/// ```
/// use ecache_core::filter::{Filter, Pattern};
///
/// let of_ann = Filter {
///     users: vec![Pattern::exact("ann")],
///     ..Filter::default()
/// };
/// assert!(of_ann.policy.is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Collections
    pub collections: Vec<Pattern>,
    /// Store names
    pub stores: Vec<Pattern>,
    /// Datasets
    pub datasets: Vec<DatasetPattern>,
    /// Keys
    pub keys: Vec<Pattern>,
    /// Users, as far as known
    pub users: Vec<Pattern>,
    /// Operators, as far as known
    pub operators: Vec<Pattern>,
    /// Prompts, as far as known
    pub prompts: Vec<Pattern>,
    /// One of the recorded positional arguments: a string by its text, anything else by its JSON
    pub arguments: Vec<Pattern>,
    /// Kinds of value
    pub kinds: Vec<Kind>,
    /// The policy
    pub policy: Option<Policy>,
    /// Fresh, expired or without expiry
    pub freshness: Option<Freshness>,
    /// Time since the expiry that [`Freshness::Expired`] asks for
    pub expired_for: Duration,
    /// Written before that time, or at an unknown time: one in the future, from a clock that was
    /// wrong
    pub written_before: Option<Timestamp>,
    /// Written at that time or after
    pub written_after: Option<Timestamp>,
    /// Neither written nor hit since that time
    pub unused_since: Option<Timestamp>,
    /// At least that many recorded hits
    pub min_hits: Option<u64>,
    /// No recorded hit
    pub never_used: bool,
    /// Fresh, but no longer at that time
    pub expires_by: Option<Timestamp>,
    /// Values longer than that, in bytes
    pub larger_than: Option<u64>,
    /// Records of transient jobs
    pub jobs: Option<Jobs>,
    /// Values shorter than that, in bytes
    pub smaller_than: Option<u64>,
    /// Results that took longer than that to compute, as far as known
    pub cost_above: Option<Duration>,
}

impl Default for Filter {
    /// Returns a filter that matches every entry of the default collection.
    fn default() -> Self {
        Self {
            collections: vec![Pattern::exact(DEFAULT_COLLECTION)],
            stores: Vec::new(),
            datasets: Vec::new(),
            keys: Vec::new(),
            users: Vec::new(),
            operators: Vec::new(),
            prompts: Vec::new(),
            arguments: Vec::new(),
            kinds: Vec::new(),
            policy: None,
            freshness: None,
            expired_for: Duration::ZERO,
            written_before: None,
            written_after: None,
            unused_since: None,
            min_hits: None,
            never_used: false,
            expires_by: None,
            larger_than: None,
            jobs: None,
            smaller_than: None,
            cost_above: None,
        }
    }
}

impl Filter {
    /// Returns a filter that matches every entry of one store.
    #[must_use]
    pub fn store(store: &StoreAddress) -> Self {
        Self {
            collections: vec![Pattern::exact(&*store.collection)],
            stores: vec![Pattern::exact(&*store.store_name)],
            datasets: vec![DatasetPattern::exact(store.dataset_id.as_deref())],
            ..Self::default()
        }
    }

    /// Reports whether any condition but the collections is set.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        let whole = Self {
            collections: self.collections.clone(),
            ..Self::default()
        };
        *self != whole
    }

    /// Returns the time at which entries have expired that [`Freshness::Expired`] means at `now`.
    #[must_use]
    pub fn expired_by(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(self.expired_for)
    }

    /// Reports whether the filter can match nothing but records of jobs.
    #[must_use]
    pub(crate) fn means_only_jobs(&self) -> bool {
        matches!(self.jobs, Some(Jobs::Only | Jobs::Running | Jobs::Idle))
    }

    /// Returns the filter without its conditions on entries: collections, stores and datasets stay.
    #[must_use]
    pub fn place(&self) -> Self {
        Self {
            collections: self.collections.clone(),
            stores: self.stores.clone(),
            datasets: self.datasets.clone(),
            ..Self::default()
        }
    }

    /// Reports whether the filter matches fresh entries alone.
    #[must_use]
    pub fn is_fresh_only(&self) -> bool {
        self.expires_by.is_some()
            || matches!(self.freshness, Some(Freshness::Fresh | Freshness::Endless))
    }

    /// Returns the part of the filter that is in one store.
    #[must_use]
    pub fn within(&self, store: &StoreAddress) -> Self {
        let place = Self::store(store);
        Self {
            collections: place.collections,
            stores: place.stores,
            datasets: place.datasets,
            ..self.clone()
        }
    }

    /// Returns the conditions on names alone, without those on sizes, times, policies and kinds,
    /// which change while an entry stays.
    #[must_use]
    pub fn names(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            users: self.users.clone(),
            operators: self.operators.clone(),
            prompts: self.prompts.clone(),
            arguments: self.arguments.clone(),
            ..self.place()
        }
    }

    /// Reports whether the filter names nothing but collections, stores, datasets, users and
    /// operators, by which usage is counted.
    #[must_use]
    pub fn means_groups(&self) -> bool {
        let groups = Self {
            users: self.users.clone(),
            operators: self.operators.clone(),
            ..self.place()
        };
        *self == groups
    }

    /// Reports whether such a filter matches the calls of a store, a user and an operator.
    #[must_use]
    pub fn matches_group(
        &self,
        store: &StoreAddress,
        user: Option<&str>,
        operator: Option<&str>,
    ) -> bool {
        self.matches_store(store)
            && any_matches(&self.users, user)
            && any_matches(&self.operators, operator)
    }

    /// Reports whether the filter names only fields that the log of calls has: those of a group,
    /// and keys.
    #[must_use]
    pub fn means_calls(&self) -> bool {
        let of_any_key = Self {
            keys: Vec::new(),
            ..self.clone()
        };
        of_any_key.means_groups()
    }

    /// Reports whether such a filter matches a call of a store, a user and an operator. One without
    /// a key is of none.
    #[must_use]
    pub fn matches_call(
        &self,
        store: &StoreAddress,
        user: Option<&str>,
        operator: Option<&str>,
        key: Option<&Key>,
    ) -> bool {
        let is_key = |pattern: &Pattern| key.is_some_and(|key| pattern.matches(key.as_str()));
        self.matches_group(store, user, operator) && any_of(&self.keys, is_key)
    }

    /// Reports whether the filter matches either all entries of a store or none.
    #[must_use]
    pub fn means_whole_stores(&self) -> bool {
        *self == self.place()
    }

    /// Reports whether the filter can match stores' own documents at all.
    pub(crate) fn means_documents(&self) -> bool {
        let whole_stores = Self {
            policy: self.policy,
            jobs: self.jobs.filter(|jobs| *jobs == Jobs::NotRunning),
            ..self.place()
        };
        *self == whole_stores
    }

    /// Reports whether the filter can match entries of a collection at all.
    #[must_use]
    pub fn matches_collection(&self, collection: &str) -> bool {
        any_of(&self.collections, |pattern| pattern.matches(collection))
    }

    /// Reports whether the filter can match a store's entries at all.
    #[must_use]
    pub fn matches_store(&self, store: &StoreAddress) -> bool {
        self.matches_collection(&store.collection)
            && any_of(&self.stores, |pattern| pattern.matches(&store.store_name))
            && any_of(&self.datasets, |pattern| {
                pattern.matches(store.dataset_id.as_deref())
            })
    }

    /// Reports whether the filter matches a store's own document of that policy.
    ///
    /// A document belongs to the whole store, so only a filter that names nothing but stores,
    /// datasets and a policy matches any. [`Jobs::NotRunning`] is not a condition on the document,
    /// but on the entries beside it, which a backend looks at. The policy of a damaged document is
    /// unknown.
    #[must_use]
    pub fn matches_document(&self, store: &StoreAddress, policy: Option<Policy>) -> bool {
        self.means_documents()
            && self.matches_store(store)
            && self.policy.is_none_or(|meant| policy == Some(meant))
    }

    /// Reports whether the filter matches `entry` at `now`. Every backend's query is tested against
    /// this definition.
    #[must_use]
    pub fn matches(&self, entry: &Entry, now: Timestamp) -> bool {
        !self.means_only_jobs() && self.matches_if_job(entry, now)
    }

    /// Reports whether the filter matches an entry that `listing` listed: a condition on jobs that
    /// both filters have is met.
    #[must_use]
    pub fn matches_listed(&self, entry: &Entry, listing: &Self, now: Timestamp) -> bool {
        (self.jobs == listing.jobs || !self.means_only_jobs()) && self.matches_if_job(entry, now)
    }

    /// Reports whether the filter matches an entry that meets its condition on jobs.
    fn matches_if_job(&self, entry: &Entry, now: Timestamp) -> bool {
        let scopes = &entry.scopes;
        self.matches_store(&entry.address.store)
            && any_matches(&self.keys, Some(entry.address.key.as_str()))
            && any_matches(&self.users, scopes.user_id.as_deref())
            && any_matches(&self.operators, scopes.operator_uri.as_deref())
            && any_matches(&self.prompts, scopes.prompt_id.as_deref())
            && any_of(&self.kinds, |kind| entry.kind == *kind)
            && self.policy.is_none_or(|policy| entry.policy == policy)
            && self.freshness.is_none_or(|freshness| match freshness {
                Freshness::Fresh => entry.is_fresh(now),
                Freshness::Expired => entry.is_expired(self.expired_by(now)),
                Freshness::Endless => entry.expires_at.is_none(),
            })
            && self
                .written_before
                .is_none_or(|t| entry.is_written_before(t, now))
            && self
                .written_after
                .is_none_or(|t| !entry.is_written_before(t, now))
            && self
                .unused_since
                .is_none_or(|t| entry.is_unused_since(t, now))
            && self.min_hits.is_none_or(|hits| entry.hits >= hits)
            && (!self.never_used || entry.hits == 0)
            && self.expires_by.is_none_or(|t| {
                entry.is_fresh(now) && entry.expires_at.is_some_and(|expires| expires <= t)
            })
            && self.larger_than.is_none_or(|size| entry.size > size)
            && self.smaller_than.is_none_or(|size| entry.size < size)
            && self
                .cost_above
                .is_none_or(|cost| entry.cost_ms.is_some_and(|ms| ms > whole_millis(cost)))
            && arguments_match(&self.arguments, entry.args.as_deref())
    }
}

/// Reports whether one of the patterns matches the name; true without patterns.
pub(crate) fn any_matches(patterns: &[Pattern], name: Option<&str>) -> bool {
    any_of(patterns, |pattern| {
        name.is_some_and(|name| pattern.matches(name))
    })
}

fn any_of<T>(patterns: &[T], matches: impl Fn(&T) -> bool) -> bool {
    patterns.is_empty() || patterns.iter().any(matches)
}

/// Reports whether one of the recorded arguments (a JSON array) matches one of the patterns.
pub(crate) fn arguments_match(patterns: &[Pattern], args: Option<&str>) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let Some(Ok(Json::Array(arguments))) = args.map(|args| Json::parse(args.as_bytes())) else {
        return false;
    };
    arguments.iter().any(|argument| match argument.as_str() {
        Some(text) => any_of(patterns, |pattern| pattern.matches(text)),
        None => {
            let text = argument.dumps_sorted();
            any_of(patterns, |pattern| pattern.matches(&text))
        }
    })
}

/// A number of entries, and the bytes of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries
    pub entries: u64,
    /// Bytes of values
    pub bytes: u64,
}

impl Usage {
    /// Reports whether it is within these bounds, if there are any.
    #[must_use]
    pub(crate) fn fits(self, max_bytes: Option<u64>, max_entries: Option<u64>) -> bool {
        max_bytes.is_none_or(|most| self.bytes <= most)
            && max_entries.is_none_or(|most| self.entries <= most)
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        // The sizes that a damaged file claims may add up to anything.
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
