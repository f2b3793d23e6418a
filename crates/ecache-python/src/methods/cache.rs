use std::path::PathBuf;

use ecache_core::backend::Scan;
use ecache_core::entry::Policy;
use ecache_core::time::{Clock, SystemClock, Timestamp};
use ecache_core::usage::{CallGroup, Counts, Log};
use ecache_core::{error, location, statistics};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cache::{Cache, failed};
use crate::filter::{self, Entry};
use crate::operation;
use crate::shutdown;
use crate::store::ExecutionStore;

/// Returns a store of the cache.
fn store_of(
    cache: &Bound<'_, Cache>,
    name: &str,
    dataset_id: Option<&Bound<'_, PyAny>>,
) -> PyResult<ExecutionStore> {
    ExecutionStore::at(
        name,
        cache.clone().unbind(),
        dataset_id,
        None,
        Policy::Evict,
    )
}

#[pymethods]
impl Cache {
    #[new]
    #[pyo3(signature = (path=None))]
    fn new(py: Python<'_>, path: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(path) = path else {
            return Self::of(py, None);
        };
        let location: PathBuf = path.extract().map_err(|_| {
            let class = path.get_type();
            PyTypeError::new_err(format!("path must be a str or an os.PathLike, not {class}"))
        })?;
        Self::of(py, Some(location))
    }

    /// Returns a cache that ends with the process.
    #[staticmethod]
    fn in_memory() -> Self {
        Self::at(None)
    }

    /// The location of the store, or `None` if it is in memory.
    #[getter]
    fn path(&self) -> Option<String> {
        let location = self.location.as_deref()?;
        Some(location::shown(location.as_os_str()))
    }

    /// Returns the entries that a filter selects, oldest first; without a filter, all of them.
    #[pyo3(signature = (**filter))]
    fn entries(&self, py: Python<'_>, filter: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<Entry>> {
        let scan = Scan::new(filter::read(filter)?);
        let core = self.core();
        let rows = shutdown::detach(py, || {
            let rows = core.backend()?.scan(&scan, SystemClock.now())?;
            rows.collect::<error::Result<Vec<_>>>()
        });
        Ok(failed(rows)?.into_iter().filter_map(Entry::of).collect())
    }

    /// Returns the value of a key in a store, or `default`: `ecache get STORE KEY`.
    #[pyo3(signature = (store, key, default=None, *, dataset_id=None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        store: &str,
        key: &str,
        default: Option<Bound<'py, PyAny>>,
        dataset_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = store_of(slf, store, dataset_id)?.get(slf.py(), key)?;
        Ok(value.or(default))
    }

    /// Stores a value, which a clear removes: `ecache set STORE KEY VALUE`.
    #[pyo3(signature = (store, key, value, ttl=None, *, dataset_id=None))]
    fn set(
        slf: &Bound<'_, Self>,
        store: &str,
        key: &str,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        dataset_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        store_of(slf, store, dataset_id)?.set(slf.py(), key, value, ttl, None)
    }

    /// Removes a value; returns whether there was one: `ecache rm STORE KEY`.
    #[pyo3(signature = (store, key, *, dataset_id=None))]
    fn delete(
        slf: &Bound<'_, Self>,
        store: &str,
        key: &str,
        dataset_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        store_of(slf, store, dataset_id)?.delete(slf.py(), key)
    }

    /// Returns the number and size of the entries that a filter selects, and what calls of their
    /// stores did: hits, misses, and the seconds that hits saved and misses spent.
    #[pyo3(signature = (**filter))]
    fn stats<'py>(
        &self,
        py: Python<'py>,
        filter: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let filter = filter::read(filter)?;
        let core = self.core();
        let log = self.location.as_deref().map(Log::beside);
        let read = shutdown::detach(py, || {
            core.flush();
            let (backend, now) = (core.backend()?, SystemClock.now());
            let long_ago = Timestamp::from_millis(0);
            let recorded = statistics::read(&**backend, log.as_ref(), long_ago, now)?;
            let usage = backend.usage(&filter.clone().into(), now)?;
            Ok((usage, recorded))
        });
        let (usage, recorded) = failed(read)?;
        let mut counts = Counts::default();
        for period in &recorded.periods {
            if let CallGroup::Of {
                store,
                user,
                operator,
            } = &period.group
                && filter.matches_group(store, user.as_deref(), operator.as_deref())
            {
                counts.add(&period.counts);
            }
        }
        let dict = PyDict::new(py);
        dict.set_item("entries", usage.entries)?;
        dict.set_item("size", usage.bytes)?;
        dict.set_item("hits", counts.hits)?;
        dict.set_item("misses", counts.misses)?;
        dict.set_item("saved", counts.saved_ms as f64 / 1000.0)?;
        dict.set_item("spent", counts.spent_ms as f64 / 1000.0)?;
        Ok(dict)
    }

    /// Removes the entries that a filter selects, except those of policy "persist" unless the
    /// filter names it; returns their number. Without a filter, removes all. `ecache undo` brings
    /// them back, unless they are more than one operation keeps.
    #[pyo3(signature = (**filter))]
    fn clear(&self, py: Python<'_>, filter: Option<&Bound<'_, PyDict>>) -> PyResult<u64> {
        let operation = operation::of_clear(filter)?;
        let mut filter = filter::read(filter)?;
        filter.policy.get_or_insert(Policy::Evict);
        let (core, selection) = (self.core(), filter.into());
        let removed = shutdown::detach(py, || {
            let (backend, now) = (core.backend()?, SystemClock.now());
            let removed = backend.remove_logged(&selection, None, &operation, now);
            core.advance_epoch();
            removed
        });
        Ok(failed(removed)?.usage.entries)
    }

    fn __repr__(&self) -> String {
        match self.path() {
            Some(path) => format!("Cache({path:?})"),
            None => "Cache.in_memory()".into(),
        }
    }
}
