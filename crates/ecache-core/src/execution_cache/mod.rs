//! FiftyOne's `execution_cache`: a function's results, kept by its arguments and the scopes of its
//! caller.
//!
//! One [`ExecutionCache`] stands beside a function, usually put there by `#[execution_cache]`; a
//! [`Cache`] is the store that calls share, and an [`ExecutionContext`] says whose call it is.
//!
//! ```
//! use std::sync::{Arc, LazyLock};
//! use ecache_core::execution_cache::{
//!     Cache, ExecutionCache, ExecutionContext, Options, StoredForm,
//! };
//! use ecache_core::key::Preimage;
//!
//! static WORDS: LazyLock<ExecutionCache> =
//!     LazyLock::new(|| ExecutionCache::new(Options::new("example::words")));
//!
//! fn words(ctx: &ExecutionContext, text: &str) -> usize {
//!     let arguments = Preimage::of_arguments(|arguments| arguments.push(text));
//!     WORDS.call(ctx, &StoredForm, arguments, || text.split_whitespace().count())
//! }
//!
//! let ctx = ExecutionContext::new(Arc::new(Cache::in_memory()));
//! assert_eq!(words(&ctx, "a b c"), 3);
//! assert_eq!(words(&ctx, "a b c"), 3);
//! assert_eq!(WORDS.counters().memory_hits, 1);
//! ```
//!
//! # How a call goes
//!
//! A call looks in memory, then in the store. On a miss, one caller of a key computes while the
//! others wait, among the threads and tasks of this process and, where the store is a file, among
//! processes. A result whose computation began before a clear, or before a refresh or a set of its
//! key, is returned but not kept. A
//! computation that panics, or whose process is killed, lets the next caller in at once.
//!
//! A matching key alone is not a hit: an entry records the function, arguments and scopes of its
//! call, and a difference in any of them is a miss.

mod attribute;
mod cache;
mod call;
mod codec;
mod companions;
mod counters;
#[doc(hidden)]
pub mod macro_support;
mod memory;
mod options;
mod workers;

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, TryLockError};

pub use attribute::lifetime::IntoLifetime;
use cache::context::context_of;
pub use cache::context::{
    CacheContext, CacheHandle, DefaultIsSet, ExecutionContext, default_context, set_default,
};
pub use cache::failures::Reaction;
#[doc(hidden)]
pub use cache::fork::Fork;
pub use cache::{Cache, DEFAULT_COHERENCE, DEFAULT_PATIENCE};
#[doc(hidden)]
pub use call::prepared::Prepared;
#[cfg(feature = "compact")]
pub use codec::compact::Compact;
pub use codec::{Codec, CodecError, StoredForm, compared, try_with, with};
pub use companions::set_and_clear::Datasets;
pub use companions::status::Status;
pub use options::{DEFAULT_MAX_BYTES, DEFAULT_MAX_SIZE, Options, Residency};

use crate::error::Unsupported;
use crate::key::Preimage;
use crate::scope::{Scopes, StoreAddress, token_hash};
use crate::single_flight::{Flights, Leader};
use crate::stored::StoredError;
use crate::sync::lock;
use call::Call;
pub use counters::Counters;
use counters::pending::CounterGroup;
use counters::{Counted, Counting};
use memory::tier::{MemoryKey, MemoryTier};

/// A value that a leader shares with its followers.
type Shared = Arc<dyn Any + Send + Sync>;

/// The key of a flight: a call, and the number of clears when it began.
type FlightKey = (MemoryKey, u64);

/// The store of results, among those of one function: the number of its cache, and the dataset.
type StoreKey = (u64, Option<Arc<str>>);

/// Maximum number of stores, for each function, whose clears are remembered.
const MOST_STORES: usize = 1024;

/// The cache of one function.
pub struct ExecutionCache {
    options: Options,
    /// The store of results that belong to no dataset
    store: Arc<StoreAddress>,
    function: Arc<str>,
    memory: Arc<MemoryTier>,
    flights: Flights<FlightKey, Shared>,
    counting: Counting,
    /// Number of clears in this process
    clears: AtomicU64,
    /// The clears of stores that were last seen, by cache and dataset
    clears_of_stores: Mutex<HashMap<StoreKey, u64>>,
    /// Locked for reading while a result is stored, so that a clear waits for it
    keeping: RwLock<()>,
    /// Number of results encoded, which selects those that are read back
    encoded: AtomicU64,
    /// Time of the next search for expired results in the store, in milliseconds since the epoch
    sweep_at: AtomicI64,
    /// Set once a warning has said that another function has results under the same keys
    has_warned: AtomicBool,
    /// Set if the options of the function's attribute could not be evaluated: no call is cached
    is_unusable: bool,
}

