//! The end of the interpreter, which no thread may meet within this crate.
//!
//! Before Python 3.14, a thread that takes the interpreter's lock once its end has begun is ended
//! by `pthread_exit`. Where that unwinds Rust's frames, it aborts the process. The library's own
//! threads and daemon threads are therefore stopped before: those that have the lock for a moment
//! are waited for, those that come for it later sleep for ever, and so do those that compute.

use std::cell::Cell;
use std::ffi::c_long;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::ffi;
use pyo3::prelude::*;

/// Set once the interpreter is about to end.
static HAS_BEGUN: AtomicBool = AtomicBool::new(false);

/// The number of threads that have the interpreter's lock for a moment, or are about to take it.
static PASSING: AtomicUsize = AtomicUsize::new(0);

/// The threads that run functions of the program, by Python's numbers.
static COMPUTING: Mutex<Vec<c_long>> = Mutex::new(Vec::new());

/// The longest wait for threads that have the lock for a moment.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest wait for threads that compute: one that waits for something does not notice.
const PATIENCE_FOR_COMPUTATIONS: Duration = Duration::from_millis(50);

thread_local! {
    /// Set in the thread that ends the interpreter
    static IS_LAST: Cell<bool> = const { Cell::new(false) };
    /// Set while a thread of Python's has released the lock
    static IS_DETACHED: Cell<bool> = const { Cell::new(false) };
    /// Python's number of the thread, 0 if it was not asked for
    static NUMBER: Cell<c_long> = const { Cell::new(0) };
}

/// Runs with the interpreter's lock, for a moment. Sleeps for ever instead if it is about to end.
pub fn attach<R>(run: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: it may be called by any thread, and returns null for one that Python does not know.
    let is_known = !unsafe { ffi::PyGILState_GetThisThreadState() }.is_null();
    if is_known && !IS_DETACHED.get() {
        return Python::attach(run);
    }
    let _passing = Passing::begin();
    let _attached = Detached::set(false);
    Python::attach(run)
}

/// Runs a function of the program with the interpreter's lock, however long it takes.
pub fn attach_to_compute<R>(run: impl FnOnce(Python<'_>) -> R) -> R {
    let passing = Passing::begin();
    let _attached = Detached::set(false);
    Python::attach(|py| {
        let _computing = Computing::begin(py);
        drop(passing);
        run(py)
    })
}

/// Runs without the interpreter's lock.
pub fn detach<R: Send>(py: Python<'_>, run: impl FnOnce() -> R + Send) -> R {
    let (result, _passing) = py.detach(|| {
        let result = {
            let _detached = Detached::set(true);
            run()
        };
        (result, Passing::begin())
    });
    result
}

/// Reports whether the interpreter is about to end, in the thread that ends it. In another thread,
/// does not return then.
pub fn has_begun(py: Python<'_>) -> bool {
    if !HAS_BEGUN.load(Ordering::Relaxed) {
        return false;
    }
    if !IS_LAST.get() {
        sleep(py);
    }
    true
}

/// Stops all other threads within this crate. `ending` is an exception whose instances are made by
/// a call of [`sleep`].
pub fn begin(py: Python<'_>, ending: &Bound<'_, PyAny>) {
    IS_LAST.set(true);
    HAS_BEGUN.store(true, Ordering::SeqCst);
    let started = Instant::now();
    let own = number(py);
    loop {
        let mut others = computing().clone();
        others.retain(|number| *number != own);
        for number in &others {
            // SAFETY: with the interpreter's lock, and `ending` is a class of exceptions.
            unsafe { ffi::PyThreadState_SetAsyncExc(*number, ending.as_ptr()) };
        }
        let waited = started.elapsed();
        let are_stopped = others.is_empty() || waited >= PATIENCE_FOR_COMPUTATIONS;
        let have_passed = PASSING.load(Ordering::SeqCst) == 0 || waited >= PATIENCE;
        if are_stopped && have_passed {
            return;
        }
        py.detach(|| thread::sleep(Duration::from_millis(1)));
    }
}

/// Sleeps until the process has ended.
#[pyfunction]
pub fn sleep(py: Python<'_>) {
    let own = number(py);
    computing().retain(|number| *number != own);
    py.detach(sleep_for_ever);
}

/// Forgets the threads of the parent, in a forked child.
pub fn in_child(py: Python<'_>) {
    PASSING.store(0, Ordering::SeqCst);
    let own = number(py);
    computing().retain(|number| *number == own);
}

/// Marks the thread as running a function of the program, until it is dropped.
pub struct Computing {
    number: c_long,
}

impl Computing {
    pub fn begin(py: Python<'_>) -> Self {
        let number = number(py);
        computing().push(number);
        Self { number }
    }
}

impl Drop for Computing {
    fn drop(&mut self) {
        let mut computing = computing();
        if let Some(at) = computing.iter().rposition(|number| *number == self.number) {
            computing.swap_remove(at);
        }
    }
}

/// Marks the thread as being about to take the interpreter's lock, or having it for a moment.
struct Passing;

impl Passing {
    fn begin() -> Self {
        PASSING.fetch_add(1, Ordering::SeqCst);
        if HAS_BEGUN.load(Ordering::SeqCst) && !IS_LAST.get() {
            PASSING.fetch_sub(1, Ordering::SeqCst);
            sleep_for_ever();
        }
        Self
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        PASSING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Marks the thread as having released the interpreter's lock or not, until it is dropped.
struct Detached {
    before: bool,
}

impl Detached {
    fn set(is_detached: bool) -> Self {
        Self {
            before: IS_DETACHED.replace(is_detached),
        }
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        IS_DETACHED.set(self.before);
    }
}

fn sleep_for_ever() {
    loop {
        thread::park();
    }
}

/// Returns Python's number of this thread; 0 if it has none.
fn number(py: Python<'_>) -> c_long {
    if NUMBER.get() == 0 {
        let number = py.import("_thread").and_then(|thread| {
            // Beyond the range of `c_long` in Python, but not in its bits.
            let number: u64 = thread.call_method0("get_ident")?.extract()?;
            Ok(number as c_long)
        });
        NUMBER.set(number.unwrap_or(0));
    }
    NUMBER.get()
}

/// The lock is taken with the interpreter's, which nothing in it releases: a fork finds it free.
fn computing() -> MutexGuard<'static, Vec<c_long>> {
    COMPUTING.lock().unwrap_or_else(PoisonError::into_inner)
}
