//! The parts of a run that a replay and a command share.

use super::process::{Signals, Streams};
use crate::backend::Content;
use crate::command::Input;
use crate::command::output::resume::Console;
use crate::entry::Entry;

/// The input, outputs and signals of a command that has not started yet.
pub(crate) struct Ports<'a> {
    pub(crate) input: Input,
    pub(crate) console: Console<'a>,
    pub(crate) signals: &'a dyn Signals,
}

impl Ports<'_> {
    /// Hands the streams to the command, which is about to start.
    pub(crate) fn take(&mut self) -> Streams<'_> {
        self.console.begin(None);
        Streams {
            input: std::mem::replace(&mut self.input, Input::Nothing),
            stdout: &mut self.console.stdout,
            stderr: &mut self.console.stderr,
            signals: self.signals,
        }
    }
}

/// The entry of a result, and its value.
pub(crate) type StoredResult = (Box<Entry>, Content);
