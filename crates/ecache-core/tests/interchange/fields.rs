//! Reads the fields of documents.

use super::*;
use ecache_core::scope::MAX_NAME_LENGTH;

#[test]
fn a_document_of_a_database_without_a_creation_is_left_out_and_named() {
    for id in [r#"{"$oid": "6b03de1228195dbc2df5c505"}"#, "\"own\""] {
        for created in ["", r#", "created_at": null"#] {
            let line =
                format!(r#"{{"_id": {id}, "store_name": "s", "key": "k", "value": 1{created}}}"#);
            let read = Reader::new(line.as_bytes(), COLLECTION, NOW)
                .expect("lines")
                .next()
                .expect("a line");
            let error = read.expect_err("it has no creation").to_string();
            assert!(error.contains("created_at is missing"), "{error}");
        }
    }
    // One without an id was written by hand.
    let line = r#"{"store_name": "s", "key": "k", "value": 1}"#;
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
fn a_policy_that_is_not_named_follows_the_expiry() {
    for (members, policy) in [
        ("", Policy::Persist),
        (r#", "policy": null"#, Policy::Persist),
        (
            r#", "policy": "persist", "expires_at": null"#,
            Policy::Persist,
        ),
        (r#", "policy": "evict""#, Policy::Evict),
        (r#", "expires_at": 1"#, Policy::Evict),
        (r#", "policy": null, "expires_at": 1"#, Policy::Evict),
        (r#", "policy": "persist", "expires_at": 1"#, Policy::Persist),
        (r#", "policy": "evict", "expires_at": 1"#, Policy::Evict),
    ] {
        let line = format!(r#"{{"store_name": "s", "key": "k", "value": 1{members}}}"#);
        let (entry, value) = &entries(line.as_bytes())[0];
        assert_eq!(entry.policy, policy, "{members}");
        let mut again = Vec::new();
        write_entry(entry, &value.bytes, &mut again).expect("a short line");
        assert_eq!(entries(&again)[0].0, *entry, "{members}");
    }
}

#[test]
fn metadata_with_an_expiry_is_refused_since_no_store_could_hold_it() {
    let line = r#"{"store_name": "s", "key": "__store__", "value": {}, "expires_at": 1}"#;
    let message = "line 1: expires_at must be null for the metadata of a store, found a date";
    assert_eq!(error(line.as_bytes()), message);
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
            r#""dataset_id": """#,
            "line 1: dataset_id: a name is 1 to 4096 bytes long, not 0",
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
