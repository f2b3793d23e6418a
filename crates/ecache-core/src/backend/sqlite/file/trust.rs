//! Creates files that only this user can read, and refuses those that others could have changed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::wal_header;
use crate::error::{Error, Result};
use crate::ownership::{check_owner, check_user};
use crate::sidecar;
use crate::sync::lock;

/// Creates an empty file and its folder, both readable only by this user. Returns `false` if the
/// file existed.
///
/// SQLite gives its own files (`-wal`, `-shm`) the mode of this one.
pub(in super::super) fn create(path: &Path) -> Result<bool> {
    /// Held until the new file's descriptor is closed, so that no other thread has locks on it by
    /// then.
    static CREATING: Mutex<()> = Mutex::new(());
    let _creating = lock(&CREATING);
    let denied = |error: std::io::Error| match error.kind() {
        _ if Error::in_io(&error).is_some() => Error::of_system(path, error),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Error::Permission {
            attempt: "create",
            path: path.into(),
        },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full { path: path.into() },
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => Error::NotAStore {
            path: path.into(),
            what: "below a file",
        },
        _ => Error::of_system(path, error),
    };
    if path.exists() {
        return Ok(false);
    }
    if let Some(folder) = path.parent() {
        sidecar::make_home(folder).map_err(denied)?;
        // Before anything is put there: a folder that is refused stays as it is.
        check_owner(folder, &fs::metadata(folder)?)?;
    }
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        created => created.map(|_| true).map_err(denied),
    }
}

/// Makes an empty file that was made for the store readable only by its user.
pub(super) fn keep_private(path: &Path) -> Result<()> {
    let of_system = |error| Error::of_system(path, error);
    let mode = fs::metadata(path).map_err(of_system)?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let private = Permissions::from_mode(mode & 0o700);
    fs::set_permissions(path, private).map_err(of_system)
}

/// Syncs the folder of a new store, as far as the system can. SQLite syncs the files in it.
pub(super) fn sync_home(path: &Path) {
    if let Some(beyond) = path.parent().and_then(Path::parent) {
        let _ = File::open(beyond).and_then(|folder| folder.sync_all());
    }
}

/// Refuses a file that is not regular, or that other users could have created or changed.
pub(in super::super) fn check_file(path: &Path) -> Result<()> {
    let found = fs::symlink_metadata(path).and_then(|found| {
        if found.is_symlink() {
            Ok((fs::metadata(path)?, Some(found)))
        } else {
            Ok((found, None))
        }
    });
    let (file, link) = match found {
        Ok(found) => found,
        Err(error) => {
            return Err(match error.kind() {
                ErrorKind::NotFound => Error::Missing { path: path.into() },
                ErrorKind::PermissionDenied => Error::Permission {
                    attempt: "read",
                    path: path.into(),
                },
                ErrorKind::NotADirectory => Error::NotAStore {
                    path: path.into(),
                    what: "below a file",
                },
                _ => Error::of_system(path, error),
            });
        }
    };
    let kind = file.file_type();
    let what = match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ if !kind.is_file() => "a device",
        _ => "",
    };
    if !what.is_empty() {
        return Err(Error::NotAStore {
            path: path.into(),
            what,
        });
    }
    check_owner(path, &file)?;
    // Each name would have a log of its own, and each log its own idea of the file.
    if file.nlink() > 1 {
        return Err(Error::Untrusted {
            path: path.into(),
            why: format!("it has {} names (hard links)", file.nlink()),
        });
    }
    let Some(link) = link else {
        return check_beside(path);
    };
    check_user(path, &link)?;
    check_folder(path)?;
    // SQLite keeps its files beside the one that a link leads to.
    check_beside(&fs::canonicalize(path)?)
}

/// Refuses a folder, or SQLite files in it, through which other users could change or read a store;
/// then refuses a damaged log.
///
/// In a sticky folder, any user can put a log beside a store that has none yet.
fn check_beside(path: &Path) -> Result<()> {
    check_folder(path)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        let path = with_suffix(path, suffix);
        let file = match fs::symlink_metadata(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::of_system(&path, error)),
        };
        if !file.is_file() {
            let why = "it is not a regular file".into();
            return Err(Error::Untrusted { path, why });
        }
        check_owner(&path, &file)?;
    }
    if wal_header::is_damaged(&with_suffix(path, "-wal")) {
        return Err(Error::DamagedLog { path: path.into() });
    }
    Ok(())
}

fn check_folder(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => check_owner(folder, &fs::metadata(folder)?),
        None => Ok(()),
    }
}

/// Returns the path of a file that SQLite keeps beside the store.
pub(in super::super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
