//! Detects results that do not survive a round trip through the store; they are not kept.
//!
//! A result is decoded and encoded again, and both texts are compared. Fields that serde skips are
//! in neither text, so the results themselves are compared as well, by their `==`, or else by their
//! `Debug` forms: a result with a NaN is not equal to itself. Without both, the gaps between the
//! fields that are written tell of others.
//!
//! The order of list members is ignored: a `HashSet` that is read back has a different one.

use std::collections::HashMap;

use super::CodecError;
use super::any::{AnyCodec, AnyResult};
use crate::execution_cache::Shared;
use crate::panics::caught;
use crate::python_json::{Json, PyString};
use crate::stored::counts;
use crate::value::{Kind, Value};

/// Size, in bytes, up to which every stored form is checked: reading one takes microseconds.
const SMALL: usize = 16 << 10;

/// Number of larger results that are checked first for a function; afterwards one in [`SHARE`] is.
const FIRST: u64 = 16;
const SHARE: u64 = 32;

/// Reports whether to check the result that a function stores after `before` others.
///
/// The text of a NaN has no sign: memory then gets the result that is read back, so that it has the
/// same bits in both tiers.
pub(in super::super) fn is_due(before: u64, stored: &Value) -> bool {
    stored.bytes.len() <= SMALL || before < FIRST || before.is_multiple_of(SHARE) || has_nan(stored)
}

/// Reports whether a stored form may have a NaN.
fn has_nan(stored: &Value) -> bool {
    stored.kind == Kind::Json
        && str::from_utf8(&stored.bytes).is_ok_and(|text| text.contains("NaN"))
}

/// Returns the result as read back from `stored`.
///
/// # Errors
/// If it differs from `result`; the error names the place of the difference.
pub(in super::super) fn check(
    codec: &dyn AnyCodec,
    result: &AnyResult,
    stored: &Value,
) -> Result<Shared, CodecError> {
    let lost = |why: &dyn std::fmt::Display| {
        Err(CodecError::new(format_args!(
            "it changes on its way through the store: {why}"
        )))
    };
    let read = match caught(|| codec.decode(stored.clone())) {
        Ok(read) => read,
        Err(error) => return lost(&error),
    };
    let again = caught(|| codec.encode(&*read))?;
    if let Some(difference) = difference(stored, &again) {
        return lost(&difference);
    }
    let equal = |other: &AnyResult| caught(|| Ok::<_, CodecError>(codec.equal(result, other)));
    match equal(&*read)? {
        Some(true) => Ok(read),
        // A result that is not equal to itself contains a NaN.
        Some(false) if equal(result)? == Some(true) => lost(&"a part of it that serde skips"),
        _ if caught(|| Ok::<_, CodecError>(codec.is_whole(result)))? => Ok(read),
        _ => lost(
            &"serde leaves out a part of it, or that cannot be seen: derive `PartialEq` and `Debug` \
              for the types in it",
        ),
    }
}

/// Reports whether two results are the same, but for the order of the members of a set.
pub(in super::super) fn is_same(codec: &dyn AnyCodec, one: &AnyResult, other: &AnyResult) -> bool {
    let encode = |result| caught(|| codec.encode(result));
    let equal = || caught(|| Ok::<_, CodecError>(codec.equal(one, other)));
    match (encode(one), encode(other)) {
        (Ok(first), Ok(second)) => {
            first.same(&second)
                || (difference(&first, &second).is_none()
                    && equal().is_ok_and(|equal| equal != Some(false)))
        }
        _ => false,
    }
}

/// Returns the place where two stored forms of one result differ, if they do.
fn difference(stored: &Value, again: &Value) -> Option<String> {
    if stored == again {
        return None;
    }
    if stored.kind == again.kind && stored.kind != Kind::Json {
        // In a binary form, too, the entries of a map may come in another order.
        let is_same = stored.kind == Kind::Bytes && counts(&stored.bytes) == counts(&again.bytes);
        return (!is_same).then(|| format!("{} became other {}", stored.kind, again.kind));
    }
    let (Ok(stored), Ok(again)) = (stored.to_stored(), again.to_stored()) else {
        return Some("its stored form is not valid JSON".into());
    };
    let mut place = String::new();
    differs(&stored, &again, &mut place).then_some(place)
}

