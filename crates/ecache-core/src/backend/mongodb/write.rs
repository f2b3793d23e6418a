//! Writing one entry, the hits of some, and a store's own document.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, RawArrayBuf, RawDocument, RawDocumentBuf, cstr, doc};
use mongodb::error::Result as DriverResult;

use super::connection::is_duplicate;
use super::document::{DescribedEntry, read};
use super::field_names::readable;
use super::id::{DocumentId, raw};
use super::interned::Stores;
use super::lookup::read_whole;
use super::name::identity;
use super::new_version::document;
use super::query::size;
use super::side_document::Note;
use super::value::Encoded;
use super::{ATTEMPTS, MAX_SIZE, MongoBackend, change_counters};
use crate::backend::{Content, Put, PutOptions, StoreMetadata, Values, WriteBackend};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;
use crate::value::{Kind, Value};

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
        entry.check()?;
        let address = &entry.address;
        identity(&address.store, address.key.as_str())?;
        let Content::Inline(bytes) = content else {
            return Err(Error::Replaced);
        };
        let encoded = Encoded::new(entry.kind, bytes)?;
        self.prepare(&address.store.collection)?;
        for _ in 0..ATTEMPTS {
            let old = old(self, address)?;
            let fresh = old.as_ref().filter(|old| old.entry.is_fresh(now));
            let fresh =
                fresh.map(|fresh| (&fresh.found, fresh.entry.written_at(), fresh.entry.cost_ms));
            let has_value = |found: &_, expected: &_| has_value(self, address, found, expected);
            if !options.condition.holds(fresh, now, has_value)? {
                return Ok(Put::Refused);
            }
            let entry = options.merged(entry, old.as_ref().map(|old| &*old.entry), now);
            if let Some(put) = self.write(&entry, bytes.len() as u64, &encoded, old.as_ref())? {
                bump(self, &address.store, put == Put::Replaced)?;
                return Ok(put);
            }
        }
        Err(Error::Replaced)
    }
}

impl MongoBackend {
    /// Returns the document of an address, without its value.
    pub(super) fn found(&self, address: &Address) -> Result<Option<DescribedEntry>> {
        let Address { store, key } = address;
        let documents = self.documents(&store.collection)?;
        // Without FiftyOne's index there may be several: the first one is the one that is read.
        let first = doc! { "$limit": 1 };
        let mut pipeline = vec![doc! { "$match": identity(store, key.as_str())? }, first];
        pipeline.extend(size());
        let mut reading = None;
        self.each(documents.aggregate(pipeline).batch(), |raw| {
            reading = read(raw, &mut Stores::of(&store.collection));
        })?;
        Ok(reading)
    }

    pub(super) fn insert_note(&self, collection: &str, note: &Note) -> Result<()> {
        let notes = self.notes(collection)?;
        self.run(notes.insert_one(raw(&note.to_document())))
            .map(drop)
    }

    fn delete_notes(&self, collection: &str, query: Document) -> Result<()> {
        let notes = self.notes(collection)?;
        self.run(notes.delete_many(query)).map(drop)
    }

    /// Writes a version of an entry with its note: over the old one if that is still as it was
    /// found, or, without an old one, as a new document. `None` if another writer was faster.
    fn write(
        &self,
        entry: &Entry,
        size: u64,
        encoded: &Encoded,
        old: Option<&Old>,
    ) -> Result<Option<Put>> {
        let collection = &*entry.address.store.collection;
        let documents = self.documents(collection)?;
        let id = old.map_or_else(DocumentId::new, |old| old.found.id.clone());
        let lifetime = (entry.policy, entry.expires_at);
        let times = (entry.created_at, entry.updated_at);
        let whole = document(id.clone(), &entry.address, encoded, lifetime, times)?;
        let document = match old {
            None => whole,
            Some(old) => old.found.new_version(entry, encoded)?,
        };
        let note = Note::new(id, entry, size, encoded);
        let notes = self.notes(collection)?;
        self.run(notes.insert_one(note.encode(encoded)?))?;
        let written = match old {
            None => {
                let inserted = self.driver.run(documents.insert_one(document));
                inserted.map(|_| Some(Put::Created))
            }
            Some(old) => {
                let unchanged = old.found.unchanged();
                let replaced = self
                    .driver
                    .run(update(self, collection, &unchanged, &document));
                replaced.map(|count| (count > 0).then_some(Put::Replaced))
            }
        };
        match written {
            Ok(Some(put)) => {
                if let Some(old) = old.filter(|old| !old.notes.is_empty()) {
                    self.delete_notes(collection, doc! { "_id": { "$in": &old.notes } })?;
                }
                Ok(Some(put))
            }
            other => {
                self.delete_notes(collection, doc! { "_id": note.id })?;
                match other {
                    Err(error) if !is_duplicate(&error) => Err(self.error(error)),
                    _ => Ok(None),
                }
            }
        }
    }
}

