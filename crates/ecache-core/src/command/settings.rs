//! How a command is memoized, and what came of it.

use std::time::Duration;

use crate::entry::Entry;
use crate::location::Access;

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
    /// The failure is kept and replayed for this long, `None` for ever
    KeepFor(Option<Duration>),
    /// The failure is neither kept nor replayed
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

/// What is done where another process runs the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// What it prints is printed
    #[default]
    Wait,
    /// The command is run, without the cache
    Run,
    /// An old result is replayed, however old; without one, as with [`OnBusy::Wait`]
    Stale,
    /// That is an error
    Fail,
}

/// What is done where a command fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Its output and exit code are the result
    #[default]
    Pass,
    /// An old result is replayed in its place, however old, and stays; what the command prints is
    /// kept back until it has ended
    Stale,
}

/// What is recorded of a command beside its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// Its arguments, and what else identifies it
    #[default]
    Record,
    /// Its program alone; the key is a hash of all the rest
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
    /// A result older than this is no hit, nor is one from the future, whose age is unknown
    pub max_age: Option<Duration>,
    /// A result whose time was over no longer ago than this is replayed, and the command is run
    /// again elsewhere
    pub stale: Option<Duration>,
    /// What is done where the command fails
    pub on_failure: OnFailure,
    /// What is done where another process runs the same
    pub on_busy: OnBusy,
    /// What is recorded beside the result
    pub arguments: Arguments,
    /// A command that prints more bytes is not recorded
    pub max_output: u64,
    /// How long another process that runs the same is waited for while it prints nothing
    pub patience: Duration,
    /// Maximum wait for a leader whose output cannot be followed. Such a follower prints nothing
    /// meanwhile, so that a program that reads from both in turn would wait for ever.
    pub silent_patience: Duration,
    /// What else in this process uses the store
    pub company: Company,
    /// Mode in which the store is opened for writing
    pub access: Access,
}

impl Default for Settings {
    /// The cache is on, everything is kept for ever but what is larger than 100 MiB, and others are
    /// waited for ten minutes.
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            on_miss: OnMiss::default(),
            ttl: None,
            failures: Failures::default(),
            max_age: None,
            stale: None,
            on_failure: OnFailure::default(),
            on_busy: OnBusy::default(),
            arguments: Arguments::default(),
            max_output: 100 << 20,
            patience: Duration::from_secs(600),
            silent_patience: Duration::from_secs(600),
            company: Company::default(),
            access: Access::Write,
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

/// What else in this process uses the store while a command is looked up and replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Company {
    /// Anything may
    #[default]
    Others,
    /// Nothing does: a hit may be looked up in the way that takes the least, beside which nothing
    /// in the process could write (see [`location::glance`](crate::location::glance))
    Alone,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was replayed
    Hit,
    /// It was replayed although its time was over
    Stale,
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
    /// The signal that ended it, if it was run and one did
    pub signal: Option<u8>,
    /// How old the result is
    pub age: Duration,
    /// How long it will be kept, if it has an end
    pub ttl_left: Option<Duration>,
    /// How long the command took when it was run, if that is known
    pub cost: Option<Duration>,
    /// How many bytes are kept of it, `None` if it is not kept
    pub size: Option<u64>,
}

impl Report {
    /// How long nobody had to wait for the command, if that is known.
    pub fn saved(&self) -> Option<Duration> {
        match self.outcome {
            Outcome::Hit | Outcome::Stale => self.cost,
            Outcome::Miss | Outcome::Refreshed | Outcome::Bypass => Some(Duration::ZERO),
        }
    }

    /// Of a command that another process ran, to its end.
    pub(super) fn of_other(exit: u8) -> Self {
        Self {
            outcome: Outcome::Hit,
            exit,
            ..Self::of_nothing()
        }
    }

    /// Of a command that is not there, and not to be run.
    pub(super) fn of_nothing() -> Self {
        Self {
            outcome: Outcome::Miss,
            exit: 1,
            signal: None,
            age: Duration::ZERO,
            ttl_left: None,
            cost: None,
            size: None,
        }
    }
}
