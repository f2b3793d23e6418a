//! Calls of an `async def`: from Python's arguments to the future that the event loop polls.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::awaiting::{Awaiting, Coroutine};
use crate::function::Function;
use crate::kept::{Kept, Stored};
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
    let ready = function.get().ready(given)?;
    let (state, ctx) = (ready.state, ready.ctx().clone());
    let coroutine = Arc::new(Coroutine::default());
    let call = Arc::new(Call {
        function: function.clone().unbind(),
        args: given.args.clone().unbind(),
        kwargs: given.kwargs.map(|kwargs| kwargs.clone().unbind()),
        coroutine: Arc::clone(&coroutine),
    });
    let future = async move {
        let found = state
            .cache
            .try_call_refreshing_async(
                &ctx,
                Stored,
                ready.arguments,
                || Arc::clone(&call).compute(),
                |refresh| call.coroutine.refresh_with(refresh),
            )
            .await;
        call.end(found).await
    };
    Ok(Awaiting::new(future, coroutine))
}

impl Call {
    fn compute(self: Arc<Self>) -> impl Future<Output = Result<Kept, Option<PyErr>>> + Send {
        let keeping = Arc::clone(&self);
        let coroutine = Arc::clone(&self.coroutine);
        let make = move |py: Python<'_>| {
            let kwargs = self.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
            let args = self.args.bind(py);
            self.function.get().uncached(py, Given { args, kwargs })
        };
        let keep = move |result: &Bound<'_, PyAny>| keeping.function.get().keep(result);
        coroutine.run(make, keep)
    }

    /// Returns the caller's result; computes it if the one that was found is of no use.
    async fn end(self: Arc<Self>, found: Result<Kept, Option<PyErr>>) -> PyResult<Py<PyAny>> {
        if let Some(computed) = self.coroutine.take_result() {
            return computed;
        }
        let kept = found.map_err(|error| error.expect("an end without a result has an error"))?;
        let result = Python::attach(|py| self.function.get().hand_out(py, &kept));
        if let Some(result) = result {
            return Ok(result);
        }
        let computed = Arc::clone(&self).compute().await;
        match (self.coroutine.take_result(), computed) {
            (Some(result), _) => result,
            (None, Err(Some(error))) => Err(error),
            (None, _) => unreachable!("a computation without an exception has a result"),
        }
    }
}
