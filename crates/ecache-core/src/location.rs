//! From a path or URL to a backend. Never falls back to another one.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use crate::backend::sqlite::Access;

use crate::backend::Backend;
use crate::backend::memory::MemoryBackend;
use crate::backend::sqlite::{BUSY_TIMEOUT, SqliteBackend};
use crate::error::{Error, Result};

/// Opens the store at a location: a path, or a URL of an engine.
///
/// # Errors
/// [`Error::Location`] for a URL, since this build has no engine but SQLite; otherwise those of
/// [`SqliteBackend::open`].
pub fn open(location: &OsStr, access: Access) -> Result<Arc<dyn Backend>> {
    open_within(location, access, BUSY_TIMEOUT)
}

/// As [`open`], but waits for other processes no longer than `patience`.
///
/// # Errors
/// Those of [`open`], and [`Error::Busy`].
pub fn open_within(
    location: &OsStr,
    access: Access,
    patience: Duration,
) -> Result<Arc<dyn Backend>> {
    let text = location.to_string_lossy();
    if let Some((scheme, _)) = text.split_once("://") {
        let scheme = scheme.to_owned();
        return Err(Error::Location { scheme });
    }
    Ok(Arc::new(SqliteBackend::open_within(
        Path::new(location),
        access,
        patience,
    )?))
}

/// Whether a location is a server's, and no file's.
pub fn is_server(location: &OsStr) -> bool {
    location.to_string_lossy().contains("://")
}

/// An empty store that is nowhere: what a reader has where there is no store yet.
pub fn empty() -> Arc<dyn Backend> {
    Arc::new(MemoryBackend::default())
}
