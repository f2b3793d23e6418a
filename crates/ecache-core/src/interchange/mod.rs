//! Entries in files: reading those of others, reading and writing our own.
//!
//! [`Reader`] takes MongoDB's exports in every form, and ecache's own lines; [`write_entry`] and
//! [`write_store`] write these. Nothing here knows a backend: what is read is a
//! [`Record`](crate::backend::Record), and nothing that is read is ever executed.

mod bson;
mod decimal128;
mod extended_json;
mod framing;
mod parts;
mod reader;
mod record;
mod timestamp;
mod write;

#[cfg(feature = "mongodb")]
mod field;

#[cfg(feature = "mongodb")]
pub(crate) use field::{json_of_bson, normal_date, value_of_bson};

pub use bson::{BsonError, BsonFault};
pub use extended_json::ExtendedJsonError;
pub use framing::MAX_LINE_SIZE;
pub use reader::{Position, Problem, ReadError, Reader};
pub use record::DocumentError;
pub use write::{TooLarge, check_size, write_entry, write_fields, write_store};
