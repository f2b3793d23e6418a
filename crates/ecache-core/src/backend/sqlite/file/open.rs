//! Opens the file: checks that it can be trusted and is ours, and configures the connection.
//!
//! Once there is a file, only SQLite itself opens it: closing a descriptor of one's own would drop
//! the locks that other connections of this process hold on it (POSIX).

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, FileControl, OpenFlags, ffi};

use super::reserve;
use super::trust::{check_file, create, keep_private, sync_home, with_suffix};
use crate::backend::sqlite::Access;
use crate::backend::sqlite::format::errors::sqlite_error;
use crate::backend::sqlite::format::identify::{Header, check_readable, check_schema, header};
use crate::backend::sqlite::format::schema;
use crate::error::{Error, Result, SqliteError, Unsupported};

/// SQLite before 3.51.3 can corrupt a database in WAL mode.
const OLDEST_SQLITE: i32 = 3_051_003;

/// Maximum length, in bytes, of the log that a closing writer leaves: about two hundred pages.
const LOG_LEFT: u64 = 800 << 10;

/// Number of statements that a connection keeps prepared: more than a program that looks up and
/// writes needs.
const STATEMENTS: usize = 32;

pub(in super::super) const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Makes SQLite keep the log's index in its own memory, and write nothing to `-shm`.
pub(in super::super) const INDEX_IN_MEMORY: &str = "readonly_shm=1";

/// Length, in bytes, to which the write-ahead log is truncated.
const JOURNAL_SIZE_LIMIT: i64 = 4 << 20;

/// Makes a path absolute, so that SQLite can neither take it for a URI nor for `:memory:`.
pub(in super::super) fn absolute(path: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(Unsupported::EmptyPath.into());
    }
    Ok(std::path::absolute(path)?)
}

/// Opens a connection to the store at an absolute path.
///
/// It waits no longer than `patience` for other processes, now and later.
pub(in super::super) fn open(
    path: &Path,
    access: Access,
    patience: Duration,
) -> Result<Connection> {
    assert!(
        rusqlite::version_number() >= OLDEST_SQLITE,
        "linked with a SQLite that can corrupt a database in WAL mode"
    );
    if access.is_writing() {
        let is_new = create(path)?;
        if is_new && access == Access::WriteDurably {
            sync_home(path);
        }
    }
    let has_damaged_log = match check_file(path) {
        Err(Error::DamagedLog { .. }) if access.is_writing() => true,
        checked => checked.map(|()| false)?,
    };
    match access {
        Access::Read => loop {
            match open_read(path, patience) {
                Err(error) if is_log_gone(&error) => {}
                opened => return opened,
            }
        },
        Access::Write | Access::WriteDurably => loop {
            match open_write(path, access, patience) {
                Err(error) if is_log_gone(&error) => {}
                // SQLite needs space for `-shm`, and removing entries first opens the store.
                Err(Error::Full { .. }) if reserve::lend(path) => {}
                Ok(connection) if has_damaged_log => {
                    // SQLite treats such a log as empty and leaves it until the next write.
                    let _ = checkpoint(&connection);
                    return Ok(connection);
                }
                Err(Error::Damaged { path, detail }) => {
                    return Err(match open_read(&path, patience) {
                        Err(error @ Error::UnreadableFile { .. }) => error,
                        _ => Error::Damaged { path, detail },
                    });
                }
                opened => return opened,
            }
        },
    }
}

/// Moves the log into the file and cuts it off. Returns `false` if another process prevents that.
pub(in super::super) fn checkpoint(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| {
        let is_busy: bool = row.get(0)?;
        Ok(!is_busy)
    })
}

/// Reports whether another connection was the first to remove the log beside an empty file. Each
/// removes what it finds there, so there is nothing left for the next attempt.
fn is_log_gone(error: &Error) -> bool {
    let Error::Sqlite(SqliteError(error)) = error else {
        return false;
    };
    let error = error.sqlite_error();
    error.is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_DELETE_NOENT)
}

