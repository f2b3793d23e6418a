//! From a path or URL to a backend. Never falls back to another one.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use crate::backend::Access;
pub use crate::backend::sqlite::BUSY_TIMEOUT;
// Settings of SQLite in the whole process, for the `ecache` command.
#[doc(hidden)]
pub use crate::backend::sqlite::{begin_small, use_global_allocator};

use crate::backend::memory::MemoryBackend;
#[cfg(feature = "mongodb")]
use crate::backend::mongodb::MongoBackend;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::{Backend, Lookup};
use crate::error::{Error, Result};
use crate::scope::Address;
use crate::time::Timestamp;

/// Returns the user's data folder: `$XDG_DATA_HOME/ecache`, or `~/.local/share/ecache`. `None`
/// without a home folder.
pub fn data_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    // The XDG specification says to ignore relative paths.
    let absolute = |name| {
        let value = variable(name).map(PathBuf::from);
        value.filter(|path| path.is_absolute())
    };
    let data =
        absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("ecache"))
}

/// Returns the default location: `$ECACHE_DB`, or a file in the [`data_folder`].
pub fn default(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    match variable("ECACHE_DB").filter(|location| !location.is_empty()) {
        Some(location) => Some(location.into()),
        None => Some(data_folder(variable)?.join(DEFAULT_FILE)),
    }
}

/// Name of the default store's file in the [`data_folder`].
pub const DEFAULT_FILE: &str = "store.db";

/// Opens the store at a location: a path, or the URL of a database as in
/// `mongodb://localhost:27017/fiftyone`.
///
/// # Errors
/// [`Error::UnsupportedScheme`] for a URL of an engine that this build does not have (MongoDB needs
/// the feature `mongodb`); otherwise those of [`SqliteBackend::open`].
pub fn open(location: &OsStr, access: Access) -> Result<Arc<dyn Backend>> {
    #[cfg(feature = "mongodb")]
    if is_mongodb(location) {
        let uri = location.to_string_lossy();
        return Ok(Arc::new(MongoBackend::open(&uri, access)?));
    }
    open_within(location, access, BUSY_TIMEOUT)
}

/// Reports whether something else than a store is where one is meant: a file of another program, or
/// no regular file.
#[doc(hidden)]
#[must_use]
pub fn is_taken(location: &OsStr) -> bool {
    let is_other = |error| matches!(error, Error::NotAStore { .. } | Error::Foreign { .. });
    !is_url(location) && open(location, Access::Read).is_err_and(is_other)
}

/// Opens as [`open`], but waits for other processes, or for a server, at most `patience`.
///
/// # Errors
/// Fails like [`open`], and with [`Error::Busy`].
pub fn open_within(
    location: &OsStr,
    access: Access,
    patience: Duration,
) -> Result<Arc<dyn Backend>> {
    match form(&location.to_string_lossy()) {
        Form::Path => Ok(Arc::new(SqliteBackend::open_within(
            Path::new(location),
            access,
            patience,
        )?)),
        #[cfg(feature = "mongodb")]
        Form::Url(MONGODB) => {
            let uri = location.to_string_lossy();
            let backend = MongoBackend::open_within(&uri, access, patience)?;
            Ok(Arc::new(backend))
        }
        Form::Url(scheme) => Err(Error::UnsupportedScheme {
            scheme: scheme.to_owned(),
        }),
        Form::LikeUrl(scheme) => Err(Error::MalformedUrl {
            scheme: scheme.to_owned(),
        }),
    }
}

/// Opens the store at a location to read it, and looks up one entry: what takes the least where a
/// process does nothing else. Nothing in the process may write to the store before the backend is
/// dropped.
///
/// # Errors
/// Fails like [`open_within`] and
/// [`ReadBackend::lookup_unread`](crate::backend::ReadBackend::lookup_unread).
#[doc(hidden)]
pub fn look_up_once(
    location: &OsStr,
    patience: Duration,
    address: &Address,
    now: Timestamp,
) -> Result<(Arc<dyn Backend>, Lookup)> {
    if !is_url(location) {
        let (backend, lookup) =
            SqliteBackend::look_up_once(Path::new(location), patience, address, now)?;
        return Ok((Arc::new(backend), lookup));
    }
    let backend = open_within(location, Access::Read, patience)?;
    let lookup = backend.lookup_unread(address, now)?;
    Ok((backend, lookup))
}

/// Reports whether a location is a URL, or resembles one, and not a path.
///
/// ```
/// use ecache_core::location::is_url;
///
/// assert!(is_url("mongodb://localhost/fiftyone".as_ref()));
/// assert!(is_url("mongodb:/localhost/fiftyone".as_ref()), "though none that can be opened");
/// assert!(!is_url("./mongodb:/localhost".as_ref()));
/// assert!(!is_url("/tmp/a://b".as_ref()));
/// ```
#[must_use]
pub fn is_url(location: &OsStr) -> bool {
    !matches!(form(&location.to_string_lossy()), Form::Path)
}

/// Reports whether there may be a store at a location: a file, or a URL, whose server is not asked.
#[doc(hidden)]
#[must_use]
pub fn may_exist(location: &OsStr) -> bool {
    is_url(location) || Path::new(location).exists()
}

#[cfg(feature = "mongodb")]
fn is_mongodb(location: &OsStr) -> bool {
    matches!(form(&location.to_string_lossy()), Form::Url(MONGODB))
}

