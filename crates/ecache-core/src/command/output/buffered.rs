//! Buffers output until the command is known to have succeeded.

use std::cell::RefCell;
use std::io::{self, BufReader, Write};

use super::recorder::{NotRecorded, Recorder};
use super::recording::Stream;
use super::resume::Console;
use crate::command::settings::Outputs;
use crate::command::{ReplayError, replay};

/// The buffered output of a command that is still running.
pub(crate) struct Buffered {
    recorder: RefCell<Recorder>,
}

/// A writer that buffers one of the two streams.
pub(crate) struct BufferedStream<'a> {
    buffered: &'a Buffered,
    stream: Stream,
}

impl Buffered {
    pub(crate) fn new() -> Result<Self, NotRecorded> {
        Ok(Self {
            recorder: RefCell::new(Recorder::new(Outputs::Apart, u64::MAX)?),
        })
    }

    /// Returns the writer for one of the command's streams.
    pub(crate) fn stream(&self, stream: Stream) -> BufferedStream<'_> {
        BufferedStream {
            buffered: self,
            stream,
        }
    }

    /// Prints the buffered output.
    pub(crate) fn print(self, console: &mut Console<'_>) -> Result<(), ReplayError> {
        let recording = self.recorder.into_inner().finish(0);
        let recording = recording.map_err(|error| ReplayError::Read(io::Error::other(error)))?;
        console.begin(None);
        let recording = BufReader::with_capacity(1 << 16, recording);
        replay(recording, &mut console.stdout, &mut console.stderr).map(drop)
    }
}

impl Write for BufferedStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut recorder = self.buffered.recorder.borrow_mut();
        let recorded = recorder.record(self.stream, bytes);
        recorded.map(|()| bytes.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
