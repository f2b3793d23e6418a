//! A call in two steps, for bindings to other languages: first memory, then everything else.
//!
//! An interpreter has a lock of its own. Looking in memory is quicker than releasing that lock, and
//! everything else may wait for a thread that needs it. Designs considered: releasing it for every
//! call (64 ns of a hit of 350), holding it throughout (a follower that waits with the lock keeps
//! its leader from computing), and this one.

use std::ops::ControlFlow;

use super::{Call, StaleUse};
use crate::execution_cache::cache::guard::FIND;
use crate::execution_cache::codec::any::Typed;
use crate::execution_cache::{Codec, ExecutionCache, ExecutionContext};
use crate::key::Preimage;
use crate::stored::StoredError;

/// A call that is to be cached, before its first look-up.
#[must_use]
pub struct Prepared<'a>(Call<'a>);

debug_fields!(Prepared<'_> {});

impl ExecutionCache {
    /// Prepares a call. `None` says that it is not cached: its arguments have no stored form, a
    /// scope that it needs has no value, or the cache is off.
    ///
    /// ```
    /// use std::sync::LazyLock;
    /// use ecache_core::execution_cache::{
    ///     Cache, ExecutionCache, ExecutionContext, Options, StoredForm,
    /// };
    /// use ecache_core::key::Preimage;
    ///
    /// static WORDS: LazyLock<ExecutionCache> =
    ///     LazyLock::new(|| ExecutionCache::new(Options::new("example::words")));
    ///
    /// fn words(ctx: &ExecutionContext, text: &str) -> usize {
    ///     let compute = || text.split_whitespace().count();
    ///     let arguments = Preimage::of_arguments(|arguments| arguments.push(text));
    ///     let Some(call) = WORDS.prepare(ctx, arguments) else {
    ///         return compute();
    ///     };
    ///     if let Some(result) = call.in_memory(&StoredForm) {
    ///         return result;
    ///     }
    ///     // Here an interpreter's lock is released.
    ///     let computed = call.try_call(&StoredForm, || Ok::<_, ()>(compute()));
    ///     computed.expect("counting does not fail")
    /// }
    ///
    /// let ctx = ExecutionContext::new(Cache::in_memory());
    /// assert_eq!((words(&ctx, "a b c"), words(&ctx, "a b c")), (3, 3));
    /// assert_eq!(WORDS.counters().memory_hits, 1);
    /// ```
    #[doc(hidden)]
    pub fn prepare<'a>(
        &'a self,
        ctx: &'a ExecutionContext,
        arguments: Result<Preimage, StoredError>,
    ) -> Option<Prepared<'a>> {
        self.cached(ctx, arguments).map(Prepared)
    }
}

impl Prepared<'_> {
    /// Returns a fresh result that is in memory. Never waits, and runs no code of the program but
    /// the `Clone` of the result.
    ///
    /// `None` also if the store has to be looked at first, to learn whether the result is current.
    pub fn in_memory<T: Clone + Send + Sync + 'static>(&self, codec: &impl Codec<T>) -> Option<T> {
        if self.0.function.options.verify_every != 0 {
            return None;
        }
        let Self(call) = self;
        let codec = Typed::<_, _>::new(codec);
        let hit = || Some(call.quick_hit(&codec, StaleUse::Refused)?.take());
        call.function.guarded(call.ctx, FIND, hit)?
    }

    /// Goes on with the call as [`ExecutionCache::try_call`] does.
    ///
    /// # Errors
    /// The error of `compute`.
    pub fn try_call<T: Clone + Send + Sync + 'static, E>(
        self,
        codec: &impl Codec<T>,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Self(call) = self;
        let codec = Typed::<_, _>::new(codec);
        match call.begin_typed(&codec, StaleUse::Refused) {
            ControlFlow::Break((result, _)) => Ok(result),
            ControlFlow::Continue(computation) => call.finish_typed(&codec, computation, compute()),
        }
    }
}
