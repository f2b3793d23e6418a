//! A call as `#[execution_cache]` makes it: typed by the output of its function.
//!
//! The rest of this module knows only cached values; this file converts between them and outputs.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Call, Old};
use super::outcome::{IntoOutput, Outcome};
use super::refresh::Refresh;
use super::{Codec, ExecutionCache, ExecutionContext, workers};
use crate::error::Result;
use crate::filter::Usage;
use crate::key::Preimage;
use crate::stored::StoredError;

/// A call of a function; `O` determines the part of its output that is cached.
#[must_use]
pub struct Attributed<'a, C, O> {
    cache: &'static ExecutionCache,
    ctx: &'a ExecutionContext,
    codec: C,
    outcome: PhantomData<O>,
    arguments: std::result::Result<Preimage, StoredError>,
}

/// The cache status of a returned result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// `true` if the result came from memory, the store or the computation of another caller
    pub is_hit: bool,
    /// `true` if the `ttl` has passed, so that the result is refreshed in the background or served
    /// after an error
    pub is_stale: bool,
    /// Time since the result was written; `None` if it was not cached before, or is not kept
    pub age: Option<Duration>,
}

impl ExecutionCache {
    /// Prepares a call of the function; the methods of [`Attributed`] execute it.
    #[doc(hidden)]
    pub fn attributed<'a, C, O>(
        &'static self,
        ctx: &'a ExecutionContext,
        codec: C,
        _: O,
        arguments: std::result::Result<Preimage, StoredError>,
    ) -> Attributed<'a, C, O> {
        Attributed {
            cache: self,
            ctx,
            codec,
            outcome: PhantomData,
            arguments,
        }
    }
}