const MONGODB: &str = "mongodb";

/// The form of a location.
#[derive(Debug, PartialEq)]
enum Form<'a> {
    /// A path
    Path,
    /// A URL with this scheme
    Url(&'a str),
    /// A malformed URL, which as a path would put a password into a file name
    LikeUrl(&'a str),
}

/// Classifies a location. A path cannot begin like a URL; use `./mongodb:x` for such a file.
fn form(text: &str) -> Form<'_> {
    let Some((scheme, rest)) = text.split_once(':') else {
        return Form::Path;
    };
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_part) {
        return Form::Path;
    }
    let is_lower = !scheme.contains(|c: char| c.is_ascii_uppercase());
    let name = scheme.to_ascii_lowercase();
    let is_ours = name == MONGODB || name.starts_with("mongodb+");
    if rest.starts_with("//") && (is_lower || !is_ours) {
        Form::Url(scheme)
    } else if is_ours || scheme.len() > 1 && (rest.starts_with('/') || rest.contains('@')) {
        Form::LikeUrl(scheme)
    } else {
        Form::Path
    }
}

/// Returns the user and the password of a URL, if it has them, and where they stand.
fn credentials(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + 3;
    let rest = &url[start..];
    let (before, options) = rest.split_once('?').unwrap_or((rest, ""));
    let is_option = |text: &str| text.contains('=');
    // Unescaped text before the last `@` belongs to the password, too.
    let end = match (before.rfind('@'), options.split_once('@')) {
        (Some(end), _) => end,
        (None, Some((text, _))) if !is_option(text) => rest.rfind('@')?,
        (None, _) => return None,
    };
    Some(start..start + end)
}

/// Returns the names of the options of a URL that have no meaning here, and are ignored.
#[doc(hidden)]
#[must_use]
pub fn ignored_options(location: &OsStr) -> Vec<String> {
    #[cfg(feature = "mongodb")]
    if is_mongodb(location) {
        return MongoBackend::ignored_options(&location.to_string_lossy());
    }
    let _ = location;
    Vec::new()
}

/// Reports whether a location contains a password, which other users could see on a command line.
///
/// ```
/// use ecache_core::location::has_password;
///
/// assert!(has_password("mongodb://ann:secret@localhost/fiftyone".as_ref()));
/// assert!(!has_password("mongodb://ann@localhost:27017".as_ref()));
/// assert!(!has_password("./a:b@c".as_ref()));
/// ```
#[doc(hidden)]
#[must_use]
pub fn has_password(location: &OsStr) -> bool {
    let text = location.to_string_lossy();
    credentials(&text).is_some_and(|range| text[range].contains(':'))
}

/// Returns a location as it may be shown: without user, password and options.
///
/// ```
/// use ecache_core::location::shown;
///
/// assert_eq!(shown("mongodb://ann:secret@a,b/x?y=z".as_ref()), "mongodb://a,b/x");
/// assert_eq!(shown("./a@b?c".as_ref()), "./a@b?c");
/// ```
#[doc(hidden)]
#[must_use]
pub fn shown(location: &OsStr) -> String {
    let mut text = location.to_string_lossy().into_owned();
    match form(&text) {
        Form::Path => text,
        // The position of a password in it is unknown.
        Form::LikeUrl(scheme) => format!("{scheme}:…"),
        Form::Url(_) => {
            if let Some(range) = credentials(&text) {
                text.replace_range(range.start..=range.end, "");
            }
            text.truncate(text.find('?').unwrap_or(text.len()));
            text
        }
    }
}

/// Returns an empty store in memory, for a reader of a location without a store.
#[must_use]
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
            "mongodb://u:p?q@host",
            "mongodb://u:p?q@host/x?y=z@w",
            "mongodb://u:1?q@host",
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
            "mongodb://a:1/?appName=me@home",
        ] {
            assert!(!has_password(url.as_ref()), "{url}");
        }
    }

    #[test]
    fn text_like_a_url_is_not_a_path() {
        for url in [
            "mongodb://h/x",
            "mongodb+srv://h",
            "postgres://u:p@h",
            "POSTGRES://h",
            "x://h",
        ] {
            assert!(matches!(form(url), Form::Url(_)), "{url}");
        }
        for mistaken in [
            "mongodb:/u:pw@h/db",
            "mongodb:u:pw@h",
            "mongodb:",
            "mongodb:h",
            "mongodb+srv:/u:pw@h",
            "mongodb+srv:h",
            "MONGODB://u:pw@h/db",
            "Mongodb+SRV://u:pw@h",
            "MongoDB:/u:pw@h",
            "postgres:/u:pw@h/db",
            "redis:u:pw@h",
            "file:/tmp/x.db",
        ] {
            assert!(matches!(form(mistaken), Form::LikeUrl(_)), "{mistaken}");
            assert!(!shown(mistaken.as_ref()).contains("pw"), "{mistaken}");
            let error = open(mistaken.as_ref(), Access::Write).map(drop);
            let message = error.expect_err("it is refused").to_string();
            assert!(
                !message.contains("pw") && message.contains("but is not a URL"),
                "{message}"
            );
        }
        for path in [
            "store.db",
            "./mongodb://u@h",
            "/a:b",
            "a/b:c",
            "notes:db",
            "a:/b",
            "1:/x",
            ":",
            "",
            "é:/x",
        ] {
            assert_eq!(form(path), Form::Path, "{path}");
        }
    }
}
