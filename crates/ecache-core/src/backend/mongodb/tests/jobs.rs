//! Records of FiftyOne's transient jobs.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::TemporaryDatabase;
use crate::backend::conformance::{NOW, scan};
use crate::backend::{Backend, Operation, Record, Scan, StoreMetadata, no_progress};
use crate::entry::Policy;
use crate::filter::{Capacity, EvictionOrder, Filter, Jobs, Pattern, Selection, Usage};
use crate::scope::{DEFAULT_COLLECTION, StoreAddress};
use crate::time::Timestamp;
use crate::transfer::{FoundRecord, Records};
use crate::transient_job::Job;

const DAY: i64 = 86_400_000;

fn date(offset: i64) -> Bson {
    mongodb::bson::DateTime::from_millis(NOW.as_millis() + offset).into()
}

/// Returns an entry as FiftyOne writes it.
fn document(key: &str, value: impl Into<Bson>) -> Document {
    doc! {
        "_id": ObjectId::new(), "store_name": "jobs", "key": key, "value": value.into(),
        "dataset_id": Bson::Null, "created_at": date(-1), "updated_at": date(-1),
        "expires_at": date(DAY), "policy": "evict",
    }
}

/// Returns a job as `TransientJobCoordinator` writes it.
fn job(id: &str, state: &str, lease: Bson) -> Document {
    let value = doc! {
        "id": id, "owner": { "user": "ann" }, "scope": "s", "payload": Bson::Null, "state": state,
        "created_at": date(-1), "updated_at": date(-1), "expires_at": date(DAY),
        "lease_expires_at": lease, "fencing_token": 1, "cancel_requested": false,
        "progress": Bson::Null, "result": Bson::Null, "error": Bson::Null,
    };
    document(id, value)
}

fn filled() -> TemporaryDatabase {
    let database = TemporaryDatabase::new();
    let collection = database.database.collection::<Document>(DEFAULT_COLLECTION);
    let mut kept = job("kept", "running", date(1));
    kept.insert("expires_at", Bson::Null);
    let mut unfenced = job("unfenced", "running", date(1));
    let value = unfenced.get_document_mut("value").expect("a dict");
    value.insert("fencing_token", "1");
    let documents = [
        job("asked", "requested", Bson::Null),
        job("runs", "running", date(1)),
        job("lost", "running", date(0)),
        job("done", "completed", Bson::Null),
        kept,
        unfenced,
        document("text", "fencing_token"),
        document("list", vec![1, 2]),
    ];
    database
        .run(collection.insert_many(documents))
        .expect("they are written");
    database
}

fn means(jobs: Option<Jobs>) -> Filter {
    Filter {
        jobs,
        ..Filter::default()
    }
}

