//! Predicts whether FiftyOne's `auto_deserialize`, release 1.22.1, raises on a stored form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Date, DateTime, StoredError, from_json};
use crate::python_json::Json;

/// The class under which FiftyOne keeps one of its samples.
const SAMPLE: &str = "fiftyone.core.sample.Sample";

/// Says why FiftyOne raises whenever it reads this value, if it does.
///
/// A dict with a `_cls` of its own is stored by FiftyOne like any other, and fails each time that
/// it is to be served. The fields of a sample are not looked into.
///
/// ```
/// use ecache_core::python_json::Json;
/// use ecache_core::stored::why_fiftyone_raises;
///
/// let value = Json::parse(br#"[{"_cls": "Detection", "label": "cat"}]"#)?;
/// assert_eq!(why_fiftyone_raises(&value), Some("a dict has its own _cls \"Detection\"".into()));
/// assert_eq!(why_fiftyone_raises(&Json::parse(br#"{"_cls": "tuple", "values": []}"#)?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn why_fiftyone_raises(value: &Json) -> Option<String> {
    match value {
        Json::Array(members) => members.iter().find_map(why_fiftyone_raises),
        Json::Object(members) => match value.get("_cls") {
            Some(class) => why_class_raises(class, value),
            None => members
                .iter()
                .find_map(|(_, member)| why_fiftyone_raises(member)),
        },
        _ => None,
    }
}

fn why_class_raises(class: &Json, value: &Json) -> Option<String> {
    let own = || Some(format!("a dict has its own _cls {}", class.dumps()));
    let Some(class) = class.as_str() else {
        return own();
    };
    let malformed = |is_well_formed| {
        if is_well_formed {
            None
        } else {
            Some(format!("a {class} is malformed"))
        }
    };
    match class {
        SAMPLE => None,
        "tuple" | "set" => match value.get("values") {
            Some(Json::Array(members)) => {
                members.iter().find_map(why_fiftyone_raises).or_else(|| {
                    if class == "set" && !members.iter().all(is_hashable) {
                        Some("a set has a member that cannot be hashed".into())
                    } else {
                        None
                    }
                })
            }
            _ => malformed(false),
        },
        "date" => malformed(
            reads::<Date>(value)
                .or_else(|_| reads::<DateTime>(value))
                .is_ok(),
        ),
        "datetime" => malformed(reads::<DateTime>(value).is_ok()),
        "bytes" => malformed(
            value
                .get("value")
                .and_then(Json::as_str)
                .is_some_and(|text| {
                    // Python skips characters that are not digits of base64, and is strict about
                    // the padding.
                    let digits: Vec<u8> = text
                        .bytes()
                        .filter(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
                        .collect();
                    text.is_ascii() && STANDARD.decode(digits).is_ok()
                }),
        ),
        _ => own(),
    }
}

fn reads<T: serde::de::DeserializeOwned>(value: &Json) -> Result<(), StoredError> {
    from_json::<T>(value).map(drop)
}

/// Reports whether Python can put a value into a set.
fn is_hashable(value: &Json) -> bool {
    match value {
        Json::Array(_) => false,
        Json::Object(_) => match value.get("_cls").and_then(Json::as_str) {
            Some("tuple") => match value.get("values") {
                Some(Json::Array(members)) => members.iter().all(is_hashable),
                _ => false,
            },
            Some("date" | "datetime" | "bytes") => true,
            _ => false,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> Option<String> {
        why_fiftyone_raises(&Json::parse(text.as_bytes()).expect("JSON"))
    }

    #[test]
    fn reads_what_fiftyone_writes() {
        for text in [
            "null",
            r#"{"a": [1, 2.5, "x", {"b": null}]}"#,
            r#"{"_cls": "tuple", "values": [{"_cls": "set", "values": [1, "a"]}]}"#,
            r#"{"_cls": "set", "values": [{"_cls": "tuple", "values": [1]}]}"#,
            r#"{"_cls": "date", "value": "2026-11-23"}"#,
            r#"{"_cls": "datetime", "value": "2026-11-23T06:32:51.123456+00:00"}"#,
            r#"{"_cls": "bytes", "value": "AP8="}"#,
            r#"{"_cls": "fiftyone.core.sample.Sample", "filepath": "a.png", "x": {"_cls": "Label"}}"#,
        ] {
            assert_eq!(why(text), None, "{text}");
        }
    }

    #[test]
    fn says_why_fiftyone_raises() {
        for (text, reason) in [
            (r#"{"_cls": "mine"}"#, "a dict has its own _cls \"mine\""),
            (r#"[{"a": {"_cls": 3}}]"#, "a dict has its own _cls 3"),
            (r#"{"_cls": "tuple"}"#, "a tuple is malformed"),
            (
                r#"{"_cls": "set", "values": [[1]]}"#,
                "a set has a member that cannot be hashed",
            ),
            (
                r#"{"_cls": "tuple", "values": [{"_cls": "mine"}]}"#,
                "a dict has its own _cls \"mine\"",
            ),
            (
                r#"{"_cls": "date", "value": "yesterday"}"#,
                "a date is malformed",
            ),
            (
                r#"{"_cls": "datetime", "value": 1}"#,
                "a datetime is malformed",
            ),
            (
                r#"{"_cls": "bytes", "value": "AP8"}"#,
                "a bytes is malformed",
            ),
        ] {
            assert_eq!(why(text).as_deref(), Some(reason), "{text}");
        }
    }
}
