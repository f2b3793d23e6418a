//! Operations of every kind, and their undos: the store is as if they had not been made.

mod common;

use std::collections::BTreeMap;

use common::{NOW, write};
use ecache_core::backend::memory::MemoryBackend;
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Backend, Commit, Did, ImportLog, KeepForUndo, MAX_UNDO_ENTRIES, OnConflict, OnExistingStore,
    Operation, ReadBackend, Record, Removal, Row, Scan, StoreMetadata, StoreRecord, StoresBackend,
    Touch, UNDO_KEEP, UNDO_SIZE, UndoBackend, UndoState, Undone, Values, WriteBackend,
    fail_at_refused, no_progress, read_value,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::{DatasetPattern, Filter, Pattern};
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::transfer::{FoundRecord, Importer, Records};
use ecache_core::value::Kind;
use proptest::prelude::*;
use proptest::sample::select;

/// A store as `export` sees it, with its settings.
#[derive(Clone, Debug, Default, PartialEq)]
struct Contents {
    entries: BTreeMap<Address, (Entry, Vec<u8>)>,
    documents: BTreeMap<StoreAddress, StoreMetadata>,
    settings: BTreeMap<String, String>,
}

const DATASETS: [Option<&str>; 2] = [None, Some("one")];
const STORES: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 4] = [
    "k",
    "l",
    "m",
    "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88",
];

#[derive(Clone, Debug)]
enum Step {
    Remove(Filter),
    Touch(Filter, Touch),
    Import(Vec<(Entry, u8)>, Option<StoreAddress>, OnConflict, usize),
    /// Copies what a filter selects of another store
    Copy(Vec<(Entry, u8)>, Option<StoreAddress>, Filter, OnConflict),
    Rename(StoreAddress, StoreAddress, OnExistingStore),
    Set(&'static str, Option<u8>),
    /// Takes the latest of the others back
    Undo,
}

fn later(ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + ms)
}

fn store() -> impl Strategy<Value = StoreAddress> {
    (select(STORES.to_vec()), select(DATASETS.to_vec())).prop_map(|(name, dataset)| {
        let store = StoreAddress::new(name);
        match dataset {
            Some(dataset) => store.with_dataset(dataset),
            None => store,
        }
    })
}

