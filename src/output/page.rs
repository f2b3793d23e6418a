//! A buffer in front of a stream, which can be held while a page of rows is formatted.
//!
//! A backend lends its rows within a read transaction, in which a reader that is slow must not keep
//! this process waiting. Until the transaction has ended, the buffer therefore grows.

use std::cell::Cell;
use std::io::{self, Write};
use std::rc::Rc;

/// Number of bytes from which the buffer is written, unless it is held.
const FULL: usize = 64 * 1024;

/// The buffer. Dropping it writes the rest, as a `BufWriter` does.
pub(super) struct PageBuffer<W: Write> {
    sink: W,
    bytes: Vec<u8>,
    is_held: Rc<Cell<bool>>,
    /// The failure of a write, which every later one repeats: a part of the output is lost
    failure: Option<io::Error>,
}

impl<W: Write> PageBuffer<W> {
    /// Puts a buffer before `sink`, which is held while `is_held`.
    pub(super) fn new(sink: W, is_held: Rc<Cell<bool>>) -> Self {
        Self {
            sink,
            bytes: Vec::with_capacity(FULL),
            is_held,
            failure: None,
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if let Some(failure) = &self.failure {
            return Err(again(failure));
        }
        let written = self.sink.write_all(&self.bytes);
        self.bytes.clear();
        self.failure = written.as_ref().err().map(again);
        written
    }
}

/// Returns an error that says the same.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

impl<W: Write> Write for PageBuffer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= FULL && !self.is_held.get() {
            self.write_out()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.sink.flush()
    }
}

impl<W: Write> Drop for PageBuffer<W> {
    fn drop(&mut self) {
        // Best effort: who needs to know flushes.
        let _ = self.write_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_while_it_is_held() {
        let is_held = Rc::new(Cell::new(true));
        let mut written = Vec::new();
        let mut buffer = PageBuffer::new(&mut written, is_held.clone());
        let row = [b'x'; FULL];
        buffer.write_all(&row).expect("memory takes every write");
        assert!(buffer.sink.is_empty());
        buffer.flush().expect("memory takes every write");
        assert_eq!(buffer.sink.len(), FULL);
        is_held.set(false);
        buffer.write_all(&row).expect("memory takes every write");
        assert_eq!(buffer.sink.len(), 2 * FULL);
        buffer.write_all(b"end").expect("memory takes every write");
        drop(buffer);
        assert_eq!(written.len(), 2 * FULL + 3);
    }
    #[test]
    fn a_failure_stays() {
        let mut full = [0; 3];
        let mut buffer = PageBuffer::new(&mut full[..], Rc::default());
        buffer.write_all(b"more").expect("it is in the buffer");
        for _ in 0..2 {
            let error = buffer.flush().expect_err("there is no room");
            assert_eq!(error.kind(), io::ErrorKind::WriteZero);
        }
        drop(buffer);
        assert_eq!(full, *b"mor");
    }
}
