//! The mark of ecache's text form: an object whose only name is `$bson`.

use super::element::kind;
use super::types::{Typed, only_member, typed};
use crate::python_json::{Json, PyString};

/// The name of the only member of a wrapper or an escape.
pub(super) const MARK: &str = "$bson";

/// Returns the type that `json` is the wrapper of.
pub(super) fn of(json: &Json) -> Option<Typed<'_>> {
    match typed(marked(json)?)? {
        Typed::Code(_, scope) if of(scope).is_some() => None,
        typed => Some(typed),
    }
}

/// Returns the members of the document that `json` escapes: one whose only name is the mark.
pub(super) fn escaped(json: &Json) -> Option<&[(PyString, Json)]> {
    let inner = marked(json)?;
    match (marked(inner), inner) {
        (Some(_), Json::Object(members)) => Some(members),
        _ => None,
    }
}

/// Reports whether `json` reads as a wrapper or an escape.
pub(super) fn is_wrapped(json: &Json) -> bool {
    of(json).is_some() || escaped(json).is_some()
}

/// Returns the object of Extended JSON or the document that `json` has a mark around.
pub(crate) fn inner(json: &Json) -> Option<&[(PyString, Json)]> {
    match marked(json)? {
        Json::Object(members) if is_wrapped(json) => Some(members),
        _ => None,
    }
}

/// Returns the integer that `json` is the wrapper of.
pub(crate) fn int64(json: &Json) -> Option<i64> {
    match of(json)? {
        Typed::Element(kind::INT64, payload) => payload.try_into().ok().map(i64::from_le_bytes),
        _ => None,
    }
}

/// Replaces every wrapped integer by the plain one, which Python finds equal.
pub(crate) fn unwrap_integers(json: &mut Json) {
    if let Some(integer) = int64(json) {
        *json = Json::Integer(integer);
    }
    match json {
        Json::Array(items) => items.iter_mut().for_each(unwrap_integers),
        Json::Object(members) => {
            members
                .iter_mut()
                .for_each(|(_, member)| unwrap_integers(member));
        }
        _ => {}
    }
}

/// Puts the mark around `json`.
pub(super) fn mark(json: Json) -> Json {
    Json::Object(vec![(PyString::from(MARK), json)])
}

fn marked(json: &Json) -> Option<&Json> {
    match only_member(json)? {
        (MARK, inner) => Some(inner),
        _ => None,
    }
}
