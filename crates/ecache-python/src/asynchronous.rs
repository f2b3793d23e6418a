//! Calls of an `async def`: from Python's arguments to the future that the event loop polls.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::coroutine::{Awaiting, Coroutine, Ended};
use crate::function::{Function, Ready};
use crate::interrupt;
use crate::memory_copy::{Kept, Stored};
use crate::parameters::Given;

/// A call whose coroutine may be made at any time.
struct Call {
    function: Py<Function>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
    coroutine: Arc<Coroutine>,
}

/// Begins a call. A stale result is returned with the refresh that the loop is to run.
pub fn start(function: &Bound<'_, Function>, given: Given<'_, '_>) -> PyResult<Awaiting> {
    let is_cached = !function.get().is_off(function.py());
    let ready = is_cached.then(|| function.get().ready(given)).transpose()?;
    let coroutine = Arc::new(Coroutine::default());
    let call = Arc::new(Call {
        function: function.clone().unbind(),
        args: given.args.clone().unbind(),
        kwargs: given.kwargs.map(|kwargs| kwargs.clone().unbind()),
        coroutine: Arc::clone(&coroutine),
    });
    let future: Ended = match ready {
        Some(ready) => Box::pin(Arc::clone(&call).look_up(ready)),
        None => Box::pin(Arc::clone(&call).compute_alone()),
    };
    let go_on = move || -> Ended { Box::pin(Arc::clone(&call).go_on()) };
    Ok(Awaiting::new(future, coroutine, go_on))
}

impl Call {
    /// Looks the call up, or computes it.
    async fn look_up(self: Arc<Self>, ready: Ready) -> PyResult<Py<PyAny>> {
        let (state, ctx) = (ready.state, ready.ctx().clone());
        let found = state
            .cache
            .try_call_refreshing_async(
                &ctx,
                Stored,
                ready.arguments,
                || Arc::clone(&self).compute(),
                |refresh| self.coroutine.refresh_with(refresh),
            )
            .await;
        self.end(found).await
    }

    /// Finishes the computation for this caller alone, or begins the call again.
    async fn go_on(self: Arc<Self>) -> PyResult<Py<PyAny>> {
        if let Some(computed) = self.coroutine.take_result() {
            return computed;
        }
        if self.coroutine.is_suspended() {
            return self.compute_alone().await;
        }
        let ready =
            Python::attach(|py| self.with_given(py, |given| self.function.get().ready(given)))?;
        self.look_up(ready).await
    }

    fn with_given<T>(&self, py: Python<'_>, run: impl FnOnce(Given<'_, '_>) -> T) -> T {
        let kwargs = self.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        run(Given {
            args: self.args.bind(py),
            kwargs,
        })
    }

    fn compute(self: Arc<Self>) -> impl Future<Output = Result<Kept, Option<PyErr>>> + Send {
        let keeping = Arc::clone(&self);
        let coroutine = Arc::clone(&self.coroutine);
        let make = move |py: Python<'_>| {
            self.with_given(py, |given| self.function.get().uncached(py, given))
        };
        let keep = move |result: &Bound<'_, PyAny>| keeping.function.get().keep(result);
        coroutine.run(make, keep)
    }

    async fn compute_alone(self: Arc<Self>) -> PyResult<Py<PyAny>> {
        let computed = Arc::clone(&self).compute().await;
        match (self.coroutine.take_result(), computed) {
            (Some(result), _) => result,
            (None, Err(Some(error))) => Err(error),
            (None, _) => unreachable!("a computation without an exception has a result"),
        }
    }

    /// Returns the caller's result; computes it if the one that was found is of no use.
    async fn end(self: Arc<Self>, found: Result<Kept, Option<PyErr>>) -> PyResult<Py<PyAny>> {
        if let Some(computed) = self.coroutine.take_result() {
            return computed;
        }
        let kept = found.map_err(|error| error.expect("an end without a result has an error"))?;
        let result = Python::attach(|py| self.function.get().hand_out(py, &kept));
        interrupt::check()?;
        match result {
            Some(result) => Ok(result),
            None => self.compute_alone().await,
        }
    }
}
