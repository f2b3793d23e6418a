//! A store that is renamed while others have the file open, and one with damage in it.

mod common;

use std::sync::Arc;

use common::{NOW, get, integrity, put, random, write};
use ecache_core::backend::{
    Backend, Condition, Content, KeepForUndo, MaintainBackend, OnExistingStore, Operation,
    UndoBackend, WriteBackend, no_progress,
};
use ecache_core::entry::Entry;
use ecache_core::error::{Error, Result};
use ecache_core::filter::{Filter, Usage};
use ecache_core::key::Key;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{CallGroup, Event, Log, Outcome};
use ecache_core::value::{CHUNK_SIZE, Kind};
use rusqlite::Connection;

fn rename(backend: &dyn Backend, from: &str, to: &str) -> Result<Usage> {
    let (from, to) = (StoreAddress::new(from), StoreAddress::new(to));
    backend.rename_store(&from, &to, OnExistingStore::Fail, &mut no_progress)
}

fn count(backend: &dyn Backend, store: &str) -> u64 {
    let all = Filter::store(&StoreAddress::new(store)).into();
    backend.usage(&all, NOW).expect("a count").entries
}

#[test]
fn a_process_that_knows_the_old_name_goes_on_writing_to_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let (one, other) = (write(&path), write(&path));
    put(&other, "a", b"1").expect("an entry");
    assert_eq!(get(&other, "a").expect("a look-up"), Some(b"1".to_vec()));

    assert_eq!(rename(&one, "s", "new").expect("a renaming").entries, 1);
    assert_eq!(get(&other, "a").expect("a look-up"), None);
    put(&other, "b", b"2").expect("an entry");
    for backend in [&one, &other] {
        assert_eq!((count(backend, "s"), count(backend, "new")), (1, 1));
    }
    assert!(matches!(
        rename(&one, "s", "new"),
        Err(Error::StoreExists { .. })
    ));
}

#[test]
fn large_values_come_along() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let store = write(&path);
    let value: Vec<u8> = (0..=u8::MAX).cycle().take(3 * CHUNK_SIZE + 1).collect();
    put(&store, "large", &value).expect("an entry");
    put(&store, "small", b"1").expect("an entry");
    assert_eq!(rename(&store, "s", "t").expect("a renaming").entries, 2);
    assert_eq!(rename(&store, "t", "s").expect("a renaming").entries, 2);
    store.compact(NOW).expect("compacted");
    assert_eq!(get(&store, "large").expect("a look-up"), Some(value));
    assert_eq!(
        get(&store, "small").expect("a look-up"),
        Some(b"1".to_vec())
    );
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn a_store_with_damage_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    for key in ["a", "b", "c"] {
        put(&write(&path), key, b"value").expect("an entry");
    }
    let connection = Connection::open(&path).expect("a database");
    let sql = "UPDATE entries SET policy = 0 WHERE key = 'b'";
    assert_eq!(connection.execute(sql, ()).expect("changed"), 1);
    drop(connection);
    let store = write(&path);
    let error = rename(&store, "s", "t").expect_err("an entry is damaged");
    let Error::DamagedEntry { address } = error else {
        panic!("{error}");
    };
    assert_eq!(address.key.as_str(), "b");
    assert_eq!((count(&store, "s"), count(&store, "t")), (3, 0));
    assert_eq!(
        get(&store, "c").expect("a look-up"),
        Some(b"value".to_vec())
    );
}

/// A call that was counted: the number of its store.
type Call = usize;

/// A renaming that can be undone: its number, the calls that it moved, and between which stores.
type Renamed = (u64, Vec<usize>, Call, Call);

/// A file whose stores are renamed while calls are counted, beside the expected counts.
struct Counted {
    log: Log,
    backend: ecache_core::backend::sqlite::SqliteBackend,
    calls: Vec<Call>,
    renamed: Vec<Renamed>,
    /// The number of the latest undo, and the renaming that it undid
    undone: Option<(u64, Renamed)>,
    users: [Option<Arc<str>>; 2],
}

const STORES: usize = 3;

fn named(store: usize) -> StoreAddress {
    StoreAddress::new(&format!("store {store}"))
}

impl Counted {
    /// Writes an entry, and counts a call.
    fn call(&mut self, store: usize) {
        let key = Key::new(self.calls.len().to_string()).expect("a key");
        let entry = Entry::new(named(store).entry(key), Kind::Bytes, NOW);
        let content = Content::Inline(b"1".to_vec());
        let put = self
            .backend
            .put(&entry, &content, &Condition::Always.into(), NOW);
        put.expect("an entry");
        let hours = (self.calls.len() % 4) as i64 * ecache_core::usage::HOUR;
        let at = Timestamp::from_millis(NOW.as_millis() - hours);
        let scopes = Scopes {
            user_id: self.users[self.calls.len() % 2].clone(),
            ..Scopes::default()
        };
        let call = Event::new(Outcome::Miss, at, Arc::new(named(store)), &scopes);
        self.log.append(&[call]).expect("appended");
        self.calls.push(store);
    }

