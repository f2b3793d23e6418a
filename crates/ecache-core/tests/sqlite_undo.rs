//! Removals that are undone: the store is as if they had not been made.

mod common;

use std::collections::BTreeMap;

use common::{NOW, write};
use ecache_core::backend::sqlite::SqliteBackend;
use ecache_core::backend::{
    Backend, Commit, Did, MaintainBackend, OnConflict, Operation, ReadBackend, Record, Removal,
    Row, Scan, StoreMetadata, UndoBackend, Undone, Values, WriteBackend, fail_at_refused,
    no_progress, read_value,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::{DatasetPattern, Filter, Pattern};
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;
use proptest::prelude::*;
use proptest::sample::select;

/// The contents of a store: entries with their values.
type Contents = BTreeMap<Address, (Entry, Vec<u8>)>;

const DATASETS: [Option<&str>; 3] = [None, Some("one"), Some("two")];
const STORES: [&str; 2] = ["a", "b"];
const KEYS: [&str; 4] = [
    "k",
    "l",
    "m",
    "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88",
];

/// A change of a store.
#[derive(Clone, Debug)]
enum Step {
    Write(Box<Entry>, u8),
    /// Removes whole stores, or single entries by user and key
    Remove(Filter),
    RemoveForGood(Filter),
    /// Undoes the latest operation that can be undone
    Undo,
    /// Undoes an operation by its place in the log
    UndoOne(prop::sample::Index),
    Metadata(StoreAddress, bool),
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
        lifetime in proptest::option::of(1..100_i64),
    ) -> Entry {
        let mut entry = Entry::new(store.entry(Key::new(key).expect("a key")), Kind::Bytes, NOW);
        entry.policy = policy;
        entry.scopes.user_id = user.map(Into::into);
        entry.hits = hits;
        entry.last_used_at = (hits > 0).then_some(NOW);
        entry.expires_at = lifetime
            .filter(|_| policy == Policy::Evict)
            .map(|hours| Timestamp::from_millis(NOW.as_millis() + hours * 3_600_000));
        entry.cost_ms = Some(hits * 7);
        entry
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let stores = proptest::option::of(select(STORES.to_vec()));
    let datasets = proptest::option::of(select(DATASETS.to_vec()));
    let policy = prop_oneof![
        3 => Just(Some(Policy::Evict)),
        1 => Just(Some(Policy::Persist)),
        1 => Just(None)
    ];
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

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (entry(), any::<u8>()).prop_map(|(entry, value)| Step::Write(Box::new(entry), value)),
        4 => filter().prop_map(Step::Remove),
        1 => filter().prop_map(Step::RemoveForGood),
        2 => Just(Step::Undo),
        2 => any::<prop::sample::Index>().prop_map(Step::UndoOne),
        1 => (store(), any::<bool>()).prop_map(|(store, is_there)| Step::Metadata(store, is_there)),
    ]
}

/// The changes of an operation in the model.
#[derive(Clone, Debug)]
struct Change {
    number: u64,
    is_undo: bool,
    is_undone: bool,
    /// `true` if the entries were removed, `false` if they came back
    is_removal: bool,
    entries: Contents,
    documents: BTreeMap<StoreAddress, StoreMetadata>,
}

/// The store as it should be.
#[derive(Default)]
struct Model {
    contents: Contents,
    documents: BTreeMap<StoreAddress, StoreMetadata>,
    changes: Vec<Change>,
}

fn time(step: usize) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + step as i64)
}

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

