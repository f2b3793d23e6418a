//! Documents that were moved: each field is what it was.

use std::sync::Arc;

use mongodb::bson::{Bson, DateTime, RawDocumentBuf};

use super::foreign::insert;
use super::*;
use crate::backend::sqlite::SqliteBackend;
use crate::backend::{
    Backend, Commit, ImportBackend, OnConflict, StoreRecord, StoresBackend, fail_at_refused,
};
use crate::interchange::{Reader, write_entry};
use crate::key::Key;
use crate::transfer::{FoundRecord, Importer, Records};

/// Returns the records of a store, all of which can be moved.
fn records_of(backend: &dyn Backend) -> Vec<Record> {
    let records = Records::new(backend, &Filter::default(), NOW).expect("a scan");
    let record = |found: Result<FoundRecord, Error>| match found.expect("a record") {
        FoundRecord::Record(record) => record,
        found => panic!("{found:?}"),
    };
    records.map(record).collect()
}

fn import(to: &dyn Backend, records: Vec<Record>) {
    let mut refuse = fail_at_refused;
    let mut importer = Importer::new(to, OnConflict::Fail, &mut refuse);
    for record in records {
        importer.add(record).expect("a write");
    }
    importer.flush().expect("a write");
}

/// Writes records as lines, and reads them back.
fn through_lines(records: &[Record]) -> Vec<Record> {
    let mut lines = Vec::new();
    for record in records {
        let Record::Entry(entry, value) = record else {
            panic!("{record:?}");
        };
        write_entry(&**entry, value, &mut lines).expect("a short line");
    }
    let reader = Reader::new(&*lines, DEFAULT_COLLECTION, NOW).expect("lines");
    reader.map(|read| read.expect("a record").1).collect()
}

/// Returns the documents by their keys, without ids.
fn documents(backend: &MongoBackend) -> Vec<Document> {
    let found = backend.documents(DEFAULT_COLLECTION).expect("a name");
    let mut documents = Vec::new();
    backend
        .each(found.find(doc! {}).batch(), |raw| {
            documents.push(Document::try_from(raw).expect("a document"));
        })
        .expect("documents");
    documents
        .iter_mut()
        .for_each(|document| drop(document.remove("_id")));
    documents.sort_by_key(|document| document.get_str("key").map(str::to_owned).ok());
    documents
}

