//! The log of operations, and calls that other hosts have not added yet.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::TemporaryDatabase;
use crate::backend::conformance::{NOW, entry};
use crate::backend::{
    CallCountBackend, Commit, Effect, ImportLog, KeepForUndo, OnConflict, OnExistingStore,
    Operation, Record, Touch, UndoBackend, UndoState, no_progress,
};
use crate::entry::Policy;
use crate::error::Error;
use crate::filter::{Filter, Pattern, Usage};
use crate::scope::{Scopes, StoreAddress};
use crate::statistics;
use crate::time::Timestamp;
use crate::usage::{Event, Gap, Log, Outcome, Tally, UsageBatch};

fn operation(command: &str) -> Operation {
    Operation {
        user: "ann".into(),
        host: "here".into(),
        command: command.into(),
        filter: "all".into(),
        ..Operation::default()
    }
}

fn import(database: &TemporaryDatabase, count: usize) {
    let records = (0..count).map(|number| {
        let entry = entry("s", &format!("{number:04}"));
        Ok(Record::Entry(Box::new(entry), b"abc".to_vec()))
    });
    let mut on_beyond = || panic!("nothing is kept in any case");
    let mut log = ImportLog::new(operation("import"), KeepForUndo::Yes, NOW, &mut on_beyond);
    let (replace, whole) = (OnConflict::Replace, Commit::Whole);
    let imported = database.import_logged(
        &mut records.into_iter(),
        replace,
        whole,
        &mut log,
        &mut |_, error| Err(error),
        &mut no_progress,
    );
    assert_eq!(imported.expect("imported").created, count as u64);
    assert_eq!(log.number, Some(1));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn operations_are_logged_and_kept_by_none_for_undo() {
    let database = TemporaryDatabase::new();
    assert!(database.logs_operations() && !database.keeps_for_undo());
    import(&database, 6001);
    let all = Filter::store(&StoreAddress::new("s"));
    let touch = Touch {
        policy: Some(Policy::Persist),
        ..Touch::default()
    };
    let one = Filter {
        keys: vec![Pattern::exact("0000")],
        ..all.clone()
    };
    let keep = KeepForUndo::Yes;
    let touched = operation("touch");
    database
        .touch_logged(
            &one.clone().into(),
            touch,
            keep,
            &touched,
            NOW,
            &mut no_progress,
        )
        .expect("touched");
    let to = StoreAddress::new("t");
    let renamed = operation("rename");
    let fail = OnExistingStore::Fail;
    database
        .rename_logged(
            (&StoreAddress::new("s"), &to),
            fail,
            keep,
            &renamed,
            NOW,
            &mut no_progress,
        )
        .expect("renamed");
    // Nothing that matches leaves no trace.
    let cleared = operation("clear");
    let removed = database
        .remove_for_good(&one.into(), None, &cleared, NOW, &mut no_progress)
        .expect("removed");
    assert_eq!((removed.usage.entries, removed.operation), (0, None));
    // The record has what a stopped removal has done.
    let all = Filter::store(&to).into();
    let mut stop = |done| match done {
        0..5000 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let stopped =
        database.remove_undoably(&all, Some(&Filter::store(&to)), &cleared, NOW, &mut stop);
    assert!(
        matches!(stopped, Err(Error::Interrupted { .. })),
        "{stopped:?}"
    );
    database
        .remove_undoably(&all, None, &cleared, NOW, &mut no_progress)
        .expect("removed");
    let logged = database.operations().expect("operations");
    let told: Vec<_> = logged
        .iter()
        .map(|one| {
            (
                one.id,
                one.effect,
                &*one.operation.command,
                one.usage.entries,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (5, Effect::Removed, "clear", 1001),
            (4, Effect::Removed, "clear", 5000),
            (3, Effect::Renamed, "rename", 6001),
            (2, Effect::Touched, "touch", 1),
            (1, Effect::Written, "import", 6001),
        ]
    );
    for (number, expected) in [(1, &["s"][..]), (2, &["s"]), (3, &["s", "t"]), (4, &["t"])] {
        let stores = database.operation_stores(number).expect("stores");
        let stores: Vec<&str> = stores.iter().map(|store| &*store.store_name).collect();
        assert_eq!(stores, expected, "op {number}");
    }
    assert_eq!(database.operation_stores(6).expect("stores"), []);
    let last = &logged[0];
    assert_eq!((last.operation.user.as_str(), last.at), ("ann", NOW));
    let size = Usage {
        entries: 1001,
        bytes: 3003,
    };
    assert_eq!((last.usage, last.undo), (size, UndoState::Impossible));
    for which in [None, Some(5)] {
        let undone = database.undo(which, &cleared, NOW, &mut no_progress);
        assert!(matches!(undone, Err(Error::NotUndoable(_))), "{undone:?}");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn calls_that_other_hosts_may_not_have_added_are_missed() {
    let database = TemporaryDatabase::new();
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, theirs] = ["ours", "theirs"].map(|name| Log::beside(&folder.path().join(name)));
    let store = Arc::new(StoreAddress::new("s"));
    let events = vec![Event::new(Outcome::Miss, NOW, store, &Scopes::default()); 2];
    let later = NOW.saturating_add(Duration::from_secs(600));
    let gaps = |log: &Log| {
        let long_ago = Timestamp::from_millis(0);
        let read = statistics::read(&*database, Some(log), long_ago, later).expect("counts");
        let misses: u64 = read.periods.iter().map(|one| one.counts.misses).sum();
        (misses, read.gaps)
    };
    for log in [&ours, &theirs] {
        let first = log.append(&events).expect("appended");
        assert!(
            first.is_due(u64::MAX),
            "the server learns of each log at once"
        );
        statistics::fold(&*database, log, NOW).expect("folded");
    }
    let missed = Gap {
        from: NOW,
        until: later,
    };
    for _ in 0..2 {
        assert_eq!(gaps(&ours), (4, vec![missed]));
        assert_eq!(gaps(&theirs), (4, vec![missed]));
        statistics::fold(&*database, &ours, NOW).expect("folded");
    }
    // A log that is removed when all of it is folded misses nothing.
    theirs
        .append(&vec![events[0].clone(); 10_000])
        .expect("appended");
    statistics::fold(&*database, &theirs, NOW).expect("folded");
    assert_eq!(gaps(&ours), (10_004, vec![]));
    // A process that counts in memory renews its tally each minute.
    let tally = |seconds| Tally {
        since: NOW.saturating_add(Duration::from_secs(seconds)),
        id: 7,
    };
    let renew = |ended: Option<Tally>, begun: Option<Tally>| {
        let batch = UsageBatch {
            begun: begun.into_iter().collect(),
            ended: ended.into_iter().collect(),
            ..UsageBatch::default()
        };
        database.add_usage(&batch, None, NOW).expect("added");
    };
    renew(None, Some(tally(0)));
    let killed = Gap {
        from: NOW,
        until: NOW.saturating_add(statistics::TALLIED_FOR),
    };
    assert_eq!(gaps(&ours).1, [killed]);
    renew(Some(tally(0)), Some(tally(590)));
    assert_eq!(gaps(&ours).1, []);
    renew(Some(tally(590)), None);
    assert_eq!(database.tallies().expect("tallies"), []);
}
