//! The one flow of a memoized command, which `run` and `warm` share.

pub(crate) mod ancestry;
pub(crate) mod caller;
pub(crate) mod connection;
pub(crate) mod counted;
pub(crate) mod feed;
pub(crate) mod keep;
pub(crate) mod leader;
pub mod left_running;
pub(crate) mod other_outputs;
pub(crate) mod pass_on;
pub(crate) mod piped_input;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod replay;
pub(crate) mod runner;
pub(crate) mod stale;

use std::path::Path;
use std::sync::Arc;

use self::caller::Caller;
use super::{Call, Outputs};
use crate::backend::Backend;
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
    /// Is told what happens
    pub caller: &'a dyn Caller,
}

debug_fields!(Runner<'_> { call, store, beside, outputs });
