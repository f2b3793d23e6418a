//! A cached function: the way of a call from Python's arguments to a result.
//!
//! The interpreter's lock is held while the arguments are read and memory is looked at, and taken
//! again to compute and to touch objects. It is released for everything that may wait: the store,
//! hashing, another thread's or process's computation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ecache_core::execution_cache::{ExecutionCache, ExecutionContext, Options, Residency};
use ecache_core::key::Preimage;
use ecache_core::single_flight;
use ecache_core::stored::StoredError;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyTuple};

use crate::cache::Cache;
use crate::context;
use crate::greenlets;
use crate::interrupt;
use crate::memory_copy::{Kept, Stored, message_of};
use crate::parameters::{Given, Parameters};
use crate::per_process::PerProcess;
use crate::shutdown;
use crate::stack;
use crate::stored_form::{self, Purpose};
use crate::warnings;

/// The end of a call; an `Err` of `None` says that the result was computed but cannot be kept.
type Ended = Result<Kept, Option<PyErr>>;

/// A cached function, without the name and the signature that its wrapper has.
#[pyclass(frozen, module = "execution_cache._native")]
pub struct Function {
    pub callable: Py<PyAny>,
    pub cache: Py<Cache>,
    pub options: Options,
    pub parameters: Parameters,
    pub hooks: Hooks,
    pub state: PerProcess<State>,
    pub off: Option<Off>,
    pub is_told_of_greenlets: AtomicBool,
}

/// The reason why a function is not cached.
pub struct Off {
    /// `None` if the user switched the cache off
    reason: Option<String>,
    is_told: AtomicBool,
}

impl Off {
    /// Without a reason, no call is told.
    pub fn new(reason: String) -> Self {
        Self {
            reason: Some(reason).filter(|reason| !reason.is_empty()),
            is_told: AtomicBool::new(false),
        }
    }
}

/// The functions of the program that convert results.
pub struct Hooks {
    pub serialize: Option<Py<PyAny>>,
    pub deserialize: Option<Py<PyAny>>,
}

/// The state that calls of one process share.
pub struct State {
    pub cache: ExecutionCache,
    /// The context of calls without scopes
    pub ctx: ExecutionContext,
}

/// A call that is ready to be looked up.
pub struct Ready {
    pub state: &'static State,
    /// The context, if it is not that of every call
    own: Option<ExecutionContext>,
    pub arguments: Result<Preimage, StoredError>,
}

impl Ready {
    pub fn ctx(&self) -> &ExecutionContext {
        self.own.as_ref().unwrap_or(&self.state.ctx)
    }
}

impl Hooks {
    /// Returns the result as it is kept.
    pub fn keep(&self, result: &Bound<'_, PyAny>) -> PyResult<Kept> {
        match &self.serialize {
            Some(serialize) => {
                let form = serialize.bind(result.py()).call1((result,))?;
                Ok(Kept::of(&form))
            }
            None => {
                let kept = Kept::of(result);
                if kept.is_shared() && result.cast::<PyIterator>().is_ok() {
                    return Err(PyTypeError::new_err("an iterator can be read only once"));
                }
                Ok(kept)
            }
        }
    }

    /// Returns the caller's own result.
    fn hand_out<'py>(&self, py: Python<'py>, kept: &Kept) -> PyResult<Bound<'py, PyAny>> {
        let object = kept.hand_out(py)?;
        match &self.deserialize {
            Some(deserialize) => deserialize.bind(py).call1((object,)),
            None => Ok(object),
        }
    }
}

