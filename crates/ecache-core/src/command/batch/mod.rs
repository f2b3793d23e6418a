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

mod queue;

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::Shutdown;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, SyncSender, TryRecvError, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use self::queue::Queue;
use crate::backend::{Backend, Content, Lookup};
use crate::command::output::live_output;
use crate::command::output::publisher::Publisher;
use crate::command::output::recording::{self, Form, Recorder, form};
use crate::command::output::resume::Console;
use crate::command::run::ancestry;
use crate::command::run::leader::{Election, Wait};
use crate::command::run::process::Receivers;
use crate::command::run::stale::Usable;
use crate::command::settings::Outputs;
use crate::command::{Call, CommandError, Input, Mode, Runner, Streams};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::limits;
use crate::single_flight::FlightLocks;
use crate::statistics;
use crate::time::Clock;
use crate::usage::{self, Event, Log};

/// Pause between two looks at another process that runs the same command.
const SLICE: Duration = Duration::from_millis(50);

/// Maximum time without a running command for which one that finds no room is retried.
const NO_ROOM: Duration = Duration::from_millis(250);

/// Number of files a worker opens to start a command: its locks, a connection to the store, and
/// both ends of the command's pipes.
const WORKER_FILES: usize = 12;

/// Number of files open regardless of workers, including the standard streams and the store.
const OWN_FILES: usize = 16;

/// Maximum number of standard error bytes kept per command.
const HEAD: usize = 1024;

/// Maximum number of results that wait to be reported.
const BACKLOG: usize = 256;

/// Interval at which results are reported, unless the backlog is full earlier. Waking up for each
/// result took processor time from the commands.
const REPORTING: Duration = Duration::from_millis(10);

impl Call {
    /// Looks up the result of the command.
    ///
    /// # Errors
    /// Fails if the store cannot be read. A damaged entry counts as missing.
    pub fn find(&self, backend: &dyn Backend, clock: &dyn Clock) -> Result<Existing> {
        let pass_over_damage = |error| match error {
            Error::DamagedEntry { .. } => Ok(()),
            error => Err(error),
        };
        let runner = self.runner(Outputs::Apart, None, clock, &pass_over_damage, &|_| {});
        Ok(match backend.lookup(&self.entry.address, clock.now())? {
            Lookup::Hit(mut entry, content) => {
                let is_hit = runner.allows(backend, &mut entry, &content)?
                    && runner.is_hit(&entry, clock.now());
                let form = form(backend, &content)?.filter(|_| is_hit);
                match form.map(|form| form.answers(runner.outputs)) {
                    Some(true) => Existing::Fresh(entry, content),
                    Some(false) => match runner.find_beside(backend, &entry, clock.now())? {
                        Usable::Fresh(entry, content) => Existing::Fresh(entry, content),
                        Usable::Stale(..) | Usable::Nothing => Existing::Stale(entry),
                    },
                    None => Existing::Stale(entry),
                }
            }
            Lookup::Stale(entry) => Existing::Stale(entry),
            Lookup::Damaged(_) | Lookup::Foreign(..) | Lookup::Missing => Existing::Nothing,
        })
    }

    /// Returns the output form: separate streams, which answer most callers. A refresh keeps the
    /// recorded form.
    fn outputs(&self, backend: &dyn Backend, clock: &dyn Clock) -> Result<Outputs> {
        if self.settings.mode == Mode::Refresh
            && let Lookup::Hit(_, content) =
                backend.lookup_unread(&self.entry.address, clock.now())?
            && form(backend, &content)? == Some(Form::Merged)
        {
            return Ok(Outputs::Merged);
        }
        Ok(Outputs::Apart)
    }

    fn runner<'a>(
        &'a self,
        outputs: Outputs,
        store: Option<&'a Path>,
        clock: &'a dyn Clock,
        on_trouble: &'a dyn Fn(Error) -> Result<()>,
        on_unkept: &'a dyn Fn(&str),
    ) -> Runner<'a> {
        Runner {
            call: self,
            store,
            beside: None,
            outputs,
            clock,
            on_trouble,
            on_unkept,
            on_stale: &|_| {},
            on_stopped: &|_| {},
            refresh: &|_| Ok(()),
        }
    }
}

