//! Reads names of every type.

use super::*;

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
        let line = format!(
            r#"{{"_id": 7, "created_at": {{"$date": 7}}, "store_name": {spelled}, "key": {spelled}, "value": 1}}"#
        );
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
        let mut members = b"\x0avalue\0\x09created_at\0\x07\0\0\0\0\0\0\0".to_vec();
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
