//! Removals that are undone: the store is as if they had not been made.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/generate.rs"]
mod generate;
mod kept;
mod killed;
mod model;

use std::collections::BTreeMap;

use common::{NOW, write};
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Backend, ChangeOutcome, Commit, CountBackend, Effect, ImportBackend, KeepForUndo,
    MaintainBackend, OnConflict, OnExistingStore, Operation, ReadBackend, Record, Row, Scan,
    StoreMetadata, StoresBackend, UndoBackend, Undone, Values, fail_at_refused, no_progress,
    read_value,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern};
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;
use proptest::prelude::*;
use proptest::sample::select;

/// The contents of a store: entries with their values.
type Contents = BTreeMap<Address, (Entry, Vec<u8>)>;

const STORES: [&str; 2] = ["a", "b"];

fn contents(backend: &dyn Backend, now: Timestamp) -> Contents {
    let scan = Scan {
        values: Values::Include,
        ..Scan::new(Filter::default())
    };
    let mut found = Contents::new();
    for row in backend.scan(&scan, now).expect("a scan") {
        let Row::Entry(entry, Some(content)) = row.expect("a row") else {
            panic!("nothing is damaged")
        };
        let value = read_value(backend, entry.kind, content).expect("a value");
        let before = found.insert(entry.address.clone(), (*entry, value.bytes));
        assert!(before.is_none(), "an entry is listed twice");
    }
    found
}

fn import(backend: &dyn Backend, entry: &Entry, value: &[u8]) {
    let record = Record::Entry(Box::new(entry.clone()), value.to_vec());
    backend
        .import(
            &mut std::iter::once(Ok(record)),
            OnConflict::Replace,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
}

fn operation(step: usize) -> Operation {
    Operation {
        user: "ann".into(),
        command: format!("step {step}"),
        ..Operation::default()
    }
}

#[test]
fn a_large_value_comes_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let large: Vec<u8> = (0..3 << 20).map(|byte: u32| (byte / 7) as u8).collect();
    common::put(&backend, "large", &large).expect("an entry");
    for filter in [
        Filter::store(&StoreAddress::new("s")),
        Filter {
            keys: vec![Pattern::exact("large")],
            ..Filter::default()
        },
    ] {
        let removed =
            backend.remove_undoably(&filter.into(), None, &operation(0), NOW, &mut no_progress);
        assert!(matches!(removed, Ok(ChangeOutcome::Done(removed)) if removed.usage.entries == 1));
        assert_eq!(common::get(&backend, "large").expect("a look-up"), None);
        let later = Timestamp::from_millis(NOW.as_millis() + 3_600_000);
        backend.collect_garbage(later).expect("no garbage");
        backend.compact(later).expect("no garbage");
        backend
            .undo(None, &operation(1), later, &mut no_progress)
            .expect("an undo");
        assert!(common::get(&backend, "large").expect("a look-up") == Some(large.clone()));
    }
}

#[test]
fn undos_at_the_same_time_undo_different_operations() {
    const USERS: [&str; 3] = ["ann", "bob", "eve"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    // Enough for two transactions.
    let entries = (0..2500).flat_map(|number: u32| USERS.map(|user| (number, user)));
    let records = entries.map(|(number, user)| {
        let key = Key::new(format!("{user} {number}")).expect("a key");
        let mut entry = Entry::new(StoreAddress::new("a").entry(key), Kind::Bytes, NOW);
        entry.scopes.user_id = Some(user.into());
        Ok(Record::Entry(Box::new(entry), vec![7; 9]))
    });
    let imported = backend.import(
        &mut { records },
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
    let before = contents(&backend, NOW);
    let undo_by_three = |which: Option<u64>| {
        let start = std::sync::Barrier::new(USERS.len());
        let undo = || {
            let other = write(&path);
            start.wait();
            other.undo(which, &operation(1), NOW, &mut no_progress)
        };
        std::thread::scope(|scope| {
            let threads = USERS.map(|_| scope.spawn(undo));
            threads.map(|thread| thread.join().expect("no panic"))
        })
    };
    for _ in 0..3 {
        for user in USERS {
            killed::remove(&backend, &[user]);
        }
        let undone = undo_by_three(None).map(|undone| undone.expect("an undo").undone.id);
        assert_eq!(std::collections::BTreeSet::from(undone).len(), USERS.len());
        assert!(contents(&backend, NOW) == before);
        killed::remove(&backend, &["ann"]);
        let number = backend.operations().expect("the log")[0].id;
        let undone = undo_by_three(Some(number));
        assert_eq!(undone.iter().filter(|undone| undone.is_ok()).count(), 1);
        for refused in undone.iter().filter_map(|undone| undone.as_ref().err()) {
            let by = format!("operation {number} was undone by operation {}", number + 1);
            assert!(refused.to_string().starts_with(&by), "{refused}");
        }
        assert!(contents(&backend, NOW) == before);
    }
}

fn rows(path: &std::path::Path, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), (), |row| {
            row.get(0)
        })
        .expect("a count")
}

#[test]
#[ignore = "a process of the tests in `killed`"]
fn worker_process() {
    let (job, path) = common::job();
    let backend = write(&path);
    println!("begun");
    match job.as_str() {
        "purge" => drop(backend.drop_kept(ecache_core::backend::DropKept::Deleted)),
        _ => loop {
            for users in [&[][..], &["ann"]] {
                killed::remove(&backend, users);
                backend
                    .undo(None, &operation(1), NOW, &mut no_progress)
                    .expect("an undo");
            }
        },
    }
    // Waits to be killed.
    std::thread::sleep(std::time::Duration::from_secs(60));
}
