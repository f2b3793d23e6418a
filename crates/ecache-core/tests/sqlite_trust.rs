//! The files that are accepted as a store, the files that are refused, and the modes of new files.

mod common;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use common::{NOW, OTHER_USER, address, get, is_root, job, put, snapshot, worker, write};
use ecache_core::backend::sqlite::{Access, BUSY_TIMEOUT, SqliteBackend};
use ecache_core::backend::{Lookup, MaintainBackend, ReadBackend};
use ecache_core::error::{Error, Unsupported};
use rusqlite::Connection;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// Checks that reading and writing are refused, and that no byte in the folder changes.
///
/// The index of a log (`-shm`) is SQLite's place for locks and holds no data.
fn is_refused(path: &Path, expected: impl Fn(&Error) -> bool) {
    let folder = path.parent().expect("a folder");
    let mut before = snapshot(folder);
    before.retain(|(file, _)| !file.as_os_str().as_bytes().ends_with(b"-shm"));
    for access in [Access::Read, Access::Write] {
        match SqliteBackend::open(path, access) {
            Ok(_) => panic!("{} is opened", path.display()),
            Err(error) => assert!(expected(&error), "{error:?}"),
        }
    }
    let looked_up = SqliteBackend::look_up_once(path, BUSY_TIMEOUT, &address("k"), NOW);
    let error = looked_up.expect_err("a one-shot look-up is refused as well");
    assert!(expected(&error), "{error:?}");
    for file in before {
        assert!(
            snapshot(folder).contains(&file),
            "{} changed",
            file.0.display()
        );
    }
}

#[test]
fn only_this_user_can_read_a_store_whatever_the_umask() {
    for umask in ["0", "22", "77"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/folder/store.db");
        let status = worker("create", &path).env("WORKER_UMASK", umask).status();
        assert!(status.expect("a process").success());
        let mode = |path: &Path| fs::metadata(path).expect("a file").mode() & 0o7777;
        assert_eq!(mode(&folder.path().join("new")), 0o700);
        assert_eq!(mode(&folder.path().join("new/folder")), 0o700);
        let files = snapshot(path.parent().expect("a folder"));
        assert!(
            files.len() >= 3,
            "the file, its log, the log's index: {files:?}"
        );
        for (file, _) in files {
            assert_eq!(mode(&file), 0o600, "{} under umask {umask}", file.display());
        }
    }
}

#[test]
fn paths_that_are_not_regular_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder")).expect("a folder");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), mode).expect("a named pipe");
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).expect("a socket");
    fs::write(path("file"), "text").expect("a file");
    symlink(path("pipe"), path("link")).expect("a link");
    let not_a_store = |error: &Error| matches!(error, Error::NotAStore { .. });
    for name in ["folder", "pipe", "socket", "link"] {
        is_refused(&path(name), not_a_store);
    }
    for path in ["/dev/null".into(), path("file/below")] {
        let opened = SqliteBackend::open(&path, Access::Write);
        assert!(opened.is_err_and(|error| not_a_store(&error)));
    }
}

#[test]
fn another_applications_file_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    let foreign = |error: &Error| matches!(error, Error::Foreign { .. });
    fs::write(
        &path,
        "no database, but longer than SQLite's header is\n".repeat(40),
    )
    .expect("a file");
    is_refused(&path, foreign);
    for mode in ["DELETE", "WAL"] {
        for mark in [
            "CREATE TABLE theirs(x)",
            "PRAGMA application_id=7",
            "PRAGMA user_version=7",
        ] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("file");
            let theirs = Connection::open(&path).expect("a database");
            theirs
                .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
                .expect("a mode");
            theirs.execute_batch(mark).expect("a mark");
            // In WAL mode, writes are in the log as long as a connection is open.
            is_refused(&path, foreign);
            drop(theirs);
            is_refused(&path, foreign);
        }
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    put(&write(&path), "k", b"value").expect("an entry");
    let newer = Connection::open(&path).expect("a database");
    newer
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    drop(newer);
    is_refused(&path, |error| {
        matches!(error, Error::NewerSchema { found: 99, .. })
    });
}

