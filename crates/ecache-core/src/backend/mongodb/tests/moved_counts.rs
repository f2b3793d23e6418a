//! Counts of calls whose move to another name stops between its steps.

use std::collections::BTreeMap;

use mongodb::bson::RawDocumentBuf;

use super::*;
use crate::backend::CallCountBackend;
use crate::backend::mongodb::change_counters::COLLECTION;
use crate::backend::mongodb::moved_counts::{Moving, add, move_counts, set_aside};
use crate::backend::mongodb::usage::add_periods;
use crate::usage::{CallGroup, Counts, HOUR, Outcome, Period};

const BEGINS_AT: i64 = NOW.as_millis() / HOUR * HOUR;

fn store(name: &str) -> StoreAddress {
    StoreAddress::new(name)
}

/// Counts hits in one hour.
fn count(backend: &MongoBackend, name: &str, hits: u64) {
    let mut counts = Counts::default();
    counts.count(Outcome::Hit, hits, 0, 0);
    let period = Period {
        begins_at: BEGINS_AT,
        length: HOUR,
        group: CallGroup::Of {
            store: store(name).into(),
            user: Some("ann".into()),
            operator: None,
        },
        counts,
    };
    add_periods(backend, vec![period]).expect("counts");
}

/// Returns the hits of each store that has some.
fn hits(backend: &MongoBackend) -> BTreeMap<String, u64> {
    let from = Timestamp::from_millis(BEGINS_AT);
    let recorded = backend.usage_since(from, &[]).expect("counts");
    let mut hits = BTreeMap::new();
    for period in recorded.periods {
        let CallGroup::Of { store, .. } = &period.group else {
            panic!("{period:?}");
        };
        *hits.entry(store.store_name.to_string()).or_default() += period.counts.hits;
    }
    hits.retain(|_, hits| *hits > 0);
    hits
}

fn of<const N: usize>(hits: [(&str, u64); N]) -> BTreeMap<String, u64> {
    hits.map(|(name, hits)| (name.to_owned(), hits)).into()
}

/// Returns the counts that are set aside.
fn moving(backend: &MongoBackend) -> Vec<Moving> {
    let usage = backend.database.collection::<RawDocumentBuf>(COLLECTION);
    let mut moving = Vec::new();
    backend
        .each(usage.find(doc! {}).batch(), |raw| {
            moving.extend(Moving::read(raw));
        })
        .expect("documents");
    moving
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_move_of_counts_that_stopped_loses_and_doubles_nothing() {
    let backend = &*TemporaryDatabase::new();
    count(backend, "$old", 3);
    count(backend, "$new", 4);
    let (old, new) = (store("$old"), store("$new"));

    set_aside(backend, &old, &new).expect("a first step");
    assert_eq!(hits(backend), of([("$old", 3), ("$new", 4)]));
    // Calls that are counted in the meantime stay with the old name until it is renamed again.
    count(backend, "$old", 10);
    assert_eq!(hits(backend), of([("$old", 13), ("$new", 4)]));

    for moving in moving(backend) {
        add(backend, &moving).expect("a second step");
        assert_eq!(hits(backend), of([("$old", 10), ("$new", 7)]));
        add(backend, &moving).expect("the step again");
    }
    assert_eq!(hits(backend), of([("$old", 10), ("$new", 7)]));

    move_counts(backend, &old, &new).expect("the renaming again");
    assert_eq!(hits(backend), of([("$new", 17)]));
    assert!(moving(backend).is_empty());

    // Nothing of the moves holds back a later one, there or back.
    move_counts(backend, &new, &old).expect("a renaming back");
    count(backend, "$old", 1);
    move_counts(backend, &old, &new).expect("a third renaming");
    assert_eq!(hits(backend), of([("$new", 18)]));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_move_that_stopped_ends_before_its_target_is_renamed() {
    let backend = &*TemporaryDatabase::new();
    count(backend, "a", 3);
    set_aside(backend, &store("a"), &store("b")).expect("a first step");
    for moving in moving(backend) {
        add(backend, &moving).expect("a second step");
    }
    move_counts(backend, &store("b"), &store("c")).expect("a renaming");
    assert_eq!(hits(backend), of([("c", 3)]));
    move_counts(backend, &store("a"), &store("b")).expect("the first renaming again");
    assert_eq!(hits(backend), of([("c", 3)]));
}
