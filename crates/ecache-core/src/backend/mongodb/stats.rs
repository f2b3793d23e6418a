//! Inspects whole collections: sums up their entries, and describes and checks them.

use std::collections::BTreeMap;
use std::sync::Arc;

use mongodb::bson::{Document, doc};

use super::document::{Stores, read};
use super::query::SIZE;
use super::{MongoBackend, indexes, side_document};
use crate::backend::{
    CollectionDamage, Description, Dimension, Group, Spread, StoresBackend, UnnamedValues,
};
use crate::error::Result;
use crate::filter::Filter;
use crate::scope::STORE_KEY;
use crate::time::Timestamp;

pub(super) fn troubles(backend: &MongoBackend, collection: &str) -> Result<Vec<CollectionDamage>> {
    let mut troubles = Vec::new();
    let names = backend.run(backend.database.list_collection_names())?;
    if !names.iter().any(|name| name == collection) {
        return Ok(troubles);
    }
    let documents = backend.documents(collection)?;
    let mut stores = Stores::of(collection);
    let found = documents.aggregate([
        doc! { "$match": { "policy": "persist", "expires_at": { "$ne": null } } },
        doc! { "$project": {
            "store_name": 1, "key": 1, "dataset_id": 1, SIZE: { "$bsonSize": "$$ROOT" },
        } },
    ]);
    backend.each(found.batch(), |raw| {
        if let Some(found) = read(raw, &mut stores) {
            troubles.push(CollectionDamage::PersistExpiry(found.address, found.size));
        }
    })?;
    let mut there: Vec<Document> = Vec::new();
    backend.each(documents.list_indexes().batch(), |index| {
        let key = index.get_document("key").ok();
        there.extend(key.and_then(|key| Document::try_from(key).ok()));
    })?;
    let missing = indexes::indexes()
        .into_iter()
        .filter_map(|index| index.get_document("key").ok().cloned())
        .filter(|key| !there.contains(key));
    troubles.extend(missing.map(|key| {
        let fields: Vec<&str> = key.keys().map(String::as_str).collect();
        CollectionDamage::MissingIndex(fields.join(", "))
    }));
    Ok(troubles)
}

pub(super) fn groups(
    backend: &MongoBackend,
    filter: &Filter,
    by: Dimension,
    now: Timestamp,
    spread: &mut Spread,
) -> Result<Vec<Group>> {
    let mut groups: BTreeMap<Option<Arc<str>>, Group> = BTreeMap::new();
    for listed in backend.entries(filter, now, None)? {
        let entry = listed?.entry;
        spread.add(&*entry, now);
        let name = by.name(&*entry).cloned();
        groups
            .entry(name)
            .or_default()
            .merge(Group::of(&*entry, now));
    }
    let named = |(name, group)| Group { name, ..group };
    Ok(groups.into_iter().map(named).collect())
}

pub(super) fn describe(backend: &MongoBackend) -> Result<Description> {
    let run = |command: Document| backend.run(backend.database.run_command(command));
    let build = run(doc! { "buildInfo": 1 })?;
    let version = build.get_str("version").unwrap_or("of unknown version");
    let mut described = Description {
        engine: format!(
            "MongoDB {version} at {}, database {}",
            backend.host,
            backend.database.name()
        ),
        path: None,
        file_size: 0,
        wal_size: 0,
        free_size: 0,
        unnamed: UnnamedValues::default(),
        schema_version: 1,
        known_schema_version: 1,
        stores: backend.stores()?.len() as u64,
        entries: 0,
    };
    for collection in backend.collections()? {
        let documents = backend.documents(&collection)?;
        let all = backend.run(documents.estimated_document_count())?;
        let own = backend.run(documents.count_documents(doc! { "key": STORE_KEY }))?;
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
