//! Values through FiftyOne's stored form and back.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};
use std::fmt::Debug;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeZone, Utc};
use ecache_core::python_json::{Json, MAX_DEPTH};
use ecache_core::stored::{self, Date, Set, StoredError};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn canonical<T: Serialize + ?Sized>(value: &T) -> Result<String, StoredError> {
    let mut text = Vec::new();
    stored::write_canonical(value, &mut text)?;
    Ok(String::from_utf8(text).expect("ASCII"))
}

/// Asserts that a value is written as `text`, and that this reads back as the value.
#[track_caller]
fn assert_form<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
    assert_eq!(canonical(&value).as_deref(), Ok(text));
    let json = Json::parse(text.as_bytes()).expect("JSON");
    assert_eq!(stored::from_json(&json), Ok(value));
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    y: f64,
    x: f32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, char);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(Option<i64>),
    Tuple(u8, bool),
    Struct { b: String, a: () },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Dates {
    #[serde(with = "stored::date")]
    day: NaiveDate,
    #[serde(with = "stored::datetime")]
    local: NaiveDateTime,
    #[serde(with = "stored::datetime")]
    instant: DateTime<Utc>,
    #[serde(with = "stored::set")]
    labels: HashSet<String>,
}

#[test]
fn plain_types_are_plain_json() {
    assert_form(Some(i128::MAX), "170141183460469231731687303715884105727");
    assert_form(u128::MAX, "340282366920938463463374607431768211455");
    assert_form(u64::MAX, "18446744073709551615");
    assert_form(None::<bool>, "null");
    assert_form('é', r#""\u00e9""#);
    assert_form(vec![1.0, 1e16, f64::INFINITY], "[1.0, 1e+16, Infinity]");
    assert_form(
        Point { y: 1.5, x: 0.1 },
        r#"{"x": 0.10000000149011612, "y": 1.5}"#,
    );
}

#[test]
fn tuples_and_bytes_have_a_class() {
    let tuple = r#"{"_cls": "tuple", "values": [1, "a"]}"#;
    assert_form((1_u8, 'a'), tuple);
    assert_form(Pair(1, 'a'), tuple);
    assert_form(
        [[0; 1]; 1],
        r#"{"_cls": "tuple", "values": [{"_cls": "tuple", "values": [0]}]}"#,
    );
    assert_form(
        serde_bytes::ByteBuf::from(b"\0\xff"),
        r#"{"_cls": "bytes", "value": "AP8="}"#,
    );
}

#[test]
fn lists_of_bytes_are_bytes_but_in_keys() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        plain: Vec<u8>,
        optional: Option<Box<[u8]>>,
        nested: Vec<Vec<u8>>,
        signed: Vec<i8>,
    }
    let holder = Holder {
        plain: vec![0, 255],
        optional: Some([7].into()),
        nested: vec![vec![], vec![1, 20, 100]],
        signed: vec![-1],
    };
    let mut text = Vec::new();
    stored::write(&holder, &mut text).expect("a form");
    let bytes = |base64: &str| format!(r#"{{"_cls": "bytes", "value": "{base64}"}}"#);
    let expected = format!(
        r#"{{"plain": {}, "optional": {}, "nested": [{}, {}], "signed": [-1]}}"#,
        bytes("AP8="),
        bytes("Bw=="),
        bytes(""),
        bytes("ARRk")
    );
    assert_eq!(String::from_utf8_lossy(&text), expected);
    let json = Json::parse(&text).expect("JSON");
    assert_eq!(stored::from_json(&json).as_ref(), Ok(&holder));
    // The earlier form, a list, can be read as well.
    let list = Json::parse(b"[0, 255]").expect("JSON");
    assert_eq!(stored::from_json(&list), Ok(vec![0_u8, 255]));
    // Bytes are not read as other numbers.
    let json = Json::parse(bytes("AP8=").as_bytes()).expect("JSON");
    assert_eq!(stored::from_json(&json), Ok(vec![0_u8, 255]));
    assert!(stored::from_json::<Vec<u16>>(&json).is_err());
    assert!(stored::from_json::<Vec<f64>>(&json).is_err());
    assert_eq!(canonical(&holder.plain).as_deref(), Ok("[0, 255]"));
}

