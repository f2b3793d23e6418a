//! Names that are not strings: the keys, store names and dataset ids of other BSON types.
//!
//! FiftyOne takes any value for a key: `store.set(0, …)`, `store.set(True, …)`. Everywhere else in
//! ecache a name is a text. A value of another type is named by its *typed name*, `bson:` and its
//! JSON: `bson:0`, `bson:1.5`, `bson:true`, `bson:null`, `bson:{"$bson": {"$oid": "…"}}`. A string
//! stands for itself, unless it is spelled like a typed name; then its own typed name is used,
//! `bson:"bson:0"`. So `0` is the string and `bson:0` the number, and each value has exactly one
//! name.
//!
//! Only MongoDB's backend and the files of other tools know types. Filters, columns, files, SQLite
//! and the command line see texts that can be compared, sorted, printed and pasted.
//!
//! Designs weighed:
//! - A key of a text and a type. Each pattern, index, line, column and option needs the type as
//!   well, and so do the names of stores and datasets.
//! - A name for each type, as in `int:0` or `date:2026-11-23`. Keys of plugins look like that, and
//!   each of them would need an escape.
//! - One prefix that is improbable as the beginning of a string, before the JSON (chosen).
//!
//! Numbers keep their type: `bson:1` and `bson:1.0` are two names. MongoDB's unique index takes
//! them for one key, so both lead to the document that is there; `bson:true` is another key for
//! both.
//!
//! A value that has no JSON, such as a text that is not UTF-8, is named by its document, as in
//! `bson:?6b03de1228195dbc2df5c505`.

use std::borrow::Cow;

use crate::python_json::Json;

/// The beginning of each typed name.
pub const PREFIX: &str = "bson:";

/// The beginning of names that stand for values without JSON.
const NAMELESS: &str = "bson:?";

