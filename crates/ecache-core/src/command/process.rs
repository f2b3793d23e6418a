//! Runs a command: its output is passed on as it comes and recorded, signals reach it, and its end
//! is the end.
//!
//! One pipe is used where both streams go to one place, which records writes in their order.
//! Otherwise, one thread watches both pipes, so the recording has the order in which output
//! arrived. It also watches the process itself: background processes that a command leaves behind
//! may keep its pipes open indefinitely. Signals are forwarded by their receiver, since this thread
//! may be blocked on a reader. A thread for each pipe took a tenth of the time of a quick command.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::feed::{Feed, InputUse};
use super::recording::{InputLeft, NotRecorded, Recorder, Stream};
use super::settings::Outputs;
use super::telling::Telling;
use super::{Call, CommandError, Input};
use crate::limits::is_exhausted;

/// How long output is still awaited after a command has ended: what `>(tee log)` prints comes a
/// little later.
const GRACE: Duration = Duration::from_millis(100);

/// As much as is read from a pipe at once: what a pipe holds.
const READ: usize = 1 << 16;

/// Signals that are to reach a command: whoever receives them sends them to it.
pub trait Signals {
    /// From here on they are meant for a command that is about to start.
    ///
    /// # Errors
    /// If it is not to start any more, or they cannot be received.
    fn begin(&self) -> io::Result<()>;

    /// Restores in a command the signal state that this process inherited.
    fn prepare(&self, command: &mut Command);

    /// It has started as this process: it is sent those that came since, and those that come.
    fn reach(&self, child: u32);

    /// It has ended, and its id may soon be another's. Whether any were meant for it.
    fn end(&self, child: u32) -> bool;
}

/// There are none.
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

/// What a command is connected to.
pub struct Streams<'a> {
    /// What it reads
    pub input: Input,
    /// Where its standard output goes
    pub stdout: &'a mut dyn Write,
    /// Where its standard error goes
    pub stderr: &'a mut dyn Write,
    /// What is to reach it while it runs
    pub signals: &'a dyn Signals,
}

/// How a command ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Whether a signal was meant for it, even if it ended as if there had been none
    pub(super) interrupted: bool,
    /// What it printed, if that was to be recorded
    pub(super) records: Option<Records>,
    /// The command's use of its standard input
    pub(super) input: InputUse,
    /// Its output could not be passed on, for another reason than a reader that went away
    pub(super) failed: Option<io::Error>,
}

impl Ended {
    /// Whether it printed all that it would have printed, as far as anybody knows.
    pub(super) fn is_whole(&self) -> bool {
        self.status.code().is_some() && !self.interrupted
    }
}

/// What a command prints, for those who ask later and for those who wait.
pub(super) struct Records {
    /// For the store
    pub(super) recorder: Result<Recorder, NotRecorded>,
    /// For other processes, while it runs
    pub(super) telling: Option<Telling>,
}

impl Records {
    fn record(&mut self, stream: Stream, bytes: &[u8]) {
        let Ok(recorder) = &mut self.recorder else {
            return;
        };
        let recorded = recorder.record(stream, bytes);
        if let Some(telling) = &mut self.telling {
            match &recorded {
                Ok(()) => telling.send(stream, bytes),
                Err(_) => telling.seal(),
            }
        }
        if let Err(error) = recorded {
            self.recorder = Err(error);
        }
    }

    /// Records the state in which the command left its standard input.
    pub(super) fn leave_input(&mut self, left: InputLeft) {
        if let Ok(recorder) = &mut self.recorder {
            recorder.leave_input(left);
        }
    }

    /// Nobody reads it any more, so that it will not come to its end.
    fn leave(&mut self) {
        self.recorder = Err(NotRecorded::Unread);
        self.telling = None;
    }

    /// It came to its end.
    pub(super) fn end(&mut self, exit: u8) {
        if let Some(telling) = &mut self.telling {
            telling.end(exit);
        }
    }
}

/// As the shell has it: 128 and the signal for a command that a signal ended.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    // Neither is only possible for a process that was stopped, which is not waited for.
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

