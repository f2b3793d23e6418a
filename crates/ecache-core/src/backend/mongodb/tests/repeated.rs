//! Fields that a document has twice, and documents with one name.

use mongodb::bson::{Bson, RawDocumentBuf, cstr};

use super::foreign::{addresses, document, insert};
use super::*;
use crate::backend::{
    CollectionDamage, Commit, ImportBackend, OnConflict, Row, ScanBackend, Touch, Values,
    fail_at_refused,
};
use crate::doctor::{Check, examine};
use crate::error::Result;
use crate::key::Key;
use crate::scope::Address;
use crate::value::Value;

fn address() -> Address {
    StoreAddress::new("s").entry(Key::new("k").expect("a key"))
}

/// Returns documents whose value is there more than once, and is 2 in the end.
fn twice() -> Vec<RawDocumentBuf> {
    let firsts: [Bson; 4] = [
        1.into(),
        "text".into(),
        doc! { "a": [1] }.into(),
        Bson::Null,
    ];
    let firsts = firsts.into_iter().map(|first| {
        let mut twice = document(doc! { "value": first });
        twice.append(cstr!("value"), 2);
        twice
    });
    let mut thrice = document(doc! {});
    thrice.append(cstr!("value"), "between");
    thrice.append(cstr!("value"), 2);
    firsts.chain([thrice]).collect()
}

fn import(backend: &MongoBackend, entry: Entry, on_conflict: OnConflict) -> Result<u64> {
    let record = Ok(Record::Entry(Box::new(entry), b"new".to_vec()));
    let records = &mut [record].into_iter();
    let (commit, refused) = (Commit::Whole, &mut fail_at_refused);
    let imported = backend.import(records, on_conflict, commit, refused, &mut no_progress)?;
    Ok(imported.replaced)
}

