//! The workers of a batch: the state that they share, and the run of one item.

use std::cell::RefCell;
use std::io::{self, Write};
use std::mem;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::existing::Existing;
use super::queue::Queue;
use super::{Done, PreparedItem, Stop, Warm, Warmed};
use crate::command::output::recording;
use crate::command::output::resume::Console;
use crate::command::run::leader::{Election, Wait};
use crate::command::run::{ancestry, counted};
use crate::command::{
    Call, Caller, CommandError, Destination, Input, LeftOpen, Mode, Runner, Streams,
};
use crate::error::{Error, Result};
use crate::single_flight::{FlightLock, FlightLocks};
use crate::statistics;
use crate::sync::lock;
use crate::time::whole_millis;
use crate::usage::{self, Event, Log};

/// Pause between two looks at another process that runs the same command.
const SLICE: Duration = Duration::from_millis(50);

/// Maximum time without a running command for which one that finds no room is retried.
const NO_ROOM: Duration = Duration::from_millis(250);

/// Maximum number of standard error bytes kept per command.
const HEAD: usize = 1024;

/// The sender of a worker's results, and the thread that reports them.
pub(super) struct Results<'a, T>(
    pub(super) Option<SyncSender<(T, Done)>>,
    pub(super) &'a Thread,
);

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
pub(super) struct Work<'a, T> {
    pub(super) warm: &'a Warm<'a>,
    pub(super) queue: &'a Queue<T>,
    /// Held while a result is written
    pub(super) keeping: Mutex<()>,
    pub(super) trouble: Mutex<Option<Error>>,
}

