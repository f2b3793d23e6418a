//! One document of FiftyOne's, and the entry that it is.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, cstr, doc};

use super::note::{Note, Wrote, date, raw, timestamp};
use super::query::SIZE;
use super::value;
use crate::backend::Content;
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::scope::{Address, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::value::Kind;

/// What a document says of an entry, but for its value.
pub(super) struct Found {
    pub id: ObjectId,
    pub address: Address,
    pub policy: Policy,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// The length of its value, if FiftyOne wrote it
    pub size: u64,
    /// The policy's word, which a new version has to find unchanged
    policy_word: Option<Policy>,
}

/// A document, or the address of one that FiftyOne could not read either.
pub(super) enum Reading {
    Found(Box<Found>),
    Damaged(ObjectId, Address),
}

/// Stores that were met, so that their entries share them.
pub(super) struct Stores {
    collection: Arc<str>,
    by_dataset: HashMap<Option<ObjectId>, Vec<Arc<StoreAddress>>>,
    count: usize,
}

impl Stores {
    /// So many are remembered.
    const MAX: usize = 10_000;

    pub(super) fn of(collection: &str) -> Self {
        Self {
            collection: collection.into(),
            by_dataset: HashMap::new(),
            count: 0,
        }
    }

    fn intern(&mut self, name: &str, dataset: Option<ObjectId>) -> Arc<StoreAddress> {
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
            dataset_id: dataset.map(|id| id.to_hex().into()),
        });
        let known = self.by_dataset.entry(dataset).or_default();
        known.push(store.clone());
        store
    }

    /// The store that a document names.
    pub(super) fn read(&mut self, raw: &RawDocument) -> Option<Arc<StoreAddress>> {
        let dataset = dataset_of(raw.get("dataset_id").ok()?)?;
        Some(self.intern(raw.get_str("store_name").ok()?, dataset))
    }
}

/// The dataset that a document names; `None` if it is none that FiftyOne could have.
fn dataset_of(value: Option<RawBsonRef<'_>>) -> Option<Option<ObjectId>> {
    match value {
        None | Some(RawBsonRef::Null) => Some(None),
        Some(RawBsonRef::ObjectId(id)) => Some(Some(id)),
        Some(_) => None,
    }
}

/// Reads a document; `None` if it is not even a document of a store.
pub(super) fn read(raw: &RawDocument, stores: &mut Stores) -> Option<Reading> {
    let id = raw.get_object_id("_id").ok()?;
    let (mut name, mut key, mut dataset) = (None, None, None);
    let mut found = Some(Fields::default());
    for element in raw {
        let (field, value) = element.ok()?;
        match (field.as_str(), value) {
            ("_id", _) => {}
            ("store_name", value) => name = value.as_str(),
            ("key", value) => key = value.as_str(),
            ("dataset_id", value) => dataset = Some(value),
            (field, value) => found = found.and_then(|found| found.with(field, value)),
        }
    }
    let store = stores.intern(name?, dataset_of(dataset)?);
    let key = Key::new(key?).ok()?;
    let address = Address { store, key };
    Some(match found {
        Some(fields) => Reading::Found(Box::new(fields.of(id, address))),
        None => Reading::Damaged(id, address),
    })
}

/// What does not name an entry.
#[derive(Default)]
struct Fields {
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    size: u64,
    policy: Option<Policy>,
}

impl Fields {
    /// Takes one more; `None` if it is one that FiftyOne would raise on.
    fn with(mut self, name: &str, value: RawBsonRef<'_>) -> Option<Self> {
        match (name, value) {
            ("created_at" | "updated_at" | "expires_at" | "policy", RawBsonRef::Null) => {}
            ("created_at", RawBsonRef::DateTime(time)) => self.created_at = Some(timestamp(time)),
            ("updated_at", RawBsonRef::DateTime(time)) => self.updated_at = Some(timestamp(time)),
            ("expires_at", RawBsonRef::DateTime(time)) => self.expires_at = Some(timestamp(time)),
            ("policy", RawBsonRef::String(word)) => self.policy = Some(word.parse().ok()?),
            ("value", value) => self.size = value::size(value),
            (SIZE, RawBsonRef::Int32(size)) => self.size = u64::try_from(size).ok()?,
            (SIZE, RawBsonRef::Int64(size)) => self.size = u64::try_from(size).ok()?,
            _ => return None,
        }
        Some(self)
    }

    fn of(self, id: ObjectId, address: Address) -> Found {
        Found {
            id,
            address,
            policy: match (self.policy, self.expires_at) {
                (_, Some(_)) => Policy::Evict,
                (policy, None) => policy.unwrap_or(Policy::Persist),
            },
            created_at: self.created_at.unwrap_or_else(|| timestamp(id.timestamp())),
            updated_at: self.updated_at,
            expires_at: self.expires_at,
            size: self.size,
            policy_word: self.policy,
        }
    }
}