fn keys(backend: &dyn Backend, filter: Filter) -> Vec<String> {
    let found = scan(backend, &Scan::new(filter)).into_iter();
    let mut keys: Vec<String> = found
        .map(|(entry, _)| entry.address.key.as_str().to_owned())
        .collect();
    keys.sort();
    keys
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn jobs_are_told_from_other_entries_as_by_their_values() {
    let database = filled();
    let backend: &dyn Backend = &*database;
    assert_eq!(
        keys(backend, means(Some(Jobs::Only))),
        ["asked", "done", "lost", "runs"]
    );
    assert_eq!(keys(backend, means(Some(Jobs::Running))), ["runs"]);
    assert_eq!(
        keys(backend, means(Some(Jobs::Idle))),
        ["asked", "done", "lost"]
    );
    assert_eq!(
        keys(backend, means(Some(Jobs::NotRunning))),
        ["asked", "done", "kept", "list", "lost", "text", "unfenced"]
    );
    let records = Records::new(backend, &means(None), NOW).expect("it is read");
    for found in records {
        let FoundRecord::Record(Record::Entry(entry, value)) = found.expect("it is read") else {
            continue;
        };
        let key = entry.address.key.as_str();
        let job = Job::of(&entry, &value);
        assert_eq!(
            job.is_some(),
            ["asked", "done", "lost", "runs"].contains(&key),
            "{key}"
        );
        assert_eq!(
            job.is_some_and(|job| job.is_running(NOW)),
            key == "runs",
            "{key}"
        );
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_removal_leaves_jobs_that_run() {
    let database = filled();
    let backend: &dyn Backend = &*database;
    let idle = means(Some(Jobs::NotRunning)).into();
    let usage = backend.usage(&idle, NOW).expect("it is counted");
    assert_eq!(usage.entries, 7);
    let removed = backend.remove(&idle, NOW, &mut no_progress);
    assert_eq!(removed.expect("they are removed"), usage);
    assert_eq!(keys(backend, means(None)), ["runs"]);
    // Its lease passes.
    let later = Timestamp::from_millis(NOW.as_millis() + 1);
    let removed = backend.remove(&idle, later, &mut no_progress);
    let removed: Usage = removed.expect("it is removed");
    assert_eq!(removed.entries, 1);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn the_document_of_a_store_in_which_a_job_runs_stays() {
    let database = filled();
    let backend: &dyn Backend = &*database;
    for name in ["jobs", "other"] {
        let document = StoreMetadata {
            value: "{}".into(),
            created_at: NOW,
            updated_at: None,
            policy: Policy::Evict,
        };
        let set = backend.set_metadata(&StoreAddress::new(name), Some(&document));
        set.expect("it is written");
    }
    let later = NOW.saturating_add(Duration::from_millis(1));
    let evict = |jobs| Filter {
        policy: Some(Policy::Evict),
        ..means(jobs)
    };
    let idle = Some(Jobs::NotRunning);
    let count = |jobs, now| backend.count_documents(&evict(jobs), now).expect("a count");
    assert_eq!(
        (count(idle, NOW), count(idle, later), count(None, NOW)),
        (1, 2, 2)
    );
    let removed = backend.remove_documents(&evict(idle), NOW);
    assert_eq!(removed.expect("it is removed"), 1);
    let stays = backend.document(&StoreAddress::new("jobs"));
    assert!(stays.expect("it is read").is_some());
    let operation = Operation::default();
    let removed = backend.remove_for_good(
        &Selection::default(),
        Some(&evict(idle)),
        &operation,
        later,
        &mut no_progress,
    );
    assert_eq!(removed.expect("it is removed").documents, 1);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_job_whose_entry_has_expired_does_not_run() {
    let database = TemporaryDatabase::new();
    let collection = database.database.collection::<Document>(DEFAULT_COLLECTION);
    let mut expired = job("expired", "running", date(1));
    expired.insert("expires_at", date(0));
    database
        .run(collection.insert_many([expired, job("runs", "running", date(1))]))
        .expect("they are written");
    let backend: &dyn Backend = &*database;
    assert_eq!(keys(backend, means(Some(Jobs::Running))), ["runs"]);
    assert_eq!(keys(backend, means(Some(Jobs::NotRunning))), ["expired"]);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_capacity_leaves_jobs_that_run() {
    for (jobs, left) in [(Some(Jobs::NotRunning), vec!["runs"]), (None, vec![])] {
        let database = filled();
        let backend: &dyn Backend = &*database;
        let selection = Selection {
            any_of: vec![Filter {
                keys: vec![Pattern::exact("done"), Pattern::exact("runs")],
                ..means(jobs)
            }],
            beyond: Some(Capacity {
                scope: means(jobs),
                max_size: None,
                max_entries: Some(0),
                order: EvictionOrder::Use,
            }),
            ..Selection::default()
        };
        let counted = backend.usage(&selection, NOW).expect("it is counted");
        let removed = backend.remove(&selection, NOW, &mut no_progress);
        assert_eq!(removed.expect("they are removed"), counted);
        assert_eq!(keys(backend, means(None)), left);
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_job_that_several_filters_match_counts_once() {
    for (jobs, count) in [(Jobs::Only, 4), (Jobs::Idle, 3), (Jobs::Running, 1)] {
        let database = filled();
        let backend: &dyn Backend = &*database;
        let filter = means(Some(jobs));
        let selection = Selection {
            any_of: vec![filter.clone(), filter],
            ..Selection::default()
        };
        let counted = backend.usage(&selection, NOW).expect("it is counted");
        assert_eq!(counted.entries, count, "{jobs:?}");
        let removed = backend.remove(&selection, NOW, &mut no_progress);
        assert_eq!(removed.expect("they are removed"), counted);
    }
}
