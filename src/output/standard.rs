//! The standard streams of all commands: unbuffered, with complete writes on non-blocking
//! descriptors, and an error for a stream that was closed.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::Style;
use ecache_core::streams::Patient;
use rustix::io::Errno;

use super::paint::styled;
use super::plain::{is_unicode, marks};
use super::{cut, escape};
use crate::inherited;

/// A standard stream of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standard(Patient<BorrowedFd<'static>>);

/// Returns standard input.
pub(crate) fn stdin() -> Standard {
    Standard(Patient(rustix::stdio::stdin()))
}

/// Returns standard output.
pub(crate) fn stdout() -> Standard {
    Standard(Patient(rustix::stdio::stdout()))
}

/// Returns standard error.
pub(crate) fn stderr() -> Standard {
    Standard(Patient(rustix::stdio::stderr()))
}

/// Writes an escaped line to standard error, so that nothing typed or stored acts on a terminal.
///
/// Best effort: a failure could not be reported anywhere.
pub(crate) fn say(line: &str) {
    let line = escape::message(line);
    let _ = stderr().write_all(format!("{}\n", spoken("", &line)).as_bytes());
}

/// Writes an escaped line to standard error in a style, where colours are wanted.
pub(crate) fn say_in(style: Style, line: &str, color: bool) {
    let line = escape::message(line);
    // A drawing has gaps, and prose has none.
    let line = match terminal_size::terminal_size_of(stderr()) {
        Some((width, _)) if !line.contains("  ") => cut::broken("", &line, width.0.into()),
        _ => Cow::Borrowed(line.as_str()),
    };
    let line = if speaks_ascii() { marks(&line) } else { line };
    let _ = stderr().write_all(format!("{}\n", styled(&line, style, color)).as_bytes());
}

/// Reports whether standard error is a terminal that shows ASCII alone.
fn speaks_ascii() -> bool {
    !is_unicode() && stderr().is_terminal()
}

/// Returns a sentence as standard error gets it behind a word: on a terminal broken at its spaces,
/// and with ASCII marks where the terminal has no others.
pub(crate) fn spoken<'a>(word: &str, sentence: &'a str) -> Cow<'a, str> {
    if !stderr().is_terminal() {
        return Cow::Borrowed(sentence);
    }
    let size = terminal_size::terminal_size_of(stderr());
    let width = size.map_or(0, |(width, _)| usize::from(width.0));
    let broken = cut::broken(word, sentence, width);
    if speaks_ascii() {
        Cow::Owned(marks(&broken).into_owned())
    } else {
        broken
    }
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

/// Set once standard output could not be written.
static OUTPUT_FAILED: AtomicBool = AtomicBool::new(false);

/// Reports whether standard output could not be written: an error without a context is of that.
pub(crate) fn output_failed() -> bool {
    OUTPUT_FAILED.load(Ordering::Relaxed)
}

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_output = self.as_fd().as_raw_fd() == 1;
        let written = self.open().and_then(|stream| stream.write(bytes));
        if written.is_err() && is_output {
            OUTPUT_FAILED.store(true, Ordering::Relaxed);
        }
        written
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
