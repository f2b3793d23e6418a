//! Execution caches: keys, values, filters and stores compatible with FiftyOne's `execution_cache`.

pub mod key;
pub mod python_json;
pub mod stored;
