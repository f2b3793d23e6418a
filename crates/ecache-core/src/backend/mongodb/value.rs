//! Values as FiftyOne keeps and reads them, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawBsonRef, RawDocumentBuf, cstr};
use xxhash_rust::xxh3::xxh3_64;

use super::MAX_SIZE;
use crate::error::{Error, Result};
use crate::interchange;
use crate::python_json::{Json, PyString};
use crate::value::{Kind, Value};

/// A value as it is written.
pub(super) struct Encoded {
    pub bson: Bson,
    pub checksum: i64,
    /// The value's own bytes, where what FiftyOne reads would not be spelled like them
    pub exact: Option<Vec<u8>>,
}

impl Encoded {
    /// Encodes a value.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for JSON that MongoDB has no form for, [`Error::TooLarge`].
    pub(super) fn new(kind: Kind, bytes: &[u8]) -> Result<Self> {
        let stored = Value {
            kind,
            bytes: bytes.to_vec(),
        };
        let stored = stored
            .to_stored()
            .map_err(|error| unsupported(&format!("it is not JSON: {error}")))?;
        let bson = bson(stored)?;
        let raw = RawDocumentBuf::try_from(mongodb::bson::doc! { "v": bson.clone() })
            .map_err(|error| unsupported(&error.to_string()))?;
        // The rest of the document is its names and times.
        const BESIDE: u64 = 20 << 10;
        let (size, limit) = (bytes.len() as u64, MAX_SIZE - BESIDE);
        let kept = raw.as_bytes().len() as u64;
        if kept > limit {
            // As long as such a value may be: in MongoDB it is longer than by itself.
            let limit = size.saturating_mul(limit) / kept;
            return Err(Error::TooLarge { size, limit });
        }
        let element = raw.get("v").ok().flatten();
        let element = element.expect("it has just been put there");
        let is_exact = decode_as(kind, element).is_ok_and(|again| again == bytes);
        Ok(Self {
            bson,
            checksum: checksum(element),
            exact: (!is_exact).then(|| bytes.to_vec()),
        })
    }
}

fn unsupported(why: &str) -> Error {
    Error::Unsupported(format!("MongoDB cannot keep the value: {why}"))
}

fn alone(element: RawBsonRef<'_>) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("v"), element);
    document
}

/// Tells a value from others.
pub(super) fn checksum(element: RawBsonRef<'_>) -> i64 {
    xxh3_64(alone(element).as_bytes()).cast_signed()
}

/// The length of a value that FiftyOne wrote: a text's own, and otherwise what its BSON takes.
///
/// The same as the server computes for [`super::query::size`].
pub(super) fn size(element: RawBsonRef<'_>) -> u64 {
    match element {
        RawBsonRef::String(text) => text.len() as u64,
        element => alone(element).as_bytes().len() as u64,
    }
}

/// The value that FiftyOne would read.
pub(super) fn decode(element: RawBsonRef<'_>) -> Result<Value> {
    let document = alone(element);
    interchange::value_of_bson(document.as_bytes()).map_err(|error| Error::Input(error.into()))
}

/// A value as JSON text, whatever it is.
pub(super) fn json_text(element: RawBsonRef<'_>) -> Result<String> {
    let document = alone(element);
    interchange::json_of_bson(document.as_bytes()).map_err(|error| Error::Input(error.into()))
}

/// The bytes of a value whose kind is known.
pub(super) fn decode_as(kind: Kind, element: RawBsonRef<'_>) -> Result<Vec<u8>> {
    if kind == Kind::Json {
        return json_text(element).map(String::into_bytes);
    }
    let value = decode(element)?;
    let is_kind = match kind {
        Kind::Command => value.kind == Kind::Bytes,
        kind => value.kind == kind,
    };
    match is_kind {
        true => Ok(value.bytes),
        false => Err(unsupported("it is of another kind")),
    }
}

/// The BSON that the driver of Python would make of it; MongoDB's own types where it has their normal form.
fn bson(json: Json) -> Result<Bson> {
    Ok(match json {
        Json::Null => Bson::Null,
        Json::Bool(value) => Bson::Boolean(value),
        Json::Integer(value) => match i32::try_from(value) {
            Ok(value) => Bson::Int32(value),
            Err(_) => Bson::Int64(value),
        },
        Json::BigInteger(digits) => {
            return Err(unsupported(&format!(
                "an integer of {} digits has more than 64 bits",
                digits.trim_start_matches('-').len()
            )));
        }
        Json::Float(value) => Bson::Double(value),
        Json::String(text) => Bson::String(text_of(text)?),
        Json::Array(items) => Bson::Array(items.into_iter().map(bson).collect::<Result<Vec<_>>>()?),
        Json::Object(members) => match typed(&members) {
            Some(typed) => typed,
            None => Bson::Document(document(members)?),
        },
    })
}

fn document(members: Vec<(PyString, Json)>) -> Result<Document> {
    let mut document = Document::new();
    for (name, value) in members {
        let name = text_of(name)?;
        if name.contains('\0') {
            return Err(unsupported("a name in it has a NUL"));
        }
        document.insert(name, bson(value)?);
    }
    Ok(document)
}

fn text_of(text: PyString) -> Result<String> {
    let text = text.as_str().map(str::to_owned);
    text.ok_or_else(|| unsupported("a text in it has half of a character (a lone surrogate)"))
}

/// What JSON has no form for, in the form in which it is read from a database.
fn typed(members: &[(PyString, Json)]) -> Option<Bson> {
    let [(tag, content)] = members else {
        return None;
    };
    match tag.as_str()? {
        "$oid" => ObjectId::parse_str(content.as_str()?).ok().map(Bson::from),
        "$date" => {
            let millis = interchange::normal_date(content)?;
            Some(DateTime::from_millis(millis).into())
        }
        "$numberDecimal" => content.as_str()?.parse().ok().map(Bson::Decimal128),
        "$binary" => {
            let bytes = STANDARD.decode(content.get("base64")?.as_str()?).ok()?;
            let subtype = u8::from_str_radix(content.get("subType")?.as_str()?, 16).ok()?;
            Some(Bson::Binary(Binary {
                subtype: BinarySubtype::from(subtype),
                bytes,
            }))
        }
        _ => None,
    }
}
