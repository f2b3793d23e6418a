//! Operations of every kind, and their undos: the store is as if they had not been made.

mod any_order;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/generate.rs"]
mod generate;
mod out_of_order;
mod refused;
mod steps;

use std::collections::BTreeMap;

use common::{NOW, write};
use ecache_core::backend::memory::MemoryBackend;
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Backend, ChangeOutcome, Commit, Condition, Content, DropKept, Effect, Expiry, ImportBackend,
    ImportLog, Keep, KeepForUndo, Lookup, MAX_UNDO_ENTRIES, MaintainBackend, OnConflict,
    OnExistingStore, Operation, Put, PutOptions, ReadBackend, Record, Row, Scan, ScanBackend,
    StoreMetadata, StoreRecord, StoresBackend, Touch, UNDO_KEEP, UNDO_SIZE, UndoBackend, UndoState,
    Undone, Values, fail_at_refused, no_progress, read_value,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::{Error, NotUndoable};
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::transfer::{FoundRecord, Importer, Records};
use ecache_core::value::Kind;
use proptest::prelude::*;
use proptest::sample::select;
use steps::{Step, make};

/// A store as `export` sees it, with its settings.
#[derive(Clone, Debug, Default, PartialEq)]
struct Contents {
    entries: BTreeMap<Address, (Entry, Vec<u8>)>,
    documents: BTreeMap<StoreAddress, StoreMetadata>,
    settings: BTreeMap<String, String>,
}

fn later(ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + ms)
}

fn contents(backend: &SqliteBackend) -> Contents {
    let mut found = Contents {
        settings: backend.settings().expect("the settings"),
        ..Contents::default()
    };
    let scan = Scan {
        values: Values::Include,
        ..Scan::new(Filter::default())
    };
    for row in backend.scan(&scan, NOW).expect("a scan") {
        let Row::Entry(entry, Some(content)) = row.expect("a row") else {
            panic!("nothing is damaged")
        };
        let value = read_value(backend, entry.kind, content).expect("a value");
        let address = entry.address.clone();
        let before = found.entries.insert(address, (*entry, value.bytes));
        assert!(before.is_none(), "an entry is listed twice");
    }
    let stores = backend.stores().expect("the stores").into_iter();
    found.documents = stores
        .filter_map(|store| Some((StoreAddress::clone(&store.address), store.metadata?)))
        .collect();
    found
}

fn operation() -> Operation {
    Operation {
        user: "ann".into(),
        command: "a command".into(),
        ..Operation::default()
    }
}

fn document(store: &StoreAddress, at: i64) -> Record {
    Record::Store(StoreRecord::new(
        store.clone().into(),
        Some(StoreMetadata {
            value: format!("{{\"at\": {at}}}"),
            policy: Policy::Evict,
            created_at: later(at),
            updated_at: None,
        }),
    ))
}

fn record((entry, value): &(Entry, u8)) -> Record {
    let bytes = vec![*value; usize::from(*value)];
    let mut entry = entry.clone();
    entry.size = bytes.len() as u64;
    Record::Entry(Box::new(entry), bytes)
}

