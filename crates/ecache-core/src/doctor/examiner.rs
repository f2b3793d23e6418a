//! Sums up the entries of one scan, and sorts them by their faults.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::{Check, Examination, Finding, Growth, NEAR_LIMIT, RECENT};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::typed_name;
use crate::value::Kind;

/// Maximum number of entries that a finding names.
const NAMED: usize = 100_000;

/// Totals of a store over the entries examined so far.
struct Store {
    usage: Usage,
    persistent: u64,
    recent: Usage,
    newest: Timestamp,
    functions: BTreeSet<Arc<str>>,
}

/// The state of an examination: its parameters, and the findings so far.
pub(super) struct Examiner<'a> {
    live: Option<&'a HashSet<Arc<str>>>,
    pub(super) now: Timestamp,
    since: Timestamp,
    findings: BTreeMap<Check, Finding>,
    stores: BTreeMap<Arc<str>, Store>,
    pub(super) usage: Usage,
}

impl<'a> Examiner<'a> {
    /// The functions of a store that are told apart.
    const FUNCTIONS: usize = 8;

    pub(super) fn new(live: Option<&'a HashSet<Arc<str>>>, now: Timestamp) -> Self {
        let recent = i64::try_from(RECENT.as_millis()).expect("a day is short");
        Self {
            live,
            now,
            since: Timestamp::from_millis(now.as_millis().saturating_sub(recent)),
            findings: BTreeMap::new(),
            stores: BTreeMap::new(),
            usage: Usage::default(),
        }
    }

    /// Looks at one entry.
    pub(super) fn note(&mut self, entry: &Entry, unreadable: Option<String>) {
        let address = &entry.address;
        let one = Usage {
            entries: 1,
            bytes: entry.size,
        };
        self.usage += one;
        let written_at = entry.written_at();
        let store = self
            .stores
            .entry(address.store.store_name.clone())
            .or_insert_with(|| Store {
                usage: Usage::default(),
                persistent: 0,
                recent: Usage::default(),
                newest: written_at,
                functions: BTreeSet::new(),
            });
        store.usage += one;
        store.persistent += u64::from(entry.policy == Policy::Persist);
        store.newest = store.newest.max(written_at);
        if written_at >= self.since {
            store.recent += one;
        }
        // The programs that a command's name led to are not functions.
        if let Some(function) = &entry.function
            && entry.kind != Kind::Command
            && store.functions.len() < Self::FUNCTIONS
        {
            store.functions.insert(function.clone());
        }
        // An entry of policy `persist` is intended to last until it is removed by name.
        let is_persistent = entry.policy == Policy::Persist;
        let is_endless = entry.expires_at.is_none() && !is_persistent;
        let scopes = &entry.scopes;
        let collection_damage = [
            (Check::Unreadable, unreadable.is_some()),
            (Check::Orphaned, self.is_orphaned(&address.store)),
            (Check::Expired, entry.is_expired(self.now)),
            (
                Check::EndlessPrompts,
                is_endless && scopes.prompt_id.is_some(),
            ),
            (Check::EndlessUsers, is_endless && scopes.user_id.is_some()),
            (Check::NearLimit, entry.size >= NEAR_LIMIT),
        ];
        for (check, has_it) in collection_damage {
            if has_it {
                let reason = unreadable.clone().filter(|_| check == Check::Unreadable);
                self.find(check, address, entry.size, reason);
                self.finding(check).persistent += u64::from(is_persistent);
            }
        }
    }

    /// Reports whether the store's dataset was deleted.
    pub(super) fn is_orphaned(&self, store: &StoreAddress) -> bool {
        let dataset = store.dataset_id.as_ref();
        // A dataset's id is an ObjectId: nothing of another type was ever deleted.
        let is_gone = |id: &Arc<str>| self.live.is_some_and(|live| !live.contains(id));
        dataset.is_some_and(|id| !typed_name::is_typed_dataset(id) && is_gone(id))
    }

    /// Notes a fault of a store's own document.
    pub(super) fn find_document(
        &mut self,
        check: Check,
        document: Address,
        reason: Option<String>,
    ) {
        let finding = self.finding(check);
        finding.add_reason(&document, reason);
        finding.documents.push(document);
    }

