//! The byte format of a command's output, in order of arrival, and of its exit code.
//!
//! ```text
//! version   1 byte: 2
//! form      1 byte: the streams that were printed to, see [`Form`]
//! frames    1 byte: 1 for standard output, 2 for standard error
//!           4 bytes: the length, big-endian
//!           that many bytes
//! input     1 byte: 3, present if standard input was a file or a stream
//!           4 bytes: 9, big-endian
//!           8 bytes: the final offset in the file, or the bytes taken from the stream, big-endian
//!           1 byte: 1 if the command saw the end of the stream
//! end       1 byte: 0
//!           1 byte: the exit code, and nothing after it
//! ```
//!
//! A recording of an unknown version is a miss.

use std::io::{self, BufRead, Write};

use crate::backend::{Backend, Content};
use crate::command::settings::Outputs;
use crate::error::Error;

pub(super) const VERSION: u8 = 2;

/// Offset of the first frame, after the version and the form.
pub(crate) const BEGINNING: u64 = 2;

pub(crate) const END: u8 = 0;

/// Tag of the frame that records the state of standard input.
pub(crate) const INPUT: u8 = 3;

/// Length of that frame's content.
pub(super) const INPUT_LENGTH: usize = 9;

/// Length of a frame's header: its stream and the length of its content.
pub(crate) const HEADER: usize = 5;

/// One of the two streams that a command prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or both streams where they go to one place
    Output = 1,
    /// Standard error
    Error = 2,
}

/// The streams that a recorded command printed to, which decide the callers it can be replayed for.
///
/// With two pipes, the order of writes is known only as they were read. A recording with separate
/// streams therefore cannot answer a caller that merges them, and a merged recording cannot be
/// split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing was printed
    Nothing = 0,
    /// Standard output alone
    Output = 1,
    /// Standard error alone
    Error = 2,
    /// Both streams, recorded separately
    Both = 3,
    /// Both streams merged, with all output in frames of standard output
    Merged = 4,
}

impl Form {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Output,
        Self::Error,
        Self::Both,
        Self::Merged,
    ];

    fn read(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|form| *form as u8 == byte)
    }

    /// Returns the form after output on a stream.
    pub(super) fn with(self, stream: Stream) -> Self {
        match (self, stream) {
            (Self::Merged, _) => Self::Merged,
            (Self::Nothing | Self::Output, Stream::Output) => Self::Output,
            (Self::Nothing | Self::Error, Stream::Error) => Self::Error,
            _ => Self::Both,
        }
    }

    /// Reports whether a replay to such streams matches the command's output byte for byte and in
    /// order.
    pub(crate) fn answers(self, outputs: Outputs) -> bool {
        match self {
            Self::Nothing | Self::Output | Self::Error => true,
            Self::Both => outputs == Outputs::Apart,
            Self::Merged => outputs == Outputs::Merged,
        }
    }
}

/// The state in which a command left its standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputLeft {
    /// The offset in a file, or the number of bytes taken from a stream
    pub position: u64,
    /// `true` if the command was given the end of a stream
    pub saw_end: bool,
}

impl InputLeft {
    pub(super) fn to_bytes(self) -> [u8; INPUT_LENGTH] {
        let mut bytes = [0; INPUT_LENGTH];
        bytes[..8].copy_from_slice(&self.position.to_be_bytes());
        bytes[8] = self.saw_end.into();
        bytes
    }

    fn from_bytes(bytes: [u8; INPUT_LENGTH]) -> Self {
        let (position, end) = bytes.split_first_chunk().expect("it is longer");
        Self {
            position: u64::from_be_bytes(*position),
            saw_end: end == [1],
        }
    }
}

/// The recorded end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its exit code
    pub exit: u8,
    /// The state of its standard input, if that was a file or a stream
    pub input: Option<InputLeft>,
}

/// The error of a value that is not a recording of a command, or has an unknown version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not what a command printed")]
pub struct Malformed;

/// The reason why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The value is not a recording
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The value could not be read
    #[error(transparent)]
    Read(io::Error),
    /// One of the output streams could not be written to
    #[error(transparent)]
    Write(io::Error),
}