impl<C, O> Attributed<'_, C, O> {
    /// Returns the result of the call of an `async fn`.
    pub async fn call_async<Output>(self, compute: impl Future<Output = Output>) -> Output
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + Sync + 'static,
    {
        let compute = async { O::divide(compute.await) };
        let result = self
            .cache
            .try_call_async(self.ctx, self.codec, self.arguments, compute);
        O::unite(result.await)
    }

    /// Returns the result of the call; serves a stale result while a thread refreshes it.
    pub fn call_refreshing<Output, F>(self, prepare: impl FnOnce() -> F) -> Output
    where
        F: FnOnce() -> Output + Send + 'static,
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + 'static,
    {
        let prepare = || {
            let compute = prepare();
            || O::divide(compute())
        };
        O::unite(
            self.cache
                .try_call_refreshing(self.ctx, self.codec, self.arguments, prepare),
        )
    }

    /// Returns the result of the call of an `async fn`; serves a stale result while the future
    /// given to `spawn` refreshes it.
    pub async fn call_refreshing_async<Output, F, R>(
        self,
        prepare: impl FnOnce() -> F,
        spawn: impl FnOnce(Refresh) -> R,
    ) -> Output
    where
        F: Future<Output = Output> + Send + 'static,
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + Sync + 'static,
    {
        let prepare = || {
            let compute = prepare();
            async { O::divide(compute.await) }
        };
        let (codec, arguments) = (self.codec, self.arguments);
        let result =
            self.cache
                .try_call_refreshing_async(self.ctx, codec, arguments, prepare, |refresh| {
                    drop(spawn(refresh));
                });
        O::unite(result.await)
    }

    /// Stores an output in the cache and reports whether it was kept.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::set_cache`].
    pub fn set_cache<Output>(self, value: impl IntoOutput<Output>) -> Result<bool>
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value>,
    {
        match O::divide(value.into_output()) {
            Ok(value) => self
                .cache
                .set_cache(self.ctx, &self.codec, self.arguments, value),
            Err(_) => Ok(false),
        }
    }

    /// Like [`Attributed::set_cache`], for an `async fn`.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::set_cache`].
    pub async fn set_cache_async<Output>(self, output: Output) -> Result<bool>
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + 'static,
    {
        let Ok(value) = O::divide(output) else {
            return Ok(false);
        };
        let (cache, codec, arguments) = (self.cache, self.codec, self.arguments);
        let ctx = self.ctx.clone();
        workers::run(move || cache.set_cache(&ctx, &codec, arguments, value)).await
    }

    /// Removes the cached result of the call.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub fn clear_cache(self) -> Result<Usage> {
        self.cache.clear_cache(self.ctx, self.arguments)
    }

    /// Returns the cached result, if there is a fresh one.
    pub fn get<Output>(self) -> Option<Output>
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value>,
    {
        let value = self.peek()?;
        Some(O::unite(Ok(value)))
    }

    /// Like [`Attributed::get`], for an `async fn`.
    pub async fn get_async<Output>(self) -> Option<Output>
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + 'static,
    {
        let value = self.peek_async::<Output>().await?;
        Some(O::unite(Ok(value)))
    }

    /// Like [`Attributed::contains`], for an `async fn`.
    pub async fn contains_async<Output>(self) -> bool
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + 'static,
    {
        self.peek_async::<Output>().await.is_some()
    }

    /// Reports whether there is a cached result.
    pub fn contains<Output>(self) -> bool
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value>,
    {
        self.peek::<Output>().is_some()
    }

    fn peek<Output>(self) -> Option<O::Value>
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value>,
    {
        let call = self.cache.peeking(self.ctx, self.arguments)?;
        call.peek(&self.codec)
    }

    async fn peek_async<Output>(self) -> Option<O::Value>
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + 'static,
    {
        let call = self.cache.peeking(self.ctx, self.arguments)?;
        call.peek_async(self.cache, self.codec).await
    }

    /// Recomputes the call, stores the result and returns it.
    pub fn refresh<Output>(self, compute: impl FnOnce() -> Output) -> Output
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value>,
    {
        let Some(call) = self.cache.cached(self.ctx, self.arguments) else {
            return compute();
        };
        O::unite(
            call.compute(|| O::divide(compute()))
                .map(|(value, cost_ms)| {
                    call.replace(&self.codec, &value, cost_ms);
                    value
                }),
        )
    }

    /// Like [`Attributed::refresh`], for an `async fn`.
    pub async fn refresh_async<Output>(self, compute: impl Future<Output = Output>) -> Output
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + Sync + 'static,
    {
        let Some(call) = self.cache.cached(self.ctx, self.arguments) else {
            return compute.await;
        };
        let compute = async { O::divide(compute.await) };
        let (cache, codec) = (self.cache, self.codec);
        let (value, cost_ms) = match call.compute_async(compute).await {
            Ok(computed) => computed,
            Err(rest) => return O::unite(Err(rest)),
        };
        let replace = move |call: &Call<'_>| {
            call.replace(&codec, &value, cost_ms);
            value
        };
        O::unite(Ok(call.on_worker(cache, replace).await))
    }

    /// Returns the result of the call and its cache status.
    pub fn with_status<Output>(self, compute: impl FnOnce() -> Output) -> (Output, Status)
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value>,
    {
        let Some(call) = self.cache.cached(self.ctx, self.arguments) else {
            return (compute(), Status::COMPUTED);
        };
        let mut is_computed = false;
        let compute = || {
            is_computed = true;
            O::divide(compute())
        };
        let found = self
            .cache
            .find_or_compute(&call, &self.codec, Old::Refused, compute);
        match found {
            Ok(found) => {
                let status = if is_computed && !found.is_old {
                    Status::COMPUTED
                } else {
                    call.status(found.is_old)
                };
                (O::unite(Ok(found.value)), status)
            }
            Err(rest) => (O::unite(Err(rest)), Status::COMPUTED),
        }
    }

    /// Like [`Attributed::with_status`], for an `async fn`.
    pub async fn with_status_async<Output>(
        self,
        compute: impl Future<Output = Output>,
    ) -> (Output, Status)
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
        C: Codec<O::Value> + Send + Sync + 'static,
    {
        let Some(call) = self.cache.cached(self.ctx, self.arguments) else {
            return (compute.await, Status::COMPUTED);
        };
        let mut is_computed = false;
        let compute = async {
            is_computed = true;
            O::divide(compute.await)
        };
        let codec = Arc::new(self.codec);
        let found = self
            .cache
            .find_or_compute_async(&call, &codec, Old::Refused, compute);
        let found = match found.await {
            Ok(found) => found,
            Err(rest) => return (O::unite(Err(rest)), Status::COMPUTED),
        };
        let is_old = found.is_old;
        let status = if is_computed && !is_old {
            Status::COMPUTED
        } else {
            let status = move |call: &Call<'_>| call.status(is_old);
            call.on_worker(self.cache, status).await
        };
        (O::unite(Ok(found.value)), status)
    }
}

impl Status {
    pub(super) const COMPUTED: Self = Self {
        is_hit: false,
        is_stale: false,
        age: None,
    };
}
