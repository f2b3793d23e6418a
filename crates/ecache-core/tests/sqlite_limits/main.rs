//! Limits of a SQLite store hold after every write, by any process, and after any is killed.

mod admission;
#[path = "../common/mod.rs"]
mod common;
mod eviction;
mod history;
mod records;
mod sequences;
mod shares;
mod tail;
mod undo;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{NOW, get, integrity, job, put, random, worker, write};
use ecache_core::backend::limit::{Bounds, LimitScope, LimitUsage};
use ecache_core::backend::memory::MemoryBackend;
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    Backend, ChangeBackend, Commit, Condition, Content, CountBackend, Expiry, Fate, ImportBackend,
    ImportLog, KeepForUndo, LimitBackend, Lookup, MaintainBackend, OnConflict, OnExistingStore,
    Operation, Put, PutOptions, ReadBackend, Record, RenameBackend, Row, Scan, ScanBackend,
    UndoBackend, WriteBackend, no_progress,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::{Error, Result};
use ecache_core::filter::{Filter, Pattern, Selection, Usage};
use ecache_core::key::Key;
use ecache_core::scope::{Address, Scopes, StoreAddress};
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::transfer::{FoundRecord, Importer, Records};
use ecache_core::usage::{Event, Log, Outcome};
use ecache_core::value::{CHUNK_SIZE, Kind};

/// An entry of a test.
#[derive(Clone, Copy)]
struct Made<'a> {
    store: &'a str,
    key: &'a str,
    user: Option<&'a str>,
    size: usize,
    cost_ms: Option<u64>,
    policy: Policy,
}

const USUAL: Made<'_> = Made {
    store: "s",
    key: "k",
    user: None,
    size: 1000,
    cost_ms: Some(1000),
    policy: Policy::Evict,
};

fn make(backend: &dyn Backend, made: Made<'_>, at: i64) -> Result<Put> {
    let now = Timestamp::from_millis(NOW.as_millis() + at);
    let address = StoreAddress::new(made.store).entry(Key::new(made.key).expect("a key"));
    let mut entry = Entry::new(address, Kind::Bytes, now);
    entry.scopes.user_id = made.user.map(Into::into);
    entry.cost_ms = made.cost_ms;
    entry.policy = made.policy;
    let content = backend.stage(&mut &*vec![7; made.size], now)?;
    backend.put(&entry, &content, &Condition::Always.into(), now)
}

/// Writes usual entries whose keys are numbers.
fn make_usual(backend: &dyn Backend, numbers: std::ops::Range<u32>, at: i64) {
    for number in numbers {
        let key = &number.to_string();
        make(backend, Made { key, ..USUAL }, at).expect("room");
    }
}

fn store(name: &str) -> Filter {
    Filter {
        stores: vec![Pattern::exact(name)],
        ..Filter::default()
    }
}

fn each_user() -> LimitScope {
    let users = Filter {
        users: vec![Pattern::glob("*").expect("a pattern")],
        ..Filter::default()
    };
    LimitScope::new(&users, true)
}

fn everything() -> LimitScope {
    LimitScope::new(&Filter::default(), false)
}

fn set(backend: &SqliteBackend, scope: &LimitScope, bounds: Bounds) -> u64 {
    let (name, value) = (scope.setting(), bounds.setting());
    let changed = backend.change_settings(&[(&name, Some(&value))], &Operation::default(), NOW);
    changed.expect("a setting").expect("a change")
}

fn bytes(most: u64) -> Bounds {
    Bounds {
        max_bytes: Some(most),
        ..Bounds::default()
    }
}

fn entries(most: u64) -> Bounds {
    Bounds {
        max_entries: Some(most),
        ..Bounds::default()
    }
}

fn used(backend: &SqliteBackend) -> Vec<LimitUsage> {
    backend.limits().expect("the limits")
}

fn only(backend: &SqliteBackend) -> Usage {
    let [used] = &used(backend)[..] else {
        panic!("one limit");
    };
    used.used
}

/// Counts the used part again, with the counters forgotten.
fn counted_again(path: &Path) -> Vec<LimitUsage> {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let before = used(&write(path));
    connection
        .execute("DELETE FROM history WHERE kind = 7", ())
        .expect("the counters");
    drop(connection);
    let mut again = used(&write(path));
    // Evictions are history, which nothing can count again.
    for (one, before) in again.iter_mut().zip(before) {
        one.evictions = before.evictions;
        (one.losses, one.lost_ms) = (before.losses, before.lost_ms);
    }
    again
}

fn keys(backend: &SqliteBackend, name: &str) -> u64 {
    let selection: Selection = store(name).into();
    backend.usage(&selection, NOW).expect("a count").entries
}

#[test]
#[ignore = "other tests run it in processes of its own"]
fn worker_process() {
    let (job, path) = job();
    assert_eq!(job, "act");
    let name = std::env::var("WORKER_NAME").expect("a name");
    let mut seed = name.parse().expect("a number");
    let backend = write(&path);
    println!("acting");
    for step in 0.. {
        sequences::act((&backend, &path), &mut seed, step * 1000);
        sequences::count_call(&path);
        println!("counted");
    }
}