/// Returns the name of a string: itself, unless it is spelled like a typed name.
///
/// ```
/// use ecache_core::typed_name::of_text;
///
/// assert_eq!(of_text("0"), "0");
/// assert_eq!(of_text("bson:0"), r#"bson:"bson:0""#);
/// assert_eq!(of_text("bson: for beginners"), "bson: for beginners");
/// ```
#[must_use]
pub fn of_text(text: &str) -> Cow<'_, str> {
    if is_typed(text) {
        Cow::Owned(of_json(&Json::from(text)))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns the typed name of any value.
#[must_use]
pub fn of_json(value: &Json) -> String {
    format!("{PREFIX}{}", value.dumps())
}

/// Returns the name of the value that a JSON text spells; `None` if the text is not JSON, or has an
/// object that repeats a name, of which MongoDB's driver would send one alone.
///
/// ```
/// use ecache_core::typed_name::of_value;
///
/// assert_eq!(of_value("\"0\"").as_deref(), Some("0"));
/// assert_eq!(of_value("0").as_deref(), Some("bson:0"));
/// ```
#[must_use]
pub fn of_value(text: &str) -> Option<String> {
    let json = Json::parse_all(text.as_bytes()).ok()?;
    let name = match json.as_str() {
        Some(text) => of_text(text).into_owned(),
        None => of_json(&json),
    };
    // The name of an object that repeats a name stands for no value.
    (json.as_str().is_some() || value(&name).is_some()).then_some(name)
}

/// Returns the id of a dataset that is a string, as the text alone stands for an ObjectId.
#[must_use]
pub fn of_dataset(text: &str) -> String {
    of_json(&Json::from(text))
}

/// Reports whether a dataset id stands for a value that is not an ObjectId; FiftyOne never creates
/// such ids.
///
/// ```
/// use ecache_core::typed_name::{is_typed_dataset, of_dataset};
///
/// assert!(is_typed_dataset(&of_dataset("street")));
/// assert!(!is_typed_dataset("6b03de1228195dbc2df5c505"));
/// ```
#[must_use]
pub fn is_typed_dataset(id: &str) -> bool {
    value(id).is_some() || nameless_id(id).is_some()
}

/// Returns the value that a typed name stands for; `None` for a name that is a string itself.
///
/// ```
/// use ecache_core::python_json::Json;
/// use ecache_core::typed_name::value;
///
/// assert_eq!(value("bson:0"), Some(Json::Integer(0)));
/// assert_eq!(value("0"), None);
/// assert_eq!(value("bson:00"), None);
/// ```
#[must_use]
pub fn value(name: &str) -> Option<Json> {
    let text = name.strip_prefix(PREFIX)?;
    let json = Json::parse(text.as_bytes()).ok()?;
    // Another spelling of a value is a string: a value has one name.
    (json.dumps() == text).then_some(json)
}

/// Returns the typed name of the value that a text spells in another way, as a person may type it.
///
/// ```
/// use ecache_core::typed_name::respelled;
///
/// assert_eq!(respelled("bson:[1,2]").as_deref(), Some("bson:[1, 2]"));
/// assert_eq!(respelled("bson:[1, 2]"), None);
/// assert_eq!(respelled("bson: for beginners"), None);
/// ```
#[must_use]
pub fn respelled(text: &str) -> Option<String> {
    let json = Json::parse(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
    let name = of_json(&json);
    (name != text && is_typed(&name)).then_some(name)
}

/// Returns the name of a value without JSON, from the id of its document.
#[must_use]
pub fn nameless(id: &str) -> String {
    format!("{NAMELESS}{id}")
}

/// Returns the id of the document whose key has no JSON.
#[must_use]
pub fn nameless_id(name: &str) -> Option<&str> {
    name.strip_prefix(NAMELESS)
}

/// Reports whether a text is a typed name.
///
/// The typed name of a string is one only where that string needs it.
pub fn is_typed(text: &str) -> bool {
    match value(text) {
        Some(Json::String(inner)) => inner.as_str().is_some_and(is_typed),
        Some(_) => true,
        None => nameless_id(text).is_some(),
    }
}

/// Returns the type of the value that a name stands for, in MongoDB's words.
///
/// ```
/// use ecache_core::typed_name::type_of;
///
/// assert_eq!(type_of("0"), "string");
/// assert_eq!(type_of("bson:0"), "int");
/// assert_eq!(type_of("bson:\"bson:0\""), "string");
/// let id = r#"bson:{"$bson": {"$oid": "6b03de1228195dbc2df5c505"}}"#;
/// assert_eq!(type_of(id), "objectId");
/// ```
#[must_use]
pub fn type_of(name: &str) -> &'static str {
    if !is_typed(name) {
        return "string";
    }
    match value(name) {
        None => "unknown",
        Some(Json::Null) => "null",
        Some(Json::Bool(_)) => "bool",
        Some(Json::Integer(_) | Json::BigInteger(_)) => "int",
        Some(Json::Float(_)) => "double",
        Some(Json::String(_)) => "string",
        Some(Json::Array(_)) => "array",
        Some(object) => match object.get("$bson") {
            Some(Json::Object(typed)) => match typed.first().and_then(|(tag, _)| tag.as_str()) {
                Some("$oid") => "objectId",
                Some("$date") => "date",
                Some("$binary") => "binData",
                Some("$numberLong") => "long",
                Some("$numberDecimal") => "decimal",
                Some("$regularExpression") => "regex",
                Some("$timestamp") => "timestamp",
                _ => "other",
            },
            _ => "object",
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the text or value that a name stands for, as a backend with types reads it.
    fn meant(name: &str) -> Json {
        match value(name) {
            Some(value) if is_typed(name) => value,
            _ => Json::from(name),
        }
    }

    #[test]
    fn a_string_that_looks_like_a_typed_name_is_told_from_it() {
        for text in [
            "bson:0",
            "bson:null",
            "bson:\"bson:0\"",
            "bson:[1, 2]",
            "bson:?x",
        ] {
            let name = of_text(text);
            assert_ne!(name, text);
            assert_eq!(meant(&name), Json::from(text));
        }
        for text in [
            "",
            "0",
            "bson:",
            "bson:00",
            "bson:[1,2]",
            "bson:\"x\"",
            "BSON:0",
            " bson:0",
        ] {
            assert_eq!(of_text(text), text);
            assert_eq!(meant(text), Json::from(text));
        }
    }

    #[test]
    fn values_of_equal_text_have_different_names() {
        let values = [
            Json::from("1"),
            Json::Integer(1),
            Json::Float(1.0),
            Json::Bool(true),
            Json::from("bson:1"),
        ];
        let name = |value: &Json| match value.as_str() {
            Some(text) => of_text(text).into_owned(),
            None => of_json(value),
        };
        let names = values.each_ref().map(name);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(meant(name), values[index]);
            assert!(!names[..index].contains(name));
        }
    }

    proptest! {
        #[test]
        fn each_string_has_one_name(text in "(bson:){0,3}(\"?[0-9nul]{0,4}\"?|\\PC{0,6})") {
            prop_assert_eq!(meant(&of_text(&text)), Json::from(text.as_str()));
        }
    }
}
