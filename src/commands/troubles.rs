//! How often `ecache run` went without its cache: silent there, counted for `ecache stats`.
//!
//! The store itself may be what is in trouble, so the count is a file beside it: a byte for each time, appended, and its
//! modification time is the last. Two that count at once both do, and on a full disk there mostly is room for
//! a byte in a block that there is. Where there is no folder for a store, or none that can be written to,
//! nothing is counted.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ecache_core::time::Timestamp;

/// Counts one more.
pub(super) fn count(store: &Path) {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let file = options.custom_flags(libc::O_NOFOLLOW).open(path(store));
    // There is nobody to be told.
    let _ = file.and_then(|mut file| file.write_all(b"."));
}

/// How often there was trouble, and when it was the last time, if there was any.
pub(super) fn counted(store: &Path) -> Option<(u64, Timestamp)> {
    let file = fs::symlink_metadata(path(store)).ok()?;
    let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let last = i64::try_from(modified.as_millis()).ok()?;
    let is_any = file.is_file() && file.len() > 0;
    is_any.then_some((file.len(), Timestamp::from_millis(last)))
}

fn path(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push("-troubles");
    path.into()
}
