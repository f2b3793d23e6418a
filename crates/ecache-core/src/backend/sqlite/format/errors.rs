//! Tells SQLite's errors apart.

use std::path::Path;

use rusqlite::{ErrorCode, ffi};

use super::damage::is_damage;
use crate::error::{Error, SqliteError};
use crate::system_limits;

/// Tells SQLite's errors apart as far as a user can act on them.
pub(in super::super) fn sqlite_error(path: &Path, error: rusqlite::Error) -> Error {
    let path = path.to_path_buf();
    if is_damage(&error) {
        let detail = match error {
            rusqlite::Error::FromSqlConversionFailure(_, _, source) => source.to_string(),
            other => other.to_string(),
        };
        return Error::Damaged { path, detail };
    }
    let limit = match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) if is_writing(&error) => {
            system_limits::SystemLimit::on_writing()
        }
        Some(ErrorCode::CannotOpen) => system_limits::SystemLimit::on_opening(),
        _ => None,
    };
    if let Some(limit) = limit {
        return Error::SystemLimit { path, limit };
    }
    let extended = error.sqlite_error().map(|error| error.extended_code);
    match error.sqlite_error_code() {
        // `-shm` could not be extended.
        _ if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => Error::Full { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        Some(ErrorCode::DiskFull) => Error::Full { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged {
            path,
            detail: error.to_string(),
        },
        Some(ErrorCode::ReadOnly) => Error::Permission {
            attempt: "write",
            path,
        },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Error::Permission {
            attempt: "open",
            path,
        },
        _ => Error::Sqlite(SqliteError(error)),
    }
}

/// Reports whether SQLite failed to extend or write a file.
fn is_writing(error: &rusqlite::Error) -> bool {
    const WRITING: [i32; 3] = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_TRUNCATE,
        ffi::SQLITE_IOERR_SHMSIZE,
    ];
    let code = error.sqlite_error().map(|error| error.extended_code);
    code.is_some_and(|code| WRITING.contains(&code))
}
