//! Files that take their names when they are complete, and what is left of those that never were.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// What the names of all of them begin with.
const PREFIX: &str = ".ecache-export-";

/// Creates a file in the folder in which another one is to be, and removes what killed processes left there.
///
/// It is locked for as long as it is open, which tells it from a leftover.
pub(super) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    remove_leftovers(folder);
    loop {
        let file = Builder::new().prefix(PREFIX).tempfile_in(folder)?;
        // Where there are no such locks, others cannot take it for a leftover either.
        let _ = file.as_file().try_lock();
        // Another process may have seen it before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes files of processes that are gone. Best effort: they are in nobody's way.
fn remove_leftovers(folder: &Path) {
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        if file
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            let _ = remove_leftover(&file.path());
        }
    }
}

fn remove_leftover(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = options.read(true).custom_flags(flags).open(path)?;
    if is_ours(&file)? && file.try_lock().is_ok() {
        fs::remove_file(path)?;
    }
    Ok(())
}

fn is_ours(file: &File) -> io::Result<bool> {
    let file = file.metadata()?;
    Ok(file.is_file() && file.uid() == rustix::process::geteuid().as_raw())
}
