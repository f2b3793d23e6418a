//! Entries in FiftyOne's own database.
//!
//! A collection of ours is a collection of FiftyOne's: an entry is one document with FiftyOne's
//! fields and no others, since FiftyOne raises on a field that it does not know. What more is known
//! of an entry (what kind of value it is, its scopes, arguments, hits) is its *note*, a document in
//! the side collection `<collection>.ecache`.
//!
//! Designs weighed for what goes beside: a field of our own in the document (FiftyOne fails to read
//! it); one note per entry, overwritten in place (a reader between the two writes would combine the
//! new value with the old kind, and take bytes for an ordinary dict); and this one:
//! **a note belongs to one version of one document**. It names the document's `_id`, the time of
//! the write and a checksum of the value, is written before the document, and is removed after the
//! next one. So a reader of a document finds the note of exactly that version, or none; and when
//! FiftyOne overwrites a document, which always moves `updated_at`, the note is ignored from then
//! on. A document without a note is an entry all the same, as FiftyOne means it.
//!
//! Designs weighed for filters: translating each one to MongoDB's query language (a second
//! definition of which entries are meant, with joins for the scopes), and this one: a query that
//! uses FiftyOne's indexes and selects at least the matching entries, and
//! [`Filter::matches`](crate::filter::Filter::matches) on its results, which are read without
//! values.
//!
//! A single server has no transactions, and none are used. A write to one entry is atomic by the
//! unique index and by repeating, in the update, what was read. A removal repeats its conditions,
//! so what was renewed in between stays. An import that is to be whole is read and checked to its
//! end before its first write.
//!
//! The collection `ecache` has the counters: of all changes (for [`Backend::change_token`]), and of
//! each store its generation and the outcomes of calls. FiftyOne's own writes and MongoDB's removal
//! of expired documents move neither: a memory tier notices those no earlier than its own copy
//! expires.
//!
//! A backend that is opened for writing reads from the primary, whatever read preference the URI
//! has: a decision to write or remove must not rest on what a secondary does not have yet.
//!
//! Calls block, and must not be made on a thread that drives tokio's tasks: `driver` has a runtime
//! of its own.

mod change_stream;
mod connection;
mod counters;
mod document;
mod documents;
mod driver;
mod id;
mod import;
mod name;
mod query;
mod read;
mod remove;
mod rename;
mod side_document;
mod stats;
mod value;
mod write;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::RawDocumentBuf;
use mongodb::{Collection, Database};

use super::sqlite::Access;
use super::{
    Backend, Chunked, Commit, Content, Counters, Dataset, Description, Dimension, Follow, Group,
    Imported, Lookup, OnConflict, OnExistingStore, OnRefused, Progress, Put, PutOptions, Record,
    Rows, Scan, StoreMetadata, StoreRecord, Touch, Trouble, Use, lookup_enough,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Selection, Usage};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

pub use connection::DEFAULT_DATABASE;
use driver::Driver;

/// The longest value, in bytes: that of the longest document that MongoDB keeps.
pub const MAX_SIZE: u64 = 16 << 20;

/// Maximum number of documents in a batch.
const BATCH: usize = 1000;

/// Maximum number of bytes of documents in a batch to write.
const BATCH_SIZE: usize = 16 << 20;

/// Maximum number of attempts at a write while others write the same entry.
const ATTEMPTS: usize = 32;

/// A database of a MongoDB server.
pub struct MongoBackend {
    driver: Arc<Driver>,
    database: Database,
    /// The servers' names, for messages
    host: Arc<str>,
    access: Access,
    /// Collections that are known to have their indexes
    indexed: Arc<Mutex<HashSet<String>>>,
}

impl MongoBackend {
    /// Connects to the database of a URI, as in `mongodb://localhost:27017/fiftyone`.
    ///
    /// Without a time-out in the URI, waits up to 5 seconds for a server, or until every one has
    /// refused.
    ///
    /// # Errors
    /// [`Error::Address`] if the URI is invalid, and [`Error::Unreachable`] if no server answers.
    pub fn open(uri: &str, access: Access) -> Result<Self> {
        connection::open(uri, access, None)
    }

