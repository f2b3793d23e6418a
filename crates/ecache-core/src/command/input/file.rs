//! Standard input that is a regular file: the command inherits it as it is.

use std::fs::File;
use std::io;
use std::time::SystemTime;

use rustix::fs::{SeekFrom, seek};

use super::{InputKey, system};
use crate::command::file_state::{FileState, content_hash};

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
    state: FileState,
}

impl FileInput {
    /// Hashes a file, and leaves its offset where it is.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        let offset = seek(&file, SeekFrom::Current(0))?;
        let state = FileState::new(&file.metadata()?, SystemTime::now());
        Ok(Self {
            sha256: content_hash(&file)?,
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
        let offset = seek(&self.file, SeekFrom::Current(0)).ok()?;
        self.is_unchanged().unwrap_or(false).then_some(offset)
    }

    /// Reports whether the content is still the hashed one; it is read only if metadata leaves that
    /// open.
    fn is_unchanged(&self) -> io::Result<bool> {
        let state = FileState::new(&self.file.metadata()?, SystemTime::now());
        Ok(state.is_surely(&self.state) || content_hash(&self.file)? == self.sha256)
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

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    #[test]
    fn a_change_right_after_hashing_is_noticed() {
        for _ in 0..50 {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(b"a").expect("its content");
            let input = FileInput::new(file.try_clone().expect("a descriptor")).expect("an input");
            assert_eq!(input.left_at(), Some(1));
            file.rewind().expect("the beginning");
            file.write_all(b"b").expect("another content of that size");
            assert_eq!(input.left_at(), None);
        }
    }
}
