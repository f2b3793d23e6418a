//! `ExecutionStore`: FiftyOne's store of keys and values, on any `Cache`.

use std::sync::Arc;

use ecache_core::backend::{Condition, Put};
use ecache_core::entry::Policy;
use ecache_core::execution_store::{self, ExecutionStores, Lifetime};
use ecache_core::key::Key;
use ecache_core::scope::{DEFAULT_COLLECTION, StoreAddress};
use ecache_core::time::{Clock, SystemClock, Timestamp};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cache::{Cache, failed};
use crate::filter::Entry;
use crate::seconds::lifetime_in_store;
use crate::stored_form::{self, Parsed};
use crate::subscription;
use crate::{shutdown, warnings};

/// A store of keys and values. Unlike a cached function, it raises what goes wrong.
#[pyclass(frozen, module = "execution_cache")]
pub struct ExecutionStore {
    cache: Py<Cache>,
    address: StoreAddress,
    default_policy: Policy,
}

impl ExecutionStore {
    /// Returns the store of this name.
    pub fn at(
        store_name: &str,
        cache: Py<Cache>,
        dataset_id: Option<&Bound<'_, PyAny>>,
        collection_name: Option<&str>,
        default_policy: Policy,
    ) -> PyResult<Self> {
        let dataset_id = match dataset_id {
            Some(id) => Some(id.str()?.to_str()?.into()),
            None => None,
        };
        let address = StoreAddress {
            collection: collection_name.unwrap_or(DEFAULT_COLLECTION).into(),
            store_name: store_name.into(),
            dataset_id,
        };
        Ok(Self {
            cache,
            address,
            default_policy,
        })
    }

    /// Returns the policy of this name, or that of the store.
    fn policy(&self, name: Option<&str>) -> PyResult<Policy> {
        name.map_or(Ok(self.default_policy), policy)
    }

    /// Runs an operation without the interpreter's lock.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(execution_store::ExecutionStore) -> ecache_core::error::Result<T> + Send,
    ) -> PyResult<T> {
        let core = self.cache.get().core();
        let done = shutdown::detach(py, || {
            let backend = Arc::clone(core.backend()?);
            let clock = Arc::new(SystemClock);
            let store = execution_store::ExecutionStore::new(backend, clock, self.address.clone());
            operation(store)
        });
        failed(done)
    }

    /// Runs an operation that changes the store. Results that functions of this process have in
    /// memory are checked at their next use.
    fn change<T: Send>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(execution_store::ExecutionStore) -> ecache_core::error::Result<T> + Send,
    ) -> PyResult<T> {
        let done = self.run(py, operation);
        self.cache.get().core().advance_epoch();
        done
    }
}

