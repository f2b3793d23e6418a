//! Reads the documents of a file in whatever form it has.

use std::fmt;
use std::io::{self, BufRead, Chain, Cursor, Read};

use super::framing::{Framing, HEAD_SIZE, MAX_BSON_SIZE, MAX_LINE_SIZE};
use super::raw::Parts;
use super::record::{DocumentError, Recorder, Refused};
use crate::backend::Record;
use crate::mongo_types::bson::{self, BsonError, BsonFault};
use crate::python_json::{Json, ParseError};
use crate::scope::Address;
use crate::time::Timestamp;

/// The position in a file at which a document begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
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

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Line(line) => write!(f, "line {line}"),
            Position::Element { number, line } => write!(f, "element {number} on line {line}"),
            Position::Document { number, offset } => {
                write!(f, "document {number} at byte {offset}")
            }
        }
    }
}

/// A document could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct ReadError {
    /// The document
    pub position: Position,
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
pub enum Problem {
    /// Reading failed.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
    /// The file is none of the forms that [`Reader`] knows.
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
    pub(super) fn at(self, position: Position) -> ReadError {
        ReadError {
            position,
            address: None,
            problem: self,
        }
    }
}

/// An iterator over the records of a file, each with where it was.
///
/// Tells by the content which form a file has:
/// - JSON, one object a line: ecache's own lines, or MongoDB Extended JSON in any version
///   (`mongoexport`);
/// - one JSON array of such objects (`mongoexport --jsonArray`), which is read element by element;
/// - BSON documents one after the other (`mongodump`).
///
/// A byte order mark, blank lines and `\r\n` are fine; a file without documents is empty. Memory
/// grows with the largest document, which has at most [`MAX_LINE_SIZE`].
///
/// After an error in one document the next one follows. After one that leaves no way to find the
/// next, such as a document that is cut off or too long, the iterator ends.
///
/// ```
/// use ecache_core::backend::Record;
/// use ecache_core::interchange::Reader;
/// use ecache_core::scope::DEFAULT_COLLECTION;
/// use ecache_core::time::Timestamp;
///
/// let line = concat!(
///     r#"{"store_name": "thumbs", "key": "k", "expires_at": {"$date": 0}, "#,
///     r#""value": [1, {"$numberInt": "2"}]}"#,
/// );
/// let now = Timestamp::from_millis(1_795_415_570_948);
/// let mut reader = Reader::new(line.as_bytes(), DEFAULT_COLLECTION, now)?;
/// let (position, record) = reader.next().expect("there is a line")?;
/// assert_eq!(position.to_string(), "line 1");
/// let Record::Entry(entry, value) = record else { panic!("this is an entry") };
/// assert_eq!(entry.expires_at, Some(Timestamp::from_millis(0)));
/// assert_eq!(entry.created_at, now);
/// assert_eq!(value, b"[1, 2]");
/// # Ok::<(), ecache_core::interchange::ReadError>(())
/// ```
pub struct Reader<R> {
    input: Chain<Cursor<Vec<u8>>, R>,
    framing: Framing,
    recorder: Recorder,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Begins to read `input`, whose documents belong to `collection`; our own
    /// lines say theirs.
    ///
    /// A document that does not say when it was created was created at `now`.
    ///
    /// # Errors
    ///
    /// Fails if `input` cannot be read, or holds none of the forms.
    pub fn new(mut input: R, collection: &str, now: Timestamp) -> Result<Self, ReadError> {
        let mut head = Vec::new();
        let read = input.by_ref().take(HEAD_SIZE).read_to_end(&mut head);
        read.map_err(|error| Problem::Io(error).at(Position::Line(1)))?;
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let mut input = Cursor::new(head.clone()).chain(input);
        let framing = Framing::recognise(&head, &mut input)?;
        Ok(Self {
            input,
            framing,
            recorder: Recorder::new(collection, now),
            buffer: Vec::new(),
            ended: false,
        })
    }

    /// Makes a record of what the framing has found.
    fn decode(&mut self, position: Position) -> Result<Record, ReadError> {
        let parts = parts(&self.framing, &self.buffer).map_err(|problem| problem.at(position))?;
        let record = self.recorder.record(parts);
        record.map_err(|Refused { error, address }| ReadError {
            position,
            address,
            problem: error.into(),
        })
    }
}

/// Takes a document apart.
fn parts<'a>(framing: &Framing, document: &'a [u8]) -> Result<Parts<'a>, Problem> {
    match framing {
        Framing::Bson { .. } => Ok(Parts::of_bson(bson::members(document)?)),
        Framing::Lines { .. } | Framing::Array { .. } => match Parts::of(document) {
            Some(parts) => Ok(parts),
            // The parser knows why.
            None => Err(DocumentError::not_an_object(&Json::parse(document)?).into()),
        },
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(Position, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.buffer.clear();
        let found = self
            .framing
            .next(&mut self.input, &mut self.buffer, MAX_LINE_SIZE);
        self.ended = !matches!(found, Ok(Some(_)));
        let decode = |position| Ok((position, self.decode(position)?));
        found.transpose().map(|position| position.and_then(decode))
    }
}
