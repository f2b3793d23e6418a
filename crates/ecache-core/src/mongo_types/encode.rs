//! Encodes ecache's text form as BSON.

use super::element::{self, NAN, kind};
use super::types::Typed;
use super::wrapper;
use crate::python_json::{Json, PyString};

/// A reason why BSON has no form for a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodeError {
    /// An integer is too large.
    #[error("an integer of {0} digits has more than 64 bits")]
    Integer(usize),
    /// A text is not Unicode.
    #[error("a text in it has half of a character (a lone surrogate)")]
    Surrogate,
    /// A name has a NUL, which ends names in BSON.
    #[error("a name in it has a NUL")]
    Nul,
    /// Documents or arrays nest deeper than MongoDB stores them.
    #[error("it is nested deeper than {MAX_NESTING} levels")]
    Depth,
    /// A length exceeds 31 bits.
    #[error("it is longer than 2 GiB")]
    Length,
}

type Result<T> = std::result::Result<T, EncodeError>;

/// The deepest nesting of a value: MongoDB stores documents of 180 levels, the outermost included.
const MAX_NESTING: usize = 179;

/// Encodes a document whose only element has that name and that value.
pub(crate) fn document_of(name: &str, json: &Json) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    container(&mut out, |out| append(name, json, 0, out))?;
    Ok(out)
}

/// Appends an element.
fn append(name: &str, json: &Json, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.push(kind::NULL);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    out[start] = payload(json, depth, out)?;
    Ok(())
}

/// Appends the payload of a value, and returns its type.
fn payload(json: &Json, depth: usize, out: &mut Vec<u8>) -> Result<u8> {
    Ok(match json {
        Json::Null => kind::NULL,
        Json::Bool(value) => {
            out.push(u8::from(*value));
            kind::BOOL
        }
        Json::Integer(integer) => match i32::try_from(*integer) {
            Ok(integer) => {
                out.extend_from_slice(&integer.to_le_bytes());
                kind::INT32
            }
            Err(_) => {
                out.extend_from_slice(&integer.to_le_bytes());
                kind::INT64
            }
        },
        Json::BigInteger(digits) => {
            return Err(EncodeError::Integer(digits.trim_start_matches('-').len()));
        }
        Json::Float(double) if double.is_nan() => {
            out.extend_from_slice(&NAN.to_le_bytes());
            kind::DOUBLE
        }
        Json::Float(double) => {
            out.extend_from_slice(&double.to_le_bytes());
            kind::DOUBLE
        }
        Json::String(text) => {
            string(text.as_str().ok_or(EncodeError::Surrogate)?, out)?;
            kind::STRING
        }
        Json::Array(items) => {
            let depth = deeper(depth)?;
            container(out, |out| {
                let mut index = itoa::Buffer::new();
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| append(index.format(at), item, depth, out))
            })?;
            kind::ARRAY
        }
        Json::Object(members) => match wrapper::of(json) {
            Some(Typed::Element(kind, payload)) => {
                out.extend_from_slice(&payload);
                kind
            }
            Some(Typed::Code(code, scope)) => {
                let start = out.len();
                out.extend_from_slice(&[0; 4]);
                string(code, out)?;
                document(scope, depth, out)?;
                end(start, out)?;
                kind::CODE_WITH_SCOPE
            }
            None => {
                members_of(wrapper::escaped(json).unwrap_or(members), depth, out)?;
                kind::DOCUMENT
            }
        },
    })
}

/// Appends an object that is not a wrapper.
fn document(json: &Json, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    match json {
        Json::Object(members) => members_of(wrapper::escaped(json).unwrap_or(members), depth, out),
        _ => unreachable!("a scope is an object"),
    }
}

fn members_of(members: &[(PyString, Json)], depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let depth = deeper(depth)?;
    container(out, |out| {
        for (name, json) in members {
            let name = name.as_str().ok_or(EncodeError::Surrogate)?;
            if name.contains('\0') {
                return Err(EncodeError::Nul);
            }
            append(name, json, depth, out)?;
        }
        Ok(())
    })
}

/// Appends a document with the elements that `write` appends.
fn container(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    out.push(0);
    end(start, out)
}

/// Writes the length of everything from `start` in its place.
fn end(start: usize, out: &mut [u8]) -> Result<()> {
    let length = i32::try_from(out.len() - start).map_err(|_| EncodeError::Length)?;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Appends a text with its length.
fn string(text: &str, out: &mut Vec<u8>) -> Result<()> {
    element::string(text, out).ok_or(EncodeError::Length)
}

fn deeper(depth: usize) -> Result<usize> {
    if depth < MAX_NESTING {
        Ok(depth + 1)
    } else {
        Err(EncodeError::Depth)
    }
}
