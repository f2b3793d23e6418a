//! Ctrl-C and other exceptions that no result may take the place of.
//!
//! Python runs handlers of signals in its main thread, which may be waiting for the computation of
//! another thread or process.

use std::cell::RefCell;

use ecache_core::single_flight;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::shutdown;

thread_local! {
    /// The exception that ends this thread's call
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Makes threads that wait run the handlers of signals.
pub fn install() {
    single_flight::interrupt_waits_with(|| {
        let raised = shutdown::attach(|py| py.check_signals().err());
        match raised {
            Some(error) => {
                raise(error);
                true
            }
            None => false,
        }
    });
}

/// Ends the call of this thread with an exception.
pub fn raise(error: PyErr) {
    RAISED.set(Some(error));
}

/// Ends the call of this thread if an exception is one like `KeyboardInterrupt`; reports whether it
/// is.
pub fn note(py: Python<'_>, error: &PyErr) -> bool {
    let is_one = !error.is_instance_of::<PyException>(py);
    if is_one {
        raise(error.clone_ref(py));
    }
    is_one
}

/// Raises the exception that ends the call of this thread, if there is one.
///
/// # Errors
/// That exception.
pub fn check() -> PyResult<()> {
    take().map_or(Ok(()), Err)
}

/// Reports whether the call of this thread is to end.
pub fn is_raised() -> bool {
    RAISED.with_borrow(Option::is_some)
}

/// Returns the exception that ends the call of this thread.
pub fn take() -> Option<PyErr> {
    RAISED.take()
}