    fn rename(&mut self, from: usize, to: usize) {
        let renamed = self.backend.rename_logged(
            (&named(from), &named(to)),
            OnExistingStore::Merge,
            KeepForUndo::Yes,
            &Operation::default(),
            NOW,
            &mut no_progress,
        );
        let Some(number) = renamed.expect("a renaming").operation else {
            return;
        };
        let places = self.calls.iter().enumerate();
        let moved: Vec<usize> = places
            .filter(|(_, at)| **at == from)
            .map(|(n, _)| n)
            .collect();
        self.go(&moved, to);
        self.renamed.push((number, moved, from, to));
        self.undone = None;
    }

    fn go(&mut self, moved: &[usize], to: usize) {
        moved.iter().for_each(|call| self.calls[*call] = to);
    }

    /// Undoes the latest renaming.
    fn undo(&mut self) {
        let Some((number, moved, from, to)) = self.renamed.pop() else {
            return;
        };
        let undo = self
            .backend
            .undo(None, &Operation::default(), NOW, &mut no_progress);
        let undo = undo.expect("an undo");
        assert_eq!(undo.undone.id, number);
        self.go(&moved, from);
        self.undone = Some((undo.operation, (number, moved, from, to)));
    }

    /// Undoes the latest undo, which puts the renaming in force again.
    fn redo(&mut self) {
        let Some((number, renamed)) = self.undone.take() else {
            return;
        };
        let redo = self
            .backend
            .undo(Some(number), &Operation::default(), NOW, &mut no_progress);
        redo.expect("an undo of an undo");
        self.go(&renamed.1, renamed.3);
        self.renamed.push(renamed);
    }

    fn check(&self, step: usize) {
        let long_ago = Timestamp::from_millis(0);
        let read = statistics::read(&self.backend, Some(&self.log), long_ago, NOW);
        let mut counted = [0; STORES];
        for period in read.expect("counts").periods {
            let CallGroup::Of { store, .. } = &period.group else {
                panic!("{period:?}");
            };
            let place = (0..STORES).find(|number| **store == named(*number));
            counted[place.expect("a known store")] += period.counts.misses;
        }
        let expected = std::array::from_fn(|store| {
            self.calls.iter().filter(|call| **call == store).count() as u64
        });
        assert_eq!(counted, expected, "after step {step}");
    }
}

/// Stores are renamed to each other while calls are counted, and the renamings are undone, latest
/// first. Counts are where the calls are.
#[test]
fn counts_go_with_a_renamed_store_and_come_back() {
    let mut seed = 7;
    for _ in 0..12 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.db");
        let mut counted = Counted {
            backend: write(&path),
            log: Log::beside(&path),
            calls: Vec::new(),
            renamed: Vec::new(),
            undone: None,
            users: [None, Some("ann".into())],
        };
        for step in 0..40 {
            let mut any = || random(&mut seed) % STORES;
            let (one, other) = (any(), any());
            match random(&mut seed) % 8 {
                0..4 => counted.call(one),
                4 => statistics::fold(&counted.backend, &counted.log, NOW).expect("folded"),
                5 => counted.rename(one, other),
                6 => counted.undo(),
                _ => counted.redo(),
            }
            counted.check(step);
        }
    }
}

#[test]
fn hits_that_are_not_folded_yet_go_with_the_entries() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    put(&backend, "a", b"1").expect("an entry");
    let log = Log::beside(&path);
    let entry = Entry::new(common::address("a"), Kind::Bytes, NOW);
    let hit = || {
        let hit = Event::of_entry(Outcome::Hit, NOW, &entry, 5);
        log.append(&[hit]).expect("appended");
    };
    let operation = Operation::default();
    hit();
    let renamed = backend.rename_logged(
        (&StoreAddress::new("s"), &StoreAddress::new("t")),
        OnExistingStore::Fail,
        KeepForUndo::Yes,
        &operation,
        NOW,
        &mut no_progress,
    );
    assert_eq!(renamed.expect("a renaming").usage.entries, 1);
    let hits = |store: &str| {
        let connection = Connection::open(&path).expect("a database");
        let sql = "SELECT hits FROM uses JOIN entries ON entries.id = uses.entry \
                   JOIN stores ON stores.id = entries.store WHERE stores.name = ?1";
        let hits = connection.query_row(sql, [store], |row| row.get::<_, i64>(0));
        hits.expect("an entry with hits")
    };
    assert_eq!(hits("t"), 1);
    // Its process still has the old name.
    hit();
    statistics::fold(&backend, &log, NOW).expect("folded");
    assert_eq!(hits("t"), 1);
    let undone = backend.undo(None, &operation, NOW, &mut no_progress);
    assert_eq!(undone.expect("an undo").usage.entries, 1);
    assert_eq!(hits("s"), 1);
}
