use proptest::prelude::*;

use super::element::{self, kind};
use super::{bson, encode, extended_json, wrapper};
use crate::python_json::{Json, PyString};
use crate::value::{Kind, write_stored};

/// An element: its type and its payload.
type Element = (u8, Vec<u8>);

fn document(members: &[(String, Element)]) -> Vec<u8> {
    let mut elements = Vec::new();
    for (name, (kind, payload)) in members {
        elements.extend_from_slice(&[*kind]);
        elements.extend_from_slice(name.as_bytes());
        elements.push(0);
        elements.extend_from_slice(payload);
    }
    let length = elements.len() as i32 + 5;
    [&length.to_le_bytes()[..], &elements, b"\0"].concat()
}

fn array(items: Vec<Element>) -> Element {
    let members: Vec<_> = items
        .into_iter()
        .enumerate()
        .map(|(index, item)| (index.to_string(), item))
        .collect();
    (kind::ARRAY, document(&members))
}

fn string(text: &str) -> Vec<u8> {
    let length = text.len() as i32 + 1;
    [&length.to_le_bytes()[..], text.as_bytes(), b"\0"].concat()
}

fn code_with_scope(code: &str, scope: &[u8]) -> Element {
    let rest = [&string(code)[..], scope].concat();
    let length = rest.len() as i32 + 4;
    (
        kind::CODE_WITH_SCOPE,
        [&length.to_le_bytes()[..], &rest].concat(),
    )
}

