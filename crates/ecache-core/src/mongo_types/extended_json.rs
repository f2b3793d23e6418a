//! Reads Extended JSON of other tools as ecache's text form: version 2, relaxed and canonical, and
//! version 1.
//!
//! An object is a type if its names and its content are those of the type. Any other object is a
//! document, and is escaped where ecache's own form would read it as a wrapper.

use std::fmt;

use super::types::{self, Typed, only_member, typed};
use super::{bson, wrapper};
use crate::python_json::Json;

/// A field that is tagged as one of MongoDB's types and does not hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedJsonError {
    field: &'static str,
    tag: &'static str,
    expected: &'static str,
}

impl fmt::Display for ExtendedJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} needs {}", self.field, self.tag, self.expected)
    }
}

impl std::error::Error for ExtendedJsonError {}

/// The result of a rewrite: reports whether the value was in ecache's own form already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// The value was unchanged
    Own,
    /// A part of the value was rewritten
    Rewritten,
}

/// Rewrites `json` in ecache's own form.
pub(crate) fn rewrite(json: &mut Json) -> Form {
    let own = match typed(json) {
        Some(Typed::Element(kind, payload)) => {
            let text = bson::text(kind, &payload).expect("it has just been encoded");
            Json::parse(text.as_bytes()).expect("a type is JSON")
        }
        Some(Typed::Code(code, scope)) => {
            let mut scope = scope.clone();
            document(&mut scope);
            let members = [("$code", Json::from(code)), ("$scope", scope)];
            let members = members.map(|(name, member)| (name.into(), member));
            wrapper::mark(Json::Object(members.into()))
        }
        None => return document(json),
    };
    *json = own;
    Form::Rewritten
}

/// Rewrites the members of an array or a document, which is escaped if need be.
fn document(json: &mut Json) -> Form {
    let mut form = Form::Own;
    match json {
        Json::Array(items) => {
            for item in items {
                form = form.max(rewrite(item));
            }
        }
        Json::Object(members) => {
            for (_, member) in members {
                form = form.max(rewrite(member));
            }
            if wrapper::is_wrapped(json) {
                *json = wrapper::mark(std::mem::replace(json, Json::Null));
                form = Form::Rewritten;
            }
        }
        _ => {}
    }
    form
}

/// Returns the ObjectId of `{"$oid": ..}` in lower-case hexadecimal, `None` if `json` is something
/// else.
pub(crate) fn object_id(
    field: &'static str,
    json: &Json,
) -> Result<Option<String>, ExtendedJsonError> {
    let Some(("$oid", hex)) = only_member(json) else {
        return Ok(None);
    };
    match (types::object_id(hex), hex.as_str()) {
        (Some(_), Some(hex)) => Ok(Some(hex.to_ascii_lowercase())),
        _ => Err(ExtendedJsonError {
            field,
            tag: "$oid",
            expected: "24 hexadecimal digits",
        }),
    }
}

/// Returns the milliseconds since 1970 of `{"$date": ..}`, `None` if `json` is something else.
pub(crate) fn date_millis(
    field: &'static str,
    json: &Json,
) -> Result<Option<i64>, ExtendedJsonError> {
    let Some(("$date", time)) = only_member(json) else {
        return Ok(None);
    };
    types::date(time).map(Some).ok_or(ExtendedJsonError {
        field,
        tag: "$date",
        expected: "an RFC 3339 time or milliseconds",
    })
}

/// Returns the integer that `json` is, plain or in an object.
pub(crate) fn integer(json: &Json) -> Option<i64> {
    types::integer(json)
}

/// Reports whether `text` has nothing but hexadecimal digits.
pub(crate) fn is_hex(text: &str) -> bool {
    types::is_hex(text)
}
