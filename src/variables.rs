//! The variables that say how ecache is used.
//!
//! One that is set to nothing is not set, as scripts and CI systems mean it. The environment itself
//! stays as it is: a command that `run` runs has all of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The store's file or URL.
pub(crate) const STORE: &str = "ECACHE_DB";

/// How `run` uses the cache.
pub(crate) const MODE: &str = "ECACHE";

/// Whether each write is on the disk before it is acknowledged.
const DURABLE: &str = "ECACHE_DURABLE";

/// How long bkt keeps a result.
pub(crate) const BKT_TTL: &str = "BKT_TTL";

/// What bkt tells runs apart by.
pub(crate) const BKT_SCOPE: &str = "BKT_SCOPE";

/// Puts the program that is run in the place of ecache in `_`, where a shell says what it starts.
///
/// To be called while this process has one thread.
pub(crate) fn name_in_environment(program: &Path) {
    let typed = std::env::args_os().next().map(PathBuf::from);
    let started = std::env::var_os("_").map(PathBuf::from);
    let name = started.as_deref().and_then(Path::file_name);
    if name.is_some() && name == typed.as_deref().and_then(Path::file_name) {
        // Not by `Command::env`, which sorts them all. SAFETY: no other thread reads it.
        unsafe { std::env::set_var("_", program) };
    }
}

/// Whether each write is to be on the disk before it is acknowledged.
pub(crate) fn is_durable() -> bool {
    variable(DURABLE).is_some_and(|value| value != "0")
}

/// The value of a variable, if it is set to anything.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
