//! Removals by a program, as the log of operations has them.

use ecache_core::backend::{Cause, Operation};
use ecache_core::secrets::mask;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Maximum length of a call in the log, in characters.
const MOST: usize = 1000;

/// Describes `Cache.clear(**filter)` by the user of this process.
pub fn of_clear(py: Python<'_>, filter: Option<&Bound<'_, PyDict>>) -> PyResult<Operation> {
    let mut words = Vec::new();
    for (name, value) in filter.into_iter().flatten() {
        words.push(format!("{name}={}", value.repr()?));
    }
    let filter: String = mask(&words.join(", ")).chars().take(MOST).collect();
    let user = py.import("getpass")?.call_method0("getuser");
    let host = py
        .import("os")?
        .call_method0("uname")?
        .getattr("nodename")?;
    Ok(Operation {
        // A container may have no name for its user.
        user: user.and_then(|user| user.extract()).unwrap_or_default(),
        host: host.extract()?,
        command: format!("Cache.clear({filter})"),
        filter,
        cause: Cause::Cleared,
    })
}
