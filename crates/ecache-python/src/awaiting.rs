//! A call of an `async def`, polled by the event loop.
//!
//! The library's future polls the coroutine of the function as if it were a future, so that a wait
//! within it counts as a wait of its computation. Designs considered: a thread for each call that
//! waits for the loop (a thousand calls need a thousand threads), the steps of a call in Python
//! (leader and follower would be written twice), and this one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;

use crate::kept::Kept;

/// The end of a call; an `Err` of `None` says that the result was computed but cannot be kept.
pub type Ended = Result<Kept, Option<PyErr>>;

/// A call that is being looked up or computed.
#[pyclass(frozen, module = "execution_cache._native")]
pub struct Awaiting {
    future: Mutex<Option<Pin<Box<dyn Future<Output = Ended> + Send>>>>,
    coroutine: Arc<Coroutine>,
    /// Makes the caller's result of one that was found
    hand_out: HandOut,
}

type HandOut = Box<dyn Fn(Python<'_>, &Kept) -> PyResult<Py<PyAny>> + Send + Sync>;

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
    pub fn new(
        future: impl Future<Output = Ended> + Send + 'static,
        coroutine: Arc<Coroutine>,
        hand_out: impl Fn(Python<'_>, &Kept) -> PyResult<Py<PyAny>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            future: Mutex::new(Some(Box::pin(future))),
            coroutine,
            hand_out: Box::new(hand_out),
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
        let result = match (lock(&self.coroutine.result).take(), ended) {
            (Some(result), _) => result,
            (None, Ok(kept)) => (self.hand_out)(py, &kept)?,
            (None, Err(Some(error))) => return Err(error),
            (None, Err(None)) => unreachable!("a result that cannot be kept is there"),
        };
        Ok((Step::Done as u8, result))
    }
}

/// The coroutine of the function, as a future.
#[derive(Default)]
pub struct Coroutine {
    object: Mutex<Option<Py<PyAny>>>,
    thrown: Mutex<Option<PyErr>>,
    yielded: Mutex<Option<Py<PyAny>>>,
    result: Mutex<Option<Py<PyAny>>>,
}

impl Coroutine {
    fn is_suspended(&self) -> bool {
        lock(&self.object).is_some()
    }

    /// Computes the result: `make` calls the function, and `keep` copies its result.
    pub fn run(
        self: Arc<Self>,
        make: impl Fn(Python<'_>) -> PyResult<Py<PyAny>> + Send,
        keep: impl Fn(&Bound<'_, PyAny>) -> Option<Kept> + Send,
    ) -> impl Future<Output = Ended> + Send {
        std::future::poll_fn(move |_| {
            Python::attach(|py| match self.step(py, &make) {
                Ok(None) => Poll::Pending,
                Ok(Some(result)) => {
                    let kept = keep(result.bind(py));
                    *lock(&self.result) = Some(result);
                    Poll::Ready(kept.ok_or(None))
                }
                Err(error) => Poll::Ready(Err(Some(error))),
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
