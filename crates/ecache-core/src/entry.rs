//! An entry: everything known of a cached value except the value.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::eviction::{Candidate, Typical, footprint};
use crate::key::{Key, is_hash};
use crate::python_json::Json;
use crate::scope::{Address, FieldError, Scopes, StoreAddress, check_names};
use crate::time::{Timestamp, whole_millis};
use crate::value::Kind;

/// Maximum distance into the future at which a last-write time is still trusted. Clocks of two
/// machines differ by less, a misset clock by more.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Decides whether `clear` and `prune` may remove an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Policy {
    /// Kept until it expires or is removed by name, or cleared with this policy named
    Persist,
    /// May be cleared and pruned; whatever is written with a TTL is of this policy
    Evict,
}

impl Policy {
    /// Returns the policy of an entry that names none, as FiftyOne does.
    pub(crate) fn of_lifetime(expires: bool) -> Self {
        if expires { Self::Evict } else { Self::Persist }
    }

    /// FiftyOne's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Persist => "persist",
            Self::Evict => "evict",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "persist" => Ok(Self::Persist),
            "evict" => Ok(Self::Evict),
            other => Err(format!(
                "unknown policy {other:?}: it is `persist` or `evict`"
            )),
        }
    }
}

/// Maximum count of hits or milliseconds that is stored; larger ones are clamped to it.
pub const MAX_COUNT: u64 = i64::MAX as u64;

/// The metadata of an entry.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its store and key
    pub address: Address,
    /// Its policy
    pub policy: Policy,
    /// The kind of its value
    pub kind: Kind,
    /// The value's length in bytes
    pub size: u64,
    /// The time of its first write
    pub created_at: Timestamp,
    /// The time of its last write; FiftyOne leaves this out in places
    pub updated_at: Option<Timestamp>,
    /// The time from which on it is expired
    pub expires_at: Option<Timestamp>,
    /// Time of its last hit; `None` as long as there was none
    pub last_used_at: Option<Timestamp>,
    /// Number of recorded hits, at most [`MAX_COUNT`]
    pub hits: u64,
    /// Milliseconds that the recorded hits saved, each by the cost at that time; at most
    /// [`MAX_COUNT`]
    pub saved_ms: u64,
    /// The scopes it was made in
    pub scopes: Scopes,
    /// The function or program that made it
    pub function: Option<Arc<str>>,
    /// The arguments as JSON text, an array
    pub args: Option<String>,
    /// The time that computing it took, in milliseconds; at most [`MAX_COUNT`]
    pub cost_ms: Option<u64>,
}

/// An entry whose texts are borrowed, as a backend lends it while it reads a row.
///
/// Building an [`Entry`] allocates its key and its arguments and counts a reference to each name,
/// which takes longer than formatting the fields.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EntryRef<'a> {
    /// Its store
    pub store: &'a Arc<StoreAddress>,
    /// Its key
    pub key: &'a str,
    /// [`Entry::policy`]
    pub policy: Policy,
    /// [`Entry::kind`]
    pub kind: Kind,
    /// [`Entry::size`]
    pub size: u64,
    /// [`Entry::created_at`]
    pub created_at: Timestamp,
    /// [`Entry::updated_at`]
    pub updated_at: Option<Timestamp>,
    /// [`Entry::expires_at`]
    pub expires_at: Option<Timestamp>,
    /// [`Entry::last_used_at`]
    pub last_used_at: Option<Timestamp>,
    /// [`Entry::hits`]
    pub hits: u64,
    /// [`Entry::saved_ms`]
    pub saved_ms: u64,
    /// [`Scopes::user_id`]
    pub user_id: Option<&'a Arc<str>>,
    /// [`Scopes::operator_uri`]
    pub operator_uri: Option<&'a Arc<str>>,
    /// [`Scopes::prompt_id`]
    pub prompt_id: Option<&'a Arc<str>>,
    /// [`Scopes::jwt_sha256`]
    pub jwt_sha256: Option<&'a [u8; 32]>,
    /// [`Entry::function`]
    pub function: Option<&'a Arc<str>>,
    /// [`Entry::args`]
    pub args: Option<&'a str>,
    /// [`Entry::cost_ms`]
    pub cost_ms: Option<u64>,
}

