//! The owner of an entry: its store, and the user, operator, prompt or token it was made for.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::key::Key;

/// FiftyOne's collection, and ours unless another is named.
pub const DEFAULT_COLLECTION: &str = "execution_store";

/// The key under which FiftyOne keeps a store's own document.
pub const STORE_KEY: &str = "__store__";

/// The length of the longest name of a store, dataset, user, operator, prompt or function, in
/// bytes.
pub const MAX_NAME_LENGTH: usize = 4096;

/// A text cannot name a store, nor anything else that entries are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to {MAX_NAME_LENGTH} bytes long, not {length}")]
#[non_exhaustive]
pub struct NameError {
    /// The length of the text in bytes
    pub length: usize,
}

/// A name of an entry or a store that is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {error}")]
#[non_exhaustive]
pub struct FieldError {
    /// The thing that it names, as FiftyOne calls it
    pub field: &'static str,
    /// The reason why the name is refused
    pub error: NameError,
}

/// Returns `name` if it can be one: any text of 1 to [`MAX_NAME_LENGTH`] bytes.
///
/// # Errors
/// If it is empty or longer.
pub fn check_name(name: &str) -> Result<&str, NameError> {
    match name.len() {
        1..=MAX_NAME_LENGTH => Ok(name),
        length => Err(NameError { length }),
    }
}

/// The length of an id of FiftyOne's, as text.
pub(crate) const FIFTYONE_ID_LENGTH: usize = 24;

/// Reports whether a text has the form of an id of FiftyOne's: that of a dataset, for one. The
/// dataset need not exist, since entries outlive it.
#[doc(hidden)]
#[must_use]
pub fn is_fiftyone_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == FIFTYONE_ID_LENGTH && text.bytes().all(is_digit)
}

/// Refuses the first of some fields that is not a name.
pub(crate) fn check_names<const N: usize>(
    fields: [(&'static str, Option<&Arc<str>>); N],
) -> Result<(), FieldError> {
    for (field, name) in fields {
        if let Some(name) = name {
            check_name(name).map_err(|error| FieldError { field, error })?;
        }
    }
    Ok(())
}

/// An execution store: a name, within a collection, for one dataset or for none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreAddress {
    /// The collection, FiftyOne's `collection_name`
    pub collection: Arc<str>,
    /// FiftyOne's `store_name`
    pub store_name: Arc<str>,
    /// The dataset's id: 24 hex digits where FiftyOne made it
    pub dataset_id: Option<Arc<str>>,
}

impl StoreAddress {
    /// Returns the store of that name in the default collection, linked to no dataset.
    #[must_use]
    pub fn new(store_name: &str) -> Self {
        Self {
            collection: DEFAULT_COLLECTION.into(),
            store_name: store_name.into(),
            dataset_id: None,
        }
    }

    /// Returns the same store for that dataset.
    #[must_use]
    pub fn with_dataset(self, dataset_id: &str) -> Self {
        Self {
            dataset_id: Some(dataset_id.into()),
            ..self
        }
    }

    /// Refuses a store whose names a backend does not keep; see [`check_name`].
    ///
    /// # Errors
    /// For the first one that is too long, or empty and not the store's.
    pub fn check(&self) -> Result<(), FieldError> {
        check_names([
            ("collection", Some(&self.collection)),
            // FiftyOne has stores without a name.
            (
                "store_name",
                Some(&self.store_name).filter(|name| !name.is_empty()),
            ),
            ("dataset_id", self.dataset_id.as_ref()),
        ])
    }

    /// Returns the address of the store's own document.
    #[must_use]
    pub fn document(&self) -> Address {
        self.entry(Key::new(STORE_KEY).expect("a short key is valid"))
    }

    /// Returns the address of one entry in this store.
    #[must_use]
    pub fn entry(&self, key: Key) -> Address {
        Address {
            store: Arc::new(self.clone()),
            key,
        }
    }
}

/// A name in a message: as it is, or in quotes where it could be taken for the words around it.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_unclear = |c: char| c.is_whitespace() || c.is_control() || c == '"';
        if self.0.is_empty() || self.0.contains(is_unclear) {
            write!(f, "{:?}", self.0)
        } else {
            f.write_str(self.0)
        }
    }
}

/// As a message names it: `store thumbs of dataset 6b03…`.
impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store {}", Name(&self.store_name))?;
        if let Some(dataset) = &self.dataset_id {
            write!(f, " of dataset {}", Name(dataset))?;
        }
        if &*self.collection != DEFAULT_COLLECTION {
            write!(f, " in collection {}", Name(&self.collection))?;
        }
        Ok(())
    }
}

/// Names one entry: its store and its key. Unique within a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The store
    pub store: Arc<StoreAddress>,
    /// The key
    pub key: Key,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} in {}", Name(self.key.as_str()), self.store)
    }
}

/// The scopes that an entry was made in, as far as they are known.
///
/// FiftyOne's own documents keep them only inside the hash, so all are `None` there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes {
    /// The user
    pub user_id: Option<Arc<str>>,
    /// The operator, as in `@acme/stats/dashboard`
    pub operator_uri: Option<Arc<str>>,
    /// The operator prompt
    pub prompt_id: Option<Arc<str>>,
    /// SHA-256 of the user's request token; the token itself is a secret and never kept
    pub jwt_sha256: Option<[u8; 32]>,
}

impl Scopes {
    /// Reports whether each of these scopes that is recorded is the same in `call`.
    pub(crate) fn agrees(&self, call: &Self) -> bool {
        fn agrees<T: PartialEq>(recorded: &Option<T>, ours: &Option<T>) -> bool {
            recorded.is_none() || recorded == ours
        }
        agrees(&self.user_id, &call.user_id)
            && agrees(&self.operator_uri, &call.operator_uri)
            && agrees(&self.prompt_id, &call.prompt_id)
            && agrees(&self.jwt_sha256, &call.jwt_sha256)
    }
}

/// Returns the SHA-256 of a user's request token, which is recorded in the token's place.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
