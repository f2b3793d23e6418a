//! Elects a leader among processes that run the same command: it runs the command, and the
//! followers print its output as it arrives.
//!
//! The leader is the process that holds the lock of the flight; it publishes the output in a
//! [`broadcast`](super::broadcast). Followers get the output and the exit code even if the result
//! is not kept, as a failure with [`Failures::Forget`](super::Failures::Forget). If the run has no
//! result (the command or its runner was killed, or its reader went away), the next process runs it
//! and skips the output already printed: see [`printed`](super::printed). If the output exceeds the
//! size limit, every process runs the command itself.
//!
//! A process that the leader runs does not wait for it: see [`ancestry`](super::ancestry).

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ancestry::{self, Leader};
use super::broadcast::{self, Heard, Listener};
use super::frames::Source;
use super::hit::unread;
use super::printed::Printed;
use super::recording::Stream;
use super::{CommandError, Memo};
use crate::error::Error;
use crate::single_flight::{FlightLock, FlightLocks};

/// How long is waited between two looks at somebody else's run, at least and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

/// Maximum wait for a silent leader that may be waiting for this process.
const DOUBTFUL: Duration = Duration::from_secs(5);

/// How somebody else's run is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// It is not
    Not,
    /// Until its end
    Silently,
    /// What it prints is printed
    Following,
}

/// Whether this process is the one that runs a command.
pub(super) enum Turn {
    /// It is; nobody else begins for as long as there is a lock
    Ours(Option<FlightLock>),
    /// Another one is at it, and no more is to be had from it
    Theirs,
    /// Another one was, and ended with this exit code; what it printed is printed
    Over(u8),
}

/// Where a command prints to, over all runs of it.
pub(super) struct Console<'a> {
    pub(super) stdout: Printed<'a>,
    pub(super) stderr: Printed<'a>,
}

impl<'a> Console<'a> {
    pub(super) fn new(stdout: &'a mut dyn Write, stderr: &'a mut dyn Write) -> Self {
        Self {
            stdout: Printed::new(Stream::Output, stdout),
            stderr: Printed::new(Stream::Error, stderr),
        }
    }

    /// What is printed from here on is another run's, which can be read again there if it is not
    /// this process's.
    pub(super) fn begin(&mut self, source: Option<Source>) {
        self.stdout.begin(source.clone());
        self.stderr.begin(source);
    }

    /// Reports whether anything has been printed.
    pub(super) fn has_printed(&self) -> bool {
        self.stdout.has_printed() || self.stderr.has_printed()
    }

    /// Says whether what is printed is what the run printed that is over now.
    pub(super) fn finish(&self) -> Result<(), CommandError> {
        if self.stdout.differs() || self.stdout.is_short() {
            Err(CommandError::Differs)
        } else {
            Ok(())
        }
    }
}

/// What is known of somebody else's run.
enum Told {
    /// It printed something
    More,
    /// It ended, or nobody wants to see more of it
    End(u8),
    /// It goes on, untold
    Sealed,
    Nothing,
}

impl Memo<'_> {
    /// The locks of flights, if there is no trouble with them.
    pub(super) fn locks(&self, store: &Path) -> Result<Option<FlightLocks>, Error> {
        let locks = FlightLocks::open(&broadcast::locks(self.beside(store)));
        self.attempt(locks.map_err(|error| Error::of_system(store, error)))
    }

    fn patience_for(&self, wait: Wait, leader: Leader) -> Duration {
        match wait {
            Wait::Silently => self
                .patience(leader)
                .min(self.call.settings.silent_patience),
            Wait::Not | Wait::Following => self.patience(leader),
        }
    }

    /// Returns the maximum wait for a silent leader.
    pub(super) fn patience(&self, leader: Leader) -> Duration {
        match leader {
            Leader::Unknown => self.call.settings.patience.min(DOUBTFUL),
            Leader::Ancestor | Leader::Stranger => self.call.settings.patience,
        }
    }

    /// Takes the lock of the flight, as soon as nobody else has it.
    pub(super) fn turn(
        &self,
        locks: Option<&FlightLocks>,
        store: &Path,
        wait: Wait,
        console: &mut Console<'_>,
    ) -> Result<Turn, CommandError> {
        let flight = self.flight();
        let Some(locks) = locks else {
            return Ok(Turn::Ours(None));
        };
        let mut known = (None, Leader::Stranger);
        let mut listener = Listener::new(broadcast::place(self.beside(store), &flight));
        let mut waiting = None;
        let mut stop_watch = ancestry::StopWatch::default();
        let mut silent = Instant::now();
        let mut pause = PAUSE[0];
        loop {
            let lock = self.attempt(locks.try_lock(&flight).map_err(Error::Io))?;
            if let Some(None) = lock {
                let pid = locks.leader(&flight);
                if pid != known.0 {
                    known = (pid, ancestry::leader(pid));
                }
            }
            let wait = match known.1 {
                Leader::Ancestor => return Ok(Turn::Ours(None)),
                // The leader might print this process's output, which this process would then print
                // again.
                Leader::Unknown => wait.min(Wait::Silently),
                Leader::Stranger => wait,
            };
            let told = match wait {
                Wait::Following => tell(&mut listener, console)?,
                Wait::Silently | Wait::Not => Told::Nothing,
            };
            match (lock, told) {
                // Also where a runner was killed before it could keep what it had told to the end.
                (_, Told::End(exit)) => return Ok(Turn::Over(exit)),
                (Some(Some(mut lock)), _) => {
                    lock.sign();
                    return Ok(Turn::Ours(Some(lock)));
                }
                (None, _) => return Ok(Turn::Ours(None)),
                (Some(None), Told::Sealed) => return Ok(Turn::Theirs),
                (Some(None), Told::More) => {
                    waiting = None;
                    (silent, pause) = (Instant::now(), PAUSE[0]);
                }
                (Some(None), Told::Nothing) => {
                    if wait == Wait::Not || silent.elapsed() >= self.patience_for(wait, known.1) {
                        return Ok(Turn::Theirs);
                    }
                    if let Some(pid) = stop_watch.stopped(known.0) {
                        (self.on_stopped)(pid);
                        return Ok(Turn::Theirs);
                    }
                    // Whoever runs it sees that it is waited for. Where that cannot be, there is
                    // the store.
                    waiting = if wait == Wait::Following && !listener.is_hearing() {
                        waiting.or_else(|| locks.wait(&flight).ok())
                    } else {
                        None
                    };
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE[1]);
                }
            }
        }
    }
}

/// Prints what somebody else's run printed since the last time.
fn tell(listener: &mut Listener, console: &mut Console<'_>) -> Result<Told, CommandError> {
    let mut told = Told::Nothing;
    loop {
        let printed = match listener.hear() {
            Ok(Heard::Beginning(file)) => {
                console.begin(Some(Source::Told(file.clone())));
                Ok(())
            }
            Ok(Heard::Bytes(Stream::Output, bytes)) => console.stdout.write_all(bytes),
            Ok(Heard::Bytes(Stream::Error, bytes)) => console.stderr.write_all(bytes),
            Ok(Heard::End(exit)) => return console.finish().map(|()| Told::End(exit)),
            Ok(Heard::Sealed) => return Ok(Told::Sealed),
            // What cannot be followed can be waited for.
            Ok(Heard::Nothing) | Err(_) => return Ok(told),
        };
        if let Err(error) = printed {
            return unread(error).map(Told::End);
        }
        told = Told::More;
    }
}
