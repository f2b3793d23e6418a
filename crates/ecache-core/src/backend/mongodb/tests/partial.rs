//! Interrupted work reports its progress, since without transactions the server cannot roll it
//! back.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard};

use super::super::chosen::Meant;
use super::super::remove;
use super::*;
use crate::backend::{
    Commit, ImportBackend, Imported, OnConflict, OnExistingStore, RenameBackend, StoreMetadata,
    StoresBackend, Touch, Values, fail_at_refused, no_progress,
};
use crate::entry::Policy;
use crate::error::{Result, Unsupported};
use crate::filter::Selection;
use crate::key::Key;
use crate::scope::StoreAddress;
use crate::sync::lock;

/// Creates a database whose commands are distinguished by the application name from those of other
/// tests.
fn database(application: &str) -> TemporaryDatabase {
    TemporaryDatabase::with(&format!("appName={application}"))
}

/// The server has one fail point for all of its clients.
static FAIL_POINT: Mutex<()> = Mutex::new(());

/// Makes commands of the application fail after `skip` successful ones, until `heal`.
fn fail(
    backend: &MongoBackend,
    application: &str,
    skip: i32,
    mut how: Document,
) -> MutexGuard<'static, ()> {
    let fail_point = lock(&FAIL_POINT);
    how.insert("appName", application);
    let command = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "skip": skip },
        "data": how,
    };
    let admin = backend.driver.client.database("admin");
    backend
        .run(admin.run_command(command))
        .expect("a fail point");
    fail_point
}

fn heal(backend: &MongoBackend, fail_point: MutexGuard<'_, ()>) {
    let command = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    let admin = backend.driver.client.database("admin");
    backend
        .run(admin.run_command(command))
        .expect("a fail point");
    drop(fail_point);
}

fn numbered(count: usize) -> impl Iterator<Item = Result<Record>> {
    let store = StoreAddress::new("s");
    (0..count).map(move |number| {
        let key = Key::new(format!("k{number:05}")).expect("a key");
        let entry = Entry::new(store.clone().entry(key), Kind::Text, NOW);
        Ok(Record::Entry(Box::new(entry), b"value".to_vec()))
    })
}

