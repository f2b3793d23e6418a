//! Notes: metadata of one version of one document, in the side collection.

use std::sync::Arc;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocument, RawDocumentBuf, doc};

use super::id::{DocumentId, raw};
use super::value::{Encoded, date, number, timestamp};
use crate::entry::{Entry, MAX_COUNT};
use crate::error::Result;
use crate::scope::Scopes;
use crate::time::Timestamp;
use crate::value::Kind;

/// The suffix of the name of a collection of notes.
pub(super) const SUFFIX: &str = ".ecache";

/// Returns the name of the collection that has the notes on a collection.
pub(super) fn collection(of: &str) -> String {
    format!("{of}{SUFFIX}")
}

/// A note.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// Its own name
    pub id: ObjectId,
    /// The document's
    pub entry: DocumentId,
    /// The time at which the version was written
    pub written_at: Timestamp,
    /// The version as ecache wrote it; `None` for a document of FiftyOne's, whose note has hits
    /// only
    pub wrote: Option<Wrote>,
    pub last_used_at: Option<Timestamp>,
    pub hits: u64,
    pub saved_ms: u64,
}

/// Metadata of a version that ecache wrote.
#[derive(Clone, Debug)]
pub(super) struct Wrote {
    pub kind: Kind,
    pub size: u64,
    pub checksum: i64,
    /// The value's bytes, if the document's value does not decode to exactly these
    pub exact: Option<Vec<u8>>,
    pub scopes: Scopes,
    pub function: Option<Arc<str>>,
    pub args: Option<String>,
    pub cost_ms: Option<u64>,
}

impl Note {
    /// Returns a note on the version of a document that is about to be written.
    pub(super) fn new(document: DocumentId, entry: &Entry, size: u64, encoded: &Encoded) -> Self {
        Self {
            id: ObjectId::new(),
            entry: document,
            written_at: entry.written_at(),
            wrote: Some(Wrote {
                kind: entry.kind,
                size,
                checksum: encoded.checksum,
                exact: encoded.exact.clone(),
                scopes: entry.scopes.clone(),
                function: entry.function.clone(),
                args: entry.args.clone(),
                cost_ms: entry.cost_ms.map(|cost| cost.min(MAX_COUNT)),
            }),
            last_used_at: entry.last_used_at,
            hits: entry.hits.min(MAX_COUNT),
            saved_ms: entry.saved_ms.min(MAX_COUNT),
        }
    }

    /// Encodes the note on a version with that value.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::error::Error::TooLarge) if it is longer than MongoDB keeps.
    pub(super) fn encode(&self, encoded: &Encoded) -> Result<RawDocumentBuf> {
        let note = raw(&self.to_document());
        encoded.check_size(&note)?;
        Ok(note)
    }

    /// Converts the note to its document.
    pub(super) fn to_document(&self) -> Document {
        let mut document = doc! {
            "_id": self.id,
            "entry": self.entry.clone(),
            "written_at": date(self.written_at),
            "last_used_at": self.last_used_at.map(date),
            "hits": number(self.hits),
            "saved_ms": number(self.saved_ms),
        };
        if let Some(wrote) = &self.wrote {
            document.extend(wrote.to_document());
        }
        document
    }

    /// Reads one; `None` if it is none of ours.
    pub(super) fn read(raw: &RawDocument) -> Option<Self> {
        let time = |name: &str| raw.get_datetime(name).ok().map(timestamp);
        let count = |name: &str| u64::try_from(raw.get_i64(name).ok()?).ok();
        let text = |name: &str| raw.get_str(name).ok();
        let name = |name: &str| text(name).map(Arc::from);
        let wrote = || {
            Some(Wrote {
                kind: text("kind")?.parse().ok()?,
                size: count("size")?,
                checksum: raw.get_i64("checksum").ok()?,
                exact: raw
                    .get_binary("exact")
                    .ok()
                    .map(|exact| exact.bytes.to_vec()),
                scopes: Scopes {
                    user_id: name("user_id"),
                    operator_uri: name("operator_uri"),
                    prompt_id: name("prompt_id"),
                    jwt_sha256: raw
                        .get_binary("jwt_sha256")
                        .ok()
                        .and_then(|hash| hash.bytes.try_into().ok()),
                },
                function: name("function"),
                args: text("args").map(String::from),
                cost_ms: count("cost_ms"),
            })
        };
        Some(Self {
            id: raw.get_object_id("_id").ok()?,
            entry: DocumentId::read(raw, "entry")?,
            written_at: time("written_at")?,
            wrote: wrote(),
            last_used_at: time("last_used_at"),
            hits: count("hits").unwrap_or(0),
            saved_ms: count("saved_ms").unwrap_or(0),
        })
    }
}

impl Wrote {
    fn to_document(&self) -> Document {
        let binary = |bytes: &[u8]| Binary {
            subtype: BinarySubtype::Generic,
            bytes: bytes.to_vec(),
        };
        let mut document = doc! {
            "kind": self.kind.as_str(),
            "size": number(self.size),
            "checksum": self.checksum,
        };
        let Scopes {
            user_id,
            operator_uri,
            prompt_id,
            jwt_sha256,
        } = &self.scopes;
        let text = |text: &Option<Arc<str>>| text.as_deref().map(Bson::from);
        let known = [
            ("user_id", text(user_id)),
            ("operator_uri", text(operator_uri)),
            ("prompt_id", text(prompt_id)),
            ("jwt_sha256", jwt_sha256.map(|hash| binary(&hash).into())),
            ("function", text(&self.function)),
            ("args", self.args.as_deref().map(Bson::from)),
            ("cost_ms", self.cost_ms.map(|cost| number(cost).into())),
            (
                "exact",
                self.exact.as_deref().map(|exact| binary(exact).into()),
            ),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                document.insert(name, value);
            }
        }
        document
    }
}
