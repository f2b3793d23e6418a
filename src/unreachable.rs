//! Remembers for a while that a server is unreachable, so that not every `ecache run` waits for it.
//!
//! The marker is a file beside the other files of this user's runs; it counts by its existence and
//! its modification time.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use ecache_core::error::Error;
use ecache_core::sidecar::{OpenPurpose, Sidecar};
use ecache_core::time::Timestamp;

/// Time after which the server is tried again.
const MEMORY: Duration = Duration::from_secs(30);

/// Returns how long ago the server was found unreachable, if that is still remembered.
pub(crate) fn remembered(beside: &Path, now: Timestamp) -> Option<Duration> {
    let file = Sidecar::Down.open(beside, OpenPurpose::Read).ok()?;
    let modified = file.metadata().ok()?.modified().ok()?;
    let modified = modified.duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_millis(u64::try_from(now.as_millis()).ok()?);
    let ago = now.checked_sub(modified)?;
    (ago < MEMORY).then_some(ago)
}

/// Remembers an error that reports an unreachable server. Best effort.
pub(crate) fn remember(beside: &Path, error: &Error, now: Timestamp) {
    if !matches!(error, Error::Unreachable { .. }) {
        return;
    }
    let file = Sidecar::Down.open(beside, OpenPurpose::Share);
    let millis = u64::try_from(now.as_millis()).unwrap_or_default();
    let _ = file.and_then(|file| file.set_modified(UNIX_EPOCH + Duration::from_millis(millis)));
}

/// Removes the marker after the server was reached.
pub(crate) fn forget(beside: &Path) {
    let _ = fs::remove_file(Sidecar::Down.path(beside));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn unreachable() -> Error {
        Error::Unreachable {
            host: "h".into(),
            detail: "refused".into(),
        }
    }

    #[test]
    fn a_server_that_is_down_is_remembered_for_half_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let beside = folder.path().join("store");
        remember(&beside, &Error::Replaced, NOW);
        assert_eq!(remembered(&beside, NOW), None, "that is another trouble");
        remember(&beside, &unreachable(), NOW);
        let after = |millis| remembered(&beside, NOW.saturating_add(Duration::from_millis(millis)));
        assert_eq!(after(0), Some(Duration::ZERO));
        assert_eq!(after(29_999), Some(Duration::from_millis(29_999)));
        assert_eq!(after(30_000), None);
        let before = NOW.saturating_sub(Duration::from_millis(1));
        assert_eq!(remembered(&beside, before), None, "a clock was set back");
        remember(&beside, &unreachable(), NOW.saturating_add(MEMORY));
        assert!(after(30_000).is_some());
        forget(&beside);
        assert_eq!(after(30_000), None);
    }

    #[test]
    fn foreign_files_are_neither_believed_nor_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("target");
        fs::write(&target, "x").expect("a file");
        let before = fs::metadata(&target).expect("a file").modified().ok();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&target, Sidecar::Down.path(&link)).expect("a link");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, Sidecar::Down.path(&pipe), mode).expect("a pipe");
        let directory = folder.path().join("folder");
        fs::create_dir(Sidecar::Down.path(&directory)).expect("a folder");
        for beside in [link, pipe, directory] {
            remember(&beside, &unreachable(), NOW);
            assert_eq!(remembered(&beside, NOW), None, "{}", beside.display());
        }
        assert_eq!(
            fs::metadata(&target).expect("a file").modified().ok(),
            before
        );
    }
}
