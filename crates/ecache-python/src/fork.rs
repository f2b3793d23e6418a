//! Survives `os.fork`, which Python's `multiprocessing` uses.

use std::cell::RefCell;
use std::sync::MutexGuard;

use ecache_core::execution_cache::Fork;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict};

use crate::{cache, per_process, shutdown, warnings};

/// The locks that a thread holds while it forks.
struct Still {
    fork: Fork,
    _warnings: MutexGuard<'static, Vec<String>>,
}

thread_local! {
    static FORKING: RefCell<Option<Still>> = const { RefCell::new(None) };
}

/// Registers the handlers of a fork.
pub fn register(py: Python<'_>) -> PyResult<()> {
    let hooks = PyDict::new(py);
    let before = PyCFunction::new_closure(py, None, None, |_, _| before())?;
    let in_parent = PyCFunction::new_closure(py, None, None, |_, _| in_parent())?;
    let in_child = PyCFunction::new_closure(py, None, None, |args, _| in_child(args.py()))?;
    hooks.set_item("before", before)?;
    hooks.set_item("after_in_parent", in_parent)?;
    hooks.set_item("after_in_child", in_child)?;
    py.import("os")?
        .call_method("register_at_fork", (), Some(&hooks))?;
    Ok(())
}

/// Keeps the interpreter's lock, which no operation of the library needs to end: no thread of
/// Python's is inside this crate then, except in what releases that lock.
fn before() {
    FORKING.set(Some(Still {
        fork: Fork::prepare(cache::open()),
        _warnings: warnings::lock(),
    }));
}

fn in_parent() {
    if let Some(still) = FORKING.take() {
        still.fork.in_parent();
    }
}

fn in_child(py: Python<'_>) {
    shutdown::in_child(py);
    if let Some(still) = FORKING.take() {
        per_process::forked(still.fork.in_child());
    }
}
