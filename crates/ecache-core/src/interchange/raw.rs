//! Splits the text of a document into its members, and parses only those that must be.
//!
//! Most of a file is values, and most values are only checked. The grammar of the parser finds
//! where each part ends, so this splits exactly the texts that are JSON objects.

use std::borrow::Cow;

use crate::mongo_types::{bson, wrapper};
use crate::python_json::{Json, plain_length, value_length};
use crate::value::{Value, write_stored};

/// The members of a document; of those that repeat, the last one counts.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub members: Vec<(Cow<'a, str>, Given<'a>)>,
}

/// A value as a document gives it.
pub(super) enum Given<'a> {
    /// A string that spells itself, without its quotes
    Text(&'a str),
    /// JSON that is nothing else: no text, no bytes and none of MongoDB's types
    Plain(&'a str),
    /// Any value, with the text that it came as, if it did
    Parsed { json: Json, text: Option<&'a str> },
    /// A value that came as BSON
    Stored(Value),
}

impl<'a> Parts<'a> {
    /// Takes the members of a BSON document.
    pub(super) fn of_bson(members: Vec<(&'a str, bson::Stored<'_>)>) -> Self {
        let members = members.into_iter();
        Self {
            members: members
                .map(|(name, value)| (Cow::Borrowed(name), Given::Stored(value.into())))
                .collect(),
        }
    }

    /// Takes the JSON object `text` apart; `None` if it is not one.
    pub(super) fn of(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = Parts::default();
        let mut rest = skip_whitespace(skip_whitespace(text).strip_prefix('{')?);
        if let Some(rest) = rest.strip_prefix('}') {
            return skip_whitespace(rest).is_empty().then_some(parts);
        }
        loop {
            let (name, after) = Given::first(rest)?;
            let (value, after) = Given::first(skip_whitespace(after.strip_prefix(':')?))?;
            parts.members.push((name.into_name()?, value));
            match after.split_at_checked(1)? {
                (",", after) => rest = skip_whitespace(after),
                ("}", after) => return skip_whitespace(after).is_empty().then_some(parts),
                _ => return None,
            }
        }
    }
}

impl<'a> Given<'a> {
    /// Takes the first value off `text`, and returns it with what follows it and whitespace.
    fn first(text: &'a str) -> Option<(Self, &'a str)> {
        if let Some((plain, after)) = plain_string(text) {
            return Some((Given::Text(plain), skip_whitespace(after)));
        }
        let (value, after) = text.split_at(value_length(text.as_bytes())?);
        let value = value.trim_ascii_end();
        let given = if may_mean_more(value) {
            Given::Parsed {
                json: Json::parse_all(value.as_bytes()).ok()?,
                text: Some(value),
            }
        } else {
            Given::Plain(value)
        };
        Some((given, after))
    }

    /// Returns the string that is the name of a member; a lone surrogate in it is replaced, since
    /// no field has one.
    fn into_name(self) -> Option<Cow<'a, str>> {
        match self {
            Given::Text(text) => Some(Cow::Borrowed(text)),
            Given::Parsed {
                json: Json::String(name),
                ..
            } => Some(Cow::Owned(name.to_string_lossy().into_owned())),
            _ => None,
        }
    }

    /// Returns the text that the value came as, or the one that Python would write.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Given::Text(text) => Cow::Owned(format!("\"{text}\"")),
            Given::Plain(text)
            | Given::Parsed {
                text: Some(text), ..
            } => Cow::Borrowed(text),
            Given::Parsed { json, text: None } => Cow::Owned(json.dumps()),
            Given::Stored(value) => {
                let mut text = Vec::with_capacity(value.bytes.len());
                write_stored(value.kind, &value.bytes, &mut text);
                Cow::Owned(String::from_utf8(text).expect("a stored form is text"))
            }
        }
    }

    /// Parses the text.
    pub(super) fn into_json(self) -> Json {
        self.into_typed().0
    }

    /// Parses the text, and reports whether it is a type of BSON that JSON does not have.
    pub(super) fn into_typed(self) -> (Json, bool) {
        let json = match self {
            Given::Text(text) => Json::from(text),
            Given::Plain("null") => Json::Null,
            Given::Plain(text) => match text.parse() {
                Ok(integer) => Json::Integer(integer),
                Err(_) => Json::parse(text.as_bytes()).expect("the validator has accepted it"),
            },
            Given::Parsed { json, .. } => json,
            // Its text may nest deeper than JSON may, which no field does.
            Given::Stored(value) => match value.to_stored() {
                Ok(json) => match wrapper::inner(&json) {
                    Some(inner) => return (Json::Object(inner.to_vec()), true),
                    None => json,
                },
                Err(_) => Json::Object(Vec::new()),
            },
        };
        (json, false)
    }
}

