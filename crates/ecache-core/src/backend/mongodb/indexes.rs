//! FiftyOne's indexes, and those of the notes.

use mongodb::bson::{Document, doc};

use super::{MongoBackend, side_document};
use crate::error::Result;

/// FiftyOne's indexes, as it makes them.
pub(super) fn indexes() -> Vec<Document> {
    let single = ["store_name", "key", "dataset_id", "updated_at", "policy"];
    let mut indexes = vec![
        doc! { "key": { "expires_at": 1 }, "name": "expires_at", "expireAfterSeconds": 0 },
        doc! { "key": { "store_name": 1, "key": 1, "dataset_id": 1 }, "name": "unique_store_index", "unique": true },
    ];
    indexes.extend(single.map(|name| doc! { "key": { name: 1 }, "name": name }));
    indexes
}

impl MongoBackend {
    /// Makes the indexes of a collection before the first write of this process to it.
    ///
    /// FiftyOne's are made as FiftyOne makes them, and only if the collection is not there.
    pub(super) fn prepare(&self, collection: &str) -> Result<()> {
        self.check_writable()?;
        let documents = self.documents(collection)?;
        let lock = || {
            let indexed = self.indexed.lock();
            indexed.unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        if lock().contains(collection) {
            return Ok(());
        }
        let notes = side_document::collection(collection);
        let names = self.database.list_collection_names();
        let these = doc! { "name": { "$in": [collection, &*notes] } };
        let names = self.run(names.filter(these))?;
        if !names.iter().any(|name| name == collection) {
            self.create_indexes(documents.name(), indexes())?;
        }
        if !names.contains(&notes) {
            let known = |name: &str| {
                doc! {
                    "key": { name: 1 },
                    "name": name,
                    "partialFilterExpression": { name: { "$exists": true } },
                }
            };
            let mut indexes = vec![
                doc! { "key": { "entry": 1 }, "name": "entry" },
                // The server expires a note with its document, unless a process removed it before.
                doc! { "key": { "expires_at": 1 }, "name": "expires_at", "expireAfterSeconds": 0 },
            ];
            indexes.extend(["user_id", "operator_uri", "prompt_id"].map(known));
            self.create_indexes(&notes, indexes)?;
        }
        lock().insert(collection.to_owned());
        Ok(())
    }

    pub(super) fn create_indexes(&self, collection: &str, indexes: Vec<Document>) -> Result<()> {
        let command = doc! { "createIndexes": collection, "indexes": indexes };
        self.run(self.database.run_command(command)).map(drop)
    }
}
