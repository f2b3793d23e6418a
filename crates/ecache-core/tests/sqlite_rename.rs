//! A store that is renamed while others have the file open, and one with damage in it.

mod common;

use common::{NOW, get, integrity, put, write};
use ecache_core::backend::{Backend, MaintainBackend, OnExistingStore, no_progress};
use ecache_core::error::{Error, Result};
use ecache_core::filter::{Filter, Usage};
use ecache_core::scope::StoreAddress;
use ecache_core::value::CHUNK_SIZE;
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