/// Returns a key.
fn named(key: &str) -> PyResult<Key> {
    Key::new(key).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Returns the policy of this name.
fn policy(name: &str) -> PyResult<Policy> {
    name.parse().map_err(PyValueError::new_err)
}

/// Returns a time as FiftyOne has it.
fn datetime(py: Python<'_>, time: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    let module = py.import("datetime")?;
    let since = PyDict::new(py);
    since.set_item("milliseconds", time.as_millis())?;
    let since = module.getattr("timedelta")?.call((), Some(&since))?;
    let epoch = module.getattr("datetime")?.call1((1970, 1, 1))?;
    epoch.add(since)
}

#[pymethods]
impl ExecutionStore {
    #[new]
    #[pyo3(signature = (store_name, *, cache=None, dataset_id=None, collection_name=None, default_policy="persist"))]
    fn new(
        py: Python<'_>,
        store_name: &str,
        cache: Option<Py<Cache>>,
        dataset_id: Option<&Bound<'_, PyAny>>,
        collection_name: Option<&str>,
        default_policy: &str,
    ) -> PyResult<Self> {
        let cache = match cache {
            Some(cache) => cache,
            None => Py::new(py, Cache::of(py, None)?)?,
        };
        let policy = policy(default_policy)?;
        Self::at(store_name, cache, dataset_id, collection_name, policy)
    }

    /// Returns the store of this name: FiftyOne's way to make one.
    #[staticmethod]
    #[pyo3(signature = (store_name, dataset_id=None, default_policy="persist", collection_name=None, *, cache=None))]
    fn create(
        py: Python<'_>,
        store_name: &str,
        dataset_id: Option<&Bound<'_, PyAny>>,
        default_policy: &str,
        collection_name: Option<&str>,
        cache: Option<Py<Cache>>,
    ) -> PyResult<Self> {
        Self::new(
            py,
            store_name,
            cache,
            dataset_id,
            collection_name,
            default_policy,
        )
    }

    /// Returns the names of the stores of this one's dataset.
    fn list_stores(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let core = self.cache.get().core();
        let address = &self.address;
        let stores = shutdown::detach(py, || {
            let (backend, clock) = (Arc::clone(core.backend()?), Arc::new(SystemClock));
            let dataset_id = address.dataset_id.as_deref();
            ExecutionStores::new(backend, clock, &address.collection, dataset_id).list_stores()
        });
        let names = failed(stores)?.into_iter();
        Ok(names
            .map(|store| store.address.store_name.to_string())
            .collect())
    }

    #[getter]
    fn store_name(&self) -> &str {
        &self.address.store_name
    }

    /// Returns the value of a key, or `None`.
    pub fn get<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = named(key)?;
        let value = self.run(py, |store| store.get(&key))?;
        let Some(value) = value else { return Ok(None) };
        let parsed = shutdown::detach(py, || Parsed::of(value)).map_err(PyValueError::new_err)?;
        stored_form::from_value(py, parsed).map(Some)
    }

    /// Stores a value. One of policy "persist" is kept until it is removed or the ttl is over;
    /// `clear_cache` removes one of policy "evict", which every value with a ttl is.
    #[pyo3(signature = (key, value, ttl=None, policy=None))]
    pub fn set(
        &self,
        py: Python<'_>,
        key: &str,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        policy: Option<&str>,
    ) -> PyResult<()> {
        let (key, value) = (named(key)?, stored_form::to_value(value)?);
        let ttl = ttl.map(|ttl| lifetime_in_store("ttl", ttl)).transpose()?;
        match self.policy(policy)? {
            Policy::Persist => self.change(py, |store| store.set(&key, &value, ttl)),
            Policy::Evict => self.change(py, |store| store.set_cache(&key, &value, ttl)),
        }
    }

    /// Stores a value if there is none; returns whether it was stored.
    #[pyo3(signature = (key, value, ttl=None, policy=None))]
    fn set_if_absent(
        &self,
        py: Python<'_>,
        key: &str,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        policy: Option<&str>,
    ) -> PyResult<bool> {
        let (key, value) = (named(key)?, stored_form::to_value(value)?);
        let lifetime = match (ttl, self.policy(policy)?) {
            (Some(ttl), _) => Lifetime::Expire(lifetime_in_store("ttl", ttl)?),
            (None, Policy::Persist) => Lifetime::Persist,
            (None, Policy::Evict) => Lifetime::Evict,
        };
        let options = lifetime.into();
        let absent = Condition::IfAbsent;
        let put = self.change(py, |store| store.set_with(&key, &value, &options, &absent))?;
        Ok(put != Put::Refused)
    }

    /// Replaces a value that equals `expected`; returns whether it did. Without a ttl and a policy
    /// the entry keeps its own.
    #[pyo3(signature = (key, expected, value, ttl=None, policy=None))]
    fn compare_and_set(
        &self,
        py: Python<'_>,
        key: &str,
        expected: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        policy: Option<&str>,
    ) -> PyResult<bool> {
        let (key, expected) = (named(key)?, stored_form::to_value(expected)?);
        let value = stored_form::to_value(value)?;
        let ttl = ttl.map(|ttl| lifetime_in_store("ttl", ttl)).transpose()?;
        let policy = policy.map(self::policy).transpose()?;
        self.change(py, |store| {
            store.compare_and_set(&key, expected, &value, ttl, policy)
        })
    }

    /// Stores a value that `clear_cache` removes.
    #[pyo3(signature = (key, value, ttl=None))]
    fn set_cache(
        &self,
        py: Python<'_>,
        key: &str,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (key, value) = (named(key)?, stored_form::to_value(value)?);
        let ttl = ttl.map(|ttl| lifetime_in_store("ttl", ttl)).transpose()?;
        self.change(py, |store| store.set_cache(&key, &value, ttl))
    }

    /// Returns the metadata of a value, or `None`.
    fn get_entry(&self, py: Python<'_>, key: &str) -> PyResult<Option<Entry>> {
        let key = named(key)?;
        Ok(self
            .run(py, |store| store.get_entry(&key))?
            .map(Entry::from))
    }

    /// Returns the times of a value, or `None`: FiftyOne's dict of `created_at`, `updated_at` and
    /// `expires_at`, in UTC and without a time zone.
    fn get_metadata<'py>(
        &self,
        py: Python<'py>,
        key: &str,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let key = named(key)?;
        let Some(entry) = self.run(py, |store| store.get_entry(&key))? else {
            return Ok(None);
        };
        let times = PyDict::new(py);
        times.set_item("created_at", datetime(py, entry.created_at)?)?;
        times.set_item("updated_at", datetime(py, entry.written_at())?)?;
        let expires_at = entry.expires_at.map(|at| datetime(py, at)).transpose()?;
        times.set_item("expires_at", expires_at)?;
        Ok(Some(times))
    }

    /// Reports whether there is a value.
    fn has(&self, py: Python<'_>, key: &str) -> PyResult<bool> {
        let key = named(key)?;
        self.run(py, |store| store.has(&key))
    }

    /// Removes a value; returns whether there was one.
    pub fn delete(&self, py: Python<'_>, key: &str) -> PyResult<bool> {
        let key = named(key)?;
        self.change(py, |store| store.delete(&key))
    }

    /// Gives a value this lifetime in seconds from now on; returns whether there was one.
    fn update_ttl(
        &self,
        py: Python<'_>,
        key: &str,
        new_ttl: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let key = named(key)?;
        let ttl = new_ttl
            .map(|ttl| lifetime_in_store("ttl", ttl))
            .transpose()?;
        self.change(py, |store| store.update_ttl(&key, ttl))
    }

    /// Changes the policy of a value, "persist" or "evict"; returns whether there was one.
    fn update_policy(&self, py: Python<'_>, key: &str, policy: &str) -> PyResult<bool> {
        let (key, policy) = (named(key)?, self::policy(policy)?);
        self.change(py, |store| store.update_policy(&key, policy))
    }

    /// Returns the seconds that a value has left; `None` without an expiry or a value.
    fn get_ttl(&self, py: Python<'_>, key: &str) -> PyResult<Option<f64>> {
        let key = named(key)?;
        let entry = self.run(py, |store| store.get_entry(&key))?;
        let expires_at = entry.and_then(|entry| entry.expires_at);
        Ok(expires_at.map(|at| at.since(SystemClock.now()).as_secs_f64()))
    }

    /// Returns the keys, oldest first.
    fn list_keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let keys = self.run(py, |store| store.list_keys())?;
        Ok(keys.iter().map(Key::to_string).collect())
    }

    /// Returns the number of keys.
    fn count_keys(&self, py: Python<'_>) -> PyResult<u64> {
        self.run(py, |store| store.count_keys())
    }

    /// Removes all values; returns their number.
    fn clear(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.change(py, |store| store.clear())?.entries)
    }

    /// Removes the values that are cached, not those that were stored with `set` without a ttl;
    /// returns their number.
    fn clear_cache(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.change(py, |store| store.clear_cache())?.entries)
    }

    /// Calls `callback(message)` for every change by any process, from now on until `unsubscribe`
    /// or the end of the process; returns what `unsubscribe` takes.
    ///
    /// It runs in a thread of its own. A message has `key`, `value` and `metadata`, which has
    /// `operation_type`: "insert", "update" or "delete".
    fn subscribe(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<String> {
        let subscription = self.run(py, |store| {
            let values = store.clone();
            store.subscribe(move |change| subscription::call(&callback, &values, change))
        })?;
        Ok(subscription::add(subscription))
    }

    /// Ends a subscription; returns whether there was one. Warns if the callback has failed.
    fn unsubscribe(&self, py: Python<'_>, subscription_id: &str) -> PyResult<bool> {
        let was_there = subscription::end(py, subscription_id);
        warnings::issue(py, 2)?;
        Ok(was_there)
    }

    fn __repr__(&self) -> String {
        format!("<ExecutionStore: {}>", self.address.store_name)
    }
}
