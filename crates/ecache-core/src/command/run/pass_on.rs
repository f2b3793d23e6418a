//! Passes the output of a running command on as it arrives, records it, and stops soon after the
//! command has ended.
//!
//! One thread watches both pipes, so the recording has the order in which output arrived. It also
//! watches the process itself: background processes that a command leaves behind may keep its pipes
//! open indefinitely, and [`left_running`](super::left_running) passes on what they print later.
//! Signals are forwarded by their receiver, since this thread may be blocked on a reader. A thread
//! for each pipe took a tenth of the time of a quick command.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::feed::{Feed, InputUse};
use super::left_running::LeftOpen;
use crate::command::Call;
use crate::command::output::publisher::Publisher;
use crate::command::output::recorder::{NotRecorded, Recorder};
use crate::command::output::recording::{InputLeft, Stream};

/// Maximum wait for output after a command has ended: that of `>(tee log)` arrives a little later.
const GRACE: Duration = Duration::from_millis(100);

/// Maximum number of bytes read from a pipe at once: the default capacity of a pipe.
const READ: usize = 1 << 16;

/// The result of running a command.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// `true` if a signal was meant for it, even if its exit status does not show that
    pub(crate) interrupted: bool,
    /// Its recorded output, if the run is recorded
    pub(crate) records: Option<Receivers>,
    /// The command's use of its standard input
    pub(crate) input: InputUse,
    /// Error of writing its output, other than that of a reader that went away
    pub(crate) failed: Option<io::Error>,
    /// The streams that processes which it left running have open
    pub(crate) left_open: Vec<LeftOpen>,
}

impl Ended {
    /// Reports whether it exited on its own, so that its output is taken to be complete.
    pub(crate) fn is_whole(&self) -> bool {
        self.status.code().is_some() && !self.interrupted
    }

    /// Publishes the exit code of a run of this call whose result is not kept.
    pub(crate) fn publish_end(self, call: &Call, exit: u8) {
        let is_whole = self.is_whole() && call.changed_file().is_none();
        if let Some(mut records) = self.records.filter(|_| is_whole) {
            records.end(exit);
        }
    }
}

/// Receivers of a command's output besides its own streams.
pub(crate) struct Receivers {
    /// Records it for the store
    pub(crate) recorder: Result<Recorder, NotRecorded>,
    /// Publishes it to followers while the command runs
    pub(crate) publisher: Option<Publisher>,
}

impl Receivers {
    fn record(&mut self, stream: Stream, bytes: &[u8]) {
        let Ok(recorder) = &mut self.recorder else {
            return;
        };
        let recorded = recorder.record(stream, bytes);
        if let Some(publisher) = &mut self.publisher {
            match &recorded {
                Ok(()) => publisher.send(stream, bytes),
                Err(_) => publisher.seal(),
            }
        }
        if let Err(error) = recorded {
            self.recorder = Err(error);
        }
    }

    /// Records the state in which the command left its standard input. Fails with the reason if
    /// that is unknown.
    pub(super) fn add_input(&mut self, input: InputUse) -> Result<(), String> {
        let (position, saw_end) = match input {
            InputUse::Unknown(why) => return Err(why.into()),
            InputUse::Known => return Ok(()),
            InputUse::LeftAt(position) => (position, false),
            InputUse::Took(taken) => (taken.bytes, taken.saw_end),
        };
        if let Ok(recorder) = &mut self.recorder {
            recorder.leave_input(InputLeft { position, saw_end });
        }
        Ok(())
    }

    /// Discards the recording: the reader went away, so the output will be incomplete.
    fn leave(&mut self) {
        self.recorder = Err(NotRecorded::Unread);
        self.publisher = None;
    }

    /// Discards the recording if output has come since the command ended and its pipes were quiet.
    fn end_with(&mut self, left_open: &[LeftOpen]) {
        if self.recorder.is_ok() && left_open.iter().any(LeftOpen::has_output) {
            self.recorder = Err(NotRecorded::Continued);
        }
    }

    /// Publishes the exit code.
    pub(crate) fn end(&mut self, exit: u8) {
        if let Some(publisher) = &mut self.publisher {
            publisher.end(exit);
        }
    }
}

pub(super) struct Output<'a> {
    stream: Stream,
    /// `None` at its end, or once the reader of the sink went away
    pipe: Option<File>,
    sink: &'a mut dyn Write,
    /// Number of bytes that were in the pipe when the command ended and are not passed on yet
    owed: u64,
}

/// Watches a command and its pipes.
pub(super) struct Watch<'a> {
    pub(super) outputs: [Output<'a>; 2],
    pub(super) records: Option<Receivers>,
    pub(super) feed: Feed,
    pub(super) failed: Option<io::Error>,
}

impl Watch<'_> {
    /// Passes output on until the command has ended. Does not reap it, so its ID is not reused yet.
    pub(super) fn follow(mut self, child: &Child) -> io::Result<Self> {
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
            let publisher = self
                .records
                .as_mut()
                .and_then(|records| records.publisher.as_mut());
            let patience = match ended_at {
                Some(at) => Some(GRACE.saturating_sub(at.elapsed())),
                None => {
                    let telling_due = publisher.as_ref().and_then(|publisher| publisher.due_in());
                    telling_due.into_iter().chain(input_due).min()
                }
            };
            let ready = wait(watched, patience)?;
            if let Some(pump) = pump {
                pump.step();
            }
            if let Some(publisher) = publisher {
                publisher.tell_if_due();
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

    /// Reaps a command that has ended.
    pub(super) fn end(mut self, child: &mut Child, interrupted: bool) -> io::Result<Ended> {
        let left_open = self.left_open();
        if let Some(records) = &mut self.records {
            records.end_with(&left_open);
        }
        Ok(Ended {
            status: child.wait()?,
            interrupted,
            records: self.records,
            input: self.feed.finish(),
            failed: self.failed,
            left_open,
        })
    }

    /// Returns the streams that are not at their end although the command has ended.
    fn left_open(&mut self) -> Vec<LeftOpen> {
        let left_open = |output: &mut Output<'_>| {
            let pipe = output.pipe.take()?;
            Some(LeftOpen::new(output.stream, pipe))
        };
        self.outputs.iter_mut().filter_map(left_open).collect()
    }

    /// Reports whether a command that ended this long ago may have output not passed on yet.
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

impl<'a> Output<'a> {
    pub(super) fn new(stream: Stream, pipe: Option<OwnedFd>, sink: &'a mut dyn Write) -> Self {
        Self {
            stream,
            pipe: pipe.map(File::from),
            sink,
            owed: 0,
        }
    }

    /// Notes how many bytes the command left in the pipe; later ones are not the command's.
    fn owe(&mut self) {
        let left = self.pipe.as_ref().map(ioctl_fionread);
        self.owed = left.and_then(Result::ok).unwrap_or(0);
    }
}

/// Returns a descriptor that is readable, or at its end, once the command has ended.
fn end_of(child: &Child) -> io::Result<OwnedFd> {
    let id = Pid::from_child(child);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Ok(end) = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty()) {
        return Ok(end);
    }
    waited_for(id)
}

/// Replaces the pidfd on other systems, including Linux before 5.3: a thread waits.
fn waited_for(id: Pid) -> io::Result<OwnedFd> {
    let (end, guard) = io::pipe()?;
    thread::Builder::new().spawn(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        // It fails only if the process is not a child, and then there is nothing to wait for.
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
    use std::process::{Command, Stdio};

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
