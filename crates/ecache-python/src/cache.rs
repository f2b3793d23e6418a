//! `Cache`: the store that functions share.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ecache_core::backend::{Scan, no_progress};
use ecache_core::entry::Policy;
use ecache_core::time::{Clock, SystemClock, Timestamp};
use ecache_core::usage::{Counts, Group, Log};
use ecache_core::{error, execution_cache, location, statistics};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::filter::{self, Entry};
use crate::per_process::{PerProcess, may_open};
use crate::store::ExecutionStore;
use crate::subscription;
use crate::{complaints, ending};

/// The caches of this process, by location. They are never closed: closing one descriptor of a file
/// drops the process's locks on it, those of other connections included.
static OPEN: PerProcess<Mutex<HashMap<PathBuf, Arc<execution_cache::Cache>>>> = PerProcess::new();

/// A store and how functions use it.
#[pyclass(frozen, module = "execution_cache")]
pub struct Cache {
    /// The location; `None` for a cache in memory
    location: Option<PathBuf>,
    core: PerProcess<Arc<execution_cache::Cache>>,
}

impl Cache {
    fn at(location: Option<PathBuf>) -> Self {
        Self {
            location,
            core: PerProcess::new(),
        }
    }

    /// Returns the cache of the command line's store.
    pub fn default(py: Python<'_>) -> PyResult<Self> {
        Self::new(py, None)
    }

    fn store(
        slf: &Bound<'_, Self>,
        name: &str,
        dataset_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<ExecutionStore> {
        ExecutionStore::at(name, slf.clone().unbind(), dataset_id, None, Policy::Evict)
    }

    /// Returns the cache of this process.
    pub fn core(&self) -> &'static Arc<execution_cache::Cache> {
        self.core.get_or_make(|| match &self.location {
            Some(location) => opened(location),
            None => Arc::new(execution_cache::Cache::in_memory()),
        })
    }
}

fn opened(location: &Path) -> Arc<execution_cache::Cache> {
    let open = OPEN.get_or_make(Mutex::default);
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = open.entry(location.into()).or_insert_with(|| {
        let cache = execution_cache::Cache::at(location);
        Arc::new(if may_open() {
            cache
        } else {
            complaints::add(format!(
                "the execution cache is off in this process, which was forked while {} was in use",
                location::shown(location.as_os_str())
            ));
            cache.switched_off()
        })
    });
    cache.clone()
}

/// Returns the caches of this process that have a location.
pub fn open() -> Vec<Arc<execution_cache::Cache>> {
    let Some(open) = OPEN.get() else {
        return Vec::new();
    };
    let open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.values().cloned().collect()
}

/// Ends subscriptions, and appends the counts of calls to the usage logs, which `ecache stats`
/// reads: what a program does last. `ending` is for [`ending::begin`].
#[pyfunction]
pub fn leave(py: Python<'_>, ending: &Bound<'_, PyAny>) {
    subscription::end_all(py);
    let caches = open();
    ending::detach(py, || caches.iter().for_each(|cache| cache.flush()));
    ending::begin(py, ending);
}

#[pymethods]
impl Cache {
    #[new]
    #[pyo3(signature = (path=None))]
    fn new(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        let location = match path {
            Some(path) => path,
            None => default_location(py)?,
        };
        let location = if location::is_url(location.as_os_str()) {
            location
        } else {
            std::path::absolute(location)?
        };
        Ok(Self::at(Some(location)))
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
        let rows = ending::detach(py, || {
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
        let value = Self::store(slf, store, dataset_id)?.get(slf.py(), key)?;
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
        Self::store(slf, store, dataset_id)?.set(slf.py(), key, value, ttl, None)
    }

    /// Removes a value; returns whether there was one: `ecache rm STORE KEY`.
    #[pyo3(signature = (store, key, *, dataset_id=None))]
    fn delete(
        slf: &Bound<'_, Self>,
        store: &str,
        key: &str,
        dataset_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        Self::store(slf, store, dataset_id)?.delete(slf.py(), key)
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
        let read = ending::detach(py, || {
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
            if let Group::Of {
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
    /// filter names it; returns their number. Without a filter, removes all.
    #[pyo3(signature = (**filter))]
    fn clear(&self, py: Python<'_>, filter: Option<&Bound<'_, PyDict>>) -> PyResult<u64> {
        let mut filter = filter::read(filter)?;
        filter.policy.get_or_insert(Policy::Evict);
        let core = self.core();
        let removed = ending::detach(py, || {
            let now = SystemClock.now();
            core.backend()?
                .remove(&filter.into(), now, &mut no_progress)
        });
        Ok(failed(removed)?.entries)
    }

    fn __repr__(&self) -> String {
        match self.path() {
            Some(path) => format!("Cache({path:?})"),
            None => "Cache.in_memory()".into(),
        }
    }
}

/// Returns the store of the command line.
fn default_location(py: Python<'_>) -> PyResult<PathBuf> {
    // Python's own view of the environment: a program may have changed it there alone.
    let environ = py.import("os")?.getattr("environ")?;
    let variable = |name: &str| -> Option<OsString> {
        environ.call_method1("get", (name,)).ok()?.extract().ok()?
    };
    location::default(variable).ok_or_else(|| {
        PyOSError::new_err("there is no place for a store: name a path, or set HOME or ECACHE_DB")
    })
}

/// Raises the error of an operation that is no call of a function.
pub fn failed<T>(result: error::Result<T>) -> PyResult<T> {
    result.map_err(|error| PyOSError::new_err(error.to_string()))
}
