//! FiftyOne's `execution_cache`: a function's results, kept by its arguments and the scopes of its caller.
//!
//! One [`ExecutionCache`] stands beside a function, usually put there by `#[execution_cache]`; a [`Cache`] is the
//! store that calls share, and an [`ExecutionContext`] says whose call it is.
//!
//! ```
//! use std::sync::{Arc, LazyLock};
//! use ecache_core::execution_cache::{Cache, ExecutionCache, ExecutionContext, Options, StoredForm};
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
//! Memory is asked first, then the store; then one caller of a key computes while the others wait, among the threads
//! and tasks of this process and, where the store is a file, among processes. What was computed before something was cleared is
//! returned but not kept. A computation that panics, or whose process is killed, lets the next caller in at once.
//!
//! A key that matches is not enough: an entry records the function, arguments and scopes that it was made of, and where they
//! are other ones it is a miss.

mod cache;
mod call;
mod codec;
mod context;
mod counters;
mod memory_tier;
mod options;
mod uses;

use std::any::Any;
use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

pub use cache::{Cache, DEFAULT_COHERENCE, DEFAULT_PATIENCE, Trouble};
pub use codec::{Codec, CodecError, StoredForm, with};
pub use context::{CacheContext, ExecutionContext};
pub use counters::Counters;
pub use options::{DEFAULT_MAX_SIZE, Options, Residency};

use crate::backend::no_progress;
use crate::entry::Policy;
use crate::error::{Error, Result};
use crate::filter::{DatasetPattern, Filter, Pattern, Usage};
use crate::key::Preimage;
use crate::single_flight::{Flights, Landed};
use crate::stored::StoredError;
use call::{Call, Step};
use counters::{Counting, count};
use memory_tier::{MemoryKey, MemoryTier};

/// A value that is shared among those who waited for it.
type Shared = Arc<dyn Any + Send + Sync>;

/// What is computed once at a time: a call, and how often something had been cleared when it began.
type FlightKey = (MemoryKey, u64);

/// The cache of one function.
pub struct ExecutionCache {
    options: Options,
    store_name: Arc<str>,
    collection: Arc<str>,
    function: Arc<str>,
    memory: MemoryTier,
    flights: Flights<FlightKey, Shared>,
    counting: Counting,
    /// How often something was cleared in this process; held while a result is kept
    clears: RwLock<u64>,
}

/// The datasets whose results are cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Datasets {
    /// All of them, and results that belong to none
    #[default]
    All,
    /// Results that belong to no dataset
    Unlinked,
    /// One dataset
    One(Arc<str>),
}

impl From<&str> for Datasets {
    fn from(id: &str) -> Self {
        Self::One(id.into())
    }
}

impl Datasets {
    fn matches(&self, dataset_id: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Unlinked => dataset_id.is_none(),
            Self::One(id) => dataset_id == Some(id),
        }
    }
}

impl ExecutionCache {
    /// The cache of a function.
    pub fn new(options: Options) -> Self {
        let max_size = match options.residency.has_memory() {
            true => options.max_size,
            false => 0,
        };
        Self {
            store_name: options.store().into(),
            collection: (&*options.collection_name).into(),
            function: (&*options.function).into(),
            memory: MemoryTier::new(max_size),
            flights: Flights::default(),
            counting: Counting::default(),
            clears: RwLock::new(0),
            options,
        }
    }

    /// How the function is cached.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What the cache has been good for since the process began.
    pub fn counters(&self) -> Counters {
        self.counting.read()
    }

    /// The result of a call: from the cache, or else computed and kept.
    ///
    /// The arguments and the scopes make the key; a call whose arguments have no stored form is not cached.
    ///
    /// # Panics
    /// If `compute` does; and over trouble with the cache if that was asked for ([`Trouble::Panic`]).
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

