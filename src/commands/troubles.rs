//! How often `ecache run` went without its cache: silent there, counted for `ecache stats`.
//!
//! The store itself may be what is in trouble, so the count is a file beside it: a byte for each time, appended, and its
//! modification time is the last. Two that count at once both do, and on a full disk there mostly is room for
//! a byte in a block that there is. Where there is no folder for a store, or none that can be written to,
//! nothing is counted.

use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use ecache_core::sidecar::{Purpose, Sidecar};
use ecache_core::time::Timestamp;

/// Counts one more.
pub(super) fn count(store: &Path) {
    let file = Sidecar::Troubles.open(store, Purpose::Append);
    // There is nobody to be told.
    let _ = file.and_then(|mut file| file.write_all(b"."));
}

/// How often there was trouble, and when it was the last time, if there was any.
pub(super) fn counted(store: &Path) -> Option<(u64, Timestamp)> {
    let file = Sidecar::Troubles.open(store, Purpose::Read).ok()?;
    let file = file.metadata().ok()?;
    let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let last = i64::try_from(modified.as_millis()).ok()?;
    (file.len() > 0).then_some((file.len(), Timestamp::from_millis(last)))
}
