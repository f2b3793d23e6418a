//! The file on disk, and the files beside it.
//!
//! `open` configures a connection to a file that `trust` finds safe and whose log has an intact
//! header (`wal_header`). `folder` detects that files were moved; `reserve` holds space for
//! clearing a full disk.

pub(super) mod folder;
pub(super) mod open;
pub(super) mod reserve;
pub(super) mod trust;
mod wal_header;
