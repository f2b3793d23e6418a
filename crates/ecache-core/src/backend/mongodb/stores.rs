//! Stores and their own documents, which FiftyOne keeps under the key `__store__`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mongodb::bson::{RawDocument, RawDocumentBuf, doc};

use super::chosen::Meant;
use super::document::read;
use super::field_names::readable;
use super::interned::Stores;
use super::name::identity;
use super::remove::delete;
use super::write::{bump, write_metadata};
use super::{BATCH, MongoBackend, query};
use crate::backend::{
    Dataset, Dimension, ForeignDocument, StoreMetadata, StoreRecord, StoresBackend, Values,
};
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{Filter, Jobs, Pattern};
use crate::scope::{STORE_KEY, StoreAddress};
use crate::time::Timestamp;

impl StoresBackend for MongoBackend {
    fn stores(&self) -> Result<Vec<StoreRecord>> {
        let mut stores: BTreeMap<Arc<StoreAddress>, Option<OwnDocument>> = BTreeMap::new();
        for collection in self.collections()? {
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
            let documents = self.documents(&collection)?;
            self.each(documents.aggregate(pipeline).batch(), |raw| {
                let store = raw.get_document("_id").ok();
                stores.extend(store.map(|store| (interned.read(store), None)));
            })?;
            let own = own_documents(self, &collection)?.into_iter();
            stores.extend(own.map(|own| (own.store.clone(), Some(own))));
        }
        let record = |(address, own): (_, Option<OwnDocument>)| match own {
            Some(own) => StoreRecord {
                foreign: own.foreign(),
                address,
                metadata: own.metadata.ok(),
            },
            None => StoreRecord::new(address, None),
        };
        Ok(stores.into_iter().map(record).collect())
    }

    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        let Some(raw) = self.raw_document(&store.document())? else {
            return Ok(None);
        };
        let own = own_document(self, &store.collection, &raw)?;
        let metadata = own.map(|own| own.metadata).transpose();
        metadata.map_err(|reason| Error::foreign(store.document(), reason))
    }

    fn count_documents(&self, filter: &Filter, now: Timestamp) -> Result<u64> {
        let mut count = 0;
        for collection in self.meant_collections(filter)? {
            count += meant(self, &collection, filter, now)?.len() as u64;
        }
        Ok(count)
    }

    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>> {
        let field = match of {
            Dimension::Collection => {
                let collections = self.collections()?.into_iter();
                return Ok(collections.map(Arc::from).collect());
            }
            Dimension::Store => "store_name",
            Dimension::Dataset => "dataset_id",
            Dimension::User => "user_id",
            Dimension::Operator => "operator_uri",
            Dimension::Prompt => "prompt_id",
        };
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        for collection in self.collections()? {
            // An index answers it as it answers `distinct`, whose reply the driver refuses for one
            // text that is not UTF-8.
            let distinct = [
                doc! { "$group": { "_id": format!("${field}") } },
                doc! { "$project": { "_id": 0, field: "$_id" } },
            ];
            let mut stores = Stores::of(&collection);
            let mut name = |raw: &RawDocument| match of {
                Dimension::Store | Dimension::Dataset => {
                    of.name_of_store(&stores.read(raw)).cloned()
                }
                _ => raw.get_str(field).map(Arc::from).ok(),
            };
            let of_notes = !matches!(of, Dimension::Store | Dimension::Dataset);
            let documents = if of_notes {
                self.notes(&collection)?
            } else {
                self.documents(&collection)?
            };
            self.each(documents.aggregate(distinct).batch(), |raw| {
                names.extend(name(raw));
            })?;
        }
        Ok(names.into_iter().collect())
    }

    fn datasets(&self) -> Result<Option<Vec<Dataset>>> {
        const COLLECTION: &str = "datasets";
        let names = self.database.list_collection_names();
        let names = names.filter(doc! { "name": COLLECTION });
        if self.run(names)?.is_empty() {
            return Ok(None);
        }
        let datasets = self.database.collection::<RawDocumentBuf>(COLLECTION);
        let found = datasets.find(doc! {}).projection(doc! { "name": 1 });
        let mut known = Vec::new();
        self.each(found.batch(), |raw| {
            if let (Ok(id), Ok(name)) = (raw.get_object_id("_id"), raw.get_str("name")) {
                known.push(Dataset {
                    id: id.to_hex().into(),
                    name: name.to_owned(),
                });
            }
        })?;
        Ok(Some(known))
    }

    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()> {
        store.check()?;
        let address = store.document();
        identity(store, address.key.as_str())?;
        self.prepare(&store.collection)?;
        write_metadata(self, &address, metadata)?;
        bump(self, &address.store, true)
    }

    fn remove_documents(&self, filter: &Filter, now: Timestamp) -> Result<u64> {
        self.check_writable()?;
        let mut removed = 0;
        for collection in self.meant_collections(filter)? {
            let meant = meant(self, &collection, filter, now)?;
            for batch in meant.chunks(BATCH) {
                removed += delete(self, batch, None)?.entries;
            }
        }
        Ok(removed)
    }
}

/// A store's own document.
pub(super) struct OwnDocument {
    store: Arc<StoreAddress>,
    /// Its content, or the reason why that has no form elsewhere
    metadata: std::result::Result<StoreMetadata, String>,
    /// Descriptions of its parts that a document of ours cannot have
    parts: Option<String>,
    pub(super) written_at: Timestamp,
    policy: Policy,
}

impl OwnDocument {
    /// Describes it if it would not be the same elsewhere.
    fn foreign(&self) -> Option<ForeignDocument> {
        let reasons = [self.parts.as_ref(), self.metadata.as_ref().err()];
        let reasons: Vec<&str> = reasons.into_iter().flatten().map(String::as_str).collect();
        (!reasons.is_empty()).then(|| ForeignDocument {
            reason: reasons.join("; "),
            policy: self.policy,
        })
    }
}

/// Reads the own documents of a collection's stores.
fn own_documents(backend: &MongoBackend, collection: &str) -> Result<Vec<OwnDocument>> {
    let mut found = Vec::new();
    let documents = backend.documents(collection)?;
    backend.each(documents.find(doc! { "key": STORE_KEY }).batch(), |raw| {
        found.push(raw.to_owned());
    })?;
    let own = found
        .iter()
        .map(|raw| own_document(backend, collection, raw));
    own.filter_map(Result::transpose).collect()
}

/// Reads a store's own document; `None` if it does not tell its store.
pub(super) fn own_document(
    backend: &MongoBackend,
    collection: &str,
    raw: &RawDocumentBuf,
) -> Result<Option<OwnDocument>> {
    let Some(found) = read(raw, &mut Stores::of(collection)) else {
        return Ok(None);
    };
    let notes = backend.notes_on(collection, found.id.clone(), Values::Include)?;
    let text = match readable(raw).get("value") {
        Ok(Some(value)) => found.json(&notes, value),
        Ok(None) => Err("its metadata has no value".to_owned()),
        Err(_) => Err("its metadata has no text form".to_owned()),
    };
    let metadata = text.map(|value| StoreMetadata {
        value,
        created_at: found.created_at,
        updated_at: found.updated_at,
        policy: found.policy,
    });
    let expires = found.expires_at.map(|_| "its metadata expires".to_owned());
    let parts: Vec<String> = found.foreign().into_iter().chain(expires).collect();
    Ok(Some(OwnDocument {
        metadata,
        parts: (!parts.is_empty()).then(|| parts.join("; ")),
        written_at: found.written_at(),
        policy: found.policy,
        store: found.address.store,
    }))
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
        let Some(found) = read(raw, &mut stores) else {
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