/// A version that is there.
struct Old {
    found: DescribedEntry,
    entry: Box<Entry>,
    notes: Vec<ObjectId>,
}

/// Finds the present version of an entry, with each note on it by its id: a note that is not there
/// yet belongs to another writer, and stays.
fn old(backend: &MongoBackend, address: &Address) -> Result<Option<Old>> {
    let Some(found) = backend.found(address)? else {
        return Ok(None);
    };
    let collection = &address.store.collection;
    let mut notes = backend.notes_on(collection, found.id.clone(), Values::Omit)?;
    let of_version = notes.iter().filter(|note| found.is_version_of(note));
    if of_version.count() > 1 {
        // Among notes of one millisecond, the checksum of the value finds the right one. The others
        // belong to writers that are about to write.
        let document = backend.raw_document(address)?;
        let document = document.as_deref().map(readable);
        let value = document.as_ref().and_then(|raw| raw.get("value").ok()?);
        let current = value.and_then(|value| Some(found.note_on(&notes, value)?.id));
        notes.retain(|note| !found.is_version_of(note) || Some(note.id) == current);
    }
    Ok(Some(Old {
        entry: found.entry(found.note(&notes)),
        notes: notes.iter().map(|note| note.id).collect(),
        found,
    }))
}

/// Updates the document that a query finds, and returns how many there are.
async fn update(
    backend: &MongoBackend,
    collection: &str,
    query: &Document,
    change: &RawDocument,
) -> DriverResult<u64> {
    let mut update = RawDocumentBuf::new();
    update.append(cstr!("q"), raw(query));
    update.append(cstr!("u"), change);
    let mut updates = RawArrayBuf::new();
    updates.push(update);
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("update"), collection);
    command.append(cstr!("updates"), updates);
    let answer = backend.run_write(command).await?;
    Ok(u64::try_from(answer.get_i32("n").unwrap_or(0)).unwrap_or(0))
}

/// Reports whether the version that was found has the expected value.
fn has_value(
    backend: &MongoBackend,
    address: &Address,
    found: &DescribedEntry,
    expected: &Value,
) -> Result<bool> {
    let Some(raw) = backend.raw_document(address)? else {
        return Ok(false);
    };
    let collection = &address.store.collection;
    let notes = backend.notes_on(collection, found.id.clone(), Values::Include)?;
    match read_whole(&raw, &notes, &mut Stores::of(collection)) {
        Some((entry, Ok(Content::Inline(bytes)))) => {
            let kind = entry.kind;
            let is_version = entry.written_at() == found.written_at();
            Ok(is_version && Value { kind, bytes }.equals(expected))
        }
        // A value without a form here equals none that a caller can expect.
        _ => Ok(false),
    }
}

pub(super) fn bump(
    backend: &MongoBackend,
    store: &Arc<StoreAddress>,
    is_generation: bool,
) -> Result<()> {
    let stores = is_generation.then(|| store.clone());
    change_counters::bump(backend, &stores.into_iter().collect::<BTreeSet<_>>())
}

/// Writes a store's own document, without counting it.
pub(super) fn write_metadata(
    backend: &MongoBackend,
    address: &Address,
    metadata: Option<&StoreMetadata>,
) -> Result<()> {
    let collection = &*address.store.collection;
    for _ in 0..ATTEMPTS {
        let old = old(backend, address)?;
        let Some(metadata) = metadata else {
            let documents = backend.documents(collection)?;
            let identity = identity(&address.store, address.key.as_str())?;
            backend.run(documents.delete_one(identity))?;
            let notes = old.map(|old| old.notes).unwrap_or_default();
            return backend.delete_notes(collection, doc! { "_id": { "$in": notes } });
        };
        let encoded = Encoded::new(Kind::Json, metadata.value.as_bytes())?;
        let entry = Entry {
            policy: metadata.policy,
            created_at: metadata.created_at,
            updated_at: metadata.updated_at,
            ..Entry::new(address.clone(), Kind::Json, metadata.created_at)
        };
        let size = metadata.value.len() as u64;
        if backend
            .write(&entry, size, &encoded, old.as_ref())?
            .is_some()
        {
            return Ok(());
        }
    }
    Err(Error::Replaced)
}
