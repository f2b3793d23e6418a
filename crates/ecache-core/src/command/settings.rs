//! Settings of a memoized command, and the report of its outcome.

use std::time::Duration;

use crate::backend::Expiry;
use crate::entry::Entry;
use crate::key::Key;
use crate::location::Access;
use crate::time::Timestamp;

/// The way in which the cache is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Mode {
    /// Print a stored result, or run the command
    #[default]
    On,
    /// Always run it, as if there were no cache
    Off,
    /// Print a stored result; keep nothing new
    #[cfg_attr(feature = "clap", clap(name = "readonly"))]
    ReadOnly,
    /// Always run it, and keep the result
    Refresh,
}

/// The action on a miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMiss {
    /// The command is run
    #[default]
    Run,
    /// Nothing is run, and the exit code is 1
    Fail,
}

/// The treatment of a command that ends with another exit code than 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failures {
    /// It is stored like a success
    #[default]
    KeepAlike,
    /// The failure is stored and replayed for this long, `None` for ever
    KeepFor(Option<Duration>),
    /// The failure is neither stored nor replayed
    Forget,
}

impl Failures {
    /// Reports whether a kept failure may be replayed, and shortens its lifetime to the one
    /// requested now if that ends earlier.
    pub(crate) fn allow(self, failure: &mut Entry) -> bool {
        match self {
            Self::KeepAlike | Self::KeepFor(None) => true,
            Self::KeepFor(Some(ttl)) => {
                let end = failure.written_at().saturating_add(ttl);
                let expires = failure.expires_at.map_or(end, |expires| expires.min(end));
                failure.expires_at = Some(expires);
                true
            }
            Self::Forget => false,
        }
    }
}

/// The action if another process is running the same command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum OnBusy {
    /// Follow it, and print its output as it comes
    #[default]
    Wait,
    /// Run the command too, and keep nothing
    Run,
    /// Replay a stale result of any age, or else wait
    Stale,
    /// Fail at once: exit code 125
    Fail,
}

/// The action if the command fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Its output and exit code are the result
    #[default]
    Pass,
    /// A stale result of any age is replayed instead, and stays in the store; the command's output
    /// is buffered until it has ended
    Stale,
}

/// The reason why a command is looked up and run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A caller waits for its result
    #[default]
    Answer,
    /// Its caller was served a stale result: it counts as a refresh if it is run, and as nothing
    /// otherwise
    RefreshStale,
}

/// The arguments that are recorded with a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// All arguments and other inputs that identify the command
    #[default]
    Record,
    /// The program alone; the other inputs are only part of the key, which is a hash
    Forget,
}

/// Settings of a memoized command.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Use of the cache
    pub mode: Mode,
    /// Reason of the run
    pub purpose: Purpose,
    /// Action on a miss
    pub on_miss: OnMiss,
    /// Lifetime of a success, `None` for ever
    pub ttl: Option<Duration>,
    /// Origin of the lifetime: a limit of the store goes before a default
    pub expiry: Expiry,
    /// Minimum run time of a command whose result is kept
    pub min_cost: Duration,
    /// Treatment of failures
    pub failures: Failures,
    /// Maximum age of a hit; a result from the future is not a hit, as its age is unknown
    pub max_age: Option<Duration>,
    /// Maximum time since a result became stale for it to be replayed, while a background process
    /// refreshes it
    pub stale: Option<Duration>,
    /// Action if the command fails
    pub on_failure: OnFailure,
    /// Action if another process is running the same command
    pub on_busy: OnBusy,
    /// Arguments recorded with the result
    pub arguments: Arguments,
    /// Maximum number of bytes of output; a command that prints more is not recorded
    pub max_output: u64,
    /// Maximum wait for a leader that prints nothing
    pub patience: Duration,
    /// Maximum wait for a leader whose output cannot be followed. Such a follower prints nothing
    /// meanwhile, so that a program that reads from both in turn would wait for ever.
    pub silent_patience: Duration,
    /// Other uses of the store in this process
    pub store_use: StoreUse,
    /// Moment at which the store is opened for a command that misses
    pub opening: Opening,
    /// Mode in which the store is opened for writing
    pub access: Access,
}

