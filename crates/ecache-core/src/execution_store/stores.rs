//! The stores of a collection: which there are, and getting rid of them.

use std::sync::Arc;

use super::ExecutionStore;
use crate::backend::{Backend, Operation, StoreRecord};
use crate::entry::Policy;
use crate::error::Result;
use crate::filter::{DatasetPattern, Filter, Freshness, Pattern, Selection, Usage};
use crate::python_json::Json;
use crate::scope::StoreAddress;
use crate::time::{Clock, Timestamp};

/// The execution stores of one dataset, or those of none; FiftyOne's `ExecutionStoreService`.
///
/// Methods that end in `_global` are about all stores of the collection, whatever their dataset.
/// A store exists as long as it has entries, expired ones included, or metadata.
///
/// Its methods fail with the backend's error where it cannot be read or written, such as
/// [`Error::Busy`](crate::error::Error::Busy) or
/// [`Error::Unreachable`](crate::error::Error::Unreachable).
///
/// ```
/// # use ecache_core::backend::sqlite::{Access, SqliteBackend};
/// use std::sync::Arc;
///
/// use ecache_core::entry::Policy;
/// use ecache_core::execution_store::ExecutionStores;
/// use ecache_core::scope::DEFAULT_COLLECTION;
/// use ecache_core::time::SystemClock;
///
/// # let folder = tempfile::tempdir()?;
/// # let backend = Arc::new(SqliteBackend::open(&folder.path().join("store.db"), Access::Write)?);
/// let dataset = Some("6b03de2ec1f4a9d3b7e05c18");
/// let stores = ExecutionStores::new(backend, Arc::new(SystemClock), DEFAULT_COLLECTION, dataset);
/// assert!(stores.create_store("thumbnails", None, Policy::Persist)?);
/// assert!(stores.has_store("thumbnails")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ExecutionStores {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    collection: Arc<str>,
    dataset_id: Option<Arc<str>>,
}

debug_fields!(ExecutionStores {
    collection,
    dataset_id
});

impl ExecutionStores {
    /// Returns the stores in `collection` that are linked to that dataset, or to none.
    pub fn new(
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
        collection: &str,
        dataset_id: Option<&str>,
    ) -> Self {
        Self {
            backend,
            clock,
            collection: collection.into(),
            dataset_id: dataset_id.map(Arc::from),
        }
    }

    /// Returns the store of that name, whether it exists or not.
    #[must_use]
    pub fn store(&self, name: &str) -> ExecutionStore {
        let address = StoreAddress {
            collection: Arc::clone(&self.collection),
            store_name: name.into(),
            dataset_id: self.dataset_id.clone(),
        };
        ExecutionStore::new(Arc::clone(&self.backend), Arc::clone(&self.clock), address)
    }

    /// Makes a store exist without entries, with metadata or a JSON `null`.
    ///
    /// The policy says whether [`ExecutionStores::clear_cache`] removes the metadata, too.
    ///
    /// Returns `false`, and changes nothing, if it has metadata already. Of two processes that
    /// create a store at the same time, the later one's metadata may stay.
    ///
    /// # Errors
    /// As [`ExecutionStore::set_metadata`].
    pub fn create_store(
        &self,
        name: &str,
        metadata: Option<&Json>,
        policy: Policy,
    ) -> Result<bool> {
        let store = self.store(name);
        if store.metadata()?.is_some() {
            return Ok(false);
        }
        store.set_document(metadata.unwrap_or(&Json::Null), policy)?;
        Ok(true)
    }

    /// Returns the stores, by name.
    ///
    /// # Errors
    /// Fails as [`ExecutionStores`] says. Damaged metadata is left out.
    pub fn list_stores(&self) -> Result<Vec<StoreRecord>> {
        list(&*self.backend, &self.linked())
    }

    /// Returns the number of stores.
    ///
    /// # Errors
    /// Fails as [`ExecutionStores`] says.
    pub fn count_stores(&self) -> Result<usize> {
        Ok(self.list_stores()?.len())
    }

    /// Reports whether there is a store of that name.
    ///
    /// # Errors
    /// Fails as [`ExecutionStores`] says.
    pub fn has_store(&self, name: &str) -> Result<bool> {
        Ok(!list(&*self.backend, &named(name, self.linked()))?.is_empty())
    }

