//! Inspects whole collections: lists them, their stores and names, and sums up their entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::document::{Stores, read};
use super::query::SIZE;
use super::{MongoBackend, indexes, side_document};
use crate::backend::{
    CollectionDamage, Dataset, Description, Dimension, Group, Spread, StoreMetadata, StoreRecord,
    UnnamedValues, Values,
};
use crate::error::Result;
use crate::filter::Filter;
use crate::scope::{STORE_KEY, StoreAddress};
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

pub(super) fn names(backend: &MongoBackend, of: Dimension) -> Result<Vec<Arc<str>>> {
    let field = match of {
        Dimension::Collection => {
            let collections = backend.collections()?.into_iter();
            return Ok(collections.map(Arc::from).collect());
        }
        Dimension::Store => "store_name",
        Dimension::Dataset => "dataset_id",
        Dimension::User => "user_id",
        Dimension::Operator => "operator_uri",
        Dimension::Prompt => "prompt_id",
    };
    let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
    for collection in backend.collections()? {
        // An index answers it as it answers `distinct`, whose reply the driver refuses for one text
        // that is not UTF-8.
        let distinct = [
            doc! { "$group": { "_id": format!("${field}") } },
            doc! { "$project": { "_id": 0, field: "$_id" } },
        ];
        let mut stores = Stores::of(&collection);
        let mut name = |raw: &RawDocument| match of {
            Dimension::Store => Some(stores.read(raw).store_name.clone()),
            Dimension::Dataset => stores.read(raw).dataset_id.clone(),
            _ => raw.get_str(field).map(Arc::from).ok(),
        };
        let of_notes = !matches!(of, Dimension::Store | Dimension::Dataset);
        let documents = if of_notes {
            backend.notes(&collection)?
        } else {
            backend.documents(&collection)?
        };
        backend.each(documents.aggregate(distinct).batch(), |raw| {
            names.extend(name(raw));
        })?;
    }
    Ok(names.into_iter().collect())
}

pub(super) fn stores(backend: &MongoBackend) -> Result<Vec<StoreRecord>> {
    let mut stores: BTreeMap<Arc<StoreAddress>, Option<StoreMetadata>> = BTreeMap::new();
    for collection in backend.collections()? {
        // Numbers that are equal have a name for each type, and the server takes them for one.
        let group = doc! {
            "store_name": "$store_name",
            "dataset_id": "$dataset_id",
            "types": [{ "$type": "$store_name" }, { "$type": "$dataset_id" }],
        };
        let pipeline = vec![
            doc! { "$project": { "store_name": 1, "dataset_id": 1 } },
            doc! { "$group": { "_id": group } },
        ];
        let mut interned = Stores::of(&collection);
        let documents = backend.documents(&collection)?;
        backend.each(documents.aggregate(pipeline).batch(), |raw| {
            let store = raw.get_document("_id").ok();
            stores.extend(store.map(|store| (interned.read(store), None)));
        })?;
        let mut own = Vec::new();
        backend.each(documents.find(doc! { "key": STORE_KEY }).batch(), |raw| {
            own.push(raw.to_owned());
        })?;
        for raw in own {
            if let Some((store, metadata)) = own_document(backend, &collection, &raw)? {
                stores.insert(store, Some(metadata));
            }
        }
    }
    let record = |(address, metadata)| StoreRecord { address, metadata };
    Ok(stores.into_iter().map(record).collect())
}

/// Reads a store's own document; `None` if it cannot be read.
pub(super) fn own_document(
    backend: &MongoBackend,
    collection: &str,
    raw: &RawDocumentBuf,
) -> Result<Option<(Arc<StoreAddress>, StoreMetadata)>> {
    let Some(found) = read(raw, &mut Stores::of(collection)) else {
        return Ok(None);
    };
    let notes = backend.notes_on(collection, found.id.clone(), Values::Include)?;
    let value = raw.get("value").ok().flatten();
    let Some(text) = value.and_then(|value| found.json(&notes, value)) else {
        return Ok(None);
    };
    let metadata = StoreMetadata {
        value: text,
        created_at: found.created_at,
        updated_at: found.updated_at,
        policy: found.policy,
    };
    Ok(Some((found.address.store, metadata)))
}

/// FiftyOne's datasets, if it keeps any in this database.
pub(super) fn datasets(backend: &MongoBackend) -> Result<Option<Vec<Dataset>>> {
    const COLLECTION: &str = "datasets";
    let names = backend.database.list_collection_names();
    let names = names.filter(doc! { "name": COLLECTION });
    if backend.run(names)?.is_empty() {
        return Ok(None);
    }
    let datasets = backend.database.collection::<RawDocumentBuf>(COLLECTION);
    let found = datasets.find(doc! {}).projection(doc! { "name": 1 });
    let mut known = Vec::new();
    backend.each(found.batch(), |raw| {
        if let (Ok(id), Ok(name)) = (raw.get_object_id("_id"), raw.get_str("name")) {
            known.push(Dataset {
                id: id.to_hex().into(),
                name: name.to_owned(),
            });
        }
    })?;
    Ok(Some(known))
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
        stores: stores(backend)?.len() as u64,
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
