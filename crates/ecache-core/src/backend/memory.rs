//! Entries in memory: the contract in its simplest form, and an empty store where there is no file.
//!
//! It does not try to be fast: every verb walks all entries and asks [`Filter::matches`]. That
//! makes it the model that other backends are compared with.

use crate::backend::{MaintainBackend, ObserveBackend, ReadBackend, WriteBackend};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Chunked, Commit, Condition, Content, Description, Dimension, Direction, Group, Imported,
    Lookup, OnConflict, OnExistingStore, OnRefused, Progress, Put, PutOptions, REPLACED_FOR,
    Record, Row, Rows, STAGED_FOR, START_SIZE, Scan, Sort, StoreMetadata, StoreRecord, Touch,
    UnnamedValues, Values, lookup_enough,
};
use crate::entry::{Entry, MAX_COUNT, Policy};
use crate::error::{Error, Result};
use crate::filter::{Capacity, Filter, Selection, Usage};
use crate::scope::{Address, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::usage::{self, Batch, Counts, Gap, HOUR, LogId, Period, Position, Recorded};
use crate::value::{CHUNK_SIZE, Value};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    stores: BTreeMap<StoreAddress, Store>,
    entries: BTreeMap<Address, Stored>,
    blobs: BTreeMap<i64, Blob>,
    last_blob: i64,
    /// Latest time of any write
    latest: Option<Timestamp>,
    last_sequence: u64,
    periods: BTreeMap<(i64, usage::Group), Counts>,
    gaps: Vec<Gap>,
    folded: BTreeMap<LogId, u64>,
    changes: u64,
}

#[derive(Clone, Debug)]
struct Store {
    /// Number of the store, in the order of creation
    number: usize,
    generation: u64,
    metadata: Option<StoreMetadata>,
}

#[derive(Clone, Debug)]
struct Stored {
    /// Number of the store, and of the entry in the order of creation
    position: (usize, u64),
    entry: Entry,
    content: Content,
}

#[derive(Clone, Debug)]
struct Blob {
    bytes: Arc<[u8]>,
    /// Time until which an unnamed value is kept; `None` while an entry names it
    kept_until: Option<Timestamp>,
}

