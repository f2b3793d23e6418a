//! The scopes of a call, read from any object that has them as FiftyOne's context does.

use std::sync::Arc;

use ecache_core::execution_cache::{ExecutionContext, Options};
use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Reads the scopes that the options name into `target`.
///
/// # Errors
/// If reading one raises anything but `AttributeError`.
pub fn read(
    ctx: &Bound<'_, PyAny>,
    options: &Options,
    target: &mut ExecutionContext,
) -> PyResult<()> {
    let py = ctx.py();
    if options.link_to_dataset {
        target.dataset_id = dataset_id(ctx)?;
    }
    if options.operator_scoped {
        target.operator_uri = text(ctx, intern!(py, "operator_uri"))?;
    }
    if options.prompt_scoped {
        target.prompt_id = text(ctx, intern!(py, "prompt_id"))?;
    }
    if options.user_scoped {
        target.user_id = text(ctx, intern!(py, "user_id"))?;
    }
    if options.jwt_scoped {
        target.user_request_token = text(ctx, intern!(py, "user_request_token"))?;
    }
    Ok(())
}

/// Returns the id of the dataset: FiftyOne's `ctx.dataset._doc.id`, or else `ctx.dataset_id`.
fn dataset_id(ctx: &Bound<'_, PyAny>) -> PyResult<Option<Arc<str>>> {
    let py = ctx.py();
    if let Some(dataset) = attribute(ctx, intern!(py, "dataset"))?
        && let Some(document) = attribute(&dataset, intern!(py, "_doc"))?
    {
        return text(&document, intern!(py, "id"));
    }
    text(ctx, intern!(py, "dataset_id"))
}

/// Returns an attribute as text; `None` also if it is missing.
fn text(object: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Option<Arc<str>>> {
    let value = attribute(object, name)?;
    value
        .map(|value| Ok(value.str()?.to_str()?.into()))
        .transpose()
}

fn attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match object.getattr(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_none())),
        Err(error) if error.is_instance_of::<PyAttributeError>(object.py()) => Ok(None),
        Err(error) => Err(error),
    }
}
