//! The options of a cached function: FiftyOne's options, with its names and defaults.

use std::borrow::Cow;
use std::time::Duration;

use crate::scope::DEFAULT_COLLECTION;

/// The tiers that keep results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Residency {
    /// In the store only
    Transient,
    /// In memory only
    Ephemeral,
    /// In memory first, then in the store
    #[default]
    Hybrid,
}

impl Residency {
    /// Reports whether results are kept in memory.
    #[must_use]
    pub fn has_memory(self) -> bool {
        self != Self::Transient
    }

    /// Reports whether results are kept in the store.
    #[must_use]
    pub fn has_store(self) -> bool {
        self != Self::Ephemeral
    }
}

/// Default maximum number of results that a function keeps in memory.
pub const DEFAULT_MAX_SIZE: usize = 1024;

/// Default maximum number of bytes of results that a function keeps in memory.
pub const DEFAULT_MAX_BYTES: u64 = 256 << 20;

/// The options of a cached function.
///
/// ```
/// use std::time::Duration;
/// use ecache_core::execution_cache::{Options, Residency};
///
/// let mut options = Options::new("reports::monthly");
/// options.ttl = Some(Duration::from_secs(600));
/// options.residency = Residency::Transient;
/// options.user_scoped = true;
/// assert_eq!(options.store(), "reports::monthly");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The function's identity, recorded in its entries; entries that record another identity are
    /// not its own
    pub function: Cow<'static, str>,
    /// The store; by default it is named after the function
    pub store_name: Option<Cow<'static, str>>,
    /// Appended to the store's name as `#v{version}`
    pub version: Option<Cow<'static, str>>,
    /// The collection
    pub collection_name: Cow<'static, str>,
    /// The tiers that keep results
    pub residency: Residency,
    /// Time for which a result is fresh
    pub ttl: Option<Duration>,
    /// Time after the `ttl` in which a result is served while it is refreshed, by calls that can do
    /// that ([`ExecutionCache::call_refreshing`](super::ExecutionCache::call_refreshing)); has no
    /// effect without a `ttl`
    pub stale: Option<Duration>,
    /// Time after the `ttl` in which a result is served if recomputing it returns an `Err`; has no
    /// effect without a `ttl`
    pub stale_if_error: Option<Duration>,
    /// Maximum number of results in memory; 0 for none
    pub max_size: usize,
    /// Maximum total size of the stored forms in memory, in bytes; a result larger than a quarter
    /// of it is not kept there
    pub max_bytes: u64,
    /// Links results to the context's dataset
    pub link_to_dataset: bool,
    /// Makes the operator part of the key
    pub operator_scoped: bool,
    /// Makes the operator prompt part of the key
    pub prompt_scoped: bool,
    /// Makes the user part of the key; a call without a user is not cached
    pub user_scoped: bool,
    /// Makes the user's request token part of the key; a call without a token is not cached
    pub jwt_scoped: bool,
    /// One in this many hits is recomputed and compared; 0 for none
    pub verify_every: u64,
    /// Default name of the store
    pub(super) readable_name: Cow<'static, str>,
    /// The type or trait whose method the function is
    pub(super) owner: Option<Box<str>>,
}

impl Options {
    /// Returns the defaults for a function with this identity, which is also the name of its store.
    #[must_use]
    pub fn new(function: impl Into<Cow<'static, str>>) -> Self {
        let function = function.into();
        Self {
            readable_name: function.clone(),
            function,
            store_name: None,
            version: None,
            collection_name: DEFAULT_COLLECTION.into(),
            residency: Residency::Hybrid,
            ttl: None,
            stale: None,
            stale_if_error: None,
            max_size: DEFAULT_MAX_SIZE,
            max_bytes: DEFAULT_MAX_BYTES,
            link_to_dataset: true,
            operator_scoped: false,
            prompt_scoped: false,
            user_scoped: false,
            jwt_scoped: false,
            verify_every: 0,
            owner: None,
        }
    }

    /// Reports whether keys depend on the scopes of a call.
    pub(super) fn is_scoped(&self) -> bool {
        self.operator_scoped | self.prompt_scoped | self.user_scoped | self.jwt_scoped
    }

    /// Returns how long a result is kept after its `ttl`.
    pub(super) fn extra_time(&self) -> Duration {
        self.stale.max(self.stale_if_error).unwrap_or_default()
    }

    /// Returns how long a result is kept: its `ttl`, and the time after it in which a stale result
    /// may be served.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        Some(self.ttl?.saturating_add(self.extra_time()))
    }

    /// Returns the name of the store, including the version.
    #[must_use]
    pub fn store(&self) -> String {
        let name = self.store_name.as_ref().unwrap_or(&self.readable_name);
        match &self.version {
            Some(version) => format!("{name}#v{version}"),
            None => name.to_string(),
        }
    }
}
