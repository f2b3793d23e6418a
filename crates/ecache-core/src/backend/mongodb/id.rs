//! The `_id` of a document: an ObjectId where FiftyOne wrote it, and any value otherwise.

use std::sync::{Arc, LazyLock};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawElement;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};

use super::value;
use crate::time::Timestamp;

/// The `_id` of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum DocumentId {
    /// FiftyOne's
    Object(ObjectId),
    /// The bytes of another value, as the only one of a document
    Other(Arc<[u8]>),
}

impl DocumentId {
    /// Makes the id of a new document.
    pub(super) fn new() -> Self {
        Self::Object(ObjectId::new())
    }

    /// Reads the id that a field holds.
    pub(super) fn read(raw: &RawDocument, field: &str) -> Option<Self> {
        let (element, bytes) =
            elements(raw).find(|(element, _)| element.key().as_str() == field)?;
        if let Ok(RawBsonRef::ObjectId(id)) = element.value() {
            return Some(Self::Object(id));
        }
        let mut alone = vec![0; 4];
        append(&mut alone, element.element_type() as u8, "_id", bytes);
        Some(Self::Other(ended(alone).into()))
    }

    /// Returns the time at which the id was made, if it says so.
    pub(super) fn created_at(&self) -> Option<Timestamp> {
        match self {
            Self::Object(id) => Some(value::timestamp(id.timestamp())),
            Self::Other(_) => None,
        }
    }

    /// Returns the id as a short text, or nothing if it has none.
    pub(super) fn text(&self) -> String {
        const MAX_LENGTH: usize = 100;
        match self {
            Self::Object(id) => id.to_hex(),
            Self::Other(alone) => {
                let alone = RawDocument::from_bytes(alone).ok();
                let id = alone.and_then(|alone| alone.get("_id").ok()?);
                let text = id.and_then(|id| value::json_text(id).ok());
                text.filter(|text| text.len() <= MAX_LENGTH)
                    .unwrap_or_default()
            }
        }
    }
}

impl From<DocumentId> for Bson {
    fn from(id: DocumentId) -> Self {
        match id {
            DocumentId::Object(id) => id.into(),
            DocumentId::Other(alone) => exact(&alone).unwrap_or_else(|| {
                let bytes = [PLACEHOLDER.bytes().as_slice(), &alone].concat();
                let subtype = BinarySubtype::UserDefined(SUBTYPE);
                Binary { subtype, bytes }.into()
            }),
        }
    }
}

/// The subtype of a placeholder, and the start of its bytes: no stored value has a new id.
const SUBTYPE: u8 = 0x80;
static PLACEHOLDER: LazyLock<ObjectId> = LazyLock::new(ObjectId::new);

/// Returns the value of the only field; `None` if encoding it would not give the same bytes, as
/// with text that is not UTF-8 or names that repeat.
fn exact(alone: &[u8]) -> Option<Bson> {
    let id = RawDocument::from_bytes(alone).ok()?.get("_id").ok()??;
    let id = Bson::try_from(id).ok()?;
    let encoded = RawDocumentBuf::try_from(&doc! { "_id": &id }).ok()?;
    (encoded.as_bytes() == alone).then_some(id)
}

/// Reports whether a command has placeholders of ids, so that only its raw form can be sent.
pub(super) fn has_placeholder(command: &Document) -> bool {
    command.values().any(is_placeholder)
}

fn is_placeholder(value: &Bson) -> bool {
    match value {
        Bson::Binary(Binary { bytes, .. }) => bytes.starts_with(&PLACEHOLDER.bytes()),
        Bson::Document(document) => has_placeholder(document),
        Bson::Array(values) => values.iter().any(is_placeholder),
        _ => false,
    }
}

/// Encodes a document for the server, with the bytes of each id.
pub(super) fn raw(document: &Document) -> RawDocumentBuf {
    let raw = RawDocumentBuf::try_from(document).expect("no name in it has a NUL");
    if !has_placeholder(document) {
        return raw;
    }
    RawDocumentBuf::from_bytes(with_ids(&raw)).expect("its length is right")
}

/// Returns the bytes of a document with the bytes of each id in the place of its placeholder.
fn with_ids(document: &RawDocument) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for (element, value) in elements(document) {
        let name = element.key().as_str();
        let kind = element.element_type() as u8;
        match element.value() {
            Ok(RawBsonRef::Binary(binary)) => {
                match binary.bytes.strip_prefix(&PLACEHOLDER.bytes()) {
                    Some(alone) => {
                        let (kind, value) = (alone[4], &alone[9..alone.len() - 1]);
                        append(&mut bytes, kind, name, value);
                    }
                    None => append(&mut bytes, kind, name, value),
                }
            }
            Ok(RawBsonRef::Document(inner)) => append(&mut bytes, kind, name, &with_ids(inner)),
            Ok(RawBsonRef::Array(_)) => {
                let inner = RawDocument::from_bytes(value).expect("an array is encoded as one");
                append(&mut bytes, kind, name, &with_ids(inner));
            }
            _ => append(&mut bytes, kind, name, value),
        }
    }
    ended(bytes)
}

/// Returns the fields of a document with the bytes of their values, which may have no other form.
fn elements(raw: &RawDocument) -> impl Iterator<Item = (RawElement<'_>, &[u8])> {
    let mut end = 4;
    let elements = raw.iter_elements().map_while(Result::ok);
    elements.map(move |element| {
        // The type, and the NUL after the name.
        let start = end + element.key().as_str().len() + 2;
        end = start + element.size();
        (element, &raw.as_bytes()[start..end])
    })
}

pub(super) fn append(document: &mut Vec<u8>, kind: u8, name: &str, value: &[u8]) {
    document.push(kind);
    document.extend_from_slice(name.as_bytes());
    document.push(0);
    document.extend_from_slice(value);
}

/// Ends a document that begins with four bytes for its length.
pub(super) fn ended(mut document: Vec<u8>) -> Vec<u8> {
    document.push(0);
    let length = i32::try_from(document.len()).expect("the server has a limit of 48 MB");
    document[..4].copy_from_slice(&length.to_le_bytes());
    document
}