#[test]
fn a_schema_that_is_not_ours_is_refused() {
    for change in [
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "CREATE TABLE theirs(x)",
        "ALTER TABLE entries ADD COLUMN sum INTEGER AS (size + 1)",
        "DROP INDEX entries_user",
        "DROP TABLE uses; CREATE VIEW uses AS SELECT 1 AS entry, 2 AS last_used_at, 3 AS hits",
        "DROP TABLE uses; CREATE VIRTUAL TABLE uses USING fts5(entry, last_used_at, hits)",
        "CREATE TABLE theirs(x); PRAGMA writable_schema=ON; UPDATE sqlite_schema SET \
         name='sqlite_sequence', sql='CREATE VIEW sqlite_sequence AS SELECT 1' WHERE name='theirs'",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        put(&write(&path), "k", b"value").expect("an entry");
        let theirs = Connection::open(&path).expect("a database");
        // What this build of SQLite has no module for cannot be made, and cannot be opened either.
        if let Err(error) = theirs.execute_batch(change) {
            assert!(
                error.to_string().contains("no such module"),
                "{change}: {error}"
            );
            continue;
        }
        drop(theirs);
        is_refused(&path, |error| {
            matches!(error, Error::Foreign { .. } | Error::UnreadableFile { .. })
        });
    }
}

#[test]
fn a_file_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    put(&write(&path), "k", b"value").expect("an entry");
    let untrusted = |error: &Error| matches!(error, Error::Untrusted { .. });
    set_mode(&path, 0o602);
    is_refused(&path, untrusted);
    set_mode(&path, 0o600);
    set_mode(folder.path(), 0o777);
    is_refused(&path, untrusted);
    set_mode(folder.path(), 0o1777);
    SqliteBackend::open(&path, Access::Read).expect("a sticky folder protects the file");
    set_mode(folder.path(), 0o700);
    if is_root() {
        chown(&path, Some(OTHER_USER), None).expect("another owner");
        is_refused(&path, untrusted);
        chown(&path, Some(0), None).expect("another owner");
        let link = folder.path().join("link");
        symlink(&path, &link).expect("a link");
        std::os::unix::fs::lchown(&link, Some(OTHER_USER), None).expect("another owner");
        is_refused(&link, untrusted);
        chown(folder.path(), Some(OTHER_USER), None).expect("another owner");
        is_refused(&path, untrusted);
    }
}

#[test]
fn files_that_others_could_have_put_beside_a_store_are_refused() {
    let untrusted = |error: &Error| matches!(error, Error::Untrusted { .. });
    for suffix in ["-wal", "-shm", "-journal"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let link = folder.path().join("link");
        let beside = folder.path().join(format!("store.db{suffix}"));
        put(&write(&path), "k", b"value").expect("an entry");
        symlink(&path, &link).expect("a link");
        set_mode(folder.path(), 0o1777);
        let _ = fs::remove_file(&beside);
        fs::write(&beside, "").expect("a file");
        set_mode(&beside, 0o602);
        is_refused(&path, untrusted);
        is_refused(&link, untrusted);
        if is_root() {
            set_mode(&beside, 0o600);
            chown(&beside, Some(OTHER_USER), None).expect("another owner");
            is_refused(&path, untrusted);
            is_refused(&link, untrusted);
        }
        fs::remove_file(&beside).expect("removed");
        fs::write(folder.path().join("target"), "").expect("a file");
        symlink(folder.path().join("target"), &beside).expect("a link");
        is_refused(&path, untrusted);
        is_refused(&link, untrusted);
    }
}

#[test]
fn a_path_is_a_path_and_never_a_uri() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names: [&[u8]; 9] = [
        b"file:x?mode=memory",
        b":memory:",
        b"with spaces",
        b"100%41",
        b"what?immutable=1",
        b"#fragment",
        "語".as_bytes(),
        b"not \xff UTF-8",
        b"-dash",
    ];
    for name in names {
        let path = folder.path().join(OsStr::from_bytes(name));
        put(&write(&path), "k", name).expect("an entry");
        assert!(path.is_file(), "{}", path.display());
        let reader = SqliteBackend::open(&path, Access::Read).expect("a store");
        let found = get(&reader, "k").expect("a look-up");
        assert_eq!(found.as_deref(), Some(name));
    }
    let empty = SqliteBackend::open(Path::new(""), Access::Write);
    let is_refused = matches!(empty, Err(Error::Unsupported(Unsupported::EmptyPath)));
    assert!(is_refused, "{empty:?}");
}

