//! Writing: conditions, the lifetime of an overwritten entry, and the outcome of a write.

use crate::entry::{self, Entry, Policy};
use crate::time::Timestamp;
use crate::value::Value;

/// The condition under which a write takes place.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Always
    Always,
    /// Only if there is no fresh entry
    IfAbsent,
    /// Only if there is a fresh entry with that value ([`Value::equals`])
    IfValue(Value),
    /// Unless there is a fresh entry that was [begun](Entry::began_at) after this time
    UnlessNewer(Timestamp),
}

impl Condition {
    /// Reports whether it holds at `now`. `fresh` is the fresh entry of the address, if there is
    /// one, with the time when it was written and how many milliseconds it took to compute.
    /// `has_value` compares its value, which only the backend reads.
    pub(in crate::backend) fn holds<T, E>(
        &self,
        fresh: Option<(T, Timestamp, Option<u64>)>,
        now: Timestamp,
        has_value: impl FnOnce(T, &Value) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let Some((entry, written_at, cost_ms)) = fresh else {
            return Ok(!matches!(self, Self::IfValue(_)));
        };
        match self {
            Self::Always => Ok(true),
            Self::IfAbsent => Ok(false),
            Self::IfValue(expected) => has_value(entry, expected),
            // The clock has been set back since an entry of the future was written.
            Self::UnlessNewer(began_at) => {
                Ok(written_at > now || entry::began_at(written_at, cost_ms) <= *began_at)
            }
        }
    }
}

/// The options of a write, for an entry that has its address already.
#[derive(Clone, Debug, PartialEq)]
pub struct PutOptions {
    /// Condition under which the write takes place
    pub condition: Condition,
    /// Parts of the replaced entry's lifetime that stay
    pub keep: Keep,
    /// Origin of the entry's expiry
    pub expiry: Expiry,
}

/// The origin of the expiry of an entry that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// The entry's own, or its lack of one
    #[default]
    Named,
    /// A default: a limit of the store with a default lifetime goes before it, for an entry of
    /// policy `evict`
    Default,
}

impl From<Condition> for PutOptions {
    /// Keeps neither policy nor expiry.
    fn from(condition: Condition) -> Self {
        Self {
            condition,
            keep: Keep::default(),
            expiry: Expiry::Named,
        }
    }
}

impl PutOptions {
    /// Returns the options with which
    /// [`CallBackend::put_call`](crate::backend::CallBackend::put_call)
    /// writes a result.
    ///
    /// A result with an expiry renews policy and expiry, since a TTL means `evict`. One without
    /// names no lifetime and keeps the policy, such as one that `touch` made `persist`.
    #[must_use]
    pub fn of_call(result: &Entry, condition: Condition) -> Self {
        let (keep, expiry) = match result.expires_at {
            Some(_) => (Keep::default(), Expiry::Named),
            None => (Keep::POLICY, Expiry::Default),
        };
        Self {
            condition,
            keep,
            expiry,
        }
    }

    /// Returns the entry to store for `new`: in place of `old` it has the recorded hits and the
    /// creation time of that one, and the parts of its lifetime that stay.
    pub(in crate::backend) fn merged(
        &self,
        new: &Entry,
        old: Option<&Entry>,
        now: Timestamp,
    ) -> Entry {
        let mut entry = new.clone();
        let Some(old) = old else {
            (entry.last_used_at, entry.hits, entry.saved_ms) = (None, 0, 0);
            return entry;
        };
        let own = (entry.policy, entry.expires_at);
        (entry.policy, entry.expires_at) =
            self.keep.lifetime(own, (old.policy, old.expires_at), now);
        entry.created_at = old.created_at;
        (entry.last_used_at, entry.hits, entry.saved_ms) =
            (old.last_used_at, old.hits, old.saved_ms);
        entry
    }
}

/// The parts of an entry's lifetime that an overwrite keeps, because the writer did not name them.
///
/// An expired entry no longer exists for its readers, so no part of its lifetime is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Keeps the policy; an entry that stays `persist` gets no expiry
    pub policy: bool,
    /// Keeps the expiry, or its absence; an entry that becomes `persist` loses it
    pub expiry: bool,
}

impl Keep {
    /// Keeps the policy and renews the expiry.
    pub const POLICY: Self = Self {
        policy: true,
        expiry: false,
    };
    /// Keeps the expiry and renews the policy.
    pub const EXPIRY: Self = Self {
        policy: false,
        expiry: true,
    };
    /// Keeps policy and expiry.
    pub const LIFETIME: Self = Self {
        policy: true,
        expiry: true,
    };

    /// Returns the policy and the expiry of an entry that replaces another one at `now`.
    pub(in crate::backend) fn lifetime(
        self,
        new: Lifespan,
        old: Lifespan,
        now: Timestamp,
    ) -> Lifespan {
        let (policy, expires_at) = match old {
            (_, Some(expires_at)) if expires_at <= now => return new,
            old if self == Self::LIFETIME => return old,
            (policy, expires_at) => (
                if self.policy { policy } else { new.0 },
                if self.expiry { expires_at } else { new.1 },
            ),
        };
        (policy, expires_at.filter(|_| policy == Policy::Evict))
    }
}

/// A policy, and an expiry.
pub(in crate::backend) type Lifespan = (Policy, Option<Timestamp>);

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The entry is new
    Created,
    /// An existing entry was replaced
    Replaced,
    /// The condition did not hold, and nothing was written
    Refused,
}

/// The outcome of writing the result of a cached call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutCall {
    /// The store's generation, if it is wanted: the result is unchanged for as long as the store
    /// has it
    pub generation: Option<u64>,
    /// The expiry of the result, which a limit of the store may have given it
    pub expires_at: Option<Timestamp>,
    /// Set if it was not written, because the store was cleared during its computation, or has a
    /// result whose computation began later
    pub is_outdated: bool,
}

impl PutCall {
    /// The outcome of a write that was refused.
    pub(in crate::backend) const OUTDATED: Self = Self {
        generation: None,
        expires_at: None,
        is_outdated: true,
    };

    /// Returns the outcome of a write.
    #[must_use]
    pub fn new(generation: Option<u64>, expires_at: Option<Timestamp>) -> Self {
        Self {
            generation,
            expires_at,
            is_outdated: false,
        }
    }
}

/// A change of lifetime or policy; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// The new expiry, `Some(None)` for no expiry
    pub expires_at: Option<Option<Timestamp>>,
    /// The new policy
    pub policy: Option<Policy>,
}
