//! What a command reads, read once: hashed for its identity, and kept for the command where it is a stream.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A stream that was read to its end, in a file that has no name.
#[derive(Debug)]
pub struct Spool {
    file: File,
    sha256: [u8; 32],
}

impl Spool {
    /// Reads a stream to its end.
    ///
    /// # Errors
    /// If it cannot be read or kept; a part of it is gone then.
    pub fn of(stream: &mut dyn Read) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        let sha256 = copy(stream, &mut file)?;
        file.rewind()?;
        Ok(Self { file, sha256 })
    }

    /// The SHA-256 of all that was read.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The stream, to be read again.
    pub fn into_file(self) -> File {
        self.file
    }
}

/// Returns the SHA-256 of a file's content.
///
/// # Errors
/// If it cannot be read; a folder cannot.
pub fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    copy(&mut File::open(path)?, &mut io::sink())
}

fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => {
                hash.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
