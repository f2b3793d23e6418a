//! The native part of the Python package `execution_cache`.
//!
//! ecache-core has the semantics; this crate binds Python's arguments and objects to it. The
//! decorator, what it refuses and what wraps a function are Python (`_decorator.py`).

mod asynchronous;
mod cache;
mod context;
mod coroutine;
mod filter;
mod fork;
mod function;
mod greenlets;
mod interrupt;
mod memory_copy;
mod methods;
mod operation;
mod options;
mod parameters;
mod per_process;
mod seconds;
mod shutdown;
mod stack;
mod store;
mod stored_form;
mod subscription;
mod warnings;

use pyo3::pymodule;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cache::{Cache, leave};
    #[pymodule_export]
    use super::coroutine::{Awaiting, release_stopped};
    #[pymodule_export]
    use super::filter::Entry;
    #[pymodule_export]
    use super::function::{Function, describe};
    #[pymodule_export]
    use super::shutdown::sleep;
    #[pymodule_export]
    use super::store::ExecutionStore;
    #[pymodule_export]
    use super::subscription::{Message, MessageMetadata};
    #[pymodule_export]
    use super::warnings::CacheWarning;
    use pyo3::exceptions::PyImportError;
    use pyo3::ffi;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // SAFETY: both are called with the interpreter's lock, on the interpreter of this thread.
        let number = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
        if number != 0 {
            return Err(PyImportError::new_err(
                "execution_cache works in the main interpreter only, not in a sub-interpreter",
            ));
        }
        crate::warnings::collect();
        crate::interrupt::install();
        crate::fork::register(module.py())
    }
}