    /// Removes a store's entries, whatever their policy, and its metadata.
    ///
    /// # Errors
    /// As [`ExecutionStore::clear`].
    pub fn delete_store(&self, name: &str) -> Result<Usage> {
        self.delete(&named(name, self.linked()), "delete_store")
    }

    /// Removes the entries that are of policy `evict` or expire from all of these stores, and the
    /// stores' metadata of that policy.
    ///
    /// # Errors
    /// As [`ExecutionStore::clear_cache`].
    pub fn clear_cache(&self) -> Result<Usage> {
        clear_cache(&*self.backend, &self.linked(), self.clock.now())
    }

    /// Removes all of these stores, with all entries and metadata, as after the dataset was
    /// deleted.
    ///
    /// Made for no dataset, this means the stores that are linked to none.
    ///
    /// # Errors
    /// As [`ExecutionStore::clear`].
    pub fn cleanup(&self) -> Result<Usage> {
        self.delete(&self.linked(), "cleanup")
    }

    /// Returns the stores of all datasets and of none, by name and dataset.
    ///
    /// # Errors
    /// As [`ExecutionStores::list_stores`].
    pub fn list_stores_global(&self) -> Result<Vec<StoreRecord>> {
        list(&*self.backend, &self.global())
    }

    /// Returns the number of stores; the same name for two datasets counts twice.
    ///
    /// # Errors
    /// Fails as [`ExecutionStores`] says.
    pub fn count_stores_global(&self) -> Result<usize> {
        Ok(self.list_stores_global()?.len())
    }

    /// Reports whether there is a store of that name for any dataset or for none.
    ///
    /// # Errors
    /// Fails as [`ExecutionStores`] says.
    pub fn has_store_global(&self, name: &str) -> Result<bool> {
        Ok(!list(&*self.backend, &named(name, self.global()))?.is_empty())
    }

    /// Removes every store of that name, with its entries and metadata.
    ///
    /// # Errors
    /// As [`ExecutionStore::clear`].
    pub fn delete_store_global(&self, name: &str) -> Result<Usage> {
        self.delete(&named(name, self.global()), "delete_store_global")
    }

    fn linked(&self) -> Filter {
        Filter {
            datasets: vec![DatasetPattern::exact(self.dataset_id.as_deref())],
            ..self.global()
        }
    }

    fn global(&self) -> Filter {
        Filter {
            collections: vec![Pattern::exact(&*self.collection)],
            ..Filter::default()
        }
    }

    fn delete(&self, filter: &Filter, call: &str) -> Result<Usage> {
        delete(&*self.backend, filter, call, self.clock.now())
    }
}

fn named(name: &str, filter: Filter) -> Filter {
    Filter {
        stores: vec![Pattern::exact(name)],
        ..filter
    }
}

/// Returns the stores whose entries `filter` can mean.
pub(super) fn list(backend: &dyn Backend, filter: &Filter) -> Result<Vec<StoreRecord>> {
    let mut stores = backend.stores()?;
    stores.retain(|store| filter.matches_store(&store.address));
    Ok(stores)
}

/// Removes what `filter` means of whole stores: entries, and the metadata that makes stores exist.
/// Returns the usage of the entries. It is one operation of the log.
pub(super) fn delete(
    backend: &dyn Backend,
    filter: &Filter,
    call: &str,
    now: Timestamp,
) -> Result<Usage> {
    let operation = Operation::of_call(call, filter);
    let removed = backend.remove_logged(&filter.clone().into(), Some(filter), &operation, now)?;
    Ok(removed.usage)
}

/// Removes the entries among `all` that are of policy `evict` or have an expiry, as FiftyOne's
/// `clear_cache` does, and the stores' metadata of that policy. It is one operation of the log.
pub(super) fn clear_cache(backend: &dyn Backend, all: &Filter, now: Timestamp) -> Result<Usage> {
    let of = |policy| Filter {
        policy: Some(policy),
        ..all.clone()
    };
    let evict = of(Policy::Evict);
    let expired = Filter {
        freshness: Some(Freshness::Expired),
        ..of(Policy::Persist)
    };
    let expiring = Filter {
        expires_by: Some(Timestamp::from_millis(i64::MAX)),
        ..of(Policy::Persist)
    };
    let cleared = Selection::of(vec![evict.clone(), expired, expiring]);
    let operation = Operation::of_call("clear_cache", all);
    let removed = backend.remove_logged(&cleared, Some(&evict), &operation, now)?;
    Ok(removed.usage)
}