/// Texts, many of which could be the content of a wrapper.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,6}|[\u{0}-\u{ff}]{0,4}",
        prop::sample::select(vec![
            "bytes",
            "AAE=",
            "00",
            "02",
            "5",
            "-1",
            "+5",
            "05",
            "5000000000",
            "-9223372036854775808",
            "1.5",
            "0x7ff8000000000001",
            "0x7ff8000000000000",
            "1E+3",
            "NaN",
            "65f0c0ffee00000000000001",
            "65F0C0FFEE00000000000001",
            "2026-03-04T05:06:07.089Z",
            "2026-03-04T05:06:07Z",
            "2026-03-04T05:06:07.000Z",
            "1969-12-31T23:59:59.999Z",
            "$created_at",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Names, most of which occur in wrappers, escapes or FiftyOne's own forms.
fn names() -> impl Strategy<Value = String> {
    let known = vec![
        "$bson",
        "$numberInt",
        "$numberLong",
        "$numberDouble",
        "$numberDecimal",
        "$oid",
        "$date",
        "$binary",
        "$type",
        "base64",
        "subType",
        "$regularExpression",
        "pattern",
        "options",
        "$regex",
        "$options",
        "$code",
        "$scope",
        "$symbol",
        "$timestamp",
        "t",
        "i",
        "$dbPointer",
        "$ref",
        "$id",
        "$undefined",
        "$minKey",
        "$maxKey",
        "$uuid",
        "_cls",
        "value",
        "",
        ".",
        "a.b",
        "$",
        "$$ROOT",
        "é",
    ];
    prop_oneof![
        4 => prop::sample::select(known).prop_map(str::to_owned),
        1 => "[^\u{0}]{0,3}",
    ]
}

fn cstrings() -> impl Strategy<Value = String> {
    "[^\u{0}]{0,3}"
}

/// Values that nest nothing, of every type.
fn leaves() -> impl Strategy<Value = Element> {
    let fixed = |kind, payload: Vec<u8>| Just((kind, payload));
    let nans = prop::sample::select(vec![
        f64::NAN.to_bits(),
        (-f64::NAN).to_bits(),
        0x7ff8_0000_0000_0001,
        (-0.0_f64).to_bits(),
        5.0_f64.to_bits(),
        1e16_f64.to_bits(),
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
    ]);
    let dates = prop_oneof![
        any::<i64>(),
        0..4_000_000_000_000_i64,
        (0..4_000_000_000_i64).prop_map(|seconds| seconds * 1000),
        prop::sample::select(vec![-1, 253_402_300_799_999, 253_402_300_800_000]),
    ];
    prop_oneof![
        prop_oneof![any::<u64>(), nans]
            .prop_map(|bits| (kind::DOUBLE, bits.to_le_bytes().to_vec())),
        texts().prop_map(|text| (kind::STRING, string(&text))),
        (
            prop_oneof![Just(2_u8), any::<u8>()],
            prop::collection::vec(any::<u8>(), 0..20)
        )
            .prop_map(|(subtype, bytes)| (
                kind::BINARY,
                element::binary(subtype, &bytes).expect("it is short")
            )),
        fixed(kind::UNDEFINED, vec![]),
        any::<[u8; 12]>().prop_map(|id| (kind::OBJECT_ID, id.to_vec())),
        any::<bool>().prop_map(|value| (kind::BOOL, vec![value.into()])),
        dates.prop_map(|millis| (kind::DATE, millis.to_le_bytes().to_vec())),
        fixed(kind::NULL, vec![]),
        (cstrings(), cstrings()).prop_map(|(pattern, options)| {
            (
                kind::REGEX,
                [pattern.as_bytes(), b"\0", options.as_bytes(), b"\0"].concat(),
            )
        }),
        (texts(), any::<[u8; 12]>())
            .prop_map(|(name, id)| (kind::DB_POINTER, [&string(&name)[..], &id].concat())),
        texts().prop_map(|text| (kind::CODE, string(&text))),
        texts().prop_map(|text| (kind::SYMBOL, string(&text))),
        any::<i32>().prop_map(|value| (kind::INT32, value.to_le_bytes().to_vec())),
        any::<u64>().prop_map(|value| (kind::TIMESTAMP, value.to_le_bytes().to_vec())),
        prop_oneof![any::<i64>(), -9..9_i64, any::<i32>().prop_map(i64::from)]
            .prop_map(|value| (kind::INT64, value.to_le_bytes().to_vec())),
        prop_oneof![
            any::<u128>(),
            (0..9_u128).prop_map(|digit| 6176 << 113 | digit)
        ]
        .prop_map(|bits| (kind::DECIMAL128, bits.to_le_bytes().to_vec())),
        fixed(kind::MAX_KEY, vec![]),
        fixed(kind::MIN_KEY, vec![]),
        look_alikes(),
    ]
}

/// Documents that are spelled like the objects of Extended JSON.
fn look_alikes() -> impl Strategy<Value = Element> {
    let text = |name: &'static str| {
        texts().prop_map(move |text| literal(&[(name, (kind::STRING, string(&text)))]))
    };
    let date = (kind::STRING, string("2026-03-04T05:06:07.089Z"));
    let oid = (kind::STRING, string("65f0c0ffee00000000000001"));
    let int32 = |value: i32| (kind::INT32, value.to_le_bytes().to_vec());
    let int64 = |value: i64| (kind::INT64, value.to_le_bytes().to_vec());
    let text_of = |value: &str| (kind::STRING, string(value));
    prop_oneof![
        text("$date"),
        text("$oid"),
        text("$numberLong"),
        text("$numberDouble"),
        text("$numberDecimal"),
        text("$code"),
        text("$symbol"),
        text("$uuid"),
        prop::sample::select(vec![
            literal(&[("$date", date)]),
            literal(&[("$date", int64(-1))]),
            literal(&[("$date", int64(5_000_000_000))]),
            literal(&[("$date", literal(&[("$numberLong", text_of("-1"))]))]),
            literal(&[("$oid", oid.clone())]),
            literal(&[("$numberLong", text_of("5"))]),
            literal(&[(
                "$binary",
                literal(&[("base64", text_of("AAE=")), ("subType", text_of("00"))])
            )]),
            literal(&[(
                "$binary",
                literal(&[("subType", text_of("02")), ("base64", text_of("AAE="))])
            )]),
            literal(&[("$binary", text_of("AAE=")), ("$type", text_of("00"))]),
            literal(&[(
                "$regularExpression",
                literal(&[("pattern", text_of("a")), ("options", text_of("i"))])
            )]),
            literal(&[("$regex", text_of("a")), ("$options", text_of("i"))]),
            literal(&[(
                "$timestamp",
                literal(&[("t", int32(1)), ("i", int64(4_000_000_000))])
            )]),
            literal(&[("$timestamp", literal(&[("t", int64(1)), ("i", int32(1))]))]),
            literal(&[(
                "$dbPointer",
                literal(&[
                    ("$ref", text_of("c")),
                    ("$id", literal(&[("$oid", oid.clone())]))
                ])
            )]),
            literal(&[(
                "$dbPointer",
                literal(&[
                    ("$ref", text_of("c")),
                    ("$id", (kind::OBJECT_ID, vec![7; 12]))
                ])
            )]),
            literal(&[("$undefined", (kind::BOOL, vec![1]))]),
            literal(&[("$minKey", int32(1))]),
            literal(&[("$maxKey", int64(1))]),
            literal(&[("$code", text_of("f")), ("$scope", literal(&[]))]),
            literal(&[
                ("$scope", literal(&[("$oid", oid.clone())])),
                ("$code", text_of("f"))
            ]),
            literal(&[
                ("$code", text_of("f")),
                ("$scope", (kind::OBJECT_ID, vec![7; 12]))
            ]),
            literal(&[("$oid", oid.clone()), ("$oid", oid)]),
            literal(&[("_cls", text_of("bytes")), ("value", text_of("AAE="))]),
            literal(&[("value", text_of("AAE=")), ("_cls", text_of("bytes"))]),
        ]),
    ]
}

fn literal(members: &[(&str, Element)]) -> Element {
    let members = members.iter();
    let members: Vec<_> = members
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    (kind::DOCUMENT, document(&members))
}

/// Values of every type, nested.
fn values() -> impl Strategy<Value = Element> {
    leaves().prop_recursive(5, 24, 4, |inner| {
        let members = prop::collection::vec((names(), inner.clone()), 0..4).boxed();
        prop_oneof![
            2 => members.clone().prop_map(|members| (kind::DOCUMENT, document(&members))),
            1 => (texts(), members).prop_map(|(code, members)| code_with_scope(&code, &document(&members))),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(array),
            3 => inner.clone().prop_map(|inner| literal(&[("$bson", inner)])),
            3 => (names(), inner).prop_map(|(name, inner)| literal(&[(&name, inner)])),
        ]
    })
}

/// Encodes a text as MongoDB stores it, and returns the element.
fn encoded(text: &str) -> Element {
    let json = Json::parse_all(text.as_bytes()).expect("JSON");
    let document = encode::document_of("v", &json).expect("it came from BSON");
    (document[4], document[7..document.len() - 1].to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn bson_that_becomes_text_and_bson_again_is_the_same_to_the_byte(value in values()) {
        let (kind, payload) = &value;
        let text = bson::text(*kind, payload).expect("it is valid");
        prop_assert_eq!(encoded(&text), value.clone(), "{}", text);
        // As Python's `json` loads and dumps it, unless a name repeats.
        let loaded = Json::parse_all(text.as_bytes()).expect("it is JSON");
        prop_assert_eq!(loaded.dumps(), text);
    }

    #[test]
    fn a_document_of_a_dump_is_read_and_written_the_same(value in values()) {
        let dump = document(&[("value".to_owned(), value.clone())]);
        let [(_, stored)] = bson::members(&dump).expect("it is valid").try_into().expect("one member");
        let text = match stored {
            bson::Stored::Text(text) => Json::from(text).dumps(),
            bson::Stored::Bytes(bytes) => {
                let mut text = Vec::new();
                write_stored(Kind::Bytes, &bytes, &mut text);
                String::from_utf8(text).expect("JSON")
            }
            bson::Stored::Json(text) => text,
        };
        prop_assert_eq!(encoded(&text), value);
    }

    #[test]
    fn extended_json_becomes_the_text_that_its_bson_has(value in values()) {
        // Any text will do, and this one has wrappers, escapes and objects that look like them.
        let (kind, payload) = &value;
        let text = bson::text(*kind, payload).expect("it is valid");
        let mut json = Json::parse_all(text.as_bytes()).expect("it is JSON");
        extended_json::rewrite(&mut json);
        let again = encoded(&json.dumps());
        let text = bson::text(again.0, &again.1).expect("it is valid");
        prop_assert_eq!(json.dumps(), text);
    }
}

/// JSON as a user may set it, with names of every type but without the mark.
fn json_texts() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        prop_oneof![any::<i64>(), any::<i32>().prop_map(i64::from)].prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        Just(Json::Float(f64::from_bits(element::NAN))),
        texts().prop_map(Json::from),
    ];
    let names = names().prop_filter("the mark", |name| name != wrapper::MARK);
    let names = names.prop_map(|name| PyString::from(&*name)).boxed();
    leaf.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((names.clone(), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn json_is_stored_as_what_it_says_and_comes_back(json in json_texts()) {
        let text = json.dumps();
        let (kind, payload) = encoded(&text);
        prop_assert_eq!(bson::text(kind, &payload).expect("it is valid"), text);
    }
}

#[test]
fn types_and_documents_are_told_apart() {
    let text = |(kind, payload): Element| bson::text(kind, &payload).expect("it is valid");
    let string = |value: &str| (kind::STRING, string(value));
    let oid = "65f0c0ffee00000000000001";
    for (value, expected) in [
        ((kind::INT32, 5_i32.to_le_bytes().to_vec()), "5"),
        (
            (kind::INT64, 5_i64.to_le_bytes().to_vec()),
            r#"{"$bson": {"$numberLong": "5"}}"#,
        ),
        (
            (kind::INT64, 5_000_000_000_i64.to_le_bytes().to_vec()),
            "5000000000",
        ),
        ((kind::DOUBLE, 5_f64.to_le_bytes().to_vec()), "5.0"),
        ((kind::DOUBLE, (-0.0_f64).to_le_bytes().to_vec()), "-0.0"),
        (
            (
                kind::DOUBLE,
                0xfff8_0000_0000_0000_u64.to_le_bytes().to_vec(),
            ),
            r#"{"$bson": {"$numberDouble": "0xfff8000000000000"}}"#,
        ),
        (
            (kind::DATE, 1_i64.to_le_bytes().to_vec()),
            r#"{"$bson": {"$date": "1970-01-01T00:00:00.001Z"}}"#,
        ),
        (
            literal(&[("$date", string("1970-01-01T00:00:00.001Z"))]),
            r#"{"$date": "1970-01-01T00:00:00.001Z"}"#,
        ),
        (
            literal(&[("$regex", string("a")), ("$options", string("i"))]),
            r#"{"$regex": "a", "$options": "i"}"#,
        ),
        (
            literal(&[("$bson", literal(&[("$oid", string(oid))]))]),
            r#"{"$bson": {"$bson": {"$oid": "65f0c0ffee00000000000001"}}}"#,
        ),
        (literal(&[("$bson", string("a"))]), r#"{"$bson": "a"}"#),
        (
            literal(&[("$bson", literal(&[("$oid", string("x"))]))]),
            r#"{"$bson": {"$oid": "x"}}"#,
        ),
        (
            literal(&[("$bson", literal(&[("$bson", string("a"))]))]),
            r#"{"$bson": {"$bson": {"$bson": "a"}}}"#,
        ),
        (
            literal(&[("a", (kind::NULL, vec![])), ("a", (kind::BOOL, vec![1]))]),
            r#"{"a": null, "a": true}"#,
        ),
    ] {
        assert_eq!(text(value.clone()), expected);
        assert_eq!(encoded(expected), value);
    }
}

#[test]
fn deep_values_survive_up_to_the_depth_that_mongodb_stores() {
    let deep = |levels: usize| {
        (0..levels).fold((kind::NULL, vec![]), |inner, _| {
            literal(&[("$bson", inner)])
        })
    };
    let (kind, payload) = deep(179);
    let text = bson::text(kind, &payload).expect("it is valid");
    assert_eq!(encoded(&text), (kind, payload));
    let too_deep = [&b"["[..]; 180].concat();
    let too_deep = [&too_deep[..], &[&b"]"[..]; 180].concat()].concat();
    let error = encode::document_of("v", &Json::parse(&too_deep).expect("JSON"))
        .expect_err("it is too deep");
    assert_eq!(error, encode::EncodeError::Depth);
}

#[test]
fn json_that_bson_has_no_form_for_is_refused() {
    for (text, message) in [
        (
            "[9223372036854775808]",
            "an integer of 19 digits has more than 64 bits",
        ),
        (
            r#"["\ud800"]"#,
            "a text in it has half of a character (a lone surrogate)",
        ),
        (
            r#"{"\ud800": 1}"#,
            "a text in it has half of a character (a lone surrogate)",
        ),
        (r#"{"a\u0000b": 1}"#, "a name in it has a NUL"),
    ] {
        let error =
            encode::document_of("v", &Json::parse(text.as_bytes()).expect(text)).expect_err(text);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn an_array_is_the_list_of_its_items_whatever_their_names() {
    let item = |n: i32| (kind::INT32, n.to_le_bytes().to_vec());
    for names in [["0", "1"], ["1", "0"], ["0", "2"], ["a", "b"], ["00", "01"]] {
        let members: Vec<_> = names
            .iter()
            .zip([7, 8])
            .map(|(name, n)| (name.to_string(), item(n)))
            .collect();
        let text = bson::text(kind::ARRAY, &document(&members));
        assert_eq!(text.expect("a list"), "[7, 8]", "{names:?}");
    }
}
