//! Entries in files: reads those of other tools, and reads and writes our own.
//!
//! [`Reader`] takes MongoDB's exports in every form, and ecache's own lines; [`write_entry`] and
//! [`write_store`] write these. Nothing here knows a backend: a reader returns a
//! [`Record`](crate::backend::Record), and nothing that is read is ever executed.

mod fields;
mod framing;
mod raw;
mod reader;
mod record;
mod write;

pub use crate::mongo_types::bson::{BsonError, BsonFault};
pub use crate::mongo_types::extended_json::ExtendedJsonError;
pub use framing::MAX_LINE_SIZE;
pub use reader::{Position, Problem, ReadError, Reader};
pub use record::DocumentError;
pub use write::{TooLarge, check_size, write_entry, write_fields, write_store};
