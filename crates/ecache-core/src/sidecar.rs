//! Files beside a store: their names, and opening them safely in folders shared with other users.
//!
//! A sidecar is a regular file of this user with a single link, in a folder of this user or of
//! root. In a sticky folder such as `/tmp`, any user can create a file of any name first. There,
//! this user's own files are still safe, and files of others are neither followed, waited for nor
//! written to. In another user's folder, root creates no sidecars, since that user could not remove
//! or write to them afterwards.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::ownership;

/// A file or folder beside a store. SQLite names its own files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sidecar {
    /// Locks of the keys being computed
    Locks,
    /// The folder with the output of running commands
    Flights,
    /// The log of calls that are not in the store's statistics yet
    Usage,
    /// The log of calls while the other one is locked
    MoreUsage,
    /// Reserved space for removing entries on a full disk
    Reserve,
    /// Time at which a server could not be reached
    Down,
}

/// The intended use of an opened sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenPurpose {
    /// Reads an existing file
    Read,
    /// Reads and writes a file, creating it if missing
    Share,
    /// Appends to a file, creating it if missing
    Append,
    /// Writes to an existing file
    Change,
    /// Writes to a new file, which must not exist yet
    Create,
}

impl Sidecar {
    /// Returns the sidecar's path beside a store, beside the file itself if the store is named by a
    /// symbolic link.
    #[must_use]
    pub fn path(self, store: &Path) -> PathBuf {
        let mut path = file_of(store).into_os_string();
        path.push(match self {
            Self::Locks => "-locks",
            Self::Flights => "-flights",
            Self::Usage => "-usage",
            Self::MoreUsage => "-usage-2",
            Self::Reserve => "-reserve",
            Self::Down => "-down",
        });
        path.into()
    }

    /// Opens the sidecar beside a store.
    ///
    /// # Errors
    /// Fails like [`open`].
    pub fn open(self, store: &Path, purpose: OpenPurpose) -> io::Result<File> {
        open(&self.path(store), purpose)
    }
}

/// Returns the file that a store's path leads to: sidecars that are beside a link and beside the
/// file would be two, and SQLite's own files are beside the file.
pub(crate) fn file_of(store: &Path) -> PathBuf {
    let is_link = fs::read_link(store).is_ok();
    let file = is_link.then(|| fs::canonicalize(store).ok()).flatten();
    file.unwrap_or_else(|| store.into())
}

/// Opens a sidecar, or a file in a sidecar folder, without blocking.
///
/// # Errors
/// If it cannot be opened, or wraps [`Error::Untrusted`] if it is not safe to use.
pub fn open(path: &Path, purpose: OpenPurpose) -> io::Result<File> {
    check_folder(path)?;
    let mut options = OpenOptions::new();
    match purpose {
        OpenPurpose::Read => options.read(true),
        OpenPurpose::Share => options.read(true).write(true).create(true),
        OpenPurpose::Append => options.append(true).create(true),
        OpenPurpose::Change => options.write(true),
        OpenPurpose::Create => options.write(true).create_new(true),
    };
    let file = options
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => untrusted(path, "it is a symbolic link"),
            Some(libc::ENXIO) => untrusted(path, "it is not a regular file"),
            _ => error,
        })?;
    check_file(path, &file.metadata()?)?;
    Ok(file)
}

/// Creates a sidecar folder if missing, and refuses one through which others could interfere.
///
/// # Errors
/// Fails like [`open`].
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    check_folder(path)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = path.symlink_metadata()?;
    if !found.is_dir() {
        return Err(untrusted(path, "it is not a folder"));
    }
    check_owner(path, &found)?;
    if found.mode() & 0o022 != 0 {
        return Err(untrusted(path, "other users can write to it"));
    }
    Ok(())
}

