//! The verbs of the contract that take one function each, from the module that has their rule.

use std::io::Read;
use std::sync::Arc;

use super::{MAX_SIZE, MongoBackend, change_stream, counters, import, read, remove, stats, write};
use crate::backend::{
    Access, Backend, CallBackend, Chunked, CollectionDamage, Commit, Content, Description,
    Dimension, Follow, Group, Imported, Lookup, MaintainBackend, ObserveBackend, OnConflict,
    OnRefused, Progress, Put, PutOptions, ReadBackend, Record, Rows, Scan, Spread, Touch,
    WriteBackend, lookup_enough,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

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

    fn groups_with_spread(
        &self,
        filter: &Filter,
        by: Dimension,
        now: Timestamp,
        spread: &mut Spread,
    ) -> Result<Vec<Group>> {
        stats::groups(self, filter, by, now, spread)
    }
}

impl CallBackend for MongoBackend {}

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
}

impl MaintainBackend for MongoBackend {
    fn writer(&self, access: Access) -> Option<Arc<dyn Backend>> {
        Some(Arc::new(self.with_access(access)))
    }

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
