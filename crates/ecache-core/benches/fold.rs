//! Folding a usage log of 100,000 hits into a store of as many entries in a file, by the number of
//! entries that were hit. The first round inserts their rows, the others change them.
//!
//! In turns with it: adding sums to the store, for about half of which other writers wait, and a
//! bare UPDATE of as many rows of the same table by id. All are the processor time of this thread,
//! which other programs lengthen less than the time on the clock.

mod processor;
mod smoke;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    CallCountBackend, Commit, ImportBackend, OnConflict, Record, no_progress,
};
use ecache_core::entry::Entry;
use ecache_core::key::Key;
use ecache_core::scope::StoreAddress;
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Log, Outcome, UsageBatch};
use ecache_core::value::Kind;
use processor::processor_time;
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
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..usually(7, 1) {
            let log = Log::beside(&path);
            log.append(&events).expect("appended");
            times[0].push(measured(|| {
                statistics::fold(&backend, &log, NOW).expect("folded");
            }));
            let batch = UsageBatch::of(&events);
            times[1].push(measured(|| {
                let added = backend.add_usage(&batch, None, NOW);
                assert!(added.expect("added"));
            }));
            times[2].push(measured(|| update(&path, batch.uses.len())));
        }
        let [fold, added, floor] = times.map(|mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1e3
        });
        println!(
            "{number_of_records} records of {distinct} entries: {fold:.1} ms, {added:.1} ms of them \
             to add sums; a bare UPDATE: {floor:.1} ms ({:.1} x, {:.1} x)",
            fold / floor,
            added / floor,
        );
    }
}

/// Changes so many rows of the table of uses as a program without a cache would.
fn update(path: &Path, count: usize) {
    let mut connection = rusqlite::Connection::open(path).expect("a database");
    let ids: Vec<i64> = {
        let sql = "SELECT entry FROM uses ORDER BY entry LIMIT ?1";
        let mut statement = connection.prepare(sql).expect("a statement");
        let ids = statement.query_map([count], |row| row.get(0));
        ids.expect("ids").collect::<Result<_, _>>().expect("ids")
    };
    assert_eq!(ids.len(), count);
    let transaction = connection.transaction().expect("a transaction");
    let sql = "UPDATE uses SET hits = hits + 1, saved_ms = saved_ms + 3, last_used_at = ?2 \
               WHERE entry = ?1";
    let mut statement = transaction.prepare(sql).expect("a statement");
    for id in ids {
        statement.execute((id, NOW.as_millis())).expect("a row");
    }
    drop(statement);
    transaction.commit().expect("a commit");
}

/// Returns the processor time of this thread for some work.
fn measured(work: impl FnOnce()) -> Duration {
    let started = processor_time();
    work();
    processor_time() - started
}