/// Imports `count` records and requests a stop at call number `stop_at`.
fn import(backend: &MongoBackend, count: usize, stop_at: u64) -> Result<Imported> {
    let mut calls = 0;
    backend.import(
        &mut numbered(count),
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut |_| {
            calls += 1;
            if calls == stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )
}

fn there(backend: &MongoBackend) -> u64 {
    let all = Filter::default().into();
    backend.usage(&all, NOW).expect("a count").entries
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn an_interrupted_import_says_how_much_is_there() {
    let backend = TemporaryDatabase::new();
    // Three batches are read ahead; each of the next three can be interrupted.
    for (stop_at, expected) in [(1, 0), (3, 0), (4, 0), (5, 1000), (6, 2000)] {
        let all = Filter::default().into();
        backend
            .remove(&all, NOW, &mut no_progress)
            .expect("a removal");
        match import(&backend, 2500, stop_at) {
            Err(Error::Interrupted { done }) => assert_eq!(done.entries, expected),
            other => panic!("it is not interrupted: {other:?}"),
        }
        assert_eq!(there(&backend), expected, "stopped at {stop_at}");
    }
    let imported = import(&backend, 2500, 7).expect("nothing is left to be stopped");
    assert_eq!((imported.created, imported.replaced), (500, 2000));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn an_import_that_fails_says_how_much_is_there() {
    let backend = database("ecache-import-fails");
    // The server replies with an error, so the written documents can be counted.
    let refused = doc! { "failCommands": ["update"], "errorCode": 50 };
    // The server does not reply at all.
    let lost = doc! { "failCommands": ["update"], "closeConnection": true };
    for (how, perhaps) in [(refused, 0), (lost, 1000)] {
        // Each batch sends one update for the documents and one for the counters.
        let failing = fail(&backend, "ecache-import-fails", 2, how);
        let failed = import(&backend, 2500, 0);
        heal(&backend, failing);
        let Err(error @ Error::Partial { .. }) = failed else {
            panic!("a part is there: {failed:?}");
        };
        let told = error.to_string();
        let Error::Partial {
            done,
            perhaps: more,
            ..
        } = error
        else {
            unreachable!("it was one");
        };
        assert_eq!((done.entries, more), (1000, perhaps), "{told}");
        assert!(told.starts_with("stopped after 1,000 entries"), "{told}");
        assert_eq!(there(&backend), 1000);
        let all = Filter::default().into();
        backend
            .remove(&all, NOW, &mut no_progress)
            .expect("a removal");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_removal_that_fails_or_is_interrupted_says_how_much_is_gone() {
    let backend = database("ecache-removal-fails");
    let all = Selection::from(Filter::default());
    import(&backend, 6500, 0).expect("an import");
    let interrupted = backend.remove(&all, NOW, &mut |removed| match removed {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    assert!(
        matches!(interrupted, Err(Error::Interrupted { done }) if done.entries == 5000),
        "{interrupted:?}"
    );
    // Nothing is removed before a batch is full.
    let at_once = backend.remove(&all, NOW, &mut |_| ControlFlow::Break(()));
    assert!(
        matches!(at_once, Err(Error::Interrupted { done }) if done.entries == 0),
        "{at_once:?}"
    );
    assert_eq!(there(&backend), 1500);
    // The server refuses one of the two halves.
    let refused = doc! { "failCommands": ["delete"], "errorCode": 50 };
    let failing = fail(&backend, "ecache-removal-fails", 1, refused);
    let failed = backend.remove(&all, NOW, &mut no_progress);
    heal(&backend, failing);
    let left = there(&backend);
    assert_eq!(left, 750);
    assert!(
        matches!(&failed, Err(Error::Partial { done, perhaps: 0, .. }) if done.entries == 750),
        "{failed:?}"
    );
    let lost = doc! { "failCommands": ["delete"], "closeConnection": true };
    let failing = fail(&backend, "ecache-removal-fails", 0, lost);
    let failed = backend.remove(&all, NOW, &mut no_progress);
    heal(&backend, failing);
    assert!(
        matches!(&failed, Err(Error::Partial { done, perhaps: 750, .. }) if done.entries == 0),
        "{failed:?}"
    );
    assert_eq!(there(&backend), left);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_touch_that_fails_says_how_much_is_changed() {
    let backend = database("ecache-touch-fails");
    import(&backend, 2500, 0).expect("an import");
    let touch = Touch {
        expires_at: None,
        policy: Some(Policy::Persist),
    };
    // Each batch sends one update each for the documents and the counters.
    let refused = doc! { "failCommands": ["update"], "errorCode": 50 };
    let failing = fail(&backend, "ecache-touch-fails", 2, refused);
    let failed = backend.touch(&Filter::default().into(), touch, NOW, &mut no_progress);
    heal(&backend, failing);
    assert!(
        matches!(&failed, Err(Error::Partial { done, perhaps: 1000, .. }) if done.entries == 1000),
        "{failed:?}"
    );
    let persistent = Filter {
        policy: Some(Policy::Persist),
        ..Filter::default()
    };
    let changed = backend.usage(&persistent.into(), NOW).expect("a count");
    assert_eq!(changed.entries, 1000);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_renaming_that_stops_is_continued() {
    let backend = database("renaming");
    import(&backend, 2500, u64::MAX).expect("an import");
    let (old, new) = (StoreAddress::new("s"), StoreAddress::new("t"));
    let metadata = StoreMetadata {
        value: "{}".into(),
        created_at: NOW,
        updated_at: None,
        policy: Policy::Evict,
    };
    let set = backend.set_metadata(&old, Some(&metadata));
    set.expect("metadata");
    let count = |store| {
        let all = Filter::store(store).into();
        backend.usage(&all, NOW).expect("a count").entries
    };
    let stop = &mut |_| ControlFlow::Break(());
    let stopped = backend.rename_store(&old, &new, OnExistingStore::Fail, stop);
    let Err(Error::Interrupted { done }) = stopped else {
        panic!("{stopped:?}");
    };
    assert_eq!((done.entries, done.bytes), (1000, 5000));
    assert_eq!((count(&old), count(&new)), (1500, 1000));
    let again = backend.rename_store(&old, &new, OnExistingStore::Fail, &mut no_progress);
    assert!(matches!(again, Err(Error::StoreExists { .. })));

    let fails = doc! { "failCommands": ["update"], "errorCode": 11601 };
    let failing = fail(&backend, "renaming", 1, fails);
    let failed = backend.rename_store(&old, &new, OnExistingStore::Merge, &mut no_progress);
    heal(&backend, failing);
    let Err(Error::Partial { done, .. }) = failed else {
        panic!("{failed:?}");
    };
    assert_eq!(done.entries, 1000);
    // The server does not reply: it may have moved the rest.
    let lost = doc! { "failCommands": ["update"], "closeConnection": true };
    let failing = fail(&backend, "renaming", 0, lost);
    let failed = backend.rename_store(&old, &new, OnExistingStore::Merge, &mut no_progress);
    heal(&backend, failing);
    let lost =
        matches!(&failed, Err(Error::Partial { done, perhaps: 500, .. }) if done.entries == 0);
    assert!(lost, "{failed:?}");
    let rest = backend.rename_store(&old, &new, OnExistingStore::Merge, &mut no_progress);
    assert_eq!(rest.expect("a renaming").entries, 500);
    assert_eq!((count(&old), count(&new)), (0, 2500));
    let document = |store| backend.document(store).expect("no damage");
    assert_eq!((document(&old), document(&new)), (None, Some(metadata)));
    assert_eq!(backend.stores().expect("the stores").len(), 1);
}

/// A move to another collection that stopped left copies, which the next one takes for what they
/// are. Documents that only have the same ids are not replaced.
#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_move_to_another_collection_is_continued() {
    let backend = database("moving");
    import(&backend, 1500, u64::MAX).expect("an import");
    let old = StoreAddress::new("s");
    let new = StoreAddress {
        collection: "elsewhere".into(),
        ..old.clone()
    };
    let of = |store: &StoreAddress| {
        let values = Values::Include;
        let mut found = scan(
            &*backend,
            &Scan {
                values,
                ..Scan::new(Filter::store(store))
            },
        );
        for (entry, _) in &mut found {
            entry.address = old.entry(entry.address.key.clone());
        }
        found.sort_by(|(one, _), (two, _)| one.address.cmp(&two.address));
        found
    };
    let before = of(&old);
    let failing = fail(
        &backend,
        "moving",
        1,
        doc! { "failCommands": ["delete"], "errorCode": 11601 },
    );
    let stopped = backend.rename_store(&old, &new, OnExistingStore::Fail, &mut no_progress);
    heal(&backend, failing);
    assert!(stopped.is_err(), "{stopped:?}");
    assert!(!of(&old).is_empty() && !of(&new).is_empty());
    let again = backend.rename_store(&old, &new, OnExistingStore::Fail, &mut no_progress);
    assert!(matches!(again, Err(Error::StoreExists { .. })), "{again:?}");
    let rest = backend.rename_store(&old, &new, OnExistingStore::Merge, &mut no_progress);
    rest.expect("a renaming");
    assert_eq!((of(&old).len(), of(&new)), (0, before));

    let documents = backend.documents("elsewhere").expect("a collection");
    let restored = vec![doc! { "$match": {} }, doc! { "$out": "restored" }];
    let copied = backend.each(documents.aggregate(restored).batch(), |_| {});
    copied.expect("a copy");
    let restored = StoreAddress {
        collection: "restored".into(),
        ..StoreAddress::new("another")
    };
    let refused = backend.rename_store(&new, &restored, OnExistingStore::Fail, &mut no_progress);
    let is_refused = matches!(
        refused,
        Err(Error::Unsupported(Unsupported::RepeatedIds { .. }))
    );
    assert!(is_refused, "{refused:?}");
    assert_eq!(of(&new).len(), 1500);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn entries_that_others_removed_at_the_same_time_are_not_counted() {
    let backend = TemporaryDatabase::new();
    for key in ["a", "b", "c"] {
        write(&backend, &entry("s", key), "1");
    }
    let listed = backend.entries(&Filter::default(), NOW, None);
    let meant = listed
        .expect("a listing")
        .map(|listed| listed.expect("an entry").into());
    let meant: Vec<Meant> = meant.collect();
    let delete = |meant: &[Meant]| remove::delete(&backend, meant, None).expect("a removal");
    assert_eq!(delete(&meant[..1]).entries, 1);
    let rest = delete(&meant);
    let two = Usage {
        entries: 2,
        bytes: 2,
    };
    assert_eq!(rest, two);
    assert_eq!(delete(&meant), Usage::default());
}
