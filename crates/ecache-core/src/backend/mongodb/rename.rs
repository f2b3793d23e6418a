//! Renaming a store: each document gets the new name and dataset, and the notes on it stay as they
//! are.
//!
//! There is no transaction. A document has the old name or the new one at any time, so a renaming
//! that stopped loses nothing and is continued by another one that merges.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};

use super::document::Stores;
use super::id::DocumentId;
use super::name::{self, identity};
use super::side_document::timestamp;
use super::write::write_metadata;
use super::{BATCH, MongoBackend, counters};
use crate::backend::{OnExistingStore, Progress};
use crate::error::{Error, Result};
use crate::filter::{Filter, Usage};
use crate::scope::{STORE_KEY, StoreAddress};
use crate::time::Timestamp;

pub(super) fn rename(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
    on_existing: OnExistingStore,
    progress: Progress<'_>,
) -> Result<Usage> {
    to.check()?;
    backend.check_writable()?;
    if from.collection != to.collection {
        return Err(Error::Unsupported(
            "MongoDB moves no documents between collections; export the store, and import it with \
             --collection"
                .into(),
        ));
    }
    if from == to || !exists(backend, from)? {
        return Ok(Usage::default());
    }
    if exists(backend, to)? {
        if on_existing == OnExistingStore::Fail {
            let store = Box::new(to.clone());
            return Err(Error::StoreExists { store });
        }
        refuse_conflicts(backend, from, to)?;
    }
    let mut done = Usage::default();
    match move_all(backend, from, to, &mut done, progress) {
        Ok(()) => Ok(done),
        Err(error) => Err(error.after(done, 0)),
    }
}

/// Selects the documents of a store, its own included.
fn of_store(store: &StoreAddress) -> Result<Document> {
    let mut query = name::condition("store_name", &store.store_name);
    query.insert("dataset_id", doc! { "$eq": name::dataset_of(store)? });
    Ok(query)
}

fn exists(backend: &MongoBackend, store: &StoreAddress) -> Result<bool> {
    let documents = backend.documents(&store.collection)?;
    Ok(backend.run(documents.find_one(of_store(store)?))?.is_some())
}

/// Fails if a key is in both stores.
fn refuse_conflicts(backend: &MongoBackend, from: &StoreAddress, to: &StoreAddress) -> Result<()> {
    let documents = backend.documents(&from.collection)?;
    let mut keys: Vec<Bson> = Vec::new();
    let mut query = of_store(from)?;
    query.insert("key", doc! { "$ne": STORE_KEY });
    let find = documents.find(query).projection(doc! { "key": 1 });
    backend.each(find.batch(), |raw| {
        let key = raw.get("key").ok().flatten();
        keys.extend(key.and_then(|key| Bson::try_from(key).ok()));
    })?;
    for batch in keys.chunks(BATCH) {
        let mut query = of_store(to)?;
        query.insert("key", doc! { "$in": batch });
        let find = documents.find_one(query).projection(doc! { "value": 0 });
        let Some(raw) = backend.run(find)? else {
            continue;
        };
        let time = |name: &str| raw.get_datetime(name).ok().map(timestamp);
        let written_at = time("updated_at").or(time("created_at"));
        let id = DocumentId::read(&raw, "_id");
        let address = id.map(|id| Stores::of(&to.collection).address(&raw, &id));
        return Err(match address {
            Some(address) => Error::Conflict {
                address: Box::new(address),
                written_at: written_at.unwrap_or(Timestamp::from_millis(0)),
            },
            None => Error::StoreExists {
                store: Box::new(to.clone()),
            },
        });
    }
    Ok(())
}

fn move_all(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
    done: &mut Usage,
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
    let moved = (|| {
        for batch in ids.chunks(BATCH) {
            let mut these = of_store(from)?;
            these.insert("_id", doc! { "$in": batch });
            let updated = backend.run(documents.update_many(these, set.clone()))?;
            let size = |id: &DocumentId| sizes.get(id).copied();
            *done += Usage {
                entries: updated.modified_count,
                bytes: batch.iter().filter_map(size).sum(),
            };
            if progress(done.entries).is_break() {
                return Err(Error::Interrupted { done: *done });
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
    let bumped = counters::bump(backend, &stores);
    moved.and(bumped)
}
