//! The `_id` of a document: an ObjectId where FiftyOne wrote it, and any value otherwise.

use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, RawBsonRef, RawDocument, RawDocumentBuf, cstr};

use super::value;
use crate::time::Timestamp;

/// The `_id` of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum DocumentId {
    /// FiftyOne's
    Object(ObjectId),
    /// Another value, as the only one of a document
    Other(Arc<[u8]>),
}

impl DocumentId {
    /// Makes the id of a new document.
    pub(super) fn new() -> Self {
        Self::Object(ObjectId::new())
    }

    /// Reads the id that a field holds.
    pub(super) fn read(raw: &RawDocument, field: &str) -> Option<Self> {
        Some(Self::of(raw.get(field).ok()??))
    }

    pub(super) fn of(value: RawBsonRef<'_>) -> Self {
        if let RawBsonRef::ObjectId(id) = value {
            return Self::Object(id);
        }
        let mut alone = RawDocumentBuf::new();
        alone.append(cstr!("_id"), value);
        Self::Other(alone.as_bytes().into())
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
            DocumentId::Other(alone) => {
                let alone = RawDocument::from_bytes(&alone).ok();
                let id = alone.and_then(|alone| alone.get("_id").ok()?);
                // An id that is not UTF-8 cannot be sent, and no document has this one.
                id.and_then(|id| Self::try_from(id).ok())
                    .unwrap_or(Self::Undefined)
            }
        }
    }
}
