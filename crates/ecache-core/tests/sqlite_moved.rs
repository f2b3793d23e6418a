//! A store whose file another process removes and recreates while a program has it open.

mod common;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{NOW, address, get, put, write};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    ChangeBackend, Condition, Content, ContentReader, Lookup, ObserveBackend, ReadBackend, Scan,
    ScanBackend, WriteBackend, no_progress,
};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Selection};
use ecache_core::key::Key;
use ecache_core::scope::StoreAddress;
use ecache_core::value::{CHUNK_SIZE, Kind};

/// Maximum time for a reader to notice another file.
const PATIENCE: Duration = Duration::from_secs(30);

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    (folder, path)
}

/// Runs the equivalent of `rm store.db*`.
fn remove(path: &Path) {
    for file in fs::read_dir(path.parent().expect("a folder")).expect("a folder") {
        // A program with the store open may create new files meanwhile.
        let _ = fs::remove_file(file.expect("a file").path());
    }
}

/// Removes the files beside the database in which SQLite logs changes.
fn remove_log(path: &Path) {
    for suffix in ["-wal", "-shm"] {
        let mut name = path.to_path_buf().into_os_string();
        name.push(suffix);
        fs::remove_file(name).expect("it is there");
    }
}

fn put_in(backend: &SqliteBackend, store: &str, value: &str) {
    let address = StoreAddress::new(store).entry(Key::new("k").expect("a key"));
    let entry = Entry::new(address, Kind::Text, NOW);
    let content = Content::Inline(value.into());
    let put = backend.put(&entry, &content, &Condition::Always.into(), NOW);
    put.expect("an entry");
}

fn get_from(backend: &SqliteBackend, store: &str) -> Option<String> {
    let address = StoreAddress::new(store).entry(Key::new("k").expect("a key"));
    match backend.lookup(&address, NOW).expect("a look-up") {
        Lookup::Hit(_, Content::Inline(value)) => Some(String::from_utf8(value).expect("text")),
        Lookup::Hit(..) => panic!("it is short"),
        _ => None,
    }
}

/// Writes for so long that the store need not look at its path before the next write.
fn write_for_a_while(store: &SqliteBackend) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(50) {
        put(store, "busy", b"value").expect("an entry");
    }
}

/// The name of a change to a store's files, and the change.
type Change<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn a_write_in_a_busy_program_goes_to_a_new_file() {
    let changes: [Change; 5] = [
        ("removed", &remove),
        ("file removed", &|path| {
            fs::remove_file(path).expect("a file")
        }),
        ("file renamed", &|path| {
            fs::rename(path, path.with_extension("old")).expect("a new name");
        }),
        ("folder renamed", &|path| {
            let folder = path.parent().expect("a folder");
            let elsewhere = tempfile::tempdir_in(folder.parent().expect("a folder"));
            fs::rename(folder, elsewhere.expect("a folder").keep()).expect("a new name");
            fs::create_dir(folder).expect("a folder");
        }),
        ("replaced", &|path| {
            let other = path.with_extension("new");
            fs::copy(path, &other).expect("a copy");
            remove_log(path);
            fs::rename(other, path).expect("a new name");
        }),
    ];
    for (change, make) in changes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).expect("a folder");
        let path = inner.join("store.db");
        let store = write(&path);
        for round in 0..2 {
            write_for_a_while(&store);
            let new = format!("new {round}");
            make(&path);
            put(&store, &new, b"value").expect("an entry");
            let other = SqliteBackend::open(&path, Access::Read).expect("a new file");
            let found = get(&other, &new).expect("a look-up");
            assert!(found.is_some(), "{change}");
        }
    }
}

#[test]
fn a_write_goes_to_a_new_file() {
    let (_folder, path) = folder();
    let store = write(&path);
    for round in 0..3 {
        let (old, new) = (format!("old {round}"), format!("new {round}"));
        put(&store, &old, b"value").expect("an entry");
        remove(&path);
        put(&store, &new, b"value").expect("an entry");
        let other = SqliteBackend::open(&path, Access::Read).expect("a new file");
        for backend in [&store, &other] {
            assert_eq!(get(backend, &old).expect("a look-up"), None);
            assert!(get(backend, &new).expect("a look-up").is_some());
        }
    }
}

#[test]
fn a_log_that_is_removed_is_begun_anew() {
    let (_folder, path) = folder();
    let store = write(&path);
    put(&store, "old", b"value").expect("an entry");
    remove_log(&path);
    put(&store, "new", b"value").expect("an entry");
    let other = SqliteBackend::open(&path, Access::Read).expect("the file");
    assert!(get(&other, "new").expect("a look-up").is_some());
}

