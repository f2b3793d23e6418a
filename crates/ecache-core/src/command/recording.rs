//! What a command printed, in the order in which it came, and how it ended, as bytes.
//!
//! ```text
//! version   1 byte: 1
//! frames    1 byte: 1 for standard output, 2 for standard error
//!           4 bytes: the length, big-endian
//!           so many bytes
//! end       1 byte: 0
//!           1 byte: the exit code, and nothing after it
//! ```
//!
//! Whoever reads an older version goes on reading it; a version that is not known is a miss.

use std::io::{self, BufRead, Read, Seek, Write};

use tempfile::SpooledTempFile;

const VERSION: u8 = 1;

/// Where the frames of a recording begin: behind its version.
pub(super) const BEGINNING: u64 = 1;

pub(super) const END: u8 = 0;

/// The stream of a frame and its length.
pub(super) const HEADER: usize = 5;

/// So many bytes are kept in memory, the rest in a file.
const IN_MEMORY: usize = 1 << 20;

/// A frame is written when it has so many bytes.
const FRAME: usize = 1 << 16;

/// One of the two streams that a command prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Output = 1,
    Error = 2,
}

/// Why there is no recording of what a command printed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRecorded {
    #[error("it printed more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("what it printed could not be kept: {0}")]
    Spool(#[from] io::Error),
    #[error("its reader went away")]
    Unread,
}

/// Writes a recording, which is in memory as long as it is short.
pub(super) struct Recorder {
    spool: SpooledTempFile,
    /// The frame that is being filled
    stream: Stream,
    frame: Vec<u8>,
    /// How many more bytes of output may come
    left: u64,
    limit: u64,
}

impl Recorder {
    pub(super) fn new(limit: u64) -> Result<Self, NotRecorded> {
        let mut spool = SpooledTempFile::new(IN_MEMORY);
        spool.write_all(&[VERSION])?;
        Ok(Self {
            spool,
            stream: Stream::Output,
            frame: Vec::new(),
            left: limit,
            limit,
        })
    }

    /// Adds what came on a stream.
    pub(super) fn record(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), NotRecorded> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(NotRecorded::TooLarge { limit: self.limit })?;
        if stream != self.stream || self.frame.len() + bytes.len() > FRAME {
            self.end_frame()?;
            self.stream = stream;
        }
        self.frame.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the recording, and hands it out to be read from its beginning.
    pub(super) fn finish(mut self, exit: u8) -> Result<impl Read, NotRecorded> {
        self.end_frame()?;
        self.spool.write_all(&[END, exit])?;
        self.spool.rewind()?;
        Ok(self.spool)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(self.frame.len()).expect("a frame is a read from a pipe or two");
        self.spool.write_all(&[self.stream as u8])?;
        self.spool.write_all(&length.to_be_bytes())?;
        self.spool.write_all(&self.frame)?;
        self.frame.clear();
        Ok(())
    }
}

/// A value is no recording of a command, or none that this release knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not what a command printed")]
pub struct Malformed;

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The value is no recording
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The value could not be read
    #[error(transparent)]
    Read(io::Error),
    /// One of the streams took no more
    #[error(transparent)]
    Write(io::Error),
}

