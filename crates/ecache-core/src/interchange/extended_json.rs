//! Reads MongoDB's types out of Extended JSON: version 2, relaxed and canonical, and the older version 1.
//!
//! Numbers become plain ones. What JSON has no form for stays tagged, in the relaxed form of version 2:
//! `{"$oid": hex}`, `{"$date": time}`, `{"$binary": {"base64": .., "subType": ..}}`. So one document reads
//! the same whichever form it comes in.
//!
//! An object is a type if its names are exactly those of the type, as MongoDB's own tools have it; one whose
//! content does not fit is refused rather than guessed at. Any other object is somebody's own.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::record::EXCERPT_LENGTH;
use super::timestamp;
use crate::python_json::{Json, PyString};

/// An object that is tagged as one of MongoDB's types and does not hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedJsonError {
    tag: &'static str,
    expected: &'static str,
    /// The way to the object, innermost step first
    path: Vec<String>,
}

impl fmt::Display for ExtendedJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: String = self.path.iter().rev().map(String::as_str).collect();
        // The names in it are the file's own, and as long as the file has them.
        let path: String = path.escape_debug().take(EXCERPT_LENGTH).collect();
        write!(f, "{path}: {} needs {}", self.tag, self.expected)
    }
}

impl std::error::Error for ExtendedJsonError {}

impl ExtendedJsonError {
    fn new(tag: &'static str, expected: &'static str) -> Self {
        Self {
            tag,
            expected,
            path: Vec::new(),
        }
    }

    /// The same error, seen from one step further out.
    pub(super) fn within(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }
}

type Result<T> = std::result::Result<T, ExtendedJsonError>;

/// Whether a value was in its normal form already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// Nothing was to be done
    Normal,
    /// Something was rewritten
    Rewritten,
}

/// Rewrites `json` in the normal form.
pub(super) fn normalise(json: &mut Json) -> Result<Form> {
    if let Some(normal) = typed(json)? {
        if *json == normal {
            return Ok(Form::Normal);
        }
        *json = normal;
        return Ok(Form::Rewritten);
    }
    let mut form = Form::Normal;
    match json {
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let inner = normalise(item).map_err(|error| error.within(format!("[{index}]")))?;
                form = form.max(inner);
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                let inner = normalise(member)
                    .map_err(|error| error.within(format!(".{}", name.to_string_lossy())))?;
                form = form.max(inner);
            }
        }
        _ => {}
    }
    Ok(form)
}

