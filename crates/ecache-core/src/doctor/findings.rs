//! The result of an examination, and the entries that a fix removes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Check;
use crate::entry::Policy;
use crate::filter::{Filter, Pattern, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// A failed check, with the entries that it concerns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// The check that failed
    pub check: Check,
    /// Number of entries that have it, and the bytes of their values
    pub usage: Usage,
    /// Number of these entries with policy `persist`, which clearing and pruning leave in place
    pub persistent: u64,
    /// The entries, up to 100,000 of them
    pub entries: Vec<Address>,
    /// The stores' own documents that have it, which are not entries
    pub documents: Vec<Address>,
    /// Details of the first entries, or of stores
    pub reasons: Vec<String>,
    /// The stores all of whose entries have it, for a trouble of whole stores
    pub stores: BTreeSet<Arc<str>>,
}

impl Finding {
    /// Returns the datasets of the entries and documents that it names.
    #[must_use]
    pub fn datasets(&self) -> BTreeSet<Arc<str>> {
        let named = self.entries.iter().chain(&self.documents);
        let dataset = |named: &Address| named.store.dataset_id.clone();
        named.filter_map(dataset).collect()
    }

    /// Keeps the reasons of the first entries.
    pub(super) fn add_reason(&mut self, address: &Address, reason: Option<String>) {
        const REASONS: usize = 3;
        if let Some(reason) = reason
            && self.reasons.len() < REASONS
        {
            self.reasons.push(format!("{address}: {reason}"));
        }
    }

    /// Selects the entries that it names, unless they were written since `examined`; of any policy
    /// if they are damaged, and otherwise of policy `evict` only.
    #[must_use]
    pub fn selection(&self, examined: Timestamp) -> Selection {
        let mut stores: BTreeMap<&StoreAddress, Vec<Pattern>> = BTreeMap::new();
        for entry in &self.entries {
            let keys = stores.entry(&entry.store).or_default();
            keys.push(Pattern::exact(entry.key.as_str()));
        }
        let any_of = stores.into_iter().map(|(store, keys)| Filter {
            keys,
            written_before: Some(examined),
            // The policy of a damaged entry is not known.
            policy: (self.check != Check::Damaged).then_some(Policy::Evict),
            ..Filter::store(store)
        });
        Selection {
            any_of: any_of.collect(),
            ..Selection::default()
        }
    }
}

/// The growth of a store.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Growth {
    /// The store
    pub store_name: Arc<str>,
    /// All of its entries
    pub usage: Usage,
    /// Its entries that were written within [`RECENT`](super::RECENT)
    pub recent: Usage,
}

/// The result of examining one collection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Examination {
    /// The checks that found something, in the order of [`Check::ALL`]
    pub findings: Vec<Finding>,
    /// The stores, the one that grows fastest first
    pub growth: Vec<Growth>,
    /// All entries that were examined
    pub usage: Usage,
}
