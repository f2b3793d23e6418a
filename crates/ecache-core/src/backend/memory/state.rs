//! The state of a store in memory: its entries, values and stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::backend::types::scan;
use crate::backend::{
    Chunked, Content, Direction, Imported, Lookup, OnConflict, OnExistingStore, Put, PutOptions,
    REPLACED_FOR, Record, STAGED_FOR, START_SIZE, Sort, StoreMetadata,
};
use crate::entry::{Entry, MAX_COUNT, Policy};
use crate::error::{Error, Result};
use crate::filter::{Capacity, Filter, Selection, Spared, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::usage::{self, CallGroup, Counts, Gap, LogId, Period};
use crate::value::{CHUNK_SIZE, Value};

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) stores: BTreeMap<StoreAddress, Store>,
    pub(super) entries: BTreeMap<Address, StoredEntry>,
    blobs: BTreeMap<i64, Blob>,
    last_blob: i64,
    /// Latest time of any write
    latest: Option<Timestamp>,
    last_sequence: u64,
    pub(super) periods: BTreeMap<(i64, CallGroup), Counts>,
    pub(super) gaps: Vec<Gap>,
    pub(super) folded: BTreeMap<LogId, u64>,
    pub(super) changes: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Store {
    /// Number of the store, in the order of creation
    number: usize,
    pub(super) generation: u64,
    pub(super) metadata: Option<StoreMetadata>,
}

/// A place in the order of creation: the number of the store, and of the entry.
pub(super) type Place = (usize, u64);

#[derive(Clone, Debug)]
pub(super) struct StoredEntry {
    pub(super) position: Place,
    pub(super) entry: Entry,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
struct Blob {
    bytes: Arc<[u8]>,
    /// Time until which an unnamed value is kept; `None` while an entry names it
    kept_until: Option<Timestamp>,
}

impl State {
    fn store(&mut self, address: &StoreAddress) -> &mut Store {
        let number = self.stores.len();
        self.stores.entry(address.clone()).or_insert(Store {
            number,
            generation: 0,
            metadata: None,
        })
    }

    pub(super) fn bump_generation(&mut self, address: &StoreAddress) {
        self.store(address).generation += 1;
    }

    pub(super) fn lookup(&self, address: &Address, now: Timestamp) -> Lookup {
        match self.entries.get(address) {
            None => Lookup::Missing,
            Some(StoredEntry { entry, .. }) if !entry.is_fresh(now) => {
                Lookup::Stale(Box::new(entry.clone()))
            }
            Some(StoredEntry { entry, content, .. }) => {
                Lookup::Hit(Box::new(entry.clone()), content.clone())
            }
        }
    }

    /// Returns the start of a value.
    pub(super) fn start(&self, content: &Content) -> Result<Content> {
        let bytes = match content {
            Content::Inline(bytes) => bytes.as_slice(),
            Content::Chunked(chunked) => self.chunk(chunked, 0)?,
        };
        Ok(Content::Inline(
            bytes[..bytes.len().min(START_SIZE)].to_vec(),
        ))
    }

    pub(super) fn chunk(&self, chunked: &Chunked, index: u64) -> Result<&[u8]> {
        let blob = self.blobs.get(&chunked.id).ok_or(Error::Replaced)?;
        let mut chunks = blob.bytes.chunks(CHUNK_SIZE);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        chunks.nth(index).ok_or(Error::Replaced)
    }

    fn value(&self, stored: &StoredEntry) -> Result<Value> {
        let bytes = match &stored.content {
            Content::Inline(bytes) => bytes.clone(),
            Content::Chunked(chunked) => {
                let blob = self.blobs.get(&chunked.id).ok_or(Error::Replaced)?;
                blob.bytes.to_vec()
            }
        };
        let kind = stored.entry.kind;
        Ok(Value { kind, bytes })
    }

    pub(super) fn keep(&mut self, bytes: Vec<u8>, now: Timestamp) -> Content {
        if bytes.len() <= CHUNK_SIZE {
            return Content::Inline(bytes);
        }
        self.last_blob += 1;
        self.latest = self.latest.max(Some(now));
        let size = bytes.len() as u64;
        let blob = Blob {
            bytes: bytes.into(),
            kept_until: Some(now.saturating_add(STAGED_FOR)),
        };
        self.blobs.insert(self.last_blob, blob);
        Content::Chunked(Chunked {
            id: self.last_blob,
            size,
        })
    }

    /// Writes an entry as it is.
    fn insert(&mut self, entry: Entry, content: Content) -> Put {
        let number = self.store(&entry.address.store).number;
        let entry = Entry {
            size: content.size(),
            hits: entry.hits.min(MAX_COUNT),
            saved_ms: entry.saved_ms.min(MAX_COUNT),
            cost_ms: entry.cost_ms.map(|cost| cost.min(MAX_COUNT)),
            ..entry
        };
        let address = entry.address.clone();
        let old = self.entries.get(&address);
        let position = old.map(|old| old.position);
        let put = match old {
            None => Put::Created,
            Some(old) => {
                let old = old.content.clone();
                self.bump_generation(&address.store);
                let until = self.latest.map(|now| now.saturating_add(REPLACED_FOR));
                self.keep_until(&old, until);
                Put::Replaced
            }
        };
        self.keep_until(&content, None);
        self.last_sequence += 1;
        let stored = StoredEntry {
            position: position.unwrap_or((number, self.last_sequence)),
            entry,
            content,
        };
        self.entries.insert(address, stored);
        put
    }

