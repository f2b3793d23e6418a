//! The errors of work on a connection.

use crate::error::Error;

pub(in super::super) type SessionResult<T> = Result<T, SessionError>;

/// The reason why work on a connection failed.
pub(in super::super) enum SessionError {
    /// SQLite failed. [`SqliteBackend::error`] tells such errors apart, and adds the path
    ///
    /// [`SqliteBackend::error`]: crate::backend::sqlite::SqliteBackend::error
    Sqlite(rusqlite::Error),
    /// Another error, which is complete
    Other(Error),
}

impl From<rusqlite::Error> for SessionError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
