//! Writes to documents of other programs: what they do not change stays as it is.

use mongodb::bson::{Bson, DateTime, RawDocument, RawDocumentBuf};

use super::foreign::{addresses, document, insert, not_utf8};
use super::*;
use crate::backend::{
    Commit, ImportBackend, Keep, OnConflict, PutOptions, WriteBackend, fail_at_refused,
};
use crate::scope::Address;

/// Returns the only document, as its bytes.
fn only(backend: &MongoBackend) -> RawDocumentBuf {
    let documents = backend.documents(DEFAULT_COLLECTION).expect("a name");
    let mut found = Vec::new();
    let all = documents.find(doc! {}).batch();
    backend
        .each(all, |raw| found.push(raw.to_owned()))
        .expect("documents");
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Returns the bytes of each field but those of a version.
fn others(document: &RawDocument) -> Vec<String> {
    let fields = document.iter_elements().filter_map(|field| {
        let field = field.ok()?;
        let is_of_version = matches!(field.key().as_str(), "value" | "updated_at");
        (!is_of_version).then(|| format!("{:?} {:?}", field.key().as_str(), field.value()))
    });
    let mut fields: Vec<_> = fields.collect();
    fields.sort();
    fields
}

/// Returns documents with fields that no entry of ours has.
fn documents() -> Vec<RawDocumentBuf> {
    let without = |field: &str| {
        let mut whole = Document::try_from(document(doc! {}).as_ref()).expect("a document");
        whole.remove(field);
        RawDocumentBuf::try_from(&whole).expect("a document")
    };
    vec![
        document(doc! { "foo": 1, "$x": { "a.b": [1] }, "": null }),
        document(doc! { "policy": "EVICT" }),
        document(doc! { "policy": 0 }),
        not_utf8(doc! { "policy": "~" }),
        not_utf8(doc! { "foo": "~", "expires_at": "~" }),
        document(doc! { "expires_at": "soon" }),
        document(doc! { "expires_at": 0 }),
        document(doc! { "created_at": "yesterday" }),
        document(doc! { "updated_at": "today" }),
        document(doc! { "policy": { "$gt": "" } }),
        document(doc! { "expires_at": Bson::Undefined }),
        document(doc! { "_id": "mine", "created_at": 5 }),
        without("policy"),
        without("created_at"),
        without("dataset_id"),
    ]
}

fn with<T>(
    document: &RawDocument,
    change: impl FnOnce(&MongoBackend, Address) -> T,
) -> (T, RawDocumentBuf) {
    let backend = TemporaryDatabase::new();
    insert(&backend, document.to_owned());
    let address = addresses(&*backend, &Filter::default()).remove(0);
    let changed = change(&backend, address);
    (changed, only(&backend))
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_new_value_changes_no_other_field() {
    for old in documents() {
        let (put, new) = with(&old, |backend, address| {
            let entry = Entry::new(address, Kind::Text, NOW);
            let options = PutOptions {
                keep: Keep::LIFETIME,
                ..PutOptions::from(Condition::Always)
            };
            backend.put(&entry, &inline("new"), &options, NOW)
        });
        assert_eq!(put.expect("a write"), Put::Replaced, "{old:?}");
        assert_eq!(others(&new), others(&old));
        assert_eq!(new.get_str("value").ok(), Some("new"));
        let now = DateTime::from_millis(NOW.as_millis());
        assert_eq!(new.get_datetime("updated_at").ok(), Some(now));
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_lifetime_that_is_named_is_written_and_nothing_else() {
    let soon = NOW.saturating_add(std::time::Duration::from_secs(60));
    for old in documents() {
        let (put, new) = with(&old, |backend, address| {
            let entry = Entry {
                expires_at: Some(soon),
                ..Entry::new(address, Kind::Text, NOW)
            };
            backend.put(&entry, &inline("new"), &Condition::Always.into(), NOW)
        });
        assert_eq!(put.expect("a write"), Put::Replaced, "{old:?}");
        let date = DateTime::from_millis(soon.as_millis());
        assert_eq!(new.get_datetime("expires_at").ok(), Some(date));
        let others = |document: &RawDocument| {
            let mut others = others(document);
            others.retain(|field| {
                !field.starts_with("\"expires_at\"") && !field.starts_with("\"policy\"")
            });
            others
        };
        assert_eq!(others(&new), others(&old));
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn an_import_over_a_document_keeps_the_fields_that_no_record_has() {
    for commit in [Commit::Whole, Commit::Every(1)] {
        let old = document(doc! { "foo": 1, "$x": { "a.b": [1] } });
        let ((), new) = with(&old, |backend, address| {
            let entry = Entry::new(address, Kind::Text, NOW);
            let record = Ok(Record::Entry(Box::new(entry), b"new".to_vec()));
            let imported = backend.import(
                &mut [record].into_iter(),
                OnConflict::Replace,
                commit,
                &mut fail_at_refused,
                &mut no_progress,
            );
            assert_eq!(imported.expect("an import").replaced, 1);
        });
        assert_eq!(new.get_i32("foo").ok(), Some(1));
        assert!(new.get_document("$x").is_ok());
        assert_eq!(new.get_str("value").ok(), Some("new"));
        assert_eq!(new.get_str("policy").ok(), Some("evict"));
    }
}
