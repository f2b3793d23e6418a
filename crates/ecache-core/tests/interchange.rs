//! Reads dumps of FiftyOne and files of our own through the public interface.

use std::path::PathBuf;
use std::sync::Arc;

use ecache_core::backend::{Record, StoreMetadata, StoreRecord};
use ecache_core::entry::{Entry, Policy};
use ecache_core::interchange::{
    MAX_LINE_SIZE, Position, Reader, check_size, write_entry, write_store,
};
use ecache_core::key::Key;
use ecache_core::python_json::Json;
use ecache_core::scope::{Address, MAX_NAME_LENGTH, Scopes, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::value::{Kind, Value};
use proptest::prelude::*;

const COLLECTION: &str = "execution_store";

/// The time at which the files are read.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/fiftyone")
        .join(name);
    std::fs::read(path).expect("the fixture is part of the project")
}

/// Returns the records in `input`; an error as its message.
fn read(input: &[u8]) -> Vec<Result<(Position, Record), String>> {
    match Reader::new(input, COLLECTION, NOW) {
        Ok(reader) => reader
            .map(|read| read.map_err(|error| error.to_string()))
            .collect(),
        Err(error) => vec![Err(error.to_string())],
    }
}

fn records(input: &[u8]) -> Vec<Record> {
    read(input)
        .into_iter()
        .map(|read| read.expect("a record").1)
        .collect()
}

/// Returns the entries in `input`, with their values.
fn entries(input: &[u8]) -> Vec<(Entry, Value)> {
    let entry = |record| match record {
        Record::Entry(entry, bytes) => Some((
            Entry::clone(&entry),
            Value {
                kind: entry.kind,
                bytes,
            },
        )),
        Record::Store(_) => None,
    };
    records(input).into_iter().filter_map(entry).collect()
}

/// Writes `records` as lines.
fn lines(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        match record {
            Record::Entry(entry, value) => {
                write_entry(entry, value, &mut out).expect("it is small")
            }
            Record::Store(store) => write_store(store, &mut out),
        }
    }
    out
}

/// Returns an entry with an address and a kind only.
fn plain_entry(store_name: &str, key: &str, kind: Kind) -> Entry {
    let store = StoreAddress {
        collection: COLLECTION.into(),
        ..StoreAddress::new(store_name)
    };
    let key = Key::new(key).expect("a key");
    let mut entry = Entry::new(store.entry(key), kind, NOW);
    entry.updated_at = None;
    entry
}

fn error(input: &[u8]) -> String {
    match read(input).pop() {
        Some(Err(error)) => error,
        other => panic!("{other:?} instead of an error"),
    }
}

