//! Connects a command to its standard input, and observes what it reads.

use std::io;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::input::{Pump, Taken};
use super::{FileInput, Input, TerminalWatch, Unkept, watch_terminal};

/// The use that a command made of its standard input, as far as its entry depends on that.
#[derive(Debug)]
pub(super) enum InputUse {
    /// The key identifies the input whatever the command did
    Known,
    /// It left a file at this offset
    LeftAt(u64),
    /// It took this from a stream
    Took(Taken),
    /// Unknown, for this reason: the run must not be kept
    Unknown(&'static str),
}

/// Standard input of a running command.
pub(super) enum Feed {
    /// The command has it
    Given,
    /// The command has it, and its reads cannot be observed, for this reason
    Unseen(&'static str),
    File(FileInput),
    Terminal(Option<TerminalWatch>),
    Unkept(Option<Unkept>),
    Pump(Box<Pump>),
}

impl Feed {
    /// Connects a command to its standard input. Reads are observed only if the run is recorded.
    pub(super) fn new(command: &mut Command, input: Input, is_recorded: bool) -> Self {
        let (stdin, feed) = match input {
            Input::Inherited => (Stdio::inherit(), Feed::Given),
            Input::Nothing => (Stdio::null(), Feed::Given),
            Input::Terminal => {
                let watch = is_recorded.then(|| watch_terminal(io::stdin())).flatten();
                (Stdio::inherit(), Feed::Terminal(watch))
            }
            Input::File(file) => (Stdio::inherit(), Feed::File(file)),
            Input::Spooled(file) => (file.into(), Feed::Given),
            Input::Unkept(stream) => (Stdio::piped(), Feed::Unkept(Some(stream))),
            Input::Stream(stream) if !is_recorded && !stream.is_begun() => {
                (Stdio::inherit(), Feed::Given)
            }
            Input::Stream(stream) => match stream.pump() {
                Ok((pump, stdin)) => (stdin.into(), Feed::Pump(Box::new(pump))),
                Err((_, _)) => (
                    Stdio::inherit(),
                    Feed::Unseen("there are too few descriptors to see what it reads"),
                ),
            },
        };
        command.stdin(stdin);
        feed
    }

    /// Reports whether the command depends on this process for its input.
    pub(super) fn is_needed(&self) -> bool {
        match self {
            Self::Unkept(_) => true,
            Self::Pump(pump) => pump.is_begun(),
            _ => false,
        }
    }

    /// Starts feeding the command, which has started.
    pub(super) fn begin(&mut self, child: &mut Child) -> io::Result<()> {
        if let Self::Pump(pump) = self {
            pump.begin(child.id());
        }
        if let (Self::Unkept(stream), Some(mut stdin)) = (self, child.stdin.take())
            && let Some(mut stream) = stream.take()
        {
            // Not waited for: a command need not read to the end, nor the stream have one.
            let feed = move || io::copy(&mut stream, &mut stdin);
            thread::Builder::new().spawn(feed)?;
        }
        Ok(())
    }

    /// Returns the use that the command made of it, after it exited.
    pub(super) fn finish(self) -> InputUse {
        match self {
            Self::Given | Self::Unkept(_) => InputUse::Known,
            Self::Unseen(why) => InputUse::Unknown(why),
            Self::File(file) => match file.left_at() {
                Some(offset) => InputUse::LeftAt(offset),
                None => InputUse::Unknown("its standard input changed while it ran"),
            },
            Self::Terminal(watch) => match watch.is_some_and(|watch| !watch.was_read()) {
                true => InputUse::Known,
                false => InputUse::Unknown("it may have read from the terminal"),
            },
            Self::Pump(pump) => match pump.finish() {
                Some(taken) => InputUse::Took(taken),
                None => InputUse::Unknown("something else read its standard input, too"),
            },
        }
    }

    pub(super) fn pump(&mut self) -> Option<&mut Pump> {
        match self {
            Self::Pump(pump) => Some(pump),
            _ => None,
        }
    }
}
