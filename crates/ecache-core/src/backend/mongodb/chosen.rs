//! The entries of a selection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mongodb::bson::Document;
use mongodb::bson::oid::ObjectId;

use super::MongoBackend;
use super::id::DocumentId;
use super::read::Listed;
use crate::backend::types::scan;
use crate::backend::{Direction, Sort};
use crate::entry::Policy;
use crate::error::Result;
use crate::filter::{Judge, Latest, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::usage::{CallGroup, Outcome, Period};

/// An entry to be removed.
pub(super) struct Meant {
    pub id: DocumentId,
    pub size: u64,
    pub store: Arc<StoreAddress>,
    /// The conditions under which its document is still the version that was read
    pub unchanged: Document,
    /// The notes on it
    pub notes: Vec<ObjectId>,
    /// The count of its removal, if a limit evicts it
    pub evicted: Option<Period>,
}

impl From<Listed> for Meant {
    fn from(listed: Listed) -> Self {
        let Listed {
            found,
            entry,
            notes,
            ..
        } = listed;
        Self {
            size: entry.size,
            unchanged: found.unchanged(),
            id: found.id,
            store: entry.address.store,
            notes,
            evicted: None,
        }
    }
}

pub(super) fn one(size: u64) -> Usage {
    Usage {
        entries: 1,
        bytes: size,
    }
}

/// A selection, and the entries that it spares.
pub(super) struct Chosen<'a> {
    backend: &'a MongoBackend,
    selection: &'a Selection,
    pub judge: Judge<'a>,
    now: Timestamp,
}

impl<'a> Chosen<'a> {
    pub fn new(
        backend: &'a MongoBackend,
        selection: &'a Selection,
        now: Timestamp,
    ) -> Result<Self> {
        let mut judge = Judge::new(selection, now);
        if let Some(latest) = &selection.spared.latest {
            let latest = find_latest(backend, latest, &judge, now)?;
            judge = judge.sparing(latest);
        }
        Ok(Self {
            backend,
            selection,
            judge,
            now,
        })
    }

    /// Finds the entries that the filter at `place` takes and no earlier filter does.
    pub fn first_meant_by(&self, place: usize) -> Result<impl Iterator<Item = Result<Listed>>> {
        let filter = self.judge.filters()[place];
        let entries = self.backend.entries(filter, self.now, None)?;
        Ok(entries.filter(move |listed| match listed {
            Ok(listed) => self.judge.is_first(place, &listed.entry),
            Err(_) => true,
        }))
    }

    /// Finds the entries beyond the capacity.
    pub fn beyond(&self) -> Result<Vec<Meant>> {
        let Some(capacity) = &self.selection.beyond else {
            return Ok(Vec::new());
        };
        let (sort, _): (Sort, Direction) = capacity.order.into();
        let mut candidates = Vec::new();
        let mut usage = Usage::default();
        for listed in self.backend.entries(&capacity.scope, self.now, None)? {
            let listed = listed?;
            let entry = &listed.entry;
            if self.judge.takes(entry, &capacity.scope) {
                continue;
            }
            usage += one(entry.size);
            if entry.policy != Policy::Evict || self.judge.spares(entry) {
                continue;
            }
            let rank = (
                sort.rank(entry, self.now),
                entry.address.store.clone(),
                listed.found.id.clone(),
            );
            let group = CallGroup::Of {
                store: entry.address.store.clone(),
                user: entry.scopes.user_id.clone(),
                operator: entry.scopes.operator_uri.clone(),
            };
            let mut meant = Meant::from(listed);
            meant.evicted = Some(Period::of(group, Outcome::Eviction, 1, self.now));
            candidates.push((rank, meant.size, meant));
        }
        Ok(scan::beyond(capacity, usage, candidates))
    }
}

/// Finds the latest entries, which stay. Of those that are equal in time, the last ones of a scan
/// are the latest.
fn find_latest(
    backend: &MongoBackend,
    latest: &Latest,
    judge: &Judge<'_>,
    now: Timestamp,
) -> Result<BTreeSet<Address>> {
    let filter = latest.filter();
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for listed in backend.entries(&filter, now, None)? {
        let Listed { entry, found, .. } = listed?;
        if judge.may_be_latest(&entry, &filter) {
            let group = latest.per.and_then(|per| per.name(&entry));
            let place = (entry.written_at(), entry.address.store.clone(), found.id);
            let of_group = groups.entry(group).or_default();
            of_group.push((place, entry.address));
        }
    }
    let kept = latest.of_groups(groups);
    Ok(kept.map(|(_, address)| address).collect())
}
