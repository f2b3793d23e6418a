//! Hashes the files that a command reads: a file, a folder or a pattern, by content, as one hash.
//!
//! Every look-up reads every byte. The alternative considered was a cache of hashes by a file's
//! inode, size and times. As in git, such a hash is reliable if the time of the last change (ctime,
//! which a program cannot set) is well before the hash was cached, but not if the clock is set
//! back. It would be a second store, with its own locks and full disks, written to by hits, only to
//! save the time of SHA-256 (a millisecond for a megabyte or two). For large inputs `--env` of a
//! version, or a file with their checksums, is the better key.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, FileType, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::pattern::{is_dangling, is_pattern, matches, sorted};
use crate::command::file_state::{FileState, content_hash};

/// The files that a path or pattern names, and the SHA-256 of all of them.
///
/// The hash of a file is that of its content. The hash of a folder covers everything in it and
/// below, in the order of names: names (hidden ones as well), contents and link targets. The hash
/// of a pattern that names no file itself covers everything that matches, in the same order. An
/// executable file differs from one that is not. A matching link is followed unless it is dangling.
///
/// A link in a folder is followed if it leads to a file or folder elsewhere. Otherwise its target
/// is hashed in its place, and so is that of a link to a folder around it, which would be a circle.
///
/// Pipes, sockets and devices are never opened: in folders and patterns only their presence counts.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) sha256: [u8; 32],
    found: BTreeMap<(PathBuf, Kind), Found>,
}

/// A letter for the kind of a file. The target of a link has the link's path and a kind of its own.
type Kind = u8;

/// A file, folder or link among the hashed ones.
#[derive(Clone, Debug)]
struct Found {
    /// The state of a file before it was read
    state: Option<FileState>,
    /// The hash of its own content; `None` for a file that was not read
    content: Option<[u8; 32]>,
}

impl Found {
    /// Reports whether this is what was found before, as far as metadata tells.
    fn looks_like(&self, before: &Self) -> bool {
        match before.state {
            Some(before) => self.state.is_some_and(|state| state.is_surely(&before)),
            None => self.content == before.content,
        }
    }

    fn has_content_of(&self, before: &Self) -> bool {
        self.content == before.content
    }
}

impl Files {
    /// Hashes the files that a path or pattern relative to a folder names.
    ///
    /// # Errors
    /// Fails if something cannot be read, is neither a file nor a folder, or if nothing exists or
    /// matches.
    pub(super) fn hash(folder: &Path, typed: &OsStr) -> io::Result<Self> {
        Self::walk(folder, typed, Walk::new(Depth::Content))
    }

    /// Looks at the same files again, and returns the path of one that changed.
    pub(super) fn changed(&self, folder: &Path, typed: &OsStr) -> Option<PathBuf> {
        let look = |depth| Self::walk(folder, typed, Walk::new(depth));
        if look(Depth::Metadata).is_ok_and(|now| self.first(&now, Found::looks_like).is_none()) {
            return None;
        }
        match look(Depth::Content) {
            Ok(now) => self.first(&now, Found::has_content_of),
            Err(_) => Some(folder.join(typed)),
        }
    }

    /// Returns the first path that is not in both, or that is not the same in both.
    fn first(&self, now: &Self, is_same: impl Fn(&Found, &Found) -> bool) -> Option<PathBuf> {
        let mut before = self.found.iter();
        let other = before.find(|(place, before)| {
            let found = now.found.get(*place);
            found.is_none_or(|found| !is_same(found, before))
        });
        let mut places = now.found.keys();
        let other = other
            .map(|(place, _)| place)
            .or_else(|| places.find(|place| !self.found.contains_key(*place)));
        other.map(|(path, _)| path.clone())
    }

    fn walk(folder: &Path, typed: &OsStr, mut walk: Walk) -> io::Result<Self> {
        let path = folder.join(typed);
        let sha256 = match file_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => walk.top_folder(&path)?,
            Ok(_) => match walk.file(&path)? {
                (b'f', content) => content,
                (kind, content) => {
                    let mut hash = Sha256::new();
                    add(&mut hash, kind, b"", content);
                    hash.finalize().into()
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern(typed) => {
                let (start, paths) = matches(folder, typed)?;
                walk.paths(start, paths)?
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            sha256,
            found: walk.found,
        })
    }
}

/// The depth to which files are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Files are not read: their content counts as empty
    Metadata,
    Content,
}

/// A walk through files and folders.
struct Walk {
    depth: Depth,
    found: BTreeMap<(PathBuf, Kind), Found>,
    /// The real paths of the folders that are or were walked through
    walked: Vec<PathBuf>,
    /// The real paths of those that the walk is in, each within or linked from the one before
    around: Vec<PathBuf>,
    /// Number of links followed to get here
    followed: usize,
}

impl Walk {
    fn new(depth: Depth) -> Self {
        Self {
            depth,
            found: BTreeMap::new(),
            walked: Vec::new(),
            around: Vec::new(),
            followed: 0,
        }
    }

    /// Adds paths that match a pattern.
    fn paths(&mut self, start: &Path, paths: Vec<PathBuf>) -> io::Result<[u8; 32]> {
        let mut hash = Sha256::new();
        for path in paths {
            let metadata = match fs::metadata(&path) {
                // A dangling link is identified by its target.
                Err(error) if is_dangling(&error) => path.symlink_metadata()?,
                metadata => metadata?,
            };
            let (kind, content) = if metadata.is_dir() {
                (b'd', self.top_folder(&path)?)
            } else {
                self.entry(&path, &metadata)?
            };
            let name = path.strip_prefix(start).unwrap_or(&path);
            add(&mut hash, kind, name.as_os_str().as_bytes(), content);
        }
        Ok(hash.finalize().into())
    }