impl MemoryBackend {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> MutexGuard<'_, State> {
        // Changes are made on a copy or cannot panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> MutexGuard<'_, State> {
        let mut state = self.read();
        state.changes += 1;
        state
    }
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

    fn bump_generation(&mut self, address: &StoreAddress) {
        self.store(address).generation += 1;
    }

    fn lookup(&self, address: &Address, now: Timestamp) -> Lookup {
        match self.entries.get(address) {
            None => Lookup::Missing,
            Some(Stored { entry, .. }) if !entry.is_fresh(now) => {
                Lookup::Stale(Box::new(entry.clone()))
            }
            Some(Stored { entry, content, .. }) => {
                Lookup::Hit(Box::new(entry.clone()), content.clone())
            }
        }
    }

    /// Returns the start of a value.
    fn start(&self, content: &Content) -> Result<Content> {
        let bytes = match content {
            Content::Inline(bytes) => bytes.as_slice(),
            Content::Chunked(chunked) => self.chunk(chunked, 0)?,
        };
        Ok(Content::Inline(
            bytes[..bytes.len().min(START_SIZE)].to_vec(),
        ))
    }

    fn chunk(&self, chunked: &Chunked, index: u64) -> Result<&[u8]> {
        let blob = self.blobs.get(&chunked.id).ok_or(Error::Replaced)?;
        let mut chunks = blob.bytes.chunks(CHUNK_SIZE);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        chunks.nth(index).ok_or(Error::Replaced)
    }

    fn value(&self, stored: &Stored) -> Result<Value> {
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

    fn keep(&mut self, bytes: Vec<u8>, now: Timestamp) -> Content {
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
        let stored = Stored {
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
    fn discard(&mut self, address: &Address) {
        if let Some(old) = self.entries.remove(address) {
            self.bump_generation(&address.store);
            if let Content::Chunked(chunked) = old.content {
                self.blobs.remove(&chunked.id);
            }
        }
    }

    /// Removes values whose retention time is over.
    fn collect(&mut self, now: Timestamp) {
        let is_kept = |blob: &Blob| blob.kept_until.is_none_or(|until| until >= now);
        self.blobs.retain(|_, blob| is_kept(blob));
    }

    /// Drops a staged value, unless an entry names it.
    fn drop_staged(&mut self, content: &Content) {
        let named = self.entries.values().any(|other| other.content == *content);
        if let (false, Content::Chunked(chunked)) = (named, content) {
            self.blobs.remove(&chunked.id);
        }
    }

    fn put(
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
        let holds = match (&options.condition, fresh) {
            (Condition::Always, _) | (Condition::IfAbsent, None) => true,
            (Condition::IfAbsent, Some(_)) | (Condition::IfValue(_), None) => false,
            (Condition::IfValue(expected), Some(fresh)) => self.value(fresh)?.equals(expected),
        };
        if !holds {
            return Ok(Put::Refused);
        }
        if let Content::Chunked(chunked) = content
            && !self.blobs.contains_key(&chunked.id)
        {
            return Err(Error::Replaced);
        }
        let mut entry = entry.clone();
        match existing {
            None => (entry.last_used_at, entry.hits, entry.saved_ms) = (None, 0, 0),
            Some(Stored { entry: old, .. }) => {
                let new = (entry.policy, entry.expires_at);
                let old_lifetime = (old.policy, old.expires_at);
                (entry.policy, entry.expires_at) = options.keep.lifetime(new, old_lifetime, now);
                entry.created_at = old.created_at;
                (entry.last_used_at, entry.hits) = (old.last_used_at, old.hits);
                entry.saved_ms = old.saved_ms;
            }
        }
        Ok(self.insert(entry, content.clone()))
    }

    fn import(
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
                        imported.kept += 1;
                        return Ok(());
                    }
                }
                imported.stores += 1;
                self.set_metadata(address, store.metadata.as_ref());
                return Ok(());
            }
        };
        if let Some(Stored { entry: old, .. }) = self.entries.get(&entry.address) {
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

    fn set_metadata(&mut self, address: &StoreAddress, metadata: Option<&StoreMetadata>) {
        self.bump_generation(address);
        self.store(address).metadata = metadata.cloned();
    }

    fn rename(
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
        let number = self.store(to).number;
        let mut moved = Usage::default();
        for address in old {
            let mut stored = self.entries.remove(&address).expect("it was just listed");
            moved += usage([&stored.entry].into_iter());
            self.last_sequence += 1;
            stored.position = (number, self.last_sequence);
            stored.entry.address = to.entry(address.key);
            self.entries.insert(stored.entry.address.clone(), stored);
        }
        self.set_metadata(from, None);
        self.set_metadata(to, new_document.or(old_document).as_ref());
        Ok(moved)
    }

    fn matching(&self, filter: &Filter, now: Timestamp) -> impl Iterator<Item = &Stored> {
        let entries = self.entries.values();
        entries.filter(move |stored| filter.matches(&stored.entry, now))
    }

    fn add_period(&mut self, period: &Period) {
        let group = (period.begins_at, period.group.clone());
        self.periods.entry(group).or_default().add(&period.counts);
    }

    /// Returns the counts of the entries that a selection evicts.
    fn evicted(&self, selection: &Selection, now: Timestamp) -> Vec<Period> {
        let meant = Selection {
            beyond: None,
            ..selection.clone()
        };
        let mut evicted = self.selected(selection, now);
        for position in self.selected(&meant, now).keys() {
            evicted.remove(position);
        }
        let periods = evicted.values().map(|entry| {
            let group = usage::Group::Of {
                store: entry.address.store.clone(),
                user: entry.scopes.user_id.clone(),
                operator: entry.scopes.operator_uri.clone(),
            };
            Period::of(group, usage::Outcome::Eviction, 1, now)
        });
        periods.collect()
    }

    /// Returns the entries that a selection matches, by their position.
    fn selected(&self, selection: &Selection, now: Timestamp) -> BTreeMap<(usize, u64), &Entry> {
        let any_of = selection.any_of.iter();
        let mut selected: BTreeMap<_, _> = any_of
            .flat_map(|filter| self.matching(filter, now))
            .map(|stored| (stored.position, &stored.entry))
            .collect();
        if let Some(capacity) = &selection.beyond {
            let left = self.matching(&capacity.scope, now);
            let left = left.filter(|stored| !selected.contains_key(&stored.position));
            let beyond = beyond(capacity, left.collect());
            selected.extend(beyond);
        }
        selected
    }
}