/// Reports whether two stored forms differ; `place` then names the place and both values.
fn differs(stored: &Json, again: &Json, place: &mut String) -> bool {
    let length = place.len();
    match (stored, again) {
        (Json::Object(members), Json::Object(others)) if members.len() == others.len() => {
            // A map that is read back may have another order, and a hundred thousand members.
            let mut by_key: Option<HashMap<&PyString, &Json>> = None;
            for ((key, member), (other_key, other)) in members.iter().zip(others) {
                let name = Json::String(key.clone());
                place.push_str(&match key.as_str() {
                    Some(name) if is_name(name) => format!(".{name}"),
                    _ => format!("[{}]", name.dumps()),
                });
                let other = if key == other_key {
                    Some(other)
                } else {
                    let others = others.iter().map(|(key, other)| (key, other));
                    let by_key = by_key.get_or_insert_with(|| others.collect());
                    by_key.get(key).copied()
                };
                match other {
                    Some(other) if !differs(member, other, place) => place.truncate(length),
                    Some(_) => return true,
                    None => {
                        place.push_str(" is lost");
                        return true;
                    }
                }
            }
            false
        }
        (Json::Array(members), Json::Array(others)) if members.len() == others.len() => {
            for (index, (member, other)) in members.iter().zip(others).enumerate() {
                place.push_str(&format!("[{index}]"));
                if differs(member, other, place) {
                    return unordered(stored) != unordered(again);
                }
                place.truncate(length);
            }
            false
        }
        _ if stored == again || stored.dumps_sorted() == again.dumps_sorted() => false,
        _ => {
            if place.is_empty() {
                place.push_str("all of it");
            }
            place.push_str(&format!(" was {} and is {}", short(stored), short(again)));
            true
        }
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_') && !text.is_empty()
}

/// Returns the text of a stored form with the members of all lists sorted.
fn unordered(json: &Json) -> String {
    match json {
        Json::Array(members) => {
            let mut members: Vec<String> = members.iter().map(unordered).collect();
            members.sort_unstable();
            format!("[{}]", members.join(", "))
        }
        Json::Object(members) => {
            let text = |(key, member): &(PyString, Json)| {
                format!(
                    "{}: {}",
                    Json::String(key.clone()).dumps(),
                    unordered(member)
                )
            };
            let mut members: Vec<String> = members.iter().map(text).collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(", "))
        }
        other => other.dumps(),
    }
}

/// Returns the beginning of a stored form's text, for a message.
fn short(json: &Json) -> String {
    const LENGTH: usize = 40;
    let text = json.dumps();
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(stored: &str, again: &str) -> Option<String> {
        let value = |text: &str| Value::json(text).expect("JSON");
        difference(&value(stored), &value(again))
    }

    #[test]
    fn names_the_place_and_what_became_of_what() {
        for (stored, again, expected) in [
            ("1", "2", "all of it was 1 and is 2"),
            (
                r#"{"a": [1, {"b c": null}]}"#,
                r#"{"a": [1, {"b c": {}}]}"#,
                r#".a[1]["b c"] was null and is {}"#,
            ),
            (r#"{"a": 1}"#, r#"{"b": 1}"#, ".a is lost"),
            (
                r#"[[1, 2], [1]]"#,
                r#"[[1, 2], []]"#,
                "[1] was [1] and is []",
            ),
            ("[1, 2]", "[2, 3]", "[0] was 1 and is 2"),
        ] {
            assert_eq!(between(stored, again).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_order_of_members_is_no_difference() {
        assert_eq!(between("[1, 2, [3, 4]]", "[[4, 3], 1, 2]"), None);
        assert_eq!(
            between(r#"{"a": 1, "b": [1, 2]}"#, r#"{"b": [2, 1], "a": 1}"#),
            None
        );
        assert_eq!(between("NaN", "NaN"), None);
        assert_eq!(
            difference(&Value::bytes(*b"ab"), &Value::bytes(*b"ba")),
            None
        );
        assert!(difference(&Value::text("ab"), &Value::text("ba")).is_some());
        assert!(difference(&Value::bytes(*b"ab"), &Value::bytes(*b"bb")).is_some());
    }
}
