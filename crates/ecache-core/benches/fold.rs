//! Folding a usage log of 100,000 hits into a store of as many entries in a file, by the number of
//! entries that were hit. The first round inserts their rows, the others change them.

mod smoke;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{Commit, OnConflict, Record, WriteBackend, no_progress};
use ecache_core::entry::Entry;
use ecache_core::key::Key;
use ecache_core::scope::StoreAddress;
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Log, Outcome};
use ecache_core::value::Kind;
use smoke::usually;

const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

fn main() {
    let (number_of_records, number_of_entries) = (usually(100_000, 1000), usually(100_000, 1000));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
    let store = Arc::new(StoreAddress::new("thumbs"));
    let entries: Vec<Entry> = (0..number_of_entries)
        .map(|number| {
            let key = Key::of_preimage(&number.to_string());
            Entry::new(store.entry(key), Kind::Bytes, NOW)
        })
        .collect();
    let records = entries
        .iter()
        .map(|entry| Ok(Record::Entry(Box::new(entry.clone()), vec![7; 100])));
    backend
        .import(
            &mut records.into_iter(),
            OnConflict::Replace,
            Commit::Whole,
            &mut |_, error| Err(error),
            &mut no_progress,
        )
        .expect("imported");
    for distinct in [100, 1_000, 10_000, 63_000] {
        let events: Vec<Event> = (0..number_of_records)
            .map(|turn: usize| {
                let entry =
                    &entries[turn.wrapping_mul(2_654_435_761) % distinct.min(number_of_entries)];
                Event::of_entry(Outcome::Hit, NOW, entry, 3)
            })
            .collect();
        let mut times: Vec<Duration> = (0..usually(7, 1))
            .map(|_| {
                let log = Log::beside(&path);
                log.append(&events).expect("appended");
                let started = Instant::now();
                statistics::fold(&backend, &log, NOW).expect("folded");
                started.elapsed()
            })
            .collect();
        times.sort();
        let median = times[times.len() / 2];
        let longest = times.last().copied().unwrap_or_default();
        println!(
            "{number_of_records} records of {distinct} entries: {:.1} ms (first {:.1})",
            median.as_secs_f64() * 1e3,
            longest.as_secs_f64() * 1e3
        );
    }
}
