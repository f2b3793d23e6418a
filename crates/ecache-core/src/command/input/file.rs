//! Standard input that is a regular file: the command inherits it as it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{SeekFrom, seek};
use sha2::{Digest, Sha256};

use super::{InputKey, system};

/// A regular file at an offset.
///
/// The key covers the whole content, not only the rest: a command can reopen `/dev/stdin` at the
/// beginning. An unchanged offset proves nothing, since a command may map the file or ask for its
/// size.
#[derive(Debug)]
pub struct FileInput {
    file: File,
    sha256: [u8; 32],
    offset: u64,
    state: State,
}

/// File metadata that changes with every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn of(file: &File) -> io::Result<Self> {
        let file = file.metadata()?;
        Ok(Self {
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

impl FileInput {
    /// Hashes a file, and leaves its offset where it is.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        let offset = seek(&file, SeekFrom::Current(0))?;
        let state = State::of(&file)?;
        let (mut hash, mut position) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read_at(&mut buffer, position) {
                Ok(0) => break,
                Ok(count) => {
                    hash.update(&buffer[..count]);
                    position += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            sha256: hash.finalize().into(),
            file,
            offset,
            state,
        })
    }

    /// Returns the key part of this file.
    #[must_use]
    pub fn key(&self) -> InputKey {
        InputKey::File(self.sha256, self.offset)
    }

    /// Returns the current offset, or `None` if the file changed since it was hashed.
    pub(crate) fn left_at(&self) -> Option<u64> {
        let is_same = State::of(&self.file).is_ok_and(|state| state == self.state);
        seek(&self.file, SeekFrom::Current(0))
            .ok()
            .filter(|_| is_same)
    }

    /// Sets the offset, as the recorded command left it.
    pub(crate) fn leave_at(&self, offset: u64) -> io::Result<()> {
        Ok(seek(&self.file, SeekFrom::Start(offset)).map(drop)?)
    }

    /// Opens the file again at the original offset, for another process.
    ///
    /// # Errors
    /// Fails if it cannot be opened any more.
    pub fn reopen(&self) -> io::Result<File> {
        let file = system::reopen(&self.file)?;
        seek(&file, SeekFrom::Start(self.offset))?;
        Ok(file)
    }
}
