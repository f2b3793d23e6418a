//! Values as they are typed.

use clap::ValueEnum;
use ecache_core::entry::Policy;

use crate::units::{Ttl, parse_ttl};

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

impl From<Policy> for PolicyChange {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Evict => Self::Evict,
            Policy::Persist => Self::Persist,
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

/// Reads what [`parse_ttl`] does, or `keep`.
pub(crate) fn parse_ttl_change(text: &str) -> Result<TtlChange, ecache_core::units::UnitError> {
    match text {
        "keep" => Ok(TtlChange::Keep),
        ttl => parse_ttl(ttl).map(TtlChange::To),
    }
}
