//! Entries in files: reads those of other tools, and reads and writes our own.
//!
//! [`Reader`] takes MongoDB's exports in every form, and ecache's own lines; [`write_entry`] and
//! [`write_store`] write these. Nothing here knows a backend: a reader returns a
//! [`Record`](crate::backend::Record), and nothing that is read is ever executed.

mod errors;
mod fields;
mod framing;
mod raw;
mod reader;
mod record;
mod write;

pub use crate::mongo_types::bson::{BsonError, BsonFault};
pub use crate::mongo_types::extended_json::ExtendedJsonError;
pub use errors::{DocumentError, DocumentPosition, Problem, ReadError};
pub use reader::Reader;
pub use write::{TooLarge, check_size, write_entry, write_store};

/// The size of the longest line, and of the largest element of an array, that is read or written,
/// in bytes.
///
/// A store keeps larger values than MongoDB does, whose limit is 16 MiB, and a line is held in
/// memory as a whole.
pub const MAX_LINE_SIZE: usize = 1 << 30;

/// The size of the largest BSON document that is read, in bytes.
///
/// MongoDB's limit is a quarter of it. It keeps the fourth byte of a document below any of a text.
const MAX_BSON_SIZE: usize = 64 << 20;
