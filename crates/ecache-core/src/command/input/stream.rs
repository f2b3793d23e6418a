//! Standard input that is a pipe or socket: recognises a known input without consuming an unknown
//! one.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::profile::Hasher;
use super::pump::Pump;
use super::source::{Source, Wire};
use super::system::enlarge;
use super::taken::Spooled;
use super::{InputKey, Profile};

/// Maximum wait for the next byte of an input whose beginning is known, if the command itself reads
/// to the end before it prints.
const PATIENCE: Duration = Duration::from_secs(10);

/// Maximum wait for the first byte, for which the command would wait as well.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// Maximum wait for the next byte if no mark has been verified, or if the command printed before it
/// had read everything: it may be one half of a dialogue.
const EARLY_PATIENCE: Duration = Duration::from_millis(200);

/// Minimum and maximum polling interval.
const PAUSE: [Duration; 2] = [Duration::from_micros(100), Duration::from_millis(10)];

/// Standard input that is a pipe or a socket.
#[derive(Debug)]
pub struct StreamInput {
    source: Source,
    taken: Spooled,
}

/// The state of a stream from which nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Empty, at end of file
    Ended,
    /// Empty, and still open
    Idle,
    /// Not empty
    Something,
}

/// The content of a stream, as far as it could be peeked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamContent {
    /// The SHA-256 of all of it
    Whole([u8; 32]),
    /// Not a known input, or not complete yet
    Unknown,
}

impl StreamInput {
    /// Wraps a stream without taking anything from it.
    ///
    /// # Errors
    /// Fails if descriptors run out.
    pub fn new(fd: OwnedFd, wire: Wire) -> io::Result<Self> {
        Ok(Self {
            source: Source::new(fd, wire)?,
            taken: Spooled::default(),
        })
    }

    /// Returns the kind of stream.
    #[must_use]
    pub fn wire(&self) -> Wire {
        self.source.wire
    }

    /// Returns the key part of the stream if its whole content can be peeked.
    ///
    /// Waits up to `first` for the first byte, and up to `next` for each other.
    ///
    /// # Errors
    /// Fails if the stream cannot be peeked.
    pub fn key(&self, first: Duration, next: Duration) -> io::Result<Option<InputKey>> {
        let (mut seen, mut since, mut pause) = (0, Instant::now(), PAUSE[0]);
        let mut bytes = Vec::new();
        loop {
            if let Some(sha256) = self.whole()? {
                return Ok(Some(self.key_of(sha256)));
            }
            let available = self.source.available()?;
            if available > seen {
                if self.source.peek(&mut bytes)? {
                    return Ok(None);
                }
                (seen, since, pause) = (available, Instant::now(), PAUSE[0]);
            }
            match seen {
                0 if since.elapsed() >= first => return Ok(None),
                1.. if since.elapsed() >= next => return Ok(None),
                _ => {}
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE[1]);
        }
    }

    /// Returns a pipe with the same content, for another process.
    ///
    /// # Errors
    /// Fails if the whole content cannot be peeked.
    pub fn copy(&self) -> io::Result<PipeReader> {
        let refused = || {
            let why = "standard input has not ended; --stdin hash reads it to its end";
            io::Error::other(why)
        };
        let bytes = self.peek_whole()?.ok_or_else(refused)?;
        let (reader, writer) = io::pipe()?;
        enlarge(&writer, bytes.len().max(1));
        rustix::io::ioctl_fionbio(&writer, true)?;
        match rustix::io::write(&writer, &bytes) {
            Ok(count) if count == bytes.len() => Ok(reader),
            _ => Err(refused()),
        }
    }

    /// Returns the key part of a stream with this content.
    pub(crate) fn key_of(&self, sha256: [u8; 32]) -> InputKey {
        if self.is_empty(sha256) {
            InputKey::Empty(self.wire())
        } else {
            InputKey::Stream(self.wire(), sha256)
        }
    }

    /// Reports whether this is the SHA-256 of no bytes.
    pub(crate) fn is_empty(&self, sha256: [u8; 32]) -> bool {
        sha256 == Hasher::default().sha256()
    }

    /// Returns the present state.
    pub(crate) fn lies(&self) -> io::Result<Waiting> {
        let is_ended = self.source.is_ended()?;
        Ok(match (self.source.available()?, is_ended) {
            (0, true) => Waiting::Ended,
            (0, false) => Waiting::Idle,
            _ => Waiting::Something,
        })
    }

