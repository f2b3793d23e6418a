//! The backend against a real server, which `tests/mongodb/with` starts.

mod foreign;
mod functions;
mod jobs;
mod partial;

use std::ops::Deref;

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use proptest::prelude::*;

use super::{MongoBackend, query, side_document};
use crate::backend::conformance::random::{fill, filters, records};
use crate::backend::conformance::{EVERY, NOW, check, entry, inline, scan};
use crate::backend::{
    Access, Condition, Content, Dimension, Lookup, MaintainBackend, Put, ReadBackend, Record, Scan,
    WriteBackend, no_progress,
};
use crate::entry::{Entry, Policy};
use crate::error::Error;
use crate::filter::{DatasetPattern, Filter, Freshness, Pattern, Usage};
use crate::scope::{DEFAULT_COLLECTION, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::usage::EntryUse;
use crate::value::Kind;

/// A database of its own, which is gone afterwards.
struct TemporaryDatabase(MongoBackend);

impl TemporaryDatabase {
    fn new() -> Self {
        Self::with("")
    }

    fn with(option: &str) -> Self {
        Self::at(&Self::uri(option))
    }

    fn at(uri: &str) -> Self {
        Self(MongoBackend::open(uri, Access::Write).expect("a location"))
    }

    /// Returns the location of a new database.
    fn uri(option: &str) -> String {
        let server = std::env::var("ECACHE_TEST_MONGODB").expect(NEEDS);
        let (hosts, options) = server
            .split_once("/?")
            .unwrap_or((server.trim_end_matches('/'), ""));
        let name = ObjectId::new();
        let uri = format!("{hosts}/ecache-{name}?{options}&{option}").replace("?&", "?");
        uri.trim_end_matches('&').to_owned()
    }
}

impl Deref for TemporaryDatabase {
    type Target = MongoBackend;

    fn deref(&self) -> &MongoBackend {
        &self.0
    }
}

impl Drop for TemporaryDatabase {
    fn drop(&mut self) {
        // The server's data is thrown away in any case.
        let _ = self.0.run(self.0.database.drop());
    }
}

const NEEDS: &str = "tests/mongodb/with names a server";

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn mongodb_keeps_the_contract() {
    check(EVERY, TemporaryDatabase::new);
}

/// Some dataset of FiftyOne's for each name.
fn dataset(name: &str) -> String {
    let mut hex = crate::key::hex(name.as_bytes());
    hex.truncate(24);
    format!("{hex:0<24}")
}

fn with_datasets_of_fiftyones(record: Record) -> Record {
    let Record::Entry(mut entry, value) = record else {
        return record;
    };
    let mut store = (*entry.address.store).clone();
    store.dataset_id = store.dataset_id.map(|name| dataset(&name).into());
    entry.address.store = store.into();
    Record::Entry(entry, value)
}

fn means_datasets_of_fiftyones(mut filter: Filter) -> Filter {
    for pattern in &mut filter.datasets {
        if let DatasetPattern::Id(Pattern::Exact(name)) = pattern {
            *name = dataset(name);
        }
    }
    filter
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "needs a MongoDB server: tests/mongodb/with"]
    fn a_filter_means_what_its_definition_says(
        records in records(),
        filters in proptest::collection::vec(filters(), 8),
    ) {
        let backend = TemporaryDatabase::new();
        let records: Vec<Record> = records.into_iter().map(with_datasets_of_fiftyones).collect();
        fill(&*backend, &records);
        let any_collection = Filter { collections: Vec::new(), ..Filter::default() };
        let all = scan(&*backend, &Scan::new(any_collection));
        for filter in filters.into_iter().map(means_datasets_of_fiftyones) {
            let mut expected: Vec<&Entry> =
                all.iter().map(|(entry, _)| entry).filter(|entry| filter.matches(entry, NOW)).collect();
            let found = scan(&*backend, &Scan::new(filter.clone()));
            let mut found: Vec<&Entry> = found.iter().map(|(entry, _)| entry).collect();
            let by_address = |entry: &&Entry| entry.address.clone();
            expected.sort_by_key(by_address);
            found.sort_by_key(by_address);
            prop_assert_eq!(&found, &expected);
            let bytes = expected.iter().map(|entry| entry.size).sum();
            let entries = expected.len() as u64;
            let usage = backend.usage(&filter.clone().into(), NOW).expect("a count");
            prop_assert_eq!(usage, Usage { entries, bytes });
        }
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn collections_of_other_applications_are_no_stores() {
    let uri = TemporaryDatabase::uri("");
    let backend = TemporaryDatabase::at(&uri);
    write(&backend, &full(), "1");
    let mut elsewhere = full();
    elsewhere.address = StoreAddress {
        collection: "mine".into(),
        ..StoreAddress::new("s")
    }
    .entry(full().address.key);
    write(&backend, &elsewhere, "1");
    // One that FiftyOne made, others that look similar, and a view.
    let likeness = doc! { "store_name": "s", "key": "k", "dataset_id": null, "value": 1 };
    let index =
        |key: Document| doc! { "key": key, "name": super::indexes::UNIQUE_INDEX, "unique": true };
    let fields = doc! { "store_name": 1, "key": 1, "dataset_id": 1 };
    for (name, key) in [
        ("fiftyones", fields),
        ("similar", doc! { "store_name": 1, "key": 1 }),
        ("plain", doc! { "value": 1 }),
    ] {
        let documents: Collection<Document> = backend.database.collection(name);
        backend
            .run(documents.insert_one(&likeness))
            .expect("a document");
        let create = doc! { "createIndexes": name, "indexes": [index(key)] };
        backend
            .run(backend.database.run_command(create))
            .expect("an index");
    }
    let view = doc! { "create": "view", "viewOn": "fiftyones", "pipeline": [] };
    backend
        .run(backend.database.run_command(view))
        .expect("a view");
    let names = backend.names(Dimension::Collection).expect("the names");
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    assert_eq!(names, ["execution_store", "fiftyones", "mine"]);

    // Those of others are refused, also by name. One without indexes may have been restored.
    let datasets: Collection<Document> = backend.database.collection("datasets");
    let dataset = datasets.insert_one(doc! { "name": "street" });
    backend.run(dataset).expect("a document");
    let of = |collection: &str| Filter {
        collections: vec![Pattern::exact(collection)],
        ..Filter::default()
    };
    let again = MongoBackend::open(&uri, Access::Write).expect("the database");
    for collection in ["plain", "similar", "new"] {
        again.usage(&of(collection).into(), NOW).expect("a store");
    }
    let mut theirs = full();
    theirs.address = StoreAddress {
        collection: "datasets".into(),
        ..StoreAddress::new("s")
    }
    .entry(full().address.key);
    let put = again.put(&theirs, &inline("1"), &Condition::Always.into(), NOW);
    for refused in [
        put.map(|_| Usage::default()),
        again.usage(&of("datasets").into(), NOW),
        again.remove(&of("datasets").into(), NOW, &mut no_progress),
    ] {
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    }
    let left = backend.run(datasets.count_documents(doc! {}));
    assert_eq!(left.expect("a count"), 1);
    let all = Filter {
        collections: Vec::new(),
        ..Filter::default()
    };
    let removed = backend.remove(&all.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 3);
    for name in ["similar", "plain"] {
        let documents: Collection<Document> = backend.database.collection(name);
        assert_eq!(
            backend
                .run(documents.count_documents(doc! {}))
                .expect("a count"),
            1
        );
    }
}

/// An entry of which everything is known.
fn full() -> Entry {
    Entry {
        policy: Policy::Persist,
        kind: Kind::Json,
        expires_at: None,
        scopes: Scopes {
            user_id: Some("ann".into()),
            ..Scopes::default()
        },
        args: Some("[1]".into()),
        ..entry("s", "k")
    }
}

fn write(backend: &MongoBackend, entry: &Entry, value: &str) -> Put {
    let put = backend.put(entry, &inline(value), &Condition::Always.into(), NOW);
    put.expect("an entry is written")
}

fn hit(backend: &MongoBackend) -> (Entry, Content) {
    match backend.lookup(&full().address, NOW).expect("a look-up") {
        Lookup::Hit(entry, content) => (*entry, content),
        other => panic!("no hit: {other:?}"),
    }
}

/// Returns the collection, for writes that bypass the backend as FiftyOne does.
fn theirs(backend: &MongoBackend) -> Collection<Document> {
    backend.database.collection(DEFAULT_COLLECTION)
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_document_has_the_fields_of_fiftyone_and_no_others() {
    let backend = TemporaryDatabase::new();
    write(
        &backend,
        &full(),
        r#"{"a": [1, 4294967296, 0.5, null, true, "x"]}"#,
    );
    let document = backend
        .run(theirs(&backend).find_one(doc! {}))
        .expect("a read");
    let mut document = document.expect("a document");
    assert!(
        document
            .remove("_id")
            .is_some_and(|id| id.as_object_id().is_some())
    );
    let now = side_document::date(NOW);
    let value = doc! { "a": [1, 4_294_967_296_i64, 0.5, null, true, "x"] };
    let expected = doc! {
        "store_name": "s", "key": "k", "value": value, "dataset_id": null,
        "created_at": now, "updated_at": now, "expires_at": null, "policy": "persist",
    };
    assert_eq!(document, expected);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn what_fiftyone_wrote_is_an_entry_without_a_note() {
    let backend = TemporaryDatabase::new();
    let (past, future) = (
        side_document::date(NOW),
        side_document::date(Timestamp::from_millis(NOW.as_millis() + 1)),
    );
    for (policy, expires_at, expected) in [
        (None, None, Policy::Persist),
        (None, Some(future), Policy::Evict),
        (Some("persist"), None, Policy::Persist),
        (Some("persist"), Some(future), Policy::Evict),
        (Some("evict"), None, Policy::Evict),
    ] {
        let mut document = doc! {
            "store_name": "s", "key": "k", "value": [1], "dataset_id": null,
            "created_at": past, "expires_at": expires_at,
        };
        document.extend(policy.map(|policy| ("policy".to_owned(), policy.into())));
        backend
            .run(theirs(&backend).insert_one(document))
            .expect("a write");
        let (entry, content) = hit(&backend);
        assert_eq!((entry.policy, entry.kind), (expected, Kind::Json));
        assert_eq!(content, inline("[1]"));
        let hits = EntryUse {
            saved_ms: 0,
            address: entry.address,
            used_at: NOW,
            written_at: NOW,
            hits: 2,
        };
        crate::backend::conformance::record_uses(&*backend, &[hits]).expect("hits are recorded");
        assert_eq!(hit(&backend).0.hits, 2);
        let by_policy = Filter {
            policy: Some(expected),
            ..Filter::default()
        };
        let removed = backend.remove(&by_policy.into(), NOW, &mut no_progress);
        assert_eq!(
            removed.expect("a removal").entries,
            1,
            "{policy:?} {expires_at:?}"
        );
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_note_is_believed_of_its_own_version_alone() {
    let backend = TemporaryDatabase::new();
    for later in [0, 1] {
        write(&backend, &full(), "[1,  2]");
        let (entry, content) = hit(&backend);
        assert_eq!(
            (entry.args.as_deref(), content),
            (Some("[1]"), inline("[1,  2]"))
        );
        // FiftyOne overwrites it: later, or even in the same millisecond.
        let time = side_document::date(Timestamp::from_millis(NOW.as_millis() + later));
        let set = doc! { "$set": { "value": [1, 3], "updated_at": time } };
        backend
            .run(theirs(&backend).update_one(doc! {}, set))
            .expect("a write");
        let (entry, content) = hit(&backend);
        assert_eq!((entry.args, entry.scopes), (None, Scopes::default()));
        assert_eq!(content, inline("[1, 3]"));
    }
    // Notes on what was removed past the backend go when they are a day old.
    backend
        .run(theirs(&backend).delete_many(doc! {}))
        .expect("a removal");
    let notes = || {
        let notes = backend.notes(DEFAULT_COLLECTION).expect("a collection");
        backend
            .run(notes.count_documents(doc! {}))
            .expect("a count")
    };
    backend.collect_garbage(NOW).expect("collected");
    assert!(notes() > 0, "a writer may be about to write");
    let far = Timestamp::from_millis(NOW.as_millis() + 100 * 365 * 86_400_000);
    backend.collect_garbage(far).expect("collected");
    assert_eq!(notes(), 0);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn of_many_writers_one_is_first_and_none_is_mixed_with_another() {
    let backend = TemporaryDatabase::new();
    let puts = |condition: &Condition| {
        let put = |number: usize| {
            let entry = Entry {
                args: Some(format!("[{number}]")),
                ..full()
            };
            let value = format!("[{number},{number}]");
            backend
                .put(&entry, &inline(value), &condition.clone().into(), NOW)
                .expect("a write")
        };
        std::thread::scope(|scope| {
            let writers = (0..16).map(|number| scope.spawn(move || put(number)));
            let writers: Vec<_> = writers.collect();
            let puts = writers
                .into_iter()
                .map(|writer| writer.join().expect("no panic"));
            puts.collect::<Vec<_>>()
        })
    };
    for condition in [Condition::IfAbsent, Condition::Always] {
        let puts = puts(&condition);
        let created = puts.iter().filter(|put| **put == Put::Created).count();
        assert_eq!(
            created,
            usize::from(condition == Condition::IfAbsent),
            "{puts:?}"
        );
        let (entry, content) = hit(&backend);
        let number = entry.args.expect("a note").replace(['[', ']'], "");
        assert_eq!(content, inline(format!("[{number},{number}]")));
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn queries_are_answered_from_indexes() {
    let backend = TemporaryDatabase::new();
    write(&backend, &full(), "1");
    let exactly = |name: &str| vec![Pattern::exact(name)];
    let prefix = || vec![Pattern::glob("a*").expect("a pattern")];
    let filters = [
        Filter {
            stores: exactly("s"),
            ..Filter::default()
        },
        Filter {
            stores: prefix(),
            ..Filter::default()
        },
        Filter {
            keys: exactly("k"),
            ..Filter::default()
        },
        Filter {
            keys: prefix(),
            ..Filter::default()
        },
        Filter {
            datasets: vec![DatasetPattern::Unlinked],
            ..Filter::default()
        },
        Filter {
            freshness: Some(Freshness::Expired),
            ..Filter::default()
        },
        Filter {
            expires_by: Some(NOW),
            ..Filter::default()
        },
        Filter {
            written_before: Some(NOW),
            ..Filter::default()
        },
        Filter {
            policy: Some(Policy::Persist),
            ..Filter::default()
        },
    ];
    let plan = |collection: &str, query: Document| {
        let explain = doc! { "explain": { "find": collection, "filter": query }, "verbosity": "queryPlanner" };
        let answer = backend
            .run(backend.database.run_command(explain))
            .expect("a plan");
        answer
            .get_document("queryPlanner")
            .expect("a planner")
            .to_string()
    };
    for filter in filters {
        let plan = plan(DEFAULT_COLLECTION, query::documents(&filter, NOW));
        assert!(
            plan.contains("IXSCAN") && !plan.contains("COLLSCAN"),
            "{filter:?}: {plan}"
        );
    }
    let scoped = [
        Filter {
            users: exactly("ann"),
            ..Filter::default()
        },
        Filter {
            operators: exactly("ann"),
            ..Filter::default()
        },
        Filter {
            prompts: exactly("ann"),
            ..Filter::default()
        },
    ];
    for filter in scoped {
        let notes = query::notes(&filter).expect("notes say it");
        let plan = plan(&side_document::collection(DEFAULT_COLLECTION), notes);
        assert!(
            plan.contains("IXSCAN") && !plan.contains("COLLSCAN"),
            "{filter:?}: {plan}"
        );
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn what_is_too_large_or_has_no_form_is_refused_and_leaves_what_was_there() {
    let backend = TemporaryDatabase::new();
    write(&backend, &full(), "1");
    let digits = "9".repeat(20);
    let refused = [
        (Kind::Bytes, vec![0; 13 << 20]),
        (Kind::Text, vec![b'x'; 16 << 20]),
        (Kind::Json, digits.into_bytes()),
        (Kind::Json, br#""\ud800""#.to_vec()),
        (Kind::Json, br#"{"a\u0000b": 1}"#.to_vec()),
    ];
    for (kind, value) in refused {
        let put = backend.put(
            &Entry { kind, ..full() },
            &inline(value),
            &Condition::Always.into(),
            NOW,
        );
        let error = put.expect_err("it is refused");
        assert!(
            matches!(error, Error::TooLarge { .. } | Error::Unrepresentable(_)),
            "{error}"
        );
    }
    assert_eq!(hit(&backend).1, inline("1"));
    let longest = vec![b'x'; 16_700_000];
    let text = Entry {
        kind: Kind::Text,
        ..full()
    };
    let put = backend.put(
        &text,
        &inline(longest.clone()),
        &Condition::Always.into(),
        NOW,
    );
    put.expect("it just fits");
    assert!(hit(&backend).1 == inline(longest));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_dataset_that_fiftyone_could_not_have_is_refused() {
    let backend = TemporaryDatabase::new();
    for id in ["quickstart", "6B03DE1228195DBC2DF5C505", "6b03"] {
        let mut entry = full();
        let store = (*entry.address.store).clone().with_dataset(id);
        entry.address.store = store.into();
        let lookup = backend.lookup(&entry.address, NOW);
        assert!(matches!(lookup, Err(Error::Dataset { .. })));
        let put = backend.put(&entry, &inline("1"), &Condition::Always.into(), NOW);
        assert!(matches!(put, Err(Error::Dataset { .. })));
    }
}

#[test]
#[ignore = "needs a MongoDB server, or a replica set: tests/mongodb/with --replica-set"]
fn what_is_written_is_read_from_the_primary_before() {
    let backend = TemporaryDatabase::with("readPreference=secondaryPreferred");
    for number in 0..100 {
        let put = write(&backend, &full(), "[1]");
        let expected = if number == 0 {
            Put::Created
        } else {
            Put::Replaced
        };
        assert_eq!(put, expected);
        let one = EntryUse {
            saved_ms: 0,
            address: full().address,
            used_at: NOW,
            written_at: NOW,
            hits: 1,
        };
        crate::backend::conformance::record_uses(&*backend, &[one]).expect("hits are recorded");
    }
    let (entry, _) = hit(&backend.on_primary());
    assert_eq!(entry.hits, 100);
    let all = Filter::default().into();
    backend
        .on_primary()
        .remove(&all, NOW, &mut no_progress)
        .expect("a removal");
    assert_eq!(write(&backend, &full(), "[1]"), Put::Created);
}

#[test]
fn a_server_that_is_away_is_named_and_the_password_is_not() {
    let uri = "mongodb://ann:open-sesame@127.0.0.1:1/x?serverSelectionTimeoutMS=60000";
    let opened = MongoBackend::open(uri, Access::Write);
    let error = opened.map(drop).expect_err("no server listens there");
    let message = error.to_string();
    assert!(
        message.contains("refused"),
        "fails without waiting: {message}"
    );
    assert!(matches!(error, Error::Unreachable { .. }), "{message}");
    assert!(
        message.contains("127.0.0.1:1") && !message.contains("sesame"),
        "{message}"
    );
    let malformed = MongoBackend::open("mongodb://ann:open-sesame@h:x", Access::Write);
    let message = malformed.map(drop).expect_err("no port").to_string();
    assert!(!message.contains("sesame"), "{message}");
}
