//! Memoized commands: identifies a command, runs and records it, and replays the recorded result.
//!
//! | file | its job |
//! |---|---|
//! | `program` | from a name to the file that is run |
//! | `identity` | what goes into the key |
//! | `call` | a command line as one call, and its entry |
//! | `input` | standard input: passing it to the command, and its part of the key |
//! | `piped` | looking up and keeping a command whose standard input is a pipe |
//! | `unkeyed` | arguments whose content cannot be part of the key |
//! | `files` | files, folders and patterns, hashed by content |
//! | `recording` | the byte format of a command's output and exit code |
//! | `feed` | connects a command to its standard input |
//! | `process` | runs a command, passes its output on and records it |
//! | `telling`, `broadcast` | publishes live output to followers |
//! | `frames` | reads live output and stored results piece by piece |
//! | `printed` | skips output that an earlier run printed |
//! | `turn` | elects a leader, which the others follow |
//! | `ancestry` | detects a leader that waits for this process |
//! | `beside` | separate entries for merged and for separate output streams |
//! | `old`, `held` | stale results, and output buffered until the command has succeeded |
//! | `settings` | settings and reports of a memoized command |
//! | `memo` | the one flow of a memoized command: look up, take the lock, look up again, run |
//! | `hit`, `keep` | replaying a result, and storing one |
//! | `warm`, `queue` | many commands, several at a time |
//! | `recorded` | makes a command again from its entry |
//!
//! A command is a function: its store has the program's name, its arguments are the rest of the
//! command line and one object more, for all else that its output depends on. Nothing here prints
//! or reads the environment; the caller passes in where output goes and what the variables are.
//!
//! Alternatives considered for the output: a pseudo-terminal (the command would format its output
//! for a person), temporary files (nothing would be printed before the end), and two pipes watched
//! by one thread (chosen). Two pipes lose the order of writes, so a single pipe is used where both
//! streams go to one place. Datagram sockets would also tell the streams apart, but they are not
//! pipes.

mod ancestry;
mod beside;
mod broadcast;
mod call;
mod feed;
mod files;
mod frames;
mod held;
mod hit;
mod identity;
mod input;
mod keep;
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
        /// Its name as typed
        name: OsString,
    },
    /// There is a file, but it cannot be run.
    #[error("cannot run {}", path.display())]
    NotExecutable {
        /// The file
        path: PathBuf,
        /// Error returned by the system
        source: io::Error,
    },
    /// The command could not be started or watched.
    #[error("cannot run {}", path.display())]
    Start {
        /// The program
        path: PathBuf,
        /// Error returned by the system
        source: io::Error,
    },
    /// The system has no room for another process, or for the descriptors needed to watch one.
    ///
    /// A caller that has nothing else to do can `exec` the command, whose streams are those of this
    /// process.
    #[error("cannot run {}", path.display())]
    NoRoom {
        /// The program
        path: PathBuf,
        /// Error returned by the system
        source: io::Error,
        /// The command that was to be started
        command: Box<Command>,
    },
    /// The command's output could not be written.
    #[error("cannot write what the command printed: {0}")]
    Output(io::Error),
    /// A recorded result could not be replayed to its end.
    #[error("cannot replay what was recorded: {0}")]
    Replay(io::Error),
    /// The output already printed came from an interrupted run or a damaged result, and the rerun
    /// printed something else.
    #[error(
        "what is printed is the beginning of a run whose rest is lost, and another run printed something else; try again"
    )]
    Differs,
    /// Another process is running the command, and the settings make that an error.
    #[error("another process is running it")]
    Busy,
    /// The cache failed, and the caller does not ignore that.
    #[error(transparent)]
    Cache(#[from] Error),
}

impl CommandError {
    /// Classifies the error of starting a program as `env` does.
    pub fn of_start(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOENT) => Self::NotFound { name: path.into() },
            // Not the program's fault.
            Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE | Errno::INTR)
            | None => Self::Start { path, source },
            Some(_) => Self::NotExecutable { path, source },
        }
    }

    /// Returns the exit code that shells and `env` use: 127 if the program is not found, 126 if it
    /// cannot be run, 125 if the failure is not the command's fault, and 128 plus the signal for
    /// output that exceeds a limit.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            // The signal that ends a command which exceeds the limit itself.
            Self::Output(error) if Limit::of(error) == Some(Limit::FileSize) => {
                128 + libc::SIGXFSZ as u8
            }
            _ => 125,
        }
    }
}