    /// Adds a folder that was named, and not reached from another one.
    fn top_folder(&mut self, folder: &Path) -> io::Result<[u8; 32]> {
        self.real_folder(fs::canonicalize(folder)?, |walk| walk.folder(folder))
    }

    /// Walks through a folder with that real path.
    fn real_folder<T>(&mut self, real: PathBuf, walk: impl FnOnce(&mut Self) -> T) -> T {
        self.walked.push(real.clone());
        self.around.push(real);
        let walked = walk(self);
        self.around.pop();
        walked
    }

    fn folder(&mut self, folder: &Path) -> io::Result<[u8; 32]> {
        self.note(folder, b'd', None, None);
        let mut hash = Sha256::new();
        for path in sorted(folder)? {
            let (kind, content) = self.entry(&path, &path.symlink_metadata()?)?;
            let name = path.file_name().unwrap_or_default();
            add(&mut hash, kind, name.as_bytes(), content);
        }
        Ok(hash.finalize().into())
    }

    /// Returns what a file contributes to the hash of a folder or pattern: a letter for its kind,
    /// and the hash of its content.
    fn entry(&mut self, path: &Path, metadata: &Metadata) -> io::Result<(Kind, [u8; 32])> {
        let read = if metadata.is_dir() {
            self.folder(path).map(|content| (b'd', content))
        } else if metadata.is_symlink() {
            self.link(path)
        } else if metadata.is_file() {
            self.file(path)
        } else {
            // Pipes, sockets and devices have no content to hash: only their presence counts.
            self.note(path, b's', None, None);
            Ok((b's', [0; 32]))
        };
        match read {
            // The command cannot read it either. In the named folders that is an error.
            Err(error) if self.followed > 0 && error.kind() == io::ErrorKind::PermissionDenied => {
                self.note(path, b'u', None, None);
                Ok((b'u', [0; 32]))
            }
            read => read,
        }
    }

    /// Adds a file. A pipe may have replaced it since it was looked at: opening it must not wait
    /// for a writer.
    fn file(&mut self, path: &Path) -> io::Result<(Kind, [u8; 32])> {
        let before = SystemTime::now();
        let (metadata, content) = match self.depth {
            Depth::Metadata => (file_metadata(path)?, None),
            Depth::Content => {
                let mut options = OpenOptions::new();
                let file = options
                    .read(true)
                    .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                    .open(path)?;
                let metadata = file.metadata()?;
                require_file_or_folder(metadata.file_type())?;
                (metadata, Some(content_hash(&file)?))
            }
        };
        let is_executable = metadata.permissions().mode() & 0o100 != 0;
        let kind = if is_executable { b'x' } else { b'f' };
        let state = FileState::new(&metadata, before);
        self.note(path, kind, Some(state), content);
        Ok((kind, content.unwrap_or_default()))
    }

    /// Adds a link, and the file or folder that it leads to if that is elsewhere.
    fn link(&mut self, path: &Path) -> io::Result<(Kind, [u8; 32])> {
        let target = fs::read_link(path)?;
        let own = Sha256::digest(target.as_os_str().as_bytes()).into();
        self.note(path, b'l', None, Some(own));
        let is_out_of_reach = |error: &io::Error| {
            is_dangling(error) || error.kind() == io::ErrorKind::PermissionDenied
        };
        let (real, metadata) = match fs::canonicalize(path).and_then(|real| {
            let metadata = fs::metadata(&real)?;
            Ok((real, metadata))
        }) {
            Err(error) if is_out_of_reach(&error) => return Ok((b'l', own)),
            found => found?,
        };
        let is_within = self.walked.iter().any(|folder| real.starts_with(folder));
        let is_around = self.around.iter().any(|folder| folder.starts_with(&real));
        if is_within || is_around {
            return Ok((b'l', own));
        }
        self.followed += 1;
        let entry = if metadata.is_dir() {
            self.real_folder(real, |walk| walk.entry(path, &metadata))
        } else {
            self.entry(path, &metadata)
        };
        self.followed -= 1;
        let (kind, content) = entry?;
        let mut hash = Sha256::new();
        add(&mut hash, kind, target.as_os_str().as_bytes(), content);
        Ok((b'l', hash.finalize().into()))
    }

    fn note(
        &mut self,
        path: &Path,
        kind: Kind,
        state: Option<FileState>,
        content: Option<[u8; 32]>,
    ) {
        let found = Found { state, content };
        self.found.insert((path.to_owned(), kind), found);
    }
}

/// Returns the metadata of a file or folder, following links.
///
/// # Errors
/// Fails if nothing is there, or if it is a pipe, a socket or a device: pipes and sockets can be
/// read only once, and a device may be endless.
pub(super) fn file_metadata(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::metadata(path)?;
    require_file_or_folder(metadata.file_type())?;
    Ok(metadata)
}

fn require_file_or_folder(kind: FileType) -> io::Result<()> {
    let name = if kind.is_file() || kind.is_dir() {
        return Ok(());
    } else if kind.is_fifo() {
        "pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    };
    let message = format!("it is a {name}, not a file or a folder");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Adds a file to a hash. Names contain no NUL, so different folders hash different bytes.
fn add(hash: &mut Sha256, kind: Kind, name: &[u8], content: [u8; 32]) {
    hash.update([kind]);
    hash.update(name);
    hash.update([0]);
    hash.update(content);
}

#[cfg(test)]
mod tests;
