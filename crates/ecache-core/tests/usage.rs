//! Counting calls: what many appenders log is folded exactly once, whoever folds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ecache_core::backend::Backend;
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::scope::{Scopes, StoreAddress};
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Counts, Event, Log, Outcome};

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
fn what_many_append_is_folded_exactly_once_by_several() {
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
                    // A lock that another one holds is no reason to lose or double anything.
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
