//! Checks and describes the database, and removes what nothing refers to.

use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};

use super::document::read;
use super::interned::Stores;
use super::query::SIZE;
use super::{BATCH, MongoBackend, indexes, side_document};
use crate::backend::{
    Access, Backend, CollectionDamage, Description, ForkBackend, LimitBackend, MaintainBackend,
    STAGED_FOR, StoresBackend, UnnamedValues, count_names,
};
use crate::error::Result;
use crate::scope::STORE_KEY;
use crate::time::Timestamp;

impl MaintainBackend for MongoBackend {
    fn collection_damage(&self, collection: &str) -> Result<Vec<CollectionDamage>> {
        let mut collection_damage = Vec::new();
        let names = self.run(self.database.list_collection_names())?;
        if !names.iter().any(|name| name == collection) {
            return Ok(collection_damage);
        }
        let documents = self.documents(collection)?;
        let mut stores = Stores::of(collection);
        let found = documents.aggregate([
            doc! { "$match": { "policy": "persist", "expires_at": { "$type": "date" } } },
            doc! { "$project": {
                "store_name": 1, "key": 1, "dataset_id": 1, SIZE: [{ "$bsonSize": "$$ROOT" }],
            } },
        ]);
        self.each(found.batch(), |raw| {
            if let Some(found) = read(raw, &mut stores) {
                collection_damage.push(CollectionDamage::PersistExpiry(found.address, found.size));
            }
        })?;
        let mut there: Vec<Document> = Vec::new();
        self.each(documents.list_indexes().batch(), |index| {
            let key = index.get_document("key").ok();
            there.extend(key.and_then(|key| Document::try_from(key).ok()));
        })?;
        let missing = indexes::indexes()
            .into_iter()
            .filter_map(|index| index.get_document("key").ok().cloned())
            .filter(|key| !there.contains(key));
        collection_damage.extend(missing.map(|key| {
            let fields: Vec<&str> = key.keys().map(String::as_str).collect();
            CollectionDamage::MissingIndex(fields.join(", "))
        }));
        Ok(collection_damage)
    }

    // Removes the notes on documents that are gone, and that no writer is about to write.
    fn collect_garbage(&self, now: Timestamp) -> Result<()> {
        self.check_writable()?;
        let before = now.saturating_sub(STAGED_FOR).as_millis() / 1000;
        let before = u32::try_from(before.max(0)).unwrap_or(u32::MAX);
        let before = ObjectId::from_parts(before, [0; 5], [0; 3]);
        for collection in self.collections()? {
            let notes = self.notes(&collection)?;
            let pipeline = vec![
                doc! { "$match": { "_id": { "$lt": before } } },
                doc! { "$project": { "entry": 1 } },
                doc! { "$lookup": {
                    "from": &collection,
                    "let": { "entry": "$entry" },
                    "pipeline": [
                        { "$match": { "$expr": { "$eq": ["$_id", "$$entry"] } } },
                        { "$project": { "_id": 1 } },
                    ],
                    "as": "documents",
                } },
                doc! { "$match": { "documents": [] } },
                doc! { "$project": { "_id": 1 } },
            ];
            let mut orphans = Vec::new();
            let found = notes.aggregate(pipeline).batch();
            self.each(found, |raw| orphans.extend(raw.get_object_id("_id").ok()))?;
            for batch in orphans.chunks(BATCH) {
                self.run(notes.delete_many(doc! { "_id": { "$in": batch } }))?;
            }
        }
        Ok(())
    }

    fn compact(&self, now: Timestamp) -> Result<()> {
        // The server reuses free space by itself.
        self.collect_garbage(now)
    }

    fn describe(&self) -> Result<Description> {
        let run = |command: Document| self.run(self.database.run_command(command));
        let build = run(doc! { "buildInfo": 1 })?;
        let version = build.get_str("version").unwrap_or("of unknown version");
        let mut described = Description {
            engine: format!(
                "MongoDB {version} at {}, database {}",
                self.host,
                self.database.name()
            ),
            path: None,
            file_size: 0,
            wal_size: 0,
            free_size: 0,
            unnamed: UnnamedValues::default(),
            schema_version: 1,
            known_schema_version: 1,
            stores: count_names(&self.stores()?),
            entries: 0,
        };
        for collection in self.collections()? {
            let documents = self.documents(&collection)?;
            let all = self.run(documents.estimated_document_count())?;
            let own = self.run(documents.count_documents(doc! { "key": STORE_KEY }))?;
            described.entries += all.saturating_sub(own);
            for name in [side_document::collection(&collection), collection] {
                let sizes = run(doc! { "collStats": name })?;
                let size = |field: &str| {
                    let size = sizes.get(field).and_then(|size| match size.as_i64() {
                        None => size.as_i32().map(i64::from),
                        size => size,
                    });
                    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
                };
                described.file_size += size("storageSize") + size("totalIndexSize");
                described.free_size += size("freeStorageSize");
            }
        }
        Ok(described)
    }

    fn writer(&self, access: Access) -> Option<Arc<dyn Backend>> {
        Some(Arc::new(self.with_access(access)))
    }
}

impl LimitBackend for MongoBackend {}

impl ForkBackend for MongoBackend {}
