//! Writing many records exactly as they are.
//!
//! An import that must be whole is first read, checked and spooled to a file, since a single server
//! has no transactions: only a server or network failure during the writes leaves a part.

mod equality;
mod spool;
mod write;

use std::collections::{BTreeSet, HashMap};
use std::io::BufWriter;
use std::sync::Arc;

use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc};

use self::equality::compared;
use self::spool::put_by;
use super::document::{DescribedEntry, read};
use super::id::DocumentId;
use super::interned::Stores;
use super::new_version::document;
use super::query::size;
use super::side_document::Note;
use super::stores::own_document;
use super::value::Encoded;
use super::{BATCH, BATCH_SIZE, MongoBackend, change_counters, name};
use crate::backend::{
    Commit, ImportBackend, Imported, OnConflict, OnRefused, Progress, Record, StoreMetadata,
    StoreRecord,
};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::typed_name;

/// The document at an address: its id, and when it was written.
#[derive(Clone)]
struct There {
    id: DocumentId,
    written_at: Timestamp,
    /// The reason why it is not known when it was written
    undated: Option<String>,
    /// The reason why it cannot be changed
    ambiguity: Option<String>,
}

impl From<DescribedEntry> for There {
    fn from(found: DescribedEntry) -> Self {
        Self {
            written_at: found.written_at(),
            undated: found.undated(),
            ambiguity: found.ambiguity(),
            id: found.id,
        }
    }
}

/// A document to be written, and the note on it.
struct Prepared {
    collection: Arc<str>,
    document: RawDocumentBuf,
    note: RawDocumentBuf,
    /// Set if another version of the document is there
    is_there: bool,
}

/// Identifies a version of a document, to check whether it was written.
struct Version {
    collection: Arc<str>,
    id: Option<DocumentId>,
    updated_at: Option<DateTime>,
}

impl Version {
    fn of(prepared: &Prepared) -> Self {
        let document = &prepared.document;
        Self {
            collection: prepared.collection.clone(),
            id: DocumentId::read(document, "_id"),
            updated_at: document.get_datetime("updated_at").ok(),
        }
    }
}

/// An import under way.
struct Import<'a> {
    backend: &'a MongoBackend,
    on_conflict: OnConflict,
    imported: Imported,
    /// Number of bytes of the values of imported entries
    bytes: u64,
    /// The documents of earlier records of this import that are not written yet
    pending: HashMap<Address, There>,
    pending_metadata: HashMap<Arc<StoreAddress>, StoreMetadata>,
    /// Number of documents written, and of those that may have been: the server did not answer
    written: u64,
    perhaps: u64,
}

impl ImportBackend for MongoBackend {
    fn import(
        &self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        on_conflict: OnConflict,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<Imported> {
        let imported = import(self, records, on_conflict, commit, on_refused, progress);
        imported.map(|(imported, _)| imported)
    }
}

/// Imports records, and returns what became of them and the number of bytes of the written values.
pub(super) fn import(
    backend: &MongoBackend,
    records: &mut dyn Iterator<Item = Result<Record>>,
    on_conflict: OnConflict,
    commit: Commit,
    on_refused: OnRefused<'_>,
    progress: Progress<'_>,
) -> Result<(Imported, u64)> {
    if commit != Commit::Rehearse {
        backend.check_writable()?;
    }
    let mut import = Import {
        backend,
        on_conflict,
        imported: Imported::default(),
        bytes: 0,
        pending: HashMap::new(),
        pending_metadata: HashMap::new(),
        written: 0,
        perhaps: 0,
    };
    match import.all(records, commit, on_refused, progress) {
        Ok(()) => Ok((import.imported, import.bytes)),
        Err(error @ Error::Interrupted { .. }) => Err(import.stopped(error)),
        Err(error) => Err(error),
    }
}

impl Import<'_> {
    fn all(
        &mut self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        commit: Commit,
        on_refused: OnRefused<'_>,
        progress: Progress<'_>,
    ) -> Result<()> {
        let most = match commit {
            Commit::Every(size) => size.clamp(1, BATCH),
            Commit::Whole | Commit::Rehearse => BATCH,
        };
        let mut spool = match commit {
            Commit::Whole => Some(BufWriter::new(tempfile::tempfile()?)),
            Commit::Every(_) | Commit::Rehearse => None,
        };
        let mut done = 0;
        loop {
            let batch = next_batch(records, most, on_refused)?;
            if batch.is_empty() {
                break;
            }
            let count = batch.len() as u64;
            let prepared = self.prepare(batch, on_refused)?;
            match (commit, &mut spool) {
                (Commit::Rehearse, _) => {}
                (_, Some(spool)) => put_by(spool, &prepared)?,
                (_, None) => {
                    self.write(prepared)?;
                    self.write_metadata()?;
                    self.pending.clear();
                }
            }
            done += count;
            if progress(done).is_break() {
                return Err(interrupted());
            }
        }
        if let Some(spool) = spool {
            let file = spool
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            self.write_spooled(file, &mut || progress(done).is_break())?;
            self.write_metadata()?;
        }
        Ok(())
    }
}