prop_compose! {
    fn entry()(
        store in store(),
        key in select(KEYS.to_vec()),
        policy in prop_oneof![3 => Just(Policy::Evict), 1 => Just(Policy::Persist)],
        user in proptest::option::of(select(vec!["ann", "bob"])),
        hits in 0..3_u64,
        created in -1000..1000_i64,
        updated in proptest::option::of(-1000..1000_i64),
        lifetime in proptest::option::of(1..100_i64),
    ) -> Entry {
        let address = store.entry(Key::new(key).expect("a key"));
        let mut entry = Entry::new(address, Kind::Bytes, later(created));
        // Some claim to have been written later than the operations.
        entry.updated_at = updated.map(later);
        entry.policy = policy;
        entry.scopes.user_id = user.map(Into::into);
        entry.hits = hits;
        entry.saved_ms = hits * 5;
        entry.last_used_at = (hits > 0).then_some(NOW);
        entry.expires_at = lifetime
            .filter(|_| policy == Policy::Evict)
            .map(|hours| later(hours * 3_600_000));
        entry.cost_ms = Some(hits * 7);
        entry
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let stores = proptest::option::of(select(STORES.to_vec()));
    let datasets = proptest::option::of(select(DATASETS.to_vec()));
    let policy = proptest::option::of(select(vec![Policy::Evict, Policy::Persist]));
    let users = proptest::option::weighted(0.3, select(vec!["ann", "bob"]));
    let keys = proptest::option::weighted(0.3, select(KEYS.to_vec()));
    (stores, datasets, policy, users, keys).prop_map(|(store, dataset, policy, user, key)| Filter {
        stores: store.map(Pattern::exact).into_iter().collect(),
        datasets: dataset.map(DatasetPattern::exact).into_iter().collect(),
        users: user.map(Pattern::exact).into_iter().collect(),
        keys: key.map(Pattern::exact).into_iter().collect(),
        policy,
        ..Filter::default()
    })
}

fn touch() -> impl Strategy<Value = Touch> {
    let expiry = proptest::option::of(proptest::option::of(1..9_i64));
    let policy = proptest::option::of(select(vec![Policy::Evict, Policy::Persist]));
    (expiry, policy).prop_map(|(expiry, policy)| Touch {
        expires_at: expiry.map(|at| at.map(|hours| later(hours * 3_600_000))),
        policy,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let entries = || prop::collection::vec((entry(), any::<u8>()), 1..8);
    let conflict = || {
        select(vec![
            OnConflict::Replace,
            OnConflict::Keep,
            OnConflict::Newer,
        ])
    };
    let document = || proptest::option::weighted(0.3, store());
    let existing = select(vec![OnExistingStore::Fail, OnExistingStore::Merge]);
    prop_oneof![
        3 => filter().prop_map(Step::Remove),
        2 => (filter(), touch()).prop_map(|(filter, touch)| Step::Touch(filter, touch)),
        3 => (entries(), document(), conflict(), 1..9_usize).prop_map(
            |(entries, document, conflict, size)| Step::Import(entries, document, conflict, size)
        ),
        2 => (entries(), document(), filter(), conflict()).prop_map(
            |(entries, document, filter, conflict)| Step::Copy(entries, document, filter, conflict)
        ),
        2 => (store(), store(), existing).prop_map(|(from, to, existing)| {
            Step::Rename(from, to, existing)
        }),
        1 => (select(vec!["x", "y"]), proptest::option::of(any::<u8>()))
            .prop_map(|(name, value)| Step::Set(name, value)),
        2 => Just(Step::Undo),
    ]
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
    Record::Store(StoreRecord {
        address: store.clone().into(),
        metadata: Some(StoreMetadata {
            value: format!("{{\"at\": {at}}}"),
            policy: Policy::Evict,
            created_at: later(at),
            updated_at: None,
        }),
    })
}

fn record((entry, value): &(Entry, u8)) -> Record {
    let bytes = vec![*value; usize::from(*value)];
    let mut entry = entry.clone();
    entry.size = bytes.len() as u64;
    Record::Entry(Box::new(entry), bytes)
}

/// Imports a record into a store that logs nothing.
fn import_into(backend: &dyn Backend, record: Record) {
    let mut records = std::iter::once(Ok(record));
    let imported = backend.import(
        &mut records,
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
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
    let mut log = ImportLog {
        operation: operation(),
        keep: KeepForUndo::Yes,
        now: later(at),
        on_beyond: &mut on_beyond,
        number: None,
        until: None,
    };
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

fn make(backend: &SqliteBackend, step: &Step, at: i64) {
    let (operation, now) = (operation(), later(at));
    match step {
        Step::Remove(filter) => {
            let selection = filter.clone().into();
            let removal = backend.remove_undoably(
                &selection,
                Some(filter),
                &operation,
                now,
                &mut no_progress,
            );
            assert!(matches!(removal, Ok(Removal::Done(_))), "{removal:?}");
        }
        Step::Touch(filter, touch) => {
            let touched = backend.touch_logged(
                &filter.clone().into(),
                *touch,
                KeepForUndo::Yes,
                &operation,
                now,
                &mut no_progress,
            );
            assert!(matches!(touched, Ok(Removal::Done(_))), "{touched:?}");
        }
        Step::Import(entries, store, on_conflict, size) => {
            let mut records: Vec<Record> = entries.iter().map(record).collect();
            records.extend(store.as_ref().map(|store| document(store, at)));
            import(backend, records, (*on_conflict, *size), at);
        }
        Step::Copy(entries, store, filter, on_conflict) => {
            let other = MemoryBackend::new();
            let mut records: Vec<Record> = entries.iter().map(record).collect();
            records.extend(store.as_ref().map(|store| document(store, at)));
            for record in records {
                import_into(&other, record);
            }
            let mut on_beyond = || panic!("they are few");
            let log = ImportLog {
                operation,
                keep: KeepForUndo::Yes,
                now,
                on_beyond: &mut on_beyond,
                number: None,
                until: None,
            };
            let mut refused = fail_at_refused;
            let mut importer = Importer::new(backend, *on_conflict, &mut refused).logging(log);
            for found in Records::new(&other, filter, now).expect("a scan") {
                let FoundRecord::Record(record) = found.expect("a record") else {
                    panic!("all can be copied")
                };
                importer.add(record).expect("copied");
            }
            importer.flush().expect("copied");
        }
        Step::Rename(from, to, on_existing) => {
            let renamed = backend.rename_logged(
                (from, to),
                *on_existing,
                KeepForUndo::Yes,
                &operation,
                now,
                &mut no_progress,
            );
            match renamed {
                Ok(_) | Err(Error::StoreExists { .. } | Error::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        Step::Set(name, value) => {
            let value = value.map(|value| value.to_string());
            backend
                .change_settings(&[(*name, value.as_deref())], &operation, now)
                .expect("a change");
        }
        Step::Undo => drop(undo(backend, None, at)),
    }
}

fn undo(backend: &SqliteBackend, which: Option<u64>, at: i64) -> Option<Undone> {
    match backend.undo(which, &operation(), later(at), &mut no_progress) {
        Ok(undone) => {
            assert_eq!((undone.newer, undone.damaged), (0, 0), "{undone:?}");
            Some(undone)
        }
        Err(Error::NotUndoable(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn undoing_everything_restores_the_store_and_undoing_that_the_operations(
        entries in prop::collection::vec((entry(), any::<u8>()), 1..20),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let backend = write(&path);
        let mut records: Vec<Record> = entries.iter().map(record).collect();
        records.push(document(&StoreAddress::new("a"), 0));
        backend
            .import(
                &mut records.into_iter().map(Ok),
                OnConflict::Replace,
                Commit::Whole,
                &mut fail_at_refused,
                &mut no_progress,
            )
            .expect("an import");
        let before = contents(&backend);
        for (number, step) in steps.iter().enumerate() {
            make(&backend, step, 1 + number as i64);
        }
        let after = contents(&backend);
        let mut undos = Vec::new();
        while let Some(undone) = undo(&backend, None, 100) {
            undos.push(undone.operation);
        }
        prop_assert_eq!(contents(&backend), before.clone());
        // And again, by way of the undos.
        let mut redos = Vec::new();
        for number in undos.iter().rev() {
            redos.extend(undo(&backend, Some(*number), 200).map(|undone| undone.operation));
        }
        prop_assert_eq!(contents(&write(&path)), after);
        for number in redos.iter().rev() {
            undo(&backend, Some(*number), 300);
        }
        prop_assert_eq!(contents(&backend), before);
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
fn what_was_changed_since_stays() {
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
    let undo = |which, at| {
        let undone = backend.undo(Some(which), &operation(), later(at), &mut no_progress);
        undone.expect("an undo")
    };
    let undone = undo(2, 3);
    assert_eq!((undone.did, undone.usage.entries), (Did::Touched, 0));
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
        (undone.did, undone.usage.entries, undone.newer),
        (Did::Renamed, 0, 1)
    );
    assert_eq!(contents(&backend).entries.len(), 2);
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
    let told = (Some(last.id), last.did, last.usage.entries, last.undo);
    let expected = (renamed.operation, Did::Renamed, 1, UndoState::Impossible);
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
fn how_long_and_how_much_is_kept_is_set_for_all_writers() {
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
    // The latest keeps its time, the one before is too much.
    assert_eq!(log[1].undo, UndoState::Impossible);
}
