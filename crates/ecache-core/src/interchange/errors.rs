//! Errors of a file, and of a document in it.

use std::fmt;
use std::io;

use super::{MAX_BSON_SIZE, MAX_LINE_SIZE};
use crate::key::KeyError;
use crate::mongo_types::bson::{BsonError, BsonFault};
use crate::mongo_types::extended_json::ExtendedJsonError;
use crate::python_json::{Json, ParseError};
use crate::scope::{Address, NameError};

/// The position in a file at which a document begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentPosition {
    /// The number of a line, from 1
    Line(u64),
    /// An element of a JSON array
    Element {
        /// The number of the element, from 1
        number: u64,
        /// The number of the line, from 1
        line: u64,
    },
    /// A BSON document
    Document {
        /// The number of the document, from 1
        number: u64,
        /// The bytes before it
        offset: u64,
    },
}

impl fmt::Display for DocumentPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentPosition::Line(line) => write!(f, "line {line}"),
            DocumentPosition::Element { number, line } => {
                write!(f, "element {number} on line {line}")
            }
            DocumentPosition::Document { number, offset } => {
                write!(f, "document {number} at byte {offset}")
            }
        }
    }
}

/// A document could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{position}: {problem}")]
#[non_exhaustive]
pub struct ReadError {
    /// The document
    pub position: DocumentPosition,
    /// The address of the document, if it can be read and has a fault elsewhere
    pub address: Option<Box<Address>>,
    /// The problem with it
    pub problem: Problem,
}

impl ReadError {
    /// Reports whether the file is intact, and only this document cannot be held.
    ///
    /// Another program may have written it: with a field or a policy of its own, or with a text
    /// that is not UTF-8. After any other error, parts of the file may be missing.
    #[must_use]
    pub fn is_of_one_document(&self) -> bool {
        match &self.problem {
            Problem::Document(error) => !matches!(error, DocumentError::NotAnObject { .. }),
            Problem::Bson(error) => matches!(
                error.fault,
                BsonFault::Utf8 | BsonFault::Type(_) | BsonFault::Depth
            ),
            Problem::Io(_)
            | Problem::Unrecognised
            | Problem::TooLong
            | Problem::Truncated
            | Problem::BsonLength
            | Problem::AfterArray
            | Problem::Json(_) => false,
        }
    }
}

/// A problem with a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Reading failed.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
    /// The file has no format that [`Reader`](super::Reader) supports.
    #[error("neither JSON lines, nor Extended JSON, nor BSON")]
    Unrecognised,
    /// The document is larger than [`MAX_LINE_SIZE`].
    #[error("longer than {} GiB", MAX_LINE_SIZE >> 30)]
    TooLong,
    /// The file ends within the document or the array.
    #[error("cut off")]
    Truncated,
    /// A BSON document gives itself a length that none can have.
    #[error("not the length of a BSON document of at most {} MiB", MAX_BSON_SIZE >> 20)]
    BsonLength,
    /// Something follows the array.
    #[error("expected nothing after the array")]
    AfterArray,
    /// The document is not JSON.
    #[error("not JSON: {} at its byte {}", .0.what, .0.offset)]
    Json(#[from] ParseError),
    /// The document is not BSON.
    #[error(transparent)]
    Bson(#[from] BsonError),
    /// The document is not one of an execution store.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

impl Problem {
    /// Says where the problem is.
    pub(super) fn at(self, position: DocumentPosition) -> ReadError {
        ReadError {
            position,
            address: None,
            problem: self,
        }
    }
}

/// Maximum number of characters that a message quotes from a file.
const EXCERPT_LENGTH: usize = 80;

/// A JSON object or BSON document is not one of an execution store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not an object.
    #[error("expected an object, found {found}")]
    NotAnObject {
        /// The type that it has
        found: &'static str,
    },
    /// A field is missing.
    #[error("{field} is missing")]
    Missing {
        /// The field
        field: &'static str,
    },
    /// A field holds what it must not.
    #[error("{field} must be {expected}, found {found}")]
    WrongType {
        /// The field
        field: &'static str,
        /// The type or form that it must have
        expected: &'static str,
        /// The type that it has
        found: &'static str,
    },
    /// There is a field that neither FiftyOne nor ecache has.
    #[error("unknown field {}", Excerpt(name))]
    UnknownField {
        /// The field
        name: String,
    },
    /// The policy is neither `persist` nor `evict`.
    #[error("unknown policy {}: expected persist or evict", Excerpt(name))]
    UnknownPolicy {
        /// The policy
        name: String,
    },
    /// The metadata of a store has an expiry, which it cannot have elsewhere.
    #[error("expires_at must be null for the metadata of a store, found a date")]
    ExpiringMetadata,
    /// The value is of no kind that ecache has.
    #[error(
        "unknown kind {}: expected json, text, bytes or command",
        Excerpt(name)
    )]
    UnknownKind {
        /// The kind
        name: String,
    },
    /// A key is empty or too long.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A name is empty or too long.
    #[error("{field}: {error}")]
    Name {
        /// The field
        field: &'static str,
        /// The problem with the name
        error: NameError,
    },
    /// A field has a type of MongoDB that is misspelled.
    #[error(transparent)]
    ExtendedJson(#[from] ExtendedJsonError),
}

pub(super) type Result<T, E = DocumentError> = std::result::Result<T, E>;

impl DocumentError {
    /// Says what `json` is instead of a document.
    pub(super) fn not_an_object(json: &Json) -> Self {
        DocumentError::NotAnObject {
            found: describe(json),
        }
    }
}

/// Shows a file's own words in quotes, escaped, and cut where they get long.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(EXCERPT_LENGTH) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// Names what `json` is, without showing what it holds.
pub(super) fn describe(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Integer(_) => "an integer",
        Json::BigInteger(_) => "a big integer",
        Json::Float(_) => "a float",
        Json::String(_) if json.as_str().is_none() => "a string with half of a surrogate pair",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
