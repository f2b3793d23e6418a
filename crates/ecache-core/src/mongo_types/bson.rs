//! Decodes BSON, as MongoDB stores it and `mongodump` writes it, to ecache's text form.
//!
//! Text is written while the bytes are read; no tree is built. Every length is checked against the
//! bytes that are there before anything is allocated for it.

use std::io::Write as _;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::element::{NAN, OLD_BINARY, kind};
use super::{decimal128, timestamp, wrapper};
use crate::python_json::{Json, write_float, write_integer, write_string};

/// Maximum nesting of documents: as deep as MongoDB stores them, and less than JSON may be.
const MAX_NESTING: usize = 200;

/// A fault in a BSON document, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a BSON document: {fault} at its byte {offset}")]
#[non_exhaustive]
pub struct BsonError {
    /// The offset in the document
    pub offset: usize,
    /// The fault at that offset
    pub fault: BsonFault,
}

/// A way in which bytes are not BSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// Documents are nested deeper than MongoDB stores them.
    #[error("nested too deeply")]
    Depth,
}

type Result<T> = std::result::Result<T, BsonError>;

/// Reports whether `byte` is the type of an element, as which the fifth byte of a document serves.
pub(crate) fn is_type(byte: u8) -> bool {
    matches!(byte, 0x01..=0x13 | 0x7f | 0xff)
}

/// A value as FiftyOne stores it.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// A text
    Text(&'a str),
    /// The bytes of `{"_cls": "bytes", "value": base64}`
    Bytes(Vec<u8>),
    /// The text of any other value
    Json(String),
}

/// Decodes `bytes`, which must be one whole document.
pub(crate) fn members(bytes: &[u8]) -> Result<Vec<(&str, Stored<'_>)>> {
    let mut decoder = Decoder { bytes, at: 0 };
    let mut members = Vec::new();
    decoder.elements(0, |decoder, kind, name| {
        members.push((name, decoder.stored(kind, 1)?));
        Ok(())
    })?;
    decoder.finish(members)
}

/// Decodes the payload of one element.
#[cfg(feature = "mongodb")]
pub(crate) fn stored(kind: u8, payload: &[u8]) -> Result<Stored<'_>> {
    let mut decoder = Decoder {
        bytes: payload,
        at: 0,
    };
    let stored = decoder.stored(kind, 1)?;
    decoder.finish(stored)
}

/// Decodes the payload of one element to JSON text, whatever it is.
pub(crate) fn text(kind: u8, payload: &[u8]) -> Result<String> {
    let mut decoder = Decoder {
        bytes: payload,
        at: 0,
    };
    let text = decoder.text(kind, 1)?;
    decoder.finish(text)
}

