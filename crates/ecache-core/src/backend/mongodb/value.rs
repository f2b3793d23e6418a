//! Values as FiftyOne keeps and reads them, and back.

use mongodb::bson::{DateTime, RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use xxhash_rust::xxh3::xxh3_64;

use super::MAX_SIZE;
use crate::error::{Error, Result};
use crate::mongo_types::bson;
use crate::time::Timestamp;
use crate::value::{Kind, Value};

/// Converts a time to MongoDB's form.
pub(super) fn date(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millis())
}

/// Converts a time from MongoDB's form.
pub(super) fn timestamp(date: DateTime) -> Timestamp {
    Timestamp::from_millis(date.timestamp_millis())
}

/// Converts a count to MongoDB's form, whose numbers are signed.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value as it is written.
pub(super) struct Encoded {
    /// A document with the value as its only element
    document: RawDocumentBuf,
    /// The length of its own bytes
    size: u64,
    pub checksum: i64,
    /// The value's own bytes, where what FiftyOne reads would not be spelled like them
    pub exact: Option<Vec<u8>>,
}

impl Encoded {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`Error::Unrepresentable`] for JSON that MongoDB has no form for, [`Error::TooLarge`].
    pub(super) fn new(kind: Kind, bytes: &[u8]) -> Result<Self> {
        let value = Value {
            kind,
            bytes: bytes.to_vec(),
        };
        let encoded = value.to_document("v");
        let encoded = encoded.map_err(|error| unrepresentable(&error))?;
        let size = bytes.len() as u64;
        let too_large = too_large(size, encoded.len(), encoded.len());
        if let Some(error) = too_large {
            return Err(error);
        }
        let document = RawDocumentBuf::from_bytes(encoded)
            .map_err(|error| unrepresentable(&error.to_string()))?;
        let element = element(&document);
        let checksum = checksum(element);
        let is_exact = decode_as(kind, element).is_ok_and(|again| again == bytes);
        Ok(Self {
            document,
            size,
            checksum,
            exact: (!is_exact).then_some(value.bytes),
        })
    }

    /// Returns the value.
    pub(super) fn value(&self) -> RawBsonRef<'_> {
        element(&self.document)
    }

    /// Refuses a document with the value, or a note on it, that is longer than MongoDB keeps.
    pub(super) fn check_size(&self, whole: &RawDocument) -> Result<()> {
        let whole = whole.as_bytes().len();
        let kept = self.document.as_bytes().len().min(whole);
        too_large(self.size, kept, whole).map_or(Ok(()), Err)
    }
}

/// Returns the error for a document that is longer than MongoDB keeps; it has `kept` bytes of a
/// value of `size` bytes.
fn too_large(size: u64, kept: usize, whole: usize) -> Option<Error> {
    let (kept, whole) = (kept as u64, whole as u64);
    (whole > MAX_SIZE).then(|| {
        // The limit is one of documents: scaled to the value, which takes more room in MongoDB.
        let room = MAX_SIZE.saturating_sub(whole - kept);
        let limit = size.saturating_mul(room) / kept.max(1);
        Error::TooLarge { size, limit }
    })
}

fn element(document: &RawDocumentBuf) -> RawBsonRef<'_> {
    let element = document.get("v").ok().flatten();
    element.expect("the document was made with it")
}

fn unrepresentable(why: &str) -> Error {
    Error::Unrepresentable(format!("MongoDB cannot keep the value: {why}"))
}

fn alone(element: RawBsonRef<'_>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("v"), element);
    document
}

/// Returns a checksum that distinguishes a value from others.
pub(super) fn checksum(element: RawBsonRef<'_>) -> i64 {
    xxh3_64(alone(element).as_bytes()).cast_signed()
}

/// Returns the length of a value that FiftyOne wrote: a text's own, and otherwise what its BSON
/// takes.
///
/// The same as the server computes for [`super::query::size`].
pub(super) fn size(element: RawBsonRef<'_>) -> u64 {
    match element {
        RawBsonRef::String(text) => text.len() as u64,
        // Within a document of its own, as all others are.
        RawBsonRef::Document(document) => document.as_bytes().len() as u64 + 8,
        RawBsonRef::Array(items) => items.as_bytes().len() as u64 + 8,
        element => alone(element).as_bytes().len() as u64,
    }
}

/// Calls `decode` with the type and the payload of a value.
fn with_payload<T>(
    element: RawBsonRef<'_>,
    decode: impl FnOnce(u8, &[u8]) -> std::result::Result<T, bson::BsonError>,
) -> Result<T> {
    let kind = element.element_type() as u8;
    let decoded = match element {
        RawBsonRef::Document(document) => decode(kind, document.as_bytes()),
        RawBsonRef::Array(items) => decode(kind, items.as_bytes()),
        element => {
            // Behind its length, its type and its name, and before the end.
            let document = alone(element);
            let bytes = document.as_bytes();
            decode(kind, &bytes[7..bytes.len() - 1])
        }
    };
    decoded.map_err(|error| Error::Input(error.into()))
}

/// Returns the value that FiftyOne would read.
pub(super) fn decode(element: RawBsonRef<'_>) -> Result<Value> {
    match element {
        RawBsonRef::String(text) => Ok(Value::text(text)),
        element => with_payload(element, |kind, payload| {
            bson::stored(kind, payload).map(Value::from)
        }),
    }
}

/// Returns the kind of the value that FiftyOne would read, as [`decode`] does.
pub(super) fn kind(element: RawBsonRef<'_>) -> Kind {
    match element {
        RawBsonRef::String(_) => Kind::Text,
        RawBsonRef::Document(document) => {
            // Most documents are not bytes, which their first member says.
            let is_bytes = matches!(document.get_str("_cls"), Ok("bytes"))
                && decode(element).is_ok_and(|value| value.kind == Kind::Bytes);
            if is_bytes { Kind::Bytes } else { Kind::Json }
        }
        _ => Kind::Json,
    }
}

/// Returns a value as JSON text, whatever it is.
pub(super) fn json_text(element: RawBsonRef<'_>) -> Result<String> {
    with_payload(element, bson::text)
}

/// Returns the bytes of a value whose kind is known.
pub(super) fn decode_as(kind: Kind, element: RawBsonRef<'_>) -> Result<Vec<u8>> {
    if kind == Kind::Json {
        return json_text(element).map(String::into_bytes);
    }
    let value = decode(element)?;
    let is_kind = match kind {
        Kind::Command => value.kind == Kind::Bytes,
        kind => value.kind == kind,
    };
    if is_kind {
        Ok(value.bytes)
    } else {
        Err(unrepresentable("it is of another kind"))
    }
}
