//! Spools standard input to a file, for `--stdin hash`: hashed for the key, and replayed to the
//! command.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sha2::{Digest, Sha256};

use crate::streams::Patient;

/// A stream that was read to its end, in a file that has no name.
#[derive(Debug)]
pub struct Spool {
    file: File,
    sha256: [u8; 32],
}

/// A stream that could not be spooled, as on a full disk. Reading it yields all of its content.
pub struct Unkept {
    stream: Box<dyn Read + Send>,
    why: io::Error,
    /// Nothing was read of it
    is_whole: bool,
}

impl Spool {
    /// Reads a stream to its end.
    ///
    /// # Errors
    /// Returns the stream, with all that was read of it, if it cannot be read or spooled.
    pub fn of(stream: File) -> Result<Self, Unkept> {
        // A stream in non-blocking mode may have no data yet.
        let mut stream = Patient(stream);
        let mut file = match tempfile::tempfile() {
            Ok(file) => file,
            Err(why) => return Err(Unkept::new(stream, why, true)),
        };
        let (mut hash, mut kept) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        let (why, count) = loop {
            let count = match stream.read(&mut buffer) {
                Ok(0) => break (file.rewind().err(), 0),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => break (Some(error), 0),
            };
            hash.update(&buffer[..count]);
            if let Err(error) = file.write_all(&buffer[..count]) {
                break (Some(error), count);
            }
            kept += count as u64;
        };
        let Some(why) = why else {
            let sha256 = hash.finalize().into();
            return Ok(Self { file, sha256 });
        };
        buffer.truncate(count);
        let is_whole = kept == 0 && count == 0;
        match file.rewind() {
            Ok(()) => {
                let read = file.take(kept).chain(Cursor::new(buffer));
                Err(Unkept::new(read.chain(stream), why, is_whole))
            }
            // The spooled bytes cannot be read again: only the rest is passed on.
            Err(why) => {
                let rest = Cursor::new(buffer).chain(stream);
                Err(Unkept::new(rest, why, is_whole))
            }
        }
    }

    /// Returns the SHA-256 of the stream's content.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Returns the file, at its beginning.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }
}

impl Unkept {
    fn new(stream: impl Read + Send + 'static, why: io::Error, is_whole: bool) -> Self {
        let stream = Box::new(stream);
        Self {
            stream,
            why,
            is_whole,
        }
    }

    /// Reports whether nothing was read of it, so that another process may read it itself.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Returns the error for which it could not be spooled.
    #[must_use]
    pub fn why(&self) -> &io::Error {
        &self.why
    }
}

impl Read for Unkept {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl fmt::Debug for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unkept")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

/// Reports whether nothing arrives on a stream for this long, not even end of file.
#[must_use]
pub fn is_idle(stream: &File, patience: Duration) -> bool {
    let patience = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    let mut polled = [PollFd::new(stream, PollFlags::IN)];
    matches!(poll(&mut polled, Some(&patience)), Ok(0))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn only_a_stream_without_a_byte_and_without_an_end_is_idle() {
        let moment = Duration::from_millis(1);
        for text in ["late", ""] {
            let (reader, mut writer) = io::pipe().expect("a pipe");
            let stream = File::from(OwnedFd::from(reader));
            assert!(is_idle(&stream, moment));
            writer.write_all(text.as_bytes()).expect("it takes that");
            drop(writer);
            assert!(!is_idle(&stream, moment), "{text:?}");
            let spool = Spool::of(stream).expect("a spool");
            assert_eq!(spool.sha256(), Sha256::digest(text).as_slice());
        }
    }

    #[test]
    fn an_unreadable_input_is_handed_back() {
        let folder = File::open("/").expect("there is one");
        let unkept = Spool::of(folder).expect_err("a folder is not a stream");
        assert_eq!(unkept.why().kind(), io::ErrorKind::IsADirectory);
        assert!(unkept.is_whole());
    }
}