impl<'a> From<&'a Entry> for EntryRef<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            store: &entry.address.store,
            key: entry.address.key.as_str(),
            policy: entry.policy,
            kind: entry.kind,
            size: entry.size,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            expires_at: entry.expires_at,
            last_used_at: entry.last_used_at,
            hits: entry.hits,
            saved_ms: entry.saved_ms,
            user_id: entry.scopes.user_id.as_ref(),
            operator_uri: entry.scopes.operator_uri.as_ref(),
            prompt_id: entry.scopes.prompt_id.as_ref(),
            jwt_sha256: entry.scopes.jwt_sha256.as_ref(),
            function: entry.function.as_ref(),
            args: entry.args.as_deref(),
            cost_ms: entry.cost_ms,
        }
    }
}

impl EntryRef<'_> {
    /// Returns the address, for a caller that keeps it.
    #[must_use]
    pub fn address(&self) -> Address {
        let key = Key::new(self.key).expect("it is the key of an entry");
        let store = self.store.clone();
        Address { store, key }
    }

    /// Returns the entry, for a caller that keeps it.
    pub fn to_entry(&self) -> Entry {
        Entry {
            address: self.address(),
            policy: self.policy,
            kind: self.kind,
            size: self.size,
            created_at: self.created_at,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            hits: self.hits,
            saved_ms: self.saved_ms,
            scopes: Scopes {
                user_id: self.user_id.cloned(),
                operator_uri: self.operator_uri.cloned(),
                prompt_id: self.prompt_id.cloned(),
                jwt_sha256: self.jwt_sha256.copied(),
            },
            function: self.function.cloned(),
            args: self.args.map(str::to_owned),
            cost_ms: self.cost_ms,
        }
    }

    /// [`Entry::written_at`].
    #[must_use]
    pub fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// [`Entry::used_at`].
    #[must_use]
    pub fn used_at(&self) -> Timestamp {
        self.last_used_at
            .map_or(self.written_at(), |used| used.max(self.written_at()))
    }

    /// [`Entry::is_expired`].
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= now)
    }

    /// [`Entry::is_fresh`].
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        is_fresh(self.written_at(), self.expires_at, now)
    }

    /// [`Entry::worth`].
    pub fn worth(&self, now: Timestamp) -> f64 {
        let key = if is_hash(self.key) {
            32
        } else {
            self.key.len()
        };
        let args = self.args.map_or(0, str::len);
        let candidate = Candidate {
            bytes: footprint(self.size, (2 * key + args) as u64),
            cost_ms: self.cost_ms,
            hits: self.hits,
            idle_ms: idle_ms(self.used_at(), now),
            is_dead: self.is_expired(now),
        };
        candidate.worth(&Typical::UNKNOWN)
    }
}

impl Entry {
    /// Returns an entry written at `now`, of policy `evict`, without expiry and with nothing else
    /// known of it.
    #[must_use]
    pub fn new(address: Address, kind: Kind, now: Timestamp) -> Self {
        Self {
            address,
            policy: Policy::Evict,
            kind,
            size: 0,
            created_at: now,
            updated_at: Some(now),
            expires_at: None,
            last_used_at: None,
            hits: 0,
            saved_ms: 0,
            scopes: Scopes::default(),
            function: None,
            args: None,
            cost_ms: None,
        }
    }

