//! Filters as keyword arguments, with the names of the command line's options, and what they find.

use ecache_core::backend::Row;
use ecache_core::entry;
use ecache_core::filter::{DatasetPattern, Filter, Freshness, Pattern};
use ecache_core::time::{Clock, SystemClock, Timestamp};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::seconds::age;

/// Reads a filter.
///
/// # Errors
/// If there is no such condition, or its value is of another type.
pub fn read(given: Option<&Bound<'_, PyDict>>) -> PyResult<Filter> {
    let mut filter = Filter::default();
    let now = SystemClock.now();
    for (name, value) in given.into_iter().flatten() {
        let name = name.cast::<PyString>()?.to_str()?;
        let patterns = |value| patterns(name, value);
        let ago = || Ok::<_, PyErr>(now.saturating_sub(age(name, &value)?));
        match name {
            "store" => filter.stores = patterns(&value)?,
            "dataset" if value.is_none() => filter.datasets = vec![DatasetPattern::Unlinked],
            "dataset" => {
                let ids = patterns(&value)?.into_iter();
                filter.datasets = ids.map(DatasetPattern::Id).collect();
            }
            "key" => filter.keys = patterns(&value)?,
            "user" => filter.users = patterns(&value)?,
            "operator" => filter.operators = patterns(&value)?,
            "prompt" => filter.prompts = patterns(&value)?,
            "arg" => filter.arguments = patterns(&value)?,
            "policy" => {
                let policy: String = value.extract()?;
                filter.policy = Some(policy.parse().map_err(PyValueError::new_err)?);
            }
            "expired" if value.is_none() => {}
            "expired" => {
                let is_expired = value.is_truthy()?;
                filter.freshness = Some(if is_expired {
                    Freshness::Expired
                } else {
                    Freshness::Fresh
                });
            }
            "older_than" => filter.written_before = Some(ago()?),
            "newer_than" => filter.written_after = Some(ago()?),
            "unused_for" => filter.unused_since = Some(ago()?),
            "larger_than" => filter.larger_than = Some(value.extract()?),
            "smaller_than" => filter.smaller_than = Some(value.extract()?),
            other => {
                return Err(PyTypeError::new_err(format!(
                    "there is no filter {other:?}"
                )));
            }
        }
    }
    Ok(filter)
}

/// Returns a name or a list of names, any of which may match. An empty list, which would match
/// nothing, is refused: without patterns a filter selects all.
fn patterns(filter: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<Pattern>> {
    if let Ok(name) = value.cast::<PyString>() {
        return Ok(vec![Pattern::exact(name.to_str()?)]);
    }
    let names: Vec<String> = value.extract()?;
    if names.is_empty() {
        let message = format!("{filter} is an empty list: name what to select, or leave it out");
        return Err(PyValueError::new_err(message));
    }
    Ok(names.into_iter().map(Pattern::Exact).collect())
}

/// The metadata of a cached value. Times are seconds since the epoch.
#[pyclass(frozen, get_all, module = "execution_cache")]
pub struct Entry {
    store: String,
    key: String,
    dataset_id: Option<String>,
    kind: String,
    policy: String,
    size: u64,
    created_at: f64,
    updated_at: f64,
    expires_at: Option<f64>,
    hits: u64,
    function: Option<String>,
    args: Option<String>,
    cost: Option<f64>,
    user_id: Option<String>,
    operator_uri: Option<String>,
    prompt_id: Option<String>,
}

impl Entry {
    /// Returns the entry of a row; `None` for one that cannot be read, which `ecache doctor` names.
    pub fn of(row: Row) -> Option<Self> {
        match row {
            Row::Entry(entry, _) => Some((*entry).into()),
            Row::Damaged(_) | Row::Foreign(_) => None,
        }
    }
}

impl From<entry::Entry> for Entry {
    fn from(entry: entry::Entry) -> Self {
        let seconds = |time: Timestamp| time.as_millis() as f64 / 1000.0;
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        let store = &entry.address.store;
        Self {
            store: store.store_name.to_string(),
            key: entry.address.key.to_string(),
            dataset_id: text(&store.dataset_id),
            kind: entry.kind.to_string(),
            policy: entry.policy.to_string(),
            size: entry.size,
            created_at: seconds(entry.created_at),
            updated_at: seconds(entry.written_at()),
            expires_at: entry.expires_at.map(seconds),
            hits: entry.hits,
            function: text(&entry.function),
            cost: entry
                .cost_ms
                .map(|milliseconds| milliseconds as f64 / 1000.0),
            user_id: text(&entry.scopes.user_id),
            operator_uri: text(&entry.scopes.operator_uri),
            prompt_id: text(&entry.scopes.prompt_id),
            args: entry.args,
        }
    }
}

#[pymethods]
impl Entry {
    fn __repr__(&self) -> String {
        format!(
            "<Entry {} in {}, {} bytes>",
            self.key, self.store, self.size
        )
    }
}