/// The normal form of an object that is one of MongoDB's types.
fn typed(json: &Json) -> Result<Option<Json>> {
    match json {
        Json::Object(members) => match members.as_slice() {
            [(tag, content)] => single(tag, content),
            [(first, _), (second, _)] if is_tag(first) && is_tag(second) => pair(json),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// A type of one member.
fn single(tag: &PyString, content: &Json) -> Result<Option<Json>> {
    let normal = match tag.as_str() {
        Some("$numberInt") => {
            let number = parsed::<i32>(content)
                .ok_or(ExtendedJsonError::new("$numberInt", "32 bits in decimal"))?;
            Json::Integer(number.into())
        }
        Some("$numberLong") => Json::Integer(long(content)?),
        Some("$numberDouble") => Json::Float(double(content)?),
        Some("$numberDecimal") => {
            let number = content
                .as_str()
                .ok_or(ExtendedJsonError::new("$numberDecimal", "a string"))?;
            object([("$numberDecimal", Json::from(number))])
        }
        Some("$oid") => object([("$oid", Json::from(oid(content)?))]),
        Some("$date") => {
            let millis = date(content)?;
            let time = match timestamp::format(millis) {
                Some(time) => Json::from(time),
                None => object([("$numberLong", Json::from(millis.to_string()))]),
            };
            object([("$date", time)])
        }
        Some("$binary") => {
            let error =
                ExtendedJsonError::new("$binary", "base64 and a subtype of two hexadecimal digits");
            binary(content.get("base64"), content.get("subType")).ok_or(error)?
        }
        Some("$uuid") => {
            let uuid = content
                .as_str()
                .and_then(uuid)
                .ok_or(ExtendedJsonError::new("$uuid", "a UUID"))?;
            tagged_binary(&STANDARD.encode(uuid.to_be_bytes()), 4)
        }
        _ => return Ok(None),
    };
    Ok(Some(normal))
}

/// A type of two members, which only version 1 has.
fn pair(json: &Json) -> Result<Option<Json>> {
    if let (Some(base64), Some(subtype)) = (json.get("$binary"), json.get("$type")) {
        let error =
            ExtendedJsonError::new("$binary", "base64 and a $type of two hexadecimal digits");
        return binary(Some(base64), Some(subtype)).ok_or(error).map(Some);
    }
    if let (Some(pattern), Some(options)) = (json.get("$regex"), json.get("$options")) {
        // Anything but two strings is a query that somebody stored, not a regular expression.
        return Ok(pattern
            .as_str()
            .zip(options.as_str())
            .map(|(pattern, options)| {
                object([(
                    "$regularExpression",
                    object([
                        ("pattern", Json::from(pattern)),
                        ("options", Json::from(options)),
                    ]),
                )])
            }));
    }
    Ok(None)
}

/// The ObjectId of `{"$oid": ..}` in lower-case hexadecimal, `None` if `json` is something else.
pub(super) fn object_id(json: &Json) -> Result<Option<String>> {
    only_member(json, "$oid").map(oid).transpose()
}

/// The milliseconds since 1970 of `{"$date": ..}`, `None` if `json` is something else.
pub(super) fn date_millis(json: &Json) -> Result<Option<i64>> {
    only_member(json, "$date").map(date).transpose()
}

fn oid(content: &Json) -> Result<String> {
    content
        .as_str()
        .filter(|hex| hex.len() == 24 && is_hex(hex))
        .map(str::to_ascii_lowercase)
        .ok_or(ExtendedJsonError::new("$oid", "24 hexadecimal digits"))
}

fn date(content: &Json) -> Result<i64> {
    let error = ExtendedJsonError::new("$date", "an RFC 3339 time or milliseconds");
    match content {
        Json::Integer(millis) => Ok(*millis),
        Json::String(time) => time.as_str().and_then(timestamp::parse).ok_or(error),
        _ => long(only_member(content, "$numberLong").ok_or(error)?),
    }
}

fn long(content: &Json) -> Result<i64> {
    parsed(content).ok_or(ExtendedJsonError::new("$numberLong", "64 bits in decimal"))
}

fn double(content: &Json) -> Result<f64> {
    // Rust reads more names of infinity than MongoDB has.
    match content.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some("NaN") => Some(f64::NAN),
        Some(digits) if digits.ends_with(|last: char| last.is_ascii_digit() || last == '.') => {
            digits.parse().ok()
        }
        _ => None,
    }
    .ok_or(ExtendedJsonError::new(
        "$numberDouble",
        "a decimal number, Infinity, -Infinity or NaN",
    ))
}

/// Binary data, if that is what its base64 and the hexadecimal digits of its subtype are.
fn binary(base64: Option<&Json>, subtype: Option<&Json>) -> Option<Json> {
    let base64 = base64?
        .as_str()
        .filter(|base64| STANDARD.decode(base64).is_ok())?;
    let digits = subtype?
        .as_str()
        .filter(|digits| matches!(digits.len(), 1 | 2) && is_hex(digits))?;
    Some(tagged_binary(base64, u8::from_str_radix(digits, 16).ok()?))
}

fn tagged_binary(base64: &str, subtype: u8) -> Json {
    object([(
        "$binary",
        object([
            ("base64", Json::from(base64)),
            ("subType", Json::from(format!("{subtype:02x}"))),
        ]),
    )])
}

/// The number that the 32 digits of a UUID make.
fn uuid(text: &str) -> Option<u128> {
    let digits: String = text.split('-').collect();
    let valid = digits.len() == 32 && is_hex(&digits);
    valid
        .then(|| u128::from_str_radix(&digits, 16).ok())
        .flatten()
}

/// Whether `text` has nothing but hexadecimal digits.
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn parsed<T: std::str::FromStr>(content: &Json) -> Option<T> {
    content.as_str()?.parse().ok()
}

fn is_tag(name: &PyString) -> bool {
    name.as_str().is_some_and(|name| name.starts_with('$'))
}

/// The content of an object that has one member, called `name`.
fn only_member<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    match json {
        Json::Object(members) if members.len() == 1 => json.get(name),
        _ => None,
    }
}

/// Makes an object of members whose names differ.
pub(super) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(
        members
            .map(|(name, value)| (PyString::from(name), value))
            .into(),
    )
}
