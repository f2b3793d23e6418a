//! A hit is replayed, a miss is run, by one process at a time, and whatever is wrong with the cache, it is run.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::broadcast;
use super::feed::InputUse;
use super::frames::Source;
use super::old::Kept;
use super::process::{self, Ended, Records, Signals, Streams};
use super::recording::{NotRecorded, Recorder};
use super::settings::{
    Arguments, Company, Failures, Mode, OnBusy, OnFailure, OnMiss, Outcome, Outputs, Report,
};
use super::telling::Telling;
use super::turn::{Console, Turn, Wait};
use super::{Call, CommandError, Input, InputLeft, ReplayError, replay};
use crate::backend::{Backend, Condition, Content, ContentReader, Lookup, Use};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::location::{self, Access};
use crate::single_flight::FlightLock;
use crate::time::{Clock, Timestamp};
use crate::value::Kind;

/// How long other processes that write to the store are waited for: a command is not to be held up by its cache.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// A command that is to be replayed or run.
#[derive(Clone, Copy)]
pub struct Memo<'a> {
    /// The command to run and the entry of its result
    pub call: &'a Call,
    /// The store's location, `None` where there is no place for one
    pub store: Option<&'a Path>,
    /// The path beside which this host's processes say what they run, unless it is the store's
    pub beside: Option<&'a Path>,
    /// Destination of the command's output streams
    pub outputs: Outputs,
    /// Tells the time
    pub clock: &'a dyn Clock,
    /// Told of trouble with the cache, which is passed over unless this fails
    pub on_trouble: &'a dyn Fn(Error) -> Result<()>,
    /// Told why a result is not kept
    pub on_unkept: &'a dyn Fn(&str),
    /// Told why an old result is replayed
    pub on_stale: &'a dyn Fn(&str),
    /// Called with the PID of a stopped leader, which is then not waited for
    pub on_stopped: &'a dyn Fn(i32),
    /// Starts a process that runs the same with the same input, apart from this one and its terminal, and returns at once
    pub refresh: &'a dyn Fn(&Input) -> io::Result<()>,
}

/// What a command is connected to, until it is run.
pub(super) struct Ports<'a> {
    pub(super) input: Input,
    pub(super) console: Console<'a>,
    pub(super) signals: &'a dyn Signals,
}

impl Ports<'_> {
    /// What the command is connected to now that it is run.
    pub(super) fn take(&mut self) -> Streams<'_> {
        self.console.begin(None);
        Streams {
            input: std::mem::replace(&mut self.input, Input::Nothing),
            stdout: &mut self.console.stdout,
            stderr: &mut self.console.stderr,
            signals: self.signals,
        }
    }
}