/// Returns the error of an interrupted import; the caller adds the progress.
fn interrupted() -> Error {
    Error::Interrupted {
        done: Usage::default(),
    }
}

/// Refuses a record whose names MongoDB cannot keep.
fn check(record: &Record) -> Result<()> {
    record.check()?;
    let store = match record {
        Record::Entry(entry, _) => {
            name::of(entry.address.key.as_str())?;
            &entry.address.store
        }
        Record::Store(store) => &store.address,
    };
    name::of(&store.store_name)?;
    name::dataset_of(store).map(drop)
}

/// Takes records until they are enough for one round trip.
fn next_batch(
    records: &mut dyn Iterator<Item = Result<Record>>,
    most: usize,
    on_refused: OnRefused<'_>,
) -> Result<Vec<Record>> {
    let mut batch = Vec::new();
    let mut size = 0;
    while batch.len() < most && size < BATCH_SIZE {
        let Some(record) = records.next() else {
            break;
        };
        let record = record?;
        if let Err(error) = check(&record) {
            on_refused(&record.address(), error)?;
            continue;
        }
        if let Record::Entry(_, value) = &record {
            size += value.len();
        }
        batch.push(record);
    }
    Ok(batch)
}

impl Import<'_> {
    /// Resolves conflicts, and encodes the records to be written.
    fn prepare(&mut self, batch: Vec<Record>, on_refused: OnRefused<'_>) -> Result<Vec<Prepared>> {
        let addresses = batch.iter().filter_map(|record| match record {
            Record::Entry(entry, _) => Some(&entry.address),
            Record::Store(_) => None,
        });
        let there = self.there(addresses)?;
        let mut prepared = Vec::with_capacity(batch.len());
        for record in batch {
            let added = match &record {
                Record::Entry(entry, value) => self
                    .entry(entry, value, &there)
                    .map(|entry| prepared.extend(entry)),
                Record::Store(store) => self.store(store),
            };
            match added {
                Err(error) if error.is_of_one_entry() => on_refused(&record.address(), error)?,
                added => added?,
            }
        }
        Ok(prepared)
    }

    fn entry(
        &mut self,
        entry: &Entry,
        value: &[u8],
        there: &HashMap<Address, There>,
    ) -> Result<Option<Prepared>> {
        let address = &entry.address;
        let new = entry.written_at();
        let old = self
            .pending
            .get(&compared(address))
            .or_else(|| there.get(&compared(address)))
            .cloned();
        let undated = old.as_ref().and_then(|old| old.undated.clone());
        if self.on_conflict == OnConflict::Newer
            && let Some(reason) = undated
        {
            return Err(Error::Unrepresentable(reason));
        }
        if let Some(old) = &old
            && self
                .on_conflict
                .keeps(|| address.clone(), old.written_at, new)?
        {
            self.imported.kept += 1;
            return Ok(None);
        }
        if let Some(reason) = old.as_ref().and_then(|old| old.ambiguity.clone()) {
            return Err(Error::Unrepresentable(reason));
        }
        let is_there = old.is_some();
        let id = old.map_or_else(DocumentId::new, |old| old.id);
        let encoded = Encoded::new(entry.kind, value)?;
        let note = Note::new(id.clone(), entry, value.len() as u64, &encoded);
        let lifetime = (entry.policy, entry.expires_at);
        let times = (entry.created_at, entry.updated_at);
        let document = document(id.clone(), address, &encoded, lifetime, times)?;
        self.bytes += value.len() as u64;
        if is_there {
            self.imported.replaced += 1
        } else {
            self.imported.created += 1
        }
        let written = There {
            id,
            written_at: new,
            undated: None,
            ambiguity: None,
        };
        self.pending.insert(compared(address), written);
        Ok(Some(Prepared {
            collection: address.store.collection.clone(),
            document,
            note: note.encode(&encoded)?,
            is_there,
        }))
    }

    fn store(&mut self, record: &StoreRecord) -> Result<()> {
        let StoreRecord {
            address, metadata, ..
        } = record;
        let pending = self.pending_metadata.get(address);
        let old = match pending.map(StoreMetadata::written_at) {
            Some(pending) => Some(pending),
            None => {
                let own = self.backend.raw_document(&address.document())?;
                let collection = &address.collection;
                let own = own.map(|raw| own_document(self.backend, collection, &raw));
                own.transpose()?.flatten().map(|own| own.written_at)
            }
        };
        if let Some(old) = old {
            let new = metadata.as_ref().map_or(old, StoreMetadata::written_at);
            if self.on_conflict.keeps(|| address.document(), old, new)? {
                self.imported.stores_kept += 1;
                return Ok(());
            }
        }
        if let Some(metadata) = metadata {
            Encoded::new(crate::value::Kind::Json, metadata.value.as_bytes())?;
            self.pending_metadata
                .insert(address.clone(), metadata.clone());
        }
        self.imported.stores += 1;
        Ok(())
    }

    /// Finds the documents at these addresses, with one query per collection.
    fn there<'b>(
        &self,
        addresses: impl Iterator<Item = &'b Address>,
    ) -> Result<HashMap<Address, There>> {
        let mut by_store: HashMap<&Arc<StoreAddress>, Vec<&str>> = HashMap::new();
        let mut by_collection: HashMap<&Arc<str>, Vec<Document>> = HashMap::new();
        for address in addresses {
            let (store, key) = (&address.store, address.key.as_str());
            if typed_name::is_typed(key) {
                let of_collection = by_collection.entry(&store.collection).or_default();
                of_collection.push(name::identity(store, key)?);
            } else {
                by_store.entry(store).or_default().push(key);
            }
        }
        for (store, keys) in by_store {
            let mut these = name::condition("store_name", &store.store_name);
            these.insert("key", doc! { "$in": keys });
            these.insert("dataset_id", name::equals(name::dataset_of(store)?));
            let of_collection = by_collection.entry(&store.collection).or_default();
            of_collection.push(these);
        }
        let mut there = HashMap::new();
        for (collection, stores) in by_collection {
            let documents = self.backend.documents(collection)?;
            let mut interned = Stores::of(collection);
            let mut pipeline = vec![doc! { "$match": { "$or": stores } }];
            pipeline.extend(size());
            self.backend.each_of(&documents, pipeline, |raw| {
                if let Some(found) = read(raw, &mut interned) {
                    // Without FiftyOne's index there may be several: the first one is read.
                    let of_address = there.entry(compared(&found.address));
                    of_address.or_insert_with(|| There::from(found));
                }
            })?;
        }
        Ok(there)
    }

    fn write_metadata(&mut self) -> Result<()> {
        let mut stores = BTreeSet::new();
        for (store, metadata) in self.pending_metadata.drain() {
            self.backend.prepare(&store.collection)?;
            super::write::write_metadata(self.backend, &store.document(), Some(&metadata))?;
            stores.insert(store);
        }
        if stores.is_empty() {
            Ok(())
        } else {
            change_counters::bump(self.backend, &stores)
        }
    }
}