/// Returns the least recently used entries of `left` to evict so that the rest fits a capacity.
fn beyond<'a>(capacity: &Capacity, mut left: Vec<&'a Stored>) -> Vec<((usize, u64), &'a Entry)> {
    left.sort_by_key(|stored| (stored.entry.used_at(), stored.position));
    let mut usage = usage(left.iter().map(|stored| &stored.entry));
    let mut beyond = Vec::new();
    for Stored {
        position, entry, ..
    } in left
    {
        if !capacity.fits(usage) && entry.policy == Policy::Evict {
            usage.entries -= 1;
            usage.bytes -= entry.size;
            beyond.push((*position, entry));
        }
    }
    beyond
}

fn usage<'a>(entries: impl Iterator<Item = &'a Entry>) -> Usage {
    let mut usage = Usage::default();
    for entry in entries {
        usage += Usage {
            entries: 1,
            bytes: entry.size,
        };
    }
    usage
}

/// Returns the number by which an entry sorts in the order `sort`; keys are compared separately.
fn rank(entry: &Entry, sort: Sort) -> i64 {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    match sort {
        Sort::Stored | Sort::Any | Sort::Key => 0,
        Sort::Created => entry.created_at.as_millis(),
        Sort::Updated => entry.written_at().as_millis(),
        Sort::Expires => entry.expires_at.map_or(i64::MAX, Timestamp::as_millis),
        Sort::Used => entry.used_at().as_millis(),
        Sort::Size => number(entry.size),
        Sort::Hits => number(entry.hits),
        Sort::Cost => entry.cost_ms.map_or(-1, number),
    }
}

