//! From a path or URL to a backend. Never falls back to another one.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use crate::backend::sqlite::Access;

use crate::backend::memory::MemoryBackend;
#[cfg(feature = "mongodb")]
use crate::backend::mongodb::MongoBackend;
use crate::backend::sqlite::{BUSY_TIMEOUT, SqliteBackend};
use crate::backend::{Backend, Lookup};
use crate::error::{Error, Result};
use crate::scope::Address;
use crate::time::Timestamp;

/// Returns the folder of the user's data: `$XDG_DATA_HOME/ecache`, or `~/.local/share/ecache`. `None` without a
/// home folder.
pub fn data_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The specification says to ignore a relative path here.
    let absolute = |name| {
        let value = variable(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let data =
        absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("ecache"))
}

/// Returns the location that is used where none is named: `$ECACHE_DB`, or a file in the [`data_folder`].
pub fn default(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match variable("ECACHE_DB").filter(|location| !location.is_empty()) {
        Some(location) => Some(location.into()),
        None => Some(data_folder(variable)?.join(DEFAULT_FILE)),
    }
}

/// The name of the file in the [`data_folder`] that is the store unless another is named.
pub const DEFAULT_FILE: &str = "store.db";

/// Opens the store at a location: a path, or the URL of a database as in `mongodb://localhost:27017/fiftyone`.
///
/// # Errors
/// [`Error::Location`] for a URL of an engine that this build does not have (that of MongoDB is behind the feature
/// `mongodb`); otherwise those of [`SqliteBackend::open`].
pub fn open(location: &OsStr, access: Access) -> Result<Arc<dyn Backend>> {
    #[cfg(feature = "mongodb")]
    if is_mongodb(location) {
        let uri = location.to_string_lossy();
        return Ok(Arc::new(MongoBackend::open(&uri, access)?));
    }
    open_within(location, access, BUSY_TIMEOUT)
}

/// As [`open`], but waits for other processes, or for a server, no longer than `patience`.
///
/// # Errors
/// Those of [`open`], and [`Error::Busy`].
pub fn open_within(
    location: &OsStr,
    access: Access,
    patience: Duration,
) -> Result<Arc<dyn Backend>> {
    match scheme(location).as_deref() {
        None => {
            let path = Path::new(location);
            Ok(Arc::new(SqliteBackend::open_within(
                path, access, patience,
            )?))
        }
        #[cfg(feature = "mongodb")]
        Some(_) if is_mongodb(location) => {
            let uri = location.to_string_lossy();
            let backend = MongoBackend::open_within(&uri, access, patience)?;
            Ok(Arc::new(backend))
        }
        Some(scheme) => Err(Error::Location {
            scheme: scheme.to_owned(),
        }),
    }
}

/// Opens the store at a location to read it, and looks up one entry: what takes the least where a process does nothing
/// else. Nothing in the process may write to the store before the backend is dropped.
///
/// # Errors
/// Those of [`open_within`] and [`Backend::lookup_unread`].
pub fn glance(
    location: &OsStr,
    patience: Duration,
    address: &Address,
    now: Timestamp,
) -> Result<(Arc<dyn Backend>, Lookup)> {
    if !is_url(location) {
        let (backend, lookup) = SqliteBackend::glance(Path::new(location), patience, address, now)?;
        return Ok((Arc::new(backend), lookup));
    }
    let backend = open_within(location, Access::Read, patience)?;
    let lookup = backend.lookup_unread(address, now)?;
    Ok((backend, lookup))
}

/// Whether a location is a URL, and not a path.
pub fn is_url(location: &OsStr) -> bool {
    scheme(location).is_some()
}

#[cfg(feature = "mongodb")]
fn is_mongodb(location: &OsStr) -> bool {
    scheme(location).as_deref() == Some("mongodb")
}

fn scheme(location: &OsStr) -> Option<String> {
    let text = location.to_string_lossy();
    // A search for more than a character is two pages of code that a hit has no other use for.
    let mut colons = text.match_indices(':').map(|(place, _)| place);
    let end = colons.find(|colon| text[*colon..].starts_with("://"))?;
    Some(text[..end].to_owned())
}

/// The user and the password of a URL, if it has them, and where they stand.
fn credentials(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    // What is no host, and was not escaped, is theirs as well.
    let options = url[start..].find('?').unwrap_or(url.len() - start);
    let end = url[start..][..options].rfind('@')?;
    Some(start..start + end)
}

/// Whether a location holds a password, which is not to be typed where others can see it.
///
/// ```
/// use ecache_core::location::has_password;
///
/// assert!(has_password("mongodb://ann:secret@localhost/fiftyone".as_ref()));
/// assert!(!has_password("mongodb://ann@localhost:27017".as_ref()));
/// assert!(!has_password("./a:b@c".as_ref()));
/// ```
pub fn has_password(location: &OsStr) -> bool {
    let text = location.to_string_lossy();
    credentials(&text).is_some_and(|range| text[range].contains(':'))
}

/// A location as it may be shown: without user, password and options.
///
/// ```
/// use ecache_core::location::shown;
///
/// assert_eq!(shown("mongodb://ann:secret@a,b/x?y=z".as_ref()), "mongodb://a,b/x");
/// assert_eq!(shown("./a@b?c".as_ref()), "./a@b?c");
/// ```
pub fn shown(location: &OsStr) -> String {
    let mut text = location.to_string_lossy().into_owned();
    if scheme(location).is_some() {
        if let Some(range) = credentials(&text) {
            text.replace_range(range.start..=range.end, "");
        }
        text.truncate(text.find('?').unwrap_or(text.len()));
    }
    text
}

/// An empty store that is nowhere: what a reader has where there is no store yet.
pub fn empty() -> Arc<dyn Backend> {
    Arc::new(MemoryBackend::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_wherever_it_stands_and_never_shown() {
        for url in [
            "mongodb://u:p@host",
            "mongodb://u:p@host/fiftyone",
            "mongodb://u:p%40@a,b/x?y=1",
            "mongodb://u:p@q@host",
            "mongodb://u:p/q@host",
            "mongodb+srv://u:@host",
        ] {
            assert!(has_password(url.as_ref()), "{url}");
            let shown = shown(url.as_ref());
            assert!(
                !shown.contains(['@', '?']) && !shown.contains("u:"),
                "{shown}"
            );
        }
        for url in [
            "mongodb://host",
            "mongodb://host:27017/x",
            "mongodb://u@host:27017",
            "mongodb://a:1,b:2/?replicaSet=r",
        ] {
            assert!(!has_password(url.as_ref()), "{url}");
        }
    }
}
