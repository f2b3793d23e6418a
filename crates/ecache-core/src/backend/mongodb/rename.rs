//! Renaming a store: each document gets the new name and dataset, and the notes on it stay as they
//! are. Into another collection the server copies both, so that not a byte of a value changes.
//!
//! There is no transaction. A document has the old name or the new one at any time, and on its
//! way to another collection both. So a renaming that stopped loses nothing, and is continued by
//! another one that merges: a copy has the `_id` of its original.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};

use super::chosen::Meant;
use super::field_names::readable;
use super::id::DocumentId;
use super::interned::Stores;
use super::moved_counts::move_counts;
use super::name::{self, identity};
use super::remove::delete;
use super::side_document;
use super::value::timestamp;
use super::write::write_metadata;
use super::{ATTEMPTS, BATCH, MongoBackend, change_counters};
use crate::backend::{OnExistingStore, Progress, RenameBackend};
use crate::error::{Error, Result, Unsupported};
use crate::filter::{Filter, Usage};
use crate::scope::{STORE_KEY, StoreAddress};
use crate::time::Timestamp;

impl RenameBackend for MongoBackend {
    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        progress: Progress<'_>,
    ) -> Result<Usage> {
        to.check()?;
        self.check_writable()?;
        if from == to || !exists(self, from)? {
            return Ok(Usage::default());
        }
        if exists(self, to)? {
            if on_existing == OnExistingStore::Fail {
                let store = Box::new(to.clone());
                return Err(Error::StoreExists { store });
            }
            refuse_conflicts(self, from, to)?;
        }
        let mut moved = Moved::default();
        let result = if from.collection == to.collection {
            move_all(self, from, to, &mut moved, progress)
        } else {
            move_away(self, from, to, &mut moved, progress)
        };
        match result {
            Ok(()) => Ok(moved.done),
            Err(error) => Err(error.after(moved.done, moved.perhaps)),
        }
    }
}

/// The entries that a renaming has moved.
#[derive(Default)]
struct Moved {
    done: Usage,
    /// Number of entries of a failed batch: any part of it may have moved
    perhaps: u64,
}

/// Selects the documents of a store, its own included.
fn of_store(store: &StoreAddress) -> Result<Document> {
    let mut query = name::condition("store_name", &store.store_name);
    query.insert("dataset_id", name::equals(name::dataset_of(store)?));
    Ok(query)
}

fn exists(backend: &MongoBackend, store: &StoreAddress) -> Result<bool> {
    let documents = backend.documents(&store.collection)?;
    Ok(backend.run(documents.find_one(of_store(store)?))?.is_some())
}

/// Fails if both stores have a key, unless one entry is a copy left by an interrupted rename.
fn refuse_conflicts(backend: &MongoBackend, from: &StoreAddress, to: &StoreAddress) -> Result<()> {
    let documents = backend.documents(&from.collection)?;
    let there = backend.documents(&to.collection)?;
    let mut keys: Vec<Bson> = Vec::new();
    let mut query = of_store(from)?;
    query.insert("key", doc! { "$ne": STORE_KEY });
    let find = documents.find(query).projection(doc! { "key": 1 });
    backend.each(find.batch(), |raw| {
        let raw = readable(raw);
        let key = raw.get("key").ok().flatten();
        keys.extend(key.and_then(|key| Bson::try_from(key).ok()));
    })?;
    for batch in keys.chunks(BATCH) {
        let mut query = of_store(to)?;
        query.extend(name::one_of("key", batch.iter().cloned()));
        let mut found: Vec<RawDocumentBuf> = Vec::new();
        let find = there.find(query).projection(doc! { "value": 0 });
        backend.each(find.batch(), |raw| found.push(raw.to_owned()))?;
        for raw in found {
            let id = DocumentId::read(&raw, "_id");
            let is_copy = match &id {
                Some(id) if from.collection != to.collection => {
                    is_there(backend, &documents, from, id, &raw)?
                }
                _ => false,
            };
            if !is_copy {
                return Err(conflict(to, &raw, id));
            }
        }
    }
    Ok(())
}

