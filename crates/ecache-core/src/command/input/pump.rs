//! Gives a command a copy of a stream, and takes from the stream the bytes that the command took
//! from the copy.
//!
//! The command's own pipe is filled with a copy of the bytes available in the source. The number of
//! bytes left unread shows how many the command took, and as many are taken from the source. At any
//! moment, and at the end, the source is therefore where the command itself would have left it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketType, send, shutdown, socketpair};

use super::profile::{Hasher, Seen};
use super::source::{Source, Wire};
use super::system::{CLOSE_ON_EXEC, NO_SIGNAL, enlarge, pipe};
use super::taken::Spooled;

/// Minimum and maximum polling interval while the command has unread input.
const TICK: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(50)];

/// Delay between the last byte and end of file: a command that wants no more, such as `head -1`,
/// exits meanwhile.
const END_DELAY: Duration = Duration::from_millis(2);

/// The same delay for a command that is busy or does not read.
const BUSY_END_DELAY: Duration = Duration::from_millis(20);

/// Fills the pipe of a command from a source.
pub(crate) struct Pump {
    source: Source,
    /// Bytes taken from the source before the command started, which it reads first
    spool: Spooled,
    /// The write end of the command's input; `None` after end of file
    writer: Option<OwnedFd>,
    /// A duplicate of the read end, to count unread bytes
    reader: OwnedFd,
    /// Bytes written to the command and not yet known to be read
    unread: Vec<u8>,
    /// Hash of the bytes that the command read
    read: Hasher,
    is_full: bool,
    tick: Duration,
    /// Time since which only end of file is left to deliver
    drained: Option<Instant>,
    /// The command's process, once it has started
    child: Option<u32>,
    /// Input was available before the command started
    was_offered: bool,
    /// The command printed before it had received all of its input
    is_early: bool,
    /// Another process reads the source too, so the command's share is unknown
    is_shared: bool,
    buffer: Vec<u8>,
}

/// The part of a stream that a command took.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The kind of stream
    pub(crate) wire: Wire,
    /// Number of bytes taken
    pub(crate) bytes: u64,
    /// Input was available before it started
    pub(crate) was_offered: bool,
    /// The command received end of file
    pub(crate) saw_end: bool,
    /// Nothing arrived while it ran
    pub(crate) nothing_came: bool,
    /// The whole stream, if it is known
    pub(crate) whole: Option<Seen>,
}

impl Pump {
    /// Creates the command's input and fills it with the bytes that are available.
    pub(super) fn new(
        source: Source,
        spool: Spooled,
    ) -> Result<(Self, OwnedFd), (Source, Spooled, io::Error)> {
        let (reader, writer) = match ends(&source) {
            Ok(ends) => ends,
            Err(error) => return Err((source, spool, error)),
        };
        let given = match reader.try_clone() {
            Ok(given) => given,
            Err(error) => return Err((source, spool, error)),
        };
        let mut pump = Self {
            source,
            spool,
            writer: Some(writer),
            reader,
            unread: Vec::new(),
            read: Hasher::default(),
            is_full: false,
            tick: TICK[0],
            drained: None,
            child: None,
            was_offered: false,
            is_early: false,
            is_shared: false,
            buffer: Vec::new(),
        };
        pump.step();
        pump.was_offered = !pump.unread.is_empty();
        Ok((pump, given))
    }

    /// Reports whether bytes were already taken from the source, which only this pump can deliver.
    pub(crate) fn is_begun(&self) -> bool {
        self.spool.length() > 0
    }

