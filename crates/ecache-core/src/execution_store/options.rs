//! The metadata that a write of an entry names.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Keep;
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::scope::Scopes;
use crate::time::Timestamp;

/// The lifetime of an entry. A TTL implies the policy `evict`, so there is no `persist` with one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifetime {
    /// Policy `persist`: until it is removed
    #[default]
    Persist,
    /// Policy `evict`: until the cache is cleared
    Evict,
    /// Policy `evict`, and expired after that time
    Expire(Duration),
}

impl Lifetime {
    /// Returns the lifetime of that TTL, or else `otherwise`.
    pub(super) fn from_ttl(ttl: Option<Duration>, otherwise: Self) -> Self {
        ttl.map_or(otherwise, Self::Expire)
    }

    pub(super) fn policy(self) -> Policy {
        match self {
            Self::Persist => Policy::Persist,
            Self::Evict | Self::Expire(_) => Policy::Evict,
        }
    }

    pub(super) fn expires_at(self, now: Timestamp) -> Result<Option<Timestamp>> {
        match self {
            Self::Persist | Self::Evict => Ok(None),
            Self::Expire(ttl) => expiry(ttl, now).map(Some),
        }
    }
}

/// Times are kept in milliseconds, so a shorter TTL is none.
pub(super) fn expiry(ttl: Duration, now: Timestamp) -> Result<Timestamp> {
    match ttl.as_millis() {
        0 => Err(Error::TtlTooShort { ttl }),
        _ => Ok(now.saturating_add(ttl)),
    }
}

/// The metadata of an entry; every write replaces it, except for the parts in
/// [`SetOptions::keep`].
///
/// ```
/// use std::time::Duration;
/// use ecache_core::execution_store::{Lifetime, SetOptions};
///
/// let options = SetOptions::default()
///     .with_lifetime(Lifetime::Expire(Duration::from_secs(60)))
///     .with_function("nightly report")
///     .with_cost(Duration::from_secs(5));
/// assert_eq!(options.function.as_deref(), Some("nightly report"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SetOptions {
    /// The lifetime of the entry
    pub lifetime: Lifetime,
    /// The parts of the lifetime that an overwrite keeps as they were
    pub keep: Keep,
    /// The scopes it is made in
    pub scopes: Scopes,
    /// The function or program that makes it
    pub function: Option<Arc<str>>,
    /// The arguments as JSON text, an array
    pub args: Option<String>,
    /// The time that its computation took
    pub cost: Option<Duration>,
}

impl SetOptions {
    /// Returns options with the given TTL. Without one, new entries get `lifetime`, and an
    /// overwrite keeps the parts in `keep`.
    pub(super) fn unnamed(ttl: Option<Duration>, lifetime: Lifetime, keep: Keep) -> Self {
        match ttl {
            Some(ttl) => Lifetime::Expire(ttl).into(),
            None => Self {
                lifetime,
                keep,
                ..Self::default()
            },
        }
    }
}

/// Each sets the field of its name.
impl SetOptions {
    /// Sets the lifetime of the entry.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the parts of the lifetime that an overwrite keeps as they were.
    #[must_use]
    pub fn with_keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Sets the scopes that the entry is made in.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Sets the function or program that makes the entry.
    #[must_use]
    pub fn with_function(mut self, function: impl Into<Arc<str>>) -> Self {
        self.function = Some(function.into());
        self
    }

    /// Sets the arguments: JSON text, an array.
    #[must_use]
    pub fn with_args(mut self, args: impl Into<String>) -> Self {
        self.args = Some(args.into());
        self
    }

    /// Sets the time that the computation of the value took.
    #[must_use]
    pub fn with_cost(mut self, cost: Duration) -> Self {
        self.cost = Some(cost);
        self
    }
}

impl From<Lifetime> for SetOptions {
    fn from(lifetime: Lifetime) -> Self {
        Self {
            lifetime,
            ..Self::default()
        }
    }
}