#[test]
fn a_removal_takes_place_in_the_new_file() {
    let (_folder, path) = folder();
    let store = write(&path);
    put(&store, "old", b"value").expect("an entry");
    remove(&path);
    put(&write(&path), "new", b"value").expect("an entry");
    let all = Selection::from(Filter::default());
    let removed = store
        .remove(&all, NOW, &mut no_progress)
        .expect("a removal");
    assert_eq!(removed.entries, 1);
    assert_eq!(get(&write(&path), "new").expect("a look-up"), None);
}

#[test]
fn names_of_the_old_file_mean_nothing_in_the_new_one() {
    let (_folder, path) = folder();
    let store = write(&path);
    for name in ["a", "b", "c"] {
        put_in(&store, name, &format!("old {name}"));
    }
    remove(&path);
    let other = write(&path);
    for name in ["c", "a", "b"] {
        put_in(&other, name, &format!("new {name}"));
    }
    put_in(&store, "d", "new d");
    for name in ["a", "b", "c", "d"] {
        let expected = Some(format!("new {name}"));
        assert_eq!(get_from(&store, name), expected);
        assert_eq!(get_from(&other, name), expected);
    }
}

#[test]
fn a_reader_turns_to_the_new_file_once_there_is_one() {
    let (_folder, path) = folder();
    put_in(&write(&path), "s", "old");
    let reader = SqliteBackend::open(&path, Access::Read).expect("a store");
    assert_eq!(get_from(&reader, "s").as_deref(), Some("old"));
    let before = reader.change_token().expect("a token");
    remove(&path);
    assert_eq!(reader.change_token().expect("a token"), before);
    put_in(&write(&path), "s", "new");
    let started = Instant::now();
    while get_from(&reader, "s").as_deref() != Some("new") {
        assert!(started.elapsed() < PATIENCE);
    }
    assert_ne!(reader.change_token().expect("a token"), before);
}

#[test]
fn change_tokens_and_generations_differ_after_the_file_is_replaced() {
    let (_folder, path) = folder();
    let store = write(&path);
    let name = StoreAddress::new("s");
    let told = || {
        let token = store.change_token().expect("a token");
        (token, store.generation(&name).expect("a generation"))
    };
    put_in(&store, "s", "old");
    let before = told();
    remove(&path);
    // Another program replaces the new file as well.
    put_in(&write(&path), "s", "new");
    let after = told();
    assert!(
        after.0 != before.0 && after.1 != before.1,
        "{before:?} {after:?}"
    );
}

#[test]
fn an_operation_ends_on_the_file_on_which_it_began() {
    let (_folder, path) = folder();
    let store = write(&path);
    // More rows than are read at once.
    for number in 0..2500 {
        put(&store, &format!("{number:04}"), b"old").expect("an entry");
    }
    let mut rows = store
        .scan(&Scan::new(Filter::default()), NOW)
        .expect("a scan");
    rows.next().expect("a row").expect("a row");
    remove(&path);
    put_in(&write(&path), "other", "new");
    let rest: Result<Vec<_>, Error> = rows.collect();
    assert_eq!(rest.expect("rows").len(), 2499);
    put_in(&store, "other", "newer");
    assert_eq!(get_from(&write(&path), "other").as_deref(), Some("newer"));
}

#[test]
fn a_large_value_of_the_old_file_is_not_mixed_with_one_of_the_new() {
    let (_folder, path) = folder();
    let store = write(&path);
    let value = |byte| vec![byte; 3 * CHUNK_SIZE];
    put(&store, "k", &value(1)).expect("an entry");
    let Lookup::Hit(_, content) = store.lookup(&address("k"), NOW).expect("a look-up") else {
        panic!("it was just written")
    };
    let mut reader = ContentReader::new(&store, content);
    let mut read = vec![0; 8];
    reader.read_exact(&mut read).expect("the first chunk");
    remove(&path);
    put(&write(&path), "k", &value(2)).expect("an entry");
    put(&store, "other", b"here").expect("an entry");
    let error = reader.read_to_end(&mut read).expect_err("it is gone");
    assert!(matches!(Error::in_io(&error), Some(Error::Replaced)));
    assert_eq!(get(&store, "k").expect("a look-up"), Some(value(2)));
}

#[test]
fn threads_that_never_pause_turn_to_the_new_file_as_well() {
    let (_folder, path) = folder();
    let store = Arc::new(write(&path));
    put_in(&store, "s", "old");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let started = Instant::now();
                while get_from(&store, "s").as_deref() != Some("new") {
                    assert!(started.elapsed() < PATIENCE);
                }
            });
        }
        remove(&path);
        put_in(&write(&path), "s", "new");
    });
}
