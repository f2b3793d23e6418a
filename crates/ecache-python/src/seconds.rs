//! Times that a program names: seconds, or a `timedelta`.

use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyFloat;

/// Returns the lifetime of a value in a store.
///
/// # Errors
/// Like [`lifetime`], and `ValueError` if it is over at once.
pub fn lifetime_in_store(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let lifetime = lifetime(name, value)?;
    if lifetime.is_zero() {
        let message = format!("{name} must be above zero; delete() removes a value");
        return Err(PyValueError::new_err(message));
    }
    Ok(lifetime)
}

/// Returns the lifetime that an option names. One below zero is over at once, as FiftyOne's is.
///
/// # Errors
/// FiftyOne's: `TypeError` for another type, `ValueError` for NaN, and `OverflowError` for one that
/// ends after the year 9999.
pub fn lifetime(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    Ok(Duration::from_secs_f64(seconds(name, value)?.max(0.0)))
}

/// Returns the age that a filter names.
///
/// # Errors
/// Like [`lifetime`], and `ValueError` if it is below zero.
pub fn age(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = seconds(name, value)?;
    if seconds < 0.0 {
        return Err(PyValueError::new_err(format!(
            "{name} must not be negative"
        )));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn seconds(name: &str, value: &Bound<'_, PyAny>) -> PyResult<f64> {
    /// Almost eight thousand years
    const LONGEST: f64 = 250e9;
    let py = value.py();
    let value = match value.getattr_opt(intern!(py, "total_seconds"))? {
        Some(total_seconds) => total_seconds.call0()?,
        None => value.clone(),
    };
    let seconds: f64 = if value.is_instance_of::<PyFloat>() {
        value.extract()?
    } else {
        // An integer of any library's, but no text, and no time in units of its own.
        let index = py.import("operator")?.call_method1("index", (&value,));
        let refused = |_| {
            let class = value.get_type();
            let message = format!("{name} must be seconds or a timedelta, not {class}");
            PyTypeError::new_err(message)
        };
        let index = index.map_err(refused)?;
        index.extract().unwrap_or(f64::INFINITY)
    };
    if seconds.is_nan() {
        return Err(PyValueError::new_err(format!("{name} is not a number")));
    }
    if seconds > LONGEST {
        return Err(PyOverflowError::new_err(format!("{name} is too long")));
    }
    Ok(seconds)
}