/// The entry found for a command.
#[derive(Clone, Debug)]
pub enum Existing {
    /// A result that can be replayed
    Fresh(Box<Entry>, Content),
    /// An entry that cannot be replayed, such as a stale one
    Stale(Box<Entry>),
    /// No entry
    Nothing,
}

/// An item as it is about to be looked up.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// It is this command
    Run(Box<Call>),
    /// It is no command, for this reason, which is a failure
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
    /// It failed, could not be run, or its result is not stored
    Failed,
    /// It was not run
    Skipped,
}

/// The outcome and statistics of an item.
#[derive(Clone, Debug)]
pub struct Done {
    /// The outcome
    pub outcome: Warmed,
    /// Its key, if it is a command
    pub key: Option<Key>,
    /// Its exit code, recorded or new
    pub exit: Option<u8>,
    /// Run time of the command
    pub cost: Option<Duration>,
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
/// use ecache_core::command::{Call, Identity, Prepared, Program, Settings, Warm, Warmed};
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
///     Prepared::Run(Box::new(call))
/// };
/// let warm = || Warm {
///     store: &path,
///     backend: backend.as_ref(),
///     clock: &SystemClock,
///     workers: std::num::NonZeroUsize::MIN,
///     pace: std::time::Duration::ZERO,
///     max_time: None,
///     prepare: |_| {},
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
}

impl Warm<'_> {
    /// Warms all items. Returns the reason if it ended before they did.
    ///
    /// `prepare` makes a command of an item, on several threads at a time. `on_done` is called for
    /// each finished item, one by one, with the total number of items once that is known.
    ///
    /// # Errors
    /// Returns the first error of the store, of `on_done` or of starting threads; running commands
    /// are finished. A command that fails is no error.
    pub fn run<T: Send + 'static>(
        &self,
        items: impl Iterator<Item = T> + Send + 'static,
        prepare: impl Fn(&T) -> Prepared + Sync,
        mut on_done: impl FnMut(T, Done, Option<u64>) -> io::Result<()>,
    ) -> Result<Option<Stop>> {
        let locks = self.locks()?;
        let deadline = self.max_time.map(|time| Instant::now() + time);
        let queue = Arc::new(Queue::new(deadline, self.pace, self.prepare));
        let source = queue.clone();
        thread::Builder::new()
            .spawn(move || source.fill(items))
            .map_err(limits::no_thread)?;
        let (sender, receiver) = mpsc::sync_channel(BACKLOG);
        let work = Work {
            warm: self,
            queue: &queue,
            keeping: Mutex::new(()),
            trouble: Mutex::new(None),
        };
        let reporter = thread::current();
        let reported = thread::scope(|scope| {
            let mut reported = Ok(());
            if let Some(signals) = &self.signals {
                let thread = thread::Builder::new();
                reported = thread
                    .spawn_scoped(scope, || queue.pass_on(signals))
                    .map(drop)
                    .map_err(limits::no_thread);
            }
            let mut is_any_at_work = false;
            // Borrowed: a worker that closed its own lock file would drop the signatures of the
            // others.
            for locks in &locks {
                let results = Results(Some(sender.clone()), &reporter);
                let (work, prepare) = (&work, &prepare);
                let thread = thread::Builder::new();
                let worker = move || work.all(prepare, locks, &results);
                match thread.spawn_scoped(scope, worker) {
                    Ok(_) => is_any_at_work = true,
                    // Without room for more threads, fewer workers run.
                    Err(_) if is_any_at_work => break,
                    Err(error) => reported = reported.and(Err(limits::no_thread(error))),
                }
            }
            if reported.is_err() {
                queue.stop(Stop::Trouble);
            }
            drop(sender);
            loop {
                let (item, done) = match receiver.try_recv() {
                    Ok(result) => result,
                    Err(TryRecvError::Empty) => {
                        thread::park_timeout(REPORTING);
                        continue;
                    }
                    Err(TryRecvError::Disconnected) => break,
                };
                if reported.is_ok() {
                    reported = on_done(item, done, queue.total());
                    // The receiver takes no more results.
                    if reported.is_err() {
                        queue.stop(Stop::Trouble);
                    }
                }
            }
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
        let room = limits::open_files().saturating_sub(OWN_FILES) / WORKER_FILES;
        (0..self.workers.get().min(room.max(1)))
            .map(|_| FlightLocks::open(&path))
            .collect::<io::Result<_>>()
            .map_err(|error| Error::of_system(self.store, error))
    }
}

/// The sender of a worker's results, and the thread that reports them.
struct Results<'a, T>(Option<SyncSender<(T, Done)>>, &'a Thread);

