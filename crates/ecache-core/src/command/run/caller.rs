//! The caller of a [`Runner`](super::Runner): events that it is told, and processes that it starts.

use std::io;

use super::left_running::LeftOpen;
use crate::command::{Input, Unusable};
use crate::error::{Error, Result};

/// The caller of a [`Runner`](super::Runner): is told what happens meanwhile, and starts the
/// processes that go on without this one.
pub trait Caller {
    /// Called with an error of the cache, which is ignored unless this returns it.
    ///
    /// # Errors
    /// Fails if the run is to fail.
    fn on_trouble(&self, error: Error) -> Result<()>;

    /// Called with an error of the cache after the command ran: its result may not be stored. The
    /// error is ignored unless this returns it.
    ///
    /// # Errors
    /// Fails if the run is to fail.
    fn on_late_trouble(&self, error: Error) -> Result<()> {
        self.on_trouble(error)
    }

    /// Called with the reason why a result is not stored.
    fn on_unkept(&self, _why: &str) {}

    /// Called with the reason why the entry of the command is not replayed; the last call counts.
    fn on_unusable(&self, _why: Unusable) {}

    /// Called with the reason why a stale result is replayed.
    fn on_stale(&self, _why: &str) {}

    /// Called with the PID of a stopped leader, which is then not waited for.
    fn on_stopped(&self, _pid: i32) {}

    /// Starts a process that runs the same command with the same input, detached from this one and
    /// its terminal, and returns at once.
    ///
    /// # Errors
    /// Fails if the process cannot be started.
    fn refresh(&self, input: &Input) -> io::Result<()>;

    /// Starts a process that [`forward`](super::left_running::forward)s the output which processes
    /// left running still print, and returns at once.
    ///
    /// # Errors
    /// Fails if the process cannot be started; the result is then not kept.
    fn left_open(&self, open: LeftOpen) -> io::Result<()>;
}
