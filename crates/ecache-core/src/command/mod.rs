//! Memoized commands: identifies a command, runs and records it, and replays the recorded result.
//!
//! | folder | its job |
//! |---|---|
//! | `call` | the identity of a command: program, arguments, files, and its entry |
//! | `input` | standard input: passing it to the command, and its part of the key |
//! | `output` | recording, publishing and resuming what a command prints |
//! | `run` | the one flow: look up, take the lock, look up again, run, keep |
//! | `batch` | many commands, several at a time |
//!
//! `settings` and `error` are what a caller sets and gets back. `call` and `output` do not know
//! `run`, and `run` does not know `batch`.
//!
//! A command is a function: its store has the program's name, its arguments are the rest of the
//! command line and one object more, for all else that its output depends on. Nothing here prints
//! or reads the environment; the caller passes in where output goes and what the variables are.
//!
//! Alternatives considered for the output: a pseudo-terminal (the command would format its output
//! for a person), temporary files (nothing would be printed before the end), and two pipes watched
//! by one thread (chosen). Two pipes lose the order of writes, so a single pipe is used where both
//! streams go to one place. Datagram sockets would also tell the streams apart, but they are not
//! pipes.

mod batch;
mod call;
mod error;
mod file_state;
mod input;
mod output;
mod run;
mod settings;

pub use batch::{Done, Existing, PreparedItem, Stop, Warm, Warmed};
pub use call::identity::Identity;
pub use call::input_files::InputFiles;
pub use call::program::Program;
pub use call::rerun::{NotRepeatable, Repeated, repeat};
pub use call::unkeyed_input::{UnkeyedInput, unkeyed_input};
pub use call::{Call, CallEntry};
pub use error::CommandError;
pub use input::{
    FileInput, Input, InputKey, InputKind, Spool, StreamInput, TerminalWatch, Unkept, Wire,
    input_kind, is_idle, watch_terminal,
};
pub use output::recording::{Ending, InputLeft, Malformed, ReplayError, Stream, replay};
pub(crate) use output::recording::{exit_code, form};
pub use run::Runner;
pub use run::caller::Caller;
pub use run::left_running::{Destination, KeptResult, LeftOpen, forward};
pub(crate) use run::other_outputs::is_beside;
pub use run::piped_input::{OPEN_INPUT, Settled};
pub use run::process::{Signals, Streams};
pub use settings::{
    Arguments, Failures, Mode, OnBusy, OnFailure, OnMiss, Opening, Outputs, Purpose, Report,
    RunOutcome, Settings, StoreUse, Unusable,
};
