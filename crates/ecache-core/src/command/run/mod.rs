//! The one flow of a memoized command, which `run` and `warm` share.

pub(crate) mod ancestry;
pub(crate) mod connection;
pub(crate) mod counted;
pub(crate) mod feed;
pub(crate) mod keep;
pub(crate) mod leader;
pub mod left_running;
pub(crate) mod other_outputs;
pub(crate) mod piped_input;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod replay;
pub(crate) mod runner;
pub(crate) mod stale;

use std::io;
use std::path::Path;
use std::sync::Arc;

use self::left_running::LeftOpen;
use super::{Call, Input, Outputs, Unusable};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::time::Clock;

/// A command that is to be replayed or run.
#[derive(Clone, Copy)]
pub struct Runner<'a> {
    /// The command to run and the entry of its result
    pub call: &'a Call,
    /// Location of the store, `None` if there is no place for one
    pub store: Option<&'a Path>,
    /// The store, if the caller has connected to it, to write to it
    pub connected: Option<&'a Arc<dyn Backend>>,
    /// Path beside which this host's processes keep locks and live output, if not the store's
    pub beside: Option<&'a Path>,
    /// Destination of the command's output streams
    pub outputs: Outputs,
    /// Tells the time
    pub clock: &'a dyn Clock,
    /// Called with an error of the cache, which is ignored unless this fails
    pub on_trouble: &'a dyn Fn(Error) -> Result<()>,
    /// Called with an error of the cache after the command ran: its result may not be stored. It is
    /// ignored unless this fails
    pub on_late_trouble: &'a dyn Fn(Error) -> Result<()>,
    /// Called with the reason why a result is not stored
    pub on_unkept: &'a dyn Fn(&str),
    /// Called with the reason why the entry of the command is not replayed; the last call counts
    pub on_unusable: &'a dyn Fn(Unusable),
    /// Called with the reason why a stale result is replayed
    pub on_stale: &'a dyn Fn(&str),
    /// Called with the PID of a stopped leader, which is then not waited for
    pub on_stopped: &'a dyn Fn(i32),
    /// Starts a process that runs the same command with the same input, detached from this one and
    /// its terminal, and returns at once
    pub refresh: &'a dyn Fn(&Input) -> io::Result<()>,
    /// Starts a process that [`forward`](left_running::forward)s the output which processes left
    /// running still print, and returns at once. If that fails, the result is not kept
    pub left_open: &'a dyn Fn(LeftOpen) -> io::Result<()>,
}

debug_fields!(Runner<'_> { call, store, beside, outputs });
