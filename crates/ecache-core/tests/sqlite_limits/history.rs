//! A limit as an operation, and what it cost.

use super::*;

#[test]
fn undo_takes_a_limit_back_and_another_writer_notices_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let (ours, theirs) = (write(&path), write(&path));
    make(&theirs, USUAL, 0).expect("no limit");
    let operation = set(&ours, &everything(), entries(1));
    make(&theirs, Made { key: "2", ..USUAL }, 0).expect("room");
    assert_eq!(keys(&theirs, "s"), 1);
    let undone = ours.undo(
        Some(operation),
        &Operation::default(),
        NOW,
        &mut no_progress,
    );
    undone.expect("an undo");
    assert_eq!(used(&ours), []);
    for key in ["3", "4"] {
        make(&theirs, Made { key, ..USUAL }, 0).expect("no limit");
    }
    assert_eq!(keys(&theirs, "s"), 3);
    let connection = rusqlite::Connection::open(&path).expect("a database");
    let index = "SELECT count(*) FROM sqlite_schema WHERE name = 'entries_sample'";
    let index: i64 = connection
        .query_row(index, (), |row| row.get(0))
        .expect("a count");
    assert_eq!(index, 0, "what only limits need is gone with the last");
}

#[test]
fn the_time_to_compute_evicted_results_again_is_the_cost_of_a_limit() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &everything(), entries(2));
    for (number, key) in ["1", "2", "3"].into_iter().enumerate() {
        let made = Made {
            key,
            cost_ms: Some(1000 + number as u64),
            ..USUAL
        };
        make(&backend, made, number as i64).expect("room");
    }
    let fate = backend.fate(&common::address("1")).expect("a look-up");
    let Some(Fate::Gone(tombstone)) = fate else {
        panic!("{fate:?}");
    };
    assert_eq!(tombstone.note, "everything");
    let made = Made { key: "1", ..USUAL };
    make(&backend, made, 60_000).expect("room");
    let history = || {
        let [limit] = &used(&backend)[..] else {
            panic!("one limit");
        };
        (limit.evictions, limit.losses, limit.lost_ms)
    };
    assert_eq!(history(), (2, 1, 1000));
    set(&backend, &everything(), entries(3));
    assert_eq!(history(), (2, 1, 1000), "other bounds change no history");
    use ecache_core::backend::CallCountBackend;
    let recorded = backend.usage_since(NOW, &[]).expect("the counts");
    let mut counts = ecache_core::usage::Counts::default();
    recorded
        .periods
        .iter()
        .for_each(|period| counts.add(&period.counts));
    // The second went after a minute, the first as soon as the third was there.
    assert_eq!((counts.evictions, counts.lost_ms), (2, 1000));
    assert_eq!(counts.evicted_age_ms, 2 + 59_999);
    // An import brings back what was evicted, too.
    let mut second = Entry::new(common::address("2"), Kind::Bytes, NOW);
    second.cost_ms = Some(500);
    let mut records = [Ok(Record::Entry(Box::new(second), vec![7]))].into_iter();
    let imported = backend.import(
        &mut records,
        OnConflict::Replace,
        Commit::Whole,
        &mut |_, error| Err(error),
        &mut no_progress,
    );
    assert_eq!(imported.expect("room").created, 1);
    assert_eq!(history(), (2, 2, 1500));
    drop(backend);
    assert_eq!(used(&write(&path)), counted_again(&path));
}

#[test]
fn a_loss_counts_for_the_limit_that_evicted_whoever_computes_again() {
    use ecache_core::backend::CallCountBackend;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    set(&backend, &each_user(), entries(1));
    set(&backend, &everything(), entries(2));
    // The second goes for the limit of its user, and the third for that of everything.
    for (at, key, user) in [
        (0, "1", Some("ann")),
        (1, "2", Some("ann")),
        (2, "3", Some("bob")),
        (3, "1", Some("cy")),
        (4, "2", None),
        (5, "3", None),
    ] {
        let made = Made {
            key,
            user,
            cost_ms: Some(100),
            ..USUAL
        };
        make(&backend, made, at * 60_000).expect("room");
    }
    let recorded = backend.usage_since(NOW, &[]).expect("the counts");
    let mut counts = ecache_core::usage::Counts::default();
    let periods = recorded.periods.iter();
    periods.for_each(|period| counts.add(&period.counts));
    let limits = used(&backend);
    let lost: u64 = limits.iter().map(|limit| limit.lost_ms).sum();
    assert!(lost > 0, "{limits:#?}");
    assert_eq!(counts.lost_ms, lost, "{limits:#?}");
}
