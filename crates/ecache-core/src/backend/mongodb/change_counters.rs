//! Counters of changes, in the collection `ecache`.

use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::bson::{Bson, Document, RawDocument, doc};
use mongodb::error::Error as DriverError;

use super::MongoBackend;
use super::failure::Failure;
use super::id::raw;
use crate::error::Result;
use crate::scope::StoreAddress;
use crate::sync::lock;

/// The collection of the counters.
pub(super) const COLLECTION: &str = "ecache";

const CHANGES: &str = "changes";

/// Names a store in a document.
pub(super) fn generation_id(store: &StoreAddress) -> Document {
    doc! {
        "collection": &*store.collection,
        "store_name": &*store.store_name,
        "dataset_id": store.dataset_id.as_deref(),
    }
}

/// Returns the store that a document names.
pub(super) fn store_of(id: &RawDocument) -> Option<StoreAddress> {
    let name = |field: &str| id.get_str(field).ok().map(Arc::from);
    Some(StoreAddress {
        collection: name("collection")?,
        store_name: name("store_name")?,
        dataset_id: name("dataset_id"),
    })
}

/// Counts a change, and one more generation of each of these stores, in one round trip.
pub(super) fn bump(backend: &MongoBackend, stores: &BTreeSet<Arc<StoreAddress>>) -> Result<()> {
    let increment = |id: Bson| {
        doc! { "q": { "_id": id }, "u": { "$inc": { "count": 1_i64 } }, "upsert": true }
    };
    let generations = stores
        .iter()
        .map(|store| increment(generation_id(store).into()));
    let updates: Vec<Document> = generations.chain([increment(CHANGES.into())]).collect();
    update(backend, &updates)?;
    if let Some(changed) = &backend.changed {
        let mut changed = lock(changed);
        changed.extend(stores.iter().cloned());
    }
    Ok(())
}

fn number(count: Option<i64>) -> u64 {
    count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0)
}

pub(super) fn update(backend: &MongoBackend, updates: &[Document]) -> Result<()> {
    for batch in updates.chunks(super::BATCH) {
        let refused = try_update(backend, batch)?;
        // Two that count for the first time both insert, and one of them is told so: it counts that
        // again.
        let indexes = refused.iter().filter_map(|error| {
            let index = error.as_document()?.get_i32("index").ok()?;
            usize::try_from(index).ok()
        });
        let again: Vec<Document> = indexes.filter_map(|i| batch.get(i).cloned()).collect();
        let refused = if again.is_empty() {
            refused
        } else {
            try_update(backend, &again)?
        };
        if let Some(error) = refused.first().and_then(Bson::as_document) {
            let failure = DriverError::custom(Failure::of_write(error));
            return Err(backend.error(failure));
        }
    }
    Ok(())
}

/// Attempts all updates, and returns the errors of those that failed.
fn try_update(backend: &MongoBackend, updates: &[Document]) -> Result<Vec<Bson>> {
    let command = doc! { "update": COLLECTION, "updates": updates, "ordered": false };
    let answer = backend.run(backend.run_write_parts(raw(&command)))?;
    Ok(answer.get_array("writeErrors").cloned().unwrap_or_default())
}

fn count(backend: &MongoBackend, id: Bson) -> Result<u64> {
    let counters = backend.database.collection::<Document>(COLLECTION);
    let found = backend.run(counters.find_one(doc! { "_id": id }))?;
    Ok(number(
        found.and_then(|counter| counter.get_i64("count").ok()),
    ))
}

/// Returns the generation of a store.
pub(super) fn generation(backend: &MongoBackend, store: &StoreAddress) -> Result<u64> {
    count(backend, generation_id(store).into())
}

/// Returns the number of changes of anything.
pub(super) fn changes(backend: &MongoBackend) -> Result<u64> {
    count(backend, CHANGES.into())
}
