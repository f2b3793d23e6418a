//! Identifies the format of a file, and refuses one that is not a store of this version.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::errors::sqlite_error;
use super::schema;
use crate::error::{Error, Result, Unsupported};

/// Refuses a file that is not a store of this version. Requires a transaction.
pub(in super::super) fn check_readable(connection: &Connection, path: &Path) -> Result<()> {
    match header(connection, path)? {
        Header::Empty => Err(Error::Missing { path: path.into() }),
        Header::Ours(found) if found < schema::VERSION => Err(Unsupported::OlderSchema {
            path: path.into(),
            found,
            known: schema::VERSION,
        }
        .into()),
        Header::Ours(_) => check_schema(connection, path),
    }
}

pub(in super::super) enum Header {
    Empty,
    Ours(i64),
}

/// Identifies the format of the file, and refuses a foreign one. Requires a transaction.
pub(in super::super) fn header(connection: &Connection, path: &Path) -> Result<Header> {
    let foreign = |why: String| Error::Foreign {
        path: path.into(),
        why,
    };
    let sqlite = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) if had_header(path) => Error::UnreadableFile {
            path: path.into(),
            detail: "its header was overwritten".into(),
        },
        Some(ErrorCode::NotADatabase) => foreign("it is not a database".into()),
        _ => sqlite_error(path, error),
    };
    let number = |sql: &str| -> Result<i64> {
        connection
            .query_row(sql, (), |row| row.get(0))
            .map_err(sqlite)
    };
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    if application == i64::from(schema::APPLICATION_ID) {
        return match version {
            version if version > schema::VERSION => Err(Error::NewerSchema {
                path: path.into(),
                found: version,
                known: schema::VERSION,
            }),
            version => Ok(Header::Ours(version)),
        };
    }
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(Header::Empty),
        _ => Err(foreign(format!(
            "it is the SQLite database of another application (application id {application:#x}, {tables} tables and indexes)"
        ))),
    }
}

/// Reports whether a file that is not a database may have been one: it begins like one, or with
/// zeros as a power loss leaves them.
fn had_header(path: &Path) -> bool {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut start = [1; MAGIC.len()];
    // Closing it drops locks of this process, of which there is no use on such a file.
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start == *MAGIC || start == [0; MAGIC.len()])
}

pub(in super::super) fn check_schema(connection: &Connection, path: &Path) -> Result<()> {
    let ours = schema::is_ours(connection).map_err(|error| sqlite_error(path, error))?;
    if ours {
        Ok(())
    } else {
        Err(Error::Foreign {
            path: path.into(),
            why: "its tables are not those of this release".into(),
        })
    }
}