fn documents(backend: &dyn Backend) -> BTreeMap<StoreAddress, StoreMetadata> {
    let stores = backend.stores().expect("the stores").into_iter();
    stores
        .filter_map(|store| Some((StoreAddress::clone(&store.address), store.metadata?)))
        .collect()
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

impl Model {
    fn step(&mut self, backend: &SqliteBackend, number: usize, step: &Step) {
        let now = time(number);
        match step {
            Step::Write(entry, value) => {
                let mut entry = Entry::clone(entry);
                (entry.created_at, entry.updated_at) = (now, Some(now));
                let value = vec![*value; usize::from(*value)];
                entry.size = value.len() as u64;
                import(backend, &entry, &value);
                self.contents.insert(entry.address.clone(), (entry, value));
            }
            Step::Metadata(store, is_there) => {
                let metadata = is_there.then(|| StoreMetadata {
                    value: format!("{{\"step\": {number}}}"),
                    policy: Policy::Evict,
                    created_at: now,
                    updated_at: None,
                });
                backend
                    .set_metadata(store, metadata.as_ref())
                    .expect("metadata");
                match metadata {
                    Some(metadata) => drop(self.documents.insert(store.clone(), metadata)),
                    None => drop(self.documents.remove(store)),
                }
            }
            Step::Remove(filter) => {
                let removal = backend.remove_undoably(
                    &filter.clone().into(),
                    Some(filter),
                    &operation(number),
                    now,
                    &mut no_progress,
                );
                let Ok(Removal::Done(removed)) = removal else {
                    panic!("{removal:?}")
                };
                let (entries, documents) = self.remove(filter, now);
                assert_eq!(removed.usage.entries, entries.len() as u64);
                assert_eq!(removed.documents, documents.len() as u64);
                assert_eq!(removed.operation.is_some(), removed.until.is_some());
                let is_any = !entries.is_empty() || !documents.is_empty();
                assert_eq!(removed.operation.is_some(), is_any);
                if let Some(number) = removed.operation {
                    self.changes.push(Change {
                        number,
                        is_undo: false,
                        is_undone: false,
                        is_removal: true,
                        entries,
                        documents,
                    });
                }
            }
            Step::RemoveForGood(filter) => {
                let removed = backend.remove_for_good(
                    &filter.clone().into(),
                    Some(filter),
                    &operation(number),
                    now,
                    &mut no_progress,
                );
                let (entries, _) = self.remove(filter, now);
                assert_eq!(
                    removed.expect("a removal").usage.entries,
                    entries.len() as u64
                );
            }
            Step::Undo => {
                let mut changes = self.changes.iter().rev();
                let expected = changes.find(|change| !change.is_undo && !change.is_undone);
                let expected = expected.map(|change| change.number);
                match backend.undo(None, &operation(number), now, &mut no_progress) {
                    Ok(undone) => {
                        assert_eq!(Some(undone.undone.id), expected);
                        self.undo(&undone);
                    }
                    Err(Error::NotUndoable(_)) => assert_eq!(expected, None),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::UndoOne(index) if !self.changes.is_empty() => {
                let change = &self.changes[index.index(self.changes.len())];
                let which = Some(change.number);
                match backend.undo(which, &operation(number), now, &mut no_progress) {
                    Ok(undone) => {
                        assert!(!change.is_undone);
                        self.undo(&undone);
                    }
                    // Undoing what restored nothing is nothing to undo.
                    Err(Error::NotUndoable(_)) => assert!(
                        change.is_undone
                            || (change.entries.is_empty() && change.documents.is_empty())
                    ),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::UndoOne(_) => {}
        }
    }

    fn remove(
        &mut self,
        filter: &Filter,
        now: Timestamp,
    ) -> (Contents, BTreeMap<StoreAddress, StoreMetadata>) {
        let (entries, contents) = std::mem::take(&mut self.contents)
            .into_iter()
            .partition(|(_, (entry, _))| filter.matches(entry, now));
        self.contents = contents;
        let (removed, documents) = std::mem::take(&mut self.documents)
            .into_iter()
            .partition(|(store, metadata)| filter.matches_document(store, Some(metadata.policy)));
        self.documents = documents;
        (entries, removed)
    }

    fn undo(&mut self, undone: &Undone) {
        let target = self
            .changes
            .iter_mut()
            .find(|change| change.number == undone.undone.id)
            .expect("a known operation");
        target.is_undone = true;
        assert_eq!((undone.did == Did::Restored), target.is_removal);
        let mut changed = Change {
            number: undone.operation,
            is_undo: true,
            is_undone: false,
            is_removal: !target.is_removal,
            entries: Contents::new(),
            documents: BTreeMap::new(),
        };
        let mut newer = 0;
        for (address, entry) in target.entries.clone() {
            if target.is_removal {
                if self.contents.contains_key(&address) {
                    newer += 1;
                } else {
                    self.contents.insert(address.clone(), entry.clone());
                    changed.entries.insert(address, entry);
                }
            } else if self.contents.get(&address) == Some(&entry) {
                self.contents.remove(&address);
                changed.entries.insert(address, entry);
            }
        }
        for (store, metadata) in target.documents.clone() {
            if target.is_removal {
                if !self.documents.contains_key(&store) {
                    self.documents.insert(store.clone(), metadata.clone());
                    changed.documents.insert(store, metadata);
                }
            } else if self.documents.get(&store) == Some(&metadata) {
                self.documents.remove(&store);
                changed.documents.insert(store, metadata);
            }
        }
        assert_eq!(undone.usage.entries, changed.entries.len() as u64);
        assert_eq!(undone.newer, newer);
        self.changes.push(changed);
    }

    fn check(&self, backend: &SqliteBackend, now: Timestamp) {
        assert_eq!(contents(backend, now), self.contents);
        assert_eq!(documents(backend), self.documents);
        let all = Filter::default();
        let counted = backend.usage(&all.into(), now).expect("a count");
        assert_eq!(counted.entries, self.contents.len() as u64);
        for store in STORES.into_iter().map(StoreAddress::new) {
            for key in KEYS {
                let address = store.entry(Key::new(key).expect("a key"));
                let found = backend.lookup(&address, now).expect("a look-up");
                let is_hit = matches!(found, ecache_core::backend::Lookup::Hit(..));
                assert_eq!(is_hit, self.contents.contains_key(&address), "{address}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_is_what_its_writes_removals_and_undos_make_it(
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let (ours, theirs) = (write(&path), write(&path));
        let mut model = Model::default();
        for (number, step) in steps.iter().enumerate() {
            // Another process knows other ids.
            let (backend, other) = match number % 3 {
                0 => (&theirs, &ours),
                _ => (&ours, &theirs),
            };
            model.step(backend, number, step);
            model.check(other, time(number));
        }
        model.check(&write(&path), time(steps.len()));
    }

    #[test]
    fn undoing_all_removals_restores_the_store(
        entries in prop::collection::vec((entry(), any::<u8>()), 1..30),
        filters in prop::collection::vec(filter(), 1..50),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = write(&folder.path().join("store.db"));
        let mut model = Model::default();
        for (entry, value) in &entries {
            model.step(&backend, 0, &Step::Write(Box::new(entry.clone()), *value));
        }
        let before = contents(&backend, NOW);
        for (number, filter) in filters.iter().enumerate() {
            model.step(&backend, number, &Step::Remove(filter.clone()));
        }
        for number in 0..=filters.len() {
            model.step(&backend, filters.len() + number, &Step::Undo);
        }
        prop_assert_eq!(contents(&backend, NOW), before);
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
        assert!(matches!(removed, Ok(Removal::Done(removed)) if removed.usage.entries == 1));
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
fn too_many_entries_are_not_removed_before_it_is_known() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let large = vec![7; 65 << 20];
    common::put(&backend, "large", &large).expect("an entry");
    let filter = Filter {
        keys: vec![Pattern::exact("large")],
        ..Filter::default()
    };
    let selection = filter.into();
    let removed = backend.remove_undoably(&selection, None, &operation(0), NOW, &mut no_progress);
    assert!(matches!(removed, Ok(Removal::TooMany(usage)) if usage.entries == 1));
    assert!(common::get(&backend, "large").expect("a look-up").is_some());
    let removed = backend.remove_for_good(&selection, None, &operation(0), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").until, None);
    assert!(matches!(
        backend.undo(None, &operation(1), NOW, &mut no_progress),
        Err(Error::NotUndoable(_))
    ));
    let log = backend.operations().expect("a log");
    assert_eq!(log.len(), 1);
}

/// Removes a store as one operation, and returns its number.
fn clear(backend: &SqliteBackend, store: &str, now: Timestamp) -> u64 {
    let filter = Filter::store(&StoreAddress::new(store));
    let removal =
        backend.remove_undoably(&filter.into(), None, &operation(0), now, &mut no_progress);
    let Ok(Removal::Done(removed)) = removal else {
        panic!("{removal:?}")
    };
    removed.operation.expect("a number")
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
fn what_is_removed_goes_for_good_after_a_day() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let large = vec![7; 3 << 20];
    let day = 86_400_000;
    let later = |ms: i64| Timestamp::from_millis(NOW.as_millis() + ms);
    common::put(&backend, "a", &large).expect("an entry");
    common::put(&backend, "b", b"small").expect("an entry");
    clear(&backend, "s", NOW);
    common::put(&backend, "c", &large).expect("an entry");
    common::put(&backend, "d", b"stays").expect("an entry");
    let filter = Filter {
        keys: vec![Pattern::exact("c")],
        ..Filter::default()
    };
    backend
        .remove_undoably(
            &filter.into(),
            None,
            &operation(1),
            later(1000),
            &mut no_progress,
        )
        .expect("a removal");
    assert_eq!(backend.describe().expect("facts").entries, 1);
    backend.collect_garbage(later(day - 1)).expect("nothing");
    assert_eq!((rows(&path, "entries"), rows(&path, "chunks")), (4, 6));

    backend.collect_garbage(later(day)).expect("a purge");
    assert_eq!((rows(&path, "entries"), rows(&path, "chunks")), (2, 3));
    let undo = |which, now| backend.undo(which, &operation(2), now, &mut no_progress);
    assert!(matches!(
        undo(Some(1), later(day)),
        Err(Error::NotUndoable(_))
    ));
    // The other one has another second.
    backend.collect_garbage(later(day + 1000)).expect("a purge");
    assert_eq!((rows(&path, "entries"), rows(&path, "chunks")), (1, 0));
    assert!(matches!(
        undo(None, later(day + 1000)),
        Err(Error::NotUndoable(_))
    ));
    assert_eq!(backend.operations().expect("a log").len(), 2);
    assert_eq!(rows(&path, "stores"), 1);
    let kept = common::get(&backend, "d").expect("a look-up");
    assert_eq!(kept.as_deref(), Some(&b"stays"[..]));
}

#[test]
fn earlier_removals_go_first_where_they_take_too_much() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let value = vec![7; 1 << 20];
    let mut numbers = Vec::new();
    for store in ["a", "b", "c"] {
        for key in 0..30 {
            let key = Key::new(key.to_string()).expect("a key");
            let entry = Entry::new(StoreAddress::new(store).entry(key), Kind::Bytes, NOW);
            import(&backend, &entry, &value);
        }
    }
    for store in ["a", "b", "c"] {
        numbers.push(clear(&backend, store, NOW));
    }
    // 90 MiB are kept, and nothing is in use.
    let undo = |number| backend.undo(Some(number), &operation(2), NOW, &mut no_progress);
    assert!(matches!(undo(numbers[0]), Err(Error::NotUndoable(_))));
    for number in &numbers[1..] {
        assert_eq!(undo(*number).expect("an undo").usage.entries, 30);
    }
}

#[test]
fn what_is_overwritten_is_in_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    let secret = b"a value that is not to be found again";
    let large: Vec<u8> = secret.iter().copied().cycle().take(3 << 20).collect();
    common::put(&backend, "large", &large).expect("an entry");
    common::put(&backend, "small", secret).expect("an entry");
    let is_there = || {
        let files = std::fs::read_dir(folder.path()).expect("a folder");
        files.into_iter().any(|file| {
            let bytes = std::fs::read(file.expect("a file").path()).expect("its bytes");
            bytes.windows(secret.len()).any(|window| window == secret)
        })
    };
    assert!(is_there());
    clear(&backend, "s", NOW);
    let dropped = backend.drop_kept(ecache_core::backend::DropKept::Overwritten);
    assert_eq!(dropped.expect("nothing is in the way"), 1);
    assert!(!is_there());
}

/// Moments, in milliseconds, at which a process is killed.
const MOMENTS: [u64; 10] = [0, 2, 5, 9, 14, 22, 35, 60, 90, 140];

/// Fills a store so that its removals and their undos take several transactions.
fn fill(backend: &SqliteBackend) {
    let entries = (0..3000).map(|number: usize| {
        let store = StoreAddress::new(STORES[number % 2]);
        let key = Key::new(number.to_string()).expect("a key");
        let mut entry = Entry::new(store.entry(key), Kind::Bytes, NOW);
        entry.scopes.user_id = Some("ann".into());
        if number.is_multiple_of(50) {
            entry.policy = Policy::Persist;
        }
        Ok(Record::Entry(Box::new(entry), vec![7; number % 300]))
    });
    backend
        .import(
            &mut { entries },
            OnConflict::Replace,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
        .expect("an import");
}

/// Removes whole stores, or single entries of a user.
fn remove(backend: &SqliteBackend, users: &[&str]) {
    let filter = Filter {
        users: users.iter().copied().map(Pattern::exact).collect(),
        policy: Some(Policy::Evict),
        ..Filter::default()
    };
    backend
        .remove_undoably(&filter.into(), None, &operation(0), NOW, &mut no_progress)
        .expect("a removal");
}

/// Starts a worker, and kills it some time after its first line.
fn kill_worker(job: &str, path: &std::path::Path, moment: u64) {
    use std::io::BufRead;
    let mut child = common::worker(job, path).spawn().expect("a worker");
    let output = child.stdout.take().expect("piped");
    let mut lines = std::io::BufReader::new(output).lines();
    let begun = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("begun")));
    begun.expect("it begins").expect("a line");
    std::thread::sleep(std::time::Duration::from_millis(moment));
    child.kill().expect("it is running");
    child.wait().expect("it ends");
}

#[test]
fn a_killed_removal_or_undo_can_be_undone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    fill(&write(&path));
    let before = contents(&write(&path), NOW);
    for moment in MOMENTS {
        kill_worker("remove and undo", &path, moment);
        let backend = write(&path);
        while backend
            .undo(None, &operation(1), NOW, &mut no_progress)
            .is_ok()
        {}
        assert!(
            contents(&backend, NOW) == before,
            "killed after {moment} ms"
        );
        assert_eq!(common::integrity(&path), "ok");
    }
}

#[test]
fn a_killed_purge_takes_nothing_that_is_in_use() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for moment in MOMENTS {
        let path = folder.path().join(format!("{moment}.db"));
        let backend = write(&path);
        fill(&backend);
        remove(&backend, &["ann"]);
        fill(&backend);
        remove(&backend, &[]);
        fill(&backend);
        let before = contents(&backend, NOW);
        drop(backend);
        kill_worker("purge", &path, moment / 4);
        let backend = write(&path);
        assert!(
            contents(&backend, NOW) == before,
            "killed after {moment} ms"
        );
        backend
            .drop_kept(ecache_core::backend::DropKept::Deleted)
            .expect("the rest");
        assert!(contents(&backend, NOW) == before, "after the rest");
        assert_eq!(rows(&path, "entries"), 3000);
        assert_eq!(common::integrity(&path), "ok");
    }
}

#[test]
#[ignore = "a process of the tests above"]
fn worker_process() {
    let (job, path) = common::job();
    let backend = write(&path);
    println!("begun");
    match job.as_str() {
        "purge" => drop(backend.drop_kept(ecache_core::backend::DropKept::Deleted)),
        _ => loop {
            for users in [&[][..], &["ann"]] {
                remove(&backend, users);
                backend
                    .undo(None, &operation(1), NOW, &mut no_progress)
                    .expect("an undo");
            }
        },
    }
    // Waits to be killed.
    std::thread::sleep(std::time::Duration::from_secs(60));
}
