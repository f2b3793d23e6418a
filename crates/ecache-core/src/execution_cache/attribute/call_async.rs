//! Calls of `async fn`s as `#[execution_cache]` makes them: a worker runs the slow steps.

use std::ops::ControlFlow::{Break, Continue};
use std::pin::pin;

use super::call::{AttributeCall, CallOf, Computing, Served, Underway};
use super::output_codec::{OutputCodec, SharedOutputCodec};
use crate::error::Result;
use crate::execution_cache::cache::guard::{FIND, KEEP};
use crate::execution_cache::cache::holder::Holder;
use crate::execution_cache::call::computation::{Begun, Computation};
use crate::execution_cache::call::refresh::Refresh;
use crate::execution_cache::call::{Call, StaleUse};
use crate::execution_cache::codec::any::{FoundResult, SharedCodec};
use crate::execution_cache::{ExecutionCache, Shared, Status, workers};
use crate::filter::Usage;

/// A call of an `async fn` whose result must be computed.
#[must_use]
pub struct PendingAsync<'a, Output> {
    cache: &'static ExecutionCache,
    computing: Computing<'a, 'static>,
    outputs: SharedOutputCodec<Output>,
}

debug_fields!(impl[Output] PendingAsync<'_, Output> {});

impl<'a, Output: 'static> AttributeCall<'a, Output> {
    /// Like [`AttributeCall::begin`], without blocking the task.
    ///
    /// # Errors
    /// If it must be computed; the future that does is then given to [`PendingAsync::finish`].
    pub async fn begin_async(self) -> std::result::Result<Output, PendingAsync<'a, Output>> {
        let Self { call, outputs } = self;
        let (cache, ctx) = (call.cache, call.ctx);
        // In memory, no worker needs the codec.
        let in_memory = || {
            let Some(call) = call.cached() else {
                return Continue(None);
            };
            if cache.options().verify_every == 0
                && let Some(found) = call.quick_hit(outputs.codec(), StaleUse::Refused)
            {
                return Break(outputs.unite(found));
            }
            Continue(Some(call))
        };
        let call = match cache.guarded(ctx, FIND, in_memory) {
            Some(Break(output)) => return Ok(output),
            Some(Continue(Some(call))) => call,
            Some(Continue(None)) | None => return Err(PendingAsync::uncached(cache, outputs)),
        };
        let begun = Box::pin(begin(cache, call, outputs.shared(), StaleUse::Refused));
        let served = begun.await?;
        Ok(served.output)
    }

    /// Like [`AttributeCall::with_status`], without blocking the task.
    ///
    /// # Errors
    /// If it must be computed; the future that does is then given to
    /// [`PendingAsync::finish_with_status`].
    pub async fn with_status_async(
        self,
    ) -> std::result::Result<(Output, Status), PendingAsync<'a, Output>> {
        let (cache, ctx, outputs) = (self.call.cache, self.call.ctx, self.outputs);
        let Some(call) = cache.guarded(ctx, FIND, || self.call.cached()).flatten() else {
            return Err(PendingAsync::uncached(cache, outputs));
        };
        let outputs = outputs.shared();
        let codec: SharedCodec = outputs.clone();
        let begin = async {
            match call.begin_async(cache, &codec, StaleUse::Refused).await {
                Begun::Found(found) => {
                    let status = call.status_async(cache, found.is_stale).await;
                    Ok((outputs.unite(found), status))
                }
                Begun::Computing(computation) => Err(Underway { call, computation }),
            }
        };
        let begun = Box::pin(cache.guarded_async(ctx, FIND, begin)).await;
        PendingAsync::or(begun, cache, outputs)
    }

    /// Like [`AttributeCall::refresh`], without blocking the task.
    pub async fn refresh_async(self) -> PendingAsync<'a, Output> {
        let (cache, ctx, outputs) = (self.call.cache, self.call.ctx, self.outputs.shared());
        let recompute = async {
            let call = self.call.cached()?;
            let computation = call.recompute_async(cache).await;
            Some(Box::new(Underway { call, computation }))
        };
        let computing = Box::pin(cache.guarded_async(ctx, FIND, recompute)).await;
        PendingAsync {
            cache,
            computing: computing.flatten(),
            outputs,
        }
    }

    /// Like [`AttributeCall::set_cache`], without blocking the task.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::set_cache`].
    pub fn set_cache_async(self, output: Output) -> impl Future<Output = Result<bool>> + Send {
        // An output need not be `Send`, so the future must not have it.
        let Self { call, outputs } = self;
        let value = outputs.divide(output).ok();
        let codec: SharedCodec = outputs.shared();
        let (cache, ctx, arguments) = (call.cache, call.ctx.clone(), call.arguments);
        async move {
            let Some(value) = value else { return Ok(false) };
            workers::run(move || cache.set_any(&ctx, &*codec, arguments, &value)).await
        }
    }

    /// Like [`AttributeCall::get`], without blocking the task.
    pub async fn get_async(self) -> Option<Output> {
        let outputs = self.outputs.shared();
        self.call
            .peek_async(outputs.clone(), |found| outputs.unite(found))
            .await
    }

    /// Like [`AttributeCall::contains`], without blocking the task.
    pub async fn contains_async(self) -> bool {
        let codec = self.outputs.shared();
        self.call.peek_async(codec, drop).await.is_some()
    }

    /// Like [`AttributeCall::clear_cache`], without blocking the task.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub fn clear_cache_async(self) -> impl Future<Output = Result<Usage>> + Send {
        let (cache, arguments) = (self.call.cache, self.call.arguments);
        let ctx = self.call.ctx.clone();
        workers::run(move || cache.clear_cache(&ctx, arguments))
    }

    /// Like [`AttributeCall::begin_stale`], without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn begin_stale_async(
        self,
    ) -> std::result::Result<Served<'a, Output>, PendingAsync<'a, Output>> {
        let (cache, ctx, outputs) = (self.call.cache, self.call.ctx, self.outputs);
        let Some(call) = cache.guarded(ctx, FIND, || self.call.cached()).flatten() else {
            return Err(PendingAsync::uncached(cache, outputs));
        };
        Box::pin(begin(cache, call, outputs.shared(), StaleUse::Served)).await
    }
}

