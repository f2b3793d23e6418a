//! Helpers of the tests of the SQLite file: a store to write to, and processes that use it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{Backend, Condition, Lookup, Put};
use ecache_core::entry::Entry;
use ecache_core::error::Result;
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

/// The moment at which the tests take place.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

/// The user and group that a root user's tests become where permissions matter.
pub const OTHER_USER: u32 = 65_534;

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn address(key: &str) -> Address {
    StoreAddress::new("s").entry(Key::new(key).expect("a valid key"))
}

pub fn write(path: &Path) -> SqliteBackend {
    SqliteBackend::open(path, Access::Write).expect("a store")
}

pub fn put(backend: &dyn Backend, key: &str, value: &[u8]) -> Result<Put> {
    let entry = Entry::new(address(key), Kind::Bytes, NOW);
    let content = backend.stage(&mut &*value, NOW)?;
    backend.put(&entry, &content, &Condition::Always.into(), NOW)
}

/// Returns the value of a key, or `None` if it is a miss.
pub fn get(backend: &dyn Backend, key: &str) -> Result<Option<Vec<u8>>> {
    let Lookup::Hit(entry, content) = backend.lookup(&address(key), NOW)? else {
        return Ok(None);
    };
    let value = ecache_core::backend::read_value(backend, entry.kind, content)?;
    Ok(Some(value.bytes))
}

/// Locks a store against other writers, until the connection is dropped.
pub fn lock(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .expect("the lock");
    connection
}

/// Returns the path of a file that SQLite keeps beside a store.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes a store's file anew, and removes what SQLite keeps beside it.
pub fn rewrite(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a file");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(path, suffix));
    }
}

/// Returns a pseudo-random number, the same in every run.
pub fn random(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*seed >> 33) as usize
}

/// Returns every file of a folder, with its bytes.
pub fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(&path).expect("a file")))
        .collect();
    files.sort();
    files
}

/// Returns the result of SQLite's integrity check.
pub fn integrity(path: &Path) -> String {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let check = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0));
    check.expect("a check")
}

/// Returns a command that runs the ignored test `worker_process` in another process.
pub fn worker(job: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args([
            "--ignored",
            "--exact",
            "worker_process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("WORKER_JOB", job)
        .env("WORKER_PATH", path)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .stdout(Stdio::piped());
    command
}

/// Returns the job of this worker, and the path of its file.
pub fn job() -> (String, PathBuf) {
    let variable = |name| std::env::var_os(name).expect("set by `worker`");
    let job = variable("WORKER_JOB").into_string().expect("a word");
    (job, variable("WORKER_PATH").into())
}
