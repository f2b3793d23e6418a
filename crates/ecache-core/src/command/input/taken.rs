//! Bytes that were taken from a stream, in memory as long as they are few.

use std::io::{self, Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

/// Maximum number of taken bytes kept in memory.
const IN_MEMORY: usize = 1 << 20;

/// Bytes taken from a stream, in order.
#[derive(Debug)]
pub(super) struct Spooled {
    file: SpooledTempFile,
    length: u64,
    is_reading: bool,
}

impl Default for Spooled {
    fn default() -> Self {
        Self {
            file: SpooledTempFile::new(IN_MEMORY),
            length: 0,
            is_reading: false,
        }
    }
}

impl Spooled {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes; keeps them in memory if the disk is full.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        if self.file.write_all(bytes).is_ok() {
            return Ok(());
        }
        let before = self.length - bytes.len() as u64;
        let mut all = Vec::new();
        self.file.rewind()?;
        Read::by_ref(&mut self.file)
            .take(before)
            .read_to_end(&mut all)?;
        all.extend_from_slice(bytes);
        self.file = SpooledTempFile::new(usize::MAX);
        self.file.write_all(&all)
    }

    /// Reads the next bytes; [`Spooled::unread`] hands some of them back.
    pub(super) fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        if !self.is_reading {
            self.file.rewind()?;
            self.is_reading = true;
        }
        bytes.resize(1 << 16, 0);
        let count = self.file.read(bytes)?;
        bytes.truncate(count);
        Ok(())
    }

    /// Hands the last `count` bytes back.
    pub(super) fn unread(&mut self, count: usize) -> io::Result<()> {
        let count = i64::try_from(count).expect("a piece is short");
        self.file.seek(SeekFrom::Current(-count)).map(drop)
    }
}