    /// Refuses an entry whose names a backend does not keep; see
    /// [`check_name`](crate::scope::check_name).
    ///
    /// # Errors
    /// For the first one that is empty or too long.
    pub fn check(&self) -> Result<(), FieldError> {
        self.address.store.check()?;
        check_names([
            ("user_id", self.scopes.user_id.as_ref()),
            ("operator_uri", self.scopes.operator_uri.as_ref()),
            ("prompt_id", self.scopes.prompt_id.as_ref()),
            ("function", self.function.as_ref()),
        ])
    }

    /// Returns the time at which its value was written.
    #[must_use]
    pub fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// Returns the time at which the computation of its value began, or a little earlier: an
    /// entry without a cost was begun when it was written.
    #[must_use]
    pub fn began_at(&self) -> Timestamp {
        began_at(self.written_at(), self.cost_ms)
    }

    /// Returns the time its value was written, or `None` if that lies in the future: a clock was
    /// wrong then or is now, and the age is unknown. Filters treat such an entry as older than any
    /// age.
    #[must_use]
    pub fn known_written_at(&self, now: Timestamp) -> Option<Timestamp> {
        is_credible(self.written_at(), now).then_some(self.written_at())
    }

    /// Reports whether it was written before `time`, or at an unknown time.
    #[must_use]
    pub fn is_written_before(&self, time: Timestamp, now: Timestamp) -> bool {
        self.known_written_at(now)
            .is_none_or(|written| written < time)
    }

    /// Reports whether it was neither written nor hit since `time`. Unknown times do not count as
    /// since.
    #[must_use]
    pub(crate) fn is_unused_since(&self, time: Timestamp, now: Timestamp) -> bool {
        let last_used = self.last_used_at.filter(|used| is_credible(*used, now));
        self.is_written_before(time, now) && last_used.is_none_or(|used| used < time)
    }

    /// Returns the time of its last use: its last hit, or else its last write.
    #[must_use]
    pub fn used_at(&self) -> Timestamp {
        EntryRef::from(self).used_at()
    }

    /// Returns the space that the entry wasted, in bytes times milliseconds: its size times the
    /// time since its last use.
    #[must_use]
    pub fn waste(&self, now: Timestamp) -> i128 {
        waste(self.size, self.used_at(), now)
    }

    /// Returns the time that keeping the entry is expected to save, in milliseconds for each byte
    /// that it takes, as [`eviction`](crate::eviction) defines it. A cost that is not recorded is
    /// taken for one second.
    #[must_use]
    pub fn worth(&self, now: Timestamp) -> f64 {
        EntryRef::from(self).worth(now)
    }

    /// Reports whether the entry has expired, which it has at `expires_at` itself.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        EntryRef::from(self).is_expired(now)
    }

    /// Reports whether the entry may be served.
    ///
    /// An entry with an expiry that was written in the future is neither expired nor fresh: the
    /// clock was wrong then or is now, so how much of its time is left is not known. It is not
    /// served, and not removed either.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        is_fresh(self.written_at(), self.expires_at, now)
    }

    /// Reports whether the entry is not a result, but the record of the inputs that a command read.
    /// `run` keeps one for a command that reads a pipe, to recognize them.
    #[must_use]
    pub fn is_input_record(&self) -> bool {
        is_input_record(self.kind, self.function.as_deref())
    }

    /// Reports whether the entry may belong to this call: no recorded field contradicts it.
    ///
    /// `args` is JSON with sorted keys. A field without a record, as in FiftyOne's own documents,
    /// contradicts nothing.
    #[must_use]
    pub fn is_of_call(&self, function: &Arc<str>, scopes: &Scopes, args: &str) -> bool {
        let same_args = |recorded: &String| same_args(recorded, args);
        self.function.as_ref().is_none_or(|name| name == function)
            && self.scopes.agrees(scopes)
            && self.args.as_ref().is_none_or(same_args)
    }
}

/// Computes [`Entry::is_input_record`] from the fields it depends on. The function of a command is
/// the path of its program, which no other function's name begins like.
pub(crate) fn is_input_record(kind: Kind, function: Option<&str>) -> bool {
    kind == Kind::Json && function.is_some_and(|function| function.starts_with('/'))
}

