//! Serves a stale result while a thread or a task computes a fresh one.
//!
//! Designs considered: a thread that looks for results about to expire (it would compute results
//! that are never requested), a thread pool (it would have to be sized and shut down), and one
//! thread per refresh (chosen: refreshes are as rare as a `ttl` is long, and starting a thread
//! takes microseconds). Such a thread also polls the future of an `async fn`, unless the attribute
//! names the `spawn` of the runtime that the future needs.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use super::{Call, StaleUse};
use crate::execution_cache::cache::context::context_of;
use crate::execution_cache::cache::failures::report;
use crate::execution_cache::cache::guard::REFRESH;
use crate::execution_cache::codec::any::{SharedCodec, Typed, erase};
use crate::execution_cache::{CacheContext, Codec, ExecutionCache, FlightKey, Shared};
use crate::key::Preimage;
use crate::single_flight::{Joined, Leader};
use crate::stored::StoredError;

impl ExecutionCache {
    /// Like [`ExecutionCache::call`], but serves a stale result at once, for the time that
    /// [`Options::stale`](crate::execution_cache::Options::stale) adds to its `ttl`.
    /// Meanwhile one thread recomputes it, however many threads and processes call.
    ///
    /// `prepare` makes the computation, which must be able to outlive the call. A refresh that
    /// panics or ends with the process leaves the stale result where it is.
    ///
    /// ```
    /// use std::sync::{Arc, LazyLock};
    /// use std::time::Duration;
    /// use ecache_core::execution_cache::{
    ///     Cache, ExecutionCache, ExecutionContext, Options, StoredForm,
    /// };
    /// use ecache_core::key::Preimage;
    ///
    /// static WORDS: LazyLock<ExecutionCache> = LazyLock::new(|| {
    ///     let mut options = Options::new("example::words");
    ///     options.ttl = Some(Duration::from_secs(60));
    ///     options.stale = Some(Duration::from_secs(3600));
    ///     ExecutionCache::new(options)
    /// });
    ///
    /// fn words(ctx: &ExecutionContext, text: &str) -> usize {
    ///     let arguments = Preimage::of_arguments(|arguments| arguments.push(text));
    ///     LazyLock::force(&WORDS).call_refreshing(ctx, StoredForm, arguments, || {
    ///         let text = text.to_owned();
    ///         move || text.split_whitespace().count()
    ///     })
    /// }
    ///
    /// let ctx = ExecutionContext::new(Arc::new(Cache::in_memory()));
    /// assert_eq!(words(&ctx, "a b c"), 3);
    /// ```
    ///
    /// # Panics
    /// Panics like [`ExecutionCache::call`].
    pub fn call_refreshing<T, C>(
        &'static self,
        ctx: &(impl CacheContext + ?Sized),
        codec: impl Codec<T> + Send + Sync + 'static,
        arguments: Result<Preimage, StoredError>,
        prepare: impl FnOnce() -> C,
    ) -> T
    where
        T: Clone + Send + Sync + 'static,
        C: FnOnce() -> T + Send + 'static,
    {
        let prepare = || {
            let compute = prepare();
            || Ok::<T, Infallible>(compute())
        };
        let result = self.try_call_refreshing(ctx, codec, arguments, prepare);
        result.unwrap_or_else(|never| match never {})
    }

