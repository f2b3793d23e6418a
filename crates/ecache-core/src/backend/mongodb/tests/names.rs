//! Names of documents of any type, in listings and orders.

use super::foreign::{addresses, document, insert, keys, not_utf8};
use super::*;
use crate::backend::{
    Commit, Direction, ImportBackend, OnConflict, Row, ScanBackend, Sort, StoresBackend, Values,
    fail_at_refused,
};
use crate::key::Key;
use crate::scope::StoreAddress;

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn keys_of_any_type_come_in_the_order_of_their_names() {
    let backend = TemporaryDatabase::new();
    for (key, _) in keys() {
        insert(&backend, document(doc! { "key": key }));
    }
    for direction in [Direction::Ascending, Direction::Descending] {
        for values in [Values::Omit, Values::Include] {
            let sorted = Scan {
                sort: Sort::Key,
                direction,
                values,
                ..Scan::new(Filter::default())
            };
            let rows = backend.scan(&sorted, NOW).expect("a scan");
            let names: Vec<String> = rows
                .map(|row| match row.expect("a row") {
                    Row::Entry(entry, _) => entry.address.key.to_string(),
                    row => panic!("{row:?}"),
                })
                .collect();
            let mut expected: Vec<String> = keys().into_iter().map(|(_, name)| name).collect();
            expected.sort();
            if direction == Direction::Descending {
                expected.reverse();
            }
            assert_eq!(names, expected);
        }
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn names_of_every_type_are_listed() {
    let backend = TemporaryDatabase::new();
    let names = |of| {
        let names = backend.names(of).expect("names");
        Vec::from_iter(names.iter().map(ToString::to_string))
    };
    for (number, (value, _)) in keys().into_iter().enumerate() {
        let fields = doc! { "key": number as i64, "store_name": &value, "dataset_id": value };
        insert(&backend, document(fields));
    }
    // Equal numbers are one name to the server.
    insert(
        &backend,
        document(doc! { "store_name": 2_i64, "key": "equal" }),
    );
    insert(
        &backend,
        not_utf8(doc! { "store_name": "~", "dataset_id": "~" }),
    );
    let mut stores = backend.stores().expect("stores");
    assert_eq!(stores.len(), keys().len() + 2);
    stores.retain(|store| &*store.address.store_name == "bson:?");
    assert_eq!(stores.len(), 1, "a name that is not UTF-8");
    let mut expected: Vec<String> = keys().into_iter().map(|(_, name)| name).collect();
    expected.push("bson:?".to_owned());
    expected.sort();
    assert_eq!(names(Dimension::Store), expected);
    assert_eq!(
        names(Dimension::Dataset).len(),
        expected.len() - 1,
        "null is not a dataset"
    );
    assert_eq!(names(Dimension::User), [""; 0]);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn equal_numbers_of_other_types_are_one_name_of_an_import() {
    let decimal = r#"bson:{"$bson": {"$numberDecimal": "1.50"}}"#;
    let long = r#"bson:{"$bson": {"$numberLong": "2"}}"#;
    let backend = TemporaryDatabase::new();
    let stores = [("bson:1.5", "bson:2"), (decimal, long)];
    let records = stores.map(|(store, key)| {
        let store = StoreAddress::new(store).with_dataset("bson:7");
        let address = store.entry(Key::new(key).expect("a key"));
        let entry = Entry::new(address, Kind::Text, NOW);
        Ok(Record::Entry(Box::new(entry), key.as_bytes().to_vec()))
    });
    let imported = backend.import(
        &mut records.into_iter(),
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    let imported = imported.expect("an import");
    assert_eq!((imported.created, imported.replaced), (1, 1));
    assert_eq!(addresses(&*backend, &Filter::default()).len(), 1);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn numbers_that_are_one_key_to_the_server_are_one_entry() {
    let backend = TemporaryDatabase::new();
    insert(&backend, document(doc! { "key": 1.0 }));
    let one = StoreAddress::new("s").entry(Key::new("bson:1").expect("a key"));
    assert!(matches!(backend.lookup(&one, NOW), Ok(Lookup::Hit(..))));
    let entry = Entry::new(one, Kind::Text, NOW);
    let mut records = [Ok(Record::Entry(Box::new(entry), b"new".to_vec()))].into_iter();
    let imported = backend.import(
        &mut records,
        OnConflict::Replace,
        Commit::Whole,
        &mut fail_at_refused,
        &mut no_progress,
    );
    assert_eq!(imported.expect("an import").replaced, 1);
    insert(&backend, document(doc! { "key": true }));
    assert_eq!(addresses(&*backend, &Filter::default()).len(), 2);
}
