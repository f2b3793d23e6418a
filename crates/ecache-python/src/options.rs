//! Options and parameters of a function, as `_decorator.py` has read them.

use std::time::Duration;

use ecache_core::execution_cache::{Options, Residency};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::parameters::Parameters;
use crate::seconds::lifetime;

/// Returns the options of a function of this identity and this readable name.
pub fn settings(
    (identity, name): (String, String),
    given: &Bound<'_, PyDict>,
) -> PyResult<Options> {
    let mut options = Options::new(identity);
    let get = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
        Ok(given.get_item(name)?.filter(|value| !value.is_none()))
    };
    let text = |name: &str| -> PyResult<Option<String>> {
        get(name)?
            .map(|value| Ok(value.str()?.to_str()?.to_owned()))
            .transpose()
    };
    let flag =
        |name: &str| -> PyResult<bool> { get(name)?.map_or(Ok(false), |value| value.is_truthy()) };
    let seconds = |name: &str| -> PyResult<Option<Duration>> {
        get(name)?.map(|value| lifetime(name, &value)).transpose()
    };
    options.residency = match text("residency")?.as_deref() {
        Some("transient") => Residency::Transient,
        Some("ephemeral") => Residency::Ephemeral,
        _ => Residency::Hybrid,
    };
    options.store_name = Some(text("store_name")?.unwrap_or(name).into());
    options.version = text("version")?.map(Into::into);
    if let Some(collection) = text("collection_name")? {
        options.collection_name = collection.into();
    }
    if let Some(max_size) = get("max_size")? {
        if max_size.lt(0)? {
            let message = format!("max_size must not be negative: {max_size}");
            return Err(PyValueError::new_err(message));
        }
        options.max_size = max_size.extract()?;
    }
    options.ttl = seconds("ttl")?;
    options.stale = seconds("stale")?;
    options.stale_if_error = seconds("stale_if_error")?;
    options.link_to_dataset = flag("link_to_dataset")?;
    options.operator_scoped = flag("operator_scoped")?;
    options.prompt_scoped = flag("prompt_scoped")?;
    options.user_scoped = flag("user_scoped")?;
    options.jwt_scoped = flag("jwt_scoped")?;
    Ok(options)
}

/// Returns the parameters of a function as `_decorator.py` has read them.
pub fn declared(given: &Bound<'_, PyDict>) -> PyResult<Parameters> {
    let get = |name: &str| {
        let value = given.get_item(name)?;
        value.ok_or_else(|| PyTypeError::new_err(format!("{name} is missing")))
    };
    Ok(Parameters {
        positional: get("positional")?.extract()?,
        unnamed: get("unnamed")?.extract()?,
        defaults: get("defaults")?.extract()?,
        ctx: get("ctx")?.extract()?,
        skipped: get("skipped")?.extract()?,
        key_fn: get("key_fn")?.extract()?,
        self_key: get("self_key")?.extract()?,
    })
}