/// Returns documents with each lifetime, and each field that may be missing; and what they are
/// elsewhere.
fn lifetimes() -> Vec<(Document, Document)> {
    let date = || Bson::from(DateTime::from_millis(NOW.as_millis() + 60_000));
    let words = [
        None,
        Some(Bson::Null),
        Some("persist".into()),
        Some("evict".into()),
    ];
    let times = [None, Some(Bson::Null), Some(date())];
    let datasets = [None, Some(Bson::Null), Some(ObjectId::new().into())];
    let mut all = Vec::new();
    for policy in &words {
        for expires_at in &times {
            for updated_at in &times {
                for dataset_id in &datasets {
                    let mut document = doc! {
                        "store_name": "s", "key": format!("{:03}", all.len()), "value": 1,
                        "created_at": DateTime::from_millis(1),
                    };
                    let mut moved = document.clone();
                    let expires = matches!(expires_at, Some(Bson::DateTime(_)));
                    let usual = Policy::of_lifetime(expires).as_str();
                    let word = policy.clone().filter(|word| *word != Bson::Null);
                    // FiftyOne reads what is missing as these.
                    moved.insert("policy", word.unwrap_or(usual.into()));
                    let others = [
                        ("expires_at", expires_at),
                        ("updated_at", updated_at),
                        ("dataset_id", dataset_id),
                    ];
                    document.extend(policy.clone().map(|word| ("policy".to_owned(), word)));
                    for (name, value) in others {
                        document.extend(value.clone().map(|value| (name.to_owned(), value)));
                        moved.insert(name, value.clone().unwrap_or(Bson::Null));
                    }
                    all.push((document, moved));
                }
            }
        }
    }
    all
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn policy_and_times_are_the_same_on_the_way_through_files_and_lines() {
    let source = TemporaryDatabase::new();
    for (document, _) in lifetimes() {
        insert(
            &source,
            RawDocumentBuf::try_from(&document).expect("a document"),
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let between = SqliteBackend::open(&folder.path().join("store.db"), Access::Write);
    let between = between.expect("a store");
    import(&between, records_of(&*source));
    let target = TemporaryDatabase::new();
    import(&*target, through_lines(&records_of(&between)));
    let sorted = |document: &Document| {
        let mut fields: Vec<_> = document.clone().into_iter().collect();
        fields.sort_by(|one, two| one.0.cmp(&two.0));
        fields
    };
    let moved: Vec<_> = documents(&target).iter().map(sorted).collect();
    let expected: Vec<_> = lifetimes().iter().map(|(_, moved)| sorted(moved)).collect();
    // The ids of datasets are new each time.
    for (one, other) in moved.iter().zip(&expected) {
        for ((name, value), (_, wanted)) in one.iter().zip(other) {
            let is_id = |value: &Bson| value.as_object_id().is_some();
            let same = value == wanted || (name == "dataset_id" && is_id(value) && is_id(wanted));
            assert!(same, "{name}: {value} instead of {wanted} in {one:?}");
        }
    }
    assert_eq!(moved.len(), expected.len());
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_value_may_be_as_long_as_its_document_has_room() {
    let backend = TemporaryDatabase::new();
    let put = |length: usize| {
        let value = inline("x".repeat(length));
        let entry = Entry {
            kind: Kind::Text,
            ..full()
        };
        backend.put(&entry, &value, &Condition::Always.into(), NOW)
    };
    let length = || {
        let raw = backend.raw_document(&full().address).expect("a read");
        raw.expect("a document").as_bytes().len() as u64
    };
    put(0).expect("a write");
    let most = usize::try_from(super::super::MAX_SIZE - length()).expect("a length");
    assert_eq!(put(most).expect("a replacement"), Put::Replaced);
    assert_eq!(length(), super::super::MAX_SIZE);
    let refused = put(most + 1);
    assert!(
        matches!(refused, Err(Error::TooLarge { size, limit })
            if (size, limit) == (most as u64 + 1, most as u64)),
        "{refused:?}"
    );
    assert_eq!(length(), super::super::MAX_SIZE, "it is as it was");
    let refused = put(2 * most);
    assert!(
        matches!(refused, Err(Error::TooLarge { .. })),
        "{refused:?}"
    );
    backend
        .remove(&Filter::default().into(), NOW, &mut no_progress)
        .expect("a removal");
    assert_eq!(put(most).expect("a new document"), Put::Created);

    // Others before it and behind it do not have to fit into the same command.
    let record = |key: &str, length: usize| {
        let address = full().address.store.entry(Key::new(key).expect("a key"));
        let entry = Entry {
            address,
            kind: Kind::Text,
            size: length as u64,
            ..full()
        };
        Ok(Record::Entry(Box::new(entry), "x".repeat(length).into()))
    };
    for commit in [Commit::Whole, Commit::Every(1000)] {
        let records = [
            ("a", 10 << 20),
            ("b", most),
            ("c", 7),
            ("d", 9 << 20),
            ("e", most + 1),
        ];
        let mut records = records.into_iter().map(|(key, length)| record(key, length));
        let mut refused = Vec::new();
        let mut on_refused = |address: &crate::scope::Address, _| {
            refused.push(address.key.to_string());
            Ok(())
        };
        let imported = backend.import(
            &mut records,
            OnConflict::Replace,
            commit,
            &mut on_refused,
            &mut no_progress,
        );
        let imported = imported.expect("an import");
        assert_eq!(imported.created + imported.replaced, 4);
        assert_eq!(refused, ["e"]);
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_note_that_has_no_room_for_the_exact_bytes_is_refused_before_anything_is_sent() {
    let backend = TemporaryDatabase::new();
    let most = usize::try_from(super::super::MAX_SIZE).expect("a length");
    let (mut written, mut refused) = (0, 0);
    for less in (0..1000).step_by(100) {
        // Without the space that FiftyOne's spelling has, it is kept beside the value.
        let text = format!("{{\"a\":\"{}\"}}", "x".repeat(most - less - 8));
        match backend.put(&full(), &inline(&*text), &Condition::Always.into(), NOW) {
            Ok(_) => {
                written += 1;
                assert_eq!(hit(&backend).1, inline(text));
            }
            Err(Error::TooLarge { size, limit }) => {
                refused += 1;
                assert!(limit < size, "{limit} {size}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(written > 0 && refused > 0, "{written} {refused}");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn the_metadata_of_a_store_is_moved_with_its_policy() {
    let source = TemporaryDatabase::new();
    let own = doc! {
        "store_name": "s", "key": "__store__", "value": { "a": 1 }, "dataset_id": null,
        "created_at": DateTime::from_millis(1), "updated_at": null, "expires_at": null,
        "policy": "evict",
    };
    insert(&source, RawDocumentBuf::try_from(&own).expect("a document"));
    let records = records_of(&*source);
    let [
        Record::Store(StoreRecord {
            address, metadata, ..
        }),
    ] = &*records
    else {
        panic!("{records:?}");
    };
    let target = TemporaryDatabase::new();
    target
        .set_metadata(&Arc::clone(address), metadata.as_ref())
        .expect("a write");
    assert_eq!(documents(&target), documents(&source));
}
