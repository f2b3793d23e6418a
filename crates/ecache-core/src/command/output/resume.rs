//! Resumes output after a run that was printed only in part.
//!
//! A follower of a leader that is killed has printed a part of its output; so has a process that
//! replays a large result whose rest is damaged. The next run, here or in another process, starts
//! from the beginning. Its output is compared with the printed bytes, and the part that agrees is
//! not printed again. If standard output differs, no continuation is correct: the whole would be
//! neither run's output. The result is
//! [`CommandError::Differs`](crate::command::CommandError::Differs), but only after the new run has
//! ended and was stored, so that the next attempt is a hit. Standard error is for people: there,
//! the output of the new run continues where it differs.

use std::io::{self, Write};

use super::reader::{Next, RunReader, Source};
use super::recording::Stream;
use crate::command::CommandError;

/// Maximum number of bytes compared at once.
const PIECE: usize = 1 << 13;

/// Both output streams of this process, across all runs of the command.
pub(crate) struct Console<'a> {
    pub(crate) stdout: ResumedStream<'a>,
    pub(crate) stderr: ResumedStream<'a>,
}

impl<'a> Console<'a> {
    pub(crate) fn new(stdout: &'a mut dyn Write, stderr: &'a mut dyn Write) -> Self {
        Self {
            stdout: ResumedStream::new(Stream::Output, stdout),
            stderr: ResumedStream::new(Stream::Error, stderr),
        }
    }

    /// Starts another run, whose output is printed from here on. It can be read again from
    /// `source`, unless this process runs it.
    pub(crate) fn begin(&mut self, source: Option<Source>) {
        self.stdout.begin(source.clone());
        self.stderr.begin(source);
    }

    /// Reports whether anything has been printed.
    pub(crate) fn has_printed(&self) -> bool {
        self.stdout.has_printed() || self.stderr.has_printed()
    }

    /// Checks, at the end of a run, that exactly its standard output is printed.
    pub(crate) fn finish(&self) -> Result<(), CommandError> {
        if self.stdout.differs() || self.stdout.is_short() {
            Err(CommandError::Differs)
        } else {
            Ok(())
        }
    }
}

/// One of this process's output streams, across all runs of the command printed to it.
pub(crate) struct ResumedStream<'a> {
    stream: Stream,
    sink: &'a mut dyn Write,
    /// Number of bytes printed
    length: u64,
    /// A run whose output starts with the printed bytes
    source: Option<Source>,
    /// Number of bytes received from the current run
    position: u64,
    /// Source of the current run to read it again, `None` if this process runs it
    current: Option<Source>,
    /// Reader of the printed bytes, at the position of the current run
    past: Option<Past>,
    differs: bool,
}

impl<'a> ResumedStream<'a> {
    pub(crate) fn new(stream: Stream, sink: &'a mut dyn Write) -> Self {
        Self {
            stream,
            sink,
            length: 0,
            source: None,
            position: 0,
            current: None,
            past: None,
            differs: false,
        }
    }

    /// Starts another run, whose output is written from here on. It can be read again from
    /// `source`, unless this process runs it.
    pub(crate) fn begin(&mut self, source: Option<Source>) {
        // The current run has printed the most, so its output starts with all printed bytes.
        if let Some(current) = self.current.take()
            && self.position == self.length
        {
            self.source = Some(current);
        }
        self.current = source;
        self.position = 0;
        self.differs = false;
        let source = self.source.clone().filter(|_| self.length > 0);
        self.past = source.map(|source| Past::new(source, self.stream));
    }

    /// Reports whether anything has been printed.
    pub(crate) fn has_printed(&self) -> bool {
        self.length > 0
    }

    /// Reports whether the current run differs from the output printed already.
    pub(crate) fn differs(&self) -> bool {
        self.differs
    }

    /// Reports whether the current run has less output than is printed already.
    pub(crate) fn is_short(&self) -> bool {
        self.position < self.length
    }

    /// Returns how many of the first bytes of `bytes` are printed already, at least one; `None` if
    /// the first one differs, or if the printed bytes cannot be read again.
    fn agreed(&mut self, bytes: &[u8]) -> Option<usize> {
        let left = usize::try_from(self.length - self.position).unwrap_or(usize::MAX);
        let past = self.past.as_mut()?;
        let printed = past.read(left.min(bytes.len()))?;
        let same = printed
            .iter()
            .zip(bytes)
            .take_while(|(a, b)| a == b)
            .count();
        past.consume(same);
        (same > 0).then_some(same)
    }
}