    /// The same for a computation that may turn out not to be kept: an `Err` is returned as it is.
    ///
    /// Callers that waited for a computation which came to an `Err` compute by themselves, one after the other.
    ///
    /// # Errors
    /// That of `compute`.
    pub fn try_call<T: Clone + Send + Sync + 'static, E>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let ctx = ctx.execution_context();
        let Some(call) = self.cached(ctx, arguments) else {
            return compute();
        };
        loop {
            match call.step(codec) {
                Step::Hit(value) => return Ok(value),
                Step::Verify(hit) => {
                    let (value, cost_ms) = self.compute(compute)?;
                    return Ok(call.verify(codec, hit, value, cost_ms));
                }
                Step::Lead(lead) => {
                    let lead = match lead.take_off(codec) {
                        Ok(lead) => lead,
                        Err(value) => return Ok(value),
                    };
                    let (value, cost_ms) = lead.run(|| self.compute(compute))?;
                    return Ok(lead.land(codec, value, cost_ms));
                }
                Step::Wait(flight) => match flight.wait(ctx.cache.patience) {
                    Some(landed) => {
                        if let Some(value) = self.landed(landed) {
                            return Ok(value);
                        }
                    }
                    None => return self.compute(compute).map(|(value, _)| value),
                },
            }
        }
    }

    /// [`ExecutionCache::call`] for a future, on any runtime.
    ///
    /// Waiting for another task is asynchronous. The store itself is a local file and is read in between, which
    /// takes microseconds; for another process's computation a thread waits.
    ///
    /// # Panics
    /// As [`ExecutionCache::call`].
    pub async fn call_async<T: Clone + Send + Sync + 'static>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        compute: impl Future<Output = T>,
    ) -> T {
        let compute = async { Ok::<T, Infallible>(compute.await) };
        let result = self.try_call_async(ctx, codec, arguments, compute).await;
        result.unwrap_or_else(|never| match never {})
    }

    /// [`ExecutionCache::try_call`] for a future, on any runtime.
    ///
    /// # Errors
    /// That of `compute`.
    pub async fn try_call_async<T: Clone + Send + Sync + 'static, E>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        compute: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let ctx = ctx.execution_context();
        let Some(call) = self.cached(ctx, arguments) else {
            return compute.await;
        };
        loop {
            match call.step(codec) {
                Step::Hit(value) => return Ok(value),
                Step::Verify(hit) => {
                    let (value, cost_ms) = self.compute_async(compute).await?;
                    return Ok(call.verify(codec, hit, value, cost_ms));
                }
                Step::Lead(lead) => {
                    let lead = match lead.take_off_async(codec).await {
                        Ok(lead) => lead,
                        Err(value) => return Ok(value),
                    };
                    let (value, cost_ms) = lead.run_async(self.compute_async(compute)).await?;
                    return Ok(lead.land(codec, value, cost_ms));
                }
                Step::Wait(flight) => match flight.landed().await {
                    Some(landed) => {
                        if let Some(value) = self.landed(landed) {
                            return Ok(value);
                        }
                    }
                    None => return self.compute_async(compute).await.map(|(value, _)| value),
                },
            }
        }
    }

    /// The call, unless it is not to be cached.
    fn cached<'a>(
        &'a self,
        ctx: &'a ExecutionContext,
        arguments: Result<Preimage, StoredError>,
    ) -> Option<Call<'a>> {
        let call = match ctx.cache.is_on() {
            true => ctx
                .cache
                .attempt("make a key of the arguments", arguments)
                .and_then(|arguments| Call::new(self, ctx, arguments)),
            false => None,
        };
        if call.is_none() {
            count(&self.counting.bypassed);
        }
        call
    }

    /// Whether the latest hit is one of those that are computed again.
    fn is_verified(&self) -> bool {
        match self.options.verify_every {
            0 => false,
            every => self.counting.hits().is_multiple_of(every),
        }
    }

    fn clears(&self) -> u64 {
        *self.hold_clears()
    }

    /// While this is held, whoever clears waits.
    fn hold_clears(&self) -> RwLockReadGuard<'_, u64> {
        self.clears.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on, no result of a computation that began before is kept.
    fn begin_clear(&self) {
        *self.clears.write().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// What another one's computation came to.
    fn landed<T: Clone + 'static>(&self, landed: Landed<Shared>) -> Option<T> {
        let Landed::Value(shared) = landed else {
            return None;
        };
        let value = shared.downcast_ref::<T>().cloned()?;
        count(&self.counting.shared);
        Some(value)
    }

    fn compute<T, E>(&self, compute: impl FnOnce() -> Result<T, E>) -> Result<(T, u64), E> {
        count(&self.counting.computations);
        let started = Instant::now();
        let value = compute()?;
        Ok((value, elapsed_ms(started)))
    }

    async fn compute_async<T, E>(
        &self,
        compute: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, u64), E> {
        count(&self.counting.computations);
        let started = Instant::now();
        let value = compute.await?;
        Ok((value, elapsed_ms(started)))
    }

    /// Keeps a result without computing it, as FiftyOne's `set_cache`; returns whether it did, since it does not
    /// where the cache is switched off or calls are not cached in this context.
    ///
    /// # Errors
    /// If the arguments or the result have no stored form, or the store failed.
    pub fn set_cache<T: Clone + Send + Sync + 'static>(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        codec: &impl Codec<T>,
        arguments: Result<Preimage, StoredError>,
        value: T,
    ) -> Result<bool> {
        let ctx = ctx.execution_context();
        match Call::new(self, ctx, named(arguments)?) {
            Some(call) if ctx.cache.is_on() => call.keep(codec, &value, None),
            _ => Ok(false),
        }
    }

    /// Forgets the result of one call, in every tier; returns what the store had of it.
    ///
    /// # Errors
    /// If the arguments have no stored form, or the store failed; memory is cleared all the same.
    pub fn clear_cache(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        arguments: Result<Preimage, StoredError>,
    ) -> Result<Usage> {
        let ctx = ctx.execution_context();
        let Some(call) = Call::new(self, ctx, named(arguments)?) else {
            return Ok(Usage::default());
        };
        self.begin_clear();
        let in_memory = u64::from(self.memory.remove(&call.key));
        if !self.options.residency.has_store() {
            return Ok(Usage {
                entries: in_memory,
                bytes: 0,
            });
        }
        let address = call.address();
        let filter = Filter {
            keys: vec![Pattern::exact(address.key.as_str())],
            ..Filter::store(&address.store)
        };
        self.remove(ctx, filter)
    }

    /// Forgets all results of the function that belong to `datasets`, in every tier; returns how many there were and how
    /// large those in the store.
    ///
    /// Memory of other processes follows within the coherence of their caches.
    ///
    /// # Errors
    /// If the store failed; memory is cleared all the same.
    pub fn clear_all_caches(
        &self,
        ctx: &(impl CacheContext + ?Sized),
        datasets: &Datasets,
    ) -> Result<Usage> {
        let ctx = ctx.execution_context();
        self.begin_clear();
        let id = ctx.cache.id;
        let in_memory = self
            .memory
            .remove_if(|key| key.cache == id && datasets.matches(key.dataset_id.as_deref()));
        if !self.options.residency.has_store() {
            return Ok(Usage {
                entries: in_memory,
                bytes: 0,
            });
        }
        let filter = Filter {
            collection: self.collection.to_string(),
            stores: vec![Pattern::exact(&*self.store_name)],
            datasets: match datasets {
                Datasets::All => Vec::new(),
                Datasets::Unlinked => vec![DatasetPattern::Unlinked],
                Datasets::One(id) => vec![DatasetPattern::Id(Pattern::exact(&**id))],
            },
            policy: Some(Policy::Evict),
            ..Filter::default()
        };
        self.remove(ctx, filter)
    }

    fn remove(&self, ctx: &ExecutionContext, filter: Filter) -> Result<Usage> {
        let backend = ctx.cache.backend()?;
        let removed = backend.remove(&filter.into(), ctx.cache.now(), &mut no_progress);
        // Also results that were put into memory while this went on.
        ctx.cache.advance_epoch();
        removed
    }
}

fn named(arguments: Result<Preimage, StoredError>) -> Result<Preimage> {
    arguments.map_err(|error| Error::Unsupported(error.to_string()))
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