    /// Returns the event and the maximum time to wait for before the next [`Pump::step`].
    pub(crate) fn due(&self) -> (Option<(BorrowedFd<'_>, PollFlags)>, Option<Duration>) {
        match &self.writer {
            None => (None, None),
            Some(_) if self.is_shared => (None, None),
            Some(writer) if self.is_full => (Some((writer.as_fd(), PollFlags::OUT)), None),
            Some(_) if self.unread.is_empty() && self.drained.is_none() => {
                (Some((self.source.as_fd(), PollFlags::IN)), None)
            }
            Some(_) => (None, Some(self.tick)),
        }
    }

    /// Notes the process of the command, which has started.
    pub(crate) fn begin(&mut self, child: u32) {
        self.child = Some(child);
    }

    /// Notes that the command printed something.
    pub(crate) fn note_output(&mut self) {
        self.is_early |= self.writer.is_some();
    }

    /// Delivers new input, and takes from the source what the command read.
    pub(crate) fn step(&mut self) {
        let mut has_moved = false;
        while !self.is_shared && self.writer.is_some() {
            match self.sync().and_then(|read| Ok(self.fill()? | read)) {
                Ok(true) => has_moved = true,
                Ok(false) => break,
                // A failed source ends the input.
                Err(_) => {
                    self.is_shared = true;
                    self.end();
                }
            }
        }
        self.tick = if has_moved {
            TICK[0]
        } else {
            (self.tick * 2).min(TICK[1])
        };
    }

    /// Returns what the command took, after it exited. Unread bytes are still in the source.
    pub(crate) fn finish(mut self) -> Option<Taken> {
        self.sync().ok()?;
        let saw_end = self.writer.is_none();
        let bytes = self.read.length();
        // Spooled bytes cannot be put back into the source.
        if self.is_shared || bytes < self.spool.length() {
            return None;
        }
        let is_ended = saw_end || self.source.is_ended().ok()?;
        let left = self.source.available().ok()?;
        self.source.peek(&mut self.buffer).ok()?;
        let whole = (is_ended && left == self.buffer.len()).then(|| {
            let mut whole = self.read;
            whole.update(&self.buffer);
            whole.seen(self.is_early)
        });
        Some(Taken {
            wire: self.source.wire,
            nothing_came: bytes == 0 && left == 0,
            bytes,
            was_offered: self.was_offered,
            saw_end,
            whole,
        })
    }

    /// Takes from the source what the command read; returns whether it read anything.
    fn sync(&mut self) -> io::Result<bool> {
        let left = usize::try_from(ioctl_fionread(&self.reader)?).unwrap_or(usize::MAX);
        let count = self.unread.len().saturating_sub(left);
        if count == 0 {
            return Ok(false);
        }
        let spooled = self.spool.length().saturating_sub(self.read.length());
        let spooled = usize::try_from(spooled).unwrap_or(usize::MAX).min(count);
        if count > spooled {
            self.source.take(count - spooled, &mut self.buffer)?;
            if self.buffer != self.unread[spooled..count] {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        self.read.update(&self.unread[..count]);
        self.unread.drain(..count);
        self.is_full = false;
        self.drained = None;
        Ok(true)
    }

    /// Writes available input to the command; returns whether there was any.
    fn fill(&mut self) -> io::Result<bool> {
        if self.is_full {
            return Ok(false);
        }
        let given = self.read.length() + self.unread.len() as u64;
        if given < self.spool.length() {
            self.spool.read(&mut self.buffer)?;
            let bytes = std::mem::take(&mut self.buffer);
            let written = self.give(&bytes)?;
            self.spool.unread(bytes.len() - written)?;
            self.buffer = bytes;
            return Ok(written > 0);
        }
        let is_ended = self.source.is_ended()?;
        // Source bytes that were delivered and are unread.
        let from_spool = self.spool.length().saturating_sub(self.read.length());
        let shown = self.unread.len()
            - usize::try_from(from_spool)
                .unwrap_or(0)
                .min(self.unread.len());
        let available = self.source.available()?;
        if available <= shown {
            if is_ended && self.is_end_due() {
                self.end();
            }
            return Ok(false);
        }
        self.source.peek(&mut self.buffer)?;
        let bytes = std::mem::take(&mut self.buffer);
        let written = match bytes.get(shown..) {
            Some(news) => self.give(news)?,
            None => 0,
        };
        self.buffer = bytes;
        Ok(written > 0)
    }

    /// Writes what the command's end has room for.
    fn give(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(writer) = &self.writer else {
            return Ok(0);
        };
        let written = retry_on_intr(|| match self.source.wire {
            Wire::Pipe => rustix::io::write(writer, bytes),
            Wire::Socket => send(writer, bytes, SendFlags::DONTWAIT | NO_SIGNAL),
        });
        let written = match written {
            Ok(written) => written,
            Err(Errno::AGAIN) => 0,
            Err(error) => return Err(error.into()),
        };
        self.is_full = written < bytes.len();
        self.unread.extend_from_slice(&bytes[..written]);
        Ok(written)
    }

    /// Reports whether end of file is due, once nothing else is left to deliver.
    fn is_end_due(&mut self) -> bool {
        let given = self.read.length() + self.unread.len() as u64;
        let waited = self.drained.get_or_insert_with(Instant::now).elapsed();
        let is_busy = || !self.unread.is_empty() || self.child.is_some_and(is_running);
        given == 0 || waited >= BUSY_END_DELAY || waited >= END_DELAY && !is_busy()
    }

    /// Delivers end of file.
    fn end(&mut self) {
        if let Some(writer) = self.writer.take()
            && self.source.wire == Wire::Socket
        {
            // It cannot fail for a socket that is connected.
            let _ = shutdown(&writer, Shutdown::Write);
        }
    }
}

/// Reports whether a process is running or in disk sleep, rather than waiting.
fn is_running(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, state)| state.chars().next());
    matches!(state, Some('R' | 'D'))
}

/// Creates the command's input: the read end and the write end.
fn ends(source: &Source) -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(match source.wire {
        Wire::Pipe => {
            let (reader, writer) = pipe(true)?;
            enlarge(&writer, source.capacity());
            (reader, writer)
        }
        Wire::Socket => socketpair(AddressFamily::UNIX, SocketType::STREAM, CLOSE_ON_EXEC, None)?,
    })
}
