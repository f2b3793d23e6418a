use std::sync::atomic::AtomicBool;

use ecache_core::execution_cache::Datasets;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use crate::asynchronous;
use crate::cache::{Cache, failed};
use crate::coroutine::Awaiting;
use crate::function::{Function, Hooks, Off};
use crate::memory_copy::Stored;
use crate::options::{declared, settings};
use crate::parameters::Given;
use crate::per_process::PerProcess;
use crate::shutdown;
use crate::warnings;

#[pymethods]
impl Function {
    #[new]
    #[pyo3(signature = (callable, cache, *, names, parameters, options, hooks, off))]
    fn new(
        callable: Py<PyAny>,
        cache: Py<Cache>,
        names: (String, String),
        parameters: &Bound<'_, PyDict>,
        options: &Bound<'_, PyDict>,
        hooks: (Option<Py<PyAny>>, Option<Py<PyAny>>),
        off: Option<String>,
    ) -> PyResult<Self> {
        Ok(Self {
            callable,
            cache,
            options: settings(names, options)?,
            parameters: declared(parameters)?,
            hooks: Hooks {
                serialize: hooks.0,
                deserialize: hooks.1,
            },
            state: PerProcess::new(),
            off: off.map(Off::new),
            is_told_of_greenlets: AtomicBool::new(false),
        })
    }

    /// Shows what it refers to to the collector of garbage: a function refers to the variables of
    /// its module, which refer to it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callable)?;
        visit.call(&self.cache)?;
        visit.call(&self.hooks.serialize)?;
        visit.call(&self.hooks.deserialize)?;
        visit.call(&self.parameters.key_fn)?;
        visit.call(&self.parameters.self_key)?;
        for default in &self.parameters.defaults {
            visit.call(default)?;
        }
        Ok(())
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let result = Self::look_up(slf, Given { args, kwargs })?;
        // The caller of the wrapper, which calls this.
        warnings::issue(slf.py(), 2)?;
        Ok(result)
    }

    /// Begins a call of an `async def`.
    #[pyo3(signature = (*args, **kwargs))]
    fn start(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Awaiting> {
        asynchronous::start(slf, Given { args, kwargs })
    }

    /// Warns of an exception in the refresh of an `async def`'s result.
    fn warn_of_refresh(&self, error: &Bound<'_, PyAny>) {
        let error_of = PyErr::from_value(error.clone());
        self.complain("refresh a result", &error_of, error.py());
    }

    /// Stores a result, which is the last argument.
    #[pyo3(signature = (*args, **kwargs))]
    fn set_cache(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        let Some(last) = args.len().checked_sub(1) else {
            return Err(PyTypeError::new_err(
                "set_cache needs a value, after the arguments",
            ));
        };
        let value = args.get_item(last)?;
        let args = args.get_slice(0, last);
        let args = &args;
        let ready = self.ready(Given { args, kwargs })?;
        let kept = self.hooks.keep(&value)?;
        let stored = shutdown::detach(py, || {
            let cache = &ready.state.cache;
            cache.set_cache(ready.ctx(), &Stored, ready.arguments.clone(), kept)
        });
        failed(stored)
    }

    /// Removes the result of one call; returns the number of removed entries.
    #[pyo3(signature = (*args, **kwargs))]
    fn clear_cache(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<u64> {
        let ready = self.ready(Given { args, kwargs })?;
        let cleared = shutdown::detach(py, || {
            let cache = &ready.state.cache;
            cache.clear_cache(ready.ctx(), ready.arguments.clone())
        });
        Ok(failed(cleared)?.entries)
    }

    /// Removes all results, or those of one dataset; returns the number of removed entries.
    #[pyo3(signature = (dataset_id=None))]
    fn clear_all_caches(
        &self,
        py: Python<'_>,
        dataset_id: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let datasets = match dataset_id {
            Some(id) => Datasets::from(id.str()?.to_str()?),
            None => Datasets::All,
        };
        let state = self.state();
        let cleared = shutdown::detach(py, || state.cache.clear_all_caches(&state.ctx, &datasets));
        Ok(failed(cleared)?.entries)
    }

    /// Returns the counters of this process.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counters = self.state().cache.counters();
        let dict = PyDict::new(py);
        for (name, count) in [
            ("memory_hits", counters.memory_hits),
            ("store_hits", counters.store_hits),
            ("stale_hits", counters.stale_hits),
            ("followers", counters.followers),
            ("misses", counters.misses),
            ("computations", counters.computations),
            ("bypasses", counters.bypasses),
            ("errors", counters.errors),
            ("saved_ms", counters.saved_ms),
        ] {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }
}
