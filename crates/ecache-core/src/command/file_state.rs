//! The content of a file as a hash, and its metadata, by which a change is noticed between hashing
//! the file and the end of the command that read it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

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

/// Hashes the whole content of a file, and leaves its offset where it is.
pub(super) fn content_hash(file: &File) -> io::Result<[u8; 32]> {
    let (mut hash, mut position) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read_at(&mut buffer, position) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => {
                hash.update(&buffer[..count]);
                position += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
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
