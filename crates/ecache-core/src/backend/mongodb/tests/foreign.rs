//! Documents of other programs: each is listed, counted, looked up and removed by its name, and
//! none is damaged.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, RawArrayBuf, RawDocumentBuf, cstr};

use super::*;
use crate::backend::memory::MemoryBackend;
use crate::backend::{
    Backend, Commit, ImportBackend, OnConflict, OnExistingStore, RenameBackend, Row, ScanBackend,
    Sort, StoresBackend, Touch, Values, WriteBackend, fail_at_refused,
};
use crate::key::Key;
use crate::scope::{Address, StoreAddress};
use crate::transfer::{FoundRecord, Importer, Records};

const ID: &str = "6b03de1228195dbc2df5c505";

fn id() -> ObjectId {
    ObjectId::parse_str(ID).expect("an id")
}

/// Returns a document as FiftyOne writes it, but for these fields.
pub(super) fn document(fields: Document) -> RawDocumentBuf {
    let mut document = doc! {
        "_id": ObjectId::new(), "store_name": "s", "key": "k", "value": 1, "dataset_id": null,
        "created_at": DateTime::from_millis(1), "updated_at": null, "expires_at": null,
        "policy": "persist",
    };
    document.extend(fields);
    RawDocumentBuf::try_from(&document).expect("a document")
}

/// Returns the same with a byte that is in no UTF-8 instead of each `~`.
pub(super) fn not_utf8(fields: Document) -> RawDocumentBuf {
    let bytes = document(fields).into_bytes();
    let broken = |byte| if byte == b'~' { 0xff } else { byte };
    RawDocumentBuf::from_bytes(bytes.into_iter().map(broken).collect()).expect("a document")
}

pub(super) fn insert(backend: &MongoBackend, document: RawDocumentBuf) {
    // The driver refuses to insert an id that is not UTF-8.
    let mut documents = RawArrayBuf::new();
    documents.push(document);
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("insert"), DEFAULT_COLLECTION);
    command.append(cstr!("documents"), documents);
    let answer = backend.run(backend.database.run_raw_command(command));
    let answer = answer.expect("a write");
    assert_eq!(answer.get_i32("n").ok(), Some(1), "{answer}");
}

