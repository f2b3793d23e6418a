//! Parses JSON as Python reads it: what parses is written and read back as the same value.

#![no_main]

use ecache_core::python_json::{Json, Validator};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let parsed = Json::parse(text);
    // The validator reads in pieces and must agree with the parser.
    let mut validator = Validator::default();
    let valid = text
        .chunks(7)
        .try_for_each(|chunk| validator.push(chunk))
        .and_then(|()| validator.finish());
    assert_eq!(parsed.is_ok(), valid.is_ok(), "parser and validator differ");
    if let Ok(json) = parsed {
        let written = json.dumps();
        let again = Json::parse(written.as_bytes()).expect("what was written parses");
        assert_eq!(again.dumps(), written);
        assert_eq!(again.dumps_sorted(), json.dumps_sorted());
    }
});