/// Imports in transactions of `size` records, and returns the log.
fn import(
    backend: &SqliteBackend,
    records: Vec<Record>,
    (on_conflict, size): (OnConflict, usize),
    at: i64,
) -> (Option<u64>, bool) {
    let mut is_beyond = false;
    let mut on_beyond = || is_beyond = true;
    let mut log = ImportLog::new(operation(), KeepForUndo::Yes, later(at), &mut on_beyond);
    backend
        .import_logged(
            &mut records.into_iter().map(Ok),
            on_conflict,
            Commit::Every(size),
            &mut log,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
    let number = log.number;
    assert_eq!(
        log.until.is_some(),
        number.is_some() && log.keep == KeepForUndo::Yes
    );
    (number, is_beyond)
}

fn undo(backend: &SqliteBackend, which: Option<u64>, at: i64) -> Option<Undone> {
    let rehearsed = backend.rehearse_undo(which, &operation(), later(at));
    match backend.undo(which, &operation(), later(at), &mut no_progress) {
        Ok(undone) => {
            let left = (undone.newer, undone.gone, undone.damaged);
            assert_eq!(left, (0, 0, 0), "{undone:?}");
            assert_eq!(rehearsed.ok().as_ref(), Some(&undone));
            Some(undone)
        }
        Err(Error::NotUndoable(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

fn one(backend: &SqliteBackend, key: &str) -> Entry {
    let mut entry = Entry::new(common::address(key), Kind::Bytes, NOW);
    entry.size = 3;
    let record = Record::Entry(Box::new(entry.clone()), b"abc".to_vec());
    import(backend, vec![record], (OnConflict::Replace, 10), 0);
    entry
}

#[test]
fn entries_changed_since_an_operation_stay_when_it_is_undone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let entry = one(&backend, "k");
    let touch = |hours: i64, at| {
        let touch = Touch {
            expires_at: Some(Some(later(hours * 3_600_000))),
            policy: None,
        };
        make(&backend, &Step::Touch(Filter::default(), touch), at);
    };
    touch(1, 1);
    touch(2, 2);
    one(&backend, "other");
    touch(3, 3);
    common::put(&backend, "k", b"new").expect("an entry");
    let undo = |which, at| {
        let undone = backend.undo(Some(which), &operation(), later(at), &mut no_progress);
        undone.expect("an undo")
    };
    let undone = undo(5, 4);
    assert_eq!((undone.effect, undone.usage.entries), (Effect::Touched, 1));
    assert_eq!(undone.newer_examples, std::slice::from_ref(&entry.address));

    // An imported entry that was written since stays, and so does the one that it replaced gone.
    let again = one(&backend, "k");
    make(
        &backend,
        &Step::Import(vec![(again, 7)], None, OnConflict::Replace, 9),
        4,
    );
    common::put(&backend, "k", b"newer").expect("an entry");
    let (_, value) = contents(&backend).entries[&entry.address].clone();
    assert_eq!(value, b"newer");

    // A store that was renamed comes back without the keys that are there again.
    let (from, to) = (StoreAddress::new("s"), StoreAddress::new("t"));
    make(&backend, &Step::Rename(from, to, OnExistingStore::Fail), 10);
    let number = backend.operations().expect("a log")[0].id;
    let put = common::put(&backend, "k", b"another");
    put.expect("an entry");
    let undone = undo(number, 11);
    assert_eq!(
        (undone.effect, undone.usage.entries, undone.newer),
        (Effect::Renamed, 1, 1)
    );
    assert_eq!(contents(&backend).entries.len(), 3);
}

#[test]
fn a_renaming_that_keeps_nothing_for_undo_is_logged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    one(&backend, "k");
    let (from, to) = (StoreAddress::new("s"), StoreAddress::new("t"));
    let renamed = backend.rename_logged(
        (&from, &to),
        OnExistingStore::Fail,
        KeepForUndo::No,
        &operation(),
        later(1),
        &mut no_progress,
    );
    let renamed = renamed.expect("renamed");
    assert_eq!((renamed.usage.entries, renamed.until), (1, None));
    let last = &backend.operations().expect("a log")[0];
    let told = (Some(last.id), last.effect, last.usage.entries, last.undo);
    let expected = (renamed.operation, Effect::Renamed, 1, UndoState::Impossible);
    assert_eq!(told, expected);
    // The import before it is the latest that can be undone; what moved away since stays.
    assert_eq!(contents(&backend).entries.len(), 1);
}

#[test]
fn an_import_that_replaces_too_much_says_so_and_keeps_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let records = |value: u8| -> Vec<Record> {
        let numbers = 0..=MAX_UNDO_ENTRIES;
        numbers
            .map(|number| {
                let address = common::address(&number.to_string());
                record(&(Entry::new(address, Kind::Bytes, NOW), value))
            })
            .collect()
    };
    let all = (OnConflict::Replace, 40_000);
    let (number, is_beyond) = import(&backend, records(1), all, 0);
    assert!(!is_beyond, "none is replaced");
    let (second, is_beyond) = import(&backend, records(2), all, 1);
    assert!(is_beyond);
    let log = backend.operations().expect("a log");
    assert_eq!(log[0].id, second.expect("a number"));
    assert_eq!(log[0].undo, UndoState::Impossible);
    assert_eq!(log[0].usage.entries, MAX_UNDO_ENTRIES + 1);
    assert!(matches!(log[1].undo, UndoState::Until(_)), "{number:?}");
    let connection = rusqlite::Connection::open(&path).expect("a database");
    let rows = "SELECT count(*) FROM entries";
    let rows: u64 = connection
        .query_row(rows, (), |row| row.get(0))
        .expect("a count");
    assert_eq!(rows, MAX_UNDO_ENTRIES + 1);
}

#[test]
fn the_time_and_amount_kept_for_undo_are_set_for_all_writers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let hour = 3_600_000;
    for store in ["a", "b"] {
        for number in 0..30 {
            let key = Key::new(number.to_string()).expect("a key");
            let entry = Entry::new(StoreAddress::new(store).entry(key), Kind::Bytes, NOW);
            let mut entry = entry;
            entry.size = 1 << 20;
            let record = Record::Entry(Box::new(entry), vec![7; 1 << 20]);
            import(&backend, vec![record], (OnConflict::Replace, 1), 0);
        }
    }
    let keep = [(UNDO_KEEP, Some("3600000")), (UNDO_SIZE, Some("1000000"))];
    let set = write(&path).change_settings(&keep, &operation(), NOW);
    set.expect("a change");
    for store in ["a", "b"] {
        make(
            &backend,
            &Step::Remove(Filter::store(&StoreAddress::new(store))),
            1,
        );
    }
    let log = backend.operations().expect("a log");
    assert_eq!(log[0].undo, UndoState::Until(later(1 + hour)));
    // The latest keeps its time, the one before is too much. A setting takes no space.
    assert_eq!(log[1].undo, UndoState::Impossible);
    assert_eq!((log[2].effect, log[2].settings), (Effect::Set, 2));
    assert_eq!(log[2].undo, UndoState::Until(later(hour)));
}

#[test]
fn operations_that_keep_no_entries_are_undone_after_those_are_dropped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    one(&backend, "k");
    one(&backend, "another");
    let before = contents(&backend);
    let touch = Touch {
        expires_at: Some(Some(later(1000))),
        policy: None,
    };
    let (from, to) = (StoreAddress::new("s"), StoreAddress::new("t"));
    let steps = [
        Step::Set("x", Some(1)),
        Step::Touch(Filter::default(), touch),
        Step::Rename(from, to.clone(), OnExistingStore::Fail),
    ];
    for (step, at) in steps.iter().zip(1..) {
        make(&backend, step, at);
    }
    let log = backend.operations().expect("a log");
    for how in [DropKept::Deleted, DropKept::Overwritten] {
        // The removal is lost, and nothing else.
        let removal = Step::Import(
            vec![(
                Entry::new(
                    to.entry(Key::new("another").expect("a key")),
                    Kind::Bytes,
                    NOW,
                ),
                2,
            )],
            None,
            OnConflict::Replace,
            9,
        );
        make(&backend, &removal, 5);
        assert_eq!(backend.drop_kept(how).expect("dropped"), 1);
        assert_eq!(backend.drop_kept(how).expect("dropped"), 0);
    }
    let after = backend.operations().expect("a log");
    assert_eq!(after[2..], log);
    assert_eq!(contents(&backend).settings.len(), 1);
    for effect in [Effect::Renamed, Effect::Touched, Effect::Set] {
        let undone = backend.undo(None, &operation(), later(9), &mut no_progress);
        assert_eq!(undone.expect("an undo").effect, effect);
    }
    let left = contents(&backend);
    assert_eq!(
        (left.settings, left.documents),
        (before.settings, before.documents)
    );
    // After its day a change of a setting is over, and its record stays as it is.
    make(&backend, &Step::Set("y", Some(1)), 10);
    let day = 86_400_000;
    backend.collect_garbage(later(10 + day)).expect("a purge");
    let undone = backend.undo(None, &operation(), later(10 + day), &mut no_progress);
    let over = matches!(
        undone,
        Err(Error::NotUndoable(NotUndoable::LatestOver { .. }))
    );
    assert!(over, "{undone:?}");
    let last = backend.operations().expect("a log").swap_remove(0);
    assert_eq!(last.settings, 1);
    let until = later(10 + day);
    assert_eq!(last.undo.at(later(9 + day)), UndoState::Until(until));
    assert_eq!(last.undo.at(until), UndoState::Over(until));
}

