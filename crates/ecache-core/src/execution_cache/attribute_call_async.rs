//! Calls of `async fn`s as `#[execution_cache]` makes them: a worker runs the slow steps.

use super::any_codec::{FoundResult, SharedCodec};
use super::attribute_call::{AttributeCall, CallOf, Computing, Underway};
use super::call::{Call, StaleUse};
use super::computation::{Begun, Computation};
use super::output_codec::{OutputCodec, SharedOutputCodec};
use super::refresh::Refresh;
use super::{ExecutionCache, Shared, Status, workers};
use crate::error::Result;
use crate::filter::Usage;

/// A call of an `async fn` whose result must be computed.
#[must_use]
pub struct PendingAsync<'a, Output> {
    cache: &'static ExecutionCache,
    computing: Computing<'a, 'static>,
    outputs: SharedOutputCodec<Output>,
}

debug_fields!(impl[Output] PendingAsync<'_, Output> {});

impl CallOf<'_> {
    async fn peek_async(self, codec: SharedCodec) -> Option<FoundResult> {
        let call = self.cache.peeking(self.ctx, self.arguments)?;
        call.peek_async(self.cache, codec).await
    }
}

impl<'a, Output: 'static> AttributeCall<'a, Output> {
    /// Like [`AttributeCall::begin`], without blocking the task.
    ///
    /// # Errors
    /// If it must be computed; the future that does is then given to [`PendingAsync::finish`].
    pub async fn begin_async(self) -> std::result::Result<Output, PendingAsync<'a, Output>> {
        let (cache, outputs) = (self.call.cache, self.outputs);
        let Some(call) = self.call.cached() else {
            return Err(PendingAsync::uncached(cache, outputs));
        };
        // In memory, no worker needs the codec.
        if cache.options().verify_every == 0
            && let Some(found) = call.quick_hit(outputs.codec(), StaleUse::Refused)
        {
            return Ok(outputs.unite(found));
        }
        let outputs = outputs.shared();
        let codec: SharedCodec = outputs.clone();
        match call.begin_async(cache, &codec, StaleUse::Refused).await {
            Begun::Found(found) => Ok(outputs.unite(found)),
            Begun::Computing(computation) => Err(PendingAsync {
                cache,
                computing: Some(Box::new(Underway { call, computation })),
                outputs,
            }),
        }
    }

    /// Like [`AttributeCall::with_status`], without blocking the task.
    ///
    /// # Errors
    /// If it must be computed; the future that does is then given to
    /// [`PendingAsync::finish_with_status`].
    pub async fn with_status_async(
        self,
    ) -> std::result::Result<(Output, Status), PendingAsync<'a, Output>> {
        let (cache, outputs) = (self.call.cache, self.outputs);
        let Some(call) = self.call.cached() else {
            return Err(PendingAsync::uncached(cache, outputs));
        };
        let outputs = outputs.shared();
        let codec: SharedCodec = outputs.clone();
        match call.begin_async(cache, &codec, StaleUse::Refused).await {
            Begun::Found(found) => {
                let status = call.status_async(cache, found.is_stale).await;
                Ok((outputs.unite(found), status))
            }
            Begun::Computing(computation) => Err(PendingAsync {
                cache,
                computing: Some(Box::new(Underway { call, computation })),
                outputs,
            }),
        }
    }

    /// Like [`AttributeCall::refresh`], for a future.
    pub fn refresh_async(self) -> PendingAsync<'a, Output> {
        PendingAsync {
            cache: self.call.cache,
            computing: self.call.recompute(),
            outputs: self.outputs.shared(),
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
        let found = self.call.peek_async(outputs.clone()).await?;
        Some(outputs.unite(found))
    }

    /// Like [`AttributeCall::contains`], without blocking the task.
    pub async fn contains_async(self) -> bool {
        self.call.peek_async(self.outputs.shared()).await.is_some()
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

    /// Like [`AttributeCall::refreshing`], for a future; the future given to `spawn` refreshes the
    /// result.
    pub async fn refreshing_async<F, R>(
        self,
        prepare: impl FnOnce() -> F,
        spawn: impl FnOnce(Refresh) -> R,
    ) -> Output
    where
        F: Future<Output = Output> + Send + 'static,
    {
        let (cache, outputs) = (self.call.cache, self.outputs);
        let Some(call) = self.call.cached() else {
            return prepare().await;
        };
        let outputs = outputs.shared();
        let codec: SharedCodec = outputs.clone();
        match call.begin_async(cache, &codec, StaleUse::Served).await {
            Begun::Found(found) if found.is_stale => {
                let output = outputs.unite(found);
                let refresh = cache.refresh_async(call, codec, || {
                    let compute = prepare();
                    async move { outputs.divide(compute.await).ok() }
                });
                refresh.map(spawn);
                output
            }
            Begun::Found(found) => outputs.unite(found),
            Begun::Computing(computation) => {
                let computing = Some(Box::new(Underway { call, computation }));
                let pending = PendingAsync {
                    cache,
                    computing,
                    outputs,
                };
                pending.finish(prepare()).await
            }
        }
    }
}

impl<'a, Output: 'static> PendingAsync<'a, Output> {
    fn uncached(cache: &'static ExecutionCache, outputs: OutputCodec<Output>) -> Self {
        Self {
            cache,
            computing: None,
            outputs: outputs.shared(),
        }
    }

    /// Runs the future that computes; stores the result and returns it.
    pub async fn finish(self, compute: impl Future<Output = Output>) -> Output {
        let output = run(&self.computing, compute).await;
        // An output need not be `Send`, so it must not live across an `await`.
        let computed = match self.divide(output) {
            Ok(computed) => computed,
            Err(output) => return output,
        };
        computed.store().await
    }

    /// Runs the future that computes; stores the result, and returns it and its cache status.
    pub async fn finish_with_status(
        self,
        compute: impl Future<Output = Output>,
    ) -> (Output, Status) {
        let output = run(&self.computing, compute).await;
        let computed = match self.divide(output) {
            Ok(computed) => computed,
            Err(output) => return (output, Status::COMPUTED),
        };
        computed.store_with_status().await
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
            Err(output) => match computation.finish(&call, &*outputs, None) {
                Some(found) => Rest::Serve(found),
                None => return Err(output),
            },
        };
        Ok(Computed {
            cache,
            call,
            outputs,
            rest,
        })
    }
}

async fn run<T>(computing: &Computing<'_, 'static>, compute: impl Future<Output = T>) -> T {
    match computing {
        Some(computing) => computing.computation.run_async(compute).await,
        None => compute.await,
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
        let codec: SharedCodec = self.outputs.clone();
        let found = match self.rest {
            Rest::Store(computation, value) => FoundResult::new(
                computation
                    .finish_async(self.cache, &self.call, &codec, value)
                    .await,
            ),
            Rest::Serve(found) => self.call.owned_async(self.cache, &codec, found).await,
        };
        self.outputs.unite(found)
    }

    async fn store_with_status(self) -> (Output, Status) {
        let status = match &self.rest {
            Rest::Store(..) => Status::COMPUTED,
            Rest::Serve(found) => {
                let is_stale = found.is_stale;
                self.call.status_async(self.cache, is_stale).await
            }
        };
        (self.store().await, status)
    }
}
