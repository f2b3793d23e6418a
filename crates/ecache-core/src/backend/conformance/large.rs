//! Values of any length, and those above a chunk.

use std::io::{self, Read};

use super::*;
use crate::backend::{
    Commit, ContentReader, Lookup, OnConflict, REPLACED_FOR, Record, START_SIZE, fail_at_refused,
    no_progress, read_value,
};
use crate::error::Error;
use crate::filter::Selection;
use crate::value::{CHUNK_SIZE, Value};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("values of every length come back", every_length),
    ("a stream that fails leaves nothing", failing_stream),
    ("a large value is compared with another", large_if_value),
];

/// Behaviours of backends that keep large values in chunks.
pub(super) const CHUNKED: &[Behaviour] = &[
    (
        "a value above a chunk stays in the store, and no other",
        stays_in_the_store,
    ),
    (
        "a large value that is replaced can be read for a while, whole",
        replaced_while_read,
    ),
    (
        "a large value that an import replaces can be read for a while",
        replaced_by_an_import,
    ),
    (
        "a large value that is refused is dropped",
        refused_large_value,
    ),
    (
        "a large value stays with an entry that is written again",
        written_again,
    ),
    (
        "what was staged and never named is removed after a day",
        staged_and_forgotten,
    ),
];

/// Time for which a replaced value stays readable, in milliseconds.
const KEPT: i64 = REPLACED_FOR.as_millis() as i64;

const LARGE: usize = 3 * CHUNK_SIZE + CHUNK_SIZE / 2;

/// Bytes of which no two chunks are equal.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i + i / CHUNK_SIZE) as u8).collect()
}

fn put_bytes(backend: &dyn Backend, entry: &Entry, bytes: &[u8]) -> Content {
    let content = backend.stage(&mut &*bytes, NOW).expect("staged");
    assert_eq!(content.size(), bytes.len() as u64);
    let put = backend.put(entry, &content, &Condition::Always.into(), NOW);
    put.expect("an entry is written");
    content
}

fn get(backend: &dyn Backend, key: &str) -> Content {
    match backend.lookup(&address("s", key), NOW).expect("a look-up") {
        Lookup::Hit(entry, content) => {
            assert_eq!(entry.size, content.size());
            content
        }
        other => panic!("no hit: {other:?}"),
    }
}

fn every_length(backend: &dyn Backend) {
    for length in [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, LARGE] {
        let bytes = bytes(length);
        put_bytes(backend, &entry("s", "k"), &bytes);
        let content = get(backend, "k");
        let mut streamed = Vec::new();
        ContentReader::new(backend, content.clone())
            .read_to_end(&mut streamed)
            .expect("a stream");
        assert!(streamed == bytes, "{length} bytes are streamed");
        let value = read_value(backend, Kind::Bytes, content).expect("a value");
        assert!(value.bytes == bytes, "{length} bytes are read");
    }
}

fn stays_in_the_store(backend: &dyn Backend) {
    for length in [CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1] {
        put_bytes(backend, &entry("s", "k"), &bytes(length));
        let chunked = matches!(get(backend, "k"), Content::Chunked(_));
        assert_eq!(chunked, length > CHUNK_SIZE, "of {length} bytes");
        let starts = Scan {
            values: Values::Start,
            ..Scan::new(Filter::default())
        };
        let start = inline(&bytes(length)[..START_SIZE]);
        assert_eq!(scan(backend, &starts)[0].1, Some(start));
    }
}

fn replaced_while_read(backend: &dyn Backend) {
    put_bytes(backend, &entry("s", "k"), &bytes(LARGE));
    let content = get(backend, "k");
    let mut reader = ContentReader::new(backend, content.clone());
    let mut read = vec![0; 8];
    reader.read_exact(&mut read).expect("the first chunk");
    let put = |now, value: Vec<u8>| {
        let content = backend.stage(&mut &*value, now).expect("staged");
        let put = backend.put(&entry("s", "k"), &content, &Condition::Always.into(), now);
        put.expect("an entry is written");
    };
    put(NOW, vec![1; LARGE]);
    put(at(KEPT), vec![2; LARGE]);
    reader.read_to_end(&mut read).expect("the old value");
    assert!(read == bytes(LARGE), "it is not mixed with the new one");
    put(at(2 * KEPT + 1), vec![3; LARGE]);
    let error = read_value(backend, Kind::Bytes, content).expect_err("it is gone");
    assert!(matches!(error, Error::Replaced));
    let value = read_value(backend, Kind::Bytes, get(backend, "k")).expect("a value");
    assert!(value.bytes == [3; LARGE]);
}

