//! Stores' own documents that other programs wrote.

use mongodb::bson::{Bson, RawDocumentBuf};

use super::foreign::{document, insert, not_utf8};
use super::*;
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
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let all = found(&Filter::default());
    assert_eq!(all, (names(&["plain"]), names(&["none", "text"])));
    let one = found(&Filter::store(&StoreAddress::new("none")));
    assert_eq!(one, (Vec::new(), names(&["none"])));
}
