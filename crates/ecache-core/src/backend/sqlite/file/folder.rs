//! Detects that files of a folder may have been created, renamed or removed.
//!
//! Each of these changes the folder's change time, as does renaming the folder itself. An `fstat`
//! on an open descriptor takes 0.2 µs; looking at two files by their paths takes 2 µs.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags, fstat, open};

/// Largest step of the clock with which file systems record changes, rounded up.
const STEP: Duration = Duration::from_millis(20);

/// A folder and the change time that it had when its files were last looked at.
pub(in super::super) struct Folder {
    descriptor: OwnedFd,
    /// `None` while a further change could still get the same time
    changed_at: Option<Duration>,
}

impl Folder {
    /// Opens the folder of a file; `None` if that fails, or if the file is elsewhere.
    pub(in super::super) fn of(file: &Path) -> Option<Self> {
        if file.is_symlink() {
            return None;
        }
        // Closing a descriptor of this kind releases no locks of the process.
        #[cfg(target_os = "linux")]
        let access = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        let access = OFlags::RDONLY;
        let flags = access | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = open(file.parent()?, flags, Mode::empty()).ok()?;
        Some(Self {
            descriptor,
            changed_at: None,
        })
    }

    /// Reports whether the folder is certain not to have changed since [`Folder::note`].
    pub(in super::super) fn is_unchanged(&self) -> bool {
        self.changed_at.is_some() && self.changed_at == self.change_time()
    }

    /// Notes the state of the folder. A caller looks at the files after that.
    pub(in super::super) fn note(&mut self) {
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        self.changed_at = self
            .change_time()
            .filter(|changed_at| now.saturating_sub(*changed_at) >= STEP);
    }

    /// Returns the change time of the folder, since the Unix epoch.
    fn change_time(&self) -> Option<Duration> {
        let stat = fstat(&self.descriptor).ok()?;
        let (seconds, nanos) = (stat.st_ctime, stat.st_ctime_nsec);
        Some(Duration::new(
            seconds.try_into().ok()?,
            nanos.try_into().ok()?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Waits until the folder's last change is old enough to be distinguished from a further one.
    fn settle(folder: &mut Folder) {
        while !folder.is_unchanged() {
            folder.note();
        }
    }

    #[test]
    fn every_change_of_names_is_noticed() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let path = parent.path().join("folder");
        let (file, other) = (path.join("file"), path.join("other"));
        fs::create_dir(&path).expect("a folder");
        let mut folder = Folder::of(&file).expect("a folder");
        let mut notices = |change: &dyn Fn() -> std::io::Result<()>| {
            settle(&mut folder);
            change().expect("a change");
            assert!(!folder.is_unchanged());
        };
        notices(&|| fs::write(&file, "1"));
        notices(&|| fs::rename(&file, &other));
        notices(&|| fs::write(&file, "2"));
        notices(&|| fs::rename(&other, &file));
        notices(&|| fs::remove_file(&file));
        notices(&|| fs::rename(&path, parent.path().join("elsewhere")));
    }

    #[test]
    fn writing_to_a_file_is_no_change() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let file = parent.path().join("file");
        fs::write(&file, "1").expect("a file");
        let mut folder = Folder::of(&file).expect("a folder");
        settle(&mut folder);
        fs::write(&file, "longer").expect("a file");
        assert!(folder.is_unchanged());
    }

    #[test]
    fn a_link_is_not_watched() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let link = parent.path().join("link");
        std::os::unix::fs::symlink("elsewhere/file", &link).expect("a link");
        assert!(Folder::of(&link).is_none());
    }
}