#[test]
fn enums_are_tagged_by_their_names() {
    assert_form(Shape::Unit, r#""Unit""#);
    assert_form(Shape::Newtype(None), r#"{"Newtype": null}"#);
    assert_form(
        Shape::Tuple(1, true),
        r#"{"Tuple": {"_cls": "tuple", "values": [1, true]}}"#,
    );
    let shape = Shape::Struct {
        b: "b".into(),
        a: (),
    };
    assert_form(shape, r#"{"Struct": {"a": null, "b": "b"}}"#);
}

#[test]
fn keys_of_maps_are_spelled_and_sorted_as_in_python() {
    assert_form(
        BTreeMap::from([(9, ()), (10, ())]),
        r#"{"10": null, "9": null}"#,
    );
    assert_form(HashMap::from([(true, 1)]), r#"{"true": 1}"#);
    assert_form(
        BTreeMap::from([(None, 1), (Some(2), 3)]),
        r#"{"2": 3, "null": 1}"#,
    );
    assert_form(HashMap::from([(Shape::Unit, 1)]), r#"{"Unit": 1}"#);
    assert_form(
        BTreeMap::from([('a', 1), ('é', 2), ('~', 3)]),
        r#"{"a": 1, "~": 3, "\u00e9": 2}"#,
    );
    assert!(matches!(
        canonical(&HashMap::from([(vec![1], 2)])),
        Err(StoredError::Key("a list"))
    ));
}

#[test]
fn dates_are_what_isoformat_writes() {
    let day = NaiveDate::from_ymd_opt(7, 2, 9).expect("a date");
    assert_form(Date(day), r#"{"_cls": "date", "value": "0007-02-09"}"#);
    let local = day.and_hms_micro_opt(4, 20, 16, 70).expect("a time");
    let form = |value: &str| format!(r#"{{"_cls": "datetime", "value": "{value}"}}"#);
    assert_form(
        stored::DateTime::from(local),
        &form("0007-02-09T04:20:16.000070"),
    );
    let local = day.and_hms_nano_opt(4, 20, 16, 7).expect("a time");
    assert_form(
        stored::DateTime::from(local),
        &form("0007-02-09T04:20:16.000000007"),
    );
    let local = day.and_hms_opt(4, 20, 0).expect("a time");
    assert_form(
        stored::DateTime::from(local.and_utc()),
        &form("0007-02-09T04:20:00+00:00"),
    );
    for (seconds, offset) in [(19_800, "+05:30"), (-17_762, "-04:56:02")] {
        let zone = FixedOffset::east_opt(seconds).expect("an offset");
        let instant = zone.from_local_datetime(&local).single().expect("a time");
        assert_form(
            stored::DateTime::from(instant),
            &form(&format!("0007-02-09T04:20:00{offset}")),
        );
    }
}

#[test]
fn dates_that_python_lacks_are_refused() {
    for year in [-1, 0, 10_000] {
        let day = NaiveDate::from_ymd_opt(year, 1, 1).expect("a date");
        assert_eq!(
            canonical(&Date(day)),
            Err(StoredError::Refused(format!("Python has no year {year}")))
        );
    }
    for text in [
        "",
        "T",
        "2020-01-01",
        "2020-01-01T",
        "2020-01-01T00:00:00+",
        "2020-01-01T00:00:00+é",
        "-T+",
    ] {
        let json = Json::from(text);
        assert!(
            stored::from_json::<stored::DateTime>(&json).is_err(),
            "{text}"
        );
    }
}

#[test]
fn sets_are_in_the_order_of_their_texts() {
    let set = Set(BTreeSet::from([10, 9, 1]));
    assert_form(set, r#"{"_cls": "set", "values": [1, 10, 9]}"#);
    let repeated = Set(vec![Some(2), None, Some(2)]);
    assert_eq!(
        canonical(&repeated),
        Ok(r#"{"_cls": "set", "values": [2, null]}"#.into())
    );
    let nested = (Set(Vec::<u8>::new()), vec![Set([Set(["b", "a"])])]);
    assert_eq!(
        canonical(&nested),
        Ok(concat!(
            r#"{"_cls": "tuple", "values": [{"_cls": "set", "values": []}, "#,
            r#"[{"_cls": "set", "values": [{"_cls": "set", "values": ["a", "b"]}]}]]}"#
        )
        .into())
    );
}

#[test]
fn each_some_is_told_from_none() {
    assert_form(None::<Option<u8>>, "null");
    assert_form(Some(None::<u8>), r#"{"Some": null}"#);
    assert_form(Some(Some(1)), "1");
    assert_form(Some(()), r#"{"Some": null}"#);
    assert_form(Some(Some(None::<()>)), r#"{"Some": {"Some": null}}"#);
    assert_form(
        vec![None, Some(None), Some(Some(None)), Some(Some(Some(false)))],
        r#"[null, {"Some": null}, {"Some": {"Some": null}}, false]"#,
    );
}

#[test]
fn a_value_like_the_envelope_of_a_some_is_put_into_one() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Own {
        Some(Option<u8>),
        None,
    }
    assert_form(Own::Some(None), r#"{"Some": null}"#);
    assert_form(Some(Own::Some(None)), r#"{"Some": {"Some": null}}"#);
    assert_form(Some(Own::None), r#""None""#);
    let map = |keys: &[&str]| -> BTreeMap<String, Option<u8>> {
        keys.iter().map(|key| (key.to_string(), None)).collect()
    };
    assert_form(Some(map(&["Some"])), r#"{"Some": {"Some": null}}"#);
    assert_form(Some(map(&["A", "Some"])), r#"{"A": null, "Some": null}"#);
    assert_form(
        Some(map(&["Some", "Tame"])),
        r#"{"Some": {"Some": null, "Tame": null}}"#,
    );
}

#[test]
fn a_map_with_keys_that_read_alike_has_no_form() {
    assert!(canonical(&HashMap::from([(None, 1), (Some("null"), 2)])).is_err());
    assert!(canonical(&HashMap::from([(Some(None::<u8>), 2)])).is_err());
    assert!(canonical(&HashMap::from([(Some(()), 2)])).is_err());
    assert_form(HashMap::from([(None::<String>, 1)]), r#"{"null": 1}"#);
}

/// The members of a set come in the order of their hashes, which differs between sets.
#[test]
fn collections_without_an_order_have_one_canonical_text() {
    type Set32 = HashSet<u32>;
    #[derive(Serialize)]
    struct Holder<'a> {
        by_reference: &'a Set32,
        exclusive: &'a mut Set32,
        optional: Option<Set32>,
        nested: Vec<(Set32, HashMap<u8, Set32>)>,
        heap: BinaryHeap<u32>,
    }
    let set = || (0..100).collect::<Set32>();
    let text = |descending: bool| {
        let set_of_our_own = set();
        let mut heap: Vec<u32> = (0..100).chain([7]).collect();
        if descending {
            heap.reverse();
        }
        canonical(&Holder {
            by_reference: &set_of_our_own,
            exclusive: &mut set(),
            optional: Some(set()),
            nested: vec![(set(), HashMap::from([(1, set())]))],
            heap: heap.into(),
        })
    };
    assert_eq!(text(false), text(true));
    assert_eq!(canonical(&HashSet::from([10, 9])).as_deref(), Ok("[10, 9]"));
    assert_eq!(canonical(&vec![9, 10, 9]).as_deref(), Ok("[9, 10, 9]"));
    assert_eq!(canonical(&HashSet::<u8>::new()).as_deref(), Ok("[]"));
    assert!(canonical(&BinaryHeap::from([7, 7])).is_ok_and(|text| text == "[7, 7]"));
}

#[test]
fn a_simpler_type_reads_what_a_class_holds() {
    fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoredError> {
        stored::from_json(&Json::parse(text.as_bytes()).expect("JSON"))
    }
    let date = r#"{"_cls": "date", "value": "2020-02-20"}"#;
    assert_eq!(read::<String>(date), Ok("2020-02-20".into()));
    assert_eq!(read::<serde_json::Value>(date), Ok("2020-02-20".into()));
    assert_eq!(
        read::<HashMap<String, String>>(date).map(|dict| dict.len()),
        Ok(2)
    );
    let set = r#"{"_cls": "set", "values": [1, 2]}"#;
    assert_eq!(read::<Vec<u8>>(set), Ok(vec![1, 2]));
    assert_eq!(read::<(u8, u8)>(set), Ok((1, 2)));
    assert!(read::<(u8,)>(set).is_err());
    let other = r#"{"_cls": "set", "values": [1], "more": 2}"#;
    assert_eq!(
        read::<serde_json::Value>(other),
        Ok(serde_json::from_str(other).expect("JSON"))
    );
    assert!(read::<serde_bytes::ByteBuf>(r#"{"_cls": "bytes", "value": "%"}"#).is_err());
    assert_eq!(
        read::<String>(r#""\ud800""#),
        Err(StoredError::LoneSurrogate)
    );
    let beyond = "9".repeat(40);
    assert_eq!(
        read::<u128>(&beyond),
        Err(StoredError::BigInteger(beyond.into()))
    );
}

#[test]
fn nesting_is_bounded_as_in_a_text() {
    #[derive(Serialize)]
    struct Link {
        next: Option<Box<Link>>,
    }
    let chain = |length| {
        (1..length).fold(Link { next: None }, |next, _| Link {
            next: Some(Box::new(next)),
        })
    };
    let deepest = canonical(&chain(MAX_DEPTH)).expect("as deep as a text");
    assert!(Json::parse(deepest.as_bytes()).is_ok());
    assert_eq!(canonical(&chain(MAX_DEPTH + 1)), Err(StoredError::TooDeep));
}

type Everything = (
    HashMap<String, Vec<(f64, Option<bool>)>>,
    BTreeMap<i128, Shape>,
    Set<HashSet<Shape>>,
    serde_bytes::ByteBuf,
    Vec<Dates>,
);

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Unit),
        any::<Option<i64>>().prop_map(Shape::Newtype),
        any::<(u8, bool)>().prop_map(|(number, flag)| Shape::Tuple(number, flag)),
        any::<String>().prop_map(|b| Shape::Struct { b, a: () }),
    ]
}

fn dates() -> impl Strategy<Value = Dates> {
    let seconds = -62_135_596_800..253_402_300_800_i64;
    (seconds, 0..1_000_000_000_u32, any::<HashSet<String>>()).prop_map(
        |(seconds, nanos, labels)| {
            let instant = DateTime::from_timestamp(seconds, nanos).expect("a time of Python's");
            let local = instant.naive_utc();
            Dates {
                day: local.date(),
                local,
                instant,
                labels,
            }
        },
    )
}

fn everything() -> impl Strategy<Value = Everything> {
    (
        any::<HashMap<String, Vec<(f64, Option<bool>)>>>(),
        prop::collection::btree_map(any::<i128>(), shapes(), 0..4),
        prop::collection::hash_set(shapes(), 0..6).prop_map(Set),
        any::<Vec<u8>>().prop_map(serde_bytes::ByteBuf::from),
        prop::collection::vec(dates(), 0..3),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn everything_comes_back(value in everything()) {
        let json = stored::to_json(&value).expect("a stored form");
        prop_assert_eq!(stored::from_json::<Everything>(&json).expect("the same type"), value);
    }

    #[test]
    fn the_canonical_text_is_the_stored_form_with_sorted_keys(value in everything()) {
        let json = stored::to_json(&value).expect("a stored form");
        prop_assert_eq!(canonical(&value).expect("a stored form"), json.dumps_sorted());
        let mut ordered = json.clone();
        stored::order_sets(&mut ordered);
        prop_assert_eq!(ordered, json);
    }
}

#[test]
fn values_of_mongodbs_types_are_read_as_their_content() {
    let read = |text: &str| Json::parse(text.as_bytes()).expect("JSON");
    let number = read(r#"[{"$bson": {"$numberLong": "5"}}, 6]"#);
    assert_eq!(
        stored::from_json::<Vec<i64>>(&number).expect("integers"),
        [5, 6]
    );
    let id = read(r#"{"$bson": {"$oid": "65f0c0ffee00000000000001"}}"#);
    let map = stored::from_json::<BTreeMap<String, String>>(&id).expect("a map");
    assert_eq!(map["$oid"], "65f0c0ffee00000000000001");
    let document = read(r#"{"$bson": {"$bson": {"$oid": "x"}}}"#);
    let map = stored::from_json::<BTreeMap<String, BTreeMap<String, String>>>(&document);
    assert_eq!(map.expect("a map")["$bson"]["$oid"], "x");
    let plain = read(r#"{"$bson": {"$oid": "x"}}"#);
    let map = stored::from_json::<BTreeMap<String, BTreeMap<String, String>>>(&plain);
    assert_eq!(map.expect("a map")["$bson"]["$oid"], "x");
}
