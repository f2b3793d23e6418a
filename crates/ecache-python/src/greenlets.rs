//! Greenlets, which leave a computation in the middle and run others on its stack.
//!
//! A thread that computes is a leader, and it has released and taken the interpreter's lock. Others
//! that run within it would end its computation in the wrong order, or wait for their own thread.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Reports whether the caller is in a greenlet that others may run beside.
pub fn is_in_one(py: Python<'_>) -> PyResult<bool> {
    let modules = py.import("sys")?.getattr(intern!(py, "modules"))?;
    let Some(greenlet) = modules
        .cast::<PyDict>()?
        .get_item(intern!(py, "greenlet"))?
    else {
        return Ok(false);
    };
    let current = greenlet.call_method0(intern!(py, "getcurrent"))?;
    if current.getattr(intern!(py, "parent"))?.is_none() {
        return Ok(false);
    }
    // The only one of a thread of a pool.
    let module = current.get_type().getattr(intern!(py, "__module__"))?;
    Ok(!module.eq("gevent.threadpool")?)
}
