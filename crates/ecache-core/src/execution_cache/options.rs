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
/// let options = Options::new("reports::monthly")
///     .with_ttl(Duration::from_secs(600))
///     .with_residency(Residency::Transient)
///     .with_user_scope();
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

/// Each sets the field of its name.
impl Options {
    /// Names the store.
    #[must_use]
    pub fn with_store_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.store_name = Some(name.into());
        self
    }

    /// Sets the version, which is part of the store's name.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Cow<'static, str>>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets the collection.
    #[must_use]
    pub fn with_collection_name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.collection_name = name.into();
        self
    }

    /// Sets the tiers that keep results.
    #[must_use]
    pub fn with_residency(mut self, residency: Residency) -> Self {
        self.residency = residency;
        self
    }

    /// Sets the time for which a result is fresh.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets the time after the `ttl` in which a result is served while it is refreshed.
    #[must_use]
    pub fn with_stale(mut self, stale: Duration) -> Self {
        self.stale = Some(stale);
        self
    }

    /// Sets the time after the `ttl` in which a result is served if recomputing it fails.
    #[must_use]
    pub fn with_stale_if_error(mut self, stale_if_error: Duration) -> Self {
        self.stale_if_error = Some(stale_if_error);
        self
    }

    /// Sets the maximum number of results in memory; 0 for none.
    #[must_use]
    pub fn with_max_size(mut self, max_size: usize) -> Self {
        self.max_size = max_size;
        self
    }

    /// Sets the maximum total size of the stored forms in memory, in bytes.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Links no result to a dataset.
    #[must_use]
    pub fn without_dataset(mut self) -> Self {
        self.link_to_dataset = false;
        self
    }

    /// Makes the operator part of the key.
    #[must_use]
    pub fn with_operator_scope(mut self) -> Self {
        self.operator_scoped = true;
        self
    }

    /// Makes the operator prompt part of the key.
    #[must_use]
    pub fn with_prompt_scope(mut self) -> Self {
        self.prompt_scoped = true;
        self
    }

    /// Makes the user part of the key.
    #[must_use]
    pub fn with_user_scope(mut self) -> Self {
        self.user_scoped = true;
        self
    }

    /// Makes the user's request token part of the key.
    #[must_use]
    pub fn with_jwt_scope(mut self) -> Self {
        self.jwt_scoped = true;
        self
    }

    /// Recomputes and compares one in this many hits; 0 for none.
    #[must_use]
    pub fn with_verify_every(mut self, hits: u64) -> Self {
        self.verify_every = hits;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setter_sets_its_field() {
        let second = Duration::from_secs(1);
        let set = Options::new("f")
            .with_store_name("store")
            .with_version("2")
            .with_collection_name("collection")
            .with_residency(Residency::Transient)
            .with_ttl(second)
            .with_stale(second * 2)
            .with_stale_if_error(second * 3)
            .with_max_size(4)
            .with_max_bytes(5)
            .without_dataset()
            .with_operator_scope()
            .with_prompt_scope()
            .with_user_scope()
            .with_jwt_scope()
            .with_verify_every(6);
        let wanted = Options {
            function: "f".into(),
            store_name: Some("store".into()),
            version: Some("2".into()),
            collection_name: "collection".into(),
            residency: Residency::Transient,
            ttl: Some(second),
            stale: Some(second * 2),
            stale_if_error: Some(second * 3),
            max_size: 4,
            max_bytes: 5,
            link_to_dataset: false,
            operator_scoped: true,
            prompt_scoped: true,
            user_scoped: true,
            jwt_scoped: true,
            verify_every: 6,
            readable_name: "f".into(),
            owner: None,
        };
        assert_eq!(set, wanted);
    }
}
