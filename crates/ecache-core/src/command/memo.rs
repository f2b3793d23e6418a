//! A hit is replayed, a miss is run, by one process at a time, and whatever is wrong with the cache, it is run.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::process::{self, Ended, Streams};
use super::recording::{NotRecorded, Recorder};
use super::{CommandError, Program, ReplayError, replay};
use crate::backend::{Backend, Condition, Content, ContentReader, Lookup, Use};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::location::{self, Access};
use crate::scope::{Address, Scopes};
use crate::single_flight::{FlightLock, FlightLocks};
use crate::time::{Clock, Timestamp};
use crate::value::Kind;

/// The variable that tells a command which commands it is run for: one of those that ran again within it would wait
/// for itself.
pub const HELD_VARIABLE: &str = "ECACHE_HELD";

/// How long other processes that write to the store are waited for: a command is not to be held up by its cache.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// How the cache is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is there is replayed, what is not is run and recorded
    #[default]
    On,
    /// What is there is replayed, nothing is recorded
    ReadOnly,
    /// Everything is run and recorded
    Refresh,
    /// The cache is not touched
    Off,
}

/// What is done where there is nothing to replay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMiss {
    /// The command is run
    #[default]
    Run,
    /// Nothing is run, and the exit code is 1
    Fail,
}

/// What is done with a command that ends with another exit code than 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failures {
    /// It is kept as a success is
    #[default]
    KeepAlike,
    /// It is kept for so long, `None` for ever
    KeepFor(Option<Duration>),
    /// It is not kept
    Forget,
}

/// How a command is memoized.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the cache is used
    pub mode: Mode,
    /// What is done where there is nothing to replay
    pub on_miss: OnMiss,
    /// How long a success is kept, `None` for ever
    pub ttl: Option<Duration>,
    /// What is done with failures
    pub failures: Failures,
    /// What is older than this is no hit
    pub max_age: Option<Duration>,
    /// A command that prints more bytes is not recorded
    pub max_output: u64,
    /// How long another process that runs the same is waited for
    pub patience: Duration,
}

impl Default for Settings {
    /// The cache is on, everything is kept for ever but what is larger than 100 MiB, and others are waited for ten minutes.
    fn default() -> Self {
        Self {
            mode: Mode::On,
            on_miss: OnMiss::Run,
            ttl: None,
            failures: Failures::KeepAlike,
            max_age: None,
            max_output: 100 << 20,
            patience: Duration::from_secs(600),
        }
    }
}

/// A command that is to be replayed or run.
pub struct Memo<'a> {
    /// The file that is run
    pub program: &'a Program,
    /// The program's name as it was typed, which it is told
    pub name: &'a OsStr,
    /// Its arguments
    pub arguments: &'a [OsString],
    /// The folder it is run in, if that is not this process's
    pub folder: Option<&'a Path>,
    /// Where it is kept
    pub address: Address,
    /// The scopes it is run in
    pub scopes: Scopes,
    /// The arguments of the call, JSON with sorted keys
    pub args: String,
    /// The store's file, `None` where there is no place for one
    pub store: Option<&'a Path>,
    /// The value of [`HELD_VARIABLE`]
    pub held: &'a str,
    /// How it is memoized
    pub settings: &'a Settings,
    /// Tells the time
    pub clock: &'a dyn Clock,
    /// Told of trouble with the cache, which is passed over unless this fails
    pub on_trouble: &'a dyn Fn(Error) -> Result<()>,
    /// Told why a result is not kept
    pub on_unkept: &'a dyn Fn(&str),
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was replayed
    Hit,
    /// It was not there, and was run unless that was forbidden
    Miss,
    /// It was run because it was to be run again
    Refreshed,
    /// It was run without the cache
    Bypass,
}

/// What came of a command, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What came of it
    pub outcome: Outcome,
    /// The exit code
    pub exit: u8,
    /// How old the result is
    pub age: Duration,
    /// How long it will be kept, if it has an end
    pub ttl_left: Option<Duration>,
    /// How long the command took when it was run, if that is known
    pub cost: Option<Duration>,
    /// How many bytes are kept of it, `None` if it is not kept
    pub size: Option<u64>,
}

/// Whether this process is the one that runs a command.
pub(super) enum Turn {
    /// It is; nobody else begins for as long as there is a lock
    Ours(Option<FlightLock>),
    /// Another one has been at it for longer than it is waited for
    Theirs,
}