impl Function {
    pub fn state(&self) -> &'static State {
        self.state.get_or_make(|| State {
            cache: ExecutionCache::new(self.options.clone()),
            ctx: ExecutionContext::new(self.cache.get().core()),
        })
    }

    pub fn ready(&self, given: Given<'_, '_>) -> PyResult<Ready> {
        let state = self.state();
        let Some(ctx) = self.parameters.context(given)? else {
            let arguments = self.parameters.arguments(given)?;
            interrupt::check()?;
            return Ok(Ready {
                state,
                own: None,
                arguments,
            });
        };
        let mut own = state.ctx.clone();
        let arguments = match context::read(&ctx, &self.options, &mut own) {
            Ok(()) => self.parameters.arguments(given)?,
            Err(error) => Err(message_of(error).into()),
        };
        interrupt::check()?;
        Ok(Ready {
            state,
            own: Some(own),
            arguments,
        })
    }

    /// Computes a result and makes the copy of it that is kept.
    ///
    /// # Errors
    /// The exception, unless it is one like `KeyboardInterrupt`, which ends the call.
    fn compute(
        &self,
        py: Python<'_>,
        (args, kwargs): (&Py<PyTuple>, Option<&Py<PyDict>>),
    ) -> Result<(Py<PyAny>, Option<Kept>), Option<PyErr>> {
        if interrupt::is_raised() {
            single_flight::abandon();
            return Err(None);
        }
        if let Err(error) = stack::check() {
            return Err(Some(error));
        }
        let kwargs = kwargs.map(|kwargs| kwargs.bind(py));
        match self.callable.bind(py).call(args.bind(py), kwargs) {
            Ok(result) => {
                let kept = self.keep(&result);
                Ok((result.unbind(), kept))
            }
            Err(error) if error.is_instance_of::<PyException>(py) => Err(Some(error)),
            Err(error) => {
                single_flight::abandon();
                interrupt::raise(error);
                Err(None)
            }
        }
    }

    /// Returns the copy of a result that is kept, or says why there is none.
    pub fn keep(&self, result: &Bound<'_, PyAny>) -> Option<Kept> {
        match self.hooks.keep(result) {
            Ok(kept) => Some(kept),
            Err(error) => {
                self.complain("serialize a result", &error, result.py());
                None
            }
        }
    }

    pub fn complain(&self, what: &str, error: &PyErr, py: Python<'_>) {
        if interrupt::note(py, error) {
            return;
        }
        warnings::add(format!(
            "the execution cache of {} could not {what}: {}",
            self.options.function,
            error.value(py)
        ));
    }

    /// Reports whether no call is cached, and says once why.
    pub fn is_off(&self, py: Python<'_>) -> bool {
        if let Some(Off { reason, is_told }) = &self.off {
            if let Some(reason) = reason
                && !is_told.swap(true, Ordering::Relaxed)
            {
                warnings::add(format!("{} is not cached: {reason}", self.options.function));
            }
            return true;
        }
        shutdown::has_begun(py)
    }

    /// Looks a call up, or computes it. Returns the function itself if the wrapper is to call the
    /// undecorated function.
    pub fn look_up(slf: &Bound<'_, Self>, given: Given<'_, '_>) -> PyResult<Py<PyAny>> {
        let (this, py) = (slf.get(), slf.py());
        let uncached = || Ok(slf.clone().into_any().unbind());
        if this.is_off(py) {
            return uncached();
        }
        let ready = this.ready(given)?;
        let ctx = ready.own.as_ref().unwrap_or(&ready.state.ctx);
        let again = this.options.stale.map(|_| ready.arguments.clone());
        let Some(call) = ready.state.cache.prepare(ctx, ready.arguments) else {
            return uncached();
        };
        if let Some(kept) = call.in_memory(&Stored) {
            return Self::handed_out(slf, &kept);
        }
        if greenlets::is_in_one(py)? {
            if !this.is_told_of_greenlets.swap(true, Ordering::Relaxed) {
                warnings::add(format!(
                    "{} is not cached in a greenlet, whose thread others must not hold up: \
                     call it in a thread of gevent's pool",
                    this.options.function
                ));
            }
            return uncached();
        }
        if let Some(arguments) = again {
            return Self::refreshing(slf, ready.state, ctx, arguments, given);
        }
        let args = given.args.clone().unbind();
        let kwargs = given.kwargs.map(|kwargs| kwargs.clone().unbind());
        let computed = shutdown::detach(py, || {
            let mut result = None;
            let kept: Ended = call.try_call(&Stored, || {
                let (computed, kept) =
                    shutdown::attach_to_compute(|py| this.compute(py, (&args, kwargs.as_ref())))?;
                result = Some(computed);
                kept.ok_or(None)
            });
            interrupt::check()?;
            match (result, kept) {
                (Some(result), _) => Ok(Outcome::Computed(result)),
                (None, Ok(kept)) => Ok(Outcome::Found(kept)),
                (None, Err(Some(error))) => Err(error),
                (None, Err(None)) => {
                    unreachable!("a computation without an exception has a result")
                }
            }
        });
        match computed? {
            Outcome::Computed(result) => Ok(result),
            Outcome::Found(kept) => Self::handed_out(slf, &kept),
        }
    }

    /// Looks a call up in the store; an old result is returned while a thread computes a new one.
    fn refreshing(
        slf: &Bound<'_, Self>,
        state: &'static State,
        ctx: &ExecutionContext,
        arguments: Result<Preimage, StoredError>,
        given: Given<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let function = slf.clone().unbind();
        let args = given.args.clone().unbind();
        let kwargs = given.kwargs.map(|kwargs| kwargs.clone().unbind());
        let result = Arc::new(Mutex::new(None));
        let caller = thread::current().id();
        let slot = Arc::clone(&result);
        let compute = move || {
            let (computed, kept) = shutdown::attach_to_compute(|py| {
                let this = function.get();
                let computed = this.compute(py, (&args, kwargs.as_ref()));
                if let Err(Some(error)) = &computed
                    && thread::current().id() != caller
                {
                    this.complain("refresh a result", error, py);
                }
                computed
            })?;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(computed);
            kept.ok_or(None)
        };
        let kept: Ended = shutdown::detach(py, || {
            let cache = &state.cache;
            cache.try_call_refreshing(ctx, Stored, arguments, || compute)
        });
        interrupt::check()?;
        let computed = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (computed, kept) {
            (Some(result), _) => Ok(result),
            (None, Ok(kept)) => Self::handed_out(slf, &kept),
            (None, Err(Some(error))) => Err(error),
            (None, Err(None)) => {
                unreachable!("a computation without an exception has a result")
            }
        }
    }

    fn handed_out(slf: &Bound<'_, Self>, kept: &Kept) -> PyResult<Py<PyAny>> {
        let result = slf.get().hand_out(slf.py(), kept);
        interrupt::check()?;
        Ok(result.unwrap_or_else(|| slf.clone().into_any().unbind()))
    }

    /// Returns the caller's own result; `None` if there is none of its own, or a hook fails.
    ///
    /// An object that the store cannot keep belongs to the caller that computed it. Only a function
    /// whose results are in memory alone shares objects.
    pub fn hand_out(&self, py: Python<'_>, kept: &Kept) -> Option<Py<PyAny>> {
        if kept.is_shared() && self.options.residency != Residency::Ephemeral {
            return None;
        }
        match self.hooks.hand_out(py, kept) {
            Ok(result) => Some(result.unbind()),
            Err(error) => {
                self.complain("deserialize a result", &error, py);
                None
            }
        }
    }

    /// Calls the function.
    pub fn uncached(&self, py: Python<'_>, given: Given<'_, '_>) -> PyResult<Py<PyAny>> {
        let result = self.callable.bind(py).call(given.args, given.kwargs)?;
        Ok(result.unbind())
    }
}

/// The result of a call.
enum Outcome {
    /// The object that was computed
    Computed(Py<PyAny>),
    /// The copy of one that was computed before, or elsewhere
    Found(Kept),
}

/// Returns the stored form of an argument as text, which identifies it.
#[pyfunction]
pub fn describe(object: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(stored_form::to_json(object, Purpose::Key)?.dumps_sorted())
}
