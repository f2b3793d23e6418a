//! The contract of a backend: every verb, from the module that has its rule.

use std::io::Read;
use std::sync::Arc;

use super::{
    MAX_SIZE, MongoBackend, change_stream, counters, documents, import, read, remove, rename,
    stats, usage, write,
};
use crate::backend::{
    Chunked, CollectionDamage, Commit, Content, Dataset, Description, Dimension, Follow, Group,
    Imported, Lookup, MaintainBackend, ObserveBackend, OnConflict, OnExistingStore, OnRefused,
    Progress, Put, PutOptions, ReadBackend, Record, Rows, Scan, Spread, StoreMetadata, StoreRecord,
    Touch, WriteBackend, lookup_enough,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::usage::{Batch, LogId, LogRange, Recorded, Tally};

impl ReadBackend for MongoBackend {
    fn is_fiftyones(&self) -> bool {
        true
    }

    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        read::lookup(self, address, now)
    }

    fn lookup_many(&self, addresses: &[Address], now: Timestamp) -> Result<Vec<Lookup>> {
        lookup_enough(addresses, |address| read::lookup(self, address, now))
    }

    fn read_chunk(&self, _: &Chunked, _: u64, _: &mut Vec<u8>) -> Result<()> {
        // No value is handed out in chunks.
        Err(Error::Replaced)
    }

    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        read::scan(self, scan, now)
    }

    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        remove::usage(self, selection, now)
    }

    fn stores(&self) -> Result<Vec<StoreRecord>> {
        stats::stores(self)
    }

    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        documents::read(self, store)
    }

    fn count_documents(&self, filter: &Filter, now: Timestamp) -> Result<u64> {
        documents::count(self, filter, now)
    }

    fn groups_with_spread(
        &self,
        filter: &Filter,
        by: Dimension,
        now: Timestamp,
        spread: &mut Spread,
    ) -> Result<Vec<Group>> {
        stats::groups(self, filter, by, now, spread)
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        stats::names(self, of)
    }

    fn datasets(&self) -> Result<Option<Vec<Dataset>>> {
        stats::datasets(self)
    }
}

impl WriteBackend for MongoBackend {
    fn stage(&self, value: &mut dyn Read, _: Timestamp) -> Result<Content> {
        let mut bytes = Vec::new();
        value.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 {
            size if size > MAX_SIZE => Err(Error::TooLarge {
                size,
                limit: MAX_SIZE,
            }),
            _ => Ok(Content::Inline(bytes)),
        }
    }

    fn put(
        &self,
        entry: &Entry,
        content: &Content,
        options: &PutOptions,
        now: Timestamp,
    ) -> Result<Put> {
        write::put(self, entry, content, options, now)
    }

    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        let imported = import::import(self, records, on_conflict, commit, on_refused, progress);
        imported.map(|(imported, _)| imported)
    }

    fn remove(
        &self,
        selection: &Selection,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        remove::remove(self, selection, now, progress)
    }

    fn touch(
        &self,
        selection: &Selection,
        touch: Touch,
        now: Timestamp,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        remove::touch(self, selection, touch, now, progress)
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        write::set_metadata(self, store, metadata)
    }

    fn remove_documents(&self, filter: &Filter, now: Timestamp) -> Result<u64> {
        documents::remove(self, filter, now)
    }

    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        rename::rename(self, from, to, on_existing, progress)
    }
}

impl ObserveBackend for MongoBackend {
    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        counters::generation(&self.on_primary(), store)
    }

    fn change_token(&self) -> Result<u64> {
        counters::changes(&self.on_primary())
    }

    fn tells_every_change(&self) -> bool {
        false
    }

    fn follow(&self, collections: &[Pattern]) -> Result<Option<Box<dyn Follow>>> {
        change_stream::follow(self, collections)
    }

    fn add_usage(&self, batch: &Batch, position: Option<LogRange>, now: Timestamp) -> Result<bool> {
        usage::add(self, batch, position, now)
    }

    fn has_many_hosts(&self) -> bool {
        true
    }

    fn tallies(&self) -> Result<Vec<Tally>> {
        usage::tallies(self)
    }

    fn folded_logs(&self) -> Result<Vec<(LogId, Option<Timestamp>)>> {
        usage::folded_logs(self)
    }

    fn folded(&self, log: LogId) -> Result<u64> {
        usage::folded(self, log)
    }

    fn usage_since(&self, from: Timestamp, logs: &[LogId]) -> Result<Recorded> {
        usage::since(self, from, logs)
    }
}

impl MaintainBackend for MongoBackend {
    fn troubles(&self, collection: &str) -> Result<Vec<CollectionDamage>> {
        stats::troubles(self, collection)
    }

    fn collect_garbage(&self, now: Timestamp) -> Result<()> {
        remove::collect_garbage(self, now)
    }

    fn compact(&self, now: Timestamp) -> Result<()> {
        // The server reuses free space by itself.
        self.collect_garbage(now)
    }

    fn describe(&self) -> Result<Description> {
        stats::describe(self)
    }
}
