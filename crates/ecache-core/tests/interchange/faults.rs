//! Refuses files that are damaged, cut off or none of entries.

use super::*;

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
fn files_without_entries_are_refused_at_once() {
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
fn a_document_that_cannot_be_held_is_told_from_a_damaged_file() {
    let text = |length: u8, text: &[u8]| [&[length, 0, 0, 0], text, b"\0"].concat();
    let bson = |value: &[u8]| {
        let names = [
            &b"\x02store_name\0"[..],
            &text(2, b"s"),
            b"\x02key\0",
            &text(2, b"k"),
            b"\x02value\0",
            value,
            b"\0",
        ]
        .concat();
        let length = i32::try_from(names.len() + 4).expect("it is short");
        [&length.to_le_bytes()[..], &names].concat()
    };
    let line = |member: &str| {
        format!(r#"{{{member}, "store_name": "s", "key": "k", "value": 1}}"#).into_bytes()
    };
    let (named, nameless) = (Some("key k in store s"), None);
    let damaged = None;
    for (file, expected) in [
        (line(r#""x": 1"#), Some(named)),
        (line(r#""policy": "x""#), Some(named)),
        (line(r#""kind": "x""#), Some(named)),
        (line(r#""created_at": 1.5"#), Some(named)),
        (line(r#""kind": "bytes""#), Some(named)),
        (b"{\"key\": \"k\", \"value\": 1}".to_vec(), Some(nameless)),
        (b"{\"x\": 1}".to_vec(), Some(nameless)),
        (bson(&text(2, b"\xff")), Some(nameless)),
        (b"{\"key\": }".to_vec(), damaged),
        (b"{}, 1".to_vec(), damaged),
        (b"[1]".to_vec(), damaged),
        (bson(&text(9, b"v")), damaged),
        (bson(&text(2, b"v"))[..40].to_vec(), damaged),
    ] {
        let reader = Reader::new(&file[..], COLLECTION, NOW).expect("a known form");
        let error = reader.filter_map(Result::err).next().expect("an error");
        let address = error.address.as_ref().map(ToString::to_string);
        let found = error.is_of_one_document().then_some(address.as_deref());
        assert_eq!(found, expected, "{error}");
    }
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
        "document 1 at byte 0: store_name is missing"
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
        "key k in store s is too large for a line: its value has 1073741825 bytes, and a line holds at most 1 GiB"
    );
    assert_eq!(out, b"");
}
