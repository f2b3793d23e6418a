//! A call of an `async def`, polled by the event loop.
//!
//! The library's future polls the coroutine of the function as if it were a future, so that a wait
//! within it counts as a wait of its computation. Designs considered: a thread for each call that
//! waits for the loop (a thousand calls need a thousand threads), the steps of a call in Python
//! (leader and follower would be written twice), and this one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ecache_core::single_flight;
use pyo3::exceptions::{PyException, PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use crate::{interrupt, shutdown, stack, warnings};

/// A call that is being looked up or computed, or the refresh of its result.
#[pyclass(frozen, weakref, module = "execution_cache._native")]
pub struct Awaiting {
    future: Mutex<Option<Ended>>,
    coroutine: Arc<Coroutine>,
    go_on: Box<dyn Fn() -> Ended + Send + Sync>,
    suspended: OnceLock<Suspended>,
}

pub type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The rest of a call.
pub type Ended = Boxed<PyResult<Py<PyAny>>>;

/// The state of a call after a poll.
#[derive(Clone, Copy)]
enum Step {
    /// It has its result
    Done = 0,
    /// The coroutine yielded an object for the loop
    Yielded = 1,
    /// It waits to be woken
    Waiting = 2,
}

impl Awaiting {
    /// `future` is the call, which computes with the coroutine; `go_on` makes the one that takes
    /// its place if others no longer wait for it.
    pub fn new(
        future: Ended,
        coroutine: Arc<Coroutine>,
        go_on: impl Fn() -> Ended + Send + Sync + 'static,
    ) -> Self {
        Self {
            future: Mutex::new(Some(future)),
            coroutine,
            go_on: Box::new(go_on),
            suspended: OnceLock::new(),
        }
    }

    /// Polls the future.
    fn step(
        &self,
        py: Python<'_>,
        wake: Py<PyAny>,
        error: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(u8, Py<PyAny>)> {
        let mut future = lock(&self.future);
        if let Some(error) = error {
            let error = PyErr::from_value(error);
            if !self.coroutine.is_suspended() {
                // Dropped, so that a leader lets the next caller compute.
                *future = None;
                return Err(error);
            }
            *lock(&self.coroutine.thrown) = Some(error);
        }
        let Some(polled) = future.as_mut() else {
            return Err(PyRuntimeError::new_err("the call has ended"));
        };
        let waker = Waker::from(Arc::new(Wakes(wake)));
        let ended = match polled.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ended) => ended,
            Poll::Pending => {
                return Ok(match lock(&self.coroutine.yielded).take() {
                    Some(object) => (Step::Yielded as u8, object),
                    None => (Step::Waiting as u8, py.None()),
                });
            }
        };
        *future = None;
        interrupt::check()?;
        let result = ended?;
        if !self.coroutine.is_refreshing.load(Ordering::Relaxed) {
            // The caller of the wrapper, which awaits the generator that calls this.
            warnings::issue(py, 3)?;
        }
        Ok((Step::Done as u8, result))
    }

    /// Lets other calls compute; this one goes on for its caller alone, if its loop runs again.
    fn release(&self) {
        // A locked one is being polled: its loop runs.
        let Ok(mut future) = self.future.try_lock() else {
            return;
        };
        if future.is_none() {
            return;
        }
        let released = future.replace((self.go_on)());
        // Without the lock: this wakes the others, which runs code of Python's.
        drop(future);
        drop(released);
    }
}

/// Calls that wait for their loop, by a number of their own.
static SUSPENDED: Mutex<BTreeMap<u64, Py<PyWeakrefReference>>> = Mutex::new(BTreeMap::new());

/// The place of a call among those that wait for their loop.
struct Suspended {
    number: u64,
    event_loop: Py<PyAny>,
}

impl Suspended {
    fn new(call: &Bound<'_, Awaiting>, event_loop: Py<PyAny>) -> PyResult<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let call = PyWeakrefReference::new(call)?.unbind();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        lock(&SUSPENDED).insert(number, call);
        Ok(Self { number, event_loop })
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        let removed = lock(&SUSPENDED).remove(&self.number);
        drop(removed);
    }
}

/// Lets other calls compute in the place of those whose loop does not run: it may never run again.
#[pyfunction]
pub fn release_stopped(py: Python<'_>) -> PyResult<()> {
    let calls: Vec<_> = lock(&SUSPENDED)
        .values()
        .map(|call| call.clone_ref(py))
        .collect();
    let mut running = HashMap::new();
    for call in calls {
        let Some(call) = call.bind(py).upgrade_as::<Awaiting>()? else {
            continue;
        };
        let Some(suspended) = call.get().suspended.get() else {
            continue;
        };
        let event_loop = suspended.event_loop.bind(py);
        let is_running = match running.entry(event_loop.as_ptr()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                *unknown.insert(event_loop.call_method0("is_running")?.is_truthy()?)
            }
        };
        if !is_running {
            call.get().release();
        }
    }
    Ok(())
}

#[pymethods]
impl Awaiting {
    #[classattr]
    const DONE: u8 = Step::Done as u8;
    #[classattr]
    const YIELDED: u8 = Step::Yielded as u8;
    #[classattr]
    const WAITING: u8 = Step::Waiting as u8;

    /// Goes on as far as possible; `wake` is called from any thread once that may be further.
    /// `error` is what the loop throws into the call.
    fn poll(
        slf: &Bound<'_, Self>,
        event_loop: Py<PyAny>,
        wake: Py<PyAny>,
        error: Option<Bound<'_, PyAny>>,
    ) -> PyResult<(u8, Py<PyAny>)> {
        let this = slf.get();
        let step = this.step(slf.py(), wake, error)?;
        if this.suspended.get().is_none() && lock(&this.future).is_some() {
            let _ = this.suspended.set(Suspended::new(slf, event_loop)?);
        }
        Ok(step)
    }

