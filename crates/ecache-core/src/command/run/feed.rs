//! Connects a command to its standard input, and observes what it reads.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::command::input::{Pump, Taken};
use crate::command::{FileInput, Input, TerminalWatch, Unkept, watch_terminal};

/// How the command used standard input, where that affects its entry.
#[derive(Debug)]
pub(crate) enum InputUse {
    /// The key identifies the input whatever the command did
    Known,
    /// It left a file at this offset
    LeftAt(u64),
    /// It took this from a stream
    Took(Taken),
    /// Unknown, for this reason: the run must not be kept
    Unknown(&'static str),
}

/// Standard input of a running command, and its terminal.
pub(crate) struct Feed {
    source: Source,
    /// Sees reads from the controlling terminal, through which a command may ask whatever its
    /// standard input is
    terminal: Option<TerminalWatch>,
}

/// The way in which a command gets its standard input.
enum Source {
    /// The command has it
    Given,
    /// The command has it, and its reads cannot be observed, for this reason
    Unseen(&'static str),
    File(FileInput),
    Terminal,
    /// A pipe that a thread fills from this file, which holds the whole input
    Spooled(File),
    Unkept(Option<Unkept>),
    Pump(Box<Pump>),
}

impl Feed {
    /// Connects a command to its standard input. Reads are observed only if the run is recorded.
    pub(crate) fn new(command: &mut Command, input: Input, is_recorded: bool) -> Self {
        let is_terminal = matches!(input, Input::Terminal);
        let terminal = is_recorded.then(|| watch_terminal(is_terminal)).flatten();
        let (stdin, source) = match input {
            Input::Inherited => (Stdio::inherit(), Source::Given),
            Input::Nothing => (Stdio::null(), Source::Given),
            Input::Terminal => (Stdio::inherit(), Source::Terminal),
            Input::File(file) => (Stdio::inherit(), Source::File(file)),
            Input::Spooled(file) => (Stdio::piped(), Source::Spooled(file)),
            Input::Unkept(stream) => (Stdio::piped(), Source::Unkept(Some(stream))),
            Input::Stream(stream) if !is_recorded && !stream.is_begun() => {
                (Stdio::inherit(), Source::Given)
            }
            Input::Stream(stream) => match stream.pump() {
                Ok((pump, stdin)) => (stdin.into(), Source::Pump(Box::new(pump))),
                Err((_, _)) => (
                    Stdio::inherit(),
                    Source::Unseen("there are too few file descriptors to see what it reads"),
                ),
            },
        };
        command.stdin(stdin);
        Self { source, terminal }
    }

    /// Reports whether the command depends on this process for its input.
    pub(crate) fn is_needed(&self) -> bool {
        match &self.source {
            Source::Unkept(_) => true,
            Source::Pump(pump) => pump.is_begun(),
            _ => false,
        }
    }

    /// Starts feeding the command, which has started.
    pub(crate) fn begin(&mut self, child: &mut Child) -> io::Result<()> {
        if let Source::Pump(pump) = &mut self.source {
            pump.begin(child.id());
        }
        let stream: Option<Box<dyn Read + Send>> = match &mut self.source {
            Source::Spooled(file) => Some(Box::new(file.try_clone()?)),
            Source::Unkept(stream) => stream.take().map(|stream| Box::new(stream) as _),
            _ => None,
        };
        if let (Some(mut stream), Some(mut stdin)) = (stream, child.stdin.take()) {
            // Not waited for: a command need not read to the end, nor the stream have one.
            let feed = move || io::copy(&mut stream, &mut stdin);
            thread::Builder::new().spawn(feed)?;
        }
        Ok(())
    }

    /// Returns the use that the command made of it, after it exited.
    pub(crate) fn finish(self) -> InputUse {
        if self.terminal.as_ref().is_some_and(TerminalWatch::was_read) {
            return InputUse::Unknown("it may have read from the terminal");
        }
        match self.source {
            Source::Given | Source::Spooled(_) | Source::Unkept(_) => InputUse::Known,
            Source::Unseen(why) => InputUse::Unknown(why),
            Source::File(file) => match file.left_at() {
                Some(offset) => InputUse::LeftAt(offset),
                None => InputUse::Unknown("its standard input changed while it ran"),
            },
            Source::Terminal if self.terminal.is_some() => InputUse::Known,
            Source::Terminal => {
                InputUse::Unknown("it is unknown whether it read from the terminal")
            }
            Source::Pump(pump) => match pump.finish() {
                Some(taken) => InputUse::Took(taken),
                None => InputUse::Unknown("something else read its standard input, too"),
            },
        }
    }

    /// Gives a command that takes the place of this process its input. That of a pipe which is
    /// filled from a file is the file: no process is left to fill a pipe.
    pub(crate) fn hand_over(self, command: &mut Command) {
        match self.source {
            Source::Spooled(file) => {
                command.stdin(file);
            }
            Source::Pump(_) => {
                command.stdin(Stdio::inherit());
            }
            _ => {}
        }
    }

    /// Returns the pump, if the command is fed by one.
    pub(crate) fn pump(&mut self) -> Option<&mut Pump> {
        match &mut self.source {
            Source::Pump(pump) => Some(pump),
            _ => None,
        }
    }
}