    /// Sets the time until which a large value is kept.
    fn keep_until(&mut self, content: &Content, until: Option<Timestamp>) {
        if let Content::Chunked(chunked) = content
            && let Some(blob) = self.blobs.get_mut(&chunked.id)
        {
            blob.kept_until = until;
        }
    }

    /// Removes an entry and its value.
    pub(super) fn discard(&mut self, address: &Address) {
        if let Some(old) = self.entries.remove(address) {
            self.bump_generation(&address.store);
            if let Content::Chunked(chunked) = old.content {
                self.blobs.remove(&chunked.id);
            }
        }
    }

    /// Removes values whose retention time is over.
    pub(super) fn collect(&mut self, now: Timestamp) {
        let is_kept = |blob: &Blob| blob.kept_until.is_none_or(|until| until >= now);
        self.blobs.retain(|_, blob| is_kept(blob));
    }

    /// Drops a staged value, unless an entry names it.
    pub(super) fn drop_staged(&mut self, content: &Content) {
        let named = self.entries.values().any(|other| other.content == *content);
        if let (false, Content::Chunked(chunked)) = (named, content) {
            self.blobs.remove(&chunked.id);
        }
    }

    pub(super) fn put(
        &mut self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        self.store(&entry.address.store);
        self.latest = self.latest.max(Some(now));
        self.collect(now);
        let existing = self.entries.get(&entry.address);
        let fresh = existing.filter(|existing| existing.entry.is_fresh(now));
        let fresh = fresh.map(|fresh| (fresh, fresh.entry.written_at(), fresh.entry.cost_ms));
        let has_value = |stored: &StoredEntry, expected: &Value| -> Result<bool> {
            Ok(self.value(stored)?.equals(expected))
        };
        if !options.condition.holds(fresh, now, has_value)? {
            return Ok(Put::Refused);
        }
        if let Content::Chunked(chunked) = content
            && !self.blobs.contains_key(&chunked.id)
        {
            return Err(Error::Replaced);
        }
        let old = existing.map(|existing| &existing.entry);
        let entry = options.merged(entry, old, now);
        Ok(self.insert(entry, content.clone()))
    }

    pub(super) fn import(
        &mut self,
        record: Record,
        on_conflict: OnConflict,
        imported: &mut Imported,
    ) -> Result<()> {
        let (entry, value) = match record {
            Record::Entry(entry, value) => (entry, value),
            Record::Store(store) => {
                let address = &store.address;
                if let Some(old) = &self.store(address).metadata {
                    let old = old.written_at();
                    let new = store
                        .metadata
                        .as_ref()
                        .map_or(old, StoreMetadata::written_at);
                    if on_conflict.keeps(|| address.document(), old, new)? {
                        imported.stores_kept += 1;
                        return Ok(());
                    }
                }
                imported.stores += 1;
                self.set_metadata(address, store.metadata.as_ref());
                return Ok(());
            }
        };
        if let Some(StoredEntry { entry: old, .. }) = self.entries.get(&entry.address) {
            let address = || entry.address.clone();
            if on_conflict.keeps(address, old.written_at(), entry.written_at())? {
                imported.kept += 1;
                return Ok(());
            }
        }
        let content = self.keep(value, entry.written_at());
        match self.insert(*entry, content) {
            Put::Replaced => imported.replaced += 1,
            _ => imported.created += 1,
        }
        Ok(())
    }

    pub(super) fn set_metadata(
        &mut self,
        address: &StoreAddress,
        metadata: Option<&StoreMetadata>,
    ) {
        self.bump_generation(address);
        self.store(address).metadata = metadata.cloned();
    }

    pub(super) fn rename(
        &mut self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
    ) -> Result<Usage> {
        let keys = |store: &StoreAddress| -> Vec<Address> {
            let keys = self.entries.keys();
            keys.filter(|key| *key.store == *store).cloned().collect()
        };
        let (old, new) = (keys(from), keys(to));
        let document = |store| self.stores.get(store).and_then(|one| one.metadata.clone());
        let (old_document, new_document) = (document(from), document(to));
        if from == to || (old.is_empty() && old_document.is_none()) {
            return Ok(Usage::default());
        }
        let exists = !new.is_empty() || new_document.is_some();
        if exists && on_existing == OnExistingStore::Fail {
            let store = Box::new(to.clone());
            return Err(Error::StoreExists { store });
        }
        for address in &old {
            let address = to.entry(address.key.clone());
            if let Some(there) = self.entries.get(&address) {
                return Err(Error::Conflict {
                    written_at: there.entry.written_at(),
                    address: Box::new(address),
                });
            }
        }
        let is_moving = |group: &CallGroup| match group {
            CallGroup::Of { store, .. } => **store == *from,
            CallGroup::Other => false,
        };
        let moving = self
            .periods
            .extract_if(.., |(_, group), _| is_moving(group));
        let counted: Vec<_> = moving.collect();
        for ((begins_at, mut group), counts) in counted {
            if let CallGroup::Of { store, .. } = &mut group {
                *store = to.clone().into();
            }
            let period = self.periods.entry((begins_at, group)).or_default();
            period.add(&counts);
        }
        let number = self.store(to).number;
        let mut moved = Usage::default();
        for address in old {
            let mut stored = self.entries.remove(&address).expect("it was just listed");
            moved += total([&stored.entry].into_iter());
            self.last_sequence += 1;
            stored.position = (number, self.last_sequence);
            stored.entry.address = to.entry(address.key);
            self.entries.insert(stored.entry.address.clone(), stored);
        }
        self.set_metadata(from, None);
        self.set_metadata(to, new_document.or(old_document).as_ref());
        Ok(moved)
    }

