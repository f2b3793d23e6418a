//! Laws of the JSON that Python reads and writes.

use ecache_core::python_json::{Json, MAX_DEPTH, ParseError, Validator};
use proptest::prelude::*;

/// Generates texts that Python's `json.loads` accepts.
fn accepted() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,60})",
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        any::<f64>().prop_map(|float| Json::Float(float).dumps()),
    ];
    let word = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-0",
        "-0.0",
    ]);
    let leaf = prop_oneof![number, word.prop_map(String::from), string()];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let key = prop_oneof![string(), "\"[ab]\""];
        let entry = (key, "[ \t\r\n]?", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..6)
                .prop_map(|values| format!("[{}]", values.join(" ,"))),
            prop::collection::vec(entry, 0..6).prop_map(|entries| {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, space, value)| format!("{key}{space}:{value}"))
                    .collect();
                format!("{{{}}}", entries.join(",\n"))
            }),
        ]
    })
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ !#-\\[\\]-~]{1,8}",
        "[\u{7f}-\u{10ffff}]",
        r#"\\["\\/bfnrt]"#,
        "\\\\u[0-9a-fA-F]{4}",
        "\\\\u[dD][89a-fA-F][0-9a-f]{2}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Generates texts that differ slightly from accepted ones; some are still accepted.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        any::<u8>(),
        prop::sample::select(b" \n0e+-.,:[]{}\"\\uN".to_vec())
    ];
    let mutation = (any::<prop::sample::Index>(), bytes, 0..3_usize);
    (accepted(), prop::collection::vec(mutation, 0..3)).prop_map(|(text, mutations)| {
        let mut text = text.into_bytes();
        for (index, byte, removed) in mutations {
            let at = index.index(text.len() + 1);
            let end = text.len().min(at + removed);
            text.splice(at..end, [byte]);
        }
        text
    })
}

fn validate(text: &[u8], cuts: &[usize]) -> Result<(), ParseError> {
    let mut validator = Validator::default();
    let mut rest = text;
    for cut in cuts {
        let (chunk, after) = rest.split_at(rest.len().min(*cut));
        validator.push(chunk)?;
        rest = after;
    }
    validator.push(rest)?;
    validator.finish()
}

proptest! {
    #[test]
    fn json_that_python_accepts_comes_back(text in accepted()) {
        let value = Json::parse(text.as_bytes()).expect("Python accepts it");
        let written = value.dumps();
        prop_assert!(written.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let again = Json::parse(written.as_bytes()).expect("its own text");
        prop_assert_eq!(format!("{value:?}"), format!("{again:?}"));
        prop_assert_eq!(again.dumps(), written);
    }

    #[test]
    fn sorting_keys_is_sorting_once(text in accepted()) {
        let sorted = Json::parse(text.as_bytes()).expect("Python accepts it").dumps_sorted();
        let again = Json::parse(sorted.as_bytes()).expect("its own text");
        prop_assert_eq!(again.dumps(), again.dumps_sorted());
        prop_assert_eq!(again.dumps(), sorted);
    }

    #[test]
    fn the_validator_says_what_the_parser_says_however_the_text_is_cut(
        text in mutated(),
        cuts in prop::collection::vec(0..9_usize, 0..40),
    ) {
        prop_assert_eq!(validate(&text, &cuts), Json::parse(&text).map(drop));
    }

    #[test]
    fn garbage_is_refused_or_read(text in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(validate(&text, &[1, 2, 3]), Json::parse(&text).map(drop));
    }

    #[test]
    fn floats_keep_every_bit(float in any::<f64>()) {
        let text = Json::Float(float).dumps();
        match Json::parse(text.as_bytes()) {
            Ok(Json::Float(again)) if float.is_nan() => prop_assert!(again.is_nan()),
            Ok(Json::Float(again)) => prop_assert_eq!(again.to_bits(), float.to_bits()),
            other => prop_assert!(false, "{text} became {other:?}"),
        }
    }
}

#[test]
fn the_deepest_value_is_written_and_dropped_on_a_small_stack() {
    let text = [b"[".repeat(MAX_DEPTH), b"]".repeat(MAX_DEPTH)].concat();
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let thread = small.spawn(move || {
        let value = Json::parse(&text).expect("deep");
        assert_eq!(value.dumps_sorted().as_bytes(), text);
    });
    thread.expect("a thread").join().expect("no overflow");
}
