//! The variables that say how ecache is used.
//!
//! One that is set to nothing is not set, as scripts and CI systems mean it. The environment itself
//! stays as it is: a command that `run` runs has all of it.

use std::ffi::OsString;

/// The store's file or URL.
pub(crate) const STORE: &str = "ECACHE_DB";

/// How `run` uses the cache.
pub(crate) const MODE: &str = "ECACHE";

/// How long bkt keeps a result.
pub(crate) const BKT_TTL: &str = "BKT_TTL";

/// What bkt tells runs apart by.
pub(crate) const BKT_SCOPE: &str = "BKT_SCOPE";

/// The value of a variable, if it is set to anything.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