/// Runs a command to its end.
pub(super) fn run(
    call: &Call,
    outputs: Outputs,
    streams: Streams<'_>,
    records: Option<Records>,
) -> Result<Ended, CommandError> {
    let program = call.program();
    let signals = streams.signals;
    let cannot = |error| CommandError::of_start(&program.called, error);
    signals.begin().map_err(cannot)?;
    let mut command = program.command();
    command.args(call.arguments());
    if let Some(folder) = &call.folder {
        // Where programs look for their folder before they ask the system.
        command.current_dir(folder).env("PWD", folder);
    }
    let mut feed = Feed::new(&mut command, streams.input, records.is_some());
    signals.prepare(&mut command);
    let (mut child, stdout, spare) = match start(&mut command, outputs) {
        Ok(started) => started,
        // A fed input still needs this process.
        Err(source) if is_exhausted(&source) && !feed.is_needed() => {
            if feed.pump().is_some() {
                command.stdin(Stdio::inherit());
            }
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
            return Err(CommandError::NoRoom {
                path: program.called.clone(),
                source,
                command: Box::new(command),
            });
        }
        Err(error) => return Err(cannot(error)),
    };
    // The command holds the write ends of the pipe, which reaches its end once no process has them.
    drop(command);
    if let Err(error) = feed.begin(&mut child) {
        // The command would take a partial input for all of it.
        let _ = child.kill();
        let _ = child.wait();
        return Err(cannot(error));
    }
    signals.reach(child.id());
    let pipe = |pipe: Option<OwnedFd>| pipe.map(File::from);
    let watch = Watch {
        outputs: [
            Output {
                stream: Stream::Output,
                pipe: pipe(stdout),
                sink: streams.stdout,
                owed: 0,
            },
            Output {
                stream: Stream::Error,
                pipe: pipe(child.stderr.take().map(Into::into)),
                sink: streams.stderr,
                owed: 0,
            },
        ],
        records,
        feed,
        failed: None,
    };
    drop(spare);
    let followed = watch.follow(&child);
    let interrupted = signals.end(child.id());
    let ended = followed.and_then(|watch| {
        Ok(Ended {
            status: child.wait()?,
            interrupted,
            records: watch.records,
            input: watch.feed.finish(),
            failed: watch.failed,
        })
    });
    ended.map_err(|source| {
        // Nobody would read what it prints from here on.
        let _ = child.kill();
        CommandError::Start {
            path: program.called.clone(),
            source,
        }
    })
}

/// Starts a command with pipes for its outputs. Returns the child, the pipe of standard output if
/// the child does not own it, and a spare descriptor. The spare is released for the descriptor that
/// watches the child, which cannot be opened before the child exists.
fn start(
    command: &mut Command,
    outputs: Outputs,
) -> io::Result<(Child, Option<OwnedFd>, io::PipeReader)> {
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
    Ok((child, stdout, spare))
}

struct Output<'a> {
    stream: Stream,
    /// `None` once it is at its end, or nobody wants to read it
    pipe: Option<File>,
    sink: &'a mut dyn Write,
    /// What was in the pipe when the command ended, and is still to be passed on
    owed: u64,
}

struct Watch<'a> {
    outputs: [Output<'a>; 2],
    records: Option<Records>,
    feed: Feed,
    failed: Option<io::Error>,
}

