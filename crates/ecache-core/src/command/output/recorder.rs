//! Records the output of a command, in memory as long as it is short.

use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::recording::{END, Form, INPUT, INPUT_LENGTH, InputLeft, Stream, VERSION};
use crate::command::settings::Outputs;

/// Maximum length of a recording in memory; a longer one is in a file.
const IN_MEMORY: usize = 1 << 20;

/// Length at which a frame is written.
const FRAME: usize = 1 << 16;

/// The reason why a command's output is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRecorded {
    #[error("it printed more than {limit} {}", if *limit == 1 { "byte" } else { "bytes" })]
    TooLarge { limit: u64 },
    #[error("what it printed could not be kept: {0}")]
    Spool(#[from] io::Error),
    #[error("its reader went away")]
    Unread,
    #[error("processes that it left running go on printing")]
    Continued,
}

/// Writes a recording, in memory as long as it is short.
pub(crate) struct Recorder {
    spool: SpooledTempFile,
    outputs: Outputs,
    form: Form,
    /// The frame that is being filled
    stream: Stream,
    frame: Vec<u8>,
    /// Number of bytes of output left until the limit
    left: u64,
    limit: u64,
    input: Option<InputLeft>,
}

impl Recorder {
    pub(crate) fn new(outputs: Outputs, limit: u64) -> Result<Self, NotRecorded> {
        let mut spool = SpooledTempFile::new(IN_MEMORY);
        // A placeholder: the form is known only at the end, and written then.
        spool.write_all(&[VERSION, Form::Nothing as u8])?;
        Ok(Self {
            spool,
            outputs,
            form: Form::Nothing,
            stream: Stream::Output,
            frame: Vec::new(),
            left: limit,
            limit,
            input: None,
        })
    }

    /// Returns the form of the output so far.
    pub(crate) fn form(&self) -> Form {
        self.form
    }

    /// Adds output of a stream.
    pub(crate) fn record(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), NotRecorded> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(NotRecorded::TooLarge { limit: self.limit })?;
        if !bytes.is_empty() {
            self.form = match self.outputs {
                Outputs::Apart => self.form.with(stream),
                Outputs::Merged => Form::Merged,
            };
        }
        if stream != self.stream || self.frame.len() + bytes.len() > FRAME {
            self.end_frame()?;
            self.stream = stream;
        }
        self.frame.extend_from_slice(bytes);
        Ok(())
    }

    /// Records the state of standard input.
    pub(crate) fn leave_input(&mut self, left: InputLeft) {
        self.input = Some(left);
    }

    /// Ends the recording, and returns a reader at its beginning.
    pub(crate) fn finish(mut self, exit: u8) -> Result<impl Read, NotRecorded> {
        self.end_frame()?;
        if let Some(input) = self.input {
            self.spool.write_all(&[INPUT])?;
            self.spool.write_all(&(INPUT_LENGTH as u32).to_be_bytes())?;
            self.spool.write_all(&input.to_bytes())?;
        }
        self.spool.write_all(&[END, exit])?;
        self.spool.rewind()?;
        self.spool.write_all(&[VERSION, self.form as u8])?;
        self.spool.rewind()?;
        Ok(self.spool)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let length = u32::try_from(self.frame.len()).expect("a frame is a read from a pipe or two");
        self.spool.write_all(&[self.stream as u8])?;
        self.spool.write_all(&length.to_be_bytes())?;
        self.spool.write_all(&self.frame)?;
        self.frame.clear();
        Ok(())
    }
}
