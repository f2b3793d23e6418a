//! Files that get their final names once complete, and the removal of incomplete ones.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Prefix of the names of incomplete files.
const PREFIX: &str = ".ecache-export-";

/// Creates a file in its destination folder, and removes the leftovers of killed processes there.
///
/// The file is locked while it is open, which distinguishes it from a leftover.
pub(in crate::commands) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    remove_leftovers(folder);
    loop {
        let file = Builder::new().prefix(PREFIX).tempfile_in(folder)?;
        // On file systems without locks, other processes cannot mistake it for a leftover either.
        let _ = file.as_file().try_lock();
        // Another process may have removed the file before it was locked.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes files of processes that have ended. Best effort: leftovers do no harm.
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
