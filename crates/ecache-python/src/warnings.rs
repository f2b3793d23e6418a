//! Warnings of the library, as Python's.
//!
//! The library may warn on any thread and at any time, and Python's warnings may run any code. They
//! are therefore collected, and issued by the next call on its way out.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::create_exception;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

create_exception!(
    execution_cache,
    CacheWarning,
    PyUserWarning,
    "A result could not be cached, or the store failed. The function was computed."
);

static COMPLAINTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static HAS_COMPLAINTS: AtomicBool = AtomicBool::new(false);

/// The collector of warnings.
struct Collector;

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            add(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Collects the library's warnings from now on.
pub fn collect() {
    // A second interpreter finds it set.
    if log::set_logger(&Collector).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Adds a warning.
pub fn add(message: String) {
    lock().push(message);
    HAS_COMPLAINTS.store(true, Ordering::Release);
}

/// Returns the lock of the collected warnings, which a fork must not leave locked.
pub fn lock() -> MutexGuard<'static, Vec<String>> {
    COMPLAINTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Issues the collected warnings, as of the caller this many frames up.
///
/// # Errors
/// If a filter makes exceptions of them.
pub fn issue(py: Python<'_>, frames: i32) -> PyResult<()> {
    if !HAS_COMPLAINTS.swap(false, Ordering::Acquire) {
        return Ok(());
    }
    let messages = std::mem::take(&mut *lock());
    for message in messages {
        let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<CacheWarning>(), &message, frames)?;
    }
    Ok(())
}
