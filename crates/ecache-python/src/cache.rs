//! `Cache`: the store that functions share.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ecache_core::{error, execution_cache, location};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::per_process::{PerProcess, may_open};
use crate::subscription;
use crate::{shutdown, warnings};

/// The caches of this process, by location. They are never closed: closing one descriptor of a file
/// drops the process's locks on it, those of other connections included.
static OPEN: PerProcess<Mutex<HashMap<PathBuf, Arc<execution_cache::Cache>>>> = PerProcess::new();

/// The name of FiftyOne's database, as in `ecache --db fiftyone`.
const FIFTYONES: &str = "fiftyone";

/// A store and how functions use it.
#[pyclass(frozen, module = "execution_cache")]
pub struct Cache {
    /// The location; `None` for a cache in memory
    pub location: Option<PathBuf>,
    core: PerProcess<Arc<execution_cache::Cache>>,
}

impl Cache {
    pub fn at(location: Option<PathBuf>) -> Self {
        Self {
            location,
            core: PerProcess::new(),
        }
    }

    /// Returns a cache at a location; without one, that of the command line's store.
    pub fn of(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        let location = match path {
            Some(path) => path,
            None => default_location(py)?,
        };
        let shown = || location::shown(location.as_os_str());
        let is_database = location::is_url(location.as_os_str());
        if is_database || location.as_os_str() == FIFTYONES {
            let message = format!(
                "{} is a database, which the command ecache can open and this module cannot: \
                 name a file{}",
                shown(),
                if is_database {
                    ""
                } else {
                    ", as in ./fiftyone"
                }
            );
            return Err(PyValueError::new_err(message));
        }
        if location.as_os_str().is_empty() {
            return Err(PyValueError::new_err("the path of the store is empty"));
        }
        Ok(Self::at(Some(std::path::absolute(location)?)))
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
            warnings::add(format!(
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
/// reads: what a program does last. `ending` is for [`shutdown::begin`].
#[pyfunction]
pub fn leave(py: Python<'_>, ending: &Bound<'_, PyAny>) {
    subscription::end_all(py);
    let caches = open();
    shutdown::detach(py, || caches.iter().for_each(|cache| cache.flush()));
    shutdown::begin(py, ending);
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

/// Raises the error of an operation that is not a call of a function.
pub fn failed<T>(result: error::Result<T>) -> PyResult<T> {
    result.map_err(|error| match error {
        error::Error::Unsupported(why @ error::Unsupported::NoStoredForm(_)) => {
            PyTypeError::new_err(why.to_string())
        }
        error => PyOSError::new_err(error.to_string()),
    })
}
