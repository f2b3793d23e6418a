//! Runs a command: its output is passed on as it comes and recorded, signals reach it, and its end is the end.
//!
//! One thread watches both pipes, so that what is recorded is in the order in which it arrived. Another one
//! waits for the process itself: what a command leaves running in the background may keep its pipes open
//! for as long as it likes. A third one hands signals on, also while the first has to wait for a reader.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::broadcast::Broadcast;
use super::recording::{NotRecorded, Recorder, Stream};
use super::{CommandError, Program, Unkept};

/// How long output is still awaited after a command has ended: what `>(tee log)` prints comes a little later.
const GRACE: Duration = Duration::from_millis(100);

/// As much as is read from a pipe at once: what a pipe holds.
const READ: usize = 1 << 16;

/// What a command reads.
#[derive(Debug)]
pub enum Input {
    /// What this process reads
    Inherited,
    /// Nothing
    Nothing,
    /// A stream that was read before
    Spooled(File),
    /// A stream that could not be kept
    Unkept(Unkept),
}

/// Signals that are to reach a command.
///
/// Each byte that is read is the number of one; 0 stands for a signal that the command has been sent already, by
/// the terminal.
pub type Signals = UnixStream;

/// What a command is connected to.
pub struct Streams<'a> {
    /// What it reads
    pub input: Input,
    /// Where its standard output goes
    pub stdout: &'a mut dyn Write,
    /// Where its standard error goes
    pub stderr: &'a mut dyn Write,
    /// Called right before it starts: signals that come from then on are the command's
    pub signals: &'a mut dyn FnMut() -> io::Result<Signals>,
}

/// How a command ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Whether a signal was meant for it, even if it ended as if there had been none
    pub(super) interrupted: bool,
    /// What it printed, if that was to be recorded
    pub(super) records: Option<Records>,
    /// Its output could not be passed on, for another reason than a reader that went away
    pub(super) failed: Option<io::Error>,
}

/// What a command prints, for those who ask later and for those who wait.
pub(super) struct Records {
    /// For the store
    pub(super) recorder: Result<Recorder, NotRecorded>,
    /// For other processes, while it runs
    pub(super) broadcast: Option<Broadcast>,
}

impl Records {
    fn record(&mut self, stream: Stream, bytes: &[u8]) {
        let Ok(recorder) = &mut self.recorder else {
            return;
        };
        let recorded = recorder.record(stream, bytes);
        if let Some(broadcast) = &mut self.broadcast {
            match &recorded {
                Ok(()) => broadcast.send(stream, bytes),
                Err(_) => broadcast.seal(),
            }
        }
        if let Err(error) = recorded {
            self.recorder = Err(error);
        }
    }

    /// Nobody reads it any more, so that it will not come to its end.
    fn leave(&mut self) {
        self.recorder = Err(NotRecorded::Unread);
        self.broadcast = None;
    }

