//! Values as FiftyOne keeps and reads them, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, cstr,
};
use xxhash_rust::xxh3::xxh3_64;

use super::MAX_SIZE;
use crate::error::{Error, Result};
use crate::interchange;
use crate::python_json::{Json, PyString, write_float, write_integer, write_string};
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
        // Within a document of its own, as all others are.
        RawBsonRef::Document(document) => document.as_bytes().len() as u64 + 8,
        RawBsonRef::Array(items) => items.as_bytes().len() as u64 + 8,
        element => alone(element).as_bytes().len() as u64,
    }
}

/// The value that FiftyOne would read.
pub(super) fn decode(element: RawBsonRef<'_>) -> Result<Value> {
    match element {
        RawBsonRef::String(text) => return Ok(Value::text(text)),
        RawBsonRef::Document(document) if is_tagged_bytes(document) => {}
        element => {
            if let Some(bytes) = plain(element) {
                let kind = Kind::Json;
                return Ok(Value { kind, bytes });
            }
        }
    }
    let document = alone(element);
    interchange::value_of_bson(document.as_bytes()).map_err(|error| Error::Input(error.into()))
}

fn is_tagged_bytes(document: &RawDocument) -> bool {
    document.get_str("_cls").is_ok_and(|class| class == "bytes")
}

/// A value as JSON text, whatever it is.
pub(super) fn json_text(element: RawBsonRef<'_>) -> Result<String> {
    if let Some(text) = plain(element) {
        return Ok(String::from_utf8(text).expect("json.dumps writes ASCII"));
    }
    let document = alone(element);
    interchange::json_of_bson(document.as_bytes()).map_err(|error| Error::Input(error.into()))
}

/// The JSON text of a value that holds nothing but what JSON has a form for, as nearly all do; `None` for others.
///
/// Three times as fast as by way of [`Json`], which is what an export would spend most of its time with.
fn plain(element: RawBsonRef<'_>) -> Option<Vec<u8>> {
    // As text it is about as long.
    let mut out = Vec::with_capacity(usize::try_from(size(element)).unwrap_or(0));
    write_plain(element, MAX_PLAIN_DEPTH, &mut out)?;
    Some(out)
}

/// What is nested deeper is left to [`Json`].
const MAX_PLAIN_DEPTH: u32 = 32;

/// Of more names than these, whether one is repeated is left to [`Json`].
const MAX_PLAIN_NAMES: usize = 64;

fn write_plain(element: RawBsonRef<'_>, depth: u32, out: &mut Vec<u8>) -> Option<()> {
    match element {
        RawBsonRef::Null => out.extend_from_slice(b"null"),
        RawBsonRef::Boolean(true) => out.extend_from_slice(b"true"),
        RawBsonRef::Boolean(false) => out.extend_from_slice(b"false"),
        RawBsonRef::Int32(value) => write_integer(value, out),
        RawBsonRef::Int64(value) => write_integer(value, out),
        RawBsonRef::Double(value) => write_float(value, out),
        RawBsonRef::String(text) => write_string(text.as_bytes(), out),
        RawBsonRef::Array(items) => {
            let depth = depth.checked_sub(1)?;
            out.push(b'[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                write_plain(item.ok()?, depth, out)?;
            }
            out.push(b']');
        }
        RawBsonRef::Document(document) => {
            let depth = depth.checked_sub(1)?;
            let mut names: Vec<&str> = Vec::new();
            out.push(b'{');
            for member in document {
                let (name, value) = member.ok()?;
                let name = name.as_str();
                // A `$` may begin the name of a type.
                let is_other = name.starts_with('$') || names.contains(&name);
                if is_other || names.len() == MAX_PLAIN_NAMES {
                    return None;
                }
                if !names.is_empty() {
                    out.extend_from_slice(b", ");
                }
                names.push(name);
                write_string(name.as_bytes(), out);
                out.extend_from_slice(b": ");
                write_plain(value, depth, out)?;
            }
            out.push(b'}');
        }
        _ => return None,
    }
    Some(())
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

#[cfg(test)]
mod tests {
    use mongodb::bson::{doc, oid::ObjectId};
    use proptest::prelude::*;

    use super::*;

    /// Values of every kind that is written at once or not, some with names that may be those of types.
    fn values() -> impl Strategy<Value = Bson> {
        let leaf = prop_oneof![
            Just(Bson::Null),
            any::<bool>().prop_map(Bson::from),
            any::<i32>().prop_map(Bson::from),
            any::<i64>().prop_map(Bson::from),
            any::<f64>().prop_map(Bson::from),
            "\\PC{0,6}|[\u{0}-\u{ff}]{0,6}|bytes".prop_map(Bson::from),
            (0_i64..4_000_000_000_000).prop_map(|time| DateTime::from_millis(time).into()),
            any::<[u8; 12]>().prop_map(|id| ObjectId::from_bytes(id).into()),
        ];
        let name = || "[a-c]|\\$oid|\\$date|_cls|value|é";
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Bson::from),
                proptest::collection::vec((name(), inner), 0..5)
                    .prop_map(|members| Bson::from(members.into_iter().collect::<Document>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_at_once_is_what_the_long_way_says(value in values()) {
            let raw = RawDocumentBuf::try_from(doc! { "v": value }).expect("a document");
            let element = raw.get("v").expect("valid").expect("a value");
            let text = json_text(element).map_err(|error| error.to_string());
            let slowly = interchange::json_of_bson(raw.as_bytes());
            prop_assert_eq!(text, slowly.map_err(|error| Error::Input(error.into()).to_string()));
            let value = decode(element).map_err(|error| error.to_string());
            let slowly = interchange::value_of_bson(raw.as_bytes());
            prop_assert_eq!(value, slowly.map_err(|error| Error::Input(error.into()).to_string()));
        }
    }

    #[test]
    fn what_is_deep_wide_or_repeated_is_left_to_the_long_way() {
        let deep = (0..=MAX_PLAIN_DEPTH).fold(Bson::Null, |inner, _| Bson::Array(vec![inner]));
        let wide: Document = (0..=MAX_PLAIN_NAMES)
            .map(|number| (number.to_string(), Bson::Null))
            .collect();
        let mut repeated = RawDocumentBuf::new();
        repeated.append(cstr!("a"), 1);
        repeated.append(cstr!("a"), 2);
        for value in [deep, wide.into()] {
            let raw = RawDocumentBuf::try_from(doc! { "v": value }).expect("a document");
            let element = raw.get("v").expect("valid").expect("a value");
            assert_eq!(plain(element), None);
            assert!(json_text(element).is_ok());
        }
        let repeated = RawBsonRef::Document(&repeated);
        assert_eq!(plain(repeated), None);
        assert!(json_text(repeated).is_err());
    }
}
