//! Documents with field names that are not UTF-8: the driver reads none of their fields from the
//! first such name on.

use std::borrow::Cow;

use mongodb::bson::{RawDocument, RawDocumentBuf};

use super::id::{append, ended};
use crate::mongo_types::element::kind;

/// Returns a document of which each field can be read: one whose name is not UTF-8 gets another
/// one, which is none of FiftyOne's.
pub(super) fn readable(raw: &RawDocument) -> Cow<'_, RawDocument> {
    if raw.iter_elements().all(|element| element.is_ok()) {
        return Cow::Borrowed(raw);
    }
    match renamed(raw.as_bytes()) {
        Some(renamed) => Cow::Owned(renamed),
        None => Cow::Borrowed(raw),
    }
}

/// Replaces the bytes of names that are not UTF-8; `None` if the document is damaged.
fn renamed(document: &[u8]) -> Option<RawDocumentBuf> {
    let mut rest = document.get(4..document.len().checked_sub(1)?)?;
    let mut renamed = vec![0; 4];
    while let Some((kind, named)) = rest.split_first() {
        let end = named.iter().position(|byte| *byte == 0)?;
        let (name, value) = (&named[..end], &named[end + 1..]);
        let (value, others) = value.split_at_checked(size(*kind, value)?)?;
        append(&mut renamed, *kind, &String::from_utf8_lossy(name), value);
        rest = others;
    }
    RawDocumentBuf::from_bytes(ended(renamed)).ok()
}

/// Returns the number of bytes of the value that some bytes begin with.
fn size(kind: u8, bytes: &[u8]) -> Option<usize> {
    let length = || {
        let length = i32::from_le_bytes(*bytes.first_chunk()?);
        usize::try_from(length).ok()
    };
    let text = |bytes: &[u8]| Some(bytes.iter().position(|byte| *byte == 0)? + 1);
    Some(match kind {
        kind::DOUBLE | kind::DATE | kind::TIMESTAMP | kind::INT64 => 8,
        kind::STRING | kind::CODE | kind::SYMBOL => length()?.checked_add(4)?,
        kind::DOCUMENT | kind::ARRAY | kind::CODE_WITH_SCOPE => length()?,
        kind::BINARY => length()?.checked_add(5)?,
        kind::UNDEFINED | kind::NULL | kind::MIN_KEY | kind::MAX_KEY => 0,
        kind::OBJECT_ID => 12,
        kind::BOOL => 1,
        kind::REGEX => {
            let pattern = text(bytes)?;
            pattern + text(&bytes[pattern..])?
        }
        kind::DB_POINTER => length()?.checked_add(16)?,
        kind::INT32 => 4,
        kind::DECIMAL128 => 16,
        _ => return None,
    })
}
