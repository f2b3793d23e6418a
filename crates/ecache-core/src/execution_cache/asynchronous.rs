//! Calls of functions that return futures, on any runtime.
//!
//! The task itself only looks in memory, computes and waits. A worker reads and writes the store,
//! encodes and decodes.

use std::convert::Infallible;
use std::sync::Arc;

use super::call::{Call, Found, Old, Troubled};
use super::codec::Codec;
use super::lead::Lead;
use super::{CacheContext, ExecutionCache, workers};
use crate::key::Preimage;
use crate::single_flight::Joined;
use crate::stored::StoredError;

impl ExecutionCache {
    /// Like [`ExecutionCache::call`], for a future on any runtime.
    ///
    /// Never blocks the executor: a few threads of the cache's own read and write the store, and
    /// encode and decode results.
    ///
    /// # Panics
    /// Panics like [`ExecutionCache::call`].
    pub async fn call_async<T: Clone + Send + Sync + 'static>(
        &'static self,
        ctx: &(impl CacheContext + ?Sized),
        codec: impl Codec<T> + Send + Sync + 'static,
        arguments: Result<Preimage, StoredError>,
        compute: impl Future<Output = T>,
    ) -> T {
        let compute = async { Ok::<T, Infallible>(compute.await) };
        let result = self.try_call_async(ctx, codec, arguments, compute).await;
        result.unwrap_or_else(|never| match never {})
    }

    /// Like [`ExecutionCache::try_call`], for a future on any runtime.
    ///
    /// # Errors
    /// The error of `compute`.
    pub async fn try_call_async<T: Clone + Send + Sync + 'static, E>(
        &'static self,
        ctx: &(impl CacheContext + ?Sized),
        codec: impl Codec<T> + Send + Sync + 'static,
        arguments: Result<Preimage, StoredError>,
        compute: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(call) = self.cached(ctx.execution_context(), arguments) else {
            return compute.await;
        };
        let codec = Arc::new(codec);
        let found = self.find_or_compute_async(&call, &codec, Old::Refused, compute);
        found.await.map(|found| found.value)
    }

    /// Like [`ExecutionCache::find_or_compute`], for a future.
    pub(super) async fn find_or_compute_async<T, C, E>(
        &'static self,
        call: &Call<'_>,
        codec: &Arc<C>,
        old: Old,
        compute: impl Future<Output = Result<T, E>>,
    ) -> Result<Found<T>, E>
    where
        T: Clone + Send + Sync + 'static,
        C: Codec<T> + Send + Sync + 'static,
    {
        loop {
            let looked = match call.glance(old) {
                Some(found) => Ok(Some(found)),
                None => call.look_async(self, codec, old).await,
            };
            let is_troubled = looked.is_err();
            if let Ok(Some(found)) = looked {
                if found.is_old || !self.is_verified() {
                    return Ok(found);
                }
                let hit = found.value;
                return Ok(Found::new(match call.compute_async(compute).await.ok() {
                    Some((value, cost_ms)) => {
                        call.verify_async(self, codec, hit, value, cost_ms).await
                    }
                    None => hit,
                }));
            }
            // A caller that arrives after a clear must not join a computation from before it.
            match self.flights.join(call.flight()) {
                Joined::Leader(leader) => {
                    let lead = Lead::new(leader, is_troubled).locked_async(call).await;
                    let lead = match lead.take_off_async(self, call, codec).await {
                        Ok(lead) => lead,
                        Err(value) => return Ok(Found::new(value)),
                    };
                    // An error need not be `Send`, so it must not live across an `await`.
                    let (value, cost_ms) = match lead.run_async(call.compute_async(compute)).await {
                        Ok(computed) => computed,
                        Err(error) => return call.after_error(error),
                    };
                    let landed = lead.land_async(self, call, codec, value, cost_ms);
                    return Ok(Found::new(landed.await));
                }
                Joined::Follower(flight) => match flight.landed(call.ctx.cache.patience).await {
                    Some(landed) => {
                        if let Some(value) = call.landed(landed) {
                            return Ok(Found::new(value));
                        }
                    }
                    None => {
                        return match call.compute_async(compute).await {
                            Ok((value, _)) => Ok(Found::new(value)),
                            Err(error) => call.after_error(error),
                        };
                    }
                },
            }
        }
    }
}

impl Call<'_> {
    /// Runs `work` on a worker, which rebuilds the call from `function` and the call's parts.
    pub(super) async fn on_worker<R: Send + 'static>(
        &self,
        function: &'static ExecutionCache,
        work: impl FnOnce(&Call<'_>) -> R + Send + 'static,
    ) -> R {
        let (ctx, parts) = (self.ctx.clone(), self.parts());
        let work = move || {
            let call = Call::from_parts(function, &ctx, parts);
            let result = work(&call);
            (result, call.into_parts())
        };
        let (result, parts) = workers::run(work).await;
        self.learn(parts);
        result
    }

    /// Runs [`Call::look`] on a worker, if there is anything to find.
    pub(super) async fn look_async<T, C>(
        &self,
        function: &'static ExecutionCache,
        codec: &Arc<C>,
        old: Old,
    ) -> Result<Option<Found<T>>, Troubled>
    where
        T: Clone + Send + Sync + 'static,
        C: Codec<T> + Send + Sync + 'static,
    {
        let now = self.ctx.cache.now();
        if !function.options.residency.has_store() && function.memory.get(&self.key, now).is_none()
        {
            return Ok(None);
        }
        let codec = codec.clone();
        let look = move |call: &Call<'_>| call.look(&*codec, old);
        self.on_worker(function, look).await
    }

    /// Runs [`Call::verify`] on a worker.
    async fn verify_async<T, C>(
        &self,
        function: &'static ExecutionCache,
        codec: &Arc<C>,
        hit: T,
        value: T,
        cost_ms: u64,
    ) -> T
    where
        T: Clone + Send + Sync + 'static,
        C: Codec<T> + Send + Sync + 'static,
    {
        let codec = codec.clone();
        let verify = move |call: &Call<'_>| call.verify(&*codec, hit, value, cost_ms);
        self.on_worker(function, verify).await
    }
}
