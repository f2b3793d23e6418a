//! A file beside the store that is given up when the disk is full.
//!
//! In WAL mode SQLite cannot delete on a full disk: a deletion is written to the log first. The
//! reserve is the space for that log, so that clearing works when it is needed most.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::sidecar::{OpenPurpose, Sidecar};

/// Size of the reserve in bytes; a batch of removals with its index pages fits.
const SIZE: usize = 512 * 1024;

/// Bytes of the reserve lent for opening the store: the size of the index of a full log.
const LOAN: u64 = 64 * 1024;

/// Free space, in bytes, below which a reserve would take what entries still need.
const SPARE: u64 = 2 * SIZE as u64;

/// Free space, in bytes, below which a removal gives its space back before anything else.
const LOW: u64 = 16 * 1024 * 1024;

/// Reports whether the disk is so full that a removal may need the reserve.
pub(in super::super) fn is_needed(store: &Path) -> bool {
    !has_space(store, LOW)
}

/// Reports whether `bytes` are free. If that is unknown, returns `true`: a failing write reports
/// it.
pub(in super::super) fn has_space(store: &Path, bytes: u64) -> bool {
    let free = |disk: rustix::fs::StatVfs| disk.f_bavail.saturating_mul(disk.f_frsize);
    rustix::fs::statvfs(store).map_or(true, |disk| free(disk) >= bytes)
}

/// Creates the reserve, unless it exists or would take space that entries need. Best effort.
pub(in super::super) fn create(store: &Path) {
    if has_space(store, SPARE) {
        restore(store);
    }
}

/// Recreates the reserve after a removal, as large as the free space allows.
pub(in super::super) fn restore(store: &Path) {
    let path = Sidecar::Reserve.path(store);
    if fs::symlink_metadata(&path).is_ok_and(|file| file.is_file() && file.len() == SIZE as u64) {
        return;
    }
    // A killed process, or one without space, may have left a partial reserve.
    release(store);
    let Ok(mut file) = Sidecar::Reserve.open(store, OpenPurpose::Create) else {
        return;
    };
    // The bytes are not zero, so that no file system stores them as a hole. If not all of them fit,
    // a partial reserve is better than none.
    let _ = file
        .write_all(&vec![0xec; SIZE])
        .and_then(|()| file.sync_all());
}

/// Gives up a part of the reserve. Returns `false` if there was none.
pub(super) fn lend(store: &Path) -> bool {
    let file = Sidecar::Reserve.open(store, OpenPurpose::Change);
    let shorten = |file: fs::File| {
        let found = file.metadata()?;
        let is_lent = found.len() > 0;
        if is_lent {
            file.set_len(found.len().saturating_sub(LOAN))?;
        }
        io::Result::Ok(is_lent)
    };
    file.and_then(shorten).unwrap_or(false)
}

/// Gives the reserve up.
pub(in super::super) fn release(store: &Path) {
    // If it cannot be removed, the removal that needs it reports that the disk is full.
    let _ = fs::remove_file(Sidecar::Reserve.path(store));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_that_is_not_whole_is_made_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = folder.path().join("store.db");
        fs::write(&store, "").expect("a file");
        let reserve = Sidecar::Reserve.path(&store);
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
