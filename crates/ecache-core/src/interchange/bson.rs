//! Decodes one BSON document, as `mongodump` writes them, to canonical Extended JSON.
//!
//! Written here because the `bson` crate brings 26 others. Every length is checked against the bytes that
//! are there before anything is allocated for it.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decimal128;
use super::extended_json::object;
use super::parts::{Given, Parts};
use crate::python_json::{Json, PyString};

/// How deep documents may nest, which is as deep as MongoDB stores them, and less than JSON may.
const MAX_NESTING: usize = 200;

/// What is wrong with a BSON document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a BSON document: {fault} at its byte {offset}")]
pub struct BsonError {
    /// The offset in the document
    pub offset: usize,
    /// What is wrong there
    pub fault: BsonFault,
}

/// A way in which bytes are not BSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BsonFault {
    /// A value goes on beyond the end of the document.
    #[error("unexpected end")]
    Truncated,
    /// A length is negative, or is not that of what it precedes.
    #[error("wrong length")]
    Length,
    /// A text is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A text, a document or a bool ends or reads as none does.
    #[error("invalid byte")]
    Byte,
    /// An element has a type that BSON does not define.
    #[error("unknown type 0x{0:02x}")]
    Type(u8),
    /// A document has two elements of one name.
    #[error("repeated name")]
    Repeated,
    /// Documents are nested deeper than MongoDB stores them.
    #[error("nested too deeply")]
    Depth,
}

type Result<T> = std::result::Result<T, BsonError>;

/// Whether `byte` is the type of an element, as which the fifth byte of a document serves.
pub(super) fn is_type(byte: u8) -> bool {
    matches!(byte, 0x01..=0x13 | 0x7f | 0xff)
}

/// Decodes `bytes`, which must be one whole document.
///
/// What JSON has no form for is tagged as in canonical Extended JSON; the numbers are plain.
pub(super) fn decode(bytes: &[u8]) -> Result<Parts<'_>> {
    let mut decoder = Decoder { bytes, at: 0 };
    let mut parts = Parts::default();
    decoder.elements(0, |name, json| {
        let given = Given::Parsed { json, text: None };
        parts.members.push((Cow::Borrowed(name), given));
    })?;
    match decoder.at == bytes.len() {
        true => Ok(parts),
        false => Err(decoder.fault(BsonFault::Length)),
    }
}