/// Keys that FiftyOne takes, with the names that they have here.
pub(super) fn keys() -> Vec<(Bson, String)> {
    let bytes = Binary {
        subtype: BinarySubtype::Generic,
        bytes: b"ab".to_vec(),
    };
    let keys: Vec<(Bson, &str)> = vec![
        (0.into(), "bson:0"),
        (1.5.into(), "bson:1.5"),
        (2.0.into(), "bson:2.0"),
        (true.into(), "bson:true"),
        (Bson::Null, "bson:null"),
        ("".into(), ""),
        ("0".into(), "0"),
        ("null".into(), "null"),
        (7_i64.into(), r#"bson:{"$bson": {"$numberLong": "7"}}"#),
        ("bson:0".into(), r#"bson:"bson:0""#),
        ("bson: a name".into(), "bson: a name"),
        (vec![Bson::from(1), "a".into()].into(), r#"bson:[1, "a"]"#),
        (doc! { "a": 1 }.into(), r#"bson:{"a": 1}"#),
        (
            id().into(),
            r#"bson:{"$bson": {"$oid": "6b03de1228195dbc2df5c505"}}"#,
        ),
        (
            bytes.into(),
            r#"bson:{"$bson": {"$binary": {"base64": "YWI=", "subType": "00"}}}"#,
        ),
    ];
    let named = |(key, name): (Bson, &str)| (key, name.to_owned());
    keys.into_iter().map(named).collect()
}

pub(super) fn addresses(backend: &dyn Backend, filter: &Filter) -> Vec<Address> {
    let rows = backend
        .scan(&Scan::new(filter.clone()), NOW)
        .expect("a scan");
    let address = |row| match row {
        Row::Entry(entry, _) => entry.address,
        Row::Foreign(foreign) => foreign.entry.address,
        Row::Damaged(address) => panic!("{address} is called damaged"),
    };
    rows.map(|row| address(row.expect("a row"))).collect()
}

fn only(address: &Address) -> Filter {
    Filter {
        keys: vec![Pattern::exact(address.key.as_str())],
        ..Filter::store(&address.store)
    }
}

/// Checks that each entry is found, counted, touched and removed by its name alone.
fn each_goes_by_its_name(backend: &MongoBackend, count: usize) {
    let all = addresses(backend, &Filter::default());
    assert_eq!(all.len(), count);
    let usage = |filter: &Filter| backend.usage(&filter.clone().into(), NOW).expect("a count");
    assert_eq!(usage(&Filter::default()).entries, count as u64);
    let every = Filter {
        keys: vec![Pattern::glob("*").expect("a pattern")],
        ..Filter::default()
    };
    assert_eq!(usage(&every).entries, count as u64);
    let stores = backend.stores().expect("stores");
    for address in &all {
        assert!(stores.iter().any(|store| store.address == address.store));
        assert_eq!(
            addresses(backend, &only(address)),
            std::slice::from_ref(address)
        );
        let lookup = backend.lookup(address, NOW).expect("a look-up");
        match lookup {
            Lookup::Hit(entry, _) | Lookup::Foreign(entry, _) => {
                assert_eq!(entry.address, *address)
            }
            lookup => panic!("{address}: {lookup:?}"),
        }
        let touch = Touch {
            policy: Some(Policy::Evict),
            ..Touch::default()
        };
        let touched = backend.touch(&only(address).into(), touch, NOW, &mut no_progress);
        assert_eq!(touched.expect("a touch").entries, 1, "{address}");
    }
    for (removed, address) in (1..).zip(&all) {
        let gone = backend.remove(&only(address).into(), NOW, &mut no_progress);
        assert_eq!(gone.expect("a removal").entries, 1, "{address}");
        assert_eq!(usage(&Filter::default()).entries, (count - removed) as u64);
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn keys_of_any_type_have_a_name() {
    let backend = TemporaryDatabase::new();
    for (key, name) in keys() {
        insert(&backend, document(doc! { "key": key, "value": &name }));
        let address = StoreAddress::new("s").entry(Key::new(name.as_str()).expect("a key"));
        let Lookup::Hit(_, content) = backend.lookup(&address, NOW).expect("a look-up") else {
            panic!("{address} is not there");
        };
        assert_eq!(content, inline(name.as_str()));
        // A write finds the document, and makes no other.
        let entry = Entry::new(address, Kind::Text, NOW);
        let put = backend.put(&entry, &inline(name), &Condition::Always.into(), NOW);
        assert_eq!(put.expect("a write"), Put::Replaced);
    }
    each_goes_by_its_name(&backend, keys().len());
}

/// Values that the server does not compare as it compares others.
fn operators() -> Vec<Bson> {
    let dicts = [
        doc! { "$oid": ID },
        doc! { "$date": "$created_at" },
        doc! { "$ne": null },
    ];
    let dicts = dicts.into_iter().map(Bson::from);
    dicts.chain([Bson::Undefined]).collect()
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn names_that_the_server_could_take_for_operators_are_names() {
    let backend = TemporaryDatabase::new();
    for value in operators() {
        for field in ["store_name", "key", "dataset_id"] {
            insert(&backend, document(doc! { field: &value }));
        }
    }
    for entry in addresses(&*backend, &Filter::default()) {
        let entry = Entry::new(entry, Kind::Text, NOW);
        let put = backend.put(&entry, &inline("new"), &Condition::Always.into(), NOW);
        assert_eq!(put.expect("a write"), Put::Replaced, "{}", entry.address);
    }
    each_goes_by_its_name(&backend, 3 * operators().len());
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn keys_of_any_type_keep_it_on_the_way_through_another_store() {
    let source = TemporaryDatabase::new();
    for (key, _) in keys() {
        insert(&source, document(doc! { "key": key }));
    }
    let datasets = [Bson::from("street"), ID.into(), 3.into(), id().into()];
    for dataset in datasets.into_iter().chain(operators()) {
        insert(&source, document(doc! { "dataset_id": dataset }));
    }
    for store in [Bson::from(3), "".into()].into_iter().chain(operators()) {
        insert(&source, document(doc! { "store_name": store }));
    }
    let (between, target) = (MemoryBackend::new(), TemporaryDatabase::new());
    let copies: [(&dyn Backend, &dyn Backend); 2] = [(&*source, &between), (&between, &*target)];
    for (from, to) in copies {
        let mut refuse = fail_at_refused;
        let mut importer = Importer::new(to, OnConflict::Fail, &mut refuse);
        for found in Records::new(from, &Filter::default(), NOW).expect("a scan") {
            match found.expect("a record") {
                FoundRecord::Record(record) => importer.add(record).expect("a write"),
                found => panic!("{found:?}"),
            }
        }
        importer.flush().expect("a write");
    }
    let names = |backend: &MongoBackend| {
        let documents = backend.documents(DEFAULT_COLLECTION).expect("a name");
        let mut names = Vec::new();
        backend
            .each(documents.find(doc! {}).batch(), |raw| {
                let field = |name: &str| {
                    raw.get(name)
                        .ok()
                        .flatten()
                        .map(|value| format!("{value:?}"))
                };
                names.push(["store_name", "key", "dataset_id"].map(field));
            })
            .expect("documents");
        names.sort();
        names
    };
    assert_eq!(names(&target), names(&source));
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn entries_without_a_form_are_listed_and_kept() {
    let backend = TemporaryDatabase::new();
    let dates = vec![Bson::from(DateTime::from_millis(1))];
    let foreign = [
        document(doc! { "key": "uncreated", "created_at": null }),
        document(doc! { "key": "dates", "expires_at": &dates, "policy": null }),
        document(doc! { "key": "written", "updated_at": dates }),
        document(doc! { "key": "size", query::SIZE: 5 }),
        not_utf8(doc! { "key": "field", "~": 1 }),
        document(doc! { "key": "created", "created_at": 1.5 }),
        document(doc! { "key": "updated", "updated_at": "today" }),
        document(doc! { "key": "expires", "expires_at": "soon" }),
        document(doc! { "key": "policy", "policy": "forever" }),
        document(doc! { "key": "no policy", "policy": 1 }),
        document(doc! { "key": "surprise", "surprise": "!" }),
        document(doc! { "key": "k".repeat(Key::MAX_LENGTH + 1) }),
        not_utf8(doc! { "key": "~" }),
        not_utf8(doc! { "store_name": "~" }),
        not_utf8(doc! { "key": "value", "value": "~" }),
        not_utf8(doc! { "key": "inner", "value": { "a": ["~"] } }),
    ];
    let ids = [
        document(doc! { "key": "text id", "_id": "mine" }),
        document(doc! { "key": "number id", "_id": 7 }),
    ];
    let count = foreign.len() + ids.len();
    for document in foreign.iter().chain(&ids) {
        insert(&backend, document.clone());
    }
    let records = Records::new(&*backend, &Filter::default(), NOW).expect("a scan");
    let (mut kept, mut copied) = (0, 0);
    for found in records {
        match found.expect("a record") {
            FoundRecord::Foreign(..) => kept += 1,
            FoundRecord::Record(_) => copied += 1,
            found => panic!("{found:?}"),
        }
    }
    assert_eq!((kept, copied), (foreign.len(), ids.len()));
    let by_policy = |policy| Filter {
        policy: Some(policy),
        ..Filter::default()
    };
    let evict = addresses(&*backend, &by_policy(Policy::Evict));
    let keys: Vec<_> = evict.iter().map(|address| address.key.as_str()).collect();
    assert_eq!(keys, ["dates"], "without a policy, an expiry means evict");
    let persist = addresses(&*backend, &by_policy(Policy::Persist));
    assert_eq!(persist.len(), count - 1);
    let old = Filter {
        written_before: Some(NOW),
        freshness: Some(Freshness::Endless),
        ..Filter::default()
    };
    assert_eq!(addresses(&*backend, &old).len(), count);
    let fresh = Filter {
        freshness: Some(Freshness::Fresh),
        ..Filter::default()
    };
    assert_eq!(addresses(&*backend, &fresh).len(), count);
    each_goes_by_its_name(&backend, count);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn fields_behind_a_name_that_is_not_utf8_are_read() {
    let backend = TemporaryDatabase::new();
    let mut fields = Document::try_from(document(doc! { "policy": "evict" })).expect("a document");
    let id = fields.remove("_id");
    // Values of every length, each of which has to be skipped.
    let all = doc! {
        "_id": id, "~": 1.5, "a~": "text", "b~": { "c": [1] }, "d~": true, "e~": Bson::Null,
        "f~": ObjectId::new(), "g~": DateTime::now(), "h~": 1, "i~": 1_i64, "j~": Bson::MaxKey,
        "k~": Binary { subtype: BinarySubtype::Generic, bytes: vec![0; 9] },
        "l~": Bson::RegularExpression(mongodb::bson::Regex {
            pattern: "a".try_into().expect("no NUL"), options: "i".try_into().expect("no NUL"),
        }),
        "m~": Bson::JavaScriptCode("f()".into()), "n~": Bson::Symbol("s".into()),
        "o~": Bson::Decimal128(mongodb::bson::Decimal128::from_bytes([0; 16])),
        "p~": Bson::Timestamp(mongodb::bson::Timestamp { time: 1, increment: 2 }),
    };
    let all = all.into_iter().chain(fields).collect::<Document>();
    let bytes = RawDocumentBuf::try_from(&all)
        .expect("a document")
        .into_bytes();
    let broken = bytes
        .into_iter()
        .map(|byte| if byte == b'~' { 0xff } else { byte });
    insert(
        &backend,
        RawDocumentBuf::from_bytes(broken.collect()).expect("a document"),
    );
    let address = StoreAddress::new("s").entry(Key::new("k").expect("a key"));
    let Lookup::Hit(entry, content) = backend.lookup(&address, NOW).expect("a look-up") else {
        panic!("it is not read");
    };
    assert_eq!((entry.policy, content), (Policy::Evict, inline("1")));
    let found = Records::new(&*backend, &Filter::default(), NOW).expect("a scan");
    let found: Vec<_> = found.map(|found| found.expect("a record")).collect();
    let [FoundRecord::Foreign(at, reason)] = &*found else {
        panic!("{found:?}");
    };
    assert_eq!(*at, address);
    assert!(
        reason.starts_with("the name of a field is not UTF-8"),
        "{reason}"
    );
    each_goes_by_its_name(&backend, 1);
}

/// Returns documents whose `_id` the driver's own types cannot hold.
fn with_raw_ids() -> Vec<RawDocumentBuf> {
    let mut documents: Vec<RawDocumentBuf> = [
        doc! { "key": "text", "_id": "~" },
        doc! { "key": "inner text", "_id": { "a": ["~"] } },
        doc! { "key": "name", "_id": { "~": 1 } },
        doc! { "key": "text and value", "_id": { "a": "~~" }, "value": "~" },
    ]
    .map(not_utf8)
    .into();
    let twice = document(doc! { "key": "twice", "_id": { "@a": 1, "@b": 2 } }).into_bytes();
    let same = |at: usize| match &twice[at.saturating_sub(1)..=at] {
        [b'@', _] => b'n',
        [.., byte] => *byte,
        [] => unreachable!("there is a byte"),
    };
    let twice = (0..twice.len()).map(same).collect();
    documents.push(RawDocumentBuf::from_bytes(twice).expect("a document"));
    documents
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn documents_are_found_and_removed_by_an_id_of_any_bytes() {
    let backend = TemporaryDatabase::new();
    let fill = || {
        with_raw_ids()
            .into_iter()
            .for_each(|document| insert(&backend, document));
        insert(
            &backend,
            document(doc! { "key": "plain", "_id": { "a": 1, "b": 2 } }),
        );
    };
    let count = with_raw_ids().len() + 1;
    let left = || {
        let documents = backend.documents(DEFAULT_COLLECTION).expect("a name");
        backend
            .run(documents.count_documents(doc! {}))
            .expect("a count")
    };
    fill();
    // The values are read again by id where the server does not sort.
    let sorted = Scan {
        values: Values::Include,
        sort: Sort::Size,
        ..Scan::new(Filter::default())
    };
    let rows = backend.scan(&sorted, NOW).expect("a scan");
    let rows: Vec<Row> = rows.map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), count);
    let records = Records::new(&*backend, &Filter::default(), NOW).expect("a scan");
    assert_eq!(records.count(), count);
    let gone = backend.remove(&Filter::default().into(), NOW, &mut no_progress);
    assert_eq!(gone.expect("a removal").entries, count as u64);
    assert_eq!(left(), 0, "the removed documents are gone");
    fill();
    each_goes_by_its_name(&backend, count);
    assert_eq!(left(), 0);
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn an_entry_with_an_id_of_any_bytes_is_written_imported_and_renamed() {
    let backend = TemporaryDatabase::new();
    with_raw_ids()
        .into_iter()
        .for_each(|document| insert(&backend, document));
    let count = with_raw_ids().len();
    let all = addresses(&*backend, &Filter::default());
    for address in &all {
        let entry = Entry::new(address.clone(), Kind::Bytes, NOW);
        let put = backend.put(&entry, &inline("new"), &Condition::Always.into(), NOW);
        assert_eq!(put.expect("a write"), Put::Replaced, "{address}");
        let Lookup::Hit(entry, content) = backend.lookup(address, NOW).expect("a look-up") else {
            panic!("{address} is not there");
        };
        assert_eq!((entry.kind, content), (Kind::Bytes, inline("new")));
        let mut records = [Ok(Record::Entry(entry, b"newer".to_vec()))].into_iter();
        let imported = backend.import(
            &mut records,
            OnConflict::Replace,
            Commit::Whole,
            &mut fail_at_refused,
            &mut no_progress,
        );
        assert_eq!(imported.expect("an import").replaced, 1, "{address}");
    }
    let renamed = [
        StoreAddress::new("t"),
        StoreAddress {
            collection: "other".into(),
            ..StoreAddress::new("t")
        },
    ];
    let mut from = StoreAddress::new("s");
    for to in renamed {
        let moved = backend.rename_store(&from, &to, OnExistingStore::Fail, &mut no_progress);
        assert_eq!(moved.expect("a renaming").entries, count as u64, "{to}");
        for address in &all {
            let address = to.entry(address.key.clone());
            let Lookup::Hit(entry, content) = backend.lookup(&address, NOW).expect("a look-up")
            else {
                panic!("{address} is not there");
            };
            assert_eq!((entry.kind, content), (Kind::Bytes, inline("newer")));
        }
        from = to;
    }
}