/// Computes [`Entry::waste`] from the fields it depends on.
pub(crate) fn waste(size: u64, used_at: Timestamp, now: Timestamp) -> i128 {
    let idle = i128::from(now.as_millis()) - i128::from(used_at.as_millis());
    i128::from(size) * idle.max(0)
}

/// Returns the milliseconds since an entry was last of use.
pub(crate) fn idle_ms(used_at: Timestamp, now: Timestamp) -> u64 {
    whole_millis(now.since(used_at))
}

/// The precision of [`began_at`]: write time and cost are whole milliseconds.
const BEGUN_WITHIN: Duration = Duration::from_millis(2);

/// Computes [`Entry::began_at`] from the fields it depends on.
pub(crate) fn began_at(written_at: Timestamp, cost_ms: Option<u64>) -> Timestamp {
    cost_ms.map_or(written_at, |cost_ms| {
        written_at.saturating_sub(Duration::from_millis(cost_ms).saturating_add(BEGUN_WITHIN))
    })
}

/// Computes [`Entry::is_fresh`] from the fields it depends on.
pub(crate) fn is_fresh(
    written_at: Timestamp,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    match expires_at {
        None => true,
        Some(expires) => now < expires && is_credible(written_at, now),
    }
}

/// Reports whether a past time exceeds `now` by no more than the clock skew.
fn is_credible(time: Timestamp, now: Timestamp) -> bool {
    time <= now.saturating_add(CLOCK_SKEW)
}

/// Reports whether recorded arguments equal `args`, which is JSON with sorted keys; the recorded
/// keys may be in another order.
pub(crate) fn same_args(recorded: &str, args: &str) -> bool {
    recorded == args
        || Json::parse(recorded.as_bytes()).is_ok_and(|json| json.dumps_sorted() == args)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::scope::StoreAddress;

    fn entry(written: i64, expires: Option<i64>) -> Entry {
        let key = Key::new("k").expect("a short key is valid");
        let now = Timestamp::from_millis(written);
        let mut entry = Entry::new(StoreAddress::new("s").entry(key), Kind::Text, now);
        entry.expires_at = expires.map(Timestamp::from_millis);
        entry
    }

    #[test]
    fn is_expired_from_its_expiry_on() {
        let entry = entry(0, Some(1000));
        assert!(entry.is_fresh(Timestamp::from_millis(999)));
        assert!(!entry.is_fresh(Timestamp::from_millis(1000)));
        assert!(entry.is_expired(Timestamp::from_millis(1000)));
    }

    #[test]
    fn an_expiry_written_in_the_future_is_neither_fresh_nor_expired() {
        let future = 10 * 365 * 86_400_000;
        let now = Timestamp::from_millis(0);
        assert!(!entry(future, Some(future + 1000)).is_fresh(now));
        assert!(!entry(future, Some(future + 1000)).is_expired(now));
        assert!(entry(future, None).is_fresh(now));
    }

    #[test]
    fn the_age_of_an_entry_from_the_future_is_not_known() {
        let skew = i64::try_from(CLOCK_SKEW.as_millis()).expect("a short time");
        let now = Timestamp::from_millis(0);
        let long_ago = Timestamp::from_millis(-1_000);
        let skewed = entry(skew, None);
        assert_eq!(skewed.known_written_at(now), Some(skewed.written_at()));
        assert!(!skewed.is_written_before(long_ago, now));
        let mut future = entry(skew + 1, None);
        assert_eq!(future.known_written_at(now), None);
        assert!(future.is_written_before(long_ago, now));
        assert!(future.is_unused_since(long_ago, now));
        future.last_used_at = Some(future.written_at());
        assert!(future.is_unused_since(long_ago, now));
        future.last_used_at = Some(now);
        assert!(!future.is_unused_since(long_ago, now));
    }
}