/// A document, and how much of it is read.
struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    fn document(&mut self, depth: usize) -> Result<Json> {
        let mut members = Vec::new();
        self.elements(depth, |name, value| {
            members.push((PyString::from(name), value))
        })?;
        let mut names = HashSet::with_capacity(members.len());
        match members.iter().all(|(name, _)| names.insert(name)) {
            true => Ok(Json::Object(members)),
            false => Err(self.fault(BsonFault::Repeated)),
        }
    }

    /// Decodes an array, which is a document whose names are the indexes.
    fn array(&mut self, depth: usize) -> Result<Json> {
        let mut items = Vec::new();
        self.elements(depth, |_, value| items.push(value))?;
        Ok(Json::Array(items))
    }

    fn elements(&mut self, depth: usize, mut add: impl FnMut(&'a str, Json)) -> Result<()> {
        if depth >= MAX_NESTING {
            return Err(self.fault(BsonFault::Depth));
        }
        let start = self.at;
        let length = self.length()?;
        loop {
            match self.byte()? {
                0 => break,
                kind => {
                    let name = self.cstring()?;
                    let value = self.value(kind, depth + 1)?;
                    add(name, value);
                }
            }
        }
        match self.at - start == length {
            true => Ok(()),
            false => Err(BsonError {
                offset: start,
                fault: BsonFault::Length,
            }),
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Json> {
        Ok(match kind {
            0x01 => Json::Float(f64::from_le_bytes(self.chunk()?)),
            0x02 => Json::from(self.string()?),
            0x03 => self.document(depth)?,
            0x04 => self.array(depth)?,
            0x05 => self.binary()?,
            0x06 => object([("$undefined", Json::Bool(true))]),
            0x07 => self.object_id()?,
            0x08 => match self.byte()? {
                0 => Json::Bool(false),
                1 => Json::Bool(true),
                _ => return Err(self.fault(BsonFault::Byte)),
            },
            0x09 => {
                let millis = i64::from_le_bytes(self.chunk()?);
                object([(
                    "$date",
                    object([("$numberLong", Json::from(millis.to_string()))]),
                )])
            }
            0x0a => Json::Null,
            0x0b => {
                let pattern = Json::from(self.cstring()?);
                let options = Json::from(self.cstring()?);
                object([(
                    "$regularExpression",
                    object([("pattern", pattern), ("options", options)]),
                )])
            }
            0x0c => {
                let collection = Json::from(self.string()?);
                let id = self.object_id()?;
                object([("$dbPointer", object([("$ref", collection), ("$id", id)]))])
            }
            0x0d => object([("$code", Json::from(self.string()?))]),
            0x0e => object([("$symbol", Json::from(self.string()?))]),
            0x0f => {
                let start = self.at;
                let length = self.length()?;
                let code = Json::from(self.string()?);
                let scope = self.document(depth)?;
                if self.at - start != length {
                    return Err(BsonError {
                        offset: start,
                        fault: BsonFault::Length,
                    });
                }
                object([("$code", code), ("$scope", scope)])
            }
            0x10 => Json::Integer(i32::from_le_bytes(self.chunk()?).into()),
            0x11 => {
                let increment = u32::from_le_bytes(self.chunk()?);
                let seconds = u32::from_le_bytes(self.chunk()?);
                let parts = [
                    ("t", Json::Integer(seconds.into())),
                    ("i", Json::Integer(increment.into())),
                ];
                object([("$timestamp", object(parts))])
            }
            0x12 => Json::Integer(i64::from_le_bytes(self.chunk()?)),
            0x13 => object([(
                "$numberDecimal",
                Json::from(decimal128::to_string(self.chunk()?)),
            )]),
            0x7f => object([("$maxKey", Json::Integer(1))]),
            0xff => object([("$minKey", Json::Integer(1))]),
            unknown => return Err(self.fault(BsonFault::Type(unknown))),
        })
    }

    fn binary(&mut self) -> Result<Json> {
        let length = self.length()?;
        let subtype = self.byte()?;
        let mut payload = self.take(length)?;
        // The old subtype repeats the length within the payload.
        if subtype == 2 {
            let Some((inner, rest)) = payload.split_first_chunk() else {
                return Err(self.fault(BsonFault::Length));
            };
            if usize::try_from(i32::from_le_bytes(*inner)) != Ok(rest.len()) {
                return Err(self.fault(BsonFault::Length));
            }
            payload = rest;
        }
        let parts = [
            ("base64", Json::from(STANDARD.encode(payload))),
            ("subType", Json::from(format!("{subtype:02x}"))),
        ];
        Ok(object([("$binary", object(parts))]))
    }

    fn object_id(&mut self) -> Result<Json> {
        let id: [u8; 12] = self.chunk()?;
        let hex = format!(
            "{:024x}",
            id.iter()
                .fold(0_u128, |number, &byte| number << 8 | u128::from(byte))
        );
        Ok(object([("$oid", Json::from(hex))]))
    }

    /// A text that its length precedes and a zero ends.
    fn string(&mut self) -> Result<&'a str> {
        let length = self.length()?;
        match self.take(length)?.split_last() {
            Some((0, string)) => self.utf8(string),
            Some(_) => Err(self.fault(BsonFault::Byte)),
            None => Err(self.fault(BsonFault::Length)),
        }
    }

    /// A text that goes on to the next zero.
    fn cstring(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|&byte| byte == 0)
            .ok_or_else(|| self.fault(BsonFault::Truncated))?;
        self.at += length + 1;
        self.utf8(&rest[..length])
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str> {
        std::str::from_utf8(bytes).map_err(|_| self.fault(BsonFault::Utf8))
    }

    fn length(&mut self) -> Result<usize> {
        let length = i32::from_le_bytes(self.chunk()?);
        usize::try_from(length).map_err(|_| self.fault(BsonFault::Length))
    }

    fn byte(&mut self) -> Result<u8> {
        self.chunk().map(|[byte]| byte)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let chunk = *self.bytes[self.at..]
            .first_chunk()
            .ok_or_else(|| self.fault(BsonFault::Truncated))?;
        self.at += N;
        Ok(chunk)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self.bytes[self.at..]
            .get(..length)
            .ok_or_else(|| self.fault(BsonFault::Truncated))?;
        self.at += length;
        Ok(taken)
    }

    fn fault(&self, fault: BsonFault) -> BsonError {
        BsonError {
            offset: self.at,
            fault,
        }
    }
}
