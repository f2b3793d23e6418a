//! Entries in FiftyOne's own database.
//!
//! A collection of ours is a collection of FiftyOne's: an entry is one document with FiftyOne's
//! fields and no others, since FiftyOne raises on a field that it does not know. Further
//! metadata of an entry (the kind of its value, its scopes, arguments, hits) is its *note*, a
//! document in the side collection `<collection>.ecache`.
//!
//! Designs weighed for this metadata: a field of our own in the document (FiftyOne fails to read
//! it); one note per entry, overwritten in place (a reader between the two writes would combine the
//! new value with the old kind, and take bytes for an ordinary dict); and this one:
//! **a note belongs to one version of one document**. It names the document's `_id`, the time of
//! the write and a checksum of the value, is written before the document, and is removed after the
//! next one. So a reader of a document finds the note of exactly that version, or none; and when
//! FiftyOne overwrites a document, which always moves `updated_at`, the note is ignored from then
//! on. A document without a note is an entry all the same, as FiftyOne means it.
//!
//! Designs weighed for filters: translating each one to MongoDB's query language (a second
//! definition of which entries are meant, with joins for the scopes), and this one: a query that
//! uses FiftyOne's indexes and selects at least the matching entries, and
//! [`Filter::matches`](crate::filter::Filter::matches) on its results, which are read without
//! values.
//!
//! A single server has no transactions, and none are used. A write to one entry is atomic by the
//! unique index and by repeating the read fields as conditions of the update. A removal repeats its
//! conditions, so that renewed entries stay. An import that is to be whole is read and checked to
//! its end before its first write.
//!
//! The collection `ecache` has the counters: of all changes (for
//! [`ObserveBackend::change_token`](crate::backend::ObserveBackend::change_token)), and of each
//! store its generation and the outcomes of calls, and the log of operations. FiftyOne's own writes
//! and MongoDB's removal of expired documents move neither: a memory tier notices those no earlier
//! than its own copy expires.
//!
//! A backend that is opened for writing reads from the primary, whatever read preference the URI
//! has: a decision to write or remove must not rest on a secondary that lags behind.
//!
//! Calls block, and must not be made on a thread that drives tokio's tasks: `driver` has a runtime
//! of its own.

mod change_counters;
mod change_stream;
mod chosen;
mod collections;
mod connection;
mod document;
mod driver;
mod failure;
mod field_names;
mod id;
mod import;
mod indexes;
mod interned;
mod lookup;
mod maintain;
mod moved_counts;
mod name;
mod new_version;
mod operations;
mod periods;
mod query;
mod read;
mod remove;
mod rename;
mod scan;
mod side_document;
mod stats;
mod stores;
mod uri;
mod usage;
mod value;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::RawDocumentBuf;
use mongodb::{Collection, Database};

use super::Access;
use crate::error::{Result, Unsupported};
use crate::scope::StoreAddress;

pub use connection::DEFAULT_DATABASE;
use driver::Driver;

/// The longest value, in bytes: that of the longest document that MongoDB keeps.
#[doc(hidden)]
pub const MAX_SIZE: u64 = 16 << 20;

/// Maximum number of documents in a batch.
const BATCH: usize = 1000;

/// Maximum number of bytes of documents in a batch to write.
const BATCH_SIZE: usize = 16 << 20;

/// Maximum number of attempts at a write while others write the same entry.
const ATTEMPTS: usize = 32;

/// A database of a MongoDB server.
pub struct MongoBackend {
    driver: Arc<Driver>,
    database: Database,
    /// The servers' names, for messages
    host: Arc<str>,
    access: Access,
    /// Collections that are known to have their indexes
    indexed: Arc<Mutex<HashSet<String>>>,
    /// Collections that are known to be no other application's
    stores: Arc<Mutex<HashSet<String>>>,
    /// The stores that an operation has changed, while it is logged
    changed: Option<Changed>,
}

debug_fields!(MongoBackend { host, access });

/// Stores that were changed.
type Changed = Arc<Mutex<BTreeSet<Arc<StoreAddress>>>>;

impl MongoBackend {
    /// Connects to the database of a URI, as in `mongodb://localhost:27017/fiftyone`.
    ///
    /// Without a time-out in the URI, waits up to 5 seconds for a server, or until every one has
    /// refused.
    ///
    /// # Errors
    /// Fails with [`InvalidLocation`](crate::error::Error::InvalidLocation) if the URI is invalid,
    /// and with [`Unreachable`](crate::error::Error::Unreachable) if no server answers.
    pub fn open(uri: &str, access: Access) -> Result<Self> {
        connection::open(uri, access, None)
    }

    /// Connects as [`MongoBackend::open`] does, but waits at most `patience` for a server.
    ///
    /// # Errors
    /// Fails like [`MongoBackend::open`].
    pub fn open_within(uri: &str, access: Access, patience: Duration) -> Result<Self> {
        connection::open(uri, access, Some(patience))
    }

    /// Returns the names of the options of a URI that have no meaning here, and are ignored.
    #[doc(hidden)]
    #[must_use]
    pub fn ignored_options(uri: &str) -> Vec<String> {
        uri::parse(uri).map_or(Vec::new(), |(_, ignored)| ignored)
    }

    /// Returns the collection of that name, for its documents.
    fn documents(&self, collection: &str) -> Result<Collection<RawDocumentBuf>> {
        self.check_store(collection)?;
        Ok(self.database.collection(collection))
    }

    /// Returns the notes on a collection's documents.
    fn notes(&self, collection: &str) -> Result<Collection<RawDocumentBuf>> {
        self.check_store(collection)?;
        Ok(self
            .database
            .collection(&side_document::collection(collection)))
    }

    fn check_writable(&self) -> Result<()> {
        match self.access {
            Access::Write | Access::WriteDurably => Ok(()),
            Access::Read => Err(Unsupported::ReadOnly.into()),
        }
    }
}
