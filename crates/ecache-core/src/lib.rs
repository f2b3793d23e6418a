//! Execution caches: keys, values, filters and stores compatible with FiftyOne's `execution_cache`.

pub mod backend;
pub mod entry;
pub mod error;
pub mod execution_store;
pub mod filter;
pub mod glob;
pub mod interchange;
pub mod key;
pub mod location;
pub mod python_json;
pub mod scope;
pub mod stored;
pub mod time;
pub mod value;
