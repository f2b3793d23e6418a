//! Makes records of documents.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use super::errors::{DocumentError, Result};
use super::fields::{EntryNames, Fields, missing};
use super::raw::Parts;
use crate::backend::{Record, StoreMetadata, StoreRecord};
use crate::entry::{Entry, Policy};
use crate::key::Key;
use crate::scope::{Address, DEFAULT_COLLECTION, STORE_KEY, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::value::Value;

/// A document that is not a record, with its address as far as that is known.
pub(super) struct Refused {
    pub error: DocumentError,
    pub address: Option<Box<Address>>,
}

impl Refused {
    /// Names the document that has the fault.
    fn of(error: DocumentError, address: Address) -> Self {
        let address = Some(Box::new(address));
        Self { error, address }
    }
}

impl From<DocumentError> for Refused {
    fn from(error: DocumentError) -> Self {
        let address = None;
        Self { error, address }
    }
}

/// Makes the records of one file.
///
/// Entries that follow each other mostly share their store and their scopes. Remembering the last
/// of each saves an import the allocations, and a backend the look-ups.
pub(super) struct Recorder {
    collection: Arc<str>,
    now: Timestamp,
    store: Option<Arc<StoreAddress>>,
    user_id: LastName,
    operator_uri: LastName,
    prompt_id: LastName,
    function: LastName,
}

/// The name that a field had last.
#[derive(Default)]
struct LastName(Option<Arc<str>>);

impl LastName {
    fn intern(&mut self, name: Option<Cow<'_, str>>) -> Option<Arc<str>> {
        let name = name?;
        match &self.0 {
            Some(last) if **last == *name => {}
            _ => self.0 = Some(name.into()),
        }
        self.0.clone()
    }
}

impl Recorder {
    /// Makes records of documents in `collection`; our own lines say theirs. An entry that does not
    /// say when it was created was at `now`.
    pub(super) fn new(collection: &str, now: Timestamp) -> Self {
        Self {
            collection: collection.into(),
            now,
            store: None,
            user_id: LastName::default(),
            operator_uri: LastName::default(),
            prompt_id: LastName::default(),
            function: LastName::default(),
        }
    }

    /// Makes a record of a document.
    pub(super) fn record(&mut self, parts: Parts<'_>) -> Result<Record, Refused> {
        let (mut fields, fault) = Fields::read(parts);
        let address = self.address(&mut fields)?;
        if let Some(error) = fault {
            return Err(Refused::of(error, address));
        }
        let by_lifetime = Policy::of_lifetime(fields.expires_at.is_some());
        let policy = fields.policy.unwrap_or(by_lifetime);
        let created_at = match fields.created_at {
            Some(time) => time,
            // A line written by hand describes a new entry.
            None if !fields.has_id => self.now,
            None => return Err(Refused::of(missing("created_at"), address)),
        };
        if address.key.as_str() == STORE_KEY {
            if fields.expires_at.is_some() {
                return Err(Refused::of(DocumentError::ExpiringMetadata, address));
            }
            return match fields.take_metadata() {
                Ok(value) => Ok(Record::Store(StoreRecord::new(
                    address.store,
                    Some(StoreMetadata {
                        value,
                        created_at,
                        updated_at: fields.updated_at,
                        policy,
                    }),
                ))),
                Err(error) => Err(Refused::of(error, address)),
            };
        }
        let Value { kind, bytes } = match fields.take_value() {
            Ok(value) => value,
            Err(error) => return Err(Refused::of(error, address)),
        };
        let entry = Entry {
            address,
            policy,
            kind,
            size: bytes.len() as u64,
            created_at,
            updated_at: fields.updated_at,
            expires_at: fields.expires_at,
            last_used_at: fields.last_used_at,
            hits: fields.hits.unwrap_or(0),
            saved_ms: fields.saved_ms.unwrap_or(0),
            scopes: Scopes {
                user_id: self.user_id.intern(fields.user_id),
                operator_uri: self.operator_uri.intern(fields.operator_uri),
                prompt_id: self.prompt_id.intern(fields.prompt_id),
                jwt_sha256: fields.jwt_sha256,
            },
            function: self.function.intern(fields.function),
            args: fields.args,
            cost_ms: fields.cost_ms,
        };
        Ok(Record::Entry(Box::new(entry), bytes))
    }

    /// Returns the address that a document has, and takes its names.
    fn address(&mut self, fields: &mut Fields<'_>) -> Result<Address> {
        let names = EntryNames::read(mem::take(&mut fields.names), fields.kind)?;
        let collection = match (&fields.collection, fields.kind) {
            (Some(collection), _) => collection.as_ref(),
            // A line of ecache's own says its collection unless it is FiftyOne's.
            (None, Some(_)) => DEFAULT_COLLECTION,
            (None, None) => &self.collection,
        };
        let collection: Arc<str> = match &self.store {
            Some(last) if *last.collection == *collection => last.collection.clone(),
            _ => collection.into(),
        };
        Ok(Address {
            key: Key::new(names.key)?,
            store: self.store(collection, &names.store_name, names.dataset_id.as_deref()),
        })
    }

    fn store(
        &mut self,
        collection: Arc<str>,
        name: &str,
        dataset_id: Option<&str>,
    ) -> Arc<StoreAddress> {
        match &self.store {
            Some(last)
                if *last.store_name == *name
                    && last.dataset_id.as_deref() == dataset_id
                    && last.collection == collection =>
            {
                last.clone()
            }
            _ => {
                let store = Arc::new(StoreAddress {
                    collection,
                    store_name: name.into(),
                    dataset_id: dataset_id.map(Arc::from),
                });
                self.store.insert(store).clone()
            }
        }
    }
}
