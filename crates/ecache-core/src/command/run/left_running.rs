//! Output that comes after the end of a command, from processes that it left running.
//!
//! A run ends with its command, as soon as its pipes have been quiet for a moment, and its result
//! is kept. A process left behind may still have the pipes open and print later. As without a
//! cache, that output goes where the command's went, and it shows that the kept result was cut: the
//! first late byte takes the result back, so that the next run executes. Callers therefore pass the
//! pipes to a process of their own, one for each stream, which [`forward`]s them. There is none
//! where the pipes are closed at the end of the command, as nearly always.
//!
//! Alternatives considered: keeping nothing while a pipe is open (a command that starts a daemon
//! would never be a hit), waiting for the end of the pipe (the run would take as long as the
//! daemon), the command's own descriptors instead of pipes (nothing could be recorded), and one
//! process for both streams (a blocked reader of one would hold up the other, and the reader of one
//! would not see its end before that of the other).
//!
//! The reader of a pipe, as in `$(ecache run ...)`, sees the end of it once all have closed it. A
//! daemon would keep it waiting for ever, so it waits for a moment of silence at most: files and
//! terminals get all late output, pipes that of the first processes to print.
//!
//! Followers of a run end with it, and do not get late output.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ioctl_fionread};

use crate::backend::{Backend, no_progress};
use crate::command::{Report, Runner, Stream};
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern, Selection};
use crate::scope::Address;
use crate::streams::Patient;
use crate::time::Timestamp;
use crate::value::Kind;

/// A stream of a command that has ended, which processes that it left running have open.
#[derive(Debug)]
pub struct LeftOpen {
    /// The stream
    pub stream: Stream,
    /// The pipe that its output is read from
    pub pipe: OwnedFd,
    /// Destination of the output
    pub destination: Destination,
    /// The result that was kept, which output takes back
    pub kept: Option<KeptResult>,
}

/// Destination of late output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Where the command's own output went
    Shown,
    /// Nowhere: it is read, so that its writers go on, and dropped
    Dropped,
}

impl LeftOpen {
    pub(crate) fn new(stream: Stream, pipe: impl Into<OwnedFd>) -> Self {
        Self {
            stream,
            pipe: pipe.into(),
            destination: Destination::Shown,
            kept: None,
        }
    }

    /// Reports whether output is waiting to be read.
    pub(crate) fn has_output(&self) -> bool {
        ioctl_fionread(&self.pipe).is_ok_and(|waiting| waiting > 0)
    }
}

/// A result as one run kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptResult {
    /// Its address
    pub address: Address,
    /// The time at which it was written
    pub written_at: Timestamp,
    /// Its size in bytes
    pub size: u64,
}

impl KeptResult {
    /// Removes the result, unless another one has taken its place.
    ///
    /// # Errors
    /// Fails like [`ChangeBackend::remove`](crate::backend::ChangeBackend::remove).
    pub fn take_back(&self, backend: &dyn Backend, now: Timestamp) -> Result<()> {
        let next = self.written_at.saturating_add(Duration::from_millis(1));
        let this = Filter {
            keys: vec![Pattern::exact(self.address.key.as_str())],
            kinds: vec![Kind::Command],
            written_after: Some(self.written_at),
            written_before: Some(next),
            larger_than: self.size.checked_sub(1),
            smaller_than: self.size.checked_add(1),
            ..Filter::store(&self.address.store)
        };
        backend
            .remove(&Selection::from(this), now, &mut no_progress)
            .map(drop)
    }
}

impl Runner<'_> {
    /// Hands over the streams that processes left running have open. A result that cannot be
    /// watched for late output is taken back at once.
    pub(crate) fn hand_over(
        &self,
        left_open: Vec<LeftOpen>,
        destination: Destination,
        backend: Option<&dyn Backend>,
        report: &Report,
    ) -> Result<()> {
        let kept = self.kept_result(report);
        for open in left_open {
            let handed_over = self.caller.left_open(LeftOpen {
                destination,
                kept: kept.clone(),
                ..open
            });
            if let Err(error) = handed_over {
                if let (Some(backend), Some(kept)) = (backend, &kept) {
                    self.attempt_late(kept.take_back(backend, self.clock.now()))?;
                }
                self.attempt_late::<()>(Err(Error::Io(error)))?;
            }
        }
        Ok(())
    }

    /// Returns the result that a run kept, if it kept one.
    fn kept_result(&self, report: &Report) -> Option<KeptResult> {
        Some(KeptResult {
            address: self.call.entry.address.store.entry(report.key.clone()?),
            written_at: report.kept_at?,
            size: report.size?,
        })
    }
}

/// Passes late output on until its end, or until its reader goes away. `on_output` is called once,
/// before the first byte is passed on.
///
/// The reader of a pipe or a socket waits for its end, so such a sink is closed after a time of
/// silence. Output that comes later ends its writer, as that of a reader that went away does.
///
/// # Errors
/// Those of reading and writing. The caller ends then, which closes the pipe for its writers.
pub fn forward(
    pipe: impl AsFd,
    sink: OwnedFd,
    silence: Duration,
    mut on_output: Option<impl FnOnce()>,
) -> io::Result<()> {
    let silence = is_waited_for(&sink).then_some(silence);
    let mut sink = Some(sink);
    let mut buffer = vec![0; 1 << 16];
    loop {
        if let Some(open) = &sink {
            // A reader that goes away says nothing about the result: output may still come.
            let reader = on_output.is_none().then_some(open);
            match wait(&pipe, reader, silence)? {
                Event::Output => {}
                Event::Unread => return Ok(()),
                Event::Silence if on_output.is_none() => return Ok(()),
                Event::Silence => sink = None,
            }
        }
        let count = Patient(&pipe).read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        if let Some(on_output) = on_output.take() {
            on_output();
        }
        match &sink {
            Some(sink) => Patient(sink).write_all(&buffer[..count])?,
            None => return Ok(()),
        }
    }
}