impl<T> Work<'_, T> {
    pub(super) fn all(
        &self,
        prepare: &impl Fn(&T) -> PreparedItem,
        locks: &FlightLocks,
        results: &Results<'_, T>,
    ) {
        while let Some(item) = self.queue.take() {
            let done = match prepare(&item) {
                PreparedItem::Run(call) => self.one(&call, locks),
                PreparedItem::Fail(why) => Done::not_run(Warmed::Failed, None, why),
                PreparedItem::Skip(why) => Done::not_run(Warmed::Skipped, None, why),
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
                let mut trouble = lock(&self.trouble);
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
        let millis = |time: Option<Duration>| time.map_or(0, whole_millis);
        let is_refresh = call.settings.mode == Mode::Refresh;
        let (outcome, saved_ms, spent_ms) = match (done.outcome, done.exit) {
            (Warmed::Hit, _) => (usage::Outcome::Hit, millis(done.cost), 0),
            (Warmed::Ran | Warmed::Unkept | Warmed::Failed, Some(_)) if is_refresh => {
                (usage::Outcome::Refresh, 0, millis(done.cost))
            }
            (Warmed::Ran | Warmed::Unkept | Warmed::Failed, Some(_)) => {
                (usage::Outcome::Miss, 0, millis(done.cost))
            }
            (Warmed::Ran | Warmed::Unkept | Warmed::Failed | Warmed::Skipped, _) => return,
        };
        let (now, store) = (self.warm.clock.now(), call.entry.address.store.clone());
        let event = Event {
            saved_ms,
            spent_ms,
            key: done.key.clone(),
            written_at: done.written_at,
            ..Event::new(outcome, now, store, &call.scopes)
        };
        let log = Log::beside(self.warm.store);
        counted::append(&log, &event, statistics::FOLD_ABOVE, |fold| {
            fold(self.warm.backend)
        });
    }

    fn interrupted(&self, call: &Call) -> Done {
        let key = call.entry.address.key.clone();
        Done::not_run(Warmed::Skipped, Some(key), "it was interrupted".into())
    }

    fn attempt(&self, call: &Call, locks: &FlightLocks) -> Result<Done, CommandError> {
        if let Some(done) = self.look_up(call)? {
            return Ok(done);
        }
        if !self.queue.may_start() {
            return Ok(not_started(call));
        }
        let warm = self.warm;
        let caller = Warming::new(warm.left_open);
        let outputs = call.outputs(warm.backend, warm.clock)?;
        let runner = call.runner((outputs, Some(warm.store)), warm.clock, &caller);
        let lock = match self.turn(&runner, locks)? {
            Turn::Ours(lock) => lock,
            Turn::Without(done) => return Ok(*done),
        };
        // Another process may have stored it since the first look-up.
        if let Some(done) = self.look_up(call)? {
            return Ok(done);
        }
        let done = self.execute(&runner, lock)?;
        Ok(Done {
            problem: done.problem.or_else(|| {
                let why = caller.unkept.take()?;
                Some(format!("not kept: {why}"))
            }),
            ..done
        })
    }

    /// Waits until no other process runs the command.
    fn turn(&self, runner: &Runner<'_>, locks: &FlightLocks) -> Result<Turn, CommandError> {
        let call = runner.call;
        let failed = |why: String| {
            let key = Some(call.entry.address.key.clone());
            Ok(Turn::Without(Box::new(Done::not_run(
                Warmed::Failed,
                key,
                why,
            ))))
        };
        let flight = runner.flight();
        let waiting_since = Instant::now();
        let mut stop_watch = ancestry::StopWatch::default();
        let (mut nowhere, mut silence) = (io::sink(), io::sink());
        let mut console = Console::new(&mut nowhere, &mut silence);
        loop {
            match runner.turn(Some(locks), self.warm.store, Wait::Not, &mut console)? {
                Election::Ours(lock) => return Ok(Turn::Ours(lock)),
                // The output of others is not followed here, so `Over` is not returned either.
                Election::Theirs | Election::Over(_) => {}
            }
            let leader = ancestry::leader(locks.leader(&flight));
            if waiting_since.elapsed() >= runner.patience(leader) {
                return failed("another process has been running it for too long".into());
            }
            if let Some(pid) = stop_watch.stopped(locks.leader(&flight)) {
                return failed(format!("process {pid} is running it, and is stopped"));
            }
            if self.queue.is_stopped_within(SLICE) {
                return Ok(Turn::Without(Box::new(not_started(call))));
            }
        }
    }

    /// Runs the command, and keeps its result.
    fn execute(
        &self,
        runner: &Runner<'_>,
        lock_of_key: Option<FlightLock>,
    ) -> Result<Done, CommandError> {
        let (warm, call) = (self.warm, runner.call);
        let mut stderr = Head::default();
        // An `ecache run` of the same command may wait for it.
        let records = runner.receivers(warm.store, lock_of_key.as_ref(), &Input::Nothing);
        let streams = Streams {
            input: Input::Nothing,
            stdout: &mut io::sink(),
            stderr: &mut stderr,
            signals: self.queue,
        };
        let (mut ended, mut report) = runner.execute(streams, Some(records), || {})?;
        let is_interrupted = ended.interrupted;
        let left_open = mem::take(&mut ended.left_open);
        {
            let _one_at_a_time = lock(&self.keeping);
            runner.keep(warm.backend, ended, &mut report)?;
        }
        runner.hand_over(left_open, Destination::Dropped, Some(warm.backend), &report)?;
        if is_interrupted {
            return Ok(self.interrupted(call));
        }
        let outcome = match (report.exit, report.size) {
            (0, Some(_)) => Warmed::Ran,
            (0, None) => Warmed::Unkept,
            _ => Warmed::Failed,
        };
        Ok(Done {
            outcome,
            key: Some(call.entry.address.key.clone()),
            exit: Some(report.exit),
            cost: report.cost,
            written_at: None,
            size: report.size,
            problem: None,
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
            written_at: Some(entry.written_at()),
            key: Some(entry.address.key),
            exit: Some(exit),
            cost: entry.cost_ms.map(Duration::from_millis),
            size: Some(entry.size),
            problem: None,
            stderr: Vec::new(),
        }))
    }
}

/// The outcome of waiting for other processes that run the same command.
enum Turn {
    /// No other process runs it. There is no lock where none can be had
    Ours(Option<FlightLock>),
    /// It is not run here
    Without(Box<Done>),
}

/// The caller of a batch's commands: any error of the cache ends one.
struct Warming<'a> {
    unkept: RefCell<Option<String>>,
    left_open: &'a (dyn Fn(LeftOpen) -> io::Result<()> + Sync),
}

impl<'a> Warming<'a> {
    fn new(left_open: &'a (dyn Fn(LeftOpen) -> io::Result<()> + Sync)) -> Self {
        Self {
            unkept: RefCell::default(),
            left_open,
        }
    }
}

impl Caller for Warming<'_> {
    fn on_trouble(&self, error: Error) -> Result<()> {
        Err(error)
    }

    fn on_unkept(&self, why: &str) {
        self.unkept.replace(Some(why.to_owned()));
    }

    fn refresh(&self, _: &Input) -> io::Result<()> {
        Ok(())
    }

    fn left_open(&self, open: LeftOpen) -> io::Result<()> {
        (self.left_open)(open)
    }
}

fn not_started(call: &Call) -> Done {
    let key = call.entry.address.key.clone();
    Done::not_run(Warmed::Skipped, Some(key), "it was not started".into())
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