impl Memo<'_> {
    /// Replays the command, or runs it.
    ///
    /// # Errors
    /// If it cannot be run, or cannot print. Trouble with the cache is no error, unless `on_trouble` makes it one.
    pub fn run(&self, mut streams: Streams<'_>) -> Result<Report, CommandError> {
        let mode = self.settings.mode;
        let Some(path) = self.store.filter(|_| mode != Mode::Off) else {
            return self.bypass(streams);
        };
        if mode != Mode::Refresh {
            match self.open(path, Access::Read) {
                Ok(backend) => {
                    if let Some(report) = self.replay_from(backend.as_ref(), &mut streams)? {
                        return Ok(report);
                    }
                }
                // One that is not there yet is made, and one of an older release brought up to date, by a writer.
                Err(Error::Missing { .. } | Error::Unsupported(_)) => {}
                Err(error) => {
                    (self.on_trouble)(error)?;
                    return self.bypass(streams);
                }
            }
        }
        if mode == Mode::ReadOnly || self.settings.on_miss == OnMiss::Fail {
            return self.bypass(streams);
        }
        let Some(backend) = self.attempt(self.open(path, Access::Write))? else {
            return self.bypass(streams);
        };
        let Turn::Ours(_lock) = self.turn(path)? else {
            (self.on_unkept)("another process has been running it for too long");
            return self.bypass(streams);
        };
        // It may have been kept while this process was on its way here.
        if mode == Mode::On
            && let Some(report) = self.replay_from(backend.as_ref(), &mut streams)?
        {
            return Ok(report);
        }
        let recorder = Recorder::new(self.settings.max_output);
        let (ended, mut report) = self.execute(streams, Some(recorder))?;
        report.outcome = match mode {
            Mode::Refresh => Outcome::Refreshed,
            _ => Outcome::Miss,
        };
        self.keep(backend.as_ref(), ended, &mut report)?;
        Ok(report)
    }

    /// The value of something that went well; otherwise trouble is told of.
    fn attempt<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => (self.on_trouble)(error).map(|()| None),
        }
    }

    fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn Backend>> {
        location::open_within(path.as_os_str(), access, STORE_PATIENCE)
    }

    /// Replays what is kept of the command, if anything is.
    fn replay_from(
        &self,
        backend: &dyn Backend,
        streams: &mut Streams<'_>,
    ) -> Result<Option<Report>, CommandError> {
        let now = self.clock.now();
        let lookup = self.attempt(backend.lookup(&self.address, now))?;
        let (entry, content) = match lookup {
            Some(Lookup::Hit(entry, content)) if self.is_wanted(&entry, now) => (entry, content),
            Some(Lookup::Damaged(address)) => {
                let address = Box::new(address);
                self.attempt::<()>(Err(Error::DamagedEntry { address }))?;
                return Ok(None);
            }
            _ => return Ok(None),
        };
        // A value of an unknown version is a miss; a longer one than this was verified when it was looked up.
        if let Content::Inline(bytes) = &content
            && replay(&bytes[..], &mut io::sink(), &mut io::sink()).is_err()
        {
            return Ok(None);
        }
        let replayed = match content {
            Content::Inline(bytes) => replay(&bytes[..], streams.stdout, streams.stderr),
            chunked => {
                let reader =
                    BufReader::with_capacity(1 << 16, ContentReader::new(backend, chunked));
                replay(reader, streams.stdout, streams.stderr)
            }
        };
        let exit = match replayed {
            Ok(exit) => exit,
            // The command would have been ended by SIGPIPE.
            Err(ReplayError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                128 + libc::SIGPIPE as u8
            }
            Err(ReplayError::Write(error)) => return Err(CommandError::Output(error)),
            Err(ReplayError::Read(error)) => return Err(CommandError::Replay(error)),
            Err(ReplayError::Malformed(error)) => {
                return Err(CommandError::Replay(io::Error::other(error)));
            }
        };
        self.record_use(&entry, now);
        Ok(Some(Report {
            outcome: Outcome::Hit,
            exit,
            age: now.since(entry.written_at()),
            ttl_left: entry.expires_at.map(|expires| expires.since(now)),
            cost: entry.cost_ms.map(Duration::from_millis),
            size: Some(entry.size),
        }))
    }

    /// Whether an entry under its key is a result of it that is new enough.
    pub(super) fn is_wanted(&self, entry: &Entry, now: Timestamp) -> bool {
        let age = now.since(entry.written_at());
        entry.kind == Kind::Command
            && self.settings.max_age.is_none_or(|max_age| age <= max_age)
            && entry.is_of_call(&self.function(), &self.scopes, &self.args)
    }

    fn function(&self) -> Arc<str> {
        self.program.path.to_string_lossy().into()
    }

    /// Records a hit now and then. That it cannot be is no trouble: a store may be there to be read only.
    fn record_use(&self, entry: &Entry, now: Timestamp) {
        if self.settings.mode == Mode::On
            && let Some(path) = self.store
            && let Some(hit) = Use::due(entry, now)
            && let Ok(backend) = self.open(path, Access::Write)
        {
            let _ = backend.record_uses(&[hit]);
        }
    }

    /// The command's name among flights: whoever is to run the same has the same.
    fn flight(&self) -> [u8; 32] {
        Sha256::digest(self.address.to_string()).into()
    }

    /// Waits until no other process runs the same.
    pub(super) fn turn(&self, path: &Path) -> Result<Turn> {
        let flight = self.flight();
        let is_ours = |held: &str| held == Key::of_hash(&flight).as_str();
        if self.held.split(':').any(is_ours) {
            return Ok(Turn::Ours(None));
        }
        let mut name = path.as_os_str().to_owned();
        name.push("-locks");
        let lock = FlightLocks::open(Path::new(&name))
            .and_then(|locks| locks.lock(&flight, self.settings.patience));
        Ok(match self.attempt(lock.map_err(Error::Io))? {
            Some(Some(lock)) => Turn::Ours(Some(lock)),
            Some(None) => Turn::Theirs,
            None => Turn::Ours(None),
        })
    }

    /// Runs the command without the cache, if it may be run.
    fn bypass(&self, streams: Streams<'_>) -> Result<Report, CommandError> {
        match self.settings.on_miss {
            OnMiss::Run => Ok(self.execute(streams, None)?.1),
            OnMiss::Fail => Ok(Report {
                outcome: Outcome::Miss,
                exit: 1,
                age: Duration::ZERO,
                ttl_left: None,
                cost: None,
                size: None,
            }),
        }
    }

    /// Runs it, whatever is kept.
    pub(super) fn execute(
        &self,
        streams: Streams<'_>,
        recorder: Option<Result<Recorder, NotRecorded>>,
    ) -> Result<(Ended, Report), CommandError> {
        let flight = Key::of_hash(&self.flight());
        let held = match self.held {
            "" => flight.to_string(),
            held => format!("{held}:{flight}"),
        };
        let started = Instant::now();
        let ended = process::run(
            self.program,
            self.name,
            self.arguments,
            self.folder,
            (HELD_VARIABLE, held),
            streams,
            recorder,
        )?;
        let report = Report {
            outcome: Outcome::Bypass,
            exit: process::exit_code(ended.status),
            age: Duration::ZERO,
            ttl_left: None,
            cost: Some(started.elapsed()),
            size: None,
        };
        match ended.failed {
            Some(error) => Err(CommandError::Output(error)),
            None => Ok((ended, report)),
        }
    }

    /// Keeps what was recorded, if it may be kept, and notes in the report how much and for how long.
    pub(super) fn keep(
        &self,
        backend: &dyn Backend,
        ended: Ended,
        report: &mut Report,
    ) -> Result<()> {
        let ttl = match (ended.status.code(), self.settings.failures) {
            (None, _) => return self.leave("a signal ended it"),
            _ if ended.interrupted => return self.leave("it was interrupted"),
            (Some(0), _) | (_, Failures::KeepAlike) => self.settings.ttl,
            (_, Failures::KeepFor(ttl)) => ttl,
            (_, Failures::Forget) => return self.leave("it failed"),
        };
        let recording = match ended.recorder {
            Some(recorder) => recorder.and_then(|recorder| recorder.finish(report.exit)),
            None => return Ok(()),
        };
        let mut recording = match recording {
            Ok(recording) => recording,
            Err(NotRecorded::Spool(error)) => {
                self.attempt::<()>(Err(Error::Io(error)))?;
                return Ok(());
            }
            Err(other) => return self.leave(&other.to_string()),
        };
        let now = self.clock.now();
        let cost = report.cost.map(|cost| cost.as_millis());
        let entry = Entry {
            expires_at: ttl.map(|ttl| now.saturating_add(ttl)),
            scopes: self.scopes.clone(),
            function: Some(self.function()),
            args: Some(self.args.clone()),
            cost_ms: cost.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX)),
            ..Entry::new(self.address.clone(), Kind::Command, now)
        };
        let kept = backend.stage(&mut recording, now).and_then(|content| {
            backend.put(&entry, &content, &Condition::Always, now)?;
            Ok(content.size())
        });
        report.size = self.attempt(kept)?;
        report.ttl_left = report.size.and(ttl);
        Ok(())
    }

    fn leave(&self, why: &str) -> Result<()> {
        (self.on_unkept)(why);
        Ok(())
    }
}