/// Reports whether the store has a document with that id, written at the same time.
fn is_there(
    backend: &MongoBackend,
    documents: &Collection<RawDocumentBuf>,
    store: &StoreAddress,
    id: &DocumentId,
    copy: &RawDocument,
) -> Result<bool> {
    let mut original = of_store(store)?;
    original.insert("_id", id);
    let copy = readable(copy);
    for field in ["key", "created_at", "updated_at"] {
        let value = copy.get(field).ok().flatten();
        let value = value.and_then(|value| Bson::try_from(value).ok());
        original.insert(field, doc! { "$eq": value.unwrap_or(Bson::Null) });
    }
    has_any(backend, documents, original)
}

/// Reports whether a query, which may name ids of any form, finds a document.
fn has_any(
    backend: &MongoBackend,
    documents: &Collection<RawDocumentBuf>,
    query: Document,
) -> Result<bool> {
    let mut is_found = false;
    let first = [doc! { "$match": query }, doc! { "$limit": 1 }];
    backend.each_of(documents, first, |_| is_found = true)?;
    Ok(is_found)
}

/// Says which entry of the store is in the way.
fn conflict(store: &StoreAddress, raw: &RawDocument, id: Option<DocumentId>) -> Error {
    let readable = readable(raw);
    let raw = &*readable;
    let time = |name: &str| raw.get_datetime(name).ok().map(timestamp);
    let written_at = time("updated_at").or(time("created_at"));
    let address = id.map(|id| Stores::of(&store.collection).address(raw, &id));
    match address {
        Some(address) => Error::Conflict {
            address: Box::new(address),
            written_at: written_at.unwrap_or(Timestamp::from_millis(0)),
        },
        None => Error::StoreExists {
            store: Box::new(store.clone()),
        },
    }
}

/// Moves the documents of a store to another collection.
///
/// An entry written in the meantime is detected and copied again.
fn move_away(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
    moved: &mut Moved,
    progress: Progress<'_>,
) -> Result<()> {
    backend.prepare(&to.collection)?;
    let mut has_moved_counts = false;
    for _ in 0..ATTEMPTS {
        let listed = backend.entries(&Filter::store(from), Timestamp::from_millis(0), None)?;
        let mut left: Vec<Meant> = Vec::new();
        for listed in listed {
            left.push(listed?.into());
        }
        if left.is_empty() {
            // Last, so that a renaming that stopped leaves the document with the old name.
            move_document(backend, from, to)?;
            if !has_moved_counts {
                move_counts(backend, from, to)?;
            }
            let to = BTreeSet::from([Arc::new(to.clone())]);
            return change_counters::bump(backend, &to);
        }
        for batch in left.chunks(BATCH) {
            let ids: Vec<&DocumentId> = batch.iter().map(|meant| &meant.id).collect();
            refuse_others(backend, to, &ids)?;
            if !has_moved_counts {
                move_counts(backend, from, to)?;
                has_moved_counts = true;
            }
            moved.perhaps = batch.len() as u64;
            copy(backend, from, to, &ids)?;
            moved.done += delete(backend, batch, None)?;
            moved.perhaps = 0;
            if progress(moved.done.entries).is_break() {
                return Err(Error::Interrupted { done: moved.done });
            }
        }
    }
    Err(Error::Replaced)
}

/// Moves a store's own document to another collection, unless the store there has one.
fn move_document(backend: &MongoBackend, from: &StoreAddress, to: &StoreAddress) -> Result<()> {
    let documents = backend.documents(&from.collection)?;
    let Some(own) = backend.run(documents.find_one(identity(from, STORE_KEY)?))? else {
        return Ok(());
    };
    let there = backend.documents(&to.collection)?;
    let has_own = backend
        .run(there.find_one(identity(to, STORE_KEY)?))?
        .is_some();
    if let Some(id) = DocumentId::read(&own, "_id").filter(|_| !has_own) {
        refuse_others(backend, to, &[&id])?;
        copy(backend, from, to, &[&id])?;
    }
    write_metadata(backend, &from.document(), None)
}