/// Reports whether a sink has a reader that waits for its end, as a file and a terminal have not.
fn is_waited_for(sink: &OwnedFd) -> bool {
    let kind = fstat(sink).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

enum Event {
    /// There is output, or its end
    Output,
    /// The sink has no reader any more
    Unread,
    /// Nothing came for a while
    Silence,
}

/// Waits for output, or for the end of the sink's reader, for this time.
fn wait(pipe: &impl AsFd, sink: Option<&OwnedFd>, silence: Option<Duration>) -> io::Result<Event> {
    let until = silence.map(|silence| Instant::now() + silence);
    loop {
        let mut polled = vec![PollFd::new(pipe, PollFlags::IN)];
        polled.extend(sink.map(|sink| PollFd::new(sink, PollFlags::empty())));
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.map(Timespec::try_from).transpose();
        match poll(&mut polled, timeout.map_err(io::Error::other)?.as_ref()) {
            Ok(0) => return Ok(Event::Silence),
            Ok(_) if polled[1..].iter().any(|sink| !sink.revents().is_empty()) => {
                return Ok(Event::Unread);
            }
            Ok(_) => return Ok(Event::Output),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::pipe;
    use std::thread;

    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::{Condition, Content, Lookup, ReadBackend, WriteBackend};
    use crate::entry::Entry;
    use crate::key::Key;
    use crate::scope::StoreAddress;

    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn late_output_is_passed_on_and_told_of_once() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let (mut shown, sink) = pipe().expect("a pipe");
        let mut told = 0;
        let text = thread::scope(|scope| {
            scope.spawn(move || {
                for part in ["one\n", "two\n"] {
                    writer.write_all(part.as_bytes()).expect("it is read");
                    thread::sleep(Duration::from_millis(5));
                }
            });
            forward(reader, sink.into(), LONG, Some(|| told += 1)).expect("it is passed on");
            let mut text = String::new();
            shown.read_to_string(&mut text).map(|_| text)
        });
        assert_eq!(text.expect("it is text"), "one\ntwo\n");
        assert_eq!(told, 1);
    }

    #[test]
    fn a_reader_that_goes_away_ends_it_once_no_result_depends_on_it() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let (shown, sink) = pipe().expect("a pipe");
        drop(shown);
        let mut told = false;
        writer.write_all(b"late").expect("there is room");
        let other = sink.try_clone().expect("a descriptor").into();
        let ended = forward(&reader, other, LONG, Some(|| told = true));
        assert_eq!(
            ended.map_err(|error| error.kind()),
            Err(io::ErrorKind::BrokenPipe)
        );
        assert!(told);
        forward(&reader, sink.into(), LONG, None::<fn()>).expect("that is not an error");
    }

    #[test]
    fn a_pipe_is_closed_after_silence_and_output_is_told_of_even_then() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let (mut shown, sink) = pipe().expect("a pipe");
        let mut told = false;
        thread::scope(|scope| {
            scope.spawn(|| {
                let silence = Duration::from_millis(5);
                forward(reader, sink.into(), silence, Some(|| told = true)).expect("it ends");
            });
            let mut text = String::new();
            shown.read_to_string(&mut text).expect("it is closed");
            assert_eq!(text, "");
            writer.write_all(b"late").expect("there is room");
        });
        assert!(told);
    }

    #[test]
    fn a_file_gets_all() {
        let (reader, mut writer) = pipe().expect("a pipe");
        let file = tempfile::NamedTempFile::new().expect("a file");
        thread::scope(|scope| {
            let sink = file.reopen().expect("it is there").into();
            scope.spawn(|| forward(reader, sink, Duration::ZERO, None::<fn()>));
            thread::sleep(Duration::from_millis(20));
            writer.write_all(b"late").expect("it is read");
            drop(writer);
        });
        let text = std::fs::read_to_string(file.path()).expect("it is there");
        assert_eq!(text, "late");
    }

    #[test]
    fn only_the_very_result_is_taken_back() {
        let backend = MemoryBackend::new();
        let address = StoreAddress::new("sh").entry(Key::new("k").expect("a key"));
        let put = |at: i64, value: &[u8]| {
            let now = Timestamp::from_millis(at);
            let entry = Entry::new(address.clone(), Kind::Command, now);
            let content = Content::Inline(value.to_vec());
            let options = Condition::Always.into();
            backend
                .put(&entry, &content, &options, now)
                .expect("it is kept");
        };
        let later = Timestamp::from_millis(99);
        let is_there = || !matches!(backend.lookup(&address, later), Ok(Lookup::Missing));
        let first = KeptResult {
            address: address.clone(),
            written_at: Timestamp::from_millis(5),
            size: 2,
        };
        for (at, value) in [(6, b"hi".as_slice()), (4, b"hi"), (5, b"ho ho")] {
            put(at, value);
            first
                .take_back(&backend, later)
                .expect("it can be asked for");
            assert!(is_there(), "written at {at}: {value:?}");
        }
        put(5, b"hi");
        first.take_back(&backend, later).expect("it is removed");
        assert!(!is_there());
    }
}
