//! The standard streams, as all commands use them: unbuffered, whole where they are non-blocking, and an error
//! where they were closed.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use ecache_core::streams::Patient;
use rustix::io::Errno;

use super::escape;
use crate::inherited;

/// A standard stream of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standard(Patient<BorrowedFd<'static>>);

/// Standard input.
pub(crate) fn stdin() -> Standard {
    // SAFETY: Rust's runtime opens the standard streams that are closed, and nothing here closes one.
    Standard(Patient(unsafe { BorrowedFd::borrow_raw(0) }))
}

/// Standard output.
pub(crate) fn stdout() -> Standard {
    // SAFETY: as above.
    Standard(Patient(unsafe { BorrowedFd::borrow_raw(1) }))
}

/// Standard error.
pub(crate) fn stderr() -> Standard {
    // SAFETY: as above.
    Standard(Patient(unsafe { BorrowedFd::borrow_raw(2) }))
}

/// Writes a line to standard error, where nothing that was typed or stored may act on a terminal.
///
/// Where that cannot be, there is nobody left to tell.
pub(crate) fn say(line: &str) {
    let _ = stderr().write_all(format!("{}\n", escape::message(line)).as_bytes());
}

impl Standard {
    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.0.is_terminal()
    }

    /// The stream, unless it was closed: the runtime has put another one in its place.
    fn open(&mut self) -> io::Result<&mut Patient<BorrowedFd<'static>>> {
        if inherited::is_closed(self.as_fd().as_raw_fd()) {
            return Err(Errno::BADF.into());
        }
        Ok(&mut self.0)
    }
}

impl Read for Standard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.open()?.read(buffer)
    }
}

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Standard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0
    }
}
