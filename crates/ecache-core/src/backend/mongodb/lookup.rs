//! Looks up single entries.

use mongodb::bson::{RawDocument, RawDocumentBuf};

use super::MongoBackend;
use super::document::read;
use super::driver::notes_on;
use super::id::DocumentId;
use super::interned::Stores;
use super::name::identity;
use super::side_document::Note;
use crate::backend::{CallBackend, Chunked, Content, Lookup, ReadBackend, Values};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::scope::Address;
use crate::time::Timestamp;

impl ReadBackend for MongoBackend {
    fn is_fiftyones(&self) -> bool {
        true
    }

    fn lookup(&self, address: &Address, now: Timestamp) -> Result<Lookup> {
        let Some(raw) = self.raw_document(address)? else {
            return Ok(Lookup::Missing);
        };
        let collection = &address.store.collection;
        let notes = match DocumentId::read(&raw, "_id") {
            Some(id) => self.notes_on(collection, id, Values::Include)?,
            None => Vec::new(),
        };
        let whole = read_whole(&raw, &notes, &mut Stores::of(collection));
        Ok(match whole {
            Some((entry, _)) if !entry.is_fresh(now) => Lookup::Stale(entry),
            Some((entry, Ok(content))) => Lookup::Hit(entry, content),
            Some((entry, Err(reason))) => Lookup::Foreign(entry, reason),
            None => Lookup::Missing,
        })
    }

    fn read_chunk(&self, _: &Chunked, _: u64, _: &mut Vec<u8>) -> Result<()> {
        // No value is handed out in chunks.
        Err(Error::Replaced)
    }
}

impl CallBackend for MongoBackend {}

impl MongoBackend {
    /// Returns the document of an address, whole.
    pub(super) fn raw_document(&self, address: &Address) -> Result<Option<RawDocumentBuf>> {
        let Address { store, key } = address;
        let documents = self.documents(&store.collection)?;
        self.run(documents.find_one(identity(store, key.as_str())?))
    }

    /// Returns the notes on one document, with the exact bytes of its value if `values` says so.
    pub(super) fn notes_on(
        &self,
        collection: &str,
        document: DocumentId,
        values: Values,
    ) -> Result<Vec<Note>> {
        let notes = self.notes(collection)?;
        let mut read = self.run(notes_on(&notes, std::slice::from_ref(&document), values))?;
        Ok(read.remove(&document).unwrap_or_default())
    }
}

/// Reads a document with its value, or why that has no form; `None` if it is none of a store.
pub(super) fn read_whole(
    raw: &RawDocument,
    notes: &[Note],
    stores: &mut Stores,
) -> Option<(Box<Entry>, Result<Content, String>)> {
    Some(read(raw, stores)?.whole(raw, notes))
}
