//! Starts a command with its input and outputs, and runs it to its end.
//!
//! One pipe is used where both streams go to one place, which records writes in their order.
//! Otherwise there is a pipe for each, and [`pass_on`](super::pass_on) watches both.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::feed::Feed;
use super::pass_on::{Ended, Output, Receivers, Watch};
use crate::command::output::recording::Stream;
use crate::command::settings::Outputs;
use crate::command::{Call, CommandError, Input};
use crate::system_limits::is_exhausted;

/// Forwards signals to a command. The code that receives a signal sends it on.
pub trait Signals {
    /// Begins to collect signals for a command that is about to start.
    ///
    /// # Errors
    /// Fails if the command must not start any more, or if signals cannot be received.
    fn begin(&self) -> io::Result<()>;

    /// Restores in a command the signal state that this process inherited.
    fn prepare(&self, command: &mut Command);

    /// Sends the signals collected since [`Signals::begin`], and all later ones, to this process.
    fn reach(&self, child: u32);

    /// Stops sending signals to a process that has ended, whose ID may soon be reused. Returns
    /// `true` if any signal was meant for it.
    fn end(&self, child: u32) -> bool;
}

/// Forwards no signals.
impl Signals for () {
    fn begin(&self) -> io::Result<()> {
        Ok(())
    }

    fn prepare(&self, _: &mut Command) {}

    fn reach(&self, _: u32) {}

    fn end(&self, _: u32) -> bool {
        false
    }
}

/// The input, outputs and signals of a command.
pub struct Streams<'a> {
    /// Its standard input
    pub input: Input,
    /// Destination of its standard output
    pub stdout: &'a mut dyn Write,
    /// Destination of its standard error
    pub stderr: &'a mut dyn Write,
    /// Signals forwarded to it while it runs
    pub signals: &'a dyn Signals,
}

debug_fields!(Streams<'_> { input });

/// Returns the exit code as a shell does: 128 plus the signal for a command that a signal ended.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    // Neither is only possible for a process that was stopped, which is not waited for.
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

/// Runs a command to its end. Calls `on_start` once it has started; its output waits meanwhile.
pub(crate) fn run(
    call: &Call,
    outputs: Outputs,
    streams: Streams<'_>,
    records: Option<Receivers>,
    on_start: impl FnOnce(),
) -> Result<Ended, CommandError> {
    let program = &call.program().called;
    let signals = streams.signals;
    let cannot = |error| CommandError::of_start(program, error);
    signals.begin().map_err(cannot)?;
    let mut command = command_of(call);
    let mut feed = Feed::new(&mut command, streams.input, records.is_some());
    signals.prepare(&mut command);
    let started = match start(&mut command, outputs) {
        Ok(started) => started,
        // A fed input still needs this process.
        Err(source) if is_exhausted(&source) && !feed.is_needed() => {
            feed.hand_over(&mut command);
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
            return Err(CommandError::NoRoom {
                path: program.clone(),
                source,
                command: Box::new(command),
            });
        }
        Err(error) => return Err(cannot(error)),
    };
    // The command holds the write ends of the pipe, which reaches its end once no process has them.
    drop(command);
    let Started {
        mut child,
        stdout,
        spare,
    } = started;
    if let Err(error) = feed.begin(&mut child) {
        // The command would take a partial input for all of it.
        let _ = child.kill();
        let _ = child.wait();
        return Err(cannot(error));
    }
    signals.reach(child.id());
    on_start();
    let stderr = child.stderr.take().map(Into::into);
    let watch = Watch {
        outputs: [
            Output::new(Stream::Output, stdout, streams.stdout),
            Output::new(Stream::Error, stderr, streams.stderr),
        ],
        records,
        feed,
        failed: None,
    };
    drop(spare);
    let followed = watch.follow(&child);
    let interrupted = signals.end(child.id());
    let ended = followed.and_then(|watch| watch.end(&mut child, interrupted));
    ended.map_err(|source| {
        // This process reads none of its output from here on.
        let _ = child.kill();
        CommandError::Start {
            path: program.clone(),
            source,
        }
    })
}

fn command_of(call: &Call) -> Command {
    let mut command = call.program().command();
    command.args(call.arguments());
    if let Some(folder) = &call.folder {
        // Programs look at this variable for their folder before they ask the system.
        command.current_dir(folder).env("PWD", folder);
    }
    command
}

/// A command that was started.
struct Started {
    child: Child,
    /// The pipe of standard output
    stdout: Option<OwnedFd>,
    /// Released for the descriptor that watches the child, which cannot be opened before the child
    /// exists
    spare: io::PipeReader,
}

/// Starts a command with pipes for its outputs.
fn start(command: &mut Command, outputs: Outputs) -> io::Result<Started> {
    let (spare, _) = io::pipe()?;
    let merged = match outputs {
        Outputs::Apart => {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        }
        Outputs::Merged => {
            let (reader, writer) = io::pipe()?;
            command.stdout(writer.try_clone()?).stderr(writer);
            Some(OwnedFd::from(reader))
        }
    };
    let mut child = command.spawn()?;
    let stdout = merged.or(child.stdout.take().map(Into::into));
    Ok(Started {
        child,
        stdout,
        spare,
    })
}