/// Creates the folder of a store and its missing parents. Refuses to create one as root in a folder
/// of another user, who could not enter it.
///
/// # Errors
/// Fails like [`open`].
pub fn make_home(folder: &Path) -> io::Result<()> {
    let above = folder.ancestors().find(|above| above.is_dir());
    if let Some(above) = above.filter(|_| rustix::process::geteuid().is_root()) {
        check_place(above, &fs::metadata(above)?)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Refuses anything but a regular file of this user with a single link.
fn check_file(path: &Path, file: &Metadata) -> io::Result<()> {
    let kind = file.file_type();
    if kind.is_fifo() {
        return Err(untrusted(path, "it is a named pipe"));
    }
    if !kind.is_file() {
        return Err(untrusted(path, "it is not a regular file"));
    }
    check_owner(path, file)?;
    match file.nlink() {
        // The file was removed in the meantime.
        0 => Err(ErrorKind::NotFound.into()),
        1 => Ok(()),
        _ => Err(untrusted(path, "it has more than one name (hard links)")),
    }
}

fn check_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Ok(()),
        Some(folder) => check_place(folder, &fs::metadata(folder)?),
        None => Ok(()),
    }
}

/// Refuses a folder through which other users could replace the file.
fn check_place(folder: &Path, found: &Metadata) -> io::Result<()> {
    ownership::check_owner(folder, found).map_err(refused)
}

fn check_owner(path: &Path, file: &Metadata) -> io::Result<()> {
    let user = rustix::process::geteuid().as_raw();
    if file.uid() == user {
        return Ok(());
    }
    let why = format!("it belongs to another user (uid {})", file.uid());
    Err(untrusted(path, &why))
}

fn untrusted(path: &Path, why: &str) -> io::Error {
    refused(Error::Untrusted {
        path: path.into(),
        why: why.into(),
    })
}

fn refused(error: Error) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const ALL: [OpenPurpose; 5] = [
        OpenPurpose::Read,
        OpenPurpose::Share,
        OpenPurpose::Append,
        OpenPurpose::Change,
        OpenPurpose::Create,
    ];

    fn why(result: io::Result<File>) -> String {
        let error = result.expect_err("it is refused");
        match Error::in_io(&error) {
            Some(Error::Untrusted { why, .. }) => why.clone(),
            _ => error.to_string(),
        }
    }

    #[test]
    fn foreign_files_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db-locks");
        let refused = |expected: &str| {
            for purpose in ALL.into_iter().filter(|one| *one != OpenPurpose::Create) {
                assert_eq!(why(open(&path, purpose)), expected, "{purpose:?}");
            }
            assert!(open(&path, OpenPurpose::Create).is_err());
            fs::remove_file(&path).expect("it is still there");
        };
        fs::write(folder.path().join("other"), "").expect("a file");
        symlink(folder.path().join("other"), &path).expect("a link");
        refused("it is a symbolic link");
        fs::hard_link(folder.path().join("other"), &path).expect("a link");
        refused("it has more than one name (hard links)");
        let mode = rustix::fs::Mode::from(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a named pipe");
        for purpose in ALL {
            assert!(open(&path, purpose).is_err(), "{purpose:?}");
        }
        let _reader = OpenOptions::new().read(true).write(true).open(&path);
        refused("it is a named pipe");
        for purpose in [OpenPurpose::Share, OpenPurpose::Append, OpenPurpose::Create] {
            open(&path, purpose).expect("a file");
            fs::remove_file(&path).expect("it was made");
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused_and_root_makes_none_in_their_folder() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        const OTHER_USER: u32 = 65_534;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db-locks");
        let give = |path: &Path| std::os::unix::fs::chown(path, Some(OTHER_USER), Some(OTHER_USER));
        fs::write(&path, "").expect("a file");
        give(&path).expect("root may");
        let theirs = format!("it belongs to another user (uid {OTHER_USER})");
        assert_eq!(why(open(&path, OpenPurpose::Share)), theirs);
        fs::remove_file(&path).expect("it is there");
        give(folder.path()).expect("root may");
        for purpose in [OpenPurpose::Share, OpenPurpose::Append, OpenPurpose::Create] {
            assert_eq!(why(open(&path, purpose)), theirs);
        }
        assert!(make_folder(&path).is_err());
        assert!(make_home(&folder.path().join("a/b")).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