fn open_write(path: &Path, access: Access, patience: Duration) -> Result<Connection> {
    let sqlite = |error| sqlite_error(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    configure(&connection, patience).map_err(sqlite)?;
    // The last connection leaves `-shm` and an empty log behind: a full disk has no space for new
    // ones.
    connection
        .file_control(None::<&str>, FileControl::PersistWal(&mut 1))
        .map_err(sqlite)?;
    let version = match as_of_one_moment(&connection, path, header)? {
        Header::Ours(version) => version,
        Header::Empty => {
            keep_private(path)?;
            // Only possible as long as the file has no page at all.
            connection
                .pragma_update(None, "auto_vacuum", "INCREMENTAL")
                .map_err(sqlite)?;
            0
        }
    };
    enable_wal(&connection, path, patience)?;
    if version < schema::VERSION {
        schema::migrate(&mut connection).map_err(sqlite)?;
    }
    check_schema(&connection, path)?;
    // `cell_size_check` makes SQLite refuse to write to a page with misplaced cells.
    let synchronous = match access {
        Access::WriteDurably => "FULL",
        Access::Read | Access::Write => "NORMAL",
    };
    let pragmas = format!(
        "PRAGMA synchronous={synchronous}; PRAGMA journal_size_limit={JOURNAL_SIZE_LIMIT}; \
         PRAGMA secure_delete=FAST; PRAGMA cell_size_check=ON;"
    );
    connection.execute_batch(&pragmas).map_err(sqlite)?;
    Ok(connection)
}

fn open_read(path: &Path, patience: Duration) -> Result<Connection> {
    match try_open_read(path, patience, Form::Usual) {
        // Without space for `-shm`, the index of the log is kept in memory. SQLite has created the
        // file by now, and its locks suffice.
        Err(Error::Full { .. } | Error::SystemLimit { .. }) => {
            try_open_read(path, patience, Form::With(INDEX_IN_MEMORY))
        }
        Err(Error::Permission { .. }) if !has_log(path) => {
            try_open_read(path, patience, Form::With("immutable=1"))
        }
        Err(Error::Permission { .. }) if !log_index(path).exists() => {
            Err(Unsupported::UnreadableLog { path: path.into() }.into())
        }
        Err(Error::Damaged { detail, .. }) => {
            try_open_read(path, patience, Form::Cut).map_err(|error| lost(path, error, detail))
        }
        result => result,
    }
}

/// Returns the error for a file that cannot even be opened for reading.
fn lost(path: &Path, error: Error, detail: String) -> Error {
    match error {
        Error::Damaged { path, .. } => Error::UnreadableFile { path, detail },
        Error::Foreign { .. } => Error::UnreadableFile {
            path: path.into(),
            detail,
        },
        error => error,
    }
}

/// Closes a writer's connection. If the log has become long and no other connection is open, SQLite
/// moves it into the file, without waiting for other processes.
///
/// Processes that write once and end would otherwise let it grow for ever. The record of the part
/// that is in the file is lost with the last connection, so each process would move all of the log
/// again without restarting it, and each reader would read all of it first. A log of 1600 pages
/// made a hit take four times as long.
pub(in super::super) fn close(connection: Connection, path: &Path) {
    if log_size(path) > LOG_LEFT {
        // If it fails, the log keeps its length.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
    }
    drop(connection);
}

/// Reports whether there is a log that may hold entries which the file itself does not have yet.
fn has_log(path: &Path) -> bool {
    log_size(path) > 0
}

/// Returns the length of the log in bytes.
pub(in super::super) fn log_size(path: &Path) -> u64 {
    fs::metadata(with_suffix(path, "-wal")).map_or(0, |log| log.len())
}

fn log_index(path: &Path) -> PathBuf {
    with_suffix(path, "-shm")
}

/// The way to open a file for reading.
#[derive(Clone, Copy)]
enum Form {
    /// As SQLite does
    Usual,
    /// With a parameter in the file's URI: `immutable` if SQLite cannot create files in the folder
    /// and needs none
    With(&'static str),
    /// Although the file is shorter than its header says: pages beyond its end are damaged, and the
    /// others can be read
    Cut,
}

fn try_open_read(path: &Path, patience: Duration, form: Form) -> Result<Connection> {
    let connection = match form {
        Form::Usual | Form::Cut => Connection::open_with_flags(path, READ_ONLY),
        Form::With(parameter) => Connection::open_with_flags(
            uri(path, parameter),
            READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
    .map_err(|error| sqlite_error(path, error))?;
    let sqlite = |error| sqlite_error(path, error);
    configure(&connection, patience).map_err(sqlite)?;
    if matches!(form, Form::Cut) {
        // Without it, SQLite refuses a file that is too short. Nothing is written here.
        for (config, on) in [
            (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false),
            (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true),
        ] {
            connection.set_db_config(config, on).map_err(sqlite)?;
        }
    }
    as_of_one_moment(&connection, path, check_readable)?;
    Ok(connection)
}

/// Converts a path to a URI with one of SQLite's parameters.
pub(in super::super) fn uri(path: &Path, parameter: &str) -> String {
    let mut uri = String::from("file://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push('?');
    uri.push_str(parameter);
    uri
}

/// Runs several statements on the same state of the file: another process may just be creating it.
fn as_of_one_moment<T>(
    connection: &Connection,
    path: &Path,
    check: impl FnOnce(&Connection, &Path) -> Result<T>,
) -> Result<T> {
    let snapshot = connection
        .unchecked_transaction()
        .map_err(|error| sqlite_error(path, error))?;
    check(&snapshot, path)
}

pub(in super::super) fn configure(
    connection: &Connection,
    patience: Duration,
) -> rusqlite::Result<()> {
    connection.busy_timeout(patience)?;
    for (config, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        // SQLite would otherwise prepare a statement anew each time that a value is bound which a
        // partial index could depend on: ten times what a look-up costs.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
        // A closing process would otherwise wait for the disk four times, and a file that is
        // refused would have its log moved into it. The log is kept short by itself.
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
    ] {
        connection.set_db_config(config, on)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Rewrites the file without its free pages.
pub(in super::super) fn vacuum(connection: &Connection) -> rusqlite::Result<()> {
    // SQLite attaches the file that it writes to.
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    let vacuumed = connection.execute_batch("VACUUM");
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    vacuumed
}

/// Enables WAL mode, and retries by hand: SQLite does not apply the busy timeout to this pragma, so
/// two processes that create the same store would otherwise race.
fn enable_wal(connection: &Connection, path: &Path, patience: Duration) -> Result<()> {
    let started = Instant::now();
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(|error| sqlite_error(path, error))?;
    if mode == "wal" {
        return Ok(());
    }
    loop {
        let result = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match result {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < patience =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(mode) if mode == "wal" => return Ok(()),
            // This happens on a file system without shared memory. Other modes lock readers out,
            // and lose more.
            Ok(mode) => {
                let path = path.into();
                return Err(Unsupported::NoWriteAheadLog { path, mode }.into());
            }
            Err(error) => return Err(sqlite_error(path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::BUSY_TIMEOUT;
    use crate::backend::sqlite::SqliteBackend;
    use crate::backend::{Condition, Content, WriteBackend};
    use crate::entry::Entry;
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::Timestamp;
    use crate::value::Kind;

    #[test]
    fn the_log_that_single_writes_leave_stays_short() {
        const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let mut longest = 0;
        for number in 0..150 {
            // Like a process of its own, each is the only one to have the file open.
            let backend = SqliteBackend::open(&path, Access::Write).expect("the store");
            let key = Key::new(number.to_string()).expect("a valid key");
            let entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Bytes, NOW);
            let content = Content::Inline(vec![7; 20_000]);
            backend
                .put(&entry, &content, &Condition::Always.into(), NOW)
                .expect("a write");
            drop(backend);
            longest = longest.max(log_size(&path));
        }
        assert!(longest > 0, "no log was left to the next");
        assert!(longest < 2 * LOG_LEFT, "{longest}");
    }

    #[test]
    fn several_may_find_a_log_beside_an_empty_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for round in 0..20 {
            let path = folder.path().join(format!("{round}.db"));
            create(&path).expect("a file");
            fs::write(with_suffix(&path, "-wal"), [7; 64]).expect("a log");
            std::thread::scope(|scope| {
                let open = || SqliteBackend::open(&path, Access::Write).map(drop);
                let opened = [0; 4].map(|_| scope.spawn(open));
                for thread in opened {
                    let opened = thread.join().expect("a thread");
                    assert!(opened.is_ok(), "round {round}: {opened:?}");
                }
            });
        }
    }

    #[test]
    fn a_store_without_a_write_ahead_log_is_refused() {
        let connection = Connection::open_in_memory().expect("a database");
        let enabled = enable_wal(&connection, Path::new("store.db"), BUSY_TIMEOUT);
        let error = enabled.expect_err("memory has no log").to_string();
        assert!(error.contains("journal mode memory"), "{error}");
    }
}
