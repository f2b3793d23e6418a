//! Values: opaque bytes, and the kind of content they have.
//!
//! Values are never re-encoded: JSON is kept as the text it came as. Two designs were weighed for
//! values that are larger than memory should be: SQLite's incremental blob handles (they hold a
//! read transaction while a pipe blocks, and cannot grow), and chunks of [`CHUNK_SIZE`] (chosen:
//! each is read and verified by itself, in a transaction of its own).

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;

#[cfg(feature = "mongodb")]
use crate::mongo_types::encode;
use crate::mongo_types::{bson, wrapper};
use crate::python_json::{Json, ParseError, Validator, write_string};

/// Values above this length, in bytes, are stored and read in chunks of this length.
#[doc(hidden)]
pub const CHUNK_SIZE: usize = 1 << 20;

/// The content of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Kind {
    /// JSON text, as Python's `json` accepts it
    Json,
    /// UTF-8 text; a string to FiftyOne
    Text,
    /// Bytes; Python's `bytes` to FiftyOne
    Bytes,
    /// The output of a command and its exit code
    #[cfg_attr(feature = "clap", clap(skip))]
    Command,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Json, Self::Text, Self::Bytes, Self::Command];

    /// Returns the word for it in listings and exports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            "bytes" => Ok(Self::Bytes),
            "command" => Ok(Self::Command),
            other => Err(format!("unknown kind of value {other:?}")),
        }
    }
}

/// A value in memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Value {
    /// The kind of the bytes
    pub kind: Kind,
    /// The bytes
    pub bytes: Vec<u8>,
}

impl Value {
    /// Returns a value of UTF-8 text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Text,
            bytes: text.into().into_bytes(),
        }
    }

    /// Returns a value of bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: Kind::Bytes,
            bytes: bytes.into(),
        }
    }

    /// Returns a value of JSON text, kept as it is.
    ///
    /// # Errors
    /// If Python's `json.loads` would not accept the text.
    pub fn json(text: impl Into<Vec<u8>>) -> Result<Self, ParseError> {
        let bytes = text.into();
        Json::parse(&bytes)?;
        Ok(Self {
            kind: Kind::Json,
            bytes,
        })
    }

    /// Returns the value that FiftyOne's stored form stands for: a string is text, `{"_cls":
    /// "bytes", …}` is bytes, and everything else is JSON.
    #[must_use]
    pub fn from_stored(stored: &Json) -> Self {
        Self::opaque(stored).unwrap_or_else(|| Self {
            kind: Kind::Json,
            bytes: stored.dumps().into_bytes(),
        })
    }

    /// Returns the text or the bytes that a stored form stands for, `None` if it is JSON of its
    /// own.
    pub(crate) fn opaque(stored: &Json) -> Option<Self> {
        match (stored, stored.as_str()) {
            (_, Some(text)) => Some(Self::text(text)),
            (Json::Object(members), _) => match members.as_slice() {
                // In this order alone, so that the same document is written again.
                [(class, kind), (name, base64)]
                    if (class.as_str(), kind.as_str(), name.as_str())
                        == (Some("_cls"), Some("bytes"), Some("value")) =>
                {
                    // This engine refuses missing padding and stray bits, so what it reads it would
                    // write.
                    BASE64.decode(base64.as_str()?).ok().map(Self::bytes)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the stored form that FiftyOne would keep of this value; the reverse of
    /// [`Value::from_stored`].
    ///
    /// # Errors
    /// If this is JSON that was damaged, so that it does not parse.
    pub fn to_stored(&self) -> Result<Json, ParseError> {
        match self.kind {
            Kind::Json => Json::parse(&self.bytes),
            Kind::Text => Ok(Json::from(&*String::from_utf8_lossy(&self.bytes))),
            Kind::Bytes | Kind::Command => {
                let mut text = Vec::new();
                write_stored(self.kind, &self.bytes, &mut text);
                Json::parse(&text)
            }
        }
    }

    /// Returns the BSON document whose only element has the name `name` and this value.
    ///
    /// # Errors
    /// The reason why BSON has no form for the value.
    #[cfg(feature = "mongodb")]
    pub(crate) fn to_document(&self, name: &str) -> Result<Vec<u8>, String> {
        let stored = match self.kind {
            Kind::Json => Json::parse_all(&self.bytes),
            _ => self.to_stored(),
        };
        let stored = stored.map_err(|error| format!("it is not JSON: {error}"))?;
        encode::document_of(name, &stored).map_err(|error| error.to_string())
    }

    /// Reports whether the two are equal as FiftyOne's `compare_and_set` compares values: by
    /// Python's `==` ([`Json::equals`]), so that `1` and `1.0` are.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Json, _) | (_, Kind::Json) => match (self.to_stored(), other.to_stored()) {
                (Ok(mut one), Ok(mut two)) => {
                    wrapper::unwrap_integers(&mut one);
                    wrapper::unwrap_integers(&mut two);
                    one.equals(&two)
                }
                _ => false,
            },
            // Both are bytes to FiftyOne; text is not.
            (one, two) => (one == Kind::Text) == (two == Kind::Text) && self.bytes == other.bytes,
        }
    }

    /// Reports whether both have the same stored form, ignoring key order and white space.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self == other
            || match (self.to_stored(), other.to_stored()) {
                (Ok(one), Ok(two)) => one.dumps_sorted() == two.dumps_sorted(),
                _ => false,
            }
    }
}