    pub(super) fn matching(
        &self,
        filter: &Filter,
        now: Timestamp,
    ) -> impl Iterator<Item = &StoredEntry> {
        let entries = self.entries.values();
        entries.filter(move |stored| filter.matches(&stored.entry, now))
    }

    pub(super) fn add_period(&mut self, period: &Period) {
        let group = (period.begins_at, period.group.clone());
        self.periods.entry(group).or_default().add(&period.counts);
    }

    /// Returns the counts of the entries that a selection evicts.
    pub(super) fn evicted(&self, selection: &Selection, now: Timestamp) -> Vec<Period> {
        let meant = Selection {
            beyond: None,
            ..selection.clone()
        };
        let mut evicted = self.selected(selection, now);
        for position in self.selected(&meant, now).keys() {
            evicted.remove(position);
        }
        let periods = evicted.values().map(|entry| {
            let group = CallGroup::Of {
                store: entry.address.store.clone(),
                user: entry.scopes.user_id.clone(),
                operator: entry.scopes.operator_uri.clone(),
            };
            Period::of(group, usage::Outcome::Eviction, 1, now)
        });
        periods.collect()
    }

    /// Returns the entries that a selection matches, by their position.
    pub(super) fn selected(
        &self,
        selection: &Selection,
        now: Timestamp,
    ) -> BTreeMap<Place, &Entry> {
        let any_of = selection.any_of.iter();
        let mut selected: BTreeMap<_, _> = any_of
            .flat_map(|filter| self.matching(filter, now))
            .map(|stored| (stored.position, &stored.entry))
            .collect();
        let spared = self.spared(&selection.spared, &selected, now);
        for filter in &selection.unless_spared {
            let matching = self.matching(filter, now);
            let matching = matching.filter(|stored| !spared.contains(&stored.position));
            selected.extend(matching.map(|stored| (stored.position, &stored.entry)));
        }
        if let Some(capacity) = &selection.beyond {
            let left = self.matching(&capacity.scope, now);
            let left = left.filter(|stored| !selected.contains_key(&stored.position));
            let beyond = beyond(capacity, left.collect(), &spared, now);
            selected.extend(beyond);
        }
        selected
    }

    /// Returns the entries that stay, without those that are gone.
    fn spared(
        &self,
        spared: &Spared,
        gone: &BTreeMap<Place, &Entry>,
        now: Timestamp,
    ) -> BTreeSet<Place> {
        let all = self.entries.values();
        let costly = all.filter(|stored| spared.is_costly(&stored.entry, now));
        let mut found: BTreeSet<Place> = costly.map(|stored| stored.position).collect();
        if let Some(latest) = &spared.latest {
            let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for stored in self.matching(&latest.filter(), now) {
                let (entry, position) = (&stored.entry, stored.position);
                if !entry.is_expired(now) && !gone.contains_key(&position) {
                    let group = latest.per.and_then(|per| per.name(entry));
                    let of_group = groups.entry(group).or_default();
                    of_group.push((entry.written_at(), position));
                }
            }
            found.extend(latest.of_groups(groups).map(|(_, position)| position));
        }
        found
    }
}

/// Returns the entries of `left` to evict so that the rest fits a capacity.
fn beyond<'a>(
    capacity: &Capacity,
    left: Vec<&'a StoredEntry>,
    spared: &BTreeSet<Place>,
    now: Timestamp,
) -> Vec<(Place, &'a Entry)> {
    let (sort, _): (Sort, Direction) = capacity.order.into();
    let usage = total(left.iter().map(|stored| &stored.entry));
    let may_go = left.into_iter().filter(
        |StoredEntry {
             entry, position, ..
         }| { entry.policy == Policy::Evict && !spared.contains(position) },
    );
    let candidates = may_go.map(
        |StoredEntry {
             entry, position, ..
         }| {
            let rank = (sort.rank(entry, now), *position);
            (rank, entry.size, (*position, entry))
        },
    );
    scan::beyond(capacity, usage, candidates.collect())
}

pub(super) fn total<'a>(entries: impl Iterator<Item = &'a Entry>) -> Usage {
    let mut usage = Usage::default();
    for entry in entries {
        usage += Usage {
            entries: 1,
            bytes: entry.size,
        };
    }
    usage
}
