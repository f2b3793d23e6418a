//! The environment variables that configure ecache.
//!
//! An empty variable counts as unset, as scripts and CI systems expect. The environment itself is
//! left unchanged: a command that `run` runs gets all of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The store's file or URL.
pub(crate) const STORE: &str = "ECACHE_DB";

/// The cache mode of `run`.
pub(crate) const MODE: &str = "ECACHE";

/// The file of settings, or `none`.
pub(crate) const CONFIG: &str = "ECACHE_CONFIG";

/// Requests that each write reaches the disk before it is acknowledged.
const DURABLE: &str = "ECACHE_DURABLE";

/// bkt's variable for the lifetime of a result.
pub(crate) const BKT_TTL: &str = "BKT_TTL";

/// bkt's variable for the scope that separates runs.
pub(crate) const BKT_SCOPE: &str = "BKT_SCOPE";

/// Sets `_`, in which a shell names the program it starts, to the program that ecache runs.
///
/// Must be called while this process has only one thread.
pub(crate) fn name_in_environment(program: &Path) {
    let typed = std::env::args_os().next().map(PathBuf::from);
    let started = std::env::var_os("_").map(PathBuf::from);
    let name = started.as_deref().and_then(Path::file_name);
    if name.is_some() && name == typed.as_deref().and_then(Path::file_name) {
        // `Command::env` would sort all variables. SAFETY: no other thread reads the environment.
        unsafe { std::env::set_var("_", program) };
    }
}

/// Reports whether each write must reach the disk before it is acknowledged.
pub(crate) fn is_durable() -> bool {
    variable(DURABLE).is_some_and(|value| value != "0")
}

/// Returns the value of a variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
