//! The one flow of a memoized command, which `run` and `warm` share.

pub(crate) mod ancestry;
pub(crate) mod connection;
pub(crate) mod feed;
pub(crate) mod keep;
pub(crate) mod leader;
pub(crate) mod other_outputs;
pub(crate) mod piped_input;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod replay;
pub(crate) mod runner;
pub(crate) mod stale;