impl From<bson::Stored<'_>> for Value {
    fn from(stored: bson::Stored<'_>) -> Self {
        match stored {
            bson::Stored::Text(text) => Self::text(text),
            bson::Stored::Bytes(bytes) => Self::bytes(bytes),
            bson::Stored::Json(text) => Self {
                kind: Kind::Json,
                bytes: text.into_bytes(),
            },
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        match self.kind {
            Kind::Json | Kind::Text => f.write_str(&String::from_utf8_lossy(&self.bytes)),
            Kind::Bytes | Kind::Command => write!(f, "of {} bytes", self.bytes.len()),
        }
    }
}

/// Appends the stored form of a value to `out`, on one line.
///
/// Text is a JSON string, bytes and what commands left are FiftyOne's `{"_cls": "bytes", "value":
/// base64}`. JSON is the text that it is, except that a line break in it becomes a space: in valid
/// JSON only whitespace can be one.
#[doc(hidden)]
pub fn write_stored(kind: Kind, value: &[u8], out: &mut Vec<u8>) {
    match kind {
        Kind::Json => {
            let start = out.len();
            out.extend_from_slice(value);
            for byte in &mut out[start..] {
                if matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
        }
        Kind::Text => write_string(String::from_utf8_lossy(value).as_bytes(), out),
        Kind::Bytes | Kind::Command => {
            let base64 = Base64Display::new(value, &BASE64);
            write!(out, r#"{{"_cls": "bytes", "value": "{base64}"}}"#)
                .expect("memory takes every write");
        }
    }
}

/// Passes a stream through and fails at its first byte that is not of the kind it is said to be.
#[doc(hidden)]
pub struct CheckedReader<R> {
    inner: R,
    check: Check,
}

debug_fields!(impl[R] CheckedReader<R> {});

enum Check {
    Nothing,
    /// The bytes of an unfinished character
    Text(Vec<u8>),
    /// `None` once the end was reached
    Json(Option<Box<Validator>>),
}

impl<R: Read> CheckedReader<R> {
    /// Wraps `inner` to verify that its bytes are of `kind`.
    pub fn new(inner: R, kind: Kind) -> Self {
        let check = match kind {
            Kind::Bytes | Kind::Command => Check::Nothing,
            Kind::Text => Check::Text(Vec::new()),
            Kind::Json => Check::Json(Some(Box::default())),
        };
        Self { inner, check }
    }
}

impl<R: Read> Read for CheckedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let chunk = &buffer[..count];
        match &mut self.check {
            Check::Nothing => {}
            Check::Text(pending) => check_text(pending, chunk)?,
            Check::Json(validator) if chunk.is_empty() => {
                if let Some(validator) = validator.take() {
                    validator.finish().map_err(invalid)?;
                }
            }
            Check::Json(Some(validator)) => validator.push(chunk).map_err(invalid)?,
            Check::Json(None) => {}
        }
        Ok(count)
    }
}

/// The bytes of a value are not of the kind that they are said to be: the source of the error that
/// a [`CheckedReader`] returns.
#[derive(Debug, thiserror::Error)]
pub enum InvalidValue {
    /// It is not JSON
    #[error("the value is not JSON: {0}")]
    Json(String),
    /// It is not text
    #[error("the value is not UTF-8 text")]
    Text,
}

impl From<InvalidValue> for io::Error {
    fn from(error: InvalidValue) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

fn invalid(error: impl fmt::Display) -> io::Error {
    InvalidValue::Json(error.to_string()).into()
}

fn check_text(pending: &mut Vec<u8>, chunk: &[u8]) -> io::Result<()> {
    let not_text = || InvalidValue::Text.into();
    if chunk.is_empty() {
        return if pending.is_empty() {
            Ok(())
        } else {
            Err(not_text())
        };
    }
    // A character may be cut at a chunk's end: complete the pending one byte by byte first.
    let mut rest = chunk;
    while !pending.is_empty() && !rest.is_empty() {
        pending.push(rest[0]);
        rest = &rest[1..];
        match std::str::from_utf8(pending) {
            Ok(_) => pending.clear(),
            Err(error) if error.error_len().is_some() => return Err(not_text()),
            Err(_) => {}
        }
    }
    match std::str::from_utf8(rest) {
        Ok(_) => Ok(()),
        Err(error) if error.error_len().is_some() => Err(not_text()),
        Err(error) => {
            pending.extend_from_slice(&rest[error.valid_up_to()..]);
            Ok(())
        }
    }
}