/// Refuses documents whose ids others have in the new collection, as a restored one has those of
/// the one that was dumped.
fn refuse_others(backend: &MongoBackend, to: &StoreAddress, ids: &[&DocumentId]) -> Result<()> {
    let others = doc! { "_id": { "$in": ids }, "$nor": [of_store(to)?] };
    let there = backend.documents(&to.collection)?;
    if has_any(backend, &there, others)? {
        let collection = to.collection.to_string();
        return Err(Unsupported::RepeatedIds { collection }.into());
    }
    Ok(())
}

/// Copies documents of a store, and the notes on them, to another collection.
fn copy(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
    ids: &[&DocumentId],
) -> Result<()> {
    let merge = |collection: &str| {
        doc! { "$merge": { "into": collection, "on": "_id", "whenMatched": "replace" } }
    };
    // The notes first: a reader takes a document without one for what FiftyOne wrote.
    let notes = backend.notes(&from.collection)?;
    let on_these = doc! { "$match": { "entry": { "$in": ids } } };
    let into = merge(&side_document::collection(&to.collection));
    backend.each_of(&notes, [on_these, into], |_| {})?;
    let mut these = of_store(from)?;
    these.insert("_id", doc! { "$in": ids });
    // A name may begin with a dollar.
    let rename = doc! { "$set": {
        "store_name": { "$literal": name::of(&to.store_name)? },
        "dataset_id": { "$literal": name::dataset_of(to)? },
    } };
    let documents = backend.documents(&from.collection)?;
    let pipeline = [doc! { "$match": these }, rename, merge(&to.collection)];
    backend.each_of(&documents, pipeline, |_| {})
}

fn move_all(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
    moved: &mut Moved,
    progress: Progress<'_>,
) -> Result<()> {
    let documents = backend.documents(&from.collection)?;
    let sizes: HashMap<DocumentId, u64> = backend
        .entries(&Filter::store(from), Timestamp::from_millis(0), None)?
        .map(|listed| listed.map(|listed| (listed.found.id, listed.entry.size)))
        .collect::<Result<_>>()?;
    let mut ids: Vec<DocumentId> = Vec::new();
    let mut query = of_store(from)?;
    query.insert("key", doc! { "$ne": STORE_KEY });
    let find = documents.find(query).projection(doc! { "_id": 1 });
    backend.each(find.batch(), |raw| ids.extend(DocumentId::read(raw, "_id")))?;
    let set = doc! { "$set": {
        "store_name": name::of(&to.store_name)?,
        "dataset_id": name::dataset_of(to)?,
    } };
    let result = (|| {
        // First: a renaming that stops and is continued has moved them all.
        move_counts(backend, from, to)?;
        for batch in ids.chunks(BATCH) {
            let mut these = of_store(from)?;
            these.insert("_id", doc! { "$in": batch });
            moved.perhaps = batch.len() as u64;
            let updated = backend.update_all(&from.collection, these, set.clone())?;
            moved.perhaps = 0;
            let size = |id: &DocumentId| sizes.get(id).copied();
            moved.done += Usage {
                entries: updated,
                bytes: batch.iter().filter_map(size).sum(),
            };
            if progress(moved.done.entries).is_break() {
                return Err(Error::Interrupted { done: moved.done });
            }
        }
        // Last, so that a renaming that stopped leaves the document with the old name.
        let own = identity(to, STORE_KEY)?;
        let has_own = backend.run(documents.find_one(own))?.is_some();
        let own = identity(from, STORE_KEY)?;
        if has_own {
            write_metadata(backend, &from.document(), None)?;
        } else {
            backend.run(documents.update_one(own, set.clone()))?;
        }
        Ok(())
    })();
    // Also after a failure: some entries may have moved.
    let stores = BTreeSet::from([Arc::new(from.clone()), Arc::new(to.clone())]);
    let bumped = change_counters::bump(backend, &stores);
    result.and(bumped)
}
