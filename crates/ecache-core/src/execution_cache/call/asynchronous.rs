//! Calls of functions that return futures, on any runtime.
//!
//! The task itself only looks in memory, computes and waits. A worker reads and writes the store,
//! encodes and decodes.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::lookup::Troubled;
use super::{Call, StaleUse};
use crate::execution_cache::cache::context::context_of;
use crate::execution_cache::codec::any::{FoundResult, SharedCodec, Typed};
use crate::execution_cache::memory::tier::Slot;
use crate::execution_cache::{CacheContext, Codec, ExecutionCache, workers};
use crate::key::Preimage;
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
        let Some(call) = self.cached(context_of(ctx), arguments) else {
            return compute.await;
        };
        let codec: SharedCodec = Arc::new(Typed::<_, _>::new(codec));
        let begun = call.begin_typed_async(self, &codec, StaleUse::Refused);
        let computation = match begun.await {
            ControlFlow::Break((result, _)) => return Ok(result),
            ControlFlow::Continue(computation) => computation,
        };
        let computed = call.compute_typed_async(self, &codec, computation, compute);
        computed.await
    }
}

impl Call<'_> {
    /// Runs `work` on a worker, which rebuilds the call from `function` and the call's parts.
    pub(in super::super) async fn on_worker<R: Send + 'static>(
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
    pub(super) async fn look_async(
        &self,
        function: &'static ExecutionCache,
        codec: &SharedCodec,
        old: StaleUse,
    ) -> Result<Option<FoundResult>, Troubled> {
        if !self.may_be_found() {
            return Ok(None);
        }
        let codec = codec.clone();
        let look = move |call: &Call<'_>| {
            let found = call.look(&*codec, old)?;
            Ok(found.map(|found| found.owned(&*codec)))
        };
        self.on_worker(function, look).await
    }

    /// Reports whether a look-up may find anything.
    pub(super) fn may_be_found(&self) -> bool {
        self.function.options.residency.has_store() || self.slot().is_some()
    }

    /// Returns the caller's own result; a worker copies a large one.
    pub(super) async fn owned_async(
        &self,
        function: &'static ExecutionCache,
        codec: &SharedCodec,
        found: FoundResult,
    ) -> FoundResult {
        if self.slot().is_none_or(|slot| slot.is_quick_to_copy()) {
            return found;
        }
        let codec = codec.clone();
        let own = move |_: &Call<'_>| found.owned(&*codec);
        self.on_worker(function, own).await
    }

    fn slot(&self) -> Option<Arc<Slot>> {
        let now = self.ctx.cache.moment();
        self.function.memory.get(&self.key, &now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_executor::block_on;

    use super::*;
    use crate::execution_cache::cache::USES;
    use crate::execution_cache::{Cache, ExecutionContext, Options, StoredForm};

    fn one(argument: u64) -> Result<Preimage, StoredError> {
        Preimage::of_arguments(|arguments| arguments.push(&argument))
    }

    #[test]
    fn the_thread_of_the_executor_never_uses_the_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        // Each hit has to look whether the store changed.
        let context = || ExecutionContext::new(Cache::at(&path).with_coherence(Duration::ZERO));
        let mut options = Options::new("tests::asynchronous");
        options.ttl = Some(Duration::from_secs(3600));
        options.stale_if_error = Some(Duration::from_secs(3600));
        let function: &'static ExecutionCache = Box::leak(Box::new(ExecutionCache::new(options)));
        let ctx = context();
        let call = |ctx: &ExecutionContext, result: Result<u64, ()>| {
            let computed = async move { result };
            block_on(function.try_call_async(ctx, StoredForm, one(1), computed))
        };
        let on_this_thread = USES.get();

        assert_eq!(call(&ctx, Err(())), Err(()));
        assert_eq!(call(&ctx, Ok(7)), Ok(7), "a miss");
        assert_eq!(call(&ctx, Err(())), Ok(7), "a hit in memory");
        let later = context();
        assert_eq!(call(&later, Err(())), Ok(7), "a hit in the store");
        let codec: SharedCodec = Arc::new(Typed::<_, u64>::new(StoredForm));
        let looked_at = |codec: &SharedCodec| {
            let call = function.peeking(&ctx, one(1)).expect("it is cached");
            let found = block_on(call.peek_async(function, codec.clone()))?;
            Some((
                found.take::<u64>(),
                block_on(call.status_async(function, false)).is_hit,
            ))
        };
        assert_eq!(looked_at(&codec), Some((7, true)));
        let counters = function.counters();
        assert_eq!((counters.memory_hits, counters.store_hits), (1, 1));
        assert_eq!((counters.misses, counters.errors), (2, 0));
        assert_eq!(USES.get(), on_this_thread, "workers did all that");

        let found = function.try_call(&context(), &StoredForm, one(1), || Err(()));
        assert_eq!(found, Ok(7_u64));
        assert!(USES.get() > on_this_thread, "a call that may block counts");
    }
}
