//! The types that Extended JSON has objects for, version 2 and version 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::element::{self, NAN, binary, kind};
use super::{decimal128, timestamp};
use crate::python_json::Json;

/// A type that an object stands for.
pub(super) enum Typed<'a> {
    /// An element: its type and its payload
    Element(u8, Vec<u8>),
    /// Code with a scope, a document in the same form as the object
    Code(&'a str, &'a Json),
}

/// Returns the type that an object stands for; `None` unless its names and its content are those of
/// one.
///
/// Beyond the standard, the bits of a double or a decimal may be given in hexadecimal.
pub(super) fn typed(json: &Json) -> Option<Typed<'_>> {
    let (kind, payload) = match only_member(json) {
        Some((tag, content)) => single(tag, content)?,
        None => {
            if let Some((base64, subtype)) = two_members(json, "$binary", "$type") {
                (kind::BINARY, binary_of(base64, subtype)?)
            } else if let Some((pattern, options)) = two_members(json, "$regex", "$options") {
                // Anything but two texts is a query.
                (kind::REGEX, regex(pattern, options)?)
            } else {
                let (code, scope) = two_members(json, "$code", "$scope")?;
                let is_document = matches!(scope, Json::Object(_));
                return is_document.then_some(Typed::Code(code.as_str()?, scope));
            }
        }
    };
    Some(Typed::Element(kind, payload))
}

/// Returns the type of an object with one member.
fn single(tag: &str, content: &Json) -> Option<(u8, Vec<u8>)> {
    Some(match tag {
        "$numberInt" => (kind::INT32, parsed::<i32>(content)?.to_le_bytes().to_vec()),
        "$numberLong" => (kind::INT64, parsed::<i64>(content)?.to_le_bytes().to_vec()),
        "$numberDouble" => (kind::DOUBLE, double(content)?.to_le_bytes().to_vec()),
        "$numberDecimal" => (
            kind::DECIMAL128,
            decimal128::of_text(content.as_str()?)?.to_vec(),
        ),
        "$oid" => (kind::OBJECT_ID, object_id(content)?.to_vec()),
        "$date" => (kind::DATE, date(content)?.to_le_bytes().to_vec()),
        "$binary" => {
            let (base64, subtype) = two_members(content, "base64", "subType")?;
            (kind::BINARY, binary_of(base64, subtype)?)
        }
        "$uuid" => (kind::BINARY, binary(4, &uuid(content)?.to_be_bytes())?),
        "$regularExpression" => {
            let (pattern, options) = two_members(content, "pattern", "options")?;
            (kind::REGEX, regex(pattern, options)?)
        }
        "$code" => (kind::CODE, string(content)?),
        "$symbol" => (kind::SYMBOL, string(content)?),
        "$timestamp" => {
            let (seconds, increment) = two_members(content, "t", "i")?;
            let parts = [
                unsigned(increment)?.to_le_bytes(),
                unsigned(seconds)?.to_le_bytes(),
            ];
            (kind::TIMESTAMP, parts.concat())
        }
        "$dbPointer" => {
            let (collection, id) = two_members(content, "$ref", "$id")?;
            let ("$oid", id) = only_member(id)? else {
                return None;
            };
            let payload = [&string(collection)?[..], &object_id(id)?].concat();
            (kind::DB_POINTER, payload)
        }
        "$undefined" if *content == Json::Bool(true) => (kind::UNDEFINED, Vec::new()),
        "$minKey" if *content == Json::Integer(1) => (kind::MIN_KEY, Vec::new()),
        "$maxKey" if *content == Json::Integer(1) => (kind::MAX_KEY, Vec::new()),
        _ => return None,
    })
}

/// Returns the integer that `json` is, plain or in an object.
pub(super) fn integer(json: &Json) -> Option<i64> {
    match (only_member(json), json) {
        (_, Json::Integer(integer)) => Some(*integer),
        (Some(("$numberInt" | "$numberLong", digits)), _) => parsed(digits),
        _ => None,
    }
}

/// Reads the id of `{"$oid": id}`, 24 hexadecimal digits.
pub(super) fn object_id(content: &Json) -> Option<[u8; 12]> {
    let hex = content.as_str().filter(|hex| hex.len() == 24)?;
    let [_, _, _, _, id @ ..] = number(hex)?.to_be_bytes();
    Some(id)
}

/// Reads the time of `{"$date": time}` in milliseconds since 1970.
pub(super) fn date(content: &Json) -> Option<i64> {
    match content.as_str() {
        Some(time) => timestamp::parse(time),
        None => integer(content),
    }
}

fn double(content: &Json) -> Option<f64> {
    // Rust reads more names of infinity than MongoDB has.
    match content.as_str()? {
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::from_bits(NAN)),
        text => match text.strip_prefix("0x") {
            Some(bits) => Some(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)),
            None if text.ends_with(|last: char| last.is_ascii_digit() || last == '.') => {
                text.parse().ok()
            }
            None => None,
        },
    }
}

/// Encodes binary data, if that is what its base64 and the hexadecimal digits of its subtype are.
fn binary_of(base64: &Json, subtype: &Json) -> Option<Vec<u8>> {
    let digits = subtype.as_str()?;
    let subtype = number(digits).filter(|_| digits.len() <= 2)?;
    binary(
        u8::try_from(subtype).ok()?,
        &STANDARD.decode(base64.as_str()?).ok()?,
    )
}

/// Encodes a regular expression.
fn regex(pattern: &Json, options: &Json) -> Option<Vec<u8>> {
    let (pattern, options) = (pattern.as_str()?, options.as_str()?);
    let is_encodable = !pattern.contains('\0') && !options.contains('\0');
    is_encodable.then(|| [pattern.as_bytes(), b"\0", options.as_bytes(), b"\0"].concat())
}

/// Encodes a text with its length; `None` if it is too long for BSON.
fn string(json: &Json) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    element::string(json.as_str()?, &mut payload)?;
    Some(payload)
}

/// Reads the number that the 32 digits of a UUID make.
fn uuid(text: &Json) -> Option<u128> {
    let digits: String = text.as_str()?.split('-').collect();
    number(&digits).filter(|_| digits.len() == 32)
}

/// Reads a number of nothing but hexadecimal digits.
fn number(digits: &str) -> Option<u128> {
    u128::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hex(digits))
}

/// Reports whether `text` has nothing but hexadecimal digits.
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn unsigned(json: &Json) -> Option<u32> {
    match json {
        Json::Integer(integer) => u32::try_from(*integer).ok(),
        _ => None,
    }
}

fn parsed<T: std::str::FromStr>(content: &Json) -> Option<T> {
    content.as_str()?.parse().ok()
}

/// Returns the only member of an object.
pub(super) fn only_member(json: &Json) -> Option<(&str, &Json)> {
    match json {
        Json::Object(members) => match members.as_slice() {
            [(name, content)] => Some((name.as_str()?, content)),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the members of an object that has these two and no other.
fn two_members<'a>(json: &'a Json, first: &str, second: &str) -> Option<(&'a Json, &'a Json)> {
    match json {
        Json::Object(members) if members.len() == 2 => Some((json.get(first)?, json.get(second)?)),
        _ => None,
    }
}