/// Looks for the result of a call, without blocking the task.
async fn begin<'a, Output: 'static>(
    cache: &'static ExecutionCache,
    call: Call<'a>,
    outputs: SharedOutputCodec<Output>,
    old: StaleUse,
) -> std::result::Result<Served<'a, Output>, PendingAsync<'a, Output>> {
    let (ctx, codec): (_, SharedCodec) = (call.ctx, outputs.clone());
    let begin = async {
        match call.begin_async(cache, &codec, old).await {
            Begun::Found(found) => {
                let stale = found.is_stale.then(|| (call, outputs.clone()));
                let output = outputs.unite(found);
                Ok(Served {
                    output,
                    cache,
                    stale,
                })
            }
            Begun::Computing(computation) => Err(Underway { call, computation }),
        }
    };
    let begun = cache.guarded_async(ctx, FIND, begin).await;
    PendingAsync::or(begun, cache, outputs)
}

impl CallOf<'_> {
    /// Like [`CallOf::peek`], without blocking the task.
    async fn peek_async<T>(
        self,
        codec: SharedCodec,
        unite: impl FnOnce(FoundResult) -> T,
    ) -> Option<T> {
        let (cache, ctx) = (self.cache, self.ctx);
        let peek = async {
            let call = cache.peeking(ctx, self.arguments)?;
            let found = call.peek_async(cache, codec).await?;
            Some(unite(found))
        };
        cache.guarded_async(ctx, FIND, peek).await?
    }
}

impl<Output: 'static> Served<'_, Output> {
    /// Like [`Served::refreshing`], for a future; the function that `spawn` returns runs the
    /// refresh.
    pub fn refreshing_async<F, S, R>(
        self,
        prepare: impl FnOnce() -> F,
        spawn: impl FnOnce() -> S,
    ) -> Output
    where
        F: Future<Output = Output> + Send + 'static,
        S: FnOnce(Refresh) -> R,
    {
        if let Some((call, outputs)) = self.stale {
            let codec: SharedCodec = outputs.clone();
            let prepare = || {
                let compute = prepare();
                async move { outputs.divide(compute.await).ok() }
            };
            let spawn = |refresh| spawn()(refresh);
            self.cache.spawn_refresh(call, codec, prepare, spawn);
        }
        self.output
    }
}

