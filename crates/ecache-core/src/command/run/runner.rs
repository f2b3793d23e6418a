//! Replays a hit or runs a miss under a per-key lock; runs the command without the cache if the
//! cache fails.

use std::borrow::Cow;
use std::mem;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Runner;
use super::connection::Connection;
use super::leader::{Election, Wait};
use super::left_running::Destination;
use super::pass_on::{Ended, Receivers};
use super::ports::{Ports, StoredResult};
use super::process::{self, Streams};
use super::replay::lost;
use super::stale::Usable;
use crate::backend::{Backend, Content};
use crate::command::output::live_output;
use crate::command::output::publisher::Publisher;
use crate::command::output::recorder::Recorder;
use crate::command::output::resume::Console;
use crate::command::settings::{Mode, OnBusy, OnFailure, OnMiss, Outputs, Report, RunOutcome};
use crate::command::{Call, CommandError, Input};
use crate::entry::Entry;
use crate::error::Result;
use crate::single_flight::FlightLock;
use crate::value::Kind;

/// The outcome of a look-up.
pub(crate) enum LookedUp<'a> {
    Hit(Cow<'a, Call>, Box<Entry>, Content),
    /// A stale result
    Stale(Cow<'a, Call>, Box<Entry>, Content),
    /// No result; `None` if the entry that would hold it is not known either
    Miss(Option<Cow<'a, Call>>),
}

/// The outcome of the first look.
enum Looked<'a> {
    /// The result was printed
    Replayed(Box<Report>),
    /// The store cannot be used
    Unable,
    /// The command is to be run
    Missed(Box<Missed<'a>>),
}

/// State of a command that was looked up in vain.
#[derive(Default)]
struct Missed<'a> {
    /// The call with its entry; `None` if the entry is not known
    call: Option<Cow<'a, Call>>,
    /// A stale result, and its store
    old: Option<(Arc<dyn Backend>, StoredResult)>,
    /// The store's reader, kept open: a writer alone would have to read the whole log again
    reader: Option<Arc<dyn Backend>>,
    /// A reader for one look-up, in whose place the writer is opened while the command runs
    one_shot: Option<Arc<dyn Backend>>,
    /// A connection to a server, which serves the write as well
    writer: Option<Arc<dyn Backend>>,
}

impl<'a> LookedUp<'a> {
    pub(crate) fn of(call: Cow<'a, Call>, kept: Usable) -> Self {
        match kept {
            Usable::Fresh(entry, content) => Self::Hit(call, entry, content),
            Usable::Stale(entry, content) => Self::Stale(call, entry, content),
            Usable::Nothing => Self::Miss(Some(call)),
        }
    }
}

impl<'a> Runner<'a> {
    /// Returns the same runner for another call.
    pub(crate) fn of<'b>(&self, call: &'b Call) -> Runner<'b>
    where
        'a: 'b,
    {
        Runner { call, ..*self }
    }

    /// Replays the command, or runs it.
    ///
    /// # Errors
    /// Fails if the command cannot be run, or its output cannot be written. An error of the cache
    /// is returned only if [`Caller::on_trouble`](super::caller::Caller::on_trouble) returns it.
    pub fn run(&self, streams: Streams<'_>) -> Result<Report, CommandError> {
        let report = self.replay_or_run(streams)?;
        self.count(&report);
        Ok(report)
    }

    fn replay_or_run(&self, streams: Streams<'_>) -> Result<Report, CommandError> {
        let mut ports = Ports {
            input: streams.input,
            console: Console::new(streams.stdout, streams.stderr),
            signals: streams.signals,
        };
        let since = self.clock.now();
        let settings = &self.call.settings;
        let Some(path) = self.store.filter(|_| settings.mode != Mode::Off) else {
            return self.bypass(&mut ports);
        };
        let looked = match self.replay_if_kept(path, &mut ports)? {
            Looked::Replayed(report) => return Ok(*report),
            Looked::Unable => return self.bypass(&mut ports),
            Looked::Missed(missed) => *missed,
        };
        if settings.mode == Mode::ReadOnly || settings.on_miss == OnMiss::Fail {
            return self.bypass(&mut ports);
        }
        let connection = match looked.one_shot {
            Some(reader) => Connection::Reader(reader),
            None => match self.attempt(self.writer(path, looked.writer))? {
                Some(writer) => Connection::Writer(writer),
                None => return self.bypass(&mut ports),
            },
        };
        let Some(call) = looked.call else {
            return self.lead(path, connection, None, None, &mut ports);
        };
        let wait = self.wait(&ports.input, looked.old.is_some());
        let runner = self.of(&call);
        let locks = self.locks(path)?;
        let election = runner.turn(locks.as_ref(), path, wait, &mut ports.console)?;
        match (election, looked.old) {
            (Election::Ours(lock), _) => {
                let looking = looked.reader.as_ref().unwrap_or(connection.backend());
                let found = self.second_look(looking, &call)?;
                // The last to close the file is to be the writer, which keeps the log short.
                drop(looked.reader);
                self.lead_unless_kept(path, connection, lock, found, &mut ports)
            }
            (Election::Over(exit), _) => {
                let looking = looked.reader.as_ref().unwrap_or(connection.backend());
                Ok(runner.followed(exit, locks.as_ref(), looking.as_ref(), since))
            }
            (Election::Theirs, _) if settings.on_busy == OnBusy::Fail => Err(CommandError::Busy),
            (Election::Theirs, Some((backend, found))) if settings.on_busy == OnBusy::Stale => {
                let report = runner.replay_stale(&backend, found, &mut ports)?;
                report.ok_or_else(lost)
            }
            (Election::Theirs, _) => {
                let why = "another process is running it, and is not waited for";
                self.caller.on_unkept(why);
                self.bypass(&mut ports)
            }
        }
    }

    /// Looks the command up, unless it is to be refreshed, and replays a result that is served.
    fn replay_if_kept(
        &self,
        path: &Path,
        ports: &mut Ports<'_>,
    ) -> Result<Looked<'a>, CommandError> {
        // The entry of a stream is known only after both were looked at.
        let is_stream = matches!(ports.input, Input::Stream(_));
        let mut missed = Missed {
            call: (!is_stream).then_some(Cow::Borrowed(self.call)),
            ..Missed::default()
        };
        if self.call.settings.mode == Mode::Refresh {
            return Ok(Looked::Missed(Box::new(missed)));
        }
        let (backend, found) = match self.first_look(path, &mut ports.input) {
            Ok(looked) => looked,
            Err(error) if Self::is_for_a_writer(&error) => {
                self.tell_of(error)?;
                return Ok(Looked::Missed(Box::new(missed)));
            }
            Err(error) => {
                self.caller.on_trouble(error)?;
                return Ok(Looked::Unable);
            }
        };
        missed.writer = backend.writer(self.call.settings.access);
        let replayed = match found {
            LookedUp::Hit(hit, entry, content) => {
                self.of(&hit).replay_hit(backend, (entry, content), ports)?
            }
            LookedUp::Stale(stale, entry, content) => {
                let runner = self.of(&stale);
                let found = (entry, content);
                let mut replayed = None;
                if runner.is_served(&found.0, self.clock.now()) && ports.input.can_be_copied() {
                    runner.refresh_elsewhere(path, ports)?;
                    replayed = runner.replay_stale(&backend, found, ports)?;
                    missed.reader = Some(backend);
                } else {
                    runner.tell_stale(&found.0, self.clock.now());
                    missed.old = Some((backend, found));
                }
                missed.call = Some(stale);
                replayed
            }
            LookedUp::Miss(call) => {
                if !is_stream && self.is_one_shot() {
                    missed.one_shot = Some(backend).filter(|_| self.opens_late(path));
                } else if !is_stream {
                    missed.reader = Some(backend);
                }
                missed.call = call;
                None
            }
        };
        Ok(match replayed {
            Some(report) => Looked::Replayed(Box::new(report)),
            None => Looked::Missed(Box::new(missed)),
        })
    }

    /// Replays a result that another process has stored since the first look; runs the command if
    /// there is none.
    fn lead_unless_kept(
        &self,
        path: &Path,
        connection: Connection,
        lock: Option<FlightLock>,
        found: LookedUp<'_>,
        ports: &mut Ports<'_>,
    ) -> Result<Report, CommandError> {
        let fallback = match found {
            LookedUp::Hit(hit, entry, content) if self.call.settings.mode == Mode::On => {
                let backend = Arc::clone(connection.backend());
                let report = self.of(&hit).replay_hit(backend, (entry, content), ports)?;
                if let Some(report) = report {
                    return Ok(report);
                }
                None
            }
            LookedUp::Hit(call, entry, content) | LookedUp::Stale(call, entry, content) => {
                Some((call, (entry, content)))
            }
            LookedUp::Miss(_) => None,
        };
        self.lead(path, connection, lock, fallback, ports)
    }

    /// Looks for the entry that answers for the command and its input.
    fn first_look(
        &self,
        path: &Path,
        input: &mut Input,
    ) -> Result<(Arc<dyn Backend>, LookedUp<'a>)> {
        if let Input::Stream(stream) = input {
            return self.look_at_stream(path, stream);
        }
        let (backend, kept) = self.look(path)?;
        Ok((backend, LookedUp::of(Cow::Borrowed(self.call), kept)))
    }

    /// Looks again in this process's turn: the entry may have been written since the first look.
    /// A damaged one is reported now, or it would be found again and again.
    fn second_look<'b>(&self, backend: &Arc<dyn Backend>, call: &'b Call) -> Result<LookedUp<'b>> {
        let mut found = LookedUp::Miss(None);
        for call in self.answering(call) {
            let kept = self
                .of(&call)
                .find(backend, <dyn Backend>::lookup, self.clock.now())?;
            match LookedUp::of(call, kept) {
                hit @ LookedUp::Hit(..) => return Ok(hit),
                old @ LookedUp::Stale(..) => found = old,
                LookedUp::Miss(_) => {}
            }
        }
        Ok(found)
    }

    /// Decides how another process that runs the command is waited for.
    fn wait(&self, input: &Input, has_old: bool) -> Wait {
        let settings = &self.call.settings;
        match settings.on_busy {
            OnBusy::Run | OnBusy::Fail => Wait::Not,
            OnBusy::Stale if has_old => Wait::Not,
            // A refresh cannot use a run that began before it was requested.
            _ if settings.mode == Mode::Refresh => Wait::Silently,
            // The amount to take from the input is known only once the leader's command has ended.
            _ if matches!(input, Input::File(_) | Input::Stream(_)) => Wait::Silently,
            // If it fails, its output must not be printed.
            _ if has_old && settings.on_failure == OnFailure::Stale => Wait::Silently,
            OnBusy::Wait | OnBusy::Stale => Wait::Following,
        }
    }

    /// Runs the command and keeps its result. `fallback` is printed instead if the command fails.
    fn lead(
        &self,
        path: &Path,
        connection: Connection,
        lock: Option<FlightLock>,
        fallback: Option<(Cow<'_, Call>, StoredResult)>,
        ports: &mut Ports<'_>,
    ) -> Result<Report, CommandError> {
        let settings = &self.call.settings;
        let is_stream = matches!(ports.input, Input::Stream(_));
        let records = self.receivers(path, lock.as_ref(), &ports.input);
        if settings.on_failure == OnFailure::Stale
            && let Some((call, found)) = fallback
            && call.identity.input.covers_input()
        {
            let backend = connection.backend();
            return self.of(&call).run_or_replay(backend, found, records, ports);
        }
        let mut writer = Ok(None);
        let open = || {
            writer = match connection {
                Connection::Writer(writer) => Ok(Some(writer)),
                Connection::Reader(reader) => {
                    drop(reader);
                    self.attempt(self.open(path, settings.access))
                }
            };
        };
        let (mut ended, report) = self.execute(ports.take(), Some(records), open)?;
        let is_whole = ended.is_whole();
        let left_open = mem::take(&mut ended.left_open);
        let writer = writer?;
        let report = match &writer {
            Some(writer) if is_stream => self.keep_piped(writer, ended, report)?,
            Some(writer) => self.keep_report(writer.as_ref(), ended, report)?,
            None => {
                ended.publish_end(self.call, report.exit);
                report
            }
        };
        drop(lock);
        if is_whole {
            ports.console.finish()?;
        }
        self.hand_over(left_open, Destination::Shown, writer.as_deref(), &report)?;
        Ok(report)
    }

    /// Returns the value of a success; reports an error to the caller and returns `None`.
    pub(crate) fn attempt<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.caller.on_trouble(error).map(|()| None),
        }
    }

    /// Returns the value of a success; reports an error, after the command
    /// ran, to the caller and returns `None`.
    pub(crate) fn attempt_late<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.caller.on_late_trouble(error).map(|()| None),
        }
    }

    pub(crate) fn is_ours(&self, entry: &Entry) -> bool {
        entry.kind == Kind::Command
            && entry.is_of_call(&self.function(), &self.call.scopes, &self.call.entry.args)
    }

    pub(crate) fn function(&self) -> Arc<str> {
        self.call.program().path.to_string_lossy().into()
    }

    /// Returns the name of the flight: processes that run the same command use the same name.
    ///
    /// A process that prints to one place cannot follow a leader that prints to two, nor the
    /// reverse.
    pub(crate) fn flight(&self) -> [u8; 32] {
        let name = self.call.entry.address.to_string();
        match self.outputs {
            Outputs::Apart => Sha256::digest(name).into(),
            Outputs::Merged => Sha256::digest(name + ", merged").into(),
        }
    }

    /// Returns the recorder and the publisher of a command that is about to run.
    pub(crate) fn receivers(
        &self,
        path: &Path,
        lock: Option<&FlightLock>,
        input: &Input,
    ) -> Receivers {
        let recorder = Recorder::new(self.outputs, self.call.settings.max_output);
        // Without a lock the flight may be another's. Followers of a stream wait for the entry.
        let publisher = lock
            .filter(|_| recorder.is_ok() && !matches!(input, Input::Stream(_)))
            .map(|lock| {
                let flight = self.flight();
                Publisher::new(live_output::place(self.beside(path), &flight), flight, lock)
            });
        Receivers {
            recorder,
            publisher,
        }
    }

    /// Returns the path beside which the locks and the live output of running commands are.
    pub(crate) fn beside<'b>(&'b self, store: &'b Path) -> &'b Path {
        self.beside.unwrap_or(store)
    }

    /// Runs the command without the cache, if it may be run.
    pub(crate) fn bypass(&self, ports: &mut Ports<'_>) -> Result<Report, CommandError> {
        if self.call.settings.on_miss == OnMiss::Fail {
            return Ok(Report::of_nothing());
        }
        let (ended, report) = self.execute(ports.take(), None, || {})?;
        if ended.is_whole() {
            ports.console.finish()?;
        }
        self.hand_over(ended.left_open, Destination::Shown, None, &report)?;
        Ok(report)
    }

    /// Runs the command without looking it up. Calls `on_start` once it has started.
    pub(crate) fn execute(
        &self,
        streams: Streams<'_>,
        records: Option<Receivers>,
        on_start: impl FnOnce(),
    ) -> Result<(Ended, Report), CommandError> {
        let started = Instant::now();
        let mut ended = process::run(self.call, self.outputs, streams, records, on_start)?;
        let report = Report {
            outcome: RunOutcome::Bypass,
            exit: process::exit_code(ended.status),
            signal: ended
                .status
                .signal()
                .and_then(|signal| u8::try_from(signal).ok()),
            age: Duration::ZERO,
            overdue: Duration::ZERO,
            ttl_left: None,
            cost: Some(started.elapsed()),
            size: None,
            key: None,
            written_at: None,
            kept_at: None,
        };
        match ended.failed.take() {
            Some(error) => Err(CommandError::Output(error)),
            None => Ok((ended, report)),
        }
    }
}