/// Prints a recorded command's output again, and returns its ending.
///
/// Buffers no more than `recording` does. Each stream is flushed after each of its frames.
///
/// # Errors
/// See [`ReplayError`]. The output that precedes the error has been printed.
pub fn replay(
    mut recording: impl BufRead,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<Ending, ReplayError> {
    let mut input = None;
    if byte(&mut recording)? != VERSION || Form::read(byte(&mut recording)?).is_none() {
        return Err(Malformed.into());
    }
    loop {
        let stream: &mut dyn Write = match byte(&mut recording)? {
            1 => stdout,
            2 => stderr,
            INPUT if input.is_none() => {
                let mut frame = [0; HEADER - 1 + INPUT_LENGTH];
                recording.read_exact(&mut frame).map_err(cut_off)?;
                let (length, left) = frame.split_first_chunk().expect("it is longer");
                if u32::from_be_bytes(*length) as usize != INPUT_LENGTH {
                    return Err(Malformed.into());
                }
                let left = left.try_into().expect("what is left of the frame");
                input = Some(InputLeft::from_bytes(left));
                continue;
            }
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
        [] => Ok(Ending { exit, input }),
        _ => Err(Malformed.into()),
    }
}

/// Returns the form of a value that begins and ends like a recording, `None` for any other.
///
/// The bytes in between are trusted: checksums verify that a recorder wrote them.
fn framed(first: &[u8], last: &[u8]) -> Option<Form> {
    let form = match first {
        [VERSION, form, stream, ..] if *stream <= Stream::Error as u8 => Form::read(*form),
        _ => None,
    };
    form.filter(|_| matches!(last, [.., END, _]))
}

/// Returns the form of a value that is a recording, `None` for any other.
///
/// Only the two ends of a chunked value are checked: it is too long to be read twice.
pub(crate) fn form(backend: &dyn Backend, content: &Content) -> Result<Option<Form>, Error> {
    match content {
        Content::Inline(bytes) => {
            let is_whole = replay(&bytes[..], &mut io::sink(), &mut io::sink()).is_ok();
            let form = bytes.get(1).and_then(|form| Form::read(*form));
            Ok(form.filter(|_| is_whole))
        }
        Content::Chunked(chunked) => {
            let (mut first, mut last) = (Vec::new(), Vec::new());
            backend.read_chunk(chunked, 0, &mut first)?;
            backend.read_chunk(chunked, chunked.chunks() - 1, &mut last)?;
            // An ending alone in its chunk is accepted without its marker.
            let last = if last.len() < 2 { &[0, 0][..] } else { &last };
            Ok(framed(&first, last))
        }
    }
}

/// Returns the ending of a recorded command, `None` for any other value.
///
/// In a chunked value the input frame may span two chunks; its state is then unknown.
pub(crate) fn ending(backend: &dyn Backend, content: &Content) -> Result<Option<Ending>, Error> {
    match content {
        Content::Inline(bytes) => Ok(replay(&bytes[..], &mut io::sink(), &mut io::sink()).ok()),
        Content::Chunked(chunked) => {
            let mut last = Vec::new();
            backend.read_chunk(chunked, chunked.chunks() - 1, &mut last)?;
            Ok(ending_of(&last))
        }
    }
}

/// Returns the exit code at the end of a recording, `None` for any other value.
pub(crate) fn exit_code(backend: &dyn Backend, content: &Content) -> Result<Option<u8>, Error> {
    Ok(ending(backend, content)?.map(|ending| ending.exit))
}

/// Parses the ending of a recording from its last bytes.
fn ending_of(last: &[u8]) -> Option<Ending> {
    let (exit, frames) = last.split_last()?;
    let frames = frames.split_last().map_or(frames, |(_, frames)| frames);
    let input = frames.split_last_chunk().and_then(|(frames, input)| {
        let (_, header) = frames.split_last_chunk::<HEADER>()?;
        let is_input = *header == [INPUT, 0, 0, 0, INPUT_LENGTH as u8];
        is_input.then(|| InputLeft::from_bytes(*input))
    });
    Some(Ending { exit: *exit, input })
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

    use std::io::Read;

    use super::super::recorder::{NotRecorded, Recorder};
    use super::*;

    fn recorded(pieces: &[(Stream, Vec<u8>)], exit: u8) -> Vec<u8> {
        recorded_as(Outputs::Apart, pieces, exit)
    }

    fn recorded_as(outputs: Outputs, pieces: &[(Stream, Vec<u8>)], exit: u8) -> Vec<u8> {
        let mut recorder = Recorder::new(outputs, u64::MAX).expect("memory");
        for (stream, bytes) in pieces {
            recorder.record(*stream, bytes).expect("memory");
        }
        let mut bytes = Vec::new();
        let mut recording = recorder.finish(exit).expect("memory");
        recording.read_to_end(&mut bytes).expect("memory");
        bytes
    }

    /// Returns the replayed standard output, standard error and exit code.
    fn replayed(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>, u8), ReplayError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let ending = replay(bytes, &mut stdout, &mut stderr)?;
        Ok((stdout, stderr, ending.exit))
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
            b"\x02\x03\x01\0\0\0\x01a\x02\0\0\0\x03bcd\0\x07"
        );
        assert_eq!(
            recorded_as(Outputs::Merged, &pieces[..1], 7),
            b"\x02\x04\x01\0\0\0\x01a\0\x07"
        );
    }

    #[test]
    fn answers_where_the_order_and_the_streams_are_known() {
        let (output, error) = (Stream::Output, Stream::Error);
        let answers = |outputs, streams: &[Stream]| {
            let pieces: Vec<_> = streams.iter().map(|s| (*s, vec![b'a'])).collect();
            let form = Form::read(recorded_as(outputs, &pieces, 0)[1]).expect("it has one");
            [Outputs::Apart, Outputs::Merged].map(|asked| form.answers(asked))
        };
        for (outputs, streams, expected) in [
            (Outputs::Apart, &[][..], [true, true]),
            (Outputs::Apart, &[output, output], [true, true]),
            (Outputs::Apart, &[error], [true, true]),
            (Outputs::Apart, &[output, error], [true, false]),
            (Outputs::Apart, &[error, output, error], [true, false]),
            (Outputs::Merged, &[], [true, true]),
            (Outputs::Merged, &[output], [false, true]),
        ] {
            assert_eq!(
                answers(outputs, streams),
                expected,
                "{outputs:?} {streams:?}"
            );
        }
    }

    #[test]
    fn says_what_became_of_the_input() {
        for saw_end in [false, true] {
            let left = InputLeft {
                position: 0x0102,
                saw_end,
            };
            let mut recorder = Recorder::new(Outputs::Apart, 10).expect("memory");
            recorder.record(Stream::Output, b"a").expect("it fits");
            recorder.leave_input(left);
            let mut bytes = Vec::new();
            let mut recording = recorder.finish(7).expect("memory");
            recording.read_to_end(&mut bytes).expect("memory");
            let expected = Ending {
                exit: 7,
                input: Some(left),
            };
            let replayed = replay(&bytes[..], &mut io::sink(), &mut io::sink());
            assert_eq!(replayed.expect("well formed"), expected);
            assert_eq!(ending_of(&bytes), Some(expected));
            assert_eq!(
                ending_of(&bytes[bytes.len() - 5..]).expect("an end").input,
                None
            );
        }
        let without = recorded(&[], 3);
        let expected = Ending {
            exit: 3,
            input: None,
        };
        assert_eq!(ending_of(&without), Some(expected));
    }

    #[test]
    fn ends_at_its_limit() {
        let mut recorder = Recorder::new(Outputs::Apart, 3).expect("memory");
        recorder.record(Stream::Output, b"abc").expect("it fits");
        let refused = recorder.record(Stream::Error, b"d");
        assert!(matches!(refused, Err(NotRecorded::TooLarge { limit: 3 })));
    }

    #[test]
    fn a_recording_that_is_cut_off_or_longer_is_malformed() {
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
        assert_eq!(framed(&whole, &whole), Some(Form::Output));
        assert_eq!(framed(&whole, &[END, 9]), Some(Form::Output));
        assert_eq!(framed(&[VERSION + 1, 1, 1], &whole), None);
        assert_eq!(framed(&[VERSION, 9, 1], &whole), None);
        assert_eq!(framed(&[VERSION, 1, 3], &whole), None);
        assert_eq!(framed(&whole, b"abc"), None);
        assert_eq!(framed(&whole, &[]), None);
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
            let bytes = recorded(&pieces, exit);
            let is_printed = |wanted| !of(wanted).is_empty();
            let printed = (is_printed(Stream::Output), is_printed(Stream::Error));
            prop_assert_eq!(bytes[1], u8::from(printed.0) | u8::from(printed.1) << 1);
            let (stdout, stderr, code) = replayed(&bytes).expect("well formed");
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
