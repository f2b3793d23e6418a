//! The state of a file as its metadata tells it, to notice changes between hashing a file and the
//! end of the command that read it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Maximum distance of two changes that leave the same times: a file system takes them from a clock
/// that advances once per tick, which is 10 ms or less.
const TICK: Duration = Duration::from_millis(20);

/// Metadata of a file that differs after a write to it, or if another file took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// The file changed so recently that the next change may leave the same times
    is_recent: bool,
}

impl FileState {
    /// Returns the state before a file is read. `before` is a time before the metadata was read.
    pub(super) fn new(metadata: &Metadata, before: SystemTime) -> Self {
        let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
        let nanos = u32::try_from(metadata.ctime_nsec()).unwrap_or(0);
        let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos));
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            is_recent: changed.is_none_or(|changed| changed + TICK >= before),
        }
    }

    /// Reports whether a file that has this state now cannot have changed since it had `before`.
    pub(super) fn is_surely(&self, before: &Self) -> bool {
        let unchanged = Self {
            is_recent: self.is_recent,
            ..*before
        };
        !before.is_recent && *self == unchanged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_same_tick_may_have_changed() {
        let file = tempfile::tempfile().expect("a file");
        let metadata = file.metadata().expect("its metadata");
        let now = SystemTime::now();
        let recent = FileState::new(&metadata, now);
        let old = FileState::new(&metadata, now + TICK + TICK);
        assert!(!recent.is_surely(&recent));
        assert!(!old.is_surely(&recent));
        assert!(old.is_surely(&old));
        assert!(recent.is_surely(&old));
        let other = tempfile::tempfile().expect("another file");
        let other = FileState::new(&other.metadata().expect("its metadata"), now);
        assert!(!other.is_surely(&old));
    }
}
