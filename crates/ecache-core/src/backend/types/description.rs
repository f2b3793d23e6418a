//! The state of a store: its size, its datasets, its collection_damage.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::filter::Usage;
use crate::scope::Address;

/// Damage to a collection that no entry shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CollectionDamage {
    /// An entry of policy `persist` with an expiry, at which the engine removes it all the same;
    /// its length in bytes
    PersistExpiry(Address, u64),
    /// An index that queries depend on is missing
    MissingIndex(String),
    /// Several documents have the names of one entry, so that the index on them cannot be made;
    /// their number
    Repeated(Address, u64),
    /// The engine's own check of its pages and indexes found a fault
    Structure(String),
    /// A limit counts or samples something else than the entries
    Limit(String),
}

/// The entries of the followed collections that were touched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Touched {
    /// The entries at these addresses, some of which may be gone
    These(BTreeSet<Address>),
    /// Any entries: the engine did not say which
    Any,
    /// The engine has stopped reporting changes
    Unknown,
}

/// A dataset of the database that a store is in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// Its id, as [`StoreAddress::dataset_id`](crate::scope::StoreAddress::dataset_id) has it
    pub id: Arc<str>,
    /// Its name
    pub name: String,
}

/// Large values that no entry names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnnamedValues {
    /// Values being written
    pub staged: Usage,
    /// Values whose writers died
    pub abandoned: Usage,
    /// Replaced values retained for their readers
    pub replaced: Usage,
}

/// Facts about a backend.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// The engine, as in `SQLite 3.54.1`
    pub engine: String,
    /// The file, if it is one
    pub path: Option<PathBuf>,
    /// Bytes of the file
    pub file_size: u64,
    /// Bytes of the write-ahead log
    pub wal_size: u64,
    /// Bytes within the file that are free
    pub free_size: u64,
    /// Large values that no entry names
    pub unnamed: UnnamedValues,
    /// The version of the schema
    pub schema_version: i64,
    /// The newest version of the schema that this release knows
    pub known_schema_version: i64,
    /// Names of stores, empty ones included
    pub stores: u64,
    /// Entries of all collections
    pub entries: u64,
}
