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
use crate::error::{Result, Unsupported};
use crate::filter::Usage;
use crate::scope::{Address, STORE_KEY};
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
        let there = self.indexes_of(collection)?;
        let missing = missing_indexes(&there);
        if missing.iter().any(|key| key.len() > 1) {
            let repeated = self.repeated(collection)?.into_iter();
            let repeated =
                repeated.map(|(address, count)| CollectionDamage::Repeated(address, count));
            collection_damage.extend(repeated);
        }
        collection_damage.extend(missing.iter().map(|key| {
            let fields: Vec<&str> = key.keys().map(String::as_str).collect();
            CollectionDamage::MissingIndex(fields.join(", "))
        }));
        Ok(collection_damage)
    }

    fn restore_indexes(&self, collection: &str) -> Result<()> {
        self.check_writable()?;
        let there = self.indexes_of(collection)?;
        let missing = missing_indexes(&there);
        if missing.iter().any(|key| key.len() > 1)
            && let Some((address, count)) = self.repeated(collection)?.first()
        {
            return Err(Unsupported::RepeatedEntry {
                address: Box::new(address.clone()),
                count: *count,
            }
            .into());
        }
        let known = indexes::indexes().into_iter();
        let known = known.filter(|index| missing.iter().any(|key| is_on(index, key)));
        self.create_indexes(collection, known.collect())
    }

    fn abandoned(&self, now: Timestamp) -> Result<Usage> {
        let mut abandoned = Usage::default();
        for collection in self.noted_collections()? {
            let notes = self.notes(&collection)?;
            let mut pipeline = orphaned_notes(&collection, now);
            pipeline.push(doc! { "$group": {
                "_id": "$entry",
                "bytes": { "$sum": { "$bsonSize": "$$ROOT" } },
            } });
            self.each_of(&notes, pipeline, |raw| {
                abandoned.entries += 1;
                abandoned.bytes += u64::try_from(raw.get_i32("bytes").unwrap_or(0)).unwrap_or(0);
            })?;
        }
        Ok(abandoned)
    }

    // Removes the notes on documents that are gone, and that no writer is about to write.
    fn collect_garbage(&self, now: Timestamp) -> Result<()> {
        self.check_writable()?;
        for collection in self.noted_collections()? {
            let notes = self.notes(&collection)?;
            let mut pipeline = orphaned_notes(&collection, now);
            pipeline.push(doc! { "$project": { "_id": 1 } });
            let mut orphans = Vec::new();
            self.each_of(&notes, pipeline, |raw| {
                orphans.extend(raw.get_object_id("_id").ok())
            })?;
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

impl MongoBackend {
    /// Returns the fields of each index of a collection.
    fn indexes_of(&self, collection: &str) -> Result<Vec<Document>> {
        let documents = self.documents(collection)?;
        let mut there = Vec::new();
        self.each(documents.list_indexes().batch(), |index| {
            let key = index.get_document("key").ok();
            there.extend(key.and_then(|key| Document::try_from(key).ok()));
        })?;
        Ok(there)
    }

    /// Finds documents that have the names of one entry, which FiftyOne's unique index rules out.
    fn repeated(&self, collection: &str) -> Result<Vec<(Address, u64)>> {
        let names = doc! {
            "store_name": "$store_name", "key": "$key", "dataset_id": "$dataset_id",
        };
        let repeated = [
            doc! { "$group": {
                "_id": names, "first": { "$first": "$_id" }, "count": { "$sum": 1 },
            } },
            doc! { "$match": { "count": { "$gt": 1 } } },
            doc! { "$limit": BATCH as i64 },
            doc! { "$replaceWith": {
                "$mergeObjects": ["$_id", { "_id": "$first", "count": "$count" }],
            } },
        ];
        let documents = self.documents(collection)?;
        let mut stores = Stores::of(collection);
        let mut found = Vec::new();
        self.each_of(&documents, repeated, |raw| {
            if let (Some(first), Ok(count)) = (read(raw, &mut stores), raw.get_i32("count")) {
                found.push((first.address, u64::try_from(count).unwrap_or(0)));
            }
        })?;
        Ok(found)
    }

    /// Returns the collections on whose documents there are notes, also those that are gone.
    fn noted_collections(&self) -> Result<Vec<String>> {
        let names = self.run(self.database.list_collection_names())?;
        let noted = names
            .iter()
            .filter_map(|name| name.strip_suffix(side_document::SUFFIX));
        Ok(noted.map(str::to_owned).collect())
    }
}

/// Returns the fields of those of FiftyOne's indexes that are not among `there`.
fn missing_indexes(there: &[Document]) -> Vec<Document> {
    let known = indexes::indexes().into_iter();
    let keys = known.filter_map(|index| index.get_document("key").ok().cloned());
    keys.filter(|key| !there.contains(key)).collect()
}

fn is_on(index: &Document, key: &Document) -> bool {
    index
        .get_document("key")
        .is_ok_and(|of_index| of_index == key)
}

/// Finds the notes on documents that are gone, and that no writer is about to write.
fn orphaned_notes(collection: &str, now: Timestamp) -> Vec<Document> {
    let before = now.saturating_sub(STAGED_FOR).as_millis() / 1000;
    let before = u32::try_from(before.max(0)).unwrap_or(u32::MAX);
    let before = ObjectId::from_parts(before, [0; 5], [0; 3]);
    vec![
        // Another program's collection may have such a name.
        doc! { "$match": { "_id": { "$lt": before }, "entry": { "$exists": true } } },
        doc! { "$lookup": {
            "from": collection,
            "let": { "entry": "$entry" },
            "pipeline": [
                { "$match": { "$expr": { "$eq": ["$_id", "$$entry"] } } },
                { "$project": { "_id": 1 } },
            ],
            "as": "documents",
        } },
        doc! { "$match": { "documents": [] } },
        doc! { "$unset": "documents" },
    ]
}
