//! Reads MongoDB's types in all their spellings.

use super::*;

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
fn objects_that_only_look_like_a_type_are_kept() {
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
