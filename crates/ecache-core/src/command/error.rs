//! The error of a memoized command, and the exit code that shells use for it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;

use crate::error::Error;
use crate::system_limits::SystemLimit;

/// The reason why a command was not run, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such program.
    #[error("there is no program {:?}", name.to_string_lossy())]
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
    /// The output already printed came from a damaged result or from a run that was not kept, and
    /// the rerun printed something else.
    #[error(
        "the output already printed came from a run that was not kept, and the rerun printed something else; try again"
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
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } => 127,
            Self::NotExecutable { .. } => 126,
            // The signal that ends a command which exceeds the limit itself.
            Self::Output(error) if SystemLimit::of(error) == Some(SystemLimit::FileSize) => {
                128 + libc::SIGXFSZ as u8
            }
            _ => 125,
        }
    }
}
