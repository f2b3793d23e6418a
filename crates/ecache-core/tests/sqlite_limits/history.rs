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
    // An import brings evicted entries back, too.
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

fn bounds(backend: &SqliteBackend) -> Option<Bounds> {
    used(backend).first().map(|used| used.limit.bounds)
}

#[test]
fn a_change_of_a_limit_takes_back_the_bounds_that_nothing_changed_since() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = write(&folder.path().join("store.db"));
    let change = |change: &dyn Fn(Bounds) -> Bounds| {
        let operation = Operation::default();
        let changed = backend.change_limit(&everything(), change, &[], &operation, NOW);
        changed.expect("a limit").expect("a change")
    };
    let undo = |number| backend.undo(Some(number), &Operation::default(), NOW, &mut no_progress);
    let first = change(&|_| Bounds {
        max_bytes: Some(5000),
        ..entries(3)
    });
    let second = change(&|before| Bounds {
        max_entries: Some(4),
        ..before
    });
    undo(first).expect("an undo of the size");
    assert_eq!(bounds(&backend), Some(entries(4)));
    undo(second).expect("an undo");
    assert_eq!(bounds(&backend), Some(entries(3)));
    let third = change(&|_| entries(5));
    let fourth = change(&|_| entries(6));
    let refused = undo(third).expect_err("nothing of it is left").to_string();
    let why =
        format!("operation {third} cannot be undone: operation {fourth} changed the same since");
    assert_eq!(refused, why);
    let log = backend.operations().expect("the log");
    let third = log
        .iter()
        .find(|one| one.id == third)
        .expect("it is logged");
    assert!(third.undo.until().is_some(), "it is not marked as undone");
    undo(fourth).expect("an undo");
    undo(third.id).expect("an undo");
    assert_eq!(bounds(&backend), Some(entries(3)));
}

#[test]
fn bounds_that_are_set_at_the_same_time_are_all_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let backend = write(&path);
    for round in 1..20 {
        let start = std::sync::Barrier::new(2);
        let change = |change: &dyn Fn(Bounds) -> Bounds| {
            let other = write(&path);
            start.wait();
            let changed =
                other.change_limit(&everything(), change, &[], &Operation::default(), NOW);
            changed.expect("a limit").expect("a change");
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                change(&|before| Bounds {
                    max_bytes: Some(round),
                    ..before
                })
            });
            scope.spawn(|| {
                change(&|before| Bounds {
                    max_entries: Some(round),
                    ..before
                })
            });
        });
        let both = Bounds {
            max_bytes: Some(round),
            ..entries(round)
        };
        assert_eq!(bounds(&backend), Some(both));
    }
}
