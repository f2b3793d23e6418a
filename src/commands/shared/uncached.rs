//! Counts the runs without the cache. `ecache run` says nothing of them, `ecache stats` tells how
//! many there were.
//!
//! A store in trouble cannot count, so each count is a file beside it: one byte is appended for
//! each run, and the modification time is that of the last. Processes append at the same time
//! without losing a byte, and on a full disk there mostly is room in the last block. Best effort:
//! without a writable folder, nothing is counted.

use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use ecache_core::sidecar::{Purpose, Sidecar};
use ecache_core::time::Timestamp;

/// Why a command ran without the cache although it was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Uncached {
    /// The cache failed.
    Trouble,
    /// The command reads an input that cannot be part of a key; nothing is wrong.
    Unkeyed,
}

impl Uncached {
    /// Counts one more run.
    pub(in crate::commands) fn count(self, store: &Path) {
        let file = self.sidecar().open(store, Purpose::Append);
        let _ = file.and_then(|mut file| file.write_all(b"."));
    }

    /// Returns the number of such runs and the time of the last, if there were any.
    pub(in crate::commands) fn counted(self, store: &Path) -> Option<(u64, Timestamp)> {
        let file = self.sidecar().open(store, Purpose::Read).ok()?;
        let file = file.metadata().ok()?;
        let modified = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let last = i64::try_from(modified.as_millis()).ok()?;
        (file.len() > 0).then_some((file.len(), Timestamp::from_millis(last)))
    }

    fn sidecar(self) -> Sidecar {
        match self {
            Self::Trouble => Sidecar::Troubles,
            Self::Unkeyed => Sidecar::Bypasses,
        }
    }
}