    /// Connects as [`MongoBackend::open`] does, but waits at most `patience` for a server.
    ///
    /// # Errors
    /// Those of [`MongoBackend::open`].
    pub fn open_within(uri: &str, access: Access, patience: Duration) -> Result<Self> {
        connection::open(uri, access, Some(patience))
    }

    /// Returns the collection of that name, for its documents.
    fn documents(&self, collection: &str) -> Result<Collection<RawDocumentBuf>> {
        check_collection(collection)?;
        Ok(self.database.collection(collection))
    }

    /// The notes on a collection's documents.
    fn notes(&self, collection: &str) -> Result<Collection<RawDocumentBuf>> {
        check_collection(collection)?;
        Ok(self
            .database
            .collection(&side_document::collection(collection)))
    }

    fn check_writable(&self) -> Result<()> {
        match self.access {
            Access::Write | Access::WriteDurably => Ok(()),
            Access::Read => Err(Error::Unsupported(
                "the store was opened to be read only".into(),
            )),
        }
    }
}

/// Refuses a name that MongoDB has no collection for, or that is one of ours.
fn check_collection(name: &str) -> Result<()> {
    const MAX_LENGTH: usize = 200;
    let is_ours = name == counters::COLLECTION || name.ends_with(side_document::SUFFIX);
    let is_possible = name.len() <= MAX_LENGTH
        && !name.contains(['$', '\0'])
        && !name.starts_with(['.'])
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.starts_with("system.");
    if is_possible && !is_ours {
        Ok(())
    } else {
        Err(Error::Unsupported(format!(
            "MongoDB cannot keep an execution store in the collection {name:?}"
        )))
    }
}

impl Backend for MongoBackend {
    fn is_fiftyones(&self) -> bool {
        true
    }

    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        read::lookup(self, address, now)
    }

    fn lookup_many(&self, addresses: &[Address], now: Timestamp) -> Result<Vec<Lookup>> {
        lookup_enough(addresses, |address| read::lookup(self, address, now))
    }

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

    fn read_chunk(&self, _: &Chunked, _: u64, _: &mut Vec<u8>) -> Result<()> {
        // No value is handed out in chunks.
        Err(Error::Replaced)
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
        import::import(self, records, on_conflict, commit, on_refused, progress)
    }

    fn scan(&self, scan: &Scan, now: Timestamp) -> Result<Rows<'_>> {
        read::scan(self, scan, now)
    }

    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        remove::usage(self, selection, now)
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

    fn record_uses(&self, uses: &[Use]) -> Result<()> {
        write::record_uses(self, uses)
    }

    fn record_calls(&self, counters: &[(Arc<StoreAddress>, Counters)]) -> Result<()> {
        counters::add(self, counters)
    }

    fn calls(&self) -> Result<Vec<(Arc<StoreAddress>, Counters)>> {
        counters::read(self)
    }

    fn stores(&self) -> Result<Vec<StoreRecord>> {
        stats::stores(self)
    }

    fn datasets(&self) -> Result<Option<Vec<Dataset>>> {
        stats::datasets(self)
    }

    fn troubles(&self, collection: &str) -> Result<Vec<Trouble>> {
        stats::troubles(self, collection)
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        write::set_metadata(self, store, metadata)
    }

    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        documents::read(self, store)
    }

    fn count_documents(&self, filter: &Filter) -> Result<u64> {
        documents::count(self, filter)
    }

    fn remove_documents(&self, filter: &Filter) -> Result<u64> {
        documents::remove(self, filter)
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

    fn groups(&self, filter: &Filter, by: Dimension, now: Timestamp) -> Result<Vec<Group>> {
        stats::groups(self, filter, by, now)
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        stats::names(self, of)
    }

    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        counters::generation(&self.on_primary(), store)
    }

    fn tells_every_change(&self) -> bool {
        false
    }

    fn change_token(&self) -> Result<u64> {
        counters::changes(&self.on_primary())
    }

    fn follow(&self, collection: &str) -> Result<Option<Box<dyn Follow>>> {
        change_stream::follow(self, collection)
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