    /// It came to its end.
    pub(super) fn end(&mut self, exit: u8) {
        if let Some(broadcast) = &mut self.broadcast {
            broadcast.end(exit);
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
    program: &Program,
    name: &OsStr,
    arguments: &[OsString],
    folder: Option<&Path>,
    variable: (&str, String),
    streams: Streams<'_>,
    records: Option<Records>,
) -> Result<Ended, CommandError> {
    let signals = (streams.signals)().map_err(|error| cannot_start(&program.path, error))?;
    let mut command = Command::new(&program.path);
    command
        .arg0(name)
        .args(arguments)
        .env(variable.0, variable.1)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut fed = None;
    if let Some(folder) = folder {
        // Where programs look for their folder before they ask the system.
        command.current_dir(folder).env("PWD", folder);
    }
    match streams.input {
        Input::Inherited => command.stdin(Stdio::inherit()),
        Input::Nothing => command.stdin(Stdio::null()),
        Input::Spooled(file) => command.stdin(file),
        Input::Unkept(stream) => {
            fed = Some(stream);
            command.stdin(Stdio::piped())
        }
    };
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(&program.path, error))?;
    if let (Some(mut stream), Some(mut stdin)) = (fed, child.stdin.take()) {
        // Nobody waits for it: a command need not read to the end, nor the stream have one.
        std::thread::spawn(move || io::copy(&mut stream, &mut stdin));
    }
    let forwarder = Forwarder::start(signals, &child);
    let pipe = |pipe: Option<std::os::fd::OwnedFd>| pipe.map(File::from);
    let watch = Watch {
        outputs: [
            Output {
                stream: Stream::Output,
                pipe: pipe(child.stdout.take().map(Into::into)),
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
        failed: None,
    };
    let ended = forwarder.and_then(|forwarder| watch.follow(&mut child, forwarder));
    ended.map_err(|source| {
        // Nobody would read what it prints from here on.
        let _ = child.kill();
        CommandError::Start {
            path: program.path.clone(),
            source,
        }
    })
}

/// Hands signals on to a command until it is waited for.
struct Forwarder {
    signals: Signals,
    /// Whether there were any
    thread: JoinHandle<bool>,
}

impl Forwarder {
    fn start(signals: Signals, child: &Child) -> io::Result<Self> {
        let mut received = signals.try_clone()?;
        let child = child.id() as libc::pid_t;
        let thread = std::thread::Builder::new().spawn(move || {
            let (mut interrupted, mut buffer) = (false, [0; 64]);
            loop {
                let numbers = match received.read(&mut buffer) {
                    Ok(count @ 1..) => &buffer[..count],
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    _ => return interrupted,
                };
                interrupted = true;
                for number in numbers {
                    // SAFETY: `kill` touches no memory. The child is waited for after this thread has ended, so
                    // its id is still its own.
                    let _ = unsafe { libc::kill(child, i32::from(*number)) };
                }
            }
        })?;
        Ok(Self { signals, thread })
    }

    /// Ends it, and says whether a signal was meant for the command.
    fn stop(self) -> bool {
        let _ = self.signals.shutdown(Shutdown::Both);
        self.thread.join().unwrap_or(false)
    }
}

fn cannot_start(path: &Path, source: io::Error) -> CommandError {
    let path = path.to_owned();
    match source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => CommandError::NotFound { name: path.into() },
        Some(Errno::ACCESS | Errno::NOEXEC) => CommandError::NotExecutable { path, source },
        _ => CommandError::Start { path, source },
    }
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
    failed: Option<io::Error>,
}

impl Watch<'_> {
    fn follow(mut self, child: &mut Child, forwarder: Forwarder) -> io::Result<Ended> {
        let end = end_of(child)?;
        let mut ended_at = None;
        let mut buffer = vec![0; READ];
        while ended_at.is_none_or(|at: Instant| self.is_owed_output(at.elapsed())) {
            let [stdout, stderr] = &self.outputs;
            let watched = [
                stdout.pipe.as_ref().map(File::as_fd),
                stderr.pipe.as_ref().map(File::as_fd),
                ended_at.is_none().then(|| end.as_fd()),
            ];
            let patience = ended_at.map(|at: Instant| GRACE.saturating_sub(at.elapsed()));
            let ready = wait(watched, patience)?;
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
        let interrupted = forwarder.stop();
        Ok(Ended {
            status: child.wait()?,
            interrupted,
            records: self.records,
            failed: self.failed,
        })
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

/// What is at its end when the command has ended, which is not waited for yet: until then its id stays its own.
fn end_of(child: &Child) -> io::Result<PipeReader> {
    let (end, guard) = io::pipe()?;
    let id = Pid::from_child(child);
    std::thread::Builder::new().spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // It can only fail for a process that is no child, and then there is nothing to wait for.
        let _ = retry_on_intr(|| waitid(WaitId::Pid(id), options));
        drop(guard);
    })?;
    Ok(end)
}

/// Waits until one of the descriptors has something to read or is at its end, and says which.
fn wait<const N: usize>(
    watched: [Option<BorrowedFd<'_>>; N],
    patience: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = Vec::with_capacity(N);
    for fd in watched.into_iter().flatten() {
        polled.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
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