/// Prints again what a command printed, and returns its exit code.
///
/// Holds no more in memory than `recording` does. Each stream is flushed after each of its frames.
///
/// # Errors
/// Told apart in [`ReplayError`]; what came before the error is printed.
pub fn replay(
    mut recording: impl BufRead,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<u8, ReplayError> {
    if byte(&mut recording)? != VERSION {
        return Err(Malformed.into());
    }
    loop {
        let stream: &mut dyn Write = match byte(&mut recording)? {
            1 => stdout,
            2 => stderr,
            END => break,
            _ => return Err(Malformed.into()),
        };
        let mut length = [0; 4];
        recording.read_exact(&mut length).map_err(cut_off)?;
        pass_on(&mut recording, u32::from_be_bytes(length) as usize, stream)?;
        stream.flush().map_err(ReplayError::Write)?;
    }
    let exit = byte(&mut recording)?;
    match recording.fill_buf().map_err(ReplayError::Read)? {
        [] => Ok(exit),
        _ => Err(Malformed.into()),
    }
}

/// Whether a recording begins and ends like one, for one that is too long to be read twice.
///
/// What is in between is what a recorder wrote, as far as its checksums say.
pub(super) fn is_framed(first: &[u8], last: &[u8]) -> bool {
    let begins = matches!(first, [VERSION, stream, ..] if *stream <= Stream::Error as u8);
    begins && matches!(last, [.., END, _])
}

fn pass_on(
    recording: &mut impl BufRead,
    mut length: usize,
    stream: &mut dyn Write,
) -> Result<(), ReplayError> {
    while length > 0 {
        let bytes = recording.fill_buf().map_err(ReplayError::Read)?;
        let count = bytes.len().min(length);
        if count == 0 {
            return Err(Malformed.into());
        }
        stream
            .write_all(&bytes[..count])
            .map_err(ReplayError::Write)?;
        recording.consume(count);
        length -= count;
    }
    Ok(())
}

fn byte(recording: &mut impl BufRead) -> Result<u8, ReplayError> {
    let mut byte = [0];
    recording.read_exact(&mut byte).map_err(cut_off)?;
    Ok(byte[0])
}

fn cut_off(error: io::Error) -> ReplayError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Malformed.into(),
        _ => ReplayError::Read(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorded(pieces: &[(Stream, Vec<u8>)], exit: u8) -> Vec<u8> {
        let mut recorder = Recorder::new(u64::MAX).expect("memory");
        for (stream, bytes) in pieces {
            recorder.record(*stream, bytes).expect("memory");
        }
        let mut bytes = Vec::new();
        let mut recording = recorder.finish(exit).expect("memory");
        recording.read_to_end(&mut bytes).expect("memory");
        bytes
    }

    /// Both streams in one list, in the order in which they are written to.
    fn replayed(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>, u8), ReplayError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let exit = replay(bytes, &mut stdout, &mut stderr)?;
        Ok((stdout, stderr, exit))
    }

    #[test]
    fn has_the_format_that_is_written_down() {
        let pieces = [
            (Stream::Output, b"a".to_vec()),
            (Stream::Error, b"bc".to_vec()),
            (Stream::Error, b"d".to_vec()),
        ];
        assert_eq!(
            recorded(&pieces, 7),
            b"\x01\x01\0\0\0\x01a\x02\0\0\0\x03bcd\0\x07"
        );
    }

    #[test]
    fn ends_at_its_limit() {
        let mut recorder = Recorder::new(3).expect("memory");
        recorder.record(Stream::Output, b"abc").expect("it fits");
        let refused = recorder.record(Stream::Error, b"d");
        assert!(matches!(refused, Err(NotRecorded::TooLarge { limit: 3 })));
    }

    #[test]
    fn what_is_cut_off_or_longer_is_malformed() {
        let whole = recorded(&[(Stream::Output, b"abc".to_vec())], 0);
        for end in 0..whole.len() {
            assert!(matches!(
                replayed(&whole[..end]),
                Err(ReplayError::Malformed(_))
            ));
        }
        let longer = [&whole[..], b"x"].concat();
        assert!(matches!(replayed(&longer), Err(ReplayError::Malformed(_))));
    }

    #[test]
    fn a_long_one_is_known_by_its_ends() {
        let whole = recorded(&[(Stream::Output, b"abc".to_vec())], 9);
        assert!(is_framed(&whole, &whole));
        assert!(is_framed(&whole, &[END, 9]));
        assert!(!is_framed(&[VERSION + 1, 1], &whole));
        assert!(!is_framed(&[VERSION, 3], &whole));
        assert!(!is_framed(&whole, b"abc"));
        assert!(!is_framed(&whole, &[]));
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(
            pieces in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40_000)), 0..6),
            exit in any::<u8>(),
        ) {
            let stream = |is_error| if is_error { Stream::Error } else { Stream::Output };
            let pieces: Vec<_> = pieces.into_iter().map(|(e, bytes)| (stream(e), bytes)).collect();
            let of = |wanted| pieces.iter().filter(|(s, _)| *s == wanted).flat_map(|(_, b)| b.clone()).collect::<Vec<u8>>();
            let (stdout, stderr, code) = replayed(&recorded(&pieces, exit)).expect("well formed");
            prop_assert_eq!((stdout, stderr, code), (of(Stream::Output), of(Stream::Error), exit));
        }

        #[test]
        fn garbage_is_malformed_or_a_recording_and_never_a_panic(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()], 0..64),
        ) {
            let _ = replayed(&bytes);
        }
    }
}
