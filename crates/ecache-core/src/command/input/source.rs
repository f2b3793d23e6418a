//! A stream that can be peeked at: bytes stay in it until they are taken.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::net::{RecvFlags, recv};

use super::system::{PEER_ENDED, capacity, enlarge, pipe, splice, tee};

/// Maximum number of bytes peeked from a socket, which has no capacity to query.
const SOCKET_WINDOW: usize = 1 << 18;

/// A socket counts as full from this size on, since its real capacity depends on how the bytes were
/// sent.
const SOCKET_FULL: usize = 1 << 14;

/// The kind of a stream. A command can tell the two apart, so the key does too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A pipe or a FIFO
    Pipe,
    /// A connected stream socket
    Socket,
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pipe => "pipe",
            Self::Socket => "socket",
        })
    }
}

/// A pipe or socket. Other processes share the open file, so its flags are never changed.
#[derive(Debug)]
pub(super) struct Source {
    fd: OwnedFd,
    pub(super) wire: Wire,
    /// A pipe of the same capacity that receives copies; `None` for a socket
    copy: Option<[OwnedFd; 2]>,
    capacity: usize,
}

impl Source {
    /// Wraps a stream without taking anything from it.
    ///
    /// # Errors
    /// Fails if no pipe for the copies can be created.
    pub(super) fn new(fd: OwnedFd, wire: Wire) -> io::Result<Self> {
        let (copy, capacity) = match wire {
            Wire::Socket => (None, SOCKET_WINDOW),
            Wire::Pipe => {
                let (reader, writer) = pipe(false)?;
                let whole = capacity(&fd)?;
                // One that cannot be made that large shows less of the source.
                enlarge(&writer, whole);
                let copied = capacity(&writer)?;
                (Some([reader, writer]), whole.min(copied))
            }
        };
        Ok(Self {
            fd,
            wire,
            copy,
            capacity,
        })
    }

    /// Returns the maximum number of bytes that can be peeked.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the number of bytes that can be read without waiting.
    pub(super) fn available(&self) -> io::Result<usize> {
        let count = ioctl_fionread(&self.fd)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Reports whether no more bytes can arrive. Call this before [`Source::available`], or bytes
    /// may be missed.
    pub(super) fn is_ended(&self) -> io::Result<bool> {
        let ended = PollFlags::HUP | PEER_ENDED | PollFlags::ERR;
        Ok(poll_now(&self.fd, PEER_ENDED)?.intersects(ended))
    }

    /// Waits until there is something to read, or end of file.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<()> {
        poll_for(&self.fd, PollFlags::IN | PEER_ENDED, patience).map(drop)
    }

    /// Copies the available bytes, up to the capacity, and leaves them in the stream.
    ///
    /// Returns whether the stream is full, so that no more can arrive before some are taken. A pipe
    /// is full once all of its slots are in use, however short their content.
    pub(super) fn peek(&self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        bytes.clear();
        let Some([reader, writer]) = &self.copy else {
            bytes.resize(self.capacity, 0);
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            let count = match retry_on_intr(|| recv(&self.fd, &mut bytes[..], flags)) {
                Ok((count, _)) => count,
                Err(Errno::AGAIN) => 0,
                Err(error) => return Err(error.into()),
            };
            bytes.truncate(count);
            return Ok(count >= SOCKET_FULL);
        };
        match retry_on_intr(|| tee(&self.fd, writer, self.capacity)) {
            Ok(count) => {
                let has_room = poll_now(writer, PollFlags::OUT)?.contains(PollFlags::OUT);
                read_copy(reader, count, bytes)?;
                Ok(!has_room || count >= self.capacity)
            }
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes `count` bytes that were peeked before.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::UnexpectedEof`] if another process took them.
    pub(super) fn take(&self, count: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        while bytes.len() < count {
            let left = count - bytes.len();
            let taken = match &self.copy {
                None => {
                    let start = bytes.len();
                    bytes.resize(count, 0);
                    let taken =
                        retry_on_intr(|| recv(&self.fd, &mut bytes[start..], RecvFlags::DONTWAIT));
                    let taken = taken.map(|(taken, _)| taken);
                    bytes.truncate(start + taken.unwrap_or(0));
                    taken
                }
                Some([reader, writer]) => match retry_on_intr(|| splice(&self.fd, writer, left)) {
                    Ok(moved) => {
                        read_copy(reader, moved, bytes)?;
                        Ok(moved)
                    }
                    Err(error) => Err(error),
                },
            };
            match taken {
                Ok(0) | Err(Errno::AGAIN) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn poll_now(fd: &OwnedFd, flags: PollFlags) -> io::Result<PollFlags> {
    poll_for(fd, flags, Duration::ZERO)
}

fn poll_for(fd: &OwnedFd, flags: PollFlags, patience: Duration) -> io::Result<PollFlags> {
    let patience = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    let mut polled = [PollFd::new(fd, flags)];
    match poll(&mut polled, Some(&patience)) {
        Ok(_) => Ok(polled[0].revents()),
        Err(Errno::INTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error.into()),
    }
}

/// Reads `count` bytes from the copy and appends them.
fn read_copy(reader: &OwnedFd, count: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    bytes.resize(start + count, 0);
    let mut read = start;
    while read < bytes.len() {
        match retry_on_intr(|| rustix::io::read(reader, &mut bytes[read..])) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => read += count,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn peeked(source: &Source) -> Vec<u8> {
        let mut bytes = vec![9];
        source.peek(&mut bytes).expect("it is open");
        bytes
    }

    fn taken(source: &Source, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![9];
        source.take(count, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn looking_takes_nothing() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let ends: [(OwnedFd, Box<dyn Write>, Wire); 2] = [
            (reader.into(), Box::new(writer), Wire::Pipe),
            (ours.into(), Box::new(theirs), Wire::Socket),
        ];
        for (fd, mut writer, wire) in ends {
            let source = Source::new(fd, wire).expect("a source");
            assert_eq!(
                (peeked(&source), source.is_ended().expect("open")),
                (vec![], false)
            );
            writer.write_all(b"abc").expect("room");
            writer.write_all(b"def").expect("room");
            assert_eq!(peeked(&source), b"abcdef");
            assert_eq!(peeked(&source), b"abcdef");
            assert_eq!(taken(&source, 4).expect("they are there"), b"abcd");
            assert_eq!(
                (peeked(&source), source.available().expect("open")),
                (b"ef".to_vec(), 2)
            );
            assert!(taken(&source, 3).is_err());
            drop(writer);
            assert!(source.is_ended().expect("open"), "{wire}");
        }
    }
}
