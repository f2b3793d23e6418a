//! Decides which files and folders other users could use to change or read a store.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Refuses a file or folder of another user than this one and root.
///
/// # Errors
/// [`Error::Untrusted`].
pub(crate) fn check_user(path: &Path, file: &Metadata) -> Result<()> {
    let user = rustix::process::geteuid().as_raw();
    match file.uid() {
        0 => Ok(()),
        owner if owner == user => Ok(()),
        owner => Err(Error::Untrusted {
            path: path.into(),
            why: format!("it belongs to another user (uid {owner})"),
        }),
    }
}

/// Refuses a file or folder that belongs to another user or that others can write to, except a
/// sticky folder such as `/tmp`.
///
/// # Errors
/// [`Error::Untrusted`].
pub(crate) fn check_owner(path: &Path, file: &Metadata) -> Result<()> {
    const STICKY: u32 = 0o1000;
    let mode = file.mode();
    if file.is_dir() && mode & STICKY != 0 {
        return Ok(());
    }
    check_user(path, file)?;
    let by_group = mode & 0o020 != 0 && file.gid() != rustix::process::getegid().as_raw();
    if mode & 0o002 != 0 || by_group {
        return Err(Error::Untrusted {
            path: path.into(),
            why: format!("other users can write to it (mode {:04o})", mode & 0o7777),
        });
    }
    Ok(())
}
