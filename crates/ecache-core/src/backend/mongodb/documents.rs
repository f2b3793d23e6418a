//! The stores' own documents, which FiftyOne keeps under the key `__store__`.

use mongodb::bson::doc;

use super::document::{Stores, read as read_document};
use super::name::identity;
use super::remove::{Meant, delete};
use super::stats::own_document;
use super::{BATCH, MongoBackend, query};
use crate::backend::{StoreMetadata, Values};
use crate::error::Result;
use crate::filter::Filter;
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
pub(super) fn count(backend: &MongoBackend, filter: &Filter) -> Result<u64> {
    let mut count = 0;
    for collection in backend.meant_collections(filter)? {
        count += meant(backend, &collection, filter)?.len() as u64;
    }
    Ok(count)
}

/// Removes the documents that a filter means, unless they were written meanwhile.
pub(super) fn remove(backend: &MongoBackend, filter: &Filter) -> Result<u64> {
    backend.check_writable()?;
    let mut removed = 0;
    for collection in backend.meant_collections(filter)? {
        for batch in meant(backend, &collection, filter)?.chunks(BATCH) {
            removed += delete(backend, batch, None)?.entries;
        }
    }
    Ok(removed)
}

/// Finds the documents of one collection that a filter means.
fn meant(backend: &MongoBackend, collection: &str, filter: &Filter) -> Result<Vec<Meant>> {
    let mut stores = Stores::of(collection);
    let mut meant: Vec<Meant> = Vec::new();
    let whole = Filter {
        policy: None,
        ..filter.clone()
    };
    // Policies are compared below, so the time does not matter.
    let query = query::documents(&whole, Timestamp::from_millis(0));
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
    for meant in &mut meant {
        let notes = backend.notes_on(collection, meant.id.clone(), Values::Omit)?;
        meant.notes = notes.iter().map(|note| note.id).collect();
    }
    Ok(meant)
}