impl<'a> Memo<'a> {
    /// Returns the same memo for another call.
    pub(super) fn of<'b>(&self, call: &'b Call) -> Memo<'b>
    where
        'a: 'b,
    {
        Memo { call, ..*self }
    }

    /// Replays the command, or runs it.
    ///
    /// # Errors
    /// If it cannot be run, or cannot print. Trouble with the cache is no error, unless `on_trouble` makes it one.
    pub fn run(&self, streams: Streams<'_>) -> Result<Report, CommandError> {
        let mut ports = Ports {
            input: streams.input,
            console: Console::new(streams.stdout, streams.stderr),
            signals: streams.signals,
        };
        if let Input::Stream(_) = ports.input {
            return self.run_piped(&mut ports);
        }
        let mode = self.call.settings.mode;
        let Some(path) = self.store.filter(|_| mode != Mode::Off) else {
            return self.bypass(&mut ports);
        };
        let mut old = None;
        // Stays open: a writer that were alone would have to read the whole log again.
        let mut reader = None;
        if mode != Mode::Refresh {
            match self.look(path) {
                Ok((backend, kept)) => match kept {
                    Kept::Fresh(entry, content) => {
                        let found = (entry, content);
                        let report = self.replay_hit(backend, found, &mut ports)?;
                        if let Some(report) = report {
                            return Ok(report);
                        }
                    }
                    Kept::Old(entry, content) if self.is_served(&entry, self.clock.now()) => {
                        self.refresh_elsewhere(path, &ports)?;
                        let found = (entry, content);
                        match self.replay_old(&backend, found, &mut ports)? {
                            Some(report) => return Ok(report),
                            None => reader = Some(backend),
                        }
                    }
                    Kept::Old(entry, content) => old = Some((backend, (entry, content))),
                    Kept::Nothing => reader = Some(backend).filter(|_| !self.glances()),
                },
                Err(error) if Self::is_for_a_writer(&error) => self.tell_of(error)?,
                Err(error) => {
                    (self.on_trouble)(error)?;
                    return self.bypass(&mut ports);
                }
            }
        }
        if mode == Mode::ReadOnly || self.call.settings.on_miss == OnMiss::Fail {
            return self.bypass(&mut ports);
        }
        let Some(backend) = self.attempt(self.open(path, self.call.settings.access))? else {
            return self.bypass(&mut ports);
        };
        let wait = match self.call.settings.on_busy {
            OnBusy::Run | OnBusy::Fail => Wait::Not,
            OnBusy::Stale if old.is_some() => Wait::Not,
            // A run that began before this was asked for is not what is asked for.
            _ if mode == Mode::Refresh => Wait::Silently,
            // The position in the input file is known only once the leader's command has ended.
            _ if matches!(ports.input, Input::File(_)) => Wait::Silently,
            // Should it fail, nothing of it is to be printed.
            _ if old.is_some() && self.call.settings.on_failure == OnFailure::Stale => {
                Wait::Silently
            }
            OnBusy::Wait | OnBusy::Stale => Wait::Following,
        };
        let locks = self.locks(path)?;
        let turn = self.turn(locks.as_ref(), path, wait, &mut ports.console)?;
        match (turn, old) {
            (Turn::Ours(lock), _) => {
                let backends = (reader, &backend);
                self.lead(path, backends, lock.as_ref(), &mut ports)
            }
            (Turn::Over(exit), _) => Ok(Report::of_other(exit)),
            (Turn::Theirs, _) if self.call.settings.on_busy == OnBusy::Fail => {
                Err(CommandError::Busy)
            }
            (Turn::Theirs, Some((backend, found)))
                if self.call.settings.on_busy == OnBusy::Stale =>
            {
                let report = self.replay_old(&backend, found, &mut ports)?;
                report.ok_or_else(lost)
            }
            (Turn::Theirs, _) => {
                (self.on_unkept)("another process is running it, and it is not waited for");
                self.bypass(&mut ports)
            }
        }
    }

    /// Runs the command in its turn, unless it was kept while this process was on its way here.
    ///
    /// The reader, if there is one, has looked before, and has its statements ready.
    fn lead(
        &self,
        path: &Path,
        (reader, backend): (Option<Arc<dyn Backend>>, &Arc<dyn Backend>),
        lock: Option<&FlightLock>,
        ports: &mut Ports<'_>,
    ) -> Result<Report, CommandError> {
        let looking = reader.as_ref().unwrap_or(backend);
        // What is damaged is to be seen as that now, or it would be found again and again.
        let kept = self.find(looking, Backend::lookup, self.clock.now())?;
        // The last to close the file is to be the writer, which keeps the log short.
        drop(reader);
        let fallback = match kept {
            Kept::Fresh(entry, content) if self.call.settings.mode == Mode::On => {
                let backend = Arc::clone(backend);
                let report = self.replay_hit(backend, (entry, content), ports)?;
                match report {
                    Some(report) => return Ok(report),
                    None => None,
                }
            }
            Kept::Fresh(entry, content) | Kept::Old(entry, content) => Some((entry, content)),
            Kept::Nothing => None,
        };
        let flight = self.flight();
        let recorder = Recorder::new(self.outputs, self.call.settings.max_output);
        // Without a lock the flight may be another's.
        let telling = lock
            .filter(|_| recorder.is_ok())
            .map(|lock| Telling::new(broadcast::place(self.beside(path), &flight), flight, lock));
        let records = Records { recorder, telling };
        match fallback.filter(|_| self.call.settings.on_failure == OnFailure::Stale) {
            Some(found) => self.run_or_replay(backend, found, records, ports),
            None => {
                let (ended, report) = self.execute(ports.take(), Some(records))?;
                let is_whole = ended.is_whole();
                let report = self.keep_report(backend.as_ref(), ended, report)?;
                if is_whole {
                    ports.console.finish()?;
                }
                Ok(report)
            }
        }
    }

    /// Reports whether opening the store for writing resolves an error that a reader had: a writer
    /// creates a missing store, upgrades one of an older release, and starts a damaged log anew.
    pub(super) fn is_for_a_writer(error: &Error) -> bool {
        matches!(
            error,
            Error::Missing { .. } | Error::Unsupported(_) | Error::DamagedLog { .. }
        )
    }

    /// Reports an error that a writer resolves, if it is worth reporting.
    pub(super) fn tell_of(&self, error: Error) -> Result<()> {
        match error {
            Error::DamagedLog { .. } => (self.on_trouble)(error),
            _ => Ok(()),
        }
    }

    /// The value of something that went well; otherwise trouble is told of.
    pub(super) fn attempt<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => (self.on_trouble)(error).map(|()| None),
        }
    }

    pub(super) fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn Backend>> {
        location::open_within(path.as_os_str(), access, STORE_PATIENCE)
    }

    /// Whether the first look is a glance, beside which nobody in this process can write: not where that is somebody
    /// else's business, nor where an old result may be of use, which is read beside a writer.
    fn glances(&self) -> bool {
        self.call.settings.company == Company::Alone && !self.call.settings.uses_old()
    }

    /// Looks the command up for the first time.
    pub(super) fn look(&self, path: &Path) -> Result<(Arc<dyn Backend>, Kept)> {
        let now = self.clock.now();
        let (backend, kept) = if self.glances() {
            let address = &self.call.entry.address;
            let location = path.as_os_str();
            let (backend, lookup) = location::glance(location, STORE_PATIENCE, address, now)?;
            let kept = self.kept(backend.as_ref(), Some(lookup), now)?;
            (backend, kept)
        } else {
            let backend = self.open(path, Access::Read)?;
            let kept = self.find(&backend, Backend::lookup_unread, now)?;
            (backend, kept)
        };
        match (kept, self.call.identity.input.fallback()) {
            (Kept::Nothing, Some(input)) => {
                let call = self.call.with_input(input);
                let kept = self.of(&call).find(&backend, Backend::lookup_unread, now)?;
                Ok((backend, kept))
            }
            (kept, _) => Ok((backend, kept)),
        }
    }

    /// As [`Memo::replay`], of a hit.
    pub(super) fn replay_hit(
        &self,
        backend: Arc<dyn Backend>,
        found: (Box<Entry>, Content),
        ports: &mut Ports<'_>,
    ) -> Result<Option<Report>, CommandError> {
        let entry = found.0.clone();
        let report = self.replay(&backend, found, Outcome::Hit, ports)?;
        drop(backend);
        if report.is_some() {
            self.record_use(&entry, self.clock.now());
        }
        Ok(report)
    }

    /// As [`Memo::replay`], of a result whose time is over.
    pub(super) fn replay_old(
        &self,
        backend: &Arc<dyn Backend>,
        found: (Box<Entry>, Content),
        ports: &mut Ports<'_>,
    ) -> Result<Option<Report>, CommandError> {
        (self.on_stale)("its time is over");
        self.replay(backend, found, Outcome::Stale, ports)
    }

    /// Prints what is kept of the command; `None` if that is damaged from some place on, which is trouble with the cache.
    /// What is printed already is the beginning of a run then, as if that had been killed: the command is run, and
    /// [`printed`](super::printed) compares.
    ///
    /// A value that is too long to be held in memory is verified piece by piece, each before it is printed. Weighed:
    /// reading all of it twice, so that damage is found before anything is printed (every hit takes twice as long,
    /// and it can still be removed in between), and ending with an error where it breaks (the next attempt would
    /// be a hit that breaks at the same place).
    pub(super) fn replay(
        &self,
        backend: &Arc<dyn Backend>,
        (entry, content): (Box<Entry>, Content),
        outcome: Outcome,
        ports: &mut Ports<'_>,
    ) -> Result<Option<Report>, CommandError> {
        let console = &mut ports.console;
        let now = self.clock.now();
        let source = match &content {
            Content::Inline(_) => None,
            Content::Chunked(chunked) => Some(Source::Kept(backend.clone(), *chunked)),
        };
        console.begin(source);
        let reader = ContentReader::new(backend.as_ref(), content);
        let exit = match replay(reader, &mut console.stdout, &mut console.stderr) {
            Ok(ending) => {
                ports.input.leave(ending.input);
                ending.exit
            }
            Err(ReplayError::Write(error)) => unread(error)?,
            Err(ReplayError::Read(error)) => match error.downcast() {
                // The value was removed between the lookup and the read.
                Ok(Error::Replaced)
                    if !console.has_printed() && self.call.settings.on_miss != OnMiss::Fail =>
                {
                    return Ok(None);
                }
                // There is nothing left to compare another run with.
                Ok(error @ Error::Replaced) => {
                    return Err(CommandError::Replay(io::Error::other(error)));
                }
                Ok(error) if self.call.settings.on_miss == OnMiss::Fail => {
                    return Err(CommandError::Replay(io::Error::other(error)));
                }
                Ok(trouble) => {
                    let trouble = match trouble {
                        // Only this value is known to be damaged, and the rerun replaces it.
                        Error::Damaged { .. } => Error::DamagedEntry {
                            address: Box::new(self.call.entry.address.clone()),
                        },
                        other => other,
                    };
                    return Ok((self.on_trouble)(trouble).map(|()| None)?);
                }
                Err(error) => return Err(CommandError::Replay(error)),
            },
            Err(ReplayError::Malformed(error)) => {
                return Err(CommandError::Replay(io::Error::other(error)));
            }
        };
        console.finish()?;
        Ok(Some(Report {
            outcome,
            exit,
            signal: None,
            age: now.since(entry.written_at()),
            ttl_left: entry.expires_at.map(|expires| expires.since(now)),
            cost: entry.cost_ms.map(Duration::from_millis),
            size: Some(entry.size),
        }))
    }

    pub(super) fn is_ours(&self, entry: &Entry) -> bool {
        entry.kind == Kind::Command
            && entry.is_of_call(&self.function(), &self.call.scopes, &self.call.entry.args)
    }

    pub(super) fn function(&self) -> Arc<str> {
        self.call.program().path.to_string_lossy().into()
    }

    /// Records a hit now and then. That it cannot be is no trouble: a store may be there to be read only.
    fn record_use(&self, entry: &Entry, now: Timestamp) {
        if self.call.settings.mode == Mode::On
            && let Some(path) = self.store
            && let Some(hit) = Use::due(entry, now)
            && let Ok(backend) = self.open(path, self.call.settings.access)
        {
            let _ = backend.record_uses(&[hit]);
        }
    }

    /// Returns the name of the flight: processes that run the same command use the same name.
    ///
    /// A process that prints to one place cannot follow a leader that prints to two, nor the
    /// reverse.
    pub(super) fn flight(&self) -> [u8; 32] {
        let name = self.call.entry.address.to_string();
        match self.outputs {
            Outputs::Apart => Sha256::digest(name).into(),
            Outputs::Merged => Sha256::digest(name + ", merged").into(),
        }
    }

    /// The path beside which locks and what running commands print are.
    pub(super) fn beside<'b>(&'b self, store: &'b Path) -> &'b Path {
        self.beside.unwrap_or(store)
    }

    /// Runs the command without the cache, if it may be run.
    pub(super) fn bypass(&self, ports: &mut Ports<'_>) -> Result<Report, CommandError> {
        if self.call.settings.on_miss == OnMiss::Fail {
            return Ok(Report::of_nothing());
        }
        let (ended, report) = self.execute(ports.take(), None)?;
        if ended.is_whole() {
            ports.console.finish()?;
        }
        Ok(report)
    }

    /// Runs it, whatever is kept.
    pub(super) fn execute(
        &self,
        streams: Streams<'_>,
        records: Option<Records>,
    ) -> Result<(Ended, Report), CommandError> {
        let started = Instant::now();
        let mut ended = process::run(self.call, self.outputs, streams, records)?;
        let report = Report {
            outcome: Outcome::Bypass,
            exit: process::exit_code(ended.status),
            signal: ended
                .status
                .signal()
                .and_then(|signal| u8::try_from(signal).ok()),
            age: Duration::ZERO,
            ttl_left: None,
            cost: Some(started.elapsed()),
            size: None,
        };
        match ended.failed.take() {
            Some(error) => Err(CommandError::Output(error)),
            None => Ok((ended, report)),
        }
    }

    /// Keeps what was recorded, and says so.
    pub(super) fn keep_report(
        &self,
        backend: &dyn Backend,
        ended: Ended,
        mut report: Report,
    ) -> Result<Report> {
        report.outcome = match self.call.settings.mode {
            Mode::Refresh => Outcome::Refreshed,
            _ => Outcome::Miss,
        };
        self.keep(backend, ended, &mut report)?;
        Ok(report)
    }

    /// Keeps what was recorded, if it may be kept, and notes in the report how much and for how long.
    pub(super) fn keep(
        &self,
        backend: &dyn Backend,
        ended: Ended,
        report: &mut Report,
    ) -> Result<()> {
        let Some(mut records) = ended.records else {
            return Ok(());
        };
        match ended.status.code() {
            None => return self.leave("a signal ended it"),
            _ if ended.interrupted => return self.leave("it was interrupted"),
            // Those who follow have the whole of it, whether it is kept or not.
            Some(_) => records.end(report.exit),
        }
        let ttl = match (report.exit, self.call.settings.failures) {
            (0, _) | (_, Failures::KeepAlike) => self.call.settings.ttl,
            (_, Failures::KeepFor(ttl)) => ttl,
            (_, Failures::Forget) => return self.leave("it failed"),
        };
        match ended.input {
            InputUse::Unknown(why) => return self.leave(why),
            InputUse::LeftAt(position) => records.leave_input(InputLeft {
                position,
                saw_end: false,
            }),
            InputUse::Took(taken) => records.leave_input(InputLeft {
                position: taken.bytes,
                saw_end: taken.saw_end,
            }),
            InputUse::Known => {}
        }
        let recording = records
            .recorder
            .and_then(|r| Ok((r.form(), r.finish(report.exit)?)));
        let (form, mut recording) = match recording {
            Ok(recording) => recording,
            Err(NotRecorded::Spool(error)) => {
                self.attempt::<()>(Err(Error::Io(error)))?;
                return Ok(());
            }
            Err(other) => return self.leave(&other.to_string()),
        };
        let now = self.clock.now();
        let beside = self.attempt(self.place(backend, form, now))?.flatten();
        let call = beside.as_ref().unwrap_or(self.call);
        let cost = report.cost.map(|cost| cost.as_millis());
        let policy = self.of(call).policy(backend, now);
        // What is to persist has no lifetime.
        let ttl = ttl.filter(|_| policy == Policy::Evict);
        let entry = Entry {
            policy,
            expires_at: ttl.map(|ttl| now.saturating_add(ttl)),
            scopes: self.call.scopes.clone(),
            function: Some(self.function()),
            args: match self.call.settings.arguments {
                Arguments::Record => Some(call.entry.args.clone()),
                Arguments::Forget => None,
            },
            cost_ms: cost.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX)),
            ..Entry::new(call.entry.address.clone(), Kind::Command, now)
        };
        let kept = backend.stage(&mut recording, now).and_then(|content| {
            backend.put(&entry, &content, &Condition::Always.into(), now)?;
            Ok(content.size())
        });
        report.size = self.attempt(kept)?;
        if let (Some(_), Some(telling)) = (report.size, records.telling) {
            telling.settle();
        }
        report.ttl_left = report.size.and(ttl);
        Ok(())
    }

    /// The policy that somebody gave to the result that is there, which a new one leaves as it is.
    fn policy(&self, backend: &dyn Backend, now: Timestamp) -> Policy {
        match backend.lookup_unread(&self.call.entry.address, now) {
            Ok(Lookup::Hit(entry, _) | Lookup::Stale(entry)) if self.is_ours(&entry) => {
                entry.policy
            }
            _ => Policy::Evict,
        }
    }

    pub(super) fn leave(&self, why: &str) -> Result<()> {
        (self.on_unkept)(why);
        Ok(())
    }
}

/// The exit code of a command whose reader went away: SIGPIPE would have ended it.
pub(super) fn unread(error: io::Error) -> Result<u8, CommandError> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(128 + libc::SIGPIPE as u8),
        _ => Err(CommandError::Output(error)),
    }
}

/// A result that cannot be printed to its end, where there is nothing else to be printed.
pub(super) fn lost() -> CommandError {
    CommandError::Replay(io::Error::other("the rest of it is damaged"))
}