impl<'a, Output: 'static> PendingAsync<'a, Output> {
    /// Returns the found result, or the call that is still to be computed.
    fn or<T>(
        begun: Option<std::result::Result<T, Underway<'a, 'static>>>,
        cache: &'static ExecutionCache,
        outputs: SharedOutputCodec<Output>,
    ) -> std::result::Result<T, Self> {
        let computing = match begun {
            Some(Ok(found)) => return Ok(found),
            Some(Err(underway)) => Some(Box::new(underway)),
            None => None,
        };
        Err(Self {
            cache,
            computing,
            outputs,
        })
    }

    fn uncached(cache: &'static ExecutionCache, outputs: OutputCodec<Output>) -> Self {
        Self {
            cache,
            computing: None,
            outputs: outputs.shared(),
        }
    }

    /// Runs the future that computes; stores the result and returns it.
    pub async fn finish(self, compute: impl Future<Output = Output>) -> Output {
        let output = self.run(compute).await;
        // An output need not be `Send`, so it must not live across an `await`.
        let computed = match self.divide(output) {
            Ok(computed) => computed,
            Err(output) => return output,
        };
        Box::pin(computed.store()).await
    }

    /// Runs the future that computes; stores the result, and returns it and its cache status.
    pub async fn finish_with_status(
        self,
        compute: impl Future<Output = Output>,
    ) -> (Output, Status) {
        let output = self.run(compute).await;
        let computed = match self.divide(output) {
            Ok(computed) => computed,
            Err(output) => return (output, Status::COMPUTED),
        };
        Box::pin(computed.store_with_status()).await
    }

    /// Runs the future that computes.
    async fn run<T>(&self, compute: impl Future<Output = T>) -> T {
        // Pinned here, it is not moved into the futures around it, each of which would have room
        // for it. The cache's own steps are boxed for the same reason.
        let compute = pin!(compute);
        let Some(underway) = &self.computing else {
            return compute.await;
        };
        underway.computation.run_async(compute).await
    }

    /// Returns the result that is still to be stored.
    ///
    /// # Errors
    /// The output, if there is nothing to store.
    fn divide(self, output: Output) -> std::result::Result<Computed<'a, Output>, Output> {
        let Self {
            cache,
            computing,
            outputs,
        } = self;
        let Some(computing) = computing else {
            return Err(output);
        };
        let Underway { call, computation } = *computing;
        let rest = match outputs.divide(output) {
            Ok(value) => Rest::Store(computation, value),
            Err(output) => {
                let finish = || computation.finish(&call, &*outputs, None);
                match cache.guarded(call.ctx, KEEP, finish).flatten() {
                    Some(found) => {
                        drop(Holder::new(output));
                        Rest::Serve(found)
                    }
                    None => return Err(output),
                }
            }
        };
        Ok(Computed {
            cache,
            call,
            outputs,
            rest,
        })
    }
}

/// An asynchronous call after its computation.
struct Computed<'a, Output> {
    cache: &'static ExecutionCache,
    call: Call<'a>,
    outputs: SharedOutputCodec<Output>,
    rest: Rest,
}

enum Rest {
    /// Store the result
    Store(Computation<'static>, Shared),
    /// Serve this result in place of an error
    Serve(FoundResult),
}

impl<Output: 'static> Computed<'_, Output> {
    async fn store(self) -> Output {
        let Self {
            cache,
            call,
            outputs,
            rest,
        } = self;
        let found = match rest {
            Rest::Store(computation, value) => {
                let codec: SharedCodec = outputs.clone();
                let finish = computation.finish_async(cache, &call, &codec, value.clone());
                cache.guarded_async(call.ctx, KEEP, finish).await;
                FoundResult::new(value)
            }
            Rest::Serve(found) => found,
        };
        outputs.unite(found)
    }

    async fn store_with_status(self) -> (Output, Status) {
        let status = match &self.rest {
            Rest::Store(..) => Status::COMPUTED,
            Rest::Serve(found) => {
                let is_stale = found.is_stale;
                let status = self.call.status_async(self.cache, is_stale);
                let status = self.cache.guarded_async(self.call.ctx, FIND, status).await;
                status.unwrap_or(Status {
                    is_hit: true,
                    is_stale,
                    age: None,
                })
            }
        };
        (self.store().await, status)
    }
}