    /// Like [`ExecutionCache::call_refreshing`], for a fallible computation: an `Err` is not kept,
    /// and leaves the stale result where it is.
    ///
    /// # Errors
    /// The error of the computation, if no result can be served in its place.
    pub fn try_call_refreshing<T, E, C>(
        &'static self,
        ctx: &(impl CacheContext + ?Sized),
        codec: impl Codec<T> + Send + Sync + 'static,
        arguments: Result<Preimage, StoredError>,
        prepare: impl FnOnce() -> C,
    ) -> Result<T, E>
    where
        T: Clone + Send + Sync + 'static,
        C: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let Some(call) = self.cached(context_of(ctx), arguments) else {
            return prepare()();
        };
        let codec: SharedCodec = Arc::new(Typed::<_, _>::new(codec));
        match call.begin_typed(&*codec, StaleUse::Served) {
            ControlFlow::Break((result, is_stale)) => {
                if is_stale {
                    self.refresh(call, codec, || {
                        let compute = prepare();
                        move || Some(erase(compute().ok()?))
                    });
                }
                Ok(result)
            }
            ControlFlow::Continue(computation) => {
                call.finish_typed(&*codec, computation, prepare()())
            }
        }
    }

    /// Recomputes a result on a thread, unless another thread or process is already computing it.
    pub(in super::super) fn refresh<C>(
        &'static self,
        call: Call<'_>,
        codec: SharedCodec,
        prepare: impl FnOnce() -> C,
    ) where
        C: FnOnce() -> Option<Shared> + Send + 'static,
    {
        let ctx = call.ctx;
        self.guarded(ctx, REFRESH, || {
            if let Joined::Leader(leader) = self.flights.join(call.flight()) {
                self.refresh_as(leader, call, codec, Box::new(prepare()));
            }
        });
    }

    fn refresh_as(
        &'static self,
        leader: Leader<'static, FlightKey, Shared>,
        call: Call<'_>,
        codec: SharedCodec,
        compute: Box<dyn FnOnce() -> Option<Shared> + Send>,
    ) {
        let ctx = call.ctx;
        let (own_ctx, parts) = (ctx.clone(), call.into_parts());
        let thread = thread::Builder::new().name("ecache-refresh".into());
        let spawned = thread.spawn(move || {
            let call = Call::from_parts(self, &own_ctx, parts);
            if let Some(computation) = call.take_over(leader, &*codec)
                && let Some(value) = compute()
            {
                computation.finish(&call, &*codec, Some(&value));
            }
        });
        self.attempt(ctx, "start a thread to refresh a result", spawned);
    }

    /// Like [`ExecutionCache::try_call_refreshing`], for a future; `spawn` runs the refresh in the
    /// background.
    ///
    /// # Errors
    /// The error of the computation, if no result can be served in its place.
    pub async fn try_call_refreshing_async<T, E, F>(
        &'static self,
        ctx: &(impl CacheContext + ?Sized),
        codec: impl Codec<T> + Send + Sync + 'static,
        arguments: Result<Preimage, StoredError>,
        prepare: impl FnOnce() -> F,
        spawn: impl FnOnce(Refresh),
    ) -> Result<T, E>
    where
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Some(call) = self.cached(context_of(ctx), arguments) else {
            return prepare().await;
        };
        let codec: SharedCodec = Arc::new(Typed::<_, _>::new(codec));
        let begun = call.begin_typed_async(self, &codec, StaleUse::Served);
        let computation = match begun.await {
            ControlFlow::Break((result, is_stale)) => {
                if is_stale {
                    let prepare = || {
                        let compute = prepare();
                        async { Some(erase(compute.await.ok()?)) }
                    };
                    self.spawn_refresh(call, codec, prepare, spawn);
                }
                return Ok(result);
            }
            ControlFlow::Continue(computation) => computation,
        };
        let compute = async { prepare().await };
        let computed = call.compute_typed_async(self, &codec, computation, compute);
        computed.await
    }

    /// Gives `spawn` the future that recomputes a result, unless a task or thread of this process
    /// is already computing it.
    pub(in super::super) fn spawn_refresh<F, R>(
        &'static self,
        call: Call<'_>,
        codec: SharedCodec,
        prepare: impl FnOnce() -> F,
        spawn: impl FnOnce(Refresh) -> R,
    ) where
        F: Future<Output = Option<Shared>> + Send + 'static,
    {
        let ctx = call.ctx;
        self.guarded(ctx, REFRESH, || {
            self.refresh_async(call, codec, prepare).map(spawn);
        });
    }

    fn refresh_async<F>(
        &'static self,
        call: Call<'_>,
        codec: SharedCodec,
        prepare: impl FnOnce() -> F,
    ) -> Option<Refresh>
    where
        F: Future<Output = Option<Shared>> + Send + 'static,
    {
        let Joined::Leader(leader) = self.flights.join(call.flight()) else {
            return None;
        };
        let (ctx, compute) = (call.ctx.clone(), prepare());
        let parts = call.into_parts();
        Some(Box::pin(async move {
            let call = Call::from_parts(self, &ctx, parts);
            let Some(computation) = call.take_over_async(self, leader, &codec).await else {
                return;
            };
            if let Some(value) = computation.run_async(compute).await {
                computation.finish_async(self, &call, &codec, value).await;
            }
        }))
    }
}

/// A refresh of an `async fn`'s result, to be run in the background.
pub type Refresh = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A function that runs a refresh.
pub type Spawn<'a> = Box<dyn FnOnce(Refresh) + 'a>;

/// Returns a function that takes a refresh, whatever it returns. The type of another one is in
/// error here and nowhere else.
pub fn spawning<'a, R>(spawn: impl FnOnce(Refresh) -> R + 'a) -> Spawn<'a> {
    Box::new(move |refresh| drop(spawn(refresh)))
}

/// Runs a refresh on a thread of its own.
pub fn spawn(refresh: Refresh) {
    let thread = thread::Builder::new().name("ecache-refresh".into());
    if let Err(error) = thread.spawn(move || wait_for(refresh)) {
        report(
            log::Level::Warn,
            format_args!(
                "the execution cache could not start a thread to refresh a result: {error}"
            ),
        );
    }
}

fn wait_for(refresh: Refresh) {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut refresh = pin!(refresh);
    let mut context = Context::from_waker(&waker);
    while refresh.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}