/// Returns the document of the entry.
fn raw(backend: &MongoBackend) -> RawDocumentBuf {
    let found = backend.raw_document(&address()).expect("a read");
    found.expect("a document")
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_value_that_is_there_twice_is_read_as_fiftyone_does_and_never_changed() {
    for (twice, is_large) in twice()
        .into_iter()
        .flat_map(|raw| [(raw.clone(), false), (raw, true)])
    {
        let backend = TemporaryDatabase::new();
        insert(&backend, twice.clone());
        if is_large {
            // The server then leaves the values of a listing out.
            insert(
                &backend,
                document(doc! { "key": "large", "value": "x".repeat(1 << 20) }),
            );
        }
        let of_key = Filter {
            keys: vec![Pattern::exact("k")],
            ..Filter::default()
        };
        let rows = backend
            .scan(&Scan::new(of_key.clone()), NOW)
            .expect("a scan");
        let rows: Vec<_> = rows.collect::<Result<_>>().expect("rows");
        let [Row::Foreign(found)] = &*rows else {
            panic!("{rows:?}");
        };
        assert_eq!(found.reason, "its field \"value\" is there more than once");
        let Lookup::Hit(_, content) = backend.lookup(&address(), NOW).expect("a look-up") else {
            panic!("{twice:?}");
        };
        assert_eq!(content, inline("2"));

        let entry = Entry::new(address(), Kind::Text, NOW);
        for condition in [
            Condition::Always,
            Condition::IfValue(Value {
                kind: Kind::Json,
                bytes: b"2".to_vec(),
            }),
        ] {
            let put = backend.put(&entry, &inline("new"), &condition.into(), NOW);
            let Err(Error::Unrepresentable(why)) = put else {
                panic!("{put:?}");
            };
            assert!(why.ends_with("more than once; remove it first"), "{why}");
        }
        for on_conflict in [OnConflict::Replace, OnConflict::Newer] {
            assert!(import(&backend, entry.clone(), on_conflict).is_err());
        }
        assert_eq!(raw(&backend).as_bytes(), twice.as_bytes());

        let touch = Touch {
            policy: Some(Policy::Evict),
            expires_at: None,
        };
        let touched = backend.touch(&of_key.clone().into(), touch, NOW, &mut no_progress);
        assert_eq!(touched.expect("a change").entries, 1);
        let values = raw(&backend)
            .iter()
            .filter(|field| {
                field
                    .as_ref()
                    .is_ok_and(|(name, _)| name.as_str() == "value")
            })
            .count();
        assert!(values > 1, "a change of the lifetime leaves the values");
        let removed = backend.remove(&of_key.into(), NOW, &mut no_progress);
        assert_eq!(removed.expect("a removal").entries, 1);
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn an_import_of_newer_entries_leaves_those_whose_time_is_not_known() {
    let known = [
        doc! { "created_at": "yesterday", "updated_at": value::date(Timestamp::from_millis(5)) },
        doc! { "updated_at": null },
    ];
    let unknown = [
        doc! { "updated_at": "today" },
        doc! { "updated_at": 1.5 },
        doc! { "created_at": 1.5, "updated_at": null },
        doc! { "created_at": null, "updated_at": null },
    ];
    let old = known.map(|fields| (fields, true)).into_iter();
    for (fields, is_known) in old.chain(unknown.map(|fields| (fields, false))) {
        let backend = TemporaryDatabase::new();
        insert(&backend, document(fields.clone()));
        let before = raw(&backend);
        let new = Entry::new(address(), Kind::Text, NOW);
        match import(&backend, new.clone(), OnConflict::Newer) {
            Ok(count) => assert_eq!((count, is_known), (1, true), "{fields}"),
            Err(error) => {
                assert!(!is_known, "{fields}");
                let told = error.to_string();
                assert!(told.contains("may be newer, since"), "{told}");
                assert_eq!(raw(&backend), before);
            }
        }
        let replaced = import(&backend, new, OnConflict::Replace);
        assert_eq!(replaced.expect("an import"), 1, "{fields}");
        assert_eq!(raw(&backend).get_str("value").ok(), Some("new"));
    }
}

/// As `mongorestore --noIndexRestore` leaves a collection.
#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn documents_with_one_name_are_one_entry_until_the_index_is_made() {
    let backend = TemporaryDatabase::new();
    for value in 1..=3 {
        insert(&backend, document(doc! { "value": value }));
    }
    insert(&backend, document(doc! { "key": "alone" }));
    write(&backend, &Entry::new(address(), Kind::Json, NOW), "5");
    let hit = backend.lookup(&address(), NOW).expect("a look-up");
    assert!(matches!(hit, Lookup::Hit(_, content) if content == inline("5")));
    assert_eq!(
        import(
            &backend,
            Entry::new(address(), Kind::Text, NOW),
            OnConflict::Replace
        )
        .expect("an import"),
        1
    );
    let hit = backend.lookup(&address(), NOW).expect("a look-up");
    assert!(matches!(hit, Lookup::Hit(_, content) if content == inline("new")));
    assert_eq!(addresses(&*backend, &Filter::default()).len(), 4);

    let damage = backend
        .collection_damage(DEFAULT_COLLECTION)
        .expect("checks");
    assert_eq!(damage[0], CollectionDamage::Repeated(address(), 3));
    let indexes = damage.len() - 1;
    assert_eq!(indexes, 7, "FiftyOne makes seven: {damage:?}");
    let all = Filter::default();
    let found = examine(
        &*backend,
        DEFAULT_COLLECTION,
        &all,
        None,
        NOW,
        &mut no_progress,
    );
    let found = found.expect("an examination").findings;
    let missing = found
        .iter()
        .find(|found| found.check == Check::MissingIndexes);
    let reasons = &missing.expect("a finding").reasons;
    assert!(reasons[0].contains("is there 3 times"), "{reasons:?}");
    let refused = backend.restore_indexes(DEFAULT_COLLECTION);
    let told = refused.expect_err("they cannot be unique").to_string();
    assert!(told.contains("is there 3 times"), "{told}");

    let of_key = Filter {
        keys: vec![Pattern::exact("k")],
        ..Filter::default()
    };
    let removed = backend.remove(&of_key.into(), NOW, &mut no_progress);
    assert_eq!(removed.expect("a removal").entries, 3);
    backend
        .restore_indexes(DEFAULT_COLLECTION)
        .expect("indexes");
    let damage = backend.collection_damage(DEFAULT_COLLECTION);
    assert_eq!(damage.expect("checks"), []);
    let there = scan(
        &*backend,
        &Scan {
            values: Values::Omit,
            ..Scan::new(Filter::default())
        },
    );
    assert_eq!(there.len(), 1);
}
