//! Entries in memory: the contract in its simplest form, and an empty store where there is no file.
//!
//! It does not try to be fast: every verb walks all entries and asks [`Filter::matches`]. That
//! makes it the model that other backends are compared with.

mod state;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};

use self::state::{State, Store, StoredEntry, total};
use super::{
    Chunked, Commit, Content, Description, Dimension, Direction, Group, Grouping, Imported, Lookup,
    OnConflict, OnExistingStore, OnRefused, Progress, Put, PutOptions, Record, Row, Rows, Scan,
    Sort, Spread, StoreMetadata, StoreRecord, Touch, UnnamedValues, Values, count_names,
};
use crate::backend::{
    CallBackend, CallCountBackend, ChangeBackend, CountBackend, ForkBackend, ImportBackend,
    LimitBackend, MaintainBackend, ObserveBackend, ReadBackend, RenameBackend, ScanBackend,
    StoresBackend, UndoBackend, WriteBackend,
};
use crate::entry::{Entry, MAX_COUNT};
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::sync::lock;
use crate::time::Timestamp;
use crate::usage::{self, HOUR, LogId, LogRange, Period, Recorded, UsageBatch};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    state: Mutex<State>,
}

impl MemoryBackend {
    /// Returns an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> MutexGuard<'_, State> {
        // Changes are made on a copy or cannot panic half-way.
        lock(&self.state)
    }

    fn write(&self) -> MutexGuard<'_, State> {
        let mut state = self.read();
        state.changes += 1;
        state
    }
}

impl ReadBackend for MemoryBackend {
    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        Ok(self.read().lookup(address, now))
    }

    fn read_chunk(&self, chunked: &Chunked, index: u64, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.clear();
        bytes.extend_from_slice(self.read().chunk(chunked, index)?);
        Ok(())
    }
}

impl ScanBackend for MemoryBackend {
    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        let state = self.read();
        let key = |entry: &Entry| match scan.sort {
            Sort::Key => Some(entry.address.key.clone()),
            _ => None,
        };
        let place = |entry: &Entry| (key(entry), scan.sort.rank(entry, now));
        let mut found: Vec<_> = state
            .matching(&scan.filter, now)
            .map(|stored| ((place(&stored.entry), stored.position), stored))
            .collect();
        let is_descending = scan.direction == Direction::Descending;
        let behind = if is_descending {
            Ordering::Less
        } else {
            Ordering::Greater
        };
        if let Some(after) = &scan.after {
            let there = state.entries.get(&after.address);
            let there = there.map(|there| there.position);
            let after = place(after);
            found.retain(|((one, position), _)| {
                let order = one.cmp(&after);
                let order = order.then_with(|| match there {
                    Some(there) => position.cmp(&there),
                    None => behind,
                });
                order == behind
            });
        }
        found.sort_by(|one, two| one.0.cmp(&two.0));
        if is_descending {
            found.reverse();
        }
        let limit = scan.limit.map(usize::try_from);
        found.truncate(limit.map_or(usize::MAX, |limit| limit.unwrap_or(usize::MAX)));
        let row = |stored: &StoredEntry| {
            let content = match scan.values {
                Values::Omit => None,
                Values::Start => Some(state.start(&stored.content)?),
                Values::Include => Some(stored.content.clone()),
            };
            Ok(Row::Entry(Box::new(stored.entry.clone()), content))
        };
        let rows: Vec<_> = found.into_iter().map(|(_, stored)| row(stored)).collect();
        Ok(Box::new(rows.into_iter()))
    }
}

impl CountBackend for MemoryBackend {
    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        let state = self.read();
        Ok(total(state.selected(selection, now).into_values()))
    }

    fn groups_with_spread(
        &self,
        filter: &Filter,
        by: Dimension,
        now: Timestamp,
        spread: &mut Spread,
    ) -> Result<Vec<Group>> {
        let state = self.read();
        let mut grouping = Grouping::new(by, now, spread);
        for stored in state.matching(filter, now) {
            grouping.add(&stored.entry);
        }
        Ok(grouping.into_groups())
    }
}

impl CallBackend for MemoryBackend {}

impl UndoBackend for MemoryBackend {}

impl LimitBackend for MemoryBackend {}

impl ForkBackend for MemoryBackend {}

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
            .map_err(Error::from)
            .and_then(|()| state.put(entry, content, options, now));
        if !matches!(put, Ok(Put::Created | Put::Replaced)) {
            state.drop_staged(content);
        }
        put
    }
}

impl ImportBackend for MemoryBackend {
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
}

impl ChangeBackend for MemoryBackend {
    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        let mut state = self.write();
        let evicted = state.evicted(selection, now);
        let selected = state.selected(selection, now);
        let removed = total(selected.values().copied());
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
        let touched = total(selected.values().copied());
        let addresses: Vec<Address> = selected.values().map(|e| e.address.clone()).collect();
        for address in addresses {
            state.bump_generation(&address.store);
            if let Some(StoredEntry { entry, .. }) = state.entries.get_mut(&address) {
                entry.expires_at = touch.expires_at.unwrap_or(entry.expires_at);
                entry.policy = touch.policy.unwrap_or(entry.policy);
            }
        }
        let _ = progress(touched.entries);
        Ok(touched)
    }
}

impl StoresBackend for MemoryBackend {
    fn stores(&self) -> Result<Vec<StoreRecord>> {
        let state = self.read();
        let exists = |address: &StoreAddress, store: &Store| {
            let mut entries = state.entries.keys();
            store.metadata.is_some() || entries.any(|entry| *entry.store == *address)
        };
        let stores = state.stores.iter();
        Ok(stores
            .filter(|(address, store)| exists(address, store))
            .map(|(address, store)| {
                StoreRecord::new(Arc::new(address.clone()), store.metadata.clone())
            })
            .collect())
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        if let Dimension::Store | Dimension::Dataset = of {
            let stores = self.stores()?.into_iter();
            let names = stores.filter_map(|store| of.name_of_store(&store.address).cloned());
            return Ok(names.collect::<BTreeSet<_>>().into_iter().collect());
        }
        let state = self.read();
        let entries = state.entries.values().map(|stored| &stored.entry);
        let names: BTreeSet<Arc<str>> = entries
            .filter_map(|entry| of.name(entry).cloned())
            .collect();
        Ok(names.into_iter().collect())
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        store.check()?;
        self.write().set_metadata(store, metadata);
        Ok(())
    }
}

impl RenameBackend for MemoryBackend {
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
}

impl CallCountBackend for MemoryBackend {
    fn add_usage(
        &self,
        batch: &UsageBatch,
        position: Option<LogRange>,
        _: Timestamp,
    ) -> Result<bool> {
        for period in &batch.periods {
            if let usage::CallGroup::Of { store, .. } = &period.group {
                store.check()?;
            }
        }
        let mut state = self.write();
        if let Some(LogRange { log, from, to }) = position {
            if state.folded.get(&log).copied().unwrap_or(0) != from {
                return Ok(false);
            }
            state.folded.insert(log, to);
        }
        for one in &batch.uses {
            if let Some(StoredEntry { entry, .. }) = state.entries.get_mut(&one.entry.address()) {
                if one.written_at < entry.created_at {
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
            stores: count_names(&self.stores()?),
            entries: self.read().entries.len() as u64,
        })
    }
}