    /// Shows the coroutine to the collector of garbage: a forgotten task is in a cycle with it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(suspended) = self.suspended.get() {
            visit.call(&suspended.event_loop)?;
        }
        // A locked one is in use.
        match self.coroutine.object.try_lock() {
            Ok(object) => visit.call(&*object),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let ended = lock(&self.future).take();
        let object = lock(&self.coroutine.object).take();
        drop((ended, object));
    }

    /// Returns the refresh of the stale result that this call returned, if it is this call's task.
    fn refresh(&self) -> Option<Self> {
        let refresh = lock(&self.coroutine.refresh).take()?;
        let coroutine = Arc::clone(&self.coroutine);
        coroutine.is_refreshing.store(true, Ordering::Relaxed);
        let end = |coroutine: &Coroutine| match coroutine.take_result() {
            Some(result) => result,
            // Another process computed it.
            None => Ok(Python::attach(|py| py.None())),
        };
        let refreshing = Arc::clone(&coroutine);
        let future = async move {
            refresh.await;
            end(&refreshing)
        };
        let go_on = move || -> Ended {
            let coroutine = Arc::clone(&coroutine);
            Box::pin(async move {
                if coroutine.is_suspended() {
                    let nothing = |py: Python<'_>| Ok(py.None());
                    let _ = Arc::clone(&coroutine).run(nothing, |_| Some(())).await;
                }
                end(&coroutine)
            })
        };
        let coroutine = Arc::clone(&self.coroutine);
        Some(Self::new(Box::pin(future), coroutine, go_on))
    }
}

/// The coroutine of the function, as a future.
#[derive(Default)]
pub struct Coroutine {
    object: Mutex<Option<Py<PyAny>>>,
    thrown: Mutex<Option<PyErr>>,
    yielded: Mutex<Option<Py<PyAny>>>,
    result: Mutex<Option<PyResult<Py<PyAny>>>>,
    refresh: Mutex<Option<Boxed<()>>>,
    /// Set once the refresh runs, whose exceptions have no caller
    is_refreshing: AtomicBool,
}

impl Coroutine {
    pub fn is_suspended(&self) -> bool {
        lock(&self.object).is_some()
    }

    /// Returns what the coroutine ended with, if it ran.
    pub fn take_result(&self) -> Option<PyResult<Py<PyAny>>> {
        lock(&self.result).take()
    }

    /// Sets the future that computes a new result once the stale one is returned.
    pub fn refresh_with(&self, refresh: Boxed<()>) {
        *lock(&self.refresh) = Some(refresh);
    }

    /// Runs the coroutine that `make` makes, and returns what `keep` makes of its result.
    ///
    /// After an `Err` of `None`, [`Coroutine::take_result`] has the end of the call: a result that
    /// cannot be kept, or an exception that no stale result may take the place of.
    pub fn run<K>(
        self: Arc<Self>,
        make: impl Fn(Python<'_>) -> PyResult<Py<PyAny>> + Send,
        keep: impl Fn(&Bound<'_, PyAny>) -> Option<K> + Send,
    ) -> impl Future<Output = Result<K, Option<PyErr>>> + Send {
        std::future::poll_fn(move |_| {
            // The loop that polls has the lock.
            Python::attach(|py| match self.step(py, &make) {
                Ok(None) => Poll::Pending,
                Ok(Some(result)) => {
                    let kept = keep(result.bind(py));
                    *lock(&self.result) = Some(Ok(result));
                    Poll::Ready(kept.ok_or(None))
                }
                Err(error)
                    if error.is_instance_of::<PyException>(py)
                        && !self.is_refreshing.load(Ordering::Relaxed) =>
                {
                    Poll::Ready(Err(Some(error)))
                }
                // Also of a cancelled task, or Ctrl-C.
                Err(error) => {
                    if !error.is_instance_of::<PyException>(py) {
                        single_flight::abandon();
                    }
                    *lock(&self.result) = Some(Err(error));
                    Poll::Ready(Err(None))
                }
            })
        })
    }

    /// Resumes the coroutine; returns its result if it ends.
    fn step(
        &self,
        py: Python<'_>,
        make: &impl Fn(Python<'_>) -> PyResult<Py<PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let known = lock(&self.object)
            .as_ref()
            .map(|object| object.clone_ref(py));
        let object = match known {
            Some(object) => object,
            None => {
                stack::check()?;
                make(py)?
            }
        };
        *lock(&self.object) = Some(object.clone_ref(py));
        let thrown = lock(&self.thrown).take();
        let _computing = shutdown::Computing::begin(py);
        let stepped = match thrown {
            Some(error) => object.call_method1(py, "throw", (error,)),
            None => object.call_method1(py, "send", (py.None(),)),
        };
        match stepped {
            Ok(yielded) => {
                *lock(&self.yielded) = Some(yielded);
                Ok(None)
            }
            Err(error) => {
                *lock(&self.object) = None;
                if error.is_instance_of::<PyStopIteration>(py) {
                    error
                        .value(py)
                        .getattr("value")
                        .map(|value| Some(value.unbind()))
                } else {
                    Err(error)
                }
            }
        }
    }
}

/// Wakes the task that awaits a call.
struct Wakes(Py<PyAny>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        // A loop that is closed waits for nothing.
        shutdown::attach(|py| {
            let _ = self.0.call0(py);
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
