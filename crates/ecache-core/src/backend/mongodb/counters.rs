//! How often something changed: the collection `ecache`.

use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};

use super::MongoBackend;
use crate::error::Result;
use crate::scope::StoreAddress;

/// The collection of the counters.
pub(super) const COLLECTION: &str = "ecache";

const CHANGES: &str = "changes";

fn generation_id(store: &StoreAddress) -> Document {
    doc! {
        "collection": &*store.collection,
        "store_name": &*store.store_name,
        "dataset_id": store.dataset_id.as_deref(),
    }
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
    for batch in updates.chunks(super::BATCH) {
        // Two that count for the first time both insert, and one of them is told so: it counts again.
        for _ in 0..2 {
            let command = doc! { "update": COLLECTION, "updates": batch, "ordered": false };
            let answer = backend.run(backend.database.run_command(command))?;
            if answer.get_array("writeErrors").is_err() {
                break;
            }
        }
    }
    Ok(())
}

fn count(backend: &MongoBackend, id: Bson) -> Result<u64> {
    let counters = backend.database.collection::<Document>(COLLECTION);
    let found = backend.run(counters.find_one(doc! { "_id": id }))?;
    let count = found.and_then(|counter| counter.get_i64("count").ok());
    Ok(count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0))
}

/// The generation of a store.
pub(super) fn generation(backend: &MongoBackend, store: &StoreAddress) -> Result<u64> {
    count(backend, generation_id(store).into())
}

/// How often anything changed.
pub(super) fn changes(backend: &MongoBackend) -> Result<u64> {
    count(backend, CHANGES.into())
}