#[test]
fn an_import_in_several_transactions_is_undone_as_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for size in 1..5 {
        let backend = write(&folder.path().join(format!("{size}.db")));
        let lines = |keys: &[(&str, u8)]| -> Vec<(Entry, u8)> {
            let line = |(key, value): &(&str, u8)| {
                let entry = Entry::new(common::address(key), Kind::Bytes, NOW);
                (entry, *value)
            };
            keys.iter().map(line).collect()
        };
        let import = |lines, at| {
            make(
                &backend,
                &Step::Import(lines, None, OnConflict::Replace, size),
                at,
            );
        };
        import(lines(&[("k", 9)]), 1);
        let before = contents(&backend);
        import(
            lines(&[("k", 1), ("n", 2), ("k", 3), ("n", 4), ("k", 5)]),
            2,
        );
        let after = contents(&backend);
        for _ in 0..2 {
            let undone = undo(&backend, None, 3).expect("an undo");
            let usage = |entries, bytes| ecache_core::filter::Usage { entries, bytes };
            assert_eq!(
                (undone.usage, undone.replaced),
                (usage(2, 9), usage(1, 9)),
                "{size}"
            );
            assert_eq!(contents(&backend), before, "{size}");
            undo(&backend, Some(undone.operation), 4).expect("an undo");
            assert_eq!(contents(&backend), after, "{size}");
        }
    }
}
