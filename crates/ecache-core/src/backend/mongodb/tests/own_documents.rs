//! Stores' own documents that other programs wrote.

use mongodb::bson::{Bson, DateTime, RawDocumentBuf};

use super::foreign::{document, insert, not_utf8};
use super::*;
use crate::backend::{
    Commit, ImportBackend, OnConflict, StoreMetadata, StoreRecord, StoresBackend, fail_at_refused,
};
use crate::doctor::{self, Check};
use crate::scope::StoreAddress;
use crate::transfer::{FoundRecord, Records};

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_stores_own_document_that_has_no_form_is_left_out_and_named() {
    let backend = TemporaryDatabase::new();
    let own = |store: &str, value: Bson| {
        document(doc! { "store_name": store, "key": "__store__", "value": value })
    };
    insert(&backend, own("plain", doc! { "a": 1 }.into()));
    insert(
        &backend,
        not_utf8(doc! { "store_name": "text", "key": "__store__", "value": "~" }),
    );
    let mut without = Document::try_from(own("none", Bson::Null)).expect("a document");
    without.remove("value");
    insert(
        &backend,
        RawDocumentBuf::try_from(&without).expect("a document"),
    );
    let found = |filter: &Filter| -> (Vec<String>, Vec<String>) {
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for found in Records::new(&*backend, filter, NOW).expect("a scan") {
            match found.expect("a record") {
                FoundRecord::Record(Record::Store(store)) => {
                    kept.push(store.address.store_name.to_string());
                }
                FoundRecord::Foreign(address, reason) => {
                    assert!(!reason.is_empty());
                    assert_eq!(address.key.as_str(), "__store__");
                    left_out.push(address.store.store_name.to_string());
                }
                found => panic!("{found:?}"),
            }
        }
        left_out.sort();
        (kept, left_out)
    };
    for (store, field) in [
        ("field", doc! { "surprise": 1 }),
        ("policy", doc! { "policy": "forever" }),
        ("created", doc! { "created_at": 1.5 }),
        ("uncreated", doc! { "created_at": null }),
        ("expires", doc! { "expires_at": DateTime::from_millis(1) }),
    ] {
        let mut fields = doc! { "store_name": store, "key": "__store__", "value": { "a": 1 } };
        fields.extend(field);
        insert(&backend, document(fields));
    }
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let all = found(&Filter::default());
    let foreign = [
        "created",
        "expires",
        "field",
        "none",
        "policy",
        "text",
        "uncreated",
    ];
    assert_eq!(all, (names(&["plain"]), names(&foreign)));
    let one = found(&Filter::store(&StoreAddress::new("none")));
    assert_eq!(one, (Vec::new(), names(&["none"])));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn the_doctor_says_why_a_stores_own_document_is_left_out() {
    let backend = TemporaryDatabase::new();
    insert(
        &backend,
        not_utf8(doc! { "store_name": "text", "key": "__store__", "value": "~" }),
    );
    insert(
        &backend,
        document(doc! { "store_name": "field", "key": "__store__", "surprise": 1 }),
    );
    insert(
        &backend,
        document(doc! { "store_name": "word", "key": "__store__", "policy": "forever" }),
    );
    let reasons = |policy: Option<Policy>| {
        let these = Filter {
            policy,
            ..Filter::default()
        };
        let examine = doctor::examine(
            &*backend,
            DEFAULT_COLLECTION,
            &these,
            None,
            NOW,
            &mut no_progress,
        );
        let findings = examine.expect("an examination").findings;
        let foreign = findings
            .iter()
            .find(|finding| finding.check == Check::Foreign);
        foreign.map_or(Vec::new(), |found| found.reasons.clone())
    };
    let all = [
        "key __store__ in store field: its field \"surprise\" is none of FiftyOne's",
        "key __store__ in store text: its metadata has no text form",
        "key __store__ in store word: its policy is unknown",
    ];
    assert_eq!(reasons(None), all);
    assert_eq!(reasons(Some(Policy::Persist)), all);
    assert!(reasons(Some(Policy::Evict)).is_empty());
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_stores_own_document_that_has_no_form_is_replaced_only_where_that_is_asked_for() {
    let backend = TemporaryDatabase::new();
    let store = StoreAddress::new("text");
    let mine = not_utf8(doc! { "store_name": "text", "key": "__store__", "value": "~" });
    let metadata = StoreMetadata {
        value: "{}".into(),
        created_at: NOW,
        updated_at: None,
        policy: Policy::Persist,
    };
    let import = |on_conflict| {
        let record = StoreRecord::new(store.clone().into(), Some(metadata.clone()));
        let mut records = [Ok(Record::Store(record))].into_iter();
        backend.import(
            &mut records,
            on_conflict,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        )
    };
    insert(&backend, mine);
    let unread = backend.document(&store);
    assert!(
        matches!(unread, Err(Error::ForeignValue { .. })),
        "{unread:?}"
    );
    assert_eq!(import(OnConflict::Keep).expect("an import").stores_kept, 1);
    let failed = import(OnConflict::Fail);
    assert!(matches!(failed, Err(Error::Conflict { .. })), "{failed:?}");
    assert!(backend.document(&store).is_err(), "it is still there");
    assert_eq!(import(OnConflict::Replace).expect("an import").stores, 1);
    assert_eq!(backend.document(&store).expect("a form"), Some(metadata));
}
