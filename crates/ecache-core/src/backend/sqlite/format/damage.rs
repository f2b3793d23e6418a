//! Errors of damaged pages and rows, and placeholders for what cannot be read.

use std::error::Error;
use std::fmt;

use rusqlite::ErrorCode;
use rusqlite::types::{FromSqlError, Type};

use crate::key::Key;

/// Placeholder for a name that cannot be read.
pub(in super::super) const UNREADABLE: &str = "(unreadable)";

/// Returns a placeholder for an unreadable key.
pub(in super::super) fn unreadable() -> Key {
    Key::new(UNREADABLE).expect("a short key is valid")
}

/// Reports whether SQLite detected a damaged page.
pub(in super::super) fn is_corrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// Returns the value read, or `None` if a page is damaged.
pub(in super::super) fn intact<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match read {
        Err(error) if is_corrupt(&error) => Ok(None),
        read => read.map(Some),
    }
}

/// The reason why a row yields no entry: SQLite failed, or the row is damaged.
pub(in super::super) enum RowError {
    Sqlite(rusqlite::Error),
    Damaged,
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            error if is_damage(&error) => Self::Damaged,
            other => Self::Sqlite(other),
        }
    }
}

/// Returns what was read of a row, or `None` if the row is damaged.
pub(in super::super) fn undamaged<T>(read: Result<T, RowError>) -> rusqlite::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(RowError::Damaged) => Ok(None),
        Err(RowError::Sqlite(error)) => Err(error),
    }
}

impl From<FromSqlError> for RowError {
    fn from(_: FromSqlError) -> Self {
        Self::Damaged
    }
}

/// Reports whether a row is damaged in a way that SQLite itself does not detect.
pub(in super::super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows
    )
}

/// Returns the value read, or `None` if it is damaged.
pub(in super::super) fn readable<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match read {
        Err(error) if is_damage(&error) => Ok(None),
        read => read.map(Some),
    }
}

/// A row whose checksum does not match, or that is not where an index says.
#[derive(Debug)]
struct Damage(&'static str);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Damage {}

/// Returns the error for a damaged row, in the form SQLite uses for a column of the wrong type.
pub(in super::super) fn damaged(what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(Damage(what)))
}