    pub(super) fn finding(&mut self, check: Check) -> &mut Finding {
        self.findings.entry(check).or_insert_with(|| Finding {
            check,
            usage: Usage::default(),
            persistent: 0,
            entries: Vec::new(),
            documents: Vec::new(),
            reasons: Vec::new(),
            stores: BTreeSet::new(),
        })
    }

    /// Notes a fault that any entry so far may suffer from.
    pub(super) fn find_for_all(&mut self, check: Check, reason: String) {
        let usage = self.usage;
        let finding = self.finding(check);
        finding.usage = usage;
        if !finding.reasons.contains(&reason) {
            finding.reasons.push(reason);
        }
    }

    /// Takes damaged pages that ended a part of the examination for a finding, so that the other
    /// parts follow.
    pub(super) fn unless_damaged(&mut self, examined: Result<()>) -> Result<()> {
        match examined {
            Err(Error::Damaged { detail, .. }) => {
                self.find_for_all(Check::Structure, detail);
                Ok(())
            }
            examined => examined,
        }
    }

    pub(super) fn find(
        &mut self,
        check: Check,
        address: &Address,
        size: u64,
        reason: Option<String>,
    ) {
        let finding = self.finding(check);
        finding.usage += Usage {
            entries: 1,
            bytes: size,
        };
        if finding.entries.len() < NAMED {
            finding.entries.push(address.clone());
        }
        finding.add_reason(address, reason);
    }

    /// Finds the faults of whole stores, once all their entries were seen.
    pub(super) fn note_stores(&mut self) {
        let stores = std::mem::take(&mut self.stores);
        for (name, store) in &stores {
            if store.functions.len() > 1 {
                let functions: Vec<&str> = store.functions.iter().map(|name| &**name).collect();
                let reason = format!("store {name:?}: {}", functions.join(", "));
                self.find_store(Check::SharedStores, name, store, reason);
            }
        }
        for (name, current) in old_versions(&stores, self.since) {
            let reason = format!("store {name:?}: the latest is {current:?}");
            self.find_store(Check::OldVersions, name, &stores[name], reason);
        }
        self.stores = stores;
    }

    pub(super) fn finish(self) -> Examination {
        let mut growth: Vec<Growth> = self
            .stores
            .into_iter()
            .map(|(store_name, store)| Growth {
                store_name,
                usage: store.usage,
                recent: store.recent,
            })
            .collect();
        growth.sort_by_key(|store| std::cmp::Reverse(store.recent.bytes));
        Examination {
            findings: self.findings.into_values().collect(),
            growth,
            usage: self.usage,
        }
    }

    fn find_store(&mut self, check: Check, name: &Arc<str>, store: &Store, reason: String) {
        let finding = self.finding(check);
        finding.usage += store.usage;
        finding.persistent += store.persistent;
        finding.stores.insert(name.clone());
        finding.reasons.push(reason);
    }
}

/// Stores `name#v…` of which another version was written later, and that version.
///
/// The store does not record which version is the newest: the one that was written last is taken
/// for it, and one that was written since `since` for one in use. A version begins with a digit.
fn old_versions(
    stores: &BTreeMap<Arc<str>, Store>,
    since: Timestamp,
) -> Vec<(&Arc<str>, &Arc<str>)> {
    let mut families: BTreeMap<&str, Vec<(&Arc<str>, Timestamp)>> = BTreeMap::new();
    for (name, store) in stores {
        if let Some((family, version)) = name.rsplit_once("#v")
            && version.starts_with(|c: char| c.is_ascii_digit())
        {
            let members = families.entry(family).or_default();
            members.push((name, store.newest));
        }
    }
    let mut old = Vec::new();
    for members in families.into_values() {
        let latest = members.iter().max_by_key(|(_, newest)| *newest);
        let (current, newest) = *latest.expect("a family has a member");
        for (name, written_at) in members {
            if written_at < newest && written_at < since {
                old.push((name, current));
            }
        }
    }
    old
}
