//! Runs many commands unless their results are stored already: several at a time, in one process,
//! on one open store.
//!
//! A hit costs a look-up: no process is started, and no file is opened. The results of commands
//! that run at the same time are stored one after the other, under a lock of this process, so that
//! they do not wait in SQLite's retry loop.
//!
//! Alternatives considered: a process for each command (as with `xargs`: starting one costs a
//! hundred look-ups), looking up all commands first (an endless input would never start), and
//! workers that take the next item from a queue (chosen). The thread that reads the items is left
//! behind when the work is stopped, as the input may never end.

mod existing;
mod queue;
mod work;

pub use existing::Existing;

use std::net::Shutdown;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};
use std::{io, thread};

use self::queue::Queue;
use self::work::{Results, Work};
use crate::backend::Backend;
use crate::command::output::live_output;
use crate::command::{Call, LeftOpen};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::single_flight::FlightLocks;
use crate::system_limits;
use crate::time::{Clock, Timestamp};

/// Number of files a worker opens to start a command: its locks, a connection to the store, and
/// both ends of the command's pipes.
const WORKER_FILES: usize = 12;

/// Number of files open regardless of workers, including the standard streams and the store.
const OWN_FILES: usize = 16;

/// Maximum number of results that wait to be reported.
const BACKLOG: usize = 256;

/// Interval at which results are reported, unless the backlog is full earlier. Waking up for each
/// result took processor time from the commands.
const REPORTING: Duration = Duration::from_millis(10);

/// An item as it is about to be looked up.
#[derive(Clone, Debug)]
pub enum PreparedItem {
    /// It is this command
    Run(Box<Call>),
    /// It is not a command, for this reason, which is a failure
    Fail(String),
    /// It is not to be run, for this reason
    Skip(String),
}

/// The outcome of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmed {
    /// Its result was stored already
    Hit,
    /// It was run, and its result is stored
    Ran,
    /// It was run and succeeded, and its result is not to be stored
    Unkept,
    /// It failed, or could not be run
    Failed,
    /// It was not run
    Skipped,
}

/// The outcome and statistics of an item.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Done {
    /// The outcome
    pub outcome: Warmed,
    /// Its key, if it is a command
    pub key: Option<Key>,
    /// Its exit code, recorded or new
    pub exit: Option<u8>,
    /// Run time of the command
    pub cost: Option<Duration>,
    /// Time at which the result was written, if it was there
    pub written_at: Option<Timestamp>,
    /// Size of the stored result in bytes
    pub size: Option<u64>,
    /// The reason why it is not stored, or was not run
    pub problem: Option<String>,
    /// The beginning of its standard error
    pub stderr: Vec<u8>,
}

impl Done {
    fn not_run(outcome: Warmed, key: Option<Key>, problem: String) -> Self {
        Self {
            outcome,
            key,
            exit: None,
            cost: None,
            written_at: None,
            size: None,
            problem: Some(problem),
            stderr: Vec::new(),
        }
    }
}

/// The reason why the work ended before its items did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A signal, 0 for one that the terminal sent
    Signal(u8),
    /// The maximum time had passed
    Time,
    /// The store or the receiver of the results failed
    Trouble,
}

/// Settings and resources for warming commands.
///
/// ```
/// use ecache_core::command::{Call, Identity, PreparedItem, Program, Settings, Warm, Warmed};
/// use ecache_core::location::{self, Access};
/// use ecache_core::scope::{Scopes, StoreAddress};
/// use ecache_core::time::SystemClock;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("store.db");
/// let backend = location::open(path.as_os_str(), Access::Write)?;
/// let program = Program::find("echo".as_ref(), None)?;
/// let prepare = |item: &u32| {
///     let identity = Identity {
///         arguments: vec![item.to_string().into()],
///         ..Identity::of(program.clone())
///     };
///     let scopes = (Scopes::default(), None);
///     let call = Call::new(identity, &StoreAddress::new("echo"), scopes, Settings::default());
///     PreparedItem::Run(Box::new(call))
/// };
/// let warm = || Warm {
///     store: &path,
///     backend: backend.as_ref(),
///     clock: &SystemClock,
///     workers: std::num::NonZeroUsize::MIN,
///     pace: std::time::Duration::ZERO,
///     max_time: None,
///     prepare: |_| {},
///     left_open: &|_| Ok(()),
///     signals: None,
/// };
/// for outcome in [Warmed::Ran, Warmed::Hit] {
///     let stop = warm().run(1..=3, prepare, |_, done, _| {
///         assert_eq!(done.outcome, outcome);
///         Ok(())
///     })?;
///     assert_eq!(stop, None);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Warm<'a> {
    /// The store's file, beside which the locks are
    pub store: &'a Path,
    /// The store, open to be written
    pub backend: &'a dyn Backend,
    /// Tells the time
    pub clock: &'a dyn Clock,
    /// Maximum number of commands that run at a time
    pub workers: NonZeroUsize,
    /// Minimum time between the starts of two commands
    pub pace: Duration,
    /// Time after which no command is started; running ones are finished
    pub max_time: Option<Duration>,
    /// Signals that are forwarded to the commands and stop the work. A byte is a signal's number,
    /// or 0 if the terminal sent it, which sends it to the commands itself
    pub signals: Option<UnixStream>,
    /// Called on each command before it starts, to restore inherited state that `std` does not pass
    /// on
    pub prepare: fn(&mut Command),
    /// Called with a stream that processes left running by a command have open, as
    /// [`Caller::left_open`](crate::command::Caller::left_open) is
    pub left_open: &'a (dyn Fn(LeftOpen) -> io::Result<()> + Sync),
}

