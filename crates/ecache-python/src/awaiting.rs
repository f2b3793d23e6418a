//! A call of an `async def`, polled by the event loop.
//!
//! The library's future polls the coroutine of the function as if it were a future, so that a wait
//! within it counts as a wait of its computation. Designs considered: a thread for each call that
//! waits for the loop (a thousand calls need a thousand threads), the steps of a call in Python
//! (leader and follower would be written twice), and this one.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::exceptions::{PyException, PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

use crate::complaints;

/// A call that is being looked up or computed, or the refresh of its result.
#[pyclass(frozen, module = "execution_cache._native")]
pub struct Awaiting {
    future: Mutex<Option<Boxed<PyResult<Py<PyAny>>>>>,
    coroutine: Arc<Coroutine>,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

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
    /// `future` is the call, which computes with the coroutine.
    pub fn new(
        future: impl Future<Output = PyResult<Py<PyAny>>> + Send + 'static,
        coroutine: Arc<Coroutine>,
    ) -> Self {
        Self {
            future: Mutex::new(Some(Box::pin(future))),
            coroutine,
        }
    }
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
        let result = ended?;
        if !self.coroutine.is_refreshing.load(Ordering::Relaxed) {
            // The caller of the wrapper, which awaits the generator that calls this.
            complaints::issue(py, 3)?;
        }
        Ok((Step::Done as u8, result))
    }

    /// Returns the refresh of the stale result that this call returned, if it is this call's task.
    fn refresh(&self) -> Option<Self> {
        let refresh = lock(&self.coroutine.refresh).take()?;
        let coroutine = Arc::clone(&self.coroutine);
        coroutine.is_refreshing.store(true, Ordering::Relaxed);
        let future = async move {
            refresh.await;
            match coroutine.take_result() {
                Some(result) => result,
                // Another process computed it.
                None => Ok(Python::attach(|py| py.None())),
            }
        };
        Some(Self::new(future, Arc::clone(&self.coroutine)))
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
    fn is_suspended(&self) -> bool {
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
            None => make(py)?,
        };
        *lock(&self.object) = Some(object.clone_ref(py));
        let thrown = lock(&self.thrown).take();
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
        // A loop that is closed, or an interpreter that ends, waits for nothing.
        Python::try_attach(|py| {
            let _ = self.0.call0(py);
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
