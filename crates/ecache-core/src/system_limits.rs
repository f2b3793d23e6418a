//! Limits of this process (`ulimit`) as the cause of errors.

use std::fmt;
use std::io;

use rustix::process::{Resource, getrlimit};

/// Descriptors that an open store needs: the file, its log, the index of the log, and a spare one.
const DESCRIPTORS: usize = 4;

/// A limit that is too low for the attempted operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemLimit {
    /// The length of a file
    FileSize,
    /// The number of open files
    OpenFiles,
}

impl SystemLimit {
    /// Returns the limit that a system error reports.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        match error.raw_os_error()? {
            libc::EFBIG => Some(Self::FileSize),
            libc::EMFILE => Some(Self::OpenFiles),
            _ => None,
        }
    }

    /// Returns the limit on file size, if there is one: a possible cause of a failed SQLite write,
    /// which SQLite does not report.
    pub(crate) fn on_writing() -> Option<Self> {
        getrlimit(Resource::Fsize).current.map(|_| Self::FileSize)
    }

    /// Returns the limit on open files, if a store exceeds it: a possible cause of SQLite failing
    /// to open one, which SQLite does not report.
    pub(crate) fn on_opening() -> Option<Self> {
        let null = || std::fs::File::open("/dev/null");
        let opened: io::Result<Vec<_>> = (0..DESCRIPTORS).map(|_| null()).collect();
        opened.err().as_ref().and_then(Self::of)
    }
}

impl fmt::Display for SystemLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FileSize => "the limit on the size of files (ulimit -f) is too low",
            Self::OpenFiles => "the limit on open files (ulimit -n) is too low",
        })
    }
}

/// Reports whether the system is currently out of processes, threads or descriptors.
#[must_use]
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::EAGAIN | libc::ENOMEM)
    )
}

/// Returns the maximum number of files this process may have open.
pub(crate) fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Adds the failed operation to an error that only reports exhaustion.
pub(crate) fn no_thread(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot start a thread: {error}"))
}