impl Default for Settings {
    /// Turns the cache on, keeps results for ever unless their output exceeds 100 MiB, and waits up
    /// to ten minutes for a silent leader.
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            purpose: Purpose::default(),
            on_miss: OnMiss::default(),
            ttl: None,
            expiry: Expiry::Default,
            min_cost: Duration::ZERO,
            failures: Failures::default(),
            max_age: None,
            stale: None,
            on_failure: OnFailure::default(),
            on_busy: OnBusy::default(),
            arguments: Arguments::default(),
            max_output: 100 << 20,
            patience: Duration::from_secs(600),
            silent_patience: Duration::from_secs(600),
            store_use: StoreUse::default(),
            opening: Opening::default(),
            access: Access::Write,
        }
    }
}

impl Settings {
    /// Returns the outcome of a command that is run, and not without the cache.
    pub(super) fn outcome_of_run(&self) -> RunOutcome {
        match (self.mode, self.purpose) {
            (Mode::Refresh, _) | (_, Purpose::RefreshStale) => RunOutcome::Refreshed,
            _ => RunOutcome::Miss,
        }
    }
}

/// Destination of a command's standard output and standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outputs {
    /// Two separate destinations
    #[default]
    Apart,
    /// One destination, such as a terminal or with `2>&1`: the command gets one pipe for both
    /// streams, which keeps the order of writes
    Merged,
}

/// Other uses of the store in this process while a command is looked up and replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreUse {
    /// Other code may use the store
    #[default]
    Others,
    /// No other code uses the store: the fastest look-up may be used, beside which the process
    /// cannot write (see [`location::look_up_once`](crate::location::look_up_once))
    Alone,
}

/// Moment at which the store is opened for writing, for a command that misses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// Before the command starts: a store that cannot be written to is reported first
    #[default]
    BeforeRun,
    /// While the command runs, which takes less time. Only after the look-up of
    /// [`StoreUse::Alone`], by which the store can be read
    DuringRun,
}

/// The outcome of a memoized command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// A fresh result was replayed
    Hit,
    /// The run of another process was followed to its end
    Followed,
    /// A stale result was replayed
    Stale,
    /// There was no usable result; the command was run unless that was forbidden
    Miss,
    /// It was run again because a refresh was requested
    Refreshed,
    /// It was run without the cache
    Bypass,
}

/// The reason why the entry of a command is not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It expired this long ago
    Expired(Duration),
    /// It is of this age, and older than requested
    TooOld(Duration),
    /// Its write time is in the future, so its age is unknown
    FromTheFuture,
    /// It is a failure, and failures are not replayed
    Failure,
    /// Its streams are in one order, and the caller has two places for them, or the other way round
    OtherOutputs(Outputs),
    /// It was recorded with an empty input, and the input may still get some
    OpenInput,
    /// Its value differs from the one written
    Damaged,
}

/// The outcome and statistics of a memoized command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The outcome
    pub outcome: RunOutcome,
    /// The exit code
    pub exit: u8,
    /// The signal that ended it, if it was run and one did
    pub signal: Option<u8>,
    /// Age of the result
    pub age: Duration,
    /// Time since the result became stale, zero for a fresh one
    pub overdue: Duration,
    /// Remaining lifetime of the result, `None` if it does not expire
    pub ttl_left: Option<Duration>,
    /// Run time of the command, if that is known
    pub cost: Option<Duration>,
    /// Size of the stored result in bytes, `None` if it is not stored
    pub size: Option<u64>,
    /// Key of the result that was replayed or stored
    pub key: Option<Key>,
    /// Time at which the replayed result was written
    pub written_at: Option<Timestamp>,
    /// Time at which the new result was kept, `None` if it was not
    pub kept_at: Option<Timestamp>,
}

impl Report {
    /// Returns the run time that a replay saved, if that is known.
    #[must_use]
    pub fn saved(&self) -> Option<Duration> {
        match self.outcome {
            RunOutcome::Hit | RunOutcome::Stale | RunOutcome::Followed => self.cost,
            RunOutcome::Miss | RunOutcome::Refreshed | RunOutcome::Bypass => Some(Duration::ZERO),
        }
    }

    /// Returns the report of a command that another process ran to its end.
    pub(super) fn of_other(exit: u8) -> Self {
        Self {
            outcome: RunOutcome::Followed,
            exit,
            ..Self::of_nothing()
        }
    }

    /// Returns the report of a command that has no result and must not be run.
    pub(super) fn of_nothing() -> Self {
        Self {
            outcome: RunOutcome::Miss,
            exit: 1,
            signal: None,
            age: Duration::ZERO,
            overdue: Duration::ZERO,
            ttl_left: None,
            cost: None,
            size: None,
            key: None,
            written_at: None,
            kept_at: None,
        }
    }
}
