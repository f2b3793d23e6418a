//! Reads dumps of FiftyOne and files of our own through the public interface.

mod dumps;
mod faults;
mod fields;
mod lines;
mod names;
mod types;

use std::path::PathBuf;
use std::sync::Arc;

use ecache_core::backend::{Record, StoreMetadata, StoreRecord};
use ecache_core::entry::{Entry, Policy};
use ecache_core::interchange::{
    DocumentPosition, MAX_LINE_SIZE, Reader, check_size, write_entry, write_store,
};
use ecache_core::key::Key;
use ecache_core::python_json::Json;
use ecache_core::scope::{Address, Scopes, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::{Kind, Value};
use proptest::prelude::*;

const COLLECTION: &str = "execution_store";

/// The time at which the files are read.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/fiftyone")
        .join(name);
    std::fs::read(path).expect("the fixture is part of the project")
}

/// Returns the records in `input`; an error as its message.
fn read(input: &[u8]) -> Vec<Result<(DocumentPosition, Record), String>> {
    match Reader::new(input, COLLECTION, NOW) {
        Ok(reader) => reader
            .map(|read| read.map_err(|error| error.to_string()))
            .collect(),
        Err(error) => vec![Err(error.to_string())],
    }
}

fn records(input: &[u8]) -> Vec<Record> {
    read(input)
        .into_iter()
        .map(|read| read.expect("a record").1)
        .collect()
}

/// Returns the entries in `input`, with their values.
fn entries(input: &[u8]) -> Vec<(Entry, Value)> {
    let entry = |record| match record {
        Record::Entry(entry, bytes) => Some((
            Entry::clone(&entry),
            Value {
                kind: entry.kind,
                bytes,
            },
        )),
        Record::Store(_) => None,
    };
    records(input).into_iter().filter_map(entry).collect()
}

/// Writes `records` as lines.
fn lines(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        match record {
            Record::Entry(entry, value) => {
                write_entry(&**entry, value, &mut out).expect("it is small")
            }
            Record::Store(store) => write_store(store, &mut out),
        }
    }
    out
}

/// Returns an entry with an address and a kind only.
fn plain_entry(store_name: &str, key: &str, kind: Kind) -> Entry {
    let store = StoreAddress {
        collection: COLLECTION.into(),
        ..StoreAddress::new(store_name)
    };
    let key = Key::new(key).expect("a key");
    let mut entry = Entry::new(store.entry(key), kind, NOW);
    entry.updated_at = None;
    entry
}

fn error(input: &[u8]) -> String {
    match read(input).pop() {
        Some(Err(error)) => error,
        other => panic!("{other:?} instead of an error"),
    }
}

/// Returns the value read from a document whose value is the JSON text `value`.
fn value(value: &str) -> Value {
    let line = format!(r#"{{"store_name": "s", "key": "k", "value": {value}}}"#);
    entries(line.as_bytes()).remove(0).1
}

/// Returns the error for a document that has `member` in addition to the required ones.
fn field_error(member: &str) -> String {
    error(format!(r#"{{"store_name": "s", "key": "k", "value": 1, {member}}}"#).as_bytes())
}

fn json(text: &str) -> Value {
    Value::json(text).expect("JSON")
}