impl Found {
    /// When this version was written.
    pub(super) fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// The note on this version, if one of these is.
    pub(super) fn note<'a>(&self, notes: &'a [Note]) -> Option<&'a Note> {
        let notes = notes.iter().filter(|note| self.is_version_of(note));
        notes.max_by_key(|note| note.id)
    }

    /// Whether a note is on a version of that time.
    pub(super) fn is_version_of(&self, note: &Note) -> bool {
        note.entry == self.id && note.written_at == self.written_at()
    }

    /// The note on this version of that value.
    pub(super) fn note_on<'a>(&self, notes: &'a [Note], value: RawBsonRef<'_>) -> Option<&'a Note> {
        // Most documents are FiftyOne's and have none.
        self.note(notes)?;
        let checksum = value::checksum(value);
        let of_value = |note: &&Note| {
            let wrote = note.wrote.as_ref();
            wrote.is_none_or(|wrote| wrote.checksum == checksum)
        };
        let notes = notes.iter().filter(|note| self.is_version_of(note));
        notes.filter(of_value).max_by_key(|note| note.id)
    }

    /// The entry, with what a note says of it.
    pub(super) fn entry(&self, note: Option<&Note>) -> Box<Entry> {
        let wrote = note.and_then(|note| note.wrote.as_ref());
        let mut entry = Box::new(Entry {
            address: self.address.clone(),
            policy: self.policy,
            kind: Kind::Json,
            size: self.size,
            created_at: self.created_at,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
            last_used_at: note.and_then(|note| note.last_used_at),
            hits: note.map_or(0, |note| note.hits),
            scopes: Scopes::default(),
            function: None,
            args: None,
            cost_ms: None,
        });
        if let Some(wrote) = wrote {
            entry.policy = self.policy_of(wrote);
            entry.kind = wrote.kind;
            entry.size = wrote.size;
            entry.scopes = wrote.scopes.clone();
            entry.function = wrote.function.clone();
            entry.args = wrote.args.clone();
            entry.cost_ms = wrote.cost_ms;
        }
        entry
    }

    /// What FiftyOne has no word for, an entry that persists until it expires, is one if ecache made it so.
    fn policy_of(&self, wrote: &Wrote) -> Policy {
        let same_word = self.policy_word == Some(wrote.policy);
        match same_word && wrote.expires_at == self.expires_at {
            true => wrote.policy,
            false => self.policy,
        }
    }

    /// The entry and its value; `None` if that cannot be read.
    pub(super) fn whole(&self, raw: &RawDocument, notes: &[Note]) -> Option<(Box<Entry>, Content)> {
        let value = raw.get("value").ok()??;
        self.with_value(notes, value).ok()
    }

    fn with_value(&self, notes: &[Note], value: RawBsonRef<'_>) -> Result<(Box<Entry>, Content)> {
        let note = self.note_on(notes, value);
        let mut entry = self.entry(note);
        let bytes = match note.and_then(|note| note.wrote.as_ref()) {
            Some(Wrote {
                exact: Some(exact), ..
            }) => exact.clone(),
            Some(wrote) => value::decode_as(wrote.kind, value)?,
            None => {
                let value = value::decode(value)?;
                entry.kind = value.kind;
                value.bytes
            }
        };
        Ok((entry, Content::Inline(bytes)))
    }

    /// The text of a store's own document.
    pub(super) fn json(&self, notes: &[Note], value: RawBsonRef<'_>) -> Option<String> {
        let note = self.note_on(notes, value);
        let exact = note.and_then(|note| note.wrote.as_ref()?.exact.clone());
        match exact {
            Some(exact) => String::from_utf8(exact).ok(),
            None => value::json_text(value).ok(),
        }
    }

    /// What the next version has to find as it is here.
    pub(super) fn unchanged(&self) -> Document {
        let time = |time: Option<Timestamp>| Bson::from(time.map(date));
        doc! {
            "_id": self.id,
            "updated_at": time(self.updated_at),
            "expires_at": time(self.expires_at),
            "policy": self.policy_word.map(Policy::as_str),
        }
    }
}

/// The fields by which FiftyOne tells documents apart.
///
/// # Errors
/// [`Error::Dataset`] if the dataset is none that FiftyOne could have.
pub(super) fn identity(store: &StoreAddress, key: &str) -> Result<Document> {
    Ok(doc! {
        "store_name": &*store.store_name,
        "key": key,
        "dataset_id": dataset(store)?,
    })
}

/// A store's dataset as FiftyOne keeps it.
pub(super) fn dataset(store: &StoreAddress) -> Result<Bson> {
    match store.dataset_id.as_deref() {
        None => Ok(Bson::Null),
        Some(id) => match object_id(id) {
            Some(id) => Ok(Bson::ObjectId(id)),
            None => Err(Error::Dataset { id: id.to_owned() }),
        },
    }
}

/// The ObjectId that is spelled so, and not otherwise.
pub(super) fn object_id(text: &str) -> Option<ObjectId> {
    let id = ObjectId::parse_str(text).ok()?;
    (id.to_hex() == text).then_some(id)
}

/// A whole document, with FiftyOne's fields in its order.
pub(super) fn document(
    id: ObjectId,
    address: &Address,
    value: RawBsonRef<'_>,
    (policy, expires_at): (Policy, Option<Timestamp>),
    (created_at, updated_at): (Timestamp, Option<Timestamp>),
) -> Result<RawDocumentBuf> {
    let mut document = raw(&doc! {
        "_id": id,
        "store_name": &*address.store.store_name,
        "key": address.key.as_str(),
    });
    document.append(cstr!("value"), value);
    let rest = raw(&doc! {
        "dataset_id": dataset(&address.store)?,
        "created_at": date(created_at),
        "updated_at": updated_at.map(date),
        "expires_at": expires_at.map(date),
        "policy": policy.as_str(),
    });
    for element in &rest {
        let (name, value) = element.expect("it has just been encoded");
        document.append(name, value);
    }
    Ok(document)
}
