//! A damaged file: no wrong bytes, no panic, and readable entries stay readable.

#[path = "../common/mod.rs"]
mod common;
mod log;
mod pages;
mod rows;
mod values;

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{NOW, address, beside, get, integrity, put, random, rewrite, write};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    CallBackend, CallIdentity, CallLookup, ChangeBackend, Condition, Content, ContentReader,
    CountBackend, Dimension, Lookup, MaintainBackend, Put, ReadBackend, Row, Scan, ScanBackend,
    StoreMetadata, StoresBackend, Values, WHOLE_SIZE, WriteBackend, no_progress, read_value,
};
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::value::{CHUNK_SIZE, Kind, Value};
use rusqlite::Connection;

const PAGE: usize = 4096;

fn value(number: usize) -> Vec<u8> {
    format!("value {number} ")
        .repeat(1 + number % 40)
        .into_bytes()
}

/// Returns a folder with a store of that many entries, all of them in the file itself.
fn store(entries: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let store = write(&path);
    for number in 0..entries {
        put(&store, &number.to_string(), &value(number)).expect("an entry");
    }
    store.compact(NOW).expect("compacted");
    drop(store);
    (folder, path)
}

/// Looks every entry up and reads all in every other way; returns how many are still right.
///
/// Errors are expected, wrong bytes and panics are not.
fn read_everything(path: &Path, entries: usize) -> usize {
    let Ok(store) = SqliteBackend::open(path, Access::Read) else {
        return 0;
    };
    let mut right = 0;
    for number in 0..entries {
        if let Ok(Some(found)) = get(&store, &number.to_string()) {
            assert_eq!(found, value(number), "wrong bytes for {number}");
            right += 1;
        }
    }
    let all = Scan {
        values: Values::Include,
        ..Scan::new(Filter::default())
    };
    if let Ok(rows) = store.scan(&all, NOW) {
        for row in rows {
            if let Ok(Row::Entry(entry, Some(content))) = row {
                let number: usize = entry.address.key.as_str().parse().expect("our key");
                let found = read_value(&store, entry.kind, content);
                assert_eq!(found.expect("a value").bytes, value(number));
            }
        }
    }
    let _ = store.usage(&Filter::default().into(), NOW);
    let _ = store.groups(&Filter::default(), Dimension::User, NOW);
    let _ = store.stores();
    let _ = store.describe();
    right
}