impl ExecutionCache {
    /// Creates the cache of a function.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let max_size = if options.residency.has_memory() {
            options.max_size
        } else {
            0
        };
        Self {
            store: Arc::new(StoreAddress {
                collection: (&*options.collection_name).into(),
                store_name: options.store().into(),
                dataset_id: None,
            }),
            function: (&*options.function).into(),
            memory: Arc::new(MemoryTier::new(max_size, options.max_bytes)),
            flights: Flights::default(),
            counting: Counting::default(),
            clears: AtomicU64::new(0),
            clears_of_stores: Mutex::default(),
            has_warned: AtomicBool::new(false),
            keeping: RwLock::default(),
            encoded: AtomicU64::new(0),
            sweep_at: AtomicI64::new(i64::MIN),
            is_unusable: false,
            options,
        }
    }

    /// Creates the cache of a function whose calls are not cached. It counts no call in the store,
    /// whose name may be one of the options that are missing.
    fn unusable(mut options: Options) -> Self {
        options.residency = Residency::Ephemeral;
        options.max_size = 0;
        Self {
            is_unusable: true,
            ..Self::new(options)
        }
    }

    /// Reports whether calls in this context are cached.
    fn is_on(&self, ctx: &ExecutionContext) -> bool {
        ctx.cache.is_on() && !self.is_unusable
    }

    /// Checks that results can be set and cleared, also where the cache is switched off.
    ///
    /// # Errors
    /// If the program's own code panicked that makes the options of the function or the context.
    fn check_usable(&self, ctx: &ExecutionContext) -> crate::error::Result<()> {
        if self.is_unusable {
            return Err(Unsupported::OptionsPanicked.into());
        }
        ctx.cache.check_usable()
    }

    /// Returns the options of the function.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the counters of the function since the process began.
    pub fn counters(&self) -> Counters {
        self.counting.read()
    }

    /// Returns the result of a call from the cache, or computes and stores it.
    ///
    /// The arguments and the scopes make the key; a call whose arguments have no stored form is not
    /// cached.
    ///
    /// # Panics
    /// If `compute` panics, or if the cache fails and is set to [`Reaction::Panic`].
    pub fn call<T: Clone + Send + Sync + 'static>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        compute: impl FnOnce() -> T,
    ) -> T {
        let compute = || Ok::<T, Infallible>(compute());
        let result = self.try_call(ctx, codec, arguments, compute);
        result.unwrap_or_else(|never| match never {})
    }

    /// Like [`ExecutionCache::call`], for a fallible computation: an `Err` is returned, not kept.
    ///
    /// If the leader's computation returns an `Err`, its followers compute by themselves, one after
    /// the other.
    ///
    /// # Errors
    /// The error of `compute`.
    pub fn try_call<T: Clone + Send + Sync + 'static, E>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.prepare(context_of(ctx), arguments) {
            Some(call) => call.try_call(codec, compute),
            None => compute(),
        }
    }

    /// Returns the call, or `None` if it is not cached, which counts as a bypass.
    fn cached<'a>(
        &'a self,
        ctx: &'a ExecutionContext,
        arguments: Result<Preimage, StoredError>,
    ) -> Option<Call<'a>> {
        let call = match arguments {
            _ if !self.is_on(ctx) => None,
            Ok(arguments) => Call::new(self, ctx, arguments),
            refused => {
                self.attempt(ctx, "make a key of the arguments", refused);
                None
            }
        };
        if call.is_none() {
            self.count(ctx, Counted::Bypass);
        }
        call
    }

    /// Returns the store of the results of calls in this context.
    fn store(&self, ctx: &ExecutionContext) -> Arc<StoreAddress> {
        match &ctx.dataset_id {
            Some(dataset_id) if self.options.link_to_dataset => Arc::new(StoreAddress {
                collection: self.store.collection.clone(),
                store_name: self.store.store_name.clone(),
                dataset_id: Some(dataset_id.clone()),
            }),
            _ => self.store.clone(),
        }
    }

    /// Returns what calls in this context are counted as.
    fn counter_group(&self, ctx: &ExecutionContext) -> CounterGroup {
        CounterGroup::new(self.store(ctx), &self.scopes(ctx))
    }

    /// Returns the scopes that are part of the keys.
    fn scopes(&self, ctx: &ExecutionContext) -> Scopes {
        let options = &self.options;
        let scope = |is_on: bool, value: &Option<Arc<str>>| {
            value.clone().filter(|value| is_on && !value.is_empty())
        };
        Scopes {
            user_id: scope(options.user_scoped, &ctx.user_id),
            operator_uri: scope(options.operator_scoped, &ctx.operator_uri),
            prompt_id: scope(options.prompt_scoped, &ctx.prompt_id),
            jwt_sha256: scope(options.jwt_scoped, &ctx.user_request_token)
                .map(|token| token_hash(&token)),
        }
    }

    /// Counts an event of a call in this process and, if results are kept in the store, there.
    fn count(&self, ctx: &ExecutionContext, event: Counted) {
        self.counting.count(event);
        if self.options.residency.has_store() && ctx.cache.is_on() {
            ctx.cache.pending.count(&self.counter_group(ctx), event);
        }
    }

    /// Returns the value of a successful operation; counts a failure and handles it as the cache's
    /// [`Reaction`] says.
    fn attempt<T, E: fmt::Display>(
        &self,
        ctx: &ExecutionContext,
        what: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        if result.is_err() {
            self.count(ctx, Counted::Error);
        }
        ctx.cache.attempt_for(Some(&self.function), what, result)
    }

    /// Reports whether the latest hit is one of those that are recomputed and compared.
    fn is_verified(&self) -> bool {
        match self.options.verify_every {
            0 => false,
            every => self.counting.hits().is_multiple_of(every),
        }
    }

    /// Begins a clear if another process has cleared the store of a call since the last look, or if
    /// that is not known for any store because there were too many of them.
    fn see_clears(&self, key: &MemoryKey, clears: u64) {
        let of = (key.cache, key.dataset_id.clone());
        let mut seen = lock(&self.clears_of_stores);
        let is_full = seen.len() >= MOST_STORES && !seen.contains_key(&of);
        if is_full {
            seen.clear();
        }
        let last = seen.insert(of, clears);
        drop(seen);
        if is_full || last.is_some_and(|last| last != clears) {
            self.begin_clear();
        }
    }

    fn clears(&self) -> u64 {
        self.clears.load(Ordering::Acquire)
    }

    /// Returns a guard that makes clears wait; `None` if something was cleared since the count of
    /// clears was `clears`.
    fn keep_since(&self, clears: u64) -> Option<RwLockReadGuard<'_, ()>> {
        let keeping = self.keeping.read().unwrap_or_else(PoisonError::into_inner);
        (self.clears() == clears).then_some(keeping)
    }

    /// Returns such a guard without waiting: `None` also while a clear, a refresh or a set waits.
    fn keep_at_once_since(&self, clears: u64) -> Option<RwLockReadGuard<'_, ()>> {
        let keeping = match self.keeping.try_read() {
            Ok(keeping) => keeping,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        (self.clears() == clears).then_some(keeping)
    }

    /// Begins a computation or a write that later callers are to see: the result of an older
    /// computation of the same call is no longer kept.
    fn supersede(&self, flight: FlightKey) -> Leader<'_, FlightKey, Shared> {
        let _nobody_keeps = self.keeping.write().unwrap_or_else(PoisonError::into_inner);
        // A flight that noticed a clear by another process is still there under the former number.
        let call = flight.0.clone();
        self.flights.replace(flight, |(other, _)| *other == call)
    }

    /// Begins a clear: results of computations that began earlier are no longer kept.
    fn begin_clear(&self) {
        let _nobody_keeps = self.keeping.write().unwrap_or_else(PoisonError::into_inner);
        self.clears.fetch_add(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for ExecutionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutionCache")
            .field("options", &self.options)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Preimage;

    #[test]
    fn more_stores_than_are_remembered_outdate_the_computations_from_before() {
        let function = ExecutionCache::new(Options::new("tests::clears"));
        let see = |store: usize, clears| {
            let key = MemoryKey {
                cache: 1,
                dataset_id: Some(store.to_string().into()),
                parts: Preimage::default().parts,
            };
            function.see_clears(&key, clears);
            function.clears()
        };
        assert!((0..MOST_STORES).all(|store| see(store, 7) == 0));
        assert_eq!(see(0, 7), 0, "nothing was cleared");
        assert_eq!(see(0, 8), 1, "a clear by another process");
        assert!(function.keep_since(1).is_some());
        assert_eq!(see(MOST_STORES, 7), 2, "the others are forgotten");
        assert!(function.keep_since(1).is_none(), "it began before that");
        assert!((0..MOST_STORES - 1).all(|store| see(store, 9) == 2));
        assert_eq!(see(0, 10), 3, "a clear after that");
    }
}
