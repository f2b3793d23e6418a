//! Documents and the notes on them.

use super::*;

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
    let now = value::date(NOW);
    let value = doc! { "a": [1, 4_294_967_296_i64, 0.5, null, true, "x"] };
    let expected = doc! {
        "store_name": "s", "key": "k", "value": value, "dataset_id": null,
        "created_at": now, "updated_at": now, "expires_at": null, "policy": "persist",
    };
    assert_eq!(document, expected);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn documents_of_fiftyone_are_entries_without_a_note() {
    let backend = TemporaryDatabase::new();
    let (past, future) = (
        value::date(NOW),
        value::date(Timestamp::from_millis(NOW.as_millis() + 1)),
    );
    for (policy, expires_at, expected) in [
        (None, None, Policy::Persist),
        (None, Some(future), Policy::Evict),
        (Some("persist"), None, Policy::Persist),
        (Some("persist"), Some(future), Policy::Persist),
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
            entry: entry.address.into(),
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
        let time = value::date(Timestamp::from_millis(NOW.as_millis() + later));
        let set = doc! { "$set": { "value": [1, 3], "updated_at": time } };
        backend
            .run(theirs(&backend).update_one(doc! {}, set))
            .expect("a write");
        let (entry, content) = hit(&backend);
        assert_eq!((entry.args, entry.scopes), (None, Scopes::default()));
        assert_eq!(content, inline("[1, 3]"));
    }
    // Notes on documents that others removed go when they are a day old.
    backend
        .run(theirs(&backend).delete_many(doc! {}))
        .expect("a removal");
    let notes = || {
        let notes = backend.notes(DEFAULT_COLLECTION).expect("a collection");
        backend
            .run(notes.count_documents(doc! {}))
            .expect("a count")
    };
    // So do those of a collection that is gone.
    let elsewhere = StoreAddress {
        collection: "elsewhere".into(),
        ..StoreAddress::new("s")
    };
    write(
        &backend,
        &Entry::new(elsewhere.entry(full().address.key), Kind::Text, NOW),
        "v",
    );
    let documents = backend.documents("elsewhere").expect("a collection");
    backend.run(documents.drop()).expect("a removal");
    let far = Timestamp::from_millis(NOW.as_millis() + 100 * 365 * 86_400_000);
    let abandoned = |now| backend.abandoned(now).expect("a count").entries;
    assert_eq!((abandoned(NOW), abandoned(far)), (0, 2));
    backend.collect_garbage(NOW).expect("collected");
    assert!(notes() > 0, "a writer may be about to write");
    backend.collect_garbage(far).expect("collected");
    assert_eq!((notes(), abandoned(far)), (0, 0));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn one_of_many_writers_is_first_and_none_is_mixed_with_another() {
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
