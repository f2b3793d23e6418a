//! A file beside the store that is given up when the disk is full.
//!
//! In WAL mode SQLite cannot delete on a full disk: a deletion is written to the log first. The reserve
//! is the space for that log, so that clearing works when it is needed most.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::open::with_suffix;

/// Bytes put by; a batch of removals with its index pages fits.
const SIZE: usize = 512 * 1024;

/// With less than this left, in bytes, the reserve would take what entries still need.
const SPARE: u64 = 2 * SIZE as u64;

/// With less than this left, in bytes, a removal gives its space back before anything else.
const LOW: u64 = 16 * 1024 * 1024;

/// Whether the disk is so full that a removal may need the reserve.
pub(super) fn is_needed(store: &Path) -> bool {
    // Where it cannot be known, a removal that fails will tell.
    has_less_than(store, LOW)
}

fn has_less_than(store: &Path, bytes: u64) -> bool {
    let free = |disk: rustix::fs::StatVfs| disk.f_bavail.saturating_mul(disk.f_frsize);
    rustix::fs::statvfs(store).is_ok_and(|disk| free(disk) < bytes)
}

/// Puts the reserve by, unless it is there. Best effort: without space there is none to reserve.
pub(super) fn create(store: &Path) {
    let path = with_suffix(store, "-reserve");
    if fs::symlink_metadata(&path).is_ok_and(|file| file.is_file() && file.len() == SIZE as u64) {
        return;
    }
    // Another length is what a process left that was killed or had no space: nothing that can be relied on.
    release(store);
    if has_less_than(store, SPARE) {
        return;
    }
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    let Ok(mut file) = file else { return };
    // Bytes that are not zero, so that no file system makes a hole of them.
    let written = file
        .write_all(&vec![0xec; SIZE])
        .and_then(|()| file.sync_all());
    if written.is_err() {
        release(store);
    }
}

/// Gives the reserve up.
pub(super) fn release(store: &Path) {
    // Where it cannot be removed, the removal that needs it says that the disk is full.
    let _ = fs::remove_file(with_suffix(store, "-reserve"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_that_is_not_whole_is_made_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = folder.path().join("store.db");
        fs::write(&store, "").expect("a file");
        let reserve = with_suffix(&store, "-reserve");
        fs::write(&reserve, "short").expect("a file");
        create(&store);
        assert_eq!(fs::read(&reserve).expect("a reserve").len(), SIZE);
        fs::remove_file(&reserve).expect("removed");
        let target = folder.path().join("target");
        fs::write(&target, vec![0; SIZE]).expect("a file");
        std::os::unix::fs::symlink(&target, &reserve).expect("a link");
        create(&store);
        let made = fs::symlink_metadata(&reserve).expect("a reserve");
        assert!(made.is_file() && target.is_file());
    }
}
