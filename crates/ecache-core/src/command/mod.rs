//! Memoized commands: what identifies one, running it while it is recorded, and replaying what it did.
//!
//! | file | its job |
//! |---|---|
//! | `program` | from a name to the file that is run |
//! | `identity` | what goes into the key |
//! | `call` | a command line as one call, and its entry |
//! | `input` | standard input: how the command gets it, and how it enters the key |
//! | `piped` | a command that has a pipe for its standard input |
//! | `unkeyed` | arguments whose content cannot be in the key |
//! | `files` | files, folders and patterns, hashed by content |
//! | `recording` | what a command printed, and how it ended, as bytes |
//! | `feed` | connects a command to its standard input |
//! | `process` | runs a command, passes its output on and records it |
//! | `telling`, `broadcast` | what a running command prints, for other processes |
//! | `frames` | that, and what is kept of a command, read piece by piece |
//! | `printed` | what is printed already when another run begins |
//! | `turn` | one run at a time, which the others follow |
//! | `ancestry` | whether the leader of a flight waits for this process |
//! | `beside` | what is printed to one place, and what is printed to two |
//! | `old`, `held` | results whose time is over, and output that waits for the end |
//! | `settings` | how a command is memoized, and what came of it |
//! | `memo` | a hit, a miss, and trouble |
//! | `warm`, `queue` | many commands, several at a time |
//! | `recorded` | a command again, from what is recorded of it |
//!
//! A command is a function: its store has the program's name, its arguments are the rest of the command line and
//! one object more, for all else that its output depends on. Nothing here prints or reads the environment; the
//! caller passes in where output goes and what the variables are.
//!
//! Weighed for the output: a pseudo-terminal (the command would print for a person), temporary files
//! (nothing would come through before the end), and two pipes that one thread watches (chosen). Two
//! pipes lose the order of writes, so there is one where both streams go to one place; that was
//! weighed against datagram sockets, which would tell the streams apart as well, but are no pipes.

mod ancestry;
mod beside;
mod broadcast;
mod call;
mod feed;
mod files;
mod frames;
mod held;
mod identity;
mod input;
mod memo;
mod old;
mod piped;
mod printed;
mod process;
mod program;
mod queue;
mod recorded;
mod recording;
mod settings;
mod telling;
mod turn;
mod unkeyed;
mod warm;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;

use crate::error::Error;
use crate::limits::Limit;

pub(crate) use beside::is_beside;
pub use call::{Call, CallEntry};
pub use files::{file_metadata, hash_files};
pub use identity::Identity;
pub use input::{
    FileInput, Input, InputKey, InputKind, Spool, StreamInput, TerminalWatch, Unkept, Wire,
    input_kind, is_idle, watch_terminal,
};
pub use memo::Memo;
pub use process::{Signals, Streams};
pub use program::Program;
pub use recorded::{NotRepeatable, Repeated, repeat};
pub use recording::{Ending, InputLeft, Malformed, ReplayError, replay};
pub(crate) use recording::{exit_code, form};
pub use settings::{
    Arguments, Company, Failures, Mode, OnBusy, OnFailure, OnMiss, Outcome, Outputs, Report,
    Settings,
};
pub use unkeyed::{UnkeyedInput, unkeyed_input};
pub use warm::{Done, Found, Prepared, Stop, Warm, Warmed};

/// Why a command was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such program.
    #[error("{}: command not found", if name.is_empty() { "''".into() } else { name.to_string_lossy() })]
    NotFound {
        /// As it was typed
        name: OsString,
    },
    /// There is a file, but it cannot be run.
    #[error("cannot run {}", path.display())]
    NotExecutable {
        /// The file
        path: PathBuf,
        /// What the system says
        source: io::Error,
    },
    /// The command could not be started or watched.
    #[error("cannot run {}", path.display())]
    Start {
        /// The program
        path: PathBuf,
        /// What the system says
        source: io::Error,
    },
    /// The system has no room now for another process, or for the descriptors that are needed to watch one.
    ///
    /// A program that is to do nothing else can become the command: its streams are this process's.
    #[error("cannot run {}", path.display())]
    NoRoom {
        /// The program
        path: PathBuf,
        /// What the system says
        source: io::Error,
        /// What was to run
        command: Box<Command>,
    },
    /// What it printed could not be passed on.
    #[error("cannot write what the command printed: {0}")]
    Output(io::Error),
    /// What was recorded could not be replayed to its end.
    #[error("cannot replay what was recorded: {0}")]
    Replay(io::Error),
    /// Another run printed something else than what is printed already of one that was killed, or is damaged from there
    /// on.
    #[error(
        "what is printed is the beginning of a run whose rest is lost, and another run printed something else; try again"
    )]
    Differs,
    /// Another process is running the same, and that is not to be.
    #[error("another process is running it")]
    Busy,
    /// There is trouble with the cache, which is not to be passed over.
    #[error(transparent)]
    Cache(#[from] Error),
}

impl CommandError {
    /// Returns why a program could not be started, as `env` tells it.
    pub fn of_start(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOENT) => Self::NotFound { name: path.into() },
            // No fault of the program.
            Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::INTR)
            | None => Self::Start { path, source },
            Some(_) => Self::NotExecutable { path, source },
        }
    }

    /// The exit code that shells and `env` have for it: 127 for what is not there, 126 for what cannot be run,
    /// 125 for what is no fault of the command, and 128 and the signal for output that exceeds a limit.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            // The signal that ends a command which writes that itself.
            Self::Output(error) if Limit::of(error) == Some(Limit::FileSize) => {
                128 + libc::SIGXFSZ as u8
            }
            _ => 125,
        }
    }
}
