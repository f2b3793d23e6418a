//! Values as they are typed.

use std::time::Duration;

use clap::ValueEnum;
use ecache_core::entry::Policy;
use ecache_core::value::Kind;

/// The type of a value that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValueType {
    /// UTF-8 text, a string to FiftyOne
    Text,
    /// JSON as Python reads it, kept as it is typed
    Json,
    /// Bytes
    Bytes,
}

impl From<ValueType> for Kind {
    fn from(kind: ValueType) -> Self {
        match kind {
            ValueType::Text => Self::Text,
            ValueType::Json => Self::Json,
            ValueType::Bytes => Self::Bytes,
        }
    }
}

/// A policy as it is given to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyChange {
    /// The cache may drop it by itself
    Evict,
    /// It stays until it is removed by name
    Persist,
    /// The policy that it has
    Keep,
}

impl PolicyChange {
    /// Returns the new policy; `None` to keep that of the entry.
    pub(crate) fn policy(self) -> Option<Policy> {
        match self {
            Self::Evict => Some(Policy::Evict),
            Self::Persist => Some(Policy::Persist),
            Self::Keep => None,
        }
    }
}

/// A lifetime as it is given to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TtlChange {
    /// The expiry that the entry has, or none
    Keep,
    /// A new one
    To(Ttl),
}

/// A lifetime: a duration in milliseconds, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// Expires after so many milliseconds
    Millis(u64),
    /// Does not expire
    Never,
}

/// How long the result of a command is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// For so long
    Ttl(Ttl),
    /// Until the machine is started again
    Boot,
    /// Until the terminal's session ends
    Session,
}

/// Reads what [`parse_ttl`] does, `boot` or `session`.
pub(crate) fn parse_lifetime(text: &str) -> Result<Lifetime, ecache_core::units::ParseError> {
    match text {
        "boot" => Ok(Lifetime::Boot),
        "session" => Ok(Lifetime::Session),
        ttl => parse_ttl(ttl).map(Lifetime::Ttl),
    }
}

impl Ttl {
    /// Returns the duration; `None` for an entry that never expires.
    pub(crate) fn duration(self) -> Option<Duration> {
        match self {
            Self::Millis(millis) => Some(Duration::from_millis(millis)),
            Self::Never => None,
        }
    }
}

/// Reads a duration, or `none`.
pub(crate) fn parse_ttl(text: &str) -> Result<Ttl, ecache_core::units::ParseError> {
    match text {
        "none" | "never" => Ok(Ttl::Never),
        duration => crate::units::parse_duration(duration).map(Ttl::Millis),
    }
}

/// Reads what [`parse_ttl`] does, or `keep`.
pub(crate) fn parse_ttl_change(text: &str) -> Result<TtlChange, ecache_core::units::ParseError> {
    match text {
        "keep" => Ok(TtlChange::Keep),
        ttl => parse_ttl(ttl).map(TtlChange::To),
    }
}