impl Watch<'_> {
    /// Passes output on until the command has ended, which is not waited for yet: until then its id
    /// stays its own.
    fn follow(mut self, child: &Child) -> io::Result<Self> {
        let end = end_of(child)?;
        let mut ended_at = None;
        let mut buffer = [0; READ];
        while ended_at.is_none_or(|at: Instant| self.is_owed_output(at.elapsed())) {
            let [stdout, stderr] = &self.outputs;
            let pump = self.feed.pump().filter(|_| ended_at.is_none());
            let (input, input_due) = match &pump {
                Some(pump) => pump.due(),
                None => (None, None),
            };
            let watched = [
                stdout.pipe.as_ref().map(readable),
                stderr.pipe.as_ref().map(readable),
                ended_at.is_none().then(|| readable(&end)),
                input,
            ];
            let telling = self
                .records
                .as_mut()
                .and_then(|records| records.telling.as_mut());
            let patience = match ended_at {
                Some(at) => Some(GRACE.saturating_sub(at.elapsed())),
                None => {
                    let telling_due = telling.as_ref().and_then(|telling| telling.due_in());
                    telling_due.into_iter().chain(input_due).min()
                }
            };
            let ready = wait(watched, patience)?;
            if let Some(pump) = pump {
                pump.step();
            }
            if let Some(telling) = telling {
                telling.tell_if_due();
            }
            if ready[2] {
                ended_at = Some(Instant::now());
                for output in &mut self.outputs {
                    output.owe();
                }
            }
            for (index, is_ready) in ready.into_iter().take(2).enumerate() {
                if is_ready {
                    self.pass_on_output(index, &mut buffer);
                }
            }
        }
        Ok(self)
    }

    /// Whether a command that ended that long ago may have printed what is not passed on yet.
    fn is_owed_output(&self, since: Duration) -> bool {
        self.outputs
            .iter()
            .any(|output| output.pipe.is_some() && (output.owed > 0 || since < GRACE))
    }

    fn pass_on_output(&mut self, index: usize, buffer: &mut [u8]) {
        let output = &mut self.outputs[index];
        let bytes = match output.pipe.as_mut().map(|pipe| pipe.read(buffer)) {
            Some(Ok(count @ 1..)) => &buffer[..count],
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => return,
            _ => {
                output.pipe = None;
                return;
            }
        };
        output.owed = output.owed.saturating_sub(bytes.len() as u64);
        if let Some(pump) = self.feed.pump() {
            pump.note_output();
        }
        if let Some(records) = &mut self.records {
            records.record(output.stream, bytes);
        }
        let written = output.sink.write_all(bytes);
        if let Err(error) = written.and_then(|()| output.sink.flush()) {
            // The command finds its pipe closed, as it would find the reader's.
            output.pipe = None;
            if let Some(records) = &mut self.records {
                records.leave();
            }
            if error.kind() != io::ErrorKind::BrokenPipe {
                self.failed.get_or_insert(error);
            }
        }
    }
}

impl Output<'_> {
    /// Notes what the command left in the pipe: what comes after it is not the command's.
    fn owe(&mut self) {
        let left = self.pipe.as_ref().map(ioctl_fionread);
        self.owed = left.and_then(Result::ok).unwrap_or(0);
    }
}

/// What can be read, or is at its end, when the command has ended.
fn end_of(child: &Child) -> io::Result<OwnedFd> {
    let id = Pid::from_child(child);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Ok(end) = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()) {
        return Ok(end);
    }
    waited_for(id)
}

/// The same where the system has no such thing, as Linux before 5.3: a thread waits.
fn waited_for(id: Pid) -> io::Result<OwnedFd> {
    let (end, guard) = io::pipe()?;
    thread::Builder::new().spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // It can only fail for a process that is no child, and then there is nothing to wait for.
        let _ = retry_on_intr(|| waitid(WaitId::Pid(id), options));
        drop(guard);
    })?;
    Ok(end.into())
}

/// Returns a descriptor to be watched for input or its end.
fn readable(fd: &impl AsFd) -> (BorrowedFd<'_>, PollFlags) {
    (fd.as_fd(), PollFlags::IN)
}

/// Waits until a descriptor is ready or at its end, and reports which ones are.
fn wait<const N: usize>(
    watched: [Option<(BorrowedFd<'_>, PollFlags)>; N],
    patience: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = Vec::with_capacity(N);
    for (fd, flags) in watched.into_iter().flatten() {
        polled.push(PollFd::from_borrowed_fd(fd, flags));
    }
    let patience = patience.map(|patience| Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    });
    match poll(&mut polled, patience.as_ref()) {
        Err(Errno::INTR) => return Ok([false; N]),
        result => result?,
    };
    let mut ready = polled.iter().map(|polled| !polled.revents().is_empty());
    Ok(watched.map(|fd| fd.is_some() && ready.next().unwrap_or(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_command_is_seen_either_way() {
        for end_of in [end_of, |child: &Child| waited_for(Pid::from_child(child))] {
            let mut command = Command::new("cat");
            let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
            let end = end_of(&child).expect("a descriptor");
            let is_over =
                |patience| wait([Some(readable(&end))], Some(patience)).expect("it is open");
            assert_eq!(is_over(Duration::ZERO), [false]);
            drop(child.stdin.take());
            assert_eq!(is_over(Duration::from_secs(60)), [true]);
            assert!(child.wait().expect("it is our own").success());
        }
    }
}
