//! Stores that documents name, shared by their entries.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawElement;
use mongodb::bson::{RawBsonRef, RawDocument};

use super::id::DocumentId;
use super::name;
use crate::scope::{Address, StoreAddress};
use crate::typed_name;

/// Stores that were met, so that their entries share them.
pub(super) struct Stores {
    collection: Arc<str>,
    by_dataset: HashMap<Dataset, Vec<Arc<StoreAddress>>>,
    count: usize,
}

/// The dataset of a store.
#[derive(PartialEq, Eq, Hash)]
enum Dataset {
    None,
    Object(ObjectId),
    /// The typed name of one that FiftyOne could not have
    Other(String),
}

impl Dataset {
    fn of(field: Option<&RawElement<'_>>) -> Self {
        match field.map(RawElement::value) {
            None | Some(Ok(RawBsonRef::Null)) => Self::None,
            Some(Ok(RawBsonRef::ObjectId(id))) => Self::Object(id),
            Some(Ok(value)) => Self::Other(name::dataset_name(value)),
            Some(Err(_)) => Self::Other(typed_name::nameless("")),
        }
    }

    fn id(&self) -> Option<Arc<str>> {
        match self {
            Self::None => None,
            Self::Object(id) => Some(id.to_hex().into()),
            Self::Other(name) => Some(name.as_str().into()),
        }
    }
}

impl Stores {
    /// Maximum number of stores that are interned before they are forgotten.
    const MAX: usize = 10_000;

    pub(super) fn of(collection: &str) -> Self {
        Self {
            collection: collection.into(),
            by_dataset: HashMap::new(),
            count: 0,
        }
    }

    /// Returns the store of these fields.
    pub(super) fn intern(
        &mut self,
        name: Option<&RawElement<'_>>,
        dataset: Option<&RawElement<'_>>,
    ) -> Arc<StoreAddress> {
        let dataset = Dataset::of(dataset);
        // Nearly every name is a string that stands for itself.
        let typed;
        let name = match name.map(RawElement::value) {
            Some(Ok(RawBsonRef::String(text))) if !text.starts_with(typed_name::PREFIX) => text,
            _ => {
                typed = name::store(name);
                &typed
            }
        };
        let known = self.by_dataset.get(&dataset);
        let mut known = known.into_iter().flatten();
        if let Some(known) = known.find(|store| *store.store_name == *name) {
            return known.clone();
        }
        if self.count == Self::MAX {
            self.by_dataset.clear();
            self.count = 0;
        }
        self.count += 1;
        let store = Arc::new(StoreAddress {
            collection: self.collection.clone(),
            store_name: name.into(),
            dataset_id: dataset.id(),
        });
        let known = self.by_dataset.entry(dataset).or_default();
        known.push(store.clone());
        store
    }

    /// Returns the store that a document names.
    pub(super) fn read(&mut self, raw: &RawDocument) -> Arc<StoreAddress> {
        let [name, dataset] = fields(raw, ["store_name", "dataset_id"]);
        self.intern(name.as_ref(), dataset.as_ref())
    }

    /// Returns the address that a document has.
    pub(super) fn address(&mut self, raw: &RawDocument, id: &DocumentId) -> Address {
        let [name, key, dataset] = fields(raw, ["store_name", "key", "dataset_id"]);
        Address {
            store: self.intern(name.as_ref(), dataset.as_ref()),
            key: name::key(key.as_ref(), id),
        }
    }
}

/// Returns the fields of these names.
fn fields<'a, const N: usize>(
    raw: &'a RawDocument,
    names: [&str; N],
) -> [Option<RawElement<'a>>; N] {
    let mut fields = [const { None }; N];
    for element in raw.iter_elements().map_while(Result::ok) {
        let name = element.key().as_str();
        if let Some(index) = names.iter().position(|known| *known == name) {
            fields[index] = Some(element);
        }
    }
    fields
}
