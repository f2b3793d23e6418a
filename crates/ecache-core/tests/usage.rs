//! Counting calls: what many appenders log is folded exactly once, whoever folds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    Backend, CallCountBackend, Condition, Content, Row, Scan, WriteBackend, no_progress,
};
use ecache_core::backend::{ChangeBackend, ScanBackend};
use ecache_core::entry::Entry;
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{
    CallGroup, Counts, Event, HOUR, Log, MAX_ROWS, Outcome, Period, UsageBatch,
};
use ecache_core::value::Kind;

const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);
const APPENDERS: u64 = 4;
const EACH: u64 = 1_000;

fn event(outcome: Outcome, saved_ms: u64) -> Event {
    let store = Arc::new(StoreAddress::new(
        "a store with a longer name than a slot has room for",
    ));
    Event {
        saved_ms,
        ..Event::new(outcome, NOW, store, &Scopes::default())
    }
}

fn sum(backend: &dyn Backend, log: Option<&Log>) -> Counts {
    let usage = statistics::read(backend, log, Timestamp::from_millis(0), NOW);
    let usage = usage.expect("usage");
    assert_eq!(usage.gaps, []);
    let mut sum = Counts::default();
    usage.periods.iter().for_each(|one| sum.add(&one.counts));
    sum
}

#[test]
fn events_of_many_appenders_are_folded_exactly_once_by_several_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let open = || SqliteBackend::open(&path, Access::Write).expect("a store");
    let (log, is_done) = (Log::beside(&path), AtomicBool::new(false));
    drop(open());
    thread::scope(|scope| {
        let appenders: Vec<_> = (0..APPENDERS)
            .map(|number| {
                let log = &log;
                scope.spawn(move || {
                    for turn in 0..EACH {
                        let outcome = if turn % 4 == 0 {
                            Outcome::Miss
                        } else {
                            Outcome::Hit
                        };
                        log.append(&[event(outcome, number)]).expect("appended");
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                let backend = open();
                while !is_done.load(Ordering::Relaxed) {
                    // A lock that another one holds is not a reason to lose or double anything.
                    let _ = statistics::fold(&backend, &log, NOW);
                }
            });
        }
        for appender in appenders {
            appender.join().expect("it appended all");
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let backend = open();
    let seen = sum(&backend, Some(&log));
    assert_eq!(seen.calls(), APPENDERS * EACH);
    assert_eq!(seen.misses, APPENDERS * EACH / 4);
    assert_eq!(seen.saved_ms, (0..APPENDERS).sum::<u64>() * EACH);
    for _ in 0..2 {
        statistics::fold(&backend, &log, NOW).expect("folded");
        assert_eq!(sum(&backend, None), seen);
        assert_eq!(sum(&backend, Some(&log)), seen);
    }
    // Another 4,000 records of 128 bytes: the file is removed once all of it is folded.
    let more = vec![event(Outcome::Follower, 0); 4_000];
    log.append(&more).expect("appended");
    statistics::fold(&backend, &log, NOW).expect("folded");
    assert_eq!(log.size(), 0);
    log.append(&[event(Outcome::Bypass, 0)]).expect("appended");
    let all = sum(&backend, Some(&log));
    assert_eq!((all.followers, all.bypasses), (4_000, 1));
    assert_eq!(all.calls(), seen.calls() + 4_000);
}

#[test]
fn a_hit_between_the_fold_and_the_commit_of_a_removal_is_not_the_next_entrys() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
    let log = Log::beside(&path);
    let address = StoreAddress::new("s").entry(Key::new("k").expect("a key"));
    let at = |millis| Timestamp::from_millis(NOW.as_millis() + millis);
    let put = |millis| {
        let entry = Entry::new(address.clone(), Kind::Bytes, at(millis));
        let content = Content::Inline(vec![1]);
        let always = Condition::Always.into();
        backend
            .put(&entry, &content, &always, at(millis))
            .expect("an entry");
        entry
    };
    let hits = || {
        let mut rows = backend
            .scan(&Scan::new(Filter::default()), at(9))
            .expect("a scan");
        match rows.next().expect("a row").expect("it is readable") {
            Row::Entry(entry, _) => (entry.hits, entry.saved_ms),
            other => panic!("{other:?}"),
        }
    };
    let old = put(0);
    // The removal folds, a reader has a hit, and then the removal commits.
    statistics::fold(&backend, &log, at(1)).expect("folded");
    log.append(&[Event::of_entry(Outcome::Hit, at(1), &old, 30)])
        .expect("appended");
    let all = Filter::default().into();
    backend
        .remove(&all, at(2), &mut no_progress)
        .expect("removed");
    let new = put(3);
    log.append(&[Event::of_entry(Outcome::Hit, at(4), &new, 5)])
        .expect("appended");
    statistics::fold(&backend, &log, at(5)).expect("folded");
    assert_eq!(hits(), (1, 5));
    let sum = sum(&backend, Some(&log));
    assert_eq!((sum.hits, sum.saved_ms), (2, 35), "both were calls");
}

#[test]
fn beyond_a_hundred_thousand_rows_calls_are_summed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let backend = SqliteBackend::open(&path, Access::Write).expect("a store");
    // Rows of other groups, whose contents do not matter here.
    let connection = rusqlite::Connection::open(&path).expect("a connection");
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                INSERT INTO history(kind, at, id, body) SELECT 3, ?2, i, x'00' FROM n";
    let begins_at = NOW.as_millis() / HOUR * HOUR;
    let count = MAX_ROWS - 1;
    connection.execute(rows, (count, begins_at)).expect("rows");
    drop(connection);
    let add = |store: &str| {
        let period = |count| {
            let group = CallGroup::Of {
                store: Arc::new(StoreAddress::new(store)),
                user: None,
                operator: None,
            };
            let mut counts = Counts::default();
            counts.count(Outcome::Hit, count, 0, 0);
            Period {
                begins_at,
                length: HOUR,
                group,
                counts,
            }
        };
        let batch = UsageBatch {
            periods: vec![period(1)],
            ..UsageBatch::default()
        };
        backend.add_usage(&batch, None, NOW).expect("added");
    };
    for store in ["last", "one more", "last", "and another", "one more"] {
        add(store);
    }
    let recorded = backend.usage_since(NOW, &[]).expect("counts");
    let mut seen: Vec<(Option<String>, u64)> = recorded
        .periods
        .iter()
        .map(|period| match &period.group {
            CallGroup::Of { store, .. } => (Some(store.store_name.to_string()), period.counts.hits),
            CallGroup::Other => (None, period.counts.hits),
        })
        .collect();
    seen.sort();
    assert_eq!(seen, [(None, 3), (Some("last".into()), 2)]);
}