impl<T> Results<'_, T> {
    /// Adds a result. Returns `false` if no more are wanted.
    fn add(&self, item: T, done: Done) -> bool {
        let Self(Some(sender), reporter) = self else {
            return false;
        };
        match sender.try_send((item, done)) {
            Ok(()) => true,
            Err(TrySendError::Full(result)) => {
                reporter.unpark();
                sender.send(result).is_ok()
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

impl<T> Drop for Results<'_, T> {
    fn drop(&mut self) {
        // The last one is the end of the results, which is not waited for.
        self.0 = None;
        self.1.unpark();
    }
}

/// The state that the workers share.
struct Work<'a, T> {
    warm: &'a Warm<'a>,
    queue: &'a Queue<T>,
    /// Held while a result is written
    keeping: Mutex<()>,
    trouble: Mutex<Option<Error>>,
}

impl<T> Work<'_, T> {
    fn all(
        &self,
        prepare: &impl Fn(&T) -> Prepared,
        locks: &FlightLocks,
        results: &Results<'_, T>,
    ) {
        while let Some(item) = self.queue.take() {
            let done = match prepare(&item) {
                Prepared::Run(call) => self.one(&call, locks),
                Prepared::Fail(why) => Done::not_run(Warmed::Failed, None, why),
                Prepared::Skip(why) => Done::not_run(Warmed::Skipped, None, why),
            };
            if !results.add(item, done) {
                return;
            }
        }
    }

    fn one(&self, call: &Call, locks: &FlightLocks) -> Done {
        let key = call.entry.address.key.clone();
        let mut last_running = Instant::now();
        let attempted = loop {
            let attempted = self.attempt(call, locks);
            if self.queue.is_any_running() {
                last_running = Instant::now();
            }
            match attempted {
                // Other workers are about to close descriptors.
                Err(CommandError::NoRoom { .. }) if last_running.elapsed() < NO_ROOM => {
                    self.queue.is_stopped_within(SLICE);
                }
                attempted => break attempted,
            }
        };
        match attempted {
            Ok(done) => {
                self.count(call, &done);
                done
            }
            Err(CommandError::Cache(error)) => {
                let why = format!("it could not be kept: {error}");
                self.queue.stop(Stop::Trouble);
                let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                trouble.get_or_insert(error);
                Done::not_run(Warmed::Failed, Some(key), why)
            }
            // Not the command's fault: it was about to start when the signal came.
            Err(_) if self.queue.is_interrupted() => self.interrupted(call),
            Err(error) => Done::not_run(Warmed::Failed, Some(key), with_source(&error)),
        }
    }

    /// Appends the item to the usage log. Best effort, as for `ecache run`.
    fn count(&self, call: &Call, done: &Done) {
        let millis = |time: Option<Duration>| {
            time.map_or(0, |time| {
                u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
            })
        };
        let is_refresh = call.settings.mode == Mode::Refresh;
        let (outcome, saved_ms, spent_ms) = match (done.outcome, done.exit) {
            (Warmed::Hit, _) => (usage::Outcome::Hit, millis(done.cost), 0),
            (Warmed::Ran | Warmed::Failed, Some(_)) if is_refresh => {
                (usage::Outcome::Refresh, 0, millis(done.cost))
            }
            (Warmed::Ran | Warmed::Failed, Some(_)) => (usage::Outcome::Miss, 0, millis(done.cost)),
            (Warmed::Ran | Warmed::Failed | Warmed::Skipped, _) => return,
        };
        let (now, store) = (self.warm.clock.now(), call.entry.address.store.clone());
        let event = Event {
            saved_ms,
            spent_ms,
            key: done.key.clone(),
            ..Event::new(outcome, now, store, &call.scopes)
        };
        let log = Log::beside(self.warm.store);
        if log
            .append(&[event])
            .is_ok_and(|size| size > statistics::FOLD_ABOVE)
        {
            let _ = statistics::fold(self.warm.backend, &log, now);
        }
    }

    fn interrupted(&self, call: &Call) -> Done {
        let key = call.entry.address.key.clone();
        Done::not_run(Warmed::Skipped, Some(key), "it was interrupted".into())
    }

    fn attempt(&self, call: &Call, locks: &FlightLocks) -> Result<Done, CommandError> {
        if let Some(done) = self.look_up(call)? {
            return Ok(done);
        }
        let not_started = || {
            let key = call.entry.address.key.clone();
            Done::not_run(Warmed::Skipped, Some(key), "it was not started".into())
        };
        if !self.queue.may_start() {
            return Ok(not_started());
        }
        let warm = self.warm;
        let unkept = RefCell::new(None);
        let on_unkept = |why: &str| *unkept.borrow_mut() = Some(why.to_owned());
        let runner = call.runner(
            call.outputs(warm.backend, warm.clock)?,
            Some(warm.store),
            warm.clock,
            &Err,
            &on_unkept,
        );
        let flight = runner.flight();
        let waiting_since = Instant::now();
        let mut stop_watch = ancestry::StopWatch::default();
        let (mut nowhere, mut silence) = (io::sink(), io::sink());
        let mut console = Console::new(&mut nowhere, &mut silence);
        let lock = loop {
            match runner.turn(Some(locks), warm.store, Wait::Not, &mut console)? {
                Election::Ours(lock) => break lock,
                // The output of others is not followed here, so `Over` is not returned either.
                Election::Theirs | Election::Over(_) => {}
            }
            let leader = ancestry::leader(locks.leader(&flight));
            if waiting_since.elapsed() >= runner.patience(leader) {
                let key = Some(call.entry.address.key.clone());
                let why = "another process has been running it for too long".into();
                return Ok(Done::not_run(Warmed::Failed, key, why));
            }
            if let Some(pid) = stop_watch.stopped(locks.leader(&flight)) {
                let key = Some(call.entry.address.key.clone());
                let why = format!("process {pid} is running it, and is stopped");
                return Ok(Done::not_run(Warmed::Failed, key, why));
            }
            if self.queue.is_stopped_within(SLICE) {
                return Ok(not_started());
            }
        };
        // Another process may have stored it since the first look-up.
        if let Some(done) = self.look_up(call)? {
            return Ok(done);
        }
        let mut stderr = Head::default();
        let recorder = Recorder::new(runner.outputs, call.settings.max_output);
        // An `ecache run` of the same command may wait for it.
        let publisher = lock
            .as_ref()
            .filter(|_| recorder.is_ok())
            .map(|lock| Publisher::new(live_output::place(warm.store, &flight), flight, lock));
        let records = Receivers {
            recorder,
            publisher,
        };
        let executed = runner.execute(
            Streams {
                input: Input::Nothing,
                stdout: &mut io::sink(),
                stderr: &mut stderr,
                signals: self.queue,
            },
            Some(records),
        );
        let (ended, mut report) = executed?;
        let is_interrupted = ended.interrupted;
        {
            let _one_at_a_time = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
            runner.keep(warm.backend, ended, &mut report)?;
        }
        if is_interrupted {
            return Ok(self.interrupted(call));
        }
        let outcome = match (report.exit, report.size) {
            (0, Some(_)) => Warmed::Ran,
            _ => Warmed::Failed,
        };
        Ok(Done {
            outcome,
            key: Some(call.entry.address.key.clone()),
            exit: Some(report.exit),
            cost: report.cost,
            size: report.size,
            problem: unkept.take().map(|why| format!("it is not kept: {why}")),
            stderr: stderr.0,
        })
    }

    /// Looks up the result of a command, unless it is to be refreshed.
    fn look_up(&self, call: &Call) -> Result<Option<Done>, CommandError> {
        if call.settings.mode == Mode::Refresh {
            return Ok(None);
        }
        let Existing::Fresh(entry, content) = call.find(self.warm.backend, self.warm.clock)? else {
            return Ok(None);
        };
        let Some(exit) = recording::exit_code(self.warm.backend, &content)? else {
            return Ok(None);
        };
        Ok(Some(Done {
            outcome: Warmed::Hit,
            key: Some(entry.address.key),
            exit: Some(exit),
            cost: entry.cost_ms.map(Duration::from_millis),
            size: Some(entry.size),
            problem: None,
            stderr: Vec::new(),
        }))
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A writer that keeps only the first bytes written to it.
#[derive(Default)]
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = HEAD.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