    /// Waits a moment for end of file, unless the stream is full, and returns the state then.
    pub(crate) fn wait_for_end(&self, patience: Duration) -> io::Result<Waiting> {
        let mut bytes = Vec::new();
        let since = Instant::now();
        while !self.source.is_ended()? && since.elapsed() < patience {
            if self.source.available()? == 0 {
                self.source.wait(patience)?;
            } else if self.source.peek(&mut bytes)? {
                break;
            } else {
                std::thread::sleep(PAUSE[0]);
            }
        }
        self.lies()
    }

    /// Returns the SHA-256 of the content if all of it can be peeked.
    pub(crate) fn whole(&self) -> io::Result<Option<[u8; 32]>> {
        Ok(self.peek_whole()?.map(|bytes| {
            let mut hasher = Hasher::default();
            hasher.update(&bytes);
            hasher.sha256()
        }))
    }

    /// Returns the content if all of it can be peeked.
    pub(crate) fn peek_whole(&self) -> io::Result<Option<Vec<u8>>> {
        let is_ended = self.source.is_ended()?;
        let available = self.source.available()?;
        if !is_ended || available > self.source.capacity() || self.taken.length() > 0 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.source.peek(&mut bytes)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() == available))
    }

    /// Compares the content with the known inputs while it arrives.
    ///
    /// Takes bytes only from a stream that is too long to be peeked, and only a beginning that the
    /// marks prove to be that of an input which the command read to the end.
    pub(crate) fn recognize(
        &mut self,
        profile: &Profile,
        may_take: bool,
    ) -> io::Result<StreamContent> {
        let mut hasher = Hasher::default();
        let mut candidates: Vec<_> = profile.inputs.iter().collect();
        let (mut bytes, mut since, mut pause) = (Vec::new(), Instant::now(), PAUSE[0]);
        let mut is_full = false;
        loop {
            let is_ended = self.source.is_ended()?;
            let available = self.source.available()?;
            let seen = usize::try_from(hasher.length() - self.taken.length()).unwrap_or(usize::MAX);
            let has_news = available > seen;
            if has_news {
                is_full = self.source.peek(&mut bytes)?;
                hasher.update(bytes.get(seen..).unwrap_or_default());
                (since, pause) = (Instant::now(), PAUSE[0]);
            }
            let seen = hasher.length() - self.taken.length();
            if is_ended && available as u64 == seen {
                return Ok(StreamContent::Whole(hasher.sha256()));
            }
            candidates.retain(|input| hasher.may_become(input));
            if candidates.is_empty() {
                return Ok(StreamContent::Unknown);
            }
            if is_full {
                let count = hasher.verified().saturating_sub(self.taken.length());
                let count = usize::try_from(count.min(seen)).unwrap_or(0);
                if count == 0 || !may_take {
                    return Ok(StreamContent::Unknown);
                }
                self.take(count)?;
                is_full = false;
                continue;
            }
            let is_early = candidates.iter().all(|input| input.is_early);
            let patience = match seen {
                _ if is_early => EARLY_PATIENCE,
                0 if hasher.length() == 0 => FIRST_PATIENCE,
                _ if hasher.verified() == 0 => EARLY_PATIENCE,
                _ => PATIENCE,
            };
            if since.elapsed() >= patience {
                return Ok(StreamContent::Unknown);
            }
            if seen == 0 {
                self.source.wait(patience)?;
            } else {
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE[1]);
            }
        }
    }

    /// Takes the first `length` bytes of the content, except those already taken.
    pub(crate) fn consume(&mut self, length: u64) -> io::Result<()> {
        let mut left = length.saturating_sub(self.taken.length());
        let mut bytes = Vec::new();
        while left > 0 {
            let count = left.min(self.source.capacity() as u64);
            self.source.take(count as usize, &mut bytes)?;
            left -= count;
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.source.take(count, &mut bytes)?;
        self.taken.push(&bytes)
    }

    /// Reports whether bytes were taken, so that the command cannot inherit the stream itself.
    pub(crate) fn is_begun(&self) -> bool {
        self.taken.length() > 0
    }

    /// Turns it into a pump and the read end for the command.
    ///
    /// # Errors
    /// Returns the unchanged stream if descriptors run out.
    pub(crate) fn pump(self) -> Result<(Pump, OwnedFd), (Self, io::Error)> {
        Pump::new(self.source, self.taken)
            .map_err(|(source, taken, error)| (Self { source, taken }, error))
    }
}
