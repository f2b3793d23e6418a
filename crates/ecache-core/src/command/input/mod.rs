//! Standard input of a memoized command: how the command gets it, and how it enters the key.
//!
//! An entry answers for the input that a command *took*, not for all input that was available. A
//! command that reads nothing leaves its input to the next command, on a hit as on a miss. For a
//! command that reads, the content that it read is part of the key.
//!
//! | standard input | the command gets | in the key |
//! |---|---|---|
//! | a regular file | the same open file | the content of the whole file and the offset; a hit moves the offset |
//! | a pipe, a FIFO or a stream socket | a pipe of its own, filled from a copy (`pump`) | the content that it took ([`StreamInput`]) |
//! | a terminal | the terminal | that it is one; a run that read from it is not kept |
//! | `/dev/null`, closed | the same | which of them |
//! | anything else, such as a folder | the same | nothing: the command is run without the cache |
//!
//! Alternatives considered for pipes:
//! - read everything first and hash it (`--stdin hash`, and by hand with bkt): a loop
//!   such as `while read x; do ecache run -- echo $x; done` ends after one round, and `yes | ecache
//!   run -- head -1` never;
//! - give the command the pipe itself and check afterwards how much was read: the content that it
//!   read stays unknown;
//! - `tee(2)` the pipe, hand out the copy, and take from the pipe as many bytes as the command took
//!   from the copy (chosen).

mod file;
mod kind;
mod profile;
mod pump;
mod source;
mod spool;
mod stream;
mod system;
mod taken;
mod terminal;

use std::fs::File;

use super::InputLeft;
use crate::key::hex;

pub use file::FileInput;
pub use kind::{InputKind, input_kind};
pub(super) use profile::{Profile, Seen};
pub(super) use pump::{Pump, Taken};
pub use source::Wire;
pub use spool::{Spool, Unkept, is_idle};
pub use stream::StreamInput;
pub(super) use stream::{StreamContent, Waiting};
pub use terminal::{TerminalWatch, watch_terminal};

/// The standard input of a command.
#[derive(Debug)]
pub enum Input {
    /// This process's standard input, whatever it is
    Inherited,
    /// `/dev/null`
    Nothing,
    /// This process's terminal
    Terminal,
    /// This process's regular file
    File(FileInput),
    /// This process's pipe or socket
    Stream(StreamInput),
    /// A file that holds a stream read to its end
    Spooled(File),
    /// A stream that could not be spooled
    Unkept(Unkept),
}

impl Input {
    /// Reports whether another process can get the same input.
    pub(super) fn can_be_copied(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.peek_whole().is_ok_and(|whole| whole.is_some()),
            _ => true,
        }
    }

    /// Moves the input to the position at which a recorded command left it.
    pub(super) fn leave(&mut self, left: Option<InputLeft>) {
        let Some(left) = left else {
            return;
        };
        // Fails only if another process reads the same input at the same time.
        let _ = match self {
            Self::File(file) => file.leave_at(left.position),
            Self::Stream(stream) => stream.consume(left.position),
            _ => Ok(()),
        };
    }
}

/// The part of a key that identifies standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKey {
    /// `--stdin none`: the command gets `/dev/null`, and the user says that it reads nothing
    #[default]
    Nothing,
    /// An inherited `/dev/null`
    NullDevice,
    /// An inherited `/dev/null`, open for writing only, as `nohup` leaves it
    NullForWriting,
    /// An inherited closed descriptor
    Closed,
    /// An inherited terminal from which the command reads nothing
    Terminal,
    /// `--stdin ignore`: the user says that the input makes no difference
    Ignored,
    /// The SHA-256 of a stream that was read to its end before the command started
    Read([u8; 32]),
    /// The SHA-256 of a regular file, and the offset at which reading starts
    File([u8; 32], u64),
    /// A stream that the command does not read although there is something to read; also the
    /// address of a profile
    Unread(Wire),
    /// A stream in which nothing arrived
    Empty(Wire),
    /// The SHA-256 of a whole stream
    Stream(Wire, [u8; 32]),
}

impl InputKey {
    /// Returns the text that is hashed and recorded; `None` for the default.
    pub(super) fn recorded(&self) -> Option<String> {
        Some(match self {
            Self::Nothing => return None,
            Self::NullDevice => "/dev/null".into(),
            Self::NullForWriting => "/dev/null, for writing".into(),
            Self::Closed => "closed".into(),
            Self::Terminal => "terminal".into(),
            Self::Ignored => "ignored".into(),
            Self::Read(sha256) => format!("read: {}", hex(sha256)),
            Self::File(sha256, 0) => format!("file: {}", hex(sha256)),
            Self::File(sha256, offset) => format!("file from {offset}: {}", hex(sha256)),
            Self::Unread(wire) => format!("{wire}"),
            Self::Empty(wire) => format!("{wire}: empty"),
            Self::Stream(wire, sha256) => format!("{wire}: {}", hex(sha256)),
        })
    }

    /// Returns the recorded text of an input that is not read and is not `/dev/null` itself.
    #[must_use]
    pub fn unread_name(&self) -> Option<String> {
        let is_other = matches!(self, Self::Terminal | Self::NullForWriting | Self::Closed);
        self.recorded().filter(|_| is_other)
    }

    /// Returns the input whose result is used if this one has none: that of `--stdin none` and of
    /// `warm` answers for `/dev/null` and for a terminal.
    pub(super) fn fallback(&self) -> Option<Self> {
        match self {
            Self::NullDevice | Self::Terminal => Some(Self::Nothing),
            _ => None,
        }
    }

    /// Reports whether the key is that of any run with this input, whatever the run takes from it.
    pub(super) fn covers_input(&self) -> bool {
        !matches!(self, Self::Unread(_) | Self::Empty(_))
    }

    /// Returns the kind of stream, if this is one.
    pub(super) fn wire(&self) -> Option<Wire> {
        match self {
            Self::Unread(wire) | Self::Empty(wire) | Self::Stream(wire, _) => Some(*wire),
            _ => None,
        }
    }

    /// Returns the key part with this recorded text if the command read nothing, so that it can run
    /// again with `/dev/null` instead.
    #[must_use]
    pub fn unread(recorded: &str) -> Option<Self> {
        let unread = [
            Self::NullDevice,
            Self::NullForWriting,
            Self::Closed,
            Self::Terminal,
            Self::Unread(Wire::Pipe),
            Self::Unread(Wire::Socket),
            Self::Empty(Wire::Pipe),
            Self::Empty(Wire::Socket),
        ];
        let mut unread = unread.into_iter();
        unread.find(|key| key.recorded().as_deref() == Some(recorded))
    }
}
