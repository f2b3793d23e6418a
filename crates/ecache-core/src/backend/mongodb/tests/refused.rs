//! Collections, values and datasets that are refused.

use super::*;
use crate::backend::{ChangeBackend, CountBackend, StoresBackend};

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
    // One with FiftyOne's index under another name, others that look similar, and a view.
    let likeness = doc! { "store_name": "s", "key": "k", "dataset_id": null, "value": 1 };
    let index = |key: Document| doc! { "key": key, "name": "an_index", "unique": true };
    let fields = doc! { "store_name": 1, "key": 1, "dataset_id": 1 };
    // A backup of a store, as `$out` makes one, and one of another application.
    let mut whole = likeness.clone();
    whole.extend(doc! { "created_at": value::date(NOW), "expires_at": null });
    for (name, document) in [("backup", whole), ("unlike", likeness.clone())] {
        let documents: Collection<Document> = backend.database.collection(name);
        backend
            .run(documents.insert_one(document))
            .expect("a document");
    }
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
    for name in ["similar", "plain", "unlike", "backup"] {
        let documents: Collection<Document> = backend.database.collection(name);
        assert_eq!(
            backend
                .run(documents.count_documents(doc! {}))
                .expect("a count"),
            1
        );
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_value_that_is_too_large_or_has_no_form_is_refused_and_the_old_one_stays() {
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
        assert!(matches!(lookup, Err(Error::InvalidDatasetId { .. })));
        let put = backend.put(&entry, &inline("1"), &Condition::Always.into(), NOW);
        assert!(matches!(put, Err(Error::InvalidDatasetId { .. })));
    }
}
