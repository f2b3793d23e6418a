//! Writing many records exactly as they are.
//!
//! An import that must be whole is first read, checked and spooled to a file, since a single server
//! has no transactions: only a server or network failure during the writes leaves a part.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, RawArrayBuf, RawDocumentBuf, cstr, doc};

use super::document::{Stores, document, read};
use super::id::DocumentId;
use super::side_document::{Note, raw};
use super::value::Encoded;
use super::{BATCH, BATCH_SIZE, MongoBackend, counters, name, write};
use crate::backend::{Commit, Imported, OnConflict, Progress, Record, StoreMetadata, StoreRecord};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::key::Key;
use crate::python_json::Json;
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::typed_name;

/// The document at an address: its id, and when it was written.
#[derive(Clone)]
struct There {
    id: DocumentId,
    written_at: Timestamp,
}

/// A document to be written, and the note on it.
struct Prepared {
    collection: Arc<str>,
    document: RawDocumentBuf,
    note: RawDocumentBuf,
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
    /// The documents of earlier records of this import that are not written yet
    pending: HashMap<Address, There>,
    pending_metadata: HashMap<Arc<StoreAddress>, StoreMetadata>,
    /// Number of documents written, and of those that may have been: the server did not answer
    written: u64,
    perhaps: u64,
}

pub(super) fn import(
    backend: &MongoBackend,
    records: &mut dyn Iterator<Item = Result<Record>>,
    on_conflict: OnConflict,
    commit: Commit,
    progress: Progress<'_>,
) -> Result<Imported> {
    if commit != Commit::Rehearse {
        backend.check_writable()?;
    }
    let mut import = Import {
        backend,
        on_conflict,
        imported: Imported::default(),
        pending: HashMap::new(),
        pending_metadata: HashMap::new(),
        written: 0,
        perhaps: 0,
    };
    match import.all(records, commit, progress) {
        Ok(()) => Ok(import.imported),
        Err(error @ Error::Interrupted { .. }) => Err(import.stopped(error)),
        // A refused record does not affect earlier writes.
        Err(error) => Err(error),
    }
}