/// Returns the content of the string that `text` begins with, if it spells itself, and what follows
/// it.
///
/// Nearly all names, keys and times do, and need no parser.
fn plain_string(text: &str) -> Option<(&str, &str)> {
    let content = text.strip_prefix('"')?;
    let (plain, after) = content.split_at(plain_length(content.as_bytes()));
    Some((plain, after.strip_prefix('"')?))
}

/// Reports whether the value may be a text, FiftyOne's bytes, or hold one of MongoDB's types.
///
/// An escape may hide any of the words.
fn may_mean_more(value: &str) -> bool {
    value.starts_with('"')
        || value.contains('\\')
        || value.contains("\"$")
        || value.contains("\"bytes\"")
}

fn skip_whitespace(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(object: &str) -> Option<Cow<'_, str>> {
        let mut members = Parts::of(object.as_bytes())?.members;
        members.retain(|(name, _)| name == "value");
        members.pop().map(|(_, given)| given.into_text())
    }

    #[test]
    fn the_value_is_found_as_it_was_written() {
        assert_eq!(value(r#"{"value":1}"#), Some("1".into()));
        assert_eq!(
            value(r#" { "a" : "}" , "value" : { "b" : [ 1 , "]\"" ] } , "c" : 2 } "#),
            Some(r#"{ "b" : [ 1 , "]\"" ] }"#.into())
        );
        assert_eq!(
            value(r#"{"a":"\\","value":"x\\\"y"}"#),
            Some(r#""x\\\"y""#.into())
        );
        assert_eq!(value(r#"{"value":1,"value":[2]}"#), Some("[2]".into()));
        assert_eq!(value(r#"{"val\u0075e": -1.50e3 }"#), Some("-1.50e3".into()));
        assert_eq!(value(r#"{"a":{"value":1},"b":"\"value\":1"}"#), None);
    }

    #[test]
    fn only_objects_are_taken_apart() {
        for text in ["{}", " { } ", r#"{"a":1}"#, r#"{"a":[],"b":null}"#] {
            assert!(
                Json::parse(text.as_bytes()).is_ok() && Parts::of(text.as_bytes()).is_some(),
                "{text}"
            );
        }
        for text in [
            "",
            "{",
            "}",
            "{,}",
            "{}}",
            "{} x",
            "[]",
            "1",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 2}"#,
            r#"{"a" "b":1}"#,
            r#"{1:1}"#,
            r#"{"a":1}}"#,
            r#"{"a":[}"#,
            r#"{"value":[}"#,
            r#"{"value":}"#,
            r#"{"value":[1}]}"#,
            "{\"value\":\x0c1}",
            r#"{"a":1"b":2}"#,
        ] {
            assert!(Parts::of(text.as_bytes()).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn exactly_the_objects_of_the_parser_are_taken_apart(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", " ", "\n", "\x0c", "1", "-", "null", "\"", "\\", "\"a\"", "\"value\"",
                    "\"a\":1", "\"value\":[1]", "\"$a\":{", "\u{e9}",
                ]),
                0..8,
            ),
            braces in any::<bool>(),
        ) {
            let inner = pieces.concat();
            let text = if braces { format!("{{{inner}}}") } else { inner };
            let is_object = matches!(Json::parse(text.as_bytes()), Ok(Json::Object(_)));
            prop_assert_eq!(Parts::of(text.as_bytes()).is_some(), is_object, "{}", text);
        }
    }
}
