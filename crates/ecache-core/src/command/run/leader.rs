//! Elects a leader among processes that run the same command: it runs the command, and the
//! followers print its output as it arrives.
//!
//! The leader is the process that holds the lock of the flight; it publishes the output in a
//! [live output file](crate::command::output::live_output). Followers get the output and the exit
//! code even if the result is not kept, as a failure with
//! [`Failures::Forget`](crate::command::Failures::Forget). If the run has no result (the command
//! or its runner was killed, or its reader went away), the next process runs it and
//! [skips](crate::command::output::resume) the output already printed. If the output exceeds the
//! size limit, every process runs the command itself.
//!
//! A process that the leader runs does not wait for it: see [`ancestry`](super::ancestry).

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ancestry::{self, Leader};
use super::replay::unread;
use crate::command::output::live_output::{self, Listener, LiveEvent};
use crate::command::output::reader::Source;
use crate::command::output::recording::Stream;
use crate::command::output::resume::Console;
use crate::command::{CommandError, Runner};
use crate::error::Error;
use crate::single_flight::{FlightLock, FlightLocks};

/// Minimum and maximum pause between two looks at the leader's run.
const PAUSE: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

/// Maximum wait for a silent leader that may be waiting for this process.
const DOUBTFUL: Duration = Duration::from_secs(5);

/// The way in which a follower waits for the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// Do not wait
    Not,
    /// Wait until the run has ended
    Silently,
    /// Print the output of the run while waiting
    Following,
}

/// The outcome of the election.
pub(crate) enum Election {
    /// This process runs the command; no other one starts while it holds the lock
    Ours(Option<FlightLock>),
    /// Another process is running it, and this one does not wait for it any longer
    Theirs,
    /// Another process ran it; its output is printed, and this is its exit code
    Over(u8),
}

/// The progress of the leader's run.
enum Told {
    /// It printed something
    More,
    /// It ended, or the reader of this process's output went away
    End(u8),
    /// It is still running, but publishes no more output
    Sealed,
    Nothing,
}

impl Runner<'_> {
    /// Opens the locks of flights; returns `None` if that fails and the error is ignored.
    pub(crate) fn locks(&self, store: &Path) -> Result<Option<FlightLocks>, Error> {
        let locks = FlightLocks::open(&live_output::locks(self.beside(store)));
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
    pub(crate) fn patience(&self, leader: Leader) -> Duration {
        match leader {
            Leader::Unknown => self.call.settings.patience.min(DOUBTFUL),
            Leader::Ancestor | Leader::Stranger => self.call.settings.patience,
        }
    }

    /// Takes the lock of the flight as soon as it is free, and follows the leader meanwhile.
    pub(crate) fn turn(
        &self,
        locks: Option<&FlightLocks>,
        store: &Path,
        wait: Wait,
        console: &mut Console<'_>,
    ) -> Result<Election, CommandError> {
        let flight = self.flight();
        let Some(locks) = locks else {
            return Ok(Election::Ours(None));
        };
        let mut known = (None, Leader::Stranger);
        let mut listener = Listener::new(live_output::place(self.beside(store), &flight));
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
                Leader::Ancestor => return Ok(Election::Ours(None)),
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
                // Also if a leader published all its output, but was killed before it stored it.
                (_, Told::End(exit)) => return Ok(Election::Over(exit)),
                (Some(Some(mut lock)), _) => {
                    lock.sign();
                    return Ok(Election::Ours(Some(lock)));
                }
                (None, _) => return Ok(Election::Ours(None)),
                (Some(None), Told::Sealed) => return Ok(Election::Theirs),
                (Some(None), Told::More) => {
                    waiting = None;
                    (silent, pause) = (Instant::now(), PAUSE[0]);
                }
                (Some(None), Told::Nothing) => {
                    if wait == Wait::Not || silent.elapsed() >= self.patience_for(wait, known.1) {
                        return Ok(Election::Theirs);
                    }
                    if let Some(pid) = stop_watch.stopped(known.0) {
                        self.caller.on_stopped(pid);
                        return Ok(Election::Theirs);
                    }
                    // Shows the leader that a follower waits. If that fails, the store has the
                    // result at the end.
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

/// Prints the output that the leader published since the last call.
fn tell(listener: &mut Listener, console: &mut Console<'_>) -> Result<Told, CommandError> {
    let mut told = Told::Nothing;
    loop {
        let printed = match listener.hear() {
            Ok(LiveEvent::Beginning(file)) => {
                console.begin(Some(Source::Told(file.clone())));
                Ok(())
            }
            Ok(LiveEvent::Bytes(Stream::Output, bytes)) => console.stdout.write_all(bytes),
            Ok(LiveEvent::Bytes(Stream::Error, bytes)) => console.stderr.write_all(bytes),
            Ok(LiveEvent::End(exit)) => return console.finish().map(|()| Told::End(exit)),
            Ok(LiveEvent::Sealed) => return Ok(Told::Sealed),
            // A run that cannot be followed can be waited for.
            Ok(LiveEvent::Nothing) | Err(_) => return Ok(told),
        };
        if let Err(error) = printed {
            return unread(error).map(Told::End);
        }
        told = Told::More;
    }
}