impl Import<'_> {
    fn all(
        &mut self,
        records: &mut dyn Iterator<Item = Result<Record>>,
        commit: Commit,
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
            let batch = next_batch(records, most)?;
            if batch.is_empty() {
                break;
            }
            let count = batch.len() as u64;
            let prepared = self.prepare(batch)?;
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

/// Takes records until they are enough for one round trip.
fn next_batch(
    records: &mut dyn Iterator<Item = Result<Record>>,
    most: usize,
) -> Result<Vec<Record>> {
    let mut batch = Vec::new();
    let mut size = 0;
    while batch.len() < most && size < BATCH_SIZE {
        let Some(record) = records.next() else {
            break;
        };
        let record = record?;
        let store = match &record {
            Record::Entry(entry, _) => &entry.address.store,
            Record::Store(store) => &store.address,
        };
        let checked = record
            .check()
            .and_then(|()| name::dataset_of(store).map(drop));
        checked.map_err(|error| match &record {
            Record::Entry(entry, _) => error.of(&entry.address),
            Record::Store(store) => error.of(&store.address.document()),
        })?;
        if let Record::Entry(_, value) = &record {
            size += value.len();
        }
        batch.push(record);
    }
    Ok(batch)
}

impl Import<'_> {
    /// Resolves conflicts, and encodes the records to be written.
    fn prepare(&mut self, batch: Vec<Record>) -> Result<Vec<Prepared>> {
        let addresses = batch.iter().filter_map(|record| match record {
            Record::Entry(entry, _) => Some(&entry.address),
            Record::Store(_) => None,
        });
        let there = self.there(addresses)?;
        let mut prepared = Vec::with_capacity(batch.len());
        for record in batch {
            match record {
                Record::Entry(entry, value) => {
                    prepared.extend(self.entry(*entry, &value, &there)?);
                }
                Record::Store(store) => self.store(store)?,
            }
        }
        Ok(prepared)
    }

    fn entry(
        &mut self,
        entry: Entry,
        value: &[u8],
        there: &HashMap<Address, There>,
    ) -> Result<Option<Prepared>> {
        let address = &entry.address;
        let new = entry.written_at();
        let old = self
            .pending
            .get(&indexed(address))
            .or_else(|| there.get(&indexed(address)))
            .cloned();
        if let Some(old) = &old
            && self
                .on_conflict
                .keeps(|| address.clone(), old.written_at, new)?
        {
            self.imported.kept += 1;
            return Ok(None);
        }
        let is_there = old.is_some();
        let id = old.map_or_else(DocumentId::new, |old| old.id);
        let encoded = Encoded::new(entry.kind, value).map_err(|error| error.of(address))?;
        let note = Note::new(id.clone(), &entry, value.len() as u64, &encoded);
        let lifetime = (entry.policy, entry.expires_at);
        let times = (entry.created_at, entry.updated_at);
        let document = document(id.clone(), address, encoded.value(), lifetime, times)
            .map_err(|error| error.of(address))?;
        if is_there {
            self.imported.replaced += 1
        } else {
            self.imported.created += 1
        }
        let written_at = new;
        self.pending
            .insert(indexed(address), There { id, written_at });
        Ok(Some(Prepared {
            collection: address.store.collection.clone(),
            document,
            note: raw(&note.to_document()),
        }))
    }

    fn store(&mut self, record: StoreRecord) -> Result<()> {
        let StoreRecord { address, metadata } = record;
        let pending = self.pending_metadata.get(&address).cloned();
        let old = match pending {
            Some(pending) => Some(pending),
            None => {
                let own = self.backend.document(&address.document())?;
                let collection = &address.collection;
                let own = own.map(|raw| super::stats::own_document(self.backend, collection, &raw));
                own.transpose()?.flatten().map(|(_, metadata)| metadata)
            }
        };
        if let Some(old) = old.as_ref().map(StoreMetadata::written_at) {
            let new = metadata.as_ref().map_or(old, StoreMetadata::written_at);
            if self.on_conflict.keeps(|| address.document(), old, new)? {
                self.imported.kept += 1;
                return Ok(());
            }
        }
        self.imported.stores += 1;
        if let Some(metadata) = metadata {
            Encoded::new(crate::value::Kind::Json, metadata.value.as_bytes())
                .map_err(|error| error.of(&address.document()))?;
            self.pending_metadata.insert(address, metadata);
        }
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
            these.insert("dataset_id", name::dataset_of(store)?);
            let of_collection = by_collection.entry(&store.collection).or_default();
            of_collection.push(these);
        }
        let mut there = HashMap::new();
        for (collection, stores) in by_collection {
            let documents = self.backend.documents(collection)?;
            let found = documents.find(doc! { "$or": stores });
            let mut interned = Stores::of(collection);
            let found = found.projection(doc! { "value": 0 }).batch();
            self.backend.each(found, |raw| {
                if let Some(found) = read(raw, &mut interned) {
                    let (id, written_at) = (found.id.clone(), found.written_at());
                    there.insert(indexed(&found.address), There { id, written_at });
                }
            })?;
        }
        Ok(there)
    }

    fn write_metadata(&mut self) -> Result<()> {
        let mut stores = BTreeSet::new();
        for (store, metadata) in self.pending_metadata.drain() {
            self.backend.prepare(&store.collection)?;
            write::write_metadata(self.backend, &store.document(), Some(&metadata))?;
            stores.insert(store);
        }
        if stores.is_empty() {
            Ok(())
        } else {
            counters::bump(self.backend, &stores)
        }
    }

    fn write_spooled(&mut self, mut file: File, is_over: &mut dyn FnMut() -> bool) -> Result<()> {
        file.rewind()?;
        let mut file = BufReader::new(file);
        loop {
            let batch = take_back(&mut file)?;
            if batch.is_empty() {
                return Ok(());
            }
            if is_over() {
                return Err(interrupted());
            }
            self.write(batch)?;
        }
    }

    /// Writes a batch and counts the results.
    fn write(&mut self, batch: Vec<Prepared>) -> Result<()> {
        let versions: Vec<Version> = batch.iter().map(Version::of).collect();
        let result = self.write_batch(batch);
        match &result {
            Ok(()) => self.written += versions.len() as u64,
            // An unreachable server does not answer a count either.
            Err(Error::Unreachable { .. }) => self.perhaps = versions.len() as u64,
            Err(_) => match self.count_there(&versions) {
                Ok(count) => self.written += count,
                Err(_) => self.perhaps = versions.len() as u64,
            },
        }
        result.map_err(|error| self.stopped(error))
    }

    /// Wraps an error with the number of documents written so far.
    fn stopped(&self, error: Error) -> Error {
        let done = Usage {
            entries: self.written,
            bytes: 0,
        };
        error.after(done, self.perhaps)
    }

    /// Counts the given versions that exist in the database.
    fn count_there(&self, versions: &[Version]) -> Result<u64> {
        let mut count = 0;
        let mut by_collection: HashMap<&str, HashMap<DocumentId, Option<DateTime>>> =
            HashMap::new();
        for version in versions {
            let of_collection = by_collection.entry(&version.collection).or_default();
            of_collection.extend(version.id.clone().map(|id| (id, version.updated_at)));
        }
        for (collection, versions) in by_collection {
            let ids: Vec<DocumentId> = versions.keys().cloned().collect();
            let documents = self.backend.documents(collection)?;
            let found = documents.find(doc! { "_id": { "$in": ids } });
            let found = found.projection(doc! { "updated_at": 1 }).batch();
            self.backend.each(found, |raw| {
                let version = DocumentId::read(raw, "_id").and_then(|id| versions.get(&id));
                let is_there = version == Some(&raw.get_datetime("updated_at").ok());
                count += u64::from(is_there);
            })?;
        }
        Ok(count)
    }

    /// Writes a batch: the notes, then the documents; then removes the notes on replaced versions.
    fn write_batch(&self, batch: Vec<Prepared>) -> Result<()> {
        let mut by_collection: HashMap<Arc<str>, Vec<Prepared>> = HashMap::new();
        for prepared in batch {
            let of_collection = by_collection.entry(prepared.collection.clone());
            of_collection.or_default().push(prepared);
        }
        let mut stores = BTreeSet::new();
        for (collection, batch) in by_collection {
            self.backend.prepare(&collection)?;
            self.write_to(&collection, batch, &mut stores)?;
        }
        counters::bump(self.backend, &stores)
    }

    fn write_to(
        &self,
        collection: &str,
        batch: Vec<Prepared>,
        stores: &mut BTreeSet<Arc<StoreAddress>>,
    ) -> Result<()> {
        let error = |error| self.backend.error(error);
        let notes = self.backend.notes(collection)?;
        let mut interned = Stores::of(collection);
        let mut ids = Vec::with_capacity(batch.len());
        let mut updates = Vec::with_capacity(batch.len());
        let mut of_notes = Vec::with_capacity(batch.len());
        let mut note_ids: HashMap<DocumentId, ObjectId> = HashMap::new();
        for Prepared { document, note, .. } in batch {
            let note_id = note.get_object_id("_id").map_err(|e| error(e.into()))?;
            let document_id = DocumentId::read(&document, "_id").expect("it was given one");
            // Of several versions in one import the last one counts.
            note_ids.insert(document_id.clone(), note_id);
            ids.push(document_id);
            stores.insert(interned.read(&document));
            updates.push(document);
            of_notes.push(note);
        }
        self.backend.run(notes.insert_many(of_notes))?;
        self.backend.replace(collection, updates)?;
        let current: Vec<ObjectId> = note_ids.into_values().collect();
        let old = doc! { "entry": { "$in": ids }, "_id": { "$nin": current } };
        self.backend.run(notes.delete_many(old)).map(drop)
    }
}

