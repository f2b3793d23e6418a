//! The form of what a file holds, which docs/format.md describes: schema, columns, checksums,
//! chunks.
//!
//! All others use these modules, and these use none of the others. `identify` refuses a file that
//! is not a store of this version. `damage` and `errors` tell damaged pages and rows from SQLite's
//! other errors.

pub(super) mod checksum;
pub(super) mod chunks;
pub(super) mod column;
pub(super) mod damage;
pub(super) mod encoding;
pub(super) mod entry_id;
pub(super) mod errors;
pub(super) mod identify;
pub(super) mod schema;