fn replaced_by_an_import(backend: &dyn Backend) {
    put_bytes(backend, &entry("s", "k"), &bytes(LARGE));
    let content = get(backend, "k");
    let imported = || {
        let record = Record::Entry(Box::new(entry("s", "k")), vec![1; LARGE]);
        let mut records = [Ok(record)].into_iter();
        let (on_conflict, commit) = (OnConflict::Replace, Commit::Whole);
        backend
            .import(
                &mut records,
                on_conflict,
                commit,
                &mut fail_at_refused,
                &mut no_progress,
            )
            .expect("an import");
    };
    imported();
    backend.collect_garbage(NOW).expect("collected");
    let value = read_value(backend, Kind::Bytes, content.clone()).expect("a value");
    assert!(value.bytes == bytes(LARGE));
    backend.collect_garbage(at(2 * KEPT)).expect("collected");
    let value = read_value(backend, Kind::Bytes, content);
    assert!(matches!(value, Err(Error::Replaced)));
}

fn failing_stream(backend: &dyn Backend) {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let start = bytes(LARGE);
    let staged = backend.stage(&mut (&*start).chain(Broken), NOW);
    assert!(matches!(staged, Err(Error::Io(_))));
    assert!(everything(backend).is_empty());
}

fn large_if_value(backend: &dyn Backend) {
    put_bytes(backend, &entry("s", "k"), &bytes(LARGE));
    let put = |value: Vec<u8>| {
        let condition = Condition::IfValue(Value::bytes(value));
        put_if(backend, &entry("s", "k"), &condition)
    };
    let mut other = bytes(LARGE);
    other[LARGE - 1] ^= 1;
    assert_eq!(put(other), Put::Refused);
    assert_eq!(put(bytes(LARGE)), Put::Replaced);
}

fn refused_large_value(backend: &dyn Backend) {
    put(backend, &entry("s", "k"));
    let content = backend.stage(&mut &*bytes(LARGE), NOW).expect("staged");
    let put = backend.put(&entry("s", "k"), &content, &Condition::IfAbsent.into(), NOW);
    assert_eq!(put.expect("no error"), Put::Refused);
    let value = read_value(backend, Kind::Bytes, content);
    assert!(matches!(value, Err(Error::Replaced)));
}

fn written_again(backend: &dyn Backend) {
    put_bytes(backend, &entry("s", "k"), &bytes(LARGE));
    let content = get(backend, "k");
    let again = expiring("s", "k", at(DAY));
    for condition in [Condition::Always, Condition::IfAbsent] {
        let put = backend.put(&again, &content, &condition.into(), NOW);
        put.expect("no error");
    }
    let value = read_value(backend, Kind::Bytes, get(backend, "k")).expect("a value");
    assert!(value.bytes == bytes(LARGE));
    let all = Selection::from(Filter::default());
    backend
        .remove(&all, NOW, &mut no_progress)
        .expect("a removal");
    let value = read_value(backend, Kind::Bytes, content);
    assert!(matches!(value, Err(Error::Replaced)));
}

fn staged_and_forgotten(backend: &dyn Backend) {
    let content = put_bytes(backend, &entry("s", "named"), &bytes(LARGE));
    let staged = backend.stage(&mut &*bytes(LARGE), NOW).expect("staged");
    let whole = |content: &Content| read_value(backend, Kind::Bytes, content.clone()).is_ok();
    backend.collect_garbage(at(DAY)).expect("collected");
    assert!(whole(&staged), "its writer may still come");
    backend.collect_garbage(at(DAY + 1)).expect("collected");
    assert!(!whole(&staged));
    assert!(whole(&content));
    let put = backend.put(&entry("s", "late"), &staged, &Condition::Always.into(), NOW);
    assert!(matches!(put, Err(Error::Replaced)), "it came too late");
}
