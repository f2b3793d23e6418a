//! A look-up by a process that does nothing else, beside writers and on the logs that they leave.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Child;

use common::{NOW, address, beside, get, job, put, snapshot, worker, write};
use ecache_core::backend::sqlite::{BUSY_TIMEOUT, SqliteBackend};
use ecache_core::backend::{Content, Lookup, MaintainBackend};
use ecache_core::value::CHUNK_SIZE;

/// Number of writes of each writer.
const ROUNDS: u64 = 300;

fn look_up_once(path: &Path, key: &str) -> (SqliteBackend, Lookup) {
    let looked_up = SqliteBackend::look_up_once(path, BUSY_TIMEOUT, &address(key), NOW);
    looked_up.expect("a look-up")
}

/// Returns the value of a key that exists.
fn value(path: &Path, key: &str) -> Vec<u8> {
    match look_up_once(path, key).1 {
        Lookup::Hit(_, Content::Inline(value)) => value,
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn a_one_shot_look_up_reads_what_is_in_the_log_alone_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a store?#%.db");
    put(&write(&path), "k", b"value").expect("an entry");
    let log = fs::metadata(beside(&path, "-wal")).expect("a log");
    assert!(log.len() > 0, "the entry is in the log");
    // What a process left there that was killed: a one-shot look-up has no use for it.
    fs::write(beside(&path, "-shm"), [0xec; 32 * 1024]).expect("an index");
    let before = snapshot(folder.path());
    assert_eq!(value(&path, "k"), b"value");
    assert_eq!(look_up_once(&path, "none").1, Lookup::Missing);
    assert_eq!(snapshot(folder.path()), before);
}

#[test]
fn a_one_shot_look_up_finds_its_way_without_an_index_of_the_log() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    put(&write(&path), "k", b"value").expect("an entry");
    fs::remove_file(beside(&path, "-shm")).expect("an index");
    assert_eq!(value(&path, "k"), b"value");
    assert_eq!(value(&path, "k"), b"value");
}

#[test]
fn this_process_writes_once_a_one_shot_look_up_is_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    for number in 0..3_u8 {
        put(&write(&path), "k", &[number]).expect("an entry");
        assert_eq!(value(&path, "k"), [number]);
    }
}

#[test]
fn a_large_value_can_be_read_piece_by_piece() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let large = vec![7; 2 * CHUNK_SIZE + 1];
    put(&write(&path), "k", &large).expect("an entry");
    let (backend, lookup) = look_up_once(&path, "k");
    assert!(matches!(lookup, Lookup::Hit(_, Content::Chunked(_))));
    put(&write(&path), "other", b"value").expect("a writer meanwhile");
    assert_eq!(get(&backend, "k").expect("a look-up"), Some(large));
}

/// Returns the numbers whose writes a writer has acknowledged.
fn acknowledgements(child: &mut Child) -> impl Iterator<Item = u64> + use<> {
    let output = BufReader::new(child.stdout.take().expect("its output"));
    output.lines().filter_map(|line| {
        let line = line.expect("text");
        line.rsplit_once("ack=")?.1.parse().ok()
    })
}

#[test]
fn one_shot_look_ups_beside_writers_that_come_and_go_see_all_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    write(&path);
    let mut others: Vec<Child> = ["short", "short", "look"]
        .map(|job| worker(job, &path).spawn().expect("a process"))
        .into();
    let mut writer = worker("acknowledged", &path).spawn().expect("a process");
    let mut count = 0;
    for acknowledged in acknowledgements(&mut writer) {
        let seen = value(&path, "acknowledged");
        let seen = u64::from_le_bytes(seen[..8].try_into().expect("a number"));
        assert!(seen >= acknowledged, "{seen} after {acknowledged}");
        count += 1;
    }
    assert_eq!(count, ROUNDS);
    others.push(writer);
    for mut other in others {
        assert!(other.wait().expect("a process").success());
    }
}

/// Returns a number as a value that fills several pages.
fn numbered(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(2000)
}

#[test]
#[ignore = "a part of other tests, which run it as a process"]
fn worker_process() {
    let (job, path) = job();
    for number in 0..ROUNDS {
        match job.as_str() {
            "acknowledged" => {
                put(&write(&path), "acknowledged", &numbered(number)).expect("an entry");
                // Now and then the log goes into the file, and begins anew.
                if number % 7 == 0 {
                    write(&path).compact(NOW).expect("compacted");
                }
                println!("ack={number}");
                std::io::stdout().flush().expect("said");
            }
            "short" => drop(put(&write(&path), "short", &numbered(number)).expect("an entry")),
            "look" => match look_up_once(&path, "short").1 {
                Lookup::Hit(_, Content::Inline(value)) => assert_eq!(value.len(), 16_000),
                other => assert_eq!(other, Lookup::Missing),
            },
            job => panic!("{job} is not a job"),
        }
    }
}
