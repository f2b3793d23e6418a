//! Tells execution stores from other collections.

use std::collections::{BTreeSet, HashSet};
use std::sync::MutexGuard;

use mongodb::bson::{RawDocumentBuf, doc};

use super::{MongoBackend, change_counters, side_document};
use crate::error::{Result, Unsupported};
use crate::scope::DEFAULT_COLLECTION;
use crate::sync::lock;

/// Beginnings of the names of collections that are not stores. A dataset's samples are in
/// collections of its own, of which there may be thousands.
pub(super) const NEVER_STORES: [&str; 4] = ["samples.", "frames.", "system.", "fs."];

/// FiftyOne's own collections that are not stores: it would take an entry in one for its own.
const FIFTYONES: [&str; 7] = [
    "config",
    "datasets",
    "delegated_ops",
    "ontologies",
    "runs",
    "views",
    "workspaces",
];

impl MongoBackend {
    /// Returns the collections that are execution stores: FiftyOne's own, those that ecache wrote
    /// to, and those with FiftyOne's unique index under any name.
    ///
    /// An application's own collection must never be taken for one, whatever its documents look
    /// like: all of these may be removed from at once. Views have no indexes.
    pub(super) fn collections(&self) -> Result<Vec<String>> {
        let names = self.database.list_collection_names();
        let names = self.run(names.filter(doc! { "type": "collection" }))?;
        let names: BTreeSet<String> = names.into_iter().collect();
        let mut collections = Vec::new();
        for name in &names {
            let is_other = NEVER_STORES.iter().any(|prefix| name.starts_with(prefix));
            if is_other
                || name == change_counters::COLLECTION
                || name.ends_with(side_document::SUFFIX)
            {
                continue;
            }
            let is_known =
                name == DEFAULT_COLLECTION || names.contains(&side_document::collection(name));
            if is_known || self.has_store_index(name)? {
                self.known_stores().insert(name.clone());
                collections.push(name.clone());
            }
        }
        Ok(collections)
    }

    /// Refuses a collection that is another application's, even if it is named: its documents would
    /// be listed as entries, and `clear` would remove them.
    ///
    /// One whose first document has a store and a key is taken for a store without indexes, as
    /// `mongorestore` leaves it with an option.
    pub(super) fn check_store(&self, collection: &str) -> Result<()> {
        check_name(collection)?;
        if collection == DEFAULT_COLLECTION || self.known_stores().contains(collection) {
            return Ok(());
        }
        let documents = self.database.collection::<RawDocumentBuf>(collection);
        let names = doc! { "store_name": 1, "key": 1 };
        let first = self.run(documents.find_one(doc! {}).projection(names))?;
        let has = |field| matches!(&first, Some(first) if matches!(first.get(field), Ok(Some(_))));
        let is_entry = has("store_name") && has("key");
        let is_store = first.is_none()
            || is_entry
            || self.has_notes(collection)?
            || self.has_store_index(collection)?;
        if !is_store {
            let collection = collection.to_owned();
            return Err(Unsupported::ForeignCollection { collection }.into());
        }
        self.known_stores().insert(collection.to_owned());
        Ok(())
    }

    fn known_stores(&self) -> MutexGuard<'_, HashSet<String>> {
        lock(&self.stores)
    }

    /// Reports whether ecache wrote to a collection.
    fn has_notes(&self, collection: &str) -> Result<bool> {
        let notes = doc! { "name": side_document::collection(collection) };
        let names = self.database.list_collection_names().filter(notes);
        Ok(!self.run(names)?.is_empty())
    }

    /// Reports whether a collection has a unique index on the fields of FiftyOne's. A backup, as
    /// `$out` makes one, has none, and must not be cleared with the stores.
    fn has_store_index(&self, collection: &str) -> Result<bool> {
        const FIELDS: [&str; 3] = ["dataset_id", "key", "store_name"];
        let documents = self.database.collection::<RawDocumentBuf>(collection);
        let mut is_there = false;
        self.each(documents.list_indexes().batch(), |index| {
            if let (Ok(key), Ok(true)) = (index.get_document("key"), index.get_bool("unique")) {
                let fields = key.iter_elements().filter_map(Result::ok);
                let mut fields: Vec<&str> = fields.map(|field| field.key().as_str()).collect();
                fields.sort_unstable();
                is_there |= fields == FIELDS;
            }
        })?;
        Ok(is_there)
    }
}

/// Refuses a name that MongoDB has no collection for, or that is one of ours or of FiftyOne's.
fn check_name(name: &str) -> Result<()> {
    const MAX_LENGTH: usize = 200;
    let is_ours = name == change_counters::COLLECTION || name.ends_with(side_document::SUFFIX);
    let is_fiftyones =
        FIFTYONES.contains(&name) || NEVER_STORES.iter().any(|prefix| name.starts_with(prefix));
    if is_fiftyones {
        return Err(Unsupported::FiftyonesCollection {
            collection: name.into(),
        }
        .into());
    }
    let is_possible = name.len() <= MAX_LENGTH
        && !name.contains(['$', '\0'])
        && !name.starts_with(['.'])
        && !name.ends_with('.')
        && !name.contains("..");
    if is_possible && !is_ours {
        Ok(())
    } else {
        Err(Unsupported::InvalidCollection {
            collection: name.into(),
        }
        .into())
    }
}
