//! Files beside a store: their names, and opening them in a folder where other users may have put something else.
//!
//! A sidecar is a regular file of this user with one name, in a folder of this user or of root. In a sticky folder such as
//! `/tmp` anybody can make a file of any name before we do; there this user's files are safe from others as well,
//! and what others made is neither followed, waited for nor written to. In another user's folder root makes none,
//! since that user could not remove or write to it afterwards.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A file or folder beside a store. SQLite names its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sidecar {
    /// Locks of the keys that are computed
    Locks,
    /// The folder with the output of running commands
    Flights,
    /// How often a command ran without the cache
    Troubles,
    /// Space for removing on a full disk
    Reserve,
    /// When a server could not be reached
    Down,
}

/// What an opened sidecar is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reading a file that is there
    Read,
    /// Reading and writing one, which is made if it is not there
    Share,
    /// Appending to one, which is made if it is not there
    Append,
    /// Writing to one that is there
    Change,
    /// Writing to one that must not be there yet
    Create,
}

impl Sidecar {
    /// The path beside a store.
    pub fn path(self, store: &Path) -> PathBuf {
        let mut path = store.as_os_str().to_owned();
        path.push(match self {
            Self::Locks => "-locks",
            Self::Flights => "-flights",
            Self::Troubles => "-troubles",
            Self::Reserve => "-reserve",
            Self::Down => "-down",
        });
        path.into()
    }

    /// Opens it beside a store.
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn open(self, store: &Path, purpose: Purpose) -> io::Result<File> {
        open(&self.path(store), purpose)
    }
}

/// Opens a sidecar, or a file in a folder that is one, without waiting for anybody.
///
/// # Errors
/// If it cannot be opened, or is not safe to use: then the error is [`Error::Untrusted`] within.
pub fn open(path: &Path, purpose: Purpose) -> io::Result<File> {
    check_folder(path)?;
    let mut options = OpenOptions::new();
    match purpose {
        Purpose::Read => options.read(true),
        Purpose::Share => options.read(true).write(true).create(true),
        Purpose::Append => options.append(true).create(true),
        Purpose::Change => options.write(true),
        Purpose::Create => options.write(true).create_new(true),
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

/// Makes a folder that is a sidecar, unless it is there, and refuses one through which others could interfere.
///
/// # Errors
/// As [`open`].
pub fn make_folder(path: &Path) -> io::Result<()> {
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

/// Makes the folder of a store, with those above it. Root makes none in a folder of another user, who could not enter
/// it.
///
/// # Errors
/// As [`open`].
pub fn make_home(folder: &Path) -> io::Result<()> {
    let above = folder.ancestors().find(|above| above.is_dir());
    if let Some(above) = above.filter(|_| rustix::process::geteuid().is_root()) {
        check_place(above, &fs::metadata(above)?)?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Refuses what is not a regular file of this user with one name.
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
        // It was removed in this moment.
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

/// Refuses a folder of another user than root, unless it is a sticky one for everybody.
fn check_place(folder: &Path, found: &Metadata) -> io::Result<()> {
    const STICKY: u32 = 0o1000;
    if found.mode() & STICKY != 0 || found.uid() == 0 {
        return Ok(());
    }
    check_owner(folder, found)
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
    let error = Error::Untrusted {
        path: path.into(),
        why: why.into(),
    };
    io::Error::new(ErrorKind::PermissionDenied, error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const ALL: [Purpose; 5] = [
        Purpose::Read,
        Purpose::Share,
        Purpose::Append,
        Purpose::Change,
        Purpose::Create,
    ];

    fn why(result: io::Result<File>) -> String {
        let error = result.expect_err("it is refused");
        match Error::in_io(&error) {
            Some(Error::Untrusted { why, .. }) => why.clone(),
            _ => error.to_string(),
        }
    }

    #[test]
    fn what_is_no_file_of_ours_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db-locks");
        let refused = |expected: &str| {
            for purpose in ALL.into_iter().filter(|one| *one != Purpose::Create) {
                assert_eq!(why(open(&path, purpose)), expected, "{purpose:?}");
            }
            assert!(open(&path, Purpose::Create).is_err());
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
        for purpose in [Purpose::Share, Purpose::Append, Purpose::Create] {
            open(&path, purpose).expect("a file");
            fs::remove_file(&path).expect("it was made");
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused_and_root_makes_none_in_their_folder() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        const NOBODY: u32 = 65_534;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db-locks");
        let give = |path: &Path| std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY));
        fs::write(&path, "").expect("a file");
        give(&path).expect("root may");
        let theirs = format!("it belongs to another user (uid {NOBODY})");
        assert_eq!(why(open(&path, Purpose::Share)), theirs);
        fs::remove_file(&path).expect("it is there");
        give(folder.path()).expect("root may");
        for purpose in [Purpose::Share, Purpose::Append, Purpose::Create] {
            assert_eq!(why(open(&path, purpose)), theirs);
        }
        assert!(make_folder(&path).is_err());
        assert!(make_home(&folder.path().join("a/b")).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