impl ReadBackend for MemoryBackend {
    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        Ok(self.read().lookup(address, now))
    }

    fn lookup_many(&self, addresses: &[Address], now: Timestamp) -> Result<Vec<Lookup>> {
        let state = self.read();
        lookup_enough(addresses, |address| Ok(state.lookup(address, now)))
    }

    fn read_chunk(&self, chunked: &Chunked, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.clear();
        bytes.extend_from_slice(self.read().chunk(chunked, index)?);
        Ok(())
    }

    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        let state = self.read();
        let mut found: Vec<&Stored> = state.matching(&scan.filter, now).collect();
        found.sort_by(|one, two| {
            let rank = |stored: &Stored| (rank(&stored.entry, scan.sort), stored.position);
            let key = |stored: &Stored| match scan.sort {
                Sort::Key => Some(stored.entry.address.key.clone()),
                _ => None,
            };
            key(one).cmp(&key(two)).then(rank(one).cmp(&rank(two)))
        });
        if scan.direction == Direction::Descending {
            found.reverse();
        }
        let limit = scan.limit.map(usize::try_from);
        found.truncate(limit.map_or(usize::MAX, |limit| limit.unwrap_or(usize::MAX)));
        let row = |stored: &Stored| {
            let content = match scan.values {
                Values::Omit => None,
                Values::Start => Some(state.start(&stored.content)?),
                Values::Include => Some(stored.content.clone()),
            };
            Ok(Row::Entry(Box::new(stored.entry.clone()), content))
        };
        let rows: Vec<_> = found.into_iter().map(row).collect();
        Ok(Box::new(rows.into_iter()))
    }

    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        let state = self.read();
        Ok(usage(state.selected(selection, now).into_values()))
    }

    fn stores(&self) -> Result<Vec<StoreRecord>> {
        let state = self.read();
        let exists = |address: &StoreAddress, store: &Store| {
            let mut entries = state.entries.keys();
            store.metadata.is_some() || entries.any(|entry| *entry.store == *address)
        };
        let stores = state.stores.iter();
        Ok(stores
            .filter(|(address, store)| exists(address, store))
            .map(|(address, store)| StoreRecord {
                address: Arc::new(address.clone()),
                metadata: store.metadata.clone(),
            })
            .collect())
    }

    fn groups(&self, filter: &Filter, by: Dimension, now: Timestamp) -> Result<Vec<Group>> {
        let state = self.read();
        let mut groups: BTreeMap<Option<Arc<str>>, Group> = BTreeMap::new();
        for Stored { entry, .. } in state.matching(filter, now) {
            let Entry {
                address, scopes, ..
            } = entry;
            let name = by.name(&address.store, scopes);
            let expired = entry.is_expired(now);
            groups.entry(name).or_default().merge(Group {
                name: None,
                usage: usage([entry].into_iter()),
                expired: usage([entry].into_iter().filter(|_| expired)),
                persistent: u64::from(entry.policy == Policy::Persist),
                hits: entry.hits,
                saved_ms: entry.saved_ms,
                oldest: Some(entry.created_at),
                newest: Some(entry.written_at()),
            });
        }
        let named = |(name, group)| Group { name, ..group };
        Ok(groups.into_iter().map(named).collect())
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        if let Dimension::Store | Dimension::Dataset = of {
            let stores = self.stores()?.into_iter();
            let names = stores.filter_map(|store| of.name(&store.address, &Scopes::default()));
            return Ok(names.collect::<BTreeSet<_>>().into_iter().collect());
        }
        let state = self.read();
        let entries = state.entries.values().map(|stored| &stored.entry);
        let names: BTreeSet<Arc<str>> = entries
            .filter_map(|entry| of.name(&entry.address.store, &entry.scopes))
            .collect();
        Ok(names.into_iter().collect())
    }
}

impl super::UndoBackend for MemoryBackend {}

impl WriteBackend for MemoryBackend {
    fn stage(&self, value: &mut dyn Read, now: Timestamp) -> Result<Content> {
        let mut bytes = Vec::new();
        value.read_to_end(&mut bytes)?;
        Ok(self.write().keep(bytes, now))
    }

    fn put(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        let mut state = self.write();
        let put = entry
            .check()
            .and_then(|()| state.put(entry, content, options, now));
        if !matches!(put, Ok(Put::Created | Put::Replaced)) {
            state.drop_staged(content);
        }
        put
    }

    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        let size = match commit {
            Commit::Whole | Commit::Rehearse => usize::MAX,
            Commit::Every(size) => size.max(1),
        };
        let mut imported = Imported::default();
        let mut done = 0;
        let mut records = records.peekable();
        while records.peek().is_some() {
            let mut state = self.write();
            let mut draft = state.clone();
            for record in records.by_ref().take(size) {
                let record = record?;
                match record.check() {
                    Ok(()) => draft.import(record, on_conflict, &mut imported)?,
                    Err(error) => on_refused(&record.address(), error)?,
                }
                done += 1;
            }
            if commit != Commit::Rehearse {
                *state = draft;
            }
        }
        // Everything is done, so there is nothing to stop.
        let _ = progress(done);
        Ok(imported)
    }

    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        let mut state = self.write();
        let evicted = state.evicted(selection, now);
        let selected = state.selected(selection, now);
        let removed = usage(selected.values().copied());
        let addresses: Vec<Address> = selected.values().map(|e| e.address.clone()).collect();
        for address in addresses {
            state.discard(&address);
        }
        for period in evicted {
            state.add_period(&period);
        }
        // Everything is done, so there is nothing to stop.
        let _ = progress(removed.entries);
        Ok(removed)
    }

    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        if touch == Touch::default() {
            return Ok(Usage::default());
        }
        let mut state = self.write();
        let selected = state.selected(selection, now);
        let touched = usage(selected.values().copied());
        let addresses: Vec<Address> = selected.values().map(|e| e.address.clone()).collect();
        for address in addresses {
            state.bump_generation(&address.store);
            if let Some(Stored { entry, .. }) = state.entries.get_mut(&address) {
                entry.expires_at = touch.expires_at.unwrap_or(entry.expires_at);
                entry.policy = touch.policy.unwrap_or(entry.policy);
            }
        }
        let _ = progress(touched.entries);
        Ok(touched)
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        store.check()?;
        self.write().set_metadata(store, metadata);
        Ok(())
    }

    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        _: Progress<'_>,
    ) -> Result<Usage> {
        to.check()?;
        self.write().rename(from, to, on_existing)
    }
}

