//! Stores, their own documents and their names: the part of the contract that administers them.

use std::sync::Arc;

use super::{Dataset, Dimension, OnExistingStore, Progress, StoreMetadata, StoreRecord};
use crate::error::Result;
use crate::filter::{Filter, Usage};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Lists and describes stores, and removes their own documents.
pub trait StoresBackend {
    /// Returns the stores that have entries or metadata, by collection, name and dataset.
    ///
    /// # Errors
    /// If the store cannot be read. A damaged document is left out.
    fn stores(&self) -> Result<Vec<StoreRecord>>;

    /// Returns a store's own document.
    ///
    /// # Errors
    /// [`Error::DamagedEntry`](crate::error::Error::DamagedEntry) if it is damaged, and
    /// [`Error::ForeignValue`](crate::error::Error::ForeignValue) if it has no form here.
    fn document(&self, store: &StoreAddress) -> Result<Option<StoreMetadata>> {
        let mut stores = self.stores()?.into_iter();
        let store = stores.find(|record| *record.address == *store);
        Ok(store.and_then(|record| record.metadata))
    }

    /// Counts the stores' own documents that `filter` matches, by [`Filter::matches_document`].
    /// With [`Jobs::NotRunning`](crate::filter::Jobs::NotRunning), those of stores in which a job
    /// runs at `now` are not meant: the stores are in use.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn count_documents(&self, filter: &Filter, _now: Timestamp) -> Result<u64> {
        Ok(documents(self.stores()?, filter).count() as u64)
    }

    /// Returns the names of a dimension anywhere in the backend, in order, possibly with some whose
    /// entries are gone.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn names(&self, of: Dimension) -> Result<Vec<Arc<str>>>;

    /// Returns the datasets that live beside the store, where the engine knows them.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn datasets(&self) -> Result<Option<Vec<Dataset>>> {
        Ok(None)
    }

    /// Sets a store's metadata, which makes it exist, or removes it.
    ///
    /// # Errors
    /// [`Error::Name`](crate::error::Error::Name) as [`StoreAddress::check`] says.
    fn set_metadata(&self, store: &StoreAddress, metadata: Option<&StoreMetadata>) -> Result<()>;

    /// Removes the stores' own documents that `filter` matches, and returns their number.
    ///
    /// On an unchanged store these are as many as [`StoresBackend::count_documents`] counts.
    /// Entries stay.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn remove_documents(&self, filter: &Filter, _now: Timestamp) -> Result<u64> {
        let mut removed = 0;
        for store in documents(self.stores()?, filter) {
            self.set_metadata(&store.address, None)?;
            removed += 1;
        }
        Ok(removed)
    }
}

/// Renames stores.
pub trait RenameBackend {
    /// Renames a store: moves its entries, with their recorded hits, and its own document. Returns
    /// the usage of the entries.
    ///
    /// All or nothing, where the engine has transactions. Otherwise a renaming that stopped can be
    /// continued with [`OnExistingStore::Merge`]. The counters of calls stay with the old name.
    ///
    /// # Errors
    /// [`Error::StoreExists`](crate::error::Error::StoreExists) if there is a store of the new
    /// name, [`Error::Conflict`](crate::error::Error::Conflict) if a key is in both stores, and
    /// [`Error::DamagedEntry`](crate::error::Error::DamagedEntry) if anything of the store is
    /// damaged.
    fn rename_store(
        &self,
        from: &StoreAddress,
        to: &StoreAddress,
        on_existing: OnExistingStore,
        progress: Progress<'_>,
    ) -> Result<Usage>;
}

/// Selects the stores whose own documents `filter` matches.
fn documents(stores: Vec<StoreRecord>, filter: &Filter) -> impl Iterator<Item = StoreRecord> {
    stores.into_iter().filter(|store| {
        let metadata = store.metadata.as_ref();
        metadata.is_some_and(|known| filter.matches_document(&store.address, Some(known.policy)))
    })
}
