//! Counters of changes and of the outcomes of calls, in the collection `ecache`.

use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};

use super::{MongoBackend, change_stream, write};
use crate::backend::{Counters, Follow, ObserveBackend, Use};
use crate::error::Result;
use crate::scope::StoreAddress;

impl ObserveBackend for MongoBackend {
    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        generation(&self.on_primary(), store)
    }

    fn change_token(&self) -> Result<u64> {
        changes(&self.on_primary())
    }

    fn tells_every_change(&self) -> bool {
        false
    }

    fn follow(&self, collection: &str) -> Result<Option<Box<dyn Follow>>> {
        change_stream::follow(self, collection)
    }

    fn record_uses(&self, uses: &[Use]) -> Result<()> {
        write::record_uses(self, uses)
    }

    fn record_calls(&self, counters: &[(Arc<StoreAddress>, Counters)]) -> Result<()> {
        add(self, counters)
    }

    fn calls(&self) -> Result<Vec<(Arc<StoreAddress>, Counters)>> {
        read(self)
    }
}

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
    update(backend, &updates)
}

/// Adds to the counters of stores, which are in the documents of their generations.
pub(super) fn add(
    backend: &MongoBackend,
    counters: &[(Arc<StoreAddress>, Counters)],
) -> Result<()> {
    counters.iter().try_for_each(|(store, _)| store.check())?;
    let add = |(store, counters): &(Arc<StoreAddress>, Counters)| {
        let mut counters = *counters;
        let counts = counters
            .fields()
            .into_iter()
            .filter(|(_, count)| **count > 0);
        let counts = counts.map(|(name, count)| (name.to_owned(), Bson::Int64(*count as i64)));
        doc! {
            "q": { "_id": generation_id(store) },
            "u": { "$inc": counts.collect::<Document>() },
            "upsert": true,
        }
    };
    update(backend, &counters.iter().map(add).collect::<Vec<_>>())
}

/// The counters of all stores of which something was counted.
pub(super) fn read(backend: &MongoBackend) -> Result<Vec<(Arc<StoreAddress>, Counters)>> {
    let documents = backend.database.collection::<RawDocumentBuf>(COLLECTION);
    let found = documents.find(doc! { "_id.store_name": { "$exists": true } });
    let mut stores = Vec::new();
    backend.each(found.batch(), |raw| {
        let mut counters = Counters::default();
        for (name, count) in counters.fields() {
            *count = number(raw.get_i64(name).ok());
        }
        if counters != Counters::default()
            && let Some(store) = store(raw)
        {
            stores.push((Arc::new(store), counters));
        }
    })?;
    stores.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(stores)
}

/// The store of a document of that id.
fn store(document: &RawDocument) -> Option<StoreAddress> {
    let id = document.get_document("_id").ok()?;
    Some(StoreAddress {
        collection: id.get_str("collection").ok()?.into(),
        store_name: id.get_str("store_name").ok()?.into(),
        dataset_id: id.get_str("dataset_id").ok().map(Arc::from),
    })
}

fn number(count: Option<i64>) -> u64 {
    count
        .and_then(|count| u64::try_from(count).ok())
        .unwrap_or(0)
}

fn update(backend: &MongoBackend, updates: &[Document]) -> Result<()> {
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
        if !refused.is_empty() {
            return Err(backend.write_error(&refused));
        }
    }
    Ok(())
}

/// Attempts all updates, and returns the errors of those that failed.
fn try_update(backend: &MongoBackend, updates: &[Document]) -> Result<Vec<Bson>> {
    let command = doc! { "update": COLLECTION, "updates": updates, "ordered": false };
    let answer = backend.run(backend.database.run_command(command))?;
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
