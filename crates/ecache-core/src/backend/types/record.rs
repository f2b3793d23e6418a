//! Records: entries and the metadata of stores, as they are imported and exported.

use std::collections::BTreeSet;
use std::ops::AddAssign;
use std::sync::Arc;

use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::scope::{Address, StoreAddress};
use crate::time::Timestamp;

/// A record to import: an entry exactly as it was elsewhere, or a store's metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An entry with its times, and its value
    Entry(Box<Entry>, Vec<u8>),
    /// A store's own document, which FiftyOne keeps under the key `__store__`
    Store(StoreRecord),
}

impl Record {
    /// Returns the address of the entry, or of the store's own document.
    #[must_use]
    pub fn address(&self) -> Address {
        match self {
            Self::Entry(entry, _) => entry.address.clone(),
            Self::Store(store) => store.address.document(),
        }
    }

    /// Refuses a record with an invalid name.
    pub(in crate::backend) fn check(&self) -> Result<()> {
        match self {
            Self::Entry(entry, _) => entry.check()?,
            Self::Store(store) => store.address.check()?,
        }
        Ok(())
    }
}

/// A store and its metadata.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoreRecord {
    /// The store
    pub address: Arc<StoreAddress>,
    /// Its metadata, if it was created with some
    pub metadata: Option<StoreMetadata>,
    /// Its own document, if another program wrote it so that it would not be the same elsewhere
    pub foreign: Option<ForeignDocument>,
}

/// A store's own document that would not be the same elsewhere.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ForeignDocument {
    /// The reason why it would not be
    pub reason: String,
    /// Its policy
    pub policy: Policy,
}

impl StoreRecord {
    /// Describes a store that ecache or FiftyOne made.
    #[must_use]
    pub fn new(address: Arc<StoreAddress>, metadata: Option<StoreMetadata>) -> Self {
        Self {
            address,
            metadata,
            foreign: None,
        }
    }

    /// Returns the policy of its own document, if it has one.
    #[must_use]
    pub fn policy(&self) -> Option<Policy> {
        let foreign = self.foreign.as_ref().map(|foreign| foreign.policy);
        foreign.or(self.metadata.as_ref().map(|metadata| metadata.policy))
    }
}

/// Counts stores as users do: those of one name, for whichever dataset, are one.
pub(in crate::backend) fn count_names(stores: &[StoreRecord]) -> u64 {
    let names = stores.iter().map(|store| &store.address.store_name);
    names.collect::<BTreeSet<_>>().len() as u64
}

/// The value of a store's own document.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreMetadata {
    /// Any JSON
    pub value: String,
    /// Time at which the store was created
    pub created_at: Timestamp,
    /// Time of its last change, if there was one
    pub updated_at: Option<Timestamp>,
    /// The document's policy
    pub policy: Policy,
}

impl StoreMetadata {
    /// Returns the time of its last change, or else of its creation.
    #[must_use]
    pub fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }
}

/// The treatment of a conflict between an imported record and an existing one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum OnConflict {
    /// The imported one replaces it
    Replace,
    /// The existing one stays
    Keep,
    /// The one that was written later stays
    Newer,
    /// The import fails
    Fail,
}

impl OnConflict {
    /// Reports whether the existing record of an address, written at `old`, stays and the imported
    /// one, written at `new`, is skipped.
    pub(crate) fn keeps(
        self,
        address: impl FnOnce() -> Address,
        old: Timestamp,
        new: Timestamp,
    ) -> Result<bool> {
        match self {
            Self::Replace => Ok(false),
            Self::Keep => Ok(true),
            Self::Newer => Ok(old >= new),
            Self::Fail => Err(Error::Conflict {
                address: Box::new(address()),
                written_at: old,
            }),
        }
    }
}

/// The treatment of an existing store that has the new name of a renamed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExistingStore {
    /// The renaming fails
    Fail,
    /// The entries join the existing ones, unless a key is in both stores; of two own documents the
    /// existing one stays
    Merge,
}

/// The extent of an import's transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All or nothing
    Whole,
    /// One transaction per this many records
    Every(usize),
    /// Dry run: nothing stays written, and the outcome of a real import is returned
    Rehearse,
}

/// The outcome of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// New entries
    pub created: u64,
    /// Existing entries that were replaced
    pub replaced: u64,
    /// Existing entries that stay
    pub kept: u64,
    /// Stores whose metadata was written
    pub stores: u64,
    /// Stores whose existing metadata stays
    pub stores_kept: u64,
    /// Entries that went, since the new ones exceeded a limit
    pub evicted: u64,
}

impl Imported {
    /// Reports whether there was no record to import.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl AddAssign for Imported {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.replaced += other.replaced;
        self.kept += other.kept;
        self.stores += other.stores;
        self.stores_kept += other.stores_kept;
        self.evicted += other.evicted;
    }
}