impl ObserveBackend for MemoryBackend {
    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        let state = self.read();
        Ok(state.stores.get(store).map_or(0, |store| store.generation))
    }

    fn change_token(&self) -> Result<u64> {
        Ok(self.read().changes)
    }

    fn add_usage(&self, batch: &Batch, position: Option<Position>, _: Timestamp) -> Result<bool> {
        for period in &batch.periods {
            if let usage::Group::Of { store, .. } = &period.group {
                store.check()?;
            }
        }
        let mut state = self.write();
        if let Some(Position { log, from, to }) = position {
            if state.folded.get(&log).copied().unwrap_or(0) != from {
                return Ok(false);
            }
            state.folded.insert(log, to);
        }
        for one in &batch.uses {
            if let Some(Stored { entry, .. }) = state.entries.get_mut(&one.address) {
                let is_first = entry.last_used_at.is_none() && entry.hits == 0;
                if is_first && one.used_at < entry.created_at {
                    continue;
                }
                entry.hits = entry.hits.saturating_add(one.hits).min(MAX_COUNT);
                entry.saved_ms = entry.saved_ms.saturating_add(one.saved_ms).min(MAX_COUNT);
                entry.last_used_at = entry.last_used_at.max(Some(one.used_at));
            }
        }
        for period in &batch.periods {
            state.add_period(period);
        }
        state.gaps.extend(&batch.gaps);
        Ok(true)
    }

    fn folded(&self, log: LogId) -> Result<u64> {
        Ok(self.read().folded.get(&log).copied().unwrap_or(0))
    }

    fn usage_since(&self, from: Timestamp, logs: &[LogId]) -> Result<Recorded> {
        let state = self.read();
        let since = |begins_at: i64| begins_at.saturating_add(HOUR) > from.as_millis();
        let periods = state.periods.iter().filter(|((at, _), _)| since(*at));
        Ok(Recorded {
            periods: periods
                .map(|((at, group), counts)| Period {
                    begins_at: *at,
                    length: HOUR,
                    group: group.clone(),
                    counts: *counts,
                })
                .collect(),
            gaps: state.gaps.clone(),
            folded: logs
                .iter()
                .map(|log| state.folded.get(log).copied().unwrap_or(0))
                .collect(),
        })
    }
}

impl MaintainBackend for MemoryBackend {
    fn collect_garbage(&self, now: Timestamp) -> Result<()> {
        self.write().collect(now);
        Ok(())
    }

    fn compact(&self, now: Timestamp) -> Result<()> {
        self.collect_garbage(now)
    }

    fn describe(&self) -> Result<Description> {
        Ok(Description {
            engine: "memory".into(),
            path: None,
            file_size: 0,
            wal_size: 0,
            free_size: 0,
            unnamed: UnnamedValues::default(),
            schema_version: 0,
            known_schema_version: 0,
            stores: self.stores()?.len() as u64,
            entries: self.read().entries.len() as u64,
        })
    }
}