impl MongoBackend {
    /// Writes whole documents, whether they are there or not.
    fn replace(&self, collection: &str, documents: Vec<RawDocumentBuf>) -> Result<()> {
        // Raw, since a document may have names that repeat.
        let mut updates = RawArrayBuf::new();
        for document in documents {
            let id = document.get_object_id("_id");
            let mut query = RawDocumentBuf::new();
            query.append(cstr!("_id"), id.map_err(|error| self.error(error.into()))?);
            let mut update = RawDocumentBuf::new();
            update.append(cstr!("q"), query);
            update.append(cstr!("u"), document);
            update.append(cstr!("upsert"), true);
            updates.push(update);
        }
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), collection);
        command.append(cstr!("updates"), updates);
        command.append(cstr!("ordered"), true);
        let answer = self.run(self.database.run_raw_command(command))?;
        match answer.get_array("writeErrors") {
            Err(_) => Ok(()),
            Ok(errors) => Err(self.write_error(errors)),
        }
    }

    /// Returns the server's reason for refusing writes.
    pub(super) fn write_error(&self, errors: &[Bson]) -> Error {
        let message = errors.first().and_then(Bson::as_document);
        let message = message.and_then(|error| error.get_str("errmsg").ok());
        Error::Server {
            host: self.host.to_string(),
            detail: message.unwrap_or("a write failed").to_owned(),
        }
    }
}

/// Returns an address with its key as MongoDB's unique index compares it: `1` and `1.0` are one.
fn indexed(address: &Address) -> Address {
    let mut address = address.clone();
    if let Some(Json::Float(number)) = typed_name::value(address.key.as_str())
        && number.fract() == 0.0
        && number.abs() < 1e15
        && let Ok(key) = Key::new(typed_name::of_json(&Json::Integer(number as i64)))
    {
        address.key = key;
    }
    address
}

/// Puts a batch by: documents and notes in turn, the collection's name in front of each.
fn put_by(spool: &mut impl Write, batch: &[Prepared]) -> Result<()> {
    for prepared in batch {
        let name = raw(&doc! { "collection": &*prepared.collection });
        for part in [&name, &prepared.document, &prepared.note] {
            spool.write_all(part.as_bytes())?;
        }
    }
    Ok(())
}

/// Takes back as much as is written at once.
fn take_back(spool: &mut impl std::io::BufRead) -> Result<Vec<Prepared>> {
    let part = |spool: &mut _| {
        RawDocumentBuf::from_reader(spool).map_err(|error| Error::Io(std::io::Error::other(error)))
    };
    let mut batch = Vec::new();
    let mut size = 0;
    while batch.len() < BATCH && size < BATCH_SIZE && !spool.fill_buf()?.is_empty() {
        let name = part(spool)?;
        let collection = name.get_str("collection").unwrap_or_default().into();
        let (document, note) = (part(spool)?, part(spool)?);
        size += document.as_bytes().len();
        batch.push(Prepared {
            collection,
            document,
            note,
        });
    }
    Ok(batch)
}