/// Returns the value read from a document whose value is the JSON text `value`.
fn value(value: &str) -> Value {
    let line = format!(r#"{{"store_name": "s", "key": "k", "value": {value}}}"#);
    entries(line.as_bytes()).remove(0).1
}

/// Returns the error for a document that has `member` in addition to the required ones.
fn field_error(member: &str) -> String {
    error(format!(r#"{{"store_name": "s", "key": "k", "value": 1, {member}}}"#).as_bytes())
}

fn json(text: &str) -> Value {
    Value::json(text).expect("JSON")
}

#[test]
fn every_form_of_a_dump_reads_the_same() {
    let relaxed = records(&fixture("execution_store.relaxed.jsonl"));
    assert_eq!(relaxed.len(), 53);
    assert_eq!(
        records(&fixture("execution_store.canonical.jsonl")),
        relaxed
    );
    assert_eq!(records(&fixture("execution_store.legacy.jsonl")), relaxed);
    // Extended JSON cannot say that a sample's `{"$date": …}` is a document, and BSON can.
    let bson = records(&fixture("execution_store.bson"));
    let different = bson
        .iter()
        .zip(&relaxed)
        .filter(|(one, other)| one != other);
    let stores = different.map(|(record, _)| match record {
        Record::Entry(entry, value) => {
            let text = String::from_utf8_lossy(value);
            assert!(
                !text.contains("$bson") && text.contains(r#"{"$date": "20"#),
                "{text}"
            );
            entry.address.store.store_name.to_string()
        }
        Record::Store(store) => panic!("{store:?}"),
    });
    assert_eq!(stores.collect::<Vec<_>>(), ["first_sample"; 6]);
}

#[test]
fn a_dump_written_as_lines_reads_back_the_same() {
    let dump = records(&fixture("execution_store.bson"));
    let file = lines(&dump);
    assert_eq!(records(&file), dump);
    assert_eq!(lines(&records(&file)), file);
}

#[test]
fn a_dump_is_read_with_all_that_it_says() {
    let file = fixture("execution_store.bson");
    let entries = entries(&file);
    let of_store = |name| {
        let found = entries
            .iter()
            .find(|(entry, _)| &*entry.address.store.store_name == name);
        found.expect("an entry of that store")
    };
    let of_key = |key| {
        let found = entries
            .iter()
            .find(|(entry, _)| entry.address.key.as_str() == key);
        found.expect("an entry of that key")
    };
    let (thumb, value) = of_store("thumbs");
    let store = &thumb.address.store;
    assert_eq!(&*store.collection, COLLECTION);
    assert_eq!(
        store.dataset_id.as_deref(),
        Some("6b03de1228195dbc2df5c505")
    );
    assert_eq!(thumb.created_at, Timestamp::from_millis(1_795_415_570_969));
    assert_eq!(
        thumb.expires_at,
        Some(Timestamp::from_millis(1_795_415_571_969))
    );
    assert_eq!(thumb.policy, Policy::Evict);
    assert_eq!((value.kind, value.bytes.len()), (Kind::Bytes, 64));
    let text = r#"{"columns": 3, "when": {"$bson": {"$date": "2026-03-04T05:06:07.089Z"}}, "ref": {"$bson": {"$oid": "65f0c0ffee00000000000001"}}, "nan": NaN, "big": 1152921504606846976, "neg": -1.5e-09}"#;
    assert_eq!(of_key("layout").1, json(text));
    let (theme, value) = of_key("theme");
    assert_eq!(*value, Value::text("dark"));
    assert_eq!(
        (theme.address.store.dataset_id.as_deref(), theme.policy),
        (None, Policy::Persist)
    );
    let described = records(&file).into_iter().find_map(|record| match record {
        Record::Store(store) if &*store.address.store_name == "described" => store.metadata,
        _ => None,
    });
    let expected = StoreMetadata {
        value: r#"{"author": "acme"}"#.to_owned(),
        created_at: Timestamp::from_millis(1_795_415_571_052),
        updated_at: None,
        policy: Policy::Persist,
    };
    assert_eq!(described, Some(expected));
}

#[test]
fn what_a_document_does_not_say_is_not_made_up_but_for_its_creation() {
    let [(entry, _)] = entries(br#"{"store_name": "s", "key": "k", "value": 1}"#)
        .try_into()
        .expect("one entry");
    let mut expected = plain_entry("s", "k", Kind::Json);
    expected.size = 1;
    expected.policy = Policy::Persist;
    assert_eq!(entry, expected);
}

#[test]
fn arguments_stay_the_text_that_they_came_as() {
    for args in ["[]", r#"["a",1.50 , {"b":[ ]}, "\u00e9"]"#] {
        let line = format!(r#"{{"store_name": "s", "key": "k", "value": 1, "args": {args}}}"#);
        let (entry, _) = entries(line.as_bytes()).remove(0);
        assert_eq!(entry.args.as_deref(), Some(args));
    }
}

#[test]
fn neighbours_share_their_store_and_names() {
    let line = r#"{"store_name": "s", "dataset_id": "d", "key": "k", "user_id": "u", "value": 1}"#;
    let entries = entries(format!("{line}\n{line}").as_bytes());
    let [(one, _), (two, _)] = entries.try_into().expect("two entries");
    assert!(Arc::ptr_eq(&one.address.store, &two.address.store));
    let user = |entry: &Entry| entry.scopes.user_id.clone().expect("a user");
    assert!(Arc::ptr_eq(&user(&one), &user(&two)));
}

#[test]
fn an_array_reads_like_its_elements_on_lines() {
    let lines = String::from_utf8(fixture("execution_store.canonical.jsonl")).expect("UTF-8");
    let elements: Vec<&str> = lines.lines().collect();
    let expected = records(lines.as_bytes());
    for separator in [",", ",\n", " ,\r\n\t"] {
        let array = format!("\u{feff} [ {} ]\n", elements.join(separator));
        assert_eq!(records(array.as_bytes()), expected, "{separator:?}");
    }
    assert_eq!(records(b"[]"), []);
    let array = format!("[\n{},\n{}\n]", elements[0], elements[1]);
    let positions: Vec<_> = read(array.as_bytes())
        .into_iter()
        .map(|read| read.expect("a document").0)
        .collect();
    assert_eq!(
        positions,
        [
            Position::Element { number: 1, line: 2 },
            Position::Element { number: 2, line: 3 }
        ]
    );
}

#[test]
fn a_pretty_array_reads_too() {
    let array =
        "[{\n  \"store_name\": \"a,]\\\"\",\n  \"key\": \"k\",\n  \"value\": [\n    1\n  ]\n}]";
    let [(entry, value)] = entries(array.as_bytes()).try_into().expect("one entry");
    assert_eq!(&*entry.address.store.store_name, "a,]\"");
    assert_eq!(value, json("[\n    1\n  ]"));
}

#[test]
fn marks_blank_lines_and_line_ends_do_not_count() {
    let line = r#"{"store_name": "s", "key": "k", "value": 1}"#;
    let file = format!("\u{feff}\r\n\n{line}\r\n  \n{line}");
    let positions: Vec<_> = read(file.as_bytes())
        .into_iter()
        .map(|read| read.expect("a document").0)
        .collect();
    assert_eq!(positions, [Position::Line(3), Position::Line(5)]);
    assert_eq!(records(b""), []);
    assert_eq!(records(b" \n\n"), []);
}

#[test]
fn json_stays_the_text_that_it_came_as() {
    for text in [
        "1.0",
        "1e400",
        "-0",
        "[1,2 , 3]",
        r#"{"a":1,"a":2}"#,
        r#""\ud800""#,
        r#"["\u00e9é"]"#,
        "NaN",
    ] {
        assert_eq!(value(text), json(text));
    }
    // Lone surrogates and strange dicts are JSON, and nothing else is.
    assert_eq!(value(r#""\u00e9""#), Value::text("é"));
    assert_eq!(
        value(r#"{"_cls": "bytes", "value": "AAE="}"#),
        Value::bytes(vec![0, 1])
    );
    assert_eq!(
        value(r#"{"_cls": "b\u0079tes", "value": "AAE="}"#),
        Value::bytes(vec![0, 1])
    );
    assert_eq!(value(r#"[{"\u0024numberInt": "1"}]"#), json("[1]"));
    for text in [
        r#"{"_cls": "bytes", "value": "AAE"}"#,
        r#"{"_cls": "bytes", "value": "AAF="}"#,
        r#"{"_cls": "bytes", "value": "AAE=", "more": 1}"#,
        r#"{"_cls": "bytes", "value": 1}"#,
        r#"{"value": "AAE=", "_cls": "bytes"}"#,
    ] {
        assert_eq!(value(text), json(text));
    }
}

#[test]
fn all_spellings_of_a_type_read_the_same() {
    for (own, spellings) in [
        ("42", &[r#"{"$numberInt": "42"}"#, "42"][..]),
        (
            r#"{"$bson": {"$numberLong": "42"}}"#,
            &[r#"{"$numberLong": "42"}"#],
        ),
        ("5000000000", &[r#"{"$numberLong": "5000000000"}"#]),
        (
            "1.5",
            &[
                r#"{"$numberDouble": "1.5"}"#,
                r#"{"$numberDouble": "15e-1"}"#,
            ],
        ),
        ("-Infinity", &[r#"{"$numberDouble": "-Infinity"}"#]),
        ("NaN", &[r#"{"$numberDouble": "NaN"}"#]),
        (
            r#"{"$bson": {"$numberDecimal": "1E+3"}}"#,
            &[
                r#"{"$numberDecimal": "1E+3"}"#,
                r#"{"$numberDecimal": "1e3"}"#,
            ],
        ),
        (
            r#"{"$bson": {"$date": "1970-01-01T00:00:00.001Z"}}"#,
            &[
                r#"{"$date": "1970-01-01T00:00:00.001Z"}"#,
                r#"{"$date": 1}"#,
                r#"{"$date": {"$numberLong": "1"}}"#,
                r#"{"$date": "1970-01-01T01:00:00.001+0100"}"#,
            ],
        ),
        (
            r#"{"$bson": {"$date": {"$numberLong": "-1"}}}"#,
            &[
                r#"{"$date": {"$numberLong": "-1"}}"#,
                r#"{"$date": -1}"#,
                r#"{"$date": "1969-12-31T23:59:59.999Z"}"#,
            ],
        ),
        (
            r#"{"$bson": {"$binary": {"base64": "AAE=", "subType": "00"}}}"#,
            &[
                r#"{"$binary": {"base64": "AAE=", "subType": "00"}}"#,
                r#"{"$binary": "AAE=", "$type": "00"}"#,
                r#"{"$type": "0", "$binary": "AAE="}"#,
            ],
        ),
        (
            r#"{"$bson": {"$binary": {"base64": "AAECAwQFBgcICQoLDA0ODw==", "subType": "04"}}}"#,
            &[
                r#"{"$uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f"}"#,
                r#"{"$uuid": "000102030405060708090A0B0C0D0E0F"}"#,
            ],
        ),
        (
            r#"{"$bson": {"$regularExpression": {"pattern": "^a", "options": "i"}}}"#,
            &[
                r#"{"$regularExpression": {"options": "i", "pattern": "^a"}}"#,
                r#"{"$regex": "^a", "$options": "i"}"#,
            ],
        ),
        (
            r#"{"$bson": {"$oid": "65f0c0ffee00000000000001"}}"#,
            &[r#"{"$oid": "65F0C0FFEE00000000000001"}"#],
        ),
        (
            r#"{"$bson": {"$code": "f", "$scope": {"$oid": {"$bson": {"$minKey": 1}}}}}"#,
            &[r#"{"$scope": {"$oid": {"$minKey": 1}}, "$code": "f"}"#],
        ),
        (
            r#"{"$bson": {"$timestamp": {"t": 1, "i": 2}}}"#,
            &[r#"{"$timestamp": {"t": 1, "i": 2}}"#],
        ),
        (r#"{"$bson": {"$symbol": "f"}}"#, &[r#"{"$symbol": "f"}"#]),
        (
            r#"{"$bson": {"$undefined": true}}"#,
            &[r#"{"$undefined": true}"#],
        ),
        (r#"{"$bson": {"$maxKey": 1}}"#, &[r#"{"$maxKey": 1}"#]),
        // A mark or an escape of ecache's is a plain document in files of other tools.
        (
            r#"{"$bson": {"$bson": {"$bson": {"$minKey": 1}}}}"#,
            &[r#"{"$bson": {"$minKey": 1}}"#],
        ),
        (
            r#"{"$bson": {"$bson": {"$bson": 1}}}"#,
            &[r#"{"$bson": {"$bson": 1}}"#],
        ),
    ] {
        for spelling in spellings {
            assert_eq!(value(spelling), json(own), "{spelling}");
            let within = (
                format!(r#"[{{"a": {spelling}}}]"#),
                format!(r#"[{{"a": {own}}}]"#),
            );
            assert_eq!(value(&within.0), json(&within.1));
        }
    }
}

#[test]
fn what_only_looks_like_a_type_is_kept() {
    for text in [
        r#"{"$oid":"x","more":1}"#,
        r#"{"$ref":"c","$id":1}"#,
        r#"{"$regex":{"a":1},"$options":"i"}"#,
        r#"{"$timestamp":{"t":1,"i":-2}}"#,
        r#"{"$minKey":2}"#,
        r#"{"$undefined":1}"#,
        r#"{"$numberDecimal":"x"}"#,
        r#"{"$set":1}"#,
        r#"{"$date":"$created_at"}"#,
        r#"{"a":[0,{"$oid":5}]}"#,
        r#"{"$numberLong":"x"}"#,
        r#"{"$numberInt":"2147483648"}"#,
        r#"{"$numberDouble":"inf"}"#,
        r#"{"$date":"today"}"#,
        r#"{"$binary":"!","$type":"00"}"#,
        r#"{"$binary":{"base64":"","subType":"+1"}}"#,
        r#"{"$uuid":"0"}"#,
        r#"{"$bson":1}"#,
        r#"{}"#,
    ] {
        assert_eq!(value(text), json(text));
    }
}

#[test]
fn a_document_without_a_creation_was_created_when_its_id_was_made() {
    let made_at = Timestamp::from_millis(0x6b03_de12 * 1000);
    for (created, expected) in [
        ("", made_at),
        (r#", "created_at": null"#, made_at),
        (r#", "created_at": 7"#, Timestamp::from_millis(7)),
    ] {
        let id = r#"{"$oid": "6b03de1228195dbc2df5c505"}"#;
        let line =
            format!(r#"{{"_id": {id}, "store_name": "s", "key": "k", "value": 1{created}}}"#);
        assert_eq!(
            entries(line.as_bytes())[0].0.created_at,
            expected,
            "{created}"
        );
    }
    let line = r#"{"_id": "own", "store_name": "s", "key": "k", "value": 1}"#;
    assert_eq!(entries(line.as_bytes())[0].0.created_at, NOW);
}

#[test]
fn fields_may_be_numbers_in_any_form() {
    let members = r#""hits": {"$numberLong": "5"}, "created_at": {"$numberLong": "7"}"#;
    let line = format!(r#"{{"store_name": "s", "key": "k", "value": 1, {members}}}"#);
    let (entry, _) = entries(line.as_bytes()).remove(0);
    assert_eq!(
        (entry.hits, entry.created_at),
        (5, Timestamp::from_millis(7))
    );
}

#[test]
fn names_that_repeat_within_a_value_of_a_dump_are_kept() {
    let value = b"\x13\0\0\0\x10a\0\x01\0\0\0\x0aa\0\x08a\0\x01\0";
    let fields = b"\x02store_name\0\x02\0\0\0s\0\x02key\0\x02\0\0\0k\0\x03value\0";
    let document = [&fields[..], value, b"\0"].concat();
    let dump = [&(document.len() as i32 + 4).to_le_bytes()[..], &document].concat();
    assert_eq!(
        entries(&dump)[0].1,
        json(r#"{"a": 1, "a": null, "a": true}"#)
    );
}

#[test]
fn the_policy_follows_the_expiry() {
    for (members, policy) in [
        ("", Policy::Persist),
        (r#", "policy": null"#, Policy::Persist),
        (
            r#", "policy": "persist", "expires_at": null"#,
            Policy::Persist,
        ),
        (r#", "policy": "evict""#, Policy::Evict),
        (r#", "expires_at": 1"#, Policy::Evict),
        (r#", "policy": "persist", "expires_at": 1"#, Policy::Evict),
    ] {
        let line = format!(r#"{{"store_name": "s", "key": "k", "value": 1{members}}}"#);
        assert_eq!(entries(line.as_bytes())[0].0.policy, policy, "{members}");
    }
}

#[test]
fn a_wrong_field_is_named_with_what_was_found() {
    for (member, message) in [
        (
            r#""policy": "keep""#,
            "line 1: unknown policy \"keep\": expected persist or evict",
        ),
        (
            r#""policy": 1"#,
            "line 1: policy must be a string, found an integer",
        ),
        (
            r#""kind": "pickle""#,
            "line 1: unknown kind \"pickle\": expected json, text, bytes or command",
        ),
        (
            r#""kind": "text""#,
            "line 1: value must be a string, found an integer",
        ),
        (
            r#""kind": "bytes""#,
            "line 1: value must be {\"_cls\": \"bytes\", \"value\": base64}, found an integer",
        ),
        (r#""tags": []"#, "line 1: unknown field \"tags\""),
        (
            r#""hits": -1"#,
            "line 1: hits must be a count of at most 63 bits, found a negative integer",
        ),
        (
            r#""hits": 9223372036854775808"#,
            "line 1: hits must be a count of at most 63 bits, found a big integer",
        ),
        (
            r#""cost_ms": 9223372036854775808"#,
            "line 1: cost_ms must be a count of at most 63 bits, found a big integer",
        ),
        (
            r#""created_at": "now""#,
            "line 1: created_at must be an RFC 3339 time, a date or milliseconds, found another string",
        ),
        (
            r#""created_at": {"$date": []}"#,
            "line 1: created_at: $date needs an RFC 3339 time or milliseconds",
        ),
        (
            r#""dataset_id": {"a": 1}, "kind": "json""#,
            "line 1: dataset_id must be an ObjectId or a string, found an object",
        ),
        (
            r#""key": 0, "kind": "json""#,
            "line 1: key must be a string, found an integer",
        ),
        (
            r#""created_at": 1.5"#,
            "line 1: created_at must be an RFC 3339 time, a date or milliseconds, found a float",
        ),
        (
            r#""jwt_sha256": "secret""#,
            "line 1: jwt_sha256 must be 64 hexadecimal digits, found another string",
        ),
        (
            r#""args": "a""#,
            "line 1: args must be an array, found a string",
        ),
        (
            r#""store_name": """#,
            "line 1: store_name: a name is 1 to 4096 bytes long, not 0",
        ),
        (r#""key": null, "kind": "json""#, "line 1: key is missing"),
        (
            r#""key": {"a": 1, "a": 2}"#,
            "line 1: key must be an object without repeated names, found one with them",
        ),
    ] {
        assert_eq!(field_error(member), message);
    }
    for field in [
        "store_name",
        "dataset_id",
        "user_id",
        "operator_uri",
        "prompt_id",
        "function",
    ] {
        let long = "x".repeat(MAX_NAME_LENGTH + 1);
        assert_eq!(
            field_error(&format!(r#""{field}": "{long}", "kind": "json""#)),
            format!("line 1: {field}: a name is 1 to 4096 bytes long, not 4097")
        );
    }
    let long = "x".repeat(Key::MAX_LENGTH + 1);
    assert_eq!(
        field_error(&format!(r#""key": "{long}""#)),
        format!("line 1: {}", Key::new(long).expect_err("it is too long"))
    );
    assert_eq!(error(b"{}"), "line 1: store_name is missing");
    assert_eq!(
        error(br#"{"store_name": "s", "key": "k"}"#),
        "line 1: value is missing"
    );
    assert_eq!(
        error(b"{}\n[]"),
        "line 2: expected an object, found an array"
    );
}

/// Returns the store, the key and the dataset of the only entry in a file.
fn names(input: &[u8]) -> [String; 3] {
    let (entry, _) = entries(input).remove(0);
    let StoreAddress {
        store_name,
        dataset_id,
        ..
    } = &*entry.address.store;
    let dataset = dataset_id.as_deref().unwrap_or("none");
    [store_name, entry.address.key.as_str(), dataset].map(str::to_owned)
}

const ID: &str = "6b03de1228195dbc2df5c505";

#[test]
fn names_of_other_types_are_typed_names() {
    for (spelled, name) in [
        (r#""0""#, "0"),
        ("0", "bson:0"),
        (r#"{"$numberInt": "0"}"#, "bson:0"),
        (
            r#"{"$numberLong": "5"}"#,
            r#"bson:{"$bson": {"$numberLong": "5"}}"#,
        ),
        ("1.5", "bson:1.5"),
        (r#"{"$numberDouble": "1.5"}"#, "bson:1.5"),
        ("true", "bson:true"),
        ("null", "bson:null"),
        ("[1,2]", "bson:[1, 2]"),
        (r#"{"a":1,"b":NaN}"#, r#"bson:{"a": 1, "b": NaN}"#),
        (
            r#"{"$date": 0}"#,
            r#"bson:{"$bson": {"$date": "1970-01-01T00:00:00Z"}}"#,
        ),
        (r#""bson:0""#, r#"bson:"bson:0""#),
        (r#""bson:\"bson:0\"""#, r#"bson:"bson:\"bson:0\"""#),
        (r#""bson: for beginners""#, "bson: for beginners"),
        (r#""\u0062son:0""#, r#"bson:"bson:0""#),
    ] {
        let line =
            format!(r#"{{"_id": 7, "store_name": {spelled}, "key": {spelled}, "value": 1}}"#);
        assert_eq!(names(line.as_bytes()), [name, name, "none"], "{spelled}");
        let array = format!("[{line}]");
        assert_eq!(names(array.as_bytes()), [name, name, "none"], "{spelled}");
    }
    let oid = format!(r#"{{"$oid": "{ID}"}}"#);
    let typed = format!(r#"bson:{{"$bson": {oid}}}"#);
    for (spelled, name) in [
        ("null", "none"),
        (oid.as_str(), ID),
        (&format!("\"{ID}\""), ID),
        (r#""street""#, "street"),
        (r#""bson:0""#, r#"bson:"bson:0""#),
        (r#"{"a": 1}"#, r#"bson:{"a": 1}"#),
        ("7", "bson:7"),
    ] {
        let line =
            format!(r#"{{"store_name": "s", "key": {oid}, "dataset_id": {spelled}, "value": 1}}"#);
        assert_eq!(names(line.as_bytes()), ["s", &typed, name], "{spelled}");
    }
}

#[test]
fn names_of_other_types_are_typed_names_in_a_dump() {
    let string = |text: &str| {
        let length = text.len() as u32 + 1;
        [&length.to_le_bytes()[..], text.as_bytes(), b"\0"].concat()
    };
    let id = [
        0x6b, 0x03, 0xde, 0x12, 0x28, 0x19, 0x5d, 0xbc, 0x2d, 0xf5, 0xc5, 0x05,
    ];
    let bytes = b"\x01\0\0\0\0x";
    let typed = format!(r#"bson:{{"$bson": {{"$oid": "{ID}"}}}}"#);
    for (kind, payload, name, dataset) in [
        (0x10, 0_i32.to_le_bytes().to_vec(), "bson:0", "bson:0"),
        (0x01, 1.0_f64.to_le_bytes().to_vec(), "bson:1.0", "bson:1.0"),
        (0x08, vec![1], "bson:true", "bson:true"),
        (0x0a, vec![], "bson:null", "none"),
        (0x02, string("x"), "x", "x"),
        (
            0x02,
            string("bson:0"),
            r#"bson:"bson:0""#,
            r#"bson:"bson:0""#,
        ),
        (0x07, id.to_vec(), &typed, ID),
        (
            0x05,
            bytes.to_vec(),
            r#"bson:{"$bson": {"$binary": {"base64": "eA==", "subType": "00"}}}"#,
            r#"bson:{"$bson": {"$binary": {"base64": "eA==", "subType": "00"}}}"#,
        ),
    ] {
        let mut members = b"\x0avalue\0".to_vec();
        for field in ["_id", "store_name", "key", "dataset_id"] {
            members.push(kind);
            members.extend_from_slice(field.as_bytes());
            members.push(0);
            members.extend_from_slice(&payload);
        }
        let length = members.len() as u32 + 5;
        let document = [&length.to_le_bytes()[..], &members, b"\0"].concat();
        assert_eq!(names(&document), [name, name, dataset]);
    }
}

#[test]
fn our_own_lines_carry_typed_names() {
    for name in ["0", "bson:0", r#"bson:"bson:0""#, "bson:null"] {
        let entry = plain_entry(name, name, Kind::Json);
        let mut line = Vec::new();
        write_entry(&entry, b"1", &mut line).expect("the line is short");
        assert_eq!(names(&line)[..2], [name, name]);
    }
}

#[test]
fn messages_repeat_the_words_of_a_file_escaped_and_cut() {
    let long = "\\u001b[31m".to_owned() + &"é".repeat(1000);
    let shown = "\\u{1b}[31m".to_owned() + &"é".repeat(75);
    for (member, message) in [
        (
            format!(r#""{long}": 1"#),
            format!("unknown field \"{shown}\"…"),
        ),
        (
            format!(r#""policy": "{long}""#),
            format!("unknown policy \"{shown}\"…: expected persist or evict"),
        ),
    ] {
        assert_eq!(field_error(&member), format!("line 1: {message}"));
    }
}

#[test]
fn what_is_no_file_of_entries_is_refused_at_once() {
    for text in [
        "store_name,key,value\na,b,c\n",
        "\"a\"",
        "<html>",
        "PK\x03\x04\x14",
        "SQLite format 3\0",
        "\u{1f}",
    ] {
        assert_eq!(
            error(text.as_bytes()),
            "line 1: neither JSON lines, nor Extended JSON, nor BSON",
            "{text}"
        );
    }
}

#[test]
fn a_bad_line_is_numbered_and_the_next_one_follows() {
    let line = r#"{"store_name": "s", "key": "k", "value": 1}"#;
    let file = format!("{line}\n{{\"store_name\": }}\n{line}\n{{\"store_name\": \"s");
    let read = read(file.as_bytes());
    assert_eq!(read.len(), 4);
    assert_eq!(
        read[1],
        Err("line 2: not JSON: expected a value at its byte 15".to_owned())
    );
    assert!(read[2].is_ok());
    assert_eq!(
        read[3],
        Err("line 4: not JSON: expected the end of a string at its byte 17".to_owned())
    );
    assert!(error(b"{\"\xff\": 1}").contains("invalid UTF-8"));
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    let element = r#"{"store_name": "s", "key": "k", "value": 1}"#;
    assert_eq!(
        error(format!("[{element}").as_bytes()),
        "element 1 on line 1: cut off"
    );
    assert_eq!(
        error(format!("[{element},").as_bytes()),
        "element 2 on line 1: cut off"
    );
    assert_eq!(
        error(format!("[{element}]\nx").as_bytes()),
        "element 2 on line 2: expected nothing after the array"
    );
    assert!(error(format!("[{element},]").as_bytes()).starts_with("element 2 on line 1: not JSON"));
    let bson = fixture("execution_store.bson");
    assert_eq!(
        error(&bson[..bson.len() - 1]),
        format!(
            "document 53 at byte {}: cut off",
            25796 - last_length(&bson)
        )
    );
}

/// Returns the length of the last document in `bson`.
fn last_length(bson: &[u8]) -> usize {
    let mut rest = bson;
    loop {
        let length = i32::from_le_bytes(*rest.first_chunk().expect("a length")) as usize;
        if rest.len() == length {
            return length;
        } else {
            rest = &rest[length..]
        }
    }
}

#[test]
fn every_type_of_bson_reads_like_its_extended_json() {
    let element = |kind: u8, bytes: &[u8]| [&[kind], &b"x\0"[..], bytes].concat();
    let bson = |element: Vec<u8>| {
        let value = [
            &(element.len() as i32 + 5).to_le_bytes()[..],
            &element,
            b"\0",
        ]
        .concat();
        let document = [
            &b"\x02store_name\0\x02\0\0\0s\0\x02key\0\x02\0\0\0k\0\x03value\0"[..],
            &value,
            b"\0",
        ]
        .concat();
        [&(document.len() as i32 + 4).to_le_bytes()[..], &document].concat()
    };
    for (kind, bytes, expected) in [
        (0x01, &1.5_f64.to_le_bytes()[..], "1.5"),
        (0x04, b"\x0c\0\0\0\x100\0\x07\0\0\0\0", "[7]"),
        (
            0x05,
            b"\x02\0\0\0\x80\x00\x01",
            r#"{"$bson": {"$binary": {"base64": "AAE=", "subType": "80"}}}"#,
        ),
        (
            0x05,
            b"\x06\0\0\0\x02\x02\0\0\0\xff\xff",
            r#"{"$bson": {"$binary": {"base64": "//8=", "subType": "02"}}}"#,
        ),
        (0x06, b"", r#"{"$bson": {"$undefined": true}}"#),
        (0x08, b"\x01", "true"),
        (
            0x09,
            &1_i64.to_le_bytes(),
            r#"{"$bson": {"$date": "1970-01-01T00:00:00.001Z"}}"#,
        ),
        (0x0a, b"", "null"),
        (
            0x0b,
            b"^a\0i\0",
            r#"{"$bson": {"$regularExpression": {"pattern": "^a", "options": "i"}}}"#,
        ),
        (
            0x0c,
            b"\x02\0\0\0c\0\0\0\0\0\0\0\0\0\0\0\0\x01",
            r#"{"$bson": {"$dbPointer": {"$ref": "c", "$id": {"$oid": "000000000000000000000001"}}}}"#,
        ),
        (0x0d, b"\x02\0\0\0f\0", r#"{"$bson": {"$code": "f"}}"#),
        (0x0e, b"\x02\0\0\0f\0", r#"{"$bson": {"$symbol": "f"}}"#),
        (
            0x0f,
            b"\x0f\0\0\0\x02\0\0\0f\0\x05\0\0\0\0",
            r#"{"$bson": {"$code": "f", "$scope": {}}}"#,
        ),
        (0x10, b"\xff\xff\xff\xff", "-1"),
        (
            0x11,
            b"\x02\0\0\0\x01\0\0\0",
            r#"{"$bson": {"$timestamp": {"t": 1, "i": 2}}}"#,
        ),
        (0x12, &i64::MIN.to_le_bytes(), "-9223372036854775808"),
        (
            0x13,
            b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\x30",
            r#"{"$bson": {"$numberDecimal": "1"}}"#,
        ),
        (0x7f, b"", r#"{"$bson": {"$maxKey": 1}}"#),
        (0xff, b"", r#"{"$bson": {"$minKey": 1}}"#),
    ] {
        let [(_, value)] = entries(&bson(element(kind, bytes)))
            .try_into()
            .expect("one entry");
        assert_eq!(
            value,
            json(&format!(r#"{{"x": {expected}}}"#)),
            "type {kind:#x}"
        );
    }
    for (kind, bytes, fault) in [
        (0x08, &b"\x02"[..], "invalid byte"),
        (0x14, b"", "unknown type 0x14"),
        (0x02, b"\xff\xff\xff\xff", "wrong length"),
        (0x02, b"\xff\xff\xff\x7f", "unexpected end"),
        (0x02, b"\x02\0\0\0\xff\0", "invalid UTF-8"),
        (0x02, b"\x02\0\0\0ab", "invalid byte"),
        (0x02, b"\0\0\0\0", "wrong length"),
        (0x03, b"\x06\0\0\0\0", "wrong length"),
        (0x05, b"\x04\0\0\0\x02\x01\0\0\0", "wrong length"),
    ] {
        let error = error(&bson(element(kind, bytes)));
        assert!(
            error.starts_with("document 1 at byte 0: not a BSON document"),
            "{error}"
        );
        assert!(error.contains(fault), "{error}");
    }
}

#[test]
fn bombs_are_errors() {
    let deep = |open: &str| format!(r#"{{"value": {}"#, open.repeat(1_000_000));
    assert!(error(deep("[").as_bytes()).contains("nested deeper"));
    assert!(error(deep(r#"{"a":"#).as_bytes()).contains("nested deeper"));
    assert!(error(format!("[{}", "[".repeat(1_000_000)).as_bytes()).contains("cut off"));
    for (open, close) in [("[", "]"), (r#"{"a": "#, "}")] {
        let nested = [open.repeat(511), "1".to_owned(), close.repeat(511)].concat();
        assert_eq!(value(&nested), json(&nested));
    }
    let digits = "7".repeat(1_000_000);
    assert_eq!(value(&digits), json(&digits));

    let nested = |depth| {
        (1..depth).fold(b"\x05\0\0\0\0".to_vec(), |inner, _| {
            let length = inner.len() as i32 + 8;
            [&length.to_le_bytes()[..], b"\x03a\0", &inner, b"\0"].concat()
        })
    };
    assert_eq!(
        error(&nested(200)),
        "document 1 at byte 0: unknown field \"a\""
    );
    assert!(error(&nested(201)).contains("nested too deeply"));
}

#[test]
fn a_bson_document_beyond_the_limit_is_refused() {
    let long = ((64_i32 << 20) + 1).to_le_bytes();
    let file = [&b"\x05\0\0\0\0"[..], &long, b"\x01"].concat();
    assert_eq!(
        error(&file),
        "document 2 at byte 5: not the length of a BSON document of at most 64 MiB"
    );
}

#[test]
fn an_entry_too_large_for_a_line_is_refused_by_name() {
    let mut entry = plain_entry("s", "k", Kind::Bytes);
    entry.size = MAX_LINE_SIZE as u64;
    assert_eq!(check_size(&entry), Ok(()));
    entry.size += 1;
    let mut out = Vec::new();
    let error = write_entry(&entry, b"", &mut out).expect_err("it is too large");
    assert_eq!(
        error.to_string(),
        "key \"k\" in store \"s\" is too large for a line: its value has 1073741825 bytes, and a line holds at most 1 GiB"
    );
    assert_eq!(out, b"");
}

#[test]
fn our_own_line_has_every_field_in_order() {
    let mut entry = plain_entry("ls", "k", Kind::Command);
    let store = Arc::make_mut(&mut entry.address.store);
    store.dataset_id = Some("6b03de1228195dbc2df5c505".into());
    entry.created_at = Timestamp::from_millis(-1);
    entry.expires_at = Some(Timestamp::from_millis(1_795_415_570_000));
    entry.hits = 3;
    entry.size = 2;
    entry.scopes.jwt_sha256 = Some([0xab; 32]);
    entry.args = Some(r#"["-l",1.0]"#.to_owned());
    let mut line = Vec::new();
    write_entry(&entry, b"\x00\xff", &mut line).expect("it is small");
    let expected = concat!(
        r#"{"store_name": "ls", "key": "k", "dataset_id": "6b03de1228195dbc2df5c505", "policy": "evict", "#,
        r#""created_at": -1, "updated_at": null, "expires_at": "2026-11-23T06:32:50.000Z", "last_used_at": null, "#,
        r#""hits": 3, "size": 2, "kind": "command", "user_id": null, "operator_uri": null, "prompt_id": null, "#,
        r#""jwt_sha256": "abababababababababababababababababababababababababababababababab", "#,
        r#""function": null, "args": ["-l",1.0], "cost_ms": null, "#,
        r#""value": {"_cls": "bytes", "value": "AP8="}}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(line).expect("UTF-8"), expected);
}

#[test]
fn the_line_of_a_store_has_its_metadata() {
    let mut store = StoreRecord {
        address: Arc::new(StoreAddress::new("s")),
        metadata: None,
    };
    let mut line = Vec::new();
    write_store(&store, &mut line);
    assert_eq!(line, b"");
    store.metadata = Some(StoreMetadata {
        value: r#"{"author":"acme"}"#.to_owned(),
        created_at: Timestamp::from_millis(0),
        updated_at: None,
        policy: Policy::Persist,
    });
    write_store(&store, &mut line);
    let expected = concat!(
        r#"{"store_name": "s", "key": "__store__", "dataset_id": null, "policy": "persist", "#,
        r#""created_at": "1970-01-01T00:00:00.000Z", "updated_at": null, "kind": "json", "value": {"author":"acme"}}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(line).expect("UTF-8"), expected);
}

#[test]
fn tagged_values_of_our_own_lines_are_left_alone() {
    let value = r#"{"$date":0,"b":{"$oid":5}}"#;
    let mut entry = plain_entry("s", "k", Kind::Json);
    entry.size = value.len() as u64;
    let written = [Record::Entry(Box::new(entry), value.into())];
    assert_eq!(records(&lines(&written)), written);
}

#[test]
fn line_breaks_in_json_become_spaces() {
    let entry = plain_entry("s", "k", Kind::Json);
    let mut line = Vec::new();
    write_entry(&entry, b"[\r\n1]", &mut line).expect("it is small");
    assert_eq!(entries(&line)[0].1, json("[  1]"));
}

/// Generates JSON texts as people write them.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-1.50e+3".to_owned()),
        Just("NaN".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| Json::from(text).dumps()),
        Just(r#""\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec((any::<String>(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("{}:{value}", Json::from(name.as_str()).dumps()))
                    .collect();
                format!("{{ {} }}", members.join(","))
            }),
        ]
    })
}

/// Generates values of every kind.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_json().prop_map(|text| json(&text)),
        any::<String>().prop_map(Value::text),
        any::<Vec<u8>>().prop_map(Value::bytes),
        any::<Vec<u8>>().prop_map(|bytes| Value {
            kind: Kind::Command,
            bytes
        }),
    ]
}

#[test]
fn a_document_is_in_the_collection_that_is_asked_for_and_a_line_in_its_own() {
    let collection = |line: &str| {
        let mut records = Reader::new(line.as_bytes(), "asked", NOW).expect("these are lines");
        match records.next() {
            Some(Ok((_, Record::Entry(entry, _)))) => entry.address.store.collection.to_string(),
            other => panic!("no entry: {other:?}"),
        }
    };
    let document = r#"{"store_name": "s", "key": "k", "value": "v"}"#;
    assert_eq!(collection(document), "asked");
    let line = r#"{"store_name": "s", "key": "k", "kind": "text", "value": "v"}"#;
    assert_eq!(collection(line), "execution_store");
    let line =
        r#"{"store_name": "s", "key": "k", "collection": "c", "kind": "text", "value": "v"}"#;
    assert_eq!(collection(line), "c");
}

fn any_name() -> impl Strategy<Value = Option<Arc<str>>> {
    prop::option::of(".+".prop_map(Arc::from))
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), 0..4_000_000_000_000_i64].prop_map(Timestamp::from_millis)
}

prop_compose! {
    fn any_store()(
        collection in prop_oneof![Just(COLLECTION.to_owned()), ".+"],
        store_name in ".+",
        dataset_id in any_name(),
    ) -> StoreAddress {
        StoreAddress {
            collection: collection.into(),
            store_name: store_name.into(),
            dataset_id,
        }
    }
}

prop_compose! {
    fn any_entry()(
        store in any_store(),
        key in ".+",
        names in prop::array::uniform4(any_name()),
        created_at in any_time(),
        times in prop::array::uniform3(prop::option::of(any_time())),
        hits in 0..=i64::MAX as u64,
        cost_ms in prop::option::of(0..=i64::MAX as u64),
        jwt_sha256 in any::<Option<[u8; 32]>>(),
        persist in any::<bool>(),
        args in prop::option::of(prop::collection::vec(any_json(), 0..4)),
        value in any_value(),
    ) -> Record {
        let [user_id, operator_uri, prompt_id, function] = names;
        let [updated_at, expires_at, last_used_at] = times;
        let entry = Entry {
            address: Address {
                store: Arc::new(store),
                key: Key::new(key).expect("a short key is valid"),
            },
            policy: if persist && expires_at.is_none() { Policy::Persist } else { Policy::Evict },
            kind: value.kind,
            size: value.bytes.len() as u64,
            created_at,
            updated_at,
            expires_at,
            last_used_at,
            hits,
            scopes: Scopes { user_id, operator_uri, prompt_id, jwt_sha256 },
            function,
            args: args.map(|args| format!("[{}]", args.join(","))),
            cost_ms,
        };
        Record::Entry(Box::new(entry), value.bytes)
    }
}

prop_compose! {
    fn any_store_record()(
        store in any_store(),
        value in any_json(),
        created_at in any_time(),
        updated_at in prop::option::of(any_time()),
        policy in prop_oneof![Just(Policy::Persist), Just(Policy::Evict)],
    ) -> Record {
        Record::Store(StoreRecord {
            address: Arc::new(store),
            metadata: Some(StoreMetadata { value, created_at, updated_at, policy }),
        })
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(
        written in prop::collection::vec(prop_oneof![4 => any_entry(), 1 => any_store_record()], 0..4),
    ) {
        let file = lines(&written);
        prop_assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), written.len());
        prop_assert_eq!(records(&file), written);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
        read(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic_or_lose_the_position(
        name in prop_oneof![Just("execution_store.legacy.jsonl"), Just("execution_store.bson")],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
        array in any::<bool>(),
    ) {
        let mut bytes = fixture(name);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()));
        if array {
            bytes.insert(0, b'[');
        }
        for error in read(&bytes).into_iter().filter_map(Result::err) {
            prop_assert!(["line ", "element ", "document "].iter().any(|place| error.starts_with(place)), "{}", error);
        }
    }
}
