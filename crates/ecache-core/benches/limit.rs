//! A write into a store with limits beside the same write into the same store without any: with
//! room left, into a full store, and by a user whose share is full.
//!
//! `ENTRIES` is 100,000 and `WRITES` 3,000 unless they are in the environment; `CASE` names the
//! only case to run beside that without a limit, and `CASE=none` runs none. Before each write, the
//! log of each store gets `HITS` hits of random entries, or none. Processor time is that
//! of the writing thread, which other programs lengthen less than the time on the clock.

mod processor;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ecache_core::backend::limit::{Bounds, LimitScope};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    Commit, Condition, Content, ImportBackend, LimitBackend, OnConflict, Operation, Record,
    UndoBackend, WriteBackend, no_progress,
};
use ecache_core::entry::Entry;
use ecache_core::filter::{Filter, Pattern};
use ecache_core::key::Key;
use ecache_core::scope::StoreAddress;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Log, Outcome};
use ecache_core::value::Kind;
use processor::processor_time;

const USERS: usize = 100;
const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

fn main() {
    let number = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |count| count.parse().expect("a number"))
    };
    let (entries, writes) = (number("ENTRIES", 100_000), number("WRITES", 3_000));
    let only = std::env::var("CASE").ok();
    let folder = tempfile::tempdir().expect("a folder");
    let first = folder.path().join("none.db");
    fill(&first, entries);
    let everything = LimitScope::new(&Filter::default(), false);
    let users = Filter {
        users: vec![Pattern::glob("*").expect("a pattern")],
        ..Filter::default()
    };
    let each_user = LimitScope::new(&users, true);
    let most = |count: usize| Bounds {
        max_entries: Some(count as u64),
        ..Bounds::default()
    };
    let cases = [
        ("room left", Some(most(entries * 2)), None),
        (
            "room left, two limits",
            Some(most(entries * 2)),
            Some(most(entries * 2)),
        ),
        ("full", Some(most(entries)), None),
        (
            "full, users within their limits",
            Some(most(entries)),
            Some(most(entries * 2)),
        ),
        ("full share of a user", None, Some(most(entries / USERS))),
    ];
    let mut stores = vec![("no limit", open(&first), Vec::new())];
    for (name, whole, each) in cases {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let path = copy(&first, name);
        let backend = open(&path);
        for (scope, bounds) in [(&everything, whole), (&each_user, each)] {
            let Some(bounds) = bounds else { continue };
            let (name, value) = (scope.setting(), bounds.setting());
            let change = [(name.as_str(), Some(value.as_str()))];
            backend
                .change_settings(&change, &Operation::default(), NOW)
                .expect("a limit");
        }
        let started = Instant::now();
        backend.limits().expect("counted");
        println!(
            "{name}: counted in {:.0} ms",
            started.elapsed().as_secs_f64() * 1e3
        );
        stores.push((name, backend, Vec::new()));
    }
    let hits = number("HITS", 0);
    for number in 0..writes {
        for (name, backend, times) in &mut stores {
            hit(&place(&first, name), number * hits, hits, entries);
            times.push(write(backend, entries + number));
        }
    }
    let mut plain = BTreeMap::new();
    for (name, _, times) in stores {
        let (wall, cpu): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        for (what, mut times) in [("clock", wall), ("processor", cpu)] {
            let mean = times.iter().sum::<Duration>().as_secs_f64() * 1e3 / times.len() as f64;
            times.sort();
            let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e3;
            let measured = [at(0.5), at(0.95), at(0.99), mean];
            let plain = *plain.entry(what).or_insert(measured);
            let [half, most, last, mean] = measured;
            println!(
                "{entries} entries, {name}, {what}: p50 {half:.4} ms ({:.2} x), \
                 p95 {most:.3} ms ({:+.3} ms), p99 {last:.3} ms ({:+.3} ms), \
                 mean {mean:.4} ms ({:.2} x)",
                half / plain[0],
                most - plain[1],
                last - plain[2],
                mean / plain[3],
            );
        }
    }
}

fn open(path: &Path) -> SqliteBackend {
    SqliteBackend::open(path, Access::Write).expect("a store")
}

fn copy(from: &Path, name: &str) -> PathBuf {
    let path = place(from, name);
    std::fs::copy(from, &path).expect("a copy");
    path
}

fn place(first: &Path, name: &str) -> PathBuf {
    match name {
        "no limit" => first.into(),
        name => first.with_file_name(format!("{}.db", name.replace(' ', "-"))),
    }
}

/// Appends hits of entries to the log of a store.
fn hit(path: &Path, first: usize, count: usize, entries: usize) {
    let hits = (first..first + count).map(|turn| {
        let (entry, _) = made(turn.wrapping_mul(2_654_435_761) % entries);
        Event::of_entry(Outcome::Hit, NOW, &entry, 3)
    });
    let appended = Log::beside(path).append(&hits.collect::<Vec<_>>());
    appended.expect("appended");
}

fn made(number: usize) -> (Entry, Vec<u8>) {
    let store = StoreAddress::new("thumbs");
    let key = Key::of_preimage(&number.to_string());
    let mut entry = Entry::new(store.entry(key), Kind::Bytes, NOW);
    entry.scopes.user_id = Some(format!("user{}", number % USERS).into());
    entry.cost_ms = Some((number % 977) as u64);
    (entry, vec![7; 100 + number % 400])
}

fn fill(path: &Path, entries: usize) {
    let backend = open(path);
    let mut records = (0..entries).map(|number| {
        let (entry, value) = made(number);
        Ok(Record::Entry(Box::new(entry), value))
    });
    backend
        .import(
            &mut records,
            OnConflict::Replace,
            Commit::Whole,
            &mut |_, error| Err(error),
            &mut no_progress,
        )
        .expect("imported");
}

/// Returns the time that a write takes on the clock, and on the processor.
fn write(backend: &SqliteBackend, number: usize) -> (Duration, Duration) {
    let (entry, value) = made(number);
    let content = Content::Inline(value);
    let (started, used) = (Instant::now(), processor_time());
    backend
        .put(&entry, &content, &Condition::Always.into(), NOW)
        .expect("written");
    (started.elapsed(), processor_time() - used)
}