#[test]
fn a_store_that_is_not_there_is_missing_to_a_reader() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let missing = |path: &Path| {
        let opened = SqliteBackend::open(path, Access::Read);
        matches!(opened, Err(Error::Missing { .. }))
    };
    assert!(missing(&path));
    assert!(missing(&folder.path().join("no/folder")));
    assert!(!path.exists());
    fs::write(&path, "").expect("an empty file");
    assert!(
        missing(&path),
        "of an empty file, a store is made by the first to write"
    );
    set_mode(&path, 0o600);
    put(&write(&path), "k", b"value").expect("an entry");
}

/// The state in which the log beside a file is left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Log {
    None,
    Empty,
    WithIndex,
    WithoutIndex,
}

fn store_with_log(path: &Path, log: Log) {
    let store = write(path);
    put(&store, "k", b"value").expect("an entry");
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    if matches!(log, Log::None | Log::Empty) {
        store.compact(NOW).expect("compacted");
    }
    drop(store);
    assert!(beside("-wal").exists() && beside("-shm").exists());
    if log != Log::WithIndex {
        fs::remove_file(beside("-shm")).expect("the log's index");
    }
    if log == Log::None {
        fs::remove_file(beside("-wal")).expect("the log");
    }
}

#[test]
fn a_store_in_a_read_only_folder_can_be_read() {
    for log in [Log::None, Log::Empty, Log::WithIndex, Log::WithoutIndex] {
        for mode in [0o600, 0o400] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("store ?#%.db");
            store_with_log(&path, log);
            for (file, _) in snapshot(folder.path()) {
                set_mode(&file, mode);
                if is_root() {
                    chown(&file, Some(OTHER_USER), Some(OTHER_USER)).expect("another owner");
                }
            }
            if is_root() {
                chown(folder.path(), Some(OTHER_USER), Some(OTHER_USER)).expect("another owner");
            }
            set_mode(folder.path(), 0o500);
            let mut reader = worker("read", &path);
            if is_root() {
                reader.uid(OTHER_USER).gid(OTHER_USER);
            }
            let output = reader.output().expect("a process");
            let output = String::from_utf8_lossy(&output.stdout).into_owned();
            let expected = match (log, mode) {
                (Log::WithoutIndex, _) => "read: unsupported, write: permission",
                // Nothing new is needed in the folder.
                (Log::WithIndex, 0o600) => "read: value, write: Ok(Replaced)",
                _ => "read: value, write: permission",
            };
            assert!(output.contains(expected), "{log:?} {mode:o}: {output}");
            set_mode(folder.path(), 0o700);
        }
    }
}

#[test]
#[ignore = "it is the other process of the tests above"]
fn worker_process() {
    let (job, path) = job();
    match job.as_str() {
        "create" => {
            let umask = std::env::var("WORKER_UMASK").expect("a mask");
            let umask = u32::from_str_radix(&umask, 8).expect("an octal number");
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
            put(&write(&path), "k", b"value").expect("an entry");
        }
        "read" => {
            let read = SqliteBackend::open(&path, Access::Read)
                .and_then(|store| store.lookup(&address("k"), NOW));
            let read = match read {
                Ok(Lookup::Hit(..)) => "value".into(),
                Err(Error::Unsupported(_)) => "unsupported".into(),
                other => format!("{other:?}"),
            };
            let written = SqliteBackend::open(&path, Access::Write)
                .and_then(|store| put(&store, "k", b"other"));
            let written = match written {
                Err(Error::Permission { .. }) => "permission".into(),
                other => format!("{other:?}"),
            };
            println!("read: {read}, write: {written}");
        }
        other => panic!("no job is called {other}"),
    }
}

#[test]
fn an_empty_file_that_becomes_a_store_is_as_private_as_a_new_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    for mode in [0o644, 0o640, 0o604] {
        fs::write(&path, "").expect("a file");
        set_mode(&path, mode);
        put(&write(&path), "k", b"value").expect("an entry");
        for file in fs::read_dir(folder.path()).expect("the folder") {
            let file = file.expect("a file").path();
            let found = fs::metadata(&file).expect("a file").permissions().mode();
            assert_eq!(found & 0o777, 0o600, "{}", file.display());
            fs::remove_file(file).expect("removed");
        }
    }
}
