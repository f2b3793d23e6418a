//! Removals by a program, as the log of operations has them.

use ecache_core::backend::{Cause, Operation};
use ecache_core::secrets::mask;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Maximum length of a call in the log, in characters.
const MOST: usize = 1000;

/// Describes `Cache.clear(**filter)` by the user of this process.
pub fn of_clear(filter: Option<&Bound<'_, PyDict>>) -> PyResult<Operation> {
    let mut words = Vec::new();
    for (name, value) in filter.into_iter().flatten() {
        words.push(format!("{name}={}", value.repr()?));
    }
    let filter: String = mask(&words.join(", ")).chars().take(MOST).collect();
    let command = format!("Cache.clear({filter})");
    Ok(Operation::of_this_process(Cause::Cleared, command, filter))
}