/// A document, and how much of it is read.
struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Returns `decoded` if nothing follows it.
    fn finish<T>(&self, decoded: T) -> Result<T> {
        if self.at == self.bytes.len() {
            Ok(decoded)
        } else {
            Err(self.fault(BsonFault::Length))
        }
    }

    fn elements(
        &mut self,
        depth: usize,
        mut read: impl FnMut(&mut Self, u8, &'a str) -> Result<()>,
    ) -> Result<()> {
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
                    read(self, kind, name)?;
                }
            }
        }
        self.check_length(start, length)
    }

    fn stored(&mut self, kind: u8, depth: usize) -> Result<Stored<'a>> {
        if kind == kind::STRING {
            return Ok(Stored::Text(self.string()?));
        }
        let start = self.at;
        if kind == kind::DOCUMENT
            && let Some(bytes) = self.tagged_bytes()
        {
            return Ok(Stored::Bytes(bytes));
        }
        self.at = start;
        Ok(Stored::Json(self.text(kind, depth)?))
    }

    fn text(&mut self, kind: u8, depth: usize) -> Result<String> {
        let rest = &self.bytes[self.at..];
        // The text of a document or an array is about as long as its bytes, which begin with their
        // length.
        let length = match (kind, rest.first_chunk()) {
            (kind::DOCUMENT | kind::ARRAY, Some(length)) => i32::from_le_bytes(*length),
            _ => 64,
        };
        let length = usize::try_from(length).map_or(0, |length| length.min(rest.len()));
        let mut out = Vec::with_capacity(length);
        self.write(kind, depth, &mut out)?;
        Ok(String::from_utf8(out).expect("json.dumps writes ASCII"))
    }

    /// Reads FiftyOne's `{"_cls": "bytes", "value": base64}`; `None` for every other document.
    fn tagged_bytes(&mut self) -> Option<Vec<u8>> {
        const CLASS: &[u8] = b"\x02_cls\0\x06\0\0\0bytes\0\x02value\0";
        let start = self.at;
        let length = self.length().ok()?;
        if self.take(CLASS.len()).ok()? != CLASS {
            return None;
        }
        // This engine refuses missing padding and stray bits, so the bytes are encoded the same.
        let bytes = STANDARD.decode(self.string().ok()?).ok()?;
        let is_over = self.byte().ok()? == 0;
        (is_over && self.at - start == length).then_some(bytes)
    }

    /// Appends the text of a value to `out`.
    fn write(&mut self, kind: u8, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        match kind {
            kind::DOUBLE => {
                let double = f64::from_le_bytes(self.chunk()?);
                match double.to_bits() {
                    bits if double.is_nan() && bits != NAN => {
                        append(
                            out,
                            format_args!(r#"{{"$bson": {{"$numberDouble": "{bits:#x}"}}}}"#),
                        );
                    }
                    _ => write_float(double, out),
                }
            }
            kind::STRING => write_string(self.string()?.as_bytes(), out),
            kind::DOCUMENT => self.document(depth, out)?,
            kind::ARRAY => self.array(depth, out)?,
            kind::BOOL => out.extend_from_slice(match self.byte()? {
                0 => b"false",
                1 => b"true",
                _ => return Err(self.fault(BsonFault::Byte)),
            }),
            kind::NULL => out.extend_from_slice(b"null"),
            kind::INT32 => write_integer(i32::from_le_bytes(self.chunk()?), out),
            kind::INT64 => {
                let integer = i64::from_le_bytes(self.chunk()?);
                match i32::try_from(integer) {
                    Ok(integer) => {
                        append(
                            out,
                            format_args!(r#"{{"$bson": {{"$numberLong": "{integer}"}}}}"#),
                        );
                    }
                    Err(_) => write_integer(integer, out),
                }
            }
            kind => {
                out.extend_from_slice(br#"{"$bson": {"#);
                self.write_type(kind, depth, out)?;
                out.extend_from_slice(b"}}");
            }
        }
        Ok(())
    }

    /// Appends the members of the object by which Extended JSON tells a type.
    fn write_type(&mut self, kind: u8, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        match kind {
            kind::BINARY => {
                let (subtype, payload) = self.binary()?;
                let base64 = Base64Display::new(payload, &STANDARD);
                append(
                    out,
                    format_args!(
                        r#""$binary": {{"base64": "{base64}", "subType": "{subtype:02x}"}}"#
                    ),
                );
            }
            kind::UNDEFINED => out.extend_from_slice(br#""$undefined": true"#),
            kind::OBJECT_ID => append(out, format_args!(r#""$oid": "{}""#, self.object_id()?)),
            kind::DATE => {
                let millis = i64::from_le_bytes(self.chunk()?);
                match timestamp::format(millis) {
                    Some(time) => append(out, format_args!(r#""$date": "{time}""#)),
                    None => append(
                        out,
                        format_args!(r#""$date": {{"$numberLong": "{millis}"}}"#),
                    ),
                }
            }
            kind::REGEX => {
                out.extend_from_slice(br#""$regularExpression": {"pattern": "#);
                write_string(self.cstring()?.as_bytes(), out);
                out.extend_from_slice(br#", "options": "#);
                write_string(self.cstring()?.as_bytes(), out);
                out.push(b'}');
            }
            kind::DB_POINTER => {
                out.extend_from_slice(br#""$dbPointer": {"$ref": "#);
                write_string(self.string()?.as_bytes(), out);
                append(
                    out,
                    format_args!(r#", "$id": {{"$oid": "{}"}}}}"#, self.object_id()?),
                );
            }
            kind::CODE => {
                out.extend_from_slice(br#""$code": "#);
                write_string(self.string()?.as_bytes(), out);
            }
            kind::SYMBOL => {
                out.extend_from_slice(br#""$symbol": "#);
                write_string(self.string()?.as_bytes(), out);
            }
            kind::CODE_WITH_SCOPE => {
                let start = self.at;
                let length = self.length()?;
                out.extend_from_slice(br#""$code": "#);
                write_string(self.string()?.as_bytes(), out);
                out.extend_from_slice(br#", "$scope": "#);
                self.document(depth, out)?;
                self.check_length(start, length)?;
            }
            kind::TIMESTAMP => {
                let increment = u32::from_le_bytes(self.chunk()?);
                let seconds = u32::from_le_bytes(self.chunk()?);
                append(
                    out,
                    format_args!(r#""$timestamp": {{"t": {seconds}, "i": {increment}}}"#),
                );
            }
            kind::DECIMAL128 => {
                let text = decimal128::to_text(self.chunk()?);
                append(out, format_args!(r#""$numberDecimal": "{text}""#));
            }
            kind::MAX_KEY => out.extend_from_slice(br#""$maxKey": 1"#),
            kind::MIN_KEY => out.extend_from_slice(br#""$minKey": 1"#),
            unknown => return Err(self.fault(BsonFault::Type(unknown))),
        }
        Ok(())
    }

    /// Appends a document, escaped if it would read as a wrapper or an escape.
    fn document(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let mut count = 0;
        let mut is_marked = false;
        out.push(b'{');
        self.elements(depth, |decoder, kind, name| {
            if count > 0 {
                out.extend_from_slice(b", ");
            }
            count += 1;
            is_marked |= name == wrapper::MARK;
            write_string(name.as_bytes(), out);
            out.extend_from_slice(b": ");
            decoder.write(kind, depth + 1, out)
        })?;
        out.push(b'}');
        let is_ambiguous = is_marked
            && count == 1
            && Json::parse_all(&out[start..]).is_ok_and(|json| wrapper::is_wrapped(&json));
        if is_ambiguous {
            out.splice(start..start, *br#"{"$bson": "#);
            out.push(b'}');
        }
        Ok(())
    }

    /// Appends an array, which is a document whose names are the indexes.
    fn array(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<()> {
        let mut is_first = true;
        out.push(b'[');
        self.elements(depth, |decoder, kind, _| {
            if !std::mem::take(&mut is_first) {
                out.extend_from_slice(b", ");
            }
            decoder.write(kind, depth + 1, out)
        })?;
        out.push(b']');
        Ok(())
    }

    fn binary(&mut self) -> Result<(u8, &'a [u8])> {
        let length = self.length()?;
        let subtype = self.byte()?;
        let mut payload = self.take(length)?;
        // The old subtype repeats the length within the payload.
        if subtype == OLD_BINARY {
            let Some((inner, rest)) = payload.split_first_chunk() else {
                return Err(self.fault(BsonFault::Length));
            };
            if usize::try_from(i32::from_le_bytes(*inner)) != Ok(rest.len()) {
                return Err(self.fault(BsonFault::Length));
            }
            payload = rest;
        }
        Ok((subtype, payload))
    }

    fn object_id(&mut self) -> Result<String> {
        let id: [u8; 12] = self.chunk()?;
        let fold = |number, &byte| number << 8 | u128::from(byte);
        Ok(format!("{:024x}", id.iter().fold(0_u128, fold)))
    }

    /// Reads a text that its length precedes and a zero ends.
    fn string(&mut self) -> Result<&'a str> {
        let length = self.length()?;
        match self.take(length)?.split_last() {
            Some((0, string)) => self.utf8(string),
            Some(_) => Err(self.fault(BsonFault::Byte)),
            None => Err(self.fault(BsonFault::Length)),
        }
    }

    /// Reads a text that goes on to the next zero.
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

    fn check_length(&self, start: usize, length: usize) -> Result<()> {
        if self.at - start == length {
            Ok(())
        } else {
            Err(BsonError {
                offset: start,
                fault: BsonFault::Length,
            })
        }
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

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes every write");
}
