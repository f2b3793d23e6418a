//! Damages a store's file: nothing panics, and entries are served and listed as written.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    Condition, Content, Lookup, MaintainBackend, ReadBackend, Row, Scan, ScanBackend, WriteBackend,
};
use ecache_core::entry::Entry;
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|damage: Vec<(u32, u8)>| {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    let mut file = WHOLE.get_or_init(small_store).clone();
    for (place, byte) in damage {
        let place = place as usize % file.len();
        file[place] = byte;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    fs::write(&path, file).expect("a file");
    check(&path);
});

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

/// Returns the entries of the store, each with its value.
fn entries() -> impl Iterator<Item = (Address, Vec<u8>)> {
    let stores = ["alpha", "beta", "gamma"].map(StoreAddress::new);
    stores.into_iter().flat_map(|store| {
        (0..20).map(move |number| {
            let key = Key::new(format!("key{number}")).expect("a key");
            let value = format!("value {number} of {}", store.store_name);
            (store.entry(key), value.into_bytes())
        })
    })
}

fn small_store() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
    for (address, value) in entries() {
        let entry = Entry::new(address, Kind::Text, now());
        backend
            .put(&entry, &Content::Inline(value), &Condition::Always.into(), now())
            .expect("a write");
    }
    backend.compact(now()).expect("one file without a log");
    drop(backend);
    fs::read(&path).expect("the file")
}

fn check(path: &Path) {
    let Ok(backend) = SqliteBackend::open(path, Access::Read) else {
        return;
    };
    for (address, value) in entries() {
        if let Ok(Lookup::Hit(entry, Content::Inline(found))) = backend.lookup(&address, now()) {
            assert_eq!((entry.address, found), (address, value));
        }
    }
    let Ok(rows) = backend.scan(&Scan::new(Filter::default()), now()) else {
        return;
    };
    let known: Vec<Address> = entries().map(|(address, _)| address).collect();
    for row in rows {
        match row {
            Ok(Row::Entry(entry, _)) => assert!(known.contains(&entry.address)),
            Ok(Row::Damaged(_)) => {}
            Err(_) => return,
        }
    }
}