impl Write for ResumedStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.differs || bytes.is_empty() {
            return Ok(bytes.len());
        }
        if self.position < self.length {
            match (self.agreed(bytes), self.stream) {
                (Some(count), _) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                (None, Stream::Output) => {
                    self.differs = true;
                    return Ok(bytes.len());
                }
                // The output of this run continues from here.
                (None, Stream::Error) => self.length = self.position,
            }
        }
        let count = self.sink.write(bytes)?;
        self.position += count as u64;
        self.length = self.position;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A reader of one stream of an earlier run.
struct Past {
    frames: RunReader,
    stream: Stream,
    buffer: Vec<u8>,
    /// The unread part of the buffer
    left: std::ops::Range<usize>,
}

impl Past {
    fn new(source: Source, stream: Stream) -> Self {
        Self {
            frames: RunReader::new(source),
            stream,
            buffer: vec![0; PIECE],
            left: 0..0,
        }
    }

    /// Returns between one and `most` bytes; `None` if they cannot be read.
    fn read(&mut self, most: usize) -> Option<&[u8]> {
        while self.left.is_empty() {
            match self.frames.next(&mut self.buffer) {
                Ok(Next::Bytes(stream, count)) if stream == self.stream => self.left = 0..count,
                Ok(Next::Bytes(..)) => {}
                _ => return None,
            }
        }
        let end = self.left.end.min(self.left.start + most);
        Some(&self.buffer[self.left.start..end])
    }

    fn consume(&mut self, count: usize) {
        self.left.start += count;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Returns a live output file with these frames.
    fn told(pieces: &[(Stream, &str)]) -> Source {
        let mut file = tempfile::tempfile().expect("a file");
        for (stream, text) in pieces {
            file.write_all(&[*stream as u8]).expect("space");
            file.write_all(&(text.len() as u32).to_be_bytes())
                .expect("space");
            file.write_all(text.as_bytes()).expect("space");
        }
        Source::Told(Arc::new(file))
    }

    /// Prints the beginnings of runs from live output files, and then a last run. Returns the
    /// output, and `true` if the last run differed.
    fn printed(stream: Stream, runs: &[&str], last: &str) -> (String, bool) {
        let mut sink = Vec::new();
        let mut printed = ResumedStream::new(stream, &mut sink);
        for run in runs {
            let (first, second) = run.split_at(run.len() / 2);
            let file = told(&[(stream, first), (Stream::Output, ""), (stream, second)]);
            printed.begin(Some(file));
            printed.write_all(run.as_bytes()).expect("memory");
        }
        printed.begin(None);
        printed.write_all(last.as_bytes()).expect("memory");
        let differs = printed.differs() || printed.is_short();
        (String::from_utf8(sink).expect("text"), differs)
    }

    #[test]
    fn nothing_is_printed_twice() {
        for stream in [Stream::Output, Stream::Error] {
            let of = |runs: &[&str]| printed(stream, runs, "abcdefgh");
            for runs in [
                &[][..],
                &["abc"],
                &["abcde", "abc"],
                &["abc", "abcdef", "a", ""],
                &["abcdefgh"],
            ] {
                assert_eq!(of(runs), ("abcdefgh".into(), false), "{runs:?}");
            }
        }
    }

    #[test]
    fn another_output_is_told_and_not_printed() {
        assert_eq!(
            printed(Stream::Output, &["abc"], "abx"),
            ("abc".into(), true)
        );
        assert_eq!(printed(Stream::Output, &["abc"], "x"), ("abc".into(), true));
        assert_eq!(
            printed(Stream::Output, &["abc"], "ab"),
            ("abc".into(), true)
        );
        let twice = printed(Stream::Output, &["abc", "abX"], "abcd");
        assert_eq!(twice, ("abcd".into(), false));
    }

    #[test]
    fn another_message_is_printed_from_where_it_differs() {
        assert_eq!(
            printed(Stream::Error, &["took 5s"], "took 7s"),
            ("took 5s7s".into(), false)
        );
        let twice = printed(Stream::Error, &["took 5s", "took 7s"], "took 7s!");
        assert_eq!(twice, ("took 5s7s!".into(), false));
    }
}
