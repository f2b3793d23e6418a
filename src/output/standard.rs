//! The standard streams of all commands: unbuffered, with complete writes on non-blocking
//! descriptors, and an error for a stream that was closed.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use anstyle::Style;
use ecache_core::streams::Patient;
use rustix::io::Errno;

use super::escape;
use super::paint::styled;
use crate::inherited;

/// A standard stream of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standard(Patient<BorrowedFd<'static>>);

/// Returns standard input.
pub(crate) fn stdin() -> Standard {
    // SAFETY: Rust's runtime opens closed standard streams, and nothing here closes one.
    Standard(Patient(unsafe { BorrowedFd::borrow_raw(0) }))
}

/// Returns standard output.
pub(crate) fn stdout() -> Standard {
    // SAFETY: as above.
    Standard(Patient(unsafe { BorrowedFd::borrow_raw(1) }))
}

/// Returns standard error.
pub(crate) fn stderr() -> Standard {
    // SAFETY: as above.
    Standard(Patient(unsafe { BorrowedFd::borrow_raw(2) }))
}

/// Writes an escaped line to standard error, so that nothing typed or stored acts on a terminal.
///
/// Best effort: a failure could not be reported anywhere.
pub(crate) fn say(line: &str) {
    let _ = stderr().write_all(format!("{}\n", escape::message(line)).as_bytes());
}

/// Writes an escaped line to standard error in a style, where colours are wanted.
pub(crate) fn say_in(style: Style, line: &str, color: bool) {
    let line = styled(&escape::message(line), style, color);
    let _ = stderr().write_all(format!("{line}\n").as_bytes());
}

impl Standard {
    /// Reports whether the stream is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.0.0.is_terminal()
    }

    /// Returns the stream, or an error if it was closed and the runtime put another one in its
    /// place.
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
