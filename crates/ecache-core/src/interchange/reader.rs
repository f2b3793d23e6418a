//! Reads the documents of a file in whatever form it has.

use std::io::{BufRead, Chain, Cursor, Read};

use super::MAX_LINE_SIZE;
use super::errors::{DocumentError, DocumentPosition, Problem, ReadError};
use super::framing::{Framing, HEAD_SIZE};
use super::raw::Parts;
use super::record::{Recorder, Refused};
use crate::backend::Record;
use crate::mongo_types::bson;
use crate::python_json::Json;
use crate::time::Timestamp;

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

debug_fields!(impl[R] Reader<R> { ended });

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
        read.map_err(|error| Problem::Io(error).at(DocumentPosition::Line(1)))?;
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
    fn decode(&mut self, position: DocumentPosition) -> Result<Record, ReadError> {
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
    type Item = Result<(DocumentPosition, Record), ReadError>;

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