debug_fields!(Warm<'_> { store, workers, pace, max_time });

impl Warm<'_> {
    /// Warms all items. Returns the reason if it ended before they did.
    ///
    /// `prepare` makes a command of an item, on several threads at a time. `on_done` is called for
    /// each finished item, one by one, with the total number of items once that is known.
    ///
    /// # Errors
    /// Returns the first error of the store, of `on_done` or of starting threads; running commands
    /// are finished. A command that fails is not an error.
    pub fn run<T: Send + 'static>(
        &self,
        items: impl Iterator<Item = T> + Send + 'static,
        prepare: impl Fn(&T) -> PreparedItem + Sync,
        mut on_done: impl FnMut(T, Done, Option<u64>) -> io::Result<()>,
    ) -> Result<Option<Stop>> {
        let locks = self.locks()?;
        let deadline = self.max_time.map(|time| Instant::now() + time);
        let queue = Arc::new(Queue::new(deadline, self.pace, self.prepare));
        let source = queue.clone();
        thread::Builder::new()
            .spawn(move || source.fill(items))
            .map_err(system_limits::no_thread)?;
        let (sender, receiver) = mpsc::sync_channel(BACKLOG);
        let work = Work {
            warm: self,
            queue: &queue,
            keeping: Mutex::new(()),
            trouble: Mutex::new(None),
        };
        let reporter = thread::current();
        let reported = thread::scope(|scope| {
            let mut started = match &self.signals {
                Some(signals) => start(scope, || queue.pass_on(signals)),
                None => Ok(()),
            };
            // Borrowed: a worker that closed its own lock file would drop the signatures of the
            // others.
            let workers = locks.iter().map(|locks| {
                let results = Results(Some(sender.clone()), &reporter);
                let (work, prepare) = (&work, &prepare);
                move || work.all(prepare, locks, &results)
            });
            started = started.and(start_workers(scope, workers));
            drop(sender);
            let reported = report(&receiver, &queue, started, &mut on_done);
            if let Some(signals) = &self.signals {
                // The thread that reads them is at its end then. It cannot fail for a socket that
                // is open.
                let _ = signals.shutdown(Shutdown::Both);
            }
            reported
        });
        reported?;
        let trouble = work
            .trouble
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = trouble {
            return Err(error);
        }
        let total = queue.total();
        for item in queue.rest() {
            let why = "it was not started".to_owned();
            on_done(item, Done::not_run(Warmed::Skipped, None, why), total)?;
        }
        Ok(queue.why_stopped())
    }
}

impl Warm<'_> {
    /// Opens the lock file once per worker: locks of one open file would not exclude each other.
    ///
    /// Opens fewer where the limit on open files is too low, and fewer workers run.
    fn locks(&self) -> Result<Vec<FlightLocks>> {
        let path = live_output::locks(self.store);
        let room = system_limits::open_files().saturating_sub(OWN_FILES) / WORKER_FILES;
        (0..self.workers.get().min(room.max(1)))
            .map(|_| FlightLocks::open(&path))
            .collect::<io::Result<_>>()
            .map_err(|error| Error::of_system(self.store, error))
    }
}

/// Starts workers. Without room for more threads, fewer of them run.
fn start_workers<'scope, W: FnOnce() + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    workers: impl Iterator<Item = W>,
) -> io::Result<()> {
    for (running, worker) in workers.enumerate() {
        match start(scope, worker) {
            Err(_) if running > 0 => break,
            started => started?,
        }
    }
    Ok(())
}

fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: impl FnOnce() + Send + 'scope,
) -> io::Result<()> {
    let thread = thread::Builder::new().spawn_scoped(scope, run);
    thread.map(drop).map_err(system_limits::no_thread)
}

/// Hands on the results of the workers until all of them have ended, and only waits for them once
/// anything has failed.
fn report<T>(
    results: &Receiver<(T, Done)>,
    queue: &Queue<T>,
    started: io::Result<()>,
    on_done: &mut impl FnMut(T, Done, Option<u64>) -> io::Result<()>,
) -> io::Result<()> {
    let mut reported = started;
    if reported.is_err() {
        queue.stop(Stop::Trouble);
    }
    loop {
        let (item, done) = match results.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => {
                thread::park_timeout(REPORTING);
                continue;
            }
            Err(TryRecvError::Disconnected) => return reported,
        };
        if reported.is_ok() {
            reported = on_done(item, done, queue.total());
            // The receiver takes no more results.
            if reported.is_err() {
                queue.stop(Stop::Trouble);
            }
        }
    }
}
