//! Reads dumps of FiftyOne in every form.

use super::*;

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
fn missing_fields_of_a_document_stay_empty_except_its_creation_time() {
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
            DocumentPosition::Element { number: 1, line: 2 },
            DocumentPosition::Element { number: 2, line: 3 }
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
    assert_eq!(
        positions,
        [DocumentPosition::Line(3), DocumentPosition::Line(5)]
    );
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

/// Returns a BSON document of these elements, with an id that comes last.
fn document(elements: &[(u8, &str, Vec<u8>)]) -> Vec<u8> {
    let mut document = vec![0; 4];
    let id = (0x07, "_id", vec![1; 12]);
    for (kind, name, value) in elements.iter().chain([&id]) {
        document.push(*kind);
        document.extend_from_slice(name.as_bytes());
        document.push(0);
        document.extend_from_slice(value);
    }
    document.push(0);
    let length = i32::try_from(document.len()).expect("it is short");
    document[..4].copy_from_slice(&length.to_le_bytes());
    document
}

fn text(text: &str) -> Vec<u8> {
    let length = i32::try_from(text.len() + 1).expect("it is short");
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
    bytes
}

#[test]
fn a_time_of_a_database_is_a_date_and_nothing_else() {
    let date = || 1_000_i64.to_le_bytes().to_vec();
    let dict = document(&[(0x02, "$date", text("2026-03-04T05:06:07Z"))]);
    for field in ["created_at", "updated_at", "expires_at"] {
        for (kind, value, found) in [
            (0x10, vec![0; 4], "an integer"),
            (0x12, date(), "an integer"),
            (0x01, vec![0; 8], "a float"),
            (0x02, text("2026-03-04T05:06:07Z"), "a string"),
            (0x03, dict.clone(), "an object"),
            (0x08, vec![1], "a bool"),
            (0x11, vec![0; 8], "an object"),
        ] {
            let others = ["created_at", "updated_at", "expires_at"].into_iter();
            let others = others.filter(|other| *other != field);
            let mut elements: Vec<_> = others.map(|other| (0x09, other, date())).collect();
            elements.extend([
                (kind, field, value),
                (0x02, "store_name", text("s")),
                (0x02, "key", text("k")),
                (0x10, "value", vec![0; 4]),
            ]);
            let read = read(&document(&elements));
            let expected = format!("document 1 at byte 0: {field} must be a date, found {found}");
            assert_eq!(read, [Err(expected)]);
        }
        for (value, is_date) in [
            (r#"{"$date": 0}"#, true),
            (r#"{"$date": {"$numberLong": "0"}}"#, true),
            (r#"{"$date": "1970-01-01T00:00:00Z"}"#, true),
            ("0", false),
            (r#"{"$numberLong": "0"}"#, false),
            (r#""2026-03-04T05:06:07Z""#, false),
        ] {
            let created = match field {
                "created_at" => String::new(),
                _ => r#""created_at": {"$date": 0}, "#.to_owned(),
            };
            let line = format!(
                r#"{{"store_name": "s", "key": "k", "value": 1, {created}"{field}": {value}, "_id": 1}}"#
            );
            assert_eq!(read(line.as_bytes())[0].is_ok(), is_date, "{line}");
            // In a line that was written by hand, milliseconds and texts are times.
            let by_hand = line.replace(r#", "_id": 1"#, "");
            assert!(read(by_hand.as_bytes())[0].is_ok(), "{by_hand}");
        }
    }
}
