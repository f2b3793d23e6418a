//! Sends prepared documents to the server, and counts those that it took.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufReader, Seek};
use std::mem::replace;
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, RawArrayBuf, RawDocumentBuf, cstr, doc};

use super::super::id::{DocumentId, raw};
use super::super::interned::Stores;
use super::super::new_version::change_to;
use super::super::{MAX_SIZE, MongoBackend, change_counters};
use super::spool::take_back;
use super::{Import, Prepared, Version, interrupted};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::scope::StoreAddress;

impl Import<'_> {
    pub(super) fn write_spooled(
        &mut self,
        mut file: File,
        is_over: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
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
    pub(super) fn write(&mut self, batch: Vec<Prepared>) -> Result<()> {
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
    pub(super) fn stopped(&self, error: Error) -> Error {
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
            let found = [
                doc! { "$match": { "_id": { "$in": ids } } },
                doc! { "$project": { "updated_at": 1 } },
            ];
            self.backend.each_of(&documents, found, |raw| {
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
        change_counters::bump(self.backend, &stores)
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
        for prepared in batch {
            let Prepared { document, note, .. } = prepared;
            let note_id = note.get_object_id("_id").map_err(|e| error(e.into()))?;
            let document_id = DocumentId::read(&document, "_id").expect("it was given one");
            // Of several versions in one import the last one counts.
            note_ids.insert(document_id.clone(), note_id);
            ids.push(document_id);
            stores.insert(interned.read(&document));
            updates.push((document, prepared.is_there));
            of_notes.push(note);
        }
        self.backend.run(notes.insert_many(of_notes))?;
        self.backend.replace(collection, updates)?;
        let current: Vec<ObjectId> = note_ids.into_values().collect();
        let old = doc! { "entry": { "$in": ids }, "_id": { "$nin": current } };
        let deletes = vec![doc! { "q": old, "limit": 0 }];
        let delete = raw(&doc! { "delete": notes.name(), "deletes": deletes });
        self.backend.run(self.backend.run_write(delete)).map(drop)
    }
}
impl MongoBackend {
    /// Writes versions of documents, whether they are there or not.
    fn replace(&self, collection: &str, documents: Vec<(RawDocumentBuf, bool)>) -> Result<()> {
        // Raw, since a document may have names that repeat.
        let mut updates = RawArrayBuf::new();
        for (document, is_there) in documents {
            let size = updates.as_bytes().len() + document.as_bytes().len();
            // A command has little more room than the longest document.
            if size as u64 > MAX_SIZE && !updates.is_empty() {
                self.update(collection, replace(&mut updates, RawArrayBuf::new()))?;
            }
            let id = DocumentId::read(&document, "_id").expect("it was given one");
            let mut update = RawDocumentBuf::new();
            update.append(cstr!("q"), raw(&doc! { "_id": id }));
            if is_there {
                update.append(cstr!("u"), change_to(&document));
            } else {
                update.append(cstr!("u"), document);
            }
            update.append(cstr!("upsert"), true);
            updates.push(update);
        }
        self.update(collection, updates)
    }

    fn update(&self, collection: &str, updates: RawArrayBuf) -> Result<()> {
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), collection);
        command.append(cstr!("updates"), updates);
        command.append(cstr!("ordered"), true);
        self.run(self.run_write(command)).map(drop)
    }
}
