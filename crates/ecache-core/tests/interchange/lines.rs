//! Writes and reads ecache's own lines.

use super::*;

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
        r#""created_at": "1969-12-31T23:59:59.999Z", "updated_at": null, "expires_at": "2026-11-23T06:32:50.000Z", "last_used_at": null, "#,
        r#""hits": 3, "saved_ms": 0, "size": 2, "kind": "command", "user_id": null, "operator_uri": null, "prompt_id": null, "#,
        r#""jwt_sha256": "abababababababababababababababababababababababababababababababab", "#,
        r#""function": null, "args": ["-l",1.0], "cost_ms": null, "#,
        r#""value": {"_cls": "bytes", "value": "AP8="}}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(line).expect("UTF-8"), expected);
}

#[test]
fn the_line_of_a_store_has_its_metadata() {
    let mut store = StoreRecord::new(Arc::new(StoreAddress::new("s")), None);
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
        store_name in ".*",
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
        let address = Address {
            store: Arc::new(store),
            key: Key::new(key).expect("a short key is valid"),
        };
        let mut entry = Entry::new(address, value.kind, created_at);
        if persist && expires_at.is_none() {
            entry.policy = Policy::Persist;
        } else {
            entry.policy = Policy::Evict;
        }
        entry.size = value.bytes.len() as u64;
        entry.updated_at = updated_at;
        entry.expires_at = expires_at;
        entry.last_used_at = last_used_at;
        entry.hits = hits;
        entry.saved_ms = hits / 2;
        entry.scopes = Scopes { user_id, operator_uri, prompt_id, jwt_sha256 };
        entry.function = function;
        entry.args = args.map(|args| format!("[{}]", args.join(",")));
        entry.cost_ms = cost_ms;
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
        Record::Store(StoreRecord::new(Arc::new(store), Some(StoreMetadata { value, created_at, updated_at, policy })))
    }
}

proptest! {
    #[test]
    fn written_lines_read_back_the_same(
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
