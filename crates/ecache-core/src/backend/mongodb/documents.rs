//! The stores' own documents, which FiftyOne keeps under the key `__store__`.

use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::bson::doc;

use super::document::{Stores, read as read_document};
use super::name::identity;
use super::remove::{Meant, delete};
use super::stats::own_document;
use super::{BATCH, MongoBackend, query};
use crate::backend::{StoreMetadata, Values};
use crate::error::Result;
use crate::filter::{Filter, Jobs, Pattern};
use crate::scope::{STORE_KEY, StoreAddress};
use crate::time::Timestamp;

/// Returns the document of a store.
pub(super) fn read(backend: &MongoBackend, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
    let documents = backend.documents(&store.collection)?;
    let Some(raw) = backend.run(documents.find_one(identity(store, STORE_KEY)?))? else {
        return Ok(None);
    };
    let found = own_document(backend, &store.collection, &raw)?;
    Ok(found.map(|(_, metadata)| metadata))
}

/// Counts the documents that a filter means.
pub(super) fn count(backend: &MongoBackend, filter: &Filter, now: Timestamp) -> Result<u64> {
    let mut count = 0;
    for collection in backend.meant_collections(filter)? {
        count += meant(backend, &collection, filter, now)?.len() as u64;
    }
    Ok(count)
}

/// Removes the documents that a filter means, unless they were written meanwhile.
pub(super) fn remove(backend: &MongoBackend, filter: &Filter, now: Timestamp) -> Result<u64> {
    backend.check_writable()?;
    let mut removed = 0;
    for collection in backend.meant_collections(filter)? {
        let meant = meant(backend, &collection, filter, now)?;
        for batch in meant.chunks(BATCH) {
            removed += delete(backend, batch, None)?.entries;
        }
    }
    Ok(removed)
}

/// Returns the stores of one collection in which a job runs.
fn in_use(
    backend: &MongoBackend,
    collection: &str,
    filter: &Filter,
    now: Timestamp,
) -> Result<BTreeSet<Arc<StoreAddress>>> {
    let running = Filter {
        collections: vec![Pattern::exact(collection)],
        jobs: Some(Jobs::Running),
        ..filter.place()
    };
    let running = backend.entries(&running, now, None)?;
    running
        .map(|listed| Ok(listed?.entry.address.store))
        .collect()
}

/// Finds the documents of one collection that a filter means.
fn meant(
    backend: &MongoBackend,
    collection: &str,
    filter: &Filter,
    now: Timestamp,
) -> Result<Vec<Meant>> {
    let mut meant: Vec<Meant> = Vec::new();
    if !filter.means_documents() {
        return Ok(meant);
    }
    let mut stores = Stores::of(collection);
    // Policies are compared below.
    let query = query::documents(&filter.place(), now);
    let query = doc! { "$and": [{ "key": STORE_KEY }, query] };
    let documents = backend.documents(collection)?;
    let find = documents.find(query).projection(doc! { "value": 0 });
    backend.each(find.batch(), |raw| {
        let Some(found) = read_document(raw, &mut stores) else {
            return;
        };
        if filter.matches_document(&found.address.store, Some(found.policy)) {
            meant.push(Meant {
                size: 0,
                unchanged: found.unchanged(),
                id: found.id,
                store: found.address.store,
                notes: Vec::new(),
                evicted: None,
            });
        }
    })?;
    if filter.jobs == Some(Jobs::NotRunning) && !meant.is_empty() {
        let in_use = in_use(backend, collection, filter, now)?;
        meant.retain(|meant| !in_use.contains(&meant.store));
    }
    for meant in &mut meant {
        let notes = backend.notes_on(collection, meant.id.clone(), Values::Omit)?;
        meant.notes = notes.iter().map(|note| note.id).collect();
    }
    Ok(meant)
}
