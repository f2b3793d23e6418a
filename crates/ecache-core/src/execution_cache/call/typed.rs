//! Calls whose results have a type: the first and the last step of the calls without an attribute.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::computation::{Begun, Computation};
use super::{Call, StaleUse};
use crate::execution_cache::ExecutionCache;
use crate::execution_cache::cache::guard::{FIND, KEEP};
use crate::execution_cache::codec::any::{AnyCodec, FoundResult, SharedCodec, erase};

/// A result, and whether it is stale.
pub(in super::super) type Found<T> = (T, bool);

impl<'a> Call<'a> {
    /// Looks for the result. If it must be computed, continues with the computation, unless the
    /// cache failed.
    pub(super) fn begin_typed<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &dyn AnyCodec,
        old: StaleUse,
    ) -> ControlFlow<Found<T>, Option<Computation<'a>>> {
        let begin = || match self.begin(codec, old) {
            Begun::Found(found) => ControlFlow::Break(typed(found)),
            Begun::Computing(computation) => ControlFlow::Continue(Some(computation)),
        };
        let begun = self.function.guarded(self.ctx, FIND, begin);
        begun.unwrap_or(ControlFlow::Continue(None))
    }

    /// Stores a computed result and returns it, or the result that takes the place of an error.
    ///
    /// # Errors
    /// The error, if nothing takes its place.
    pub(super) fn finish_typed<T: Clone + Send + Sync + 'static, E>(
        &self,
        codec: &dyn AnyCodec,
        computation: Option<Computation<'a>>,
        computed: Result<T, E>,
    ) -> Result<T, E> {
        let Some(computation) = computation else {
            return computed;
        };
        match computed {
            Ok(value) => {
                let value = erase(value);
                let finish = || computation.finish(self, codec, Some(&value));
                self.function.guarded(self.ctx, KEEP, finish);
                Ok(FoundResult::new(value).take())
            }
            Err(error) => self.after(codec, computation).ok_or(error),
        }
    }

    /// Ends a computation that failed; returns the result that takes the place of its error.
    fn after<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &dyn AnyCodec,
        computation: Computation<'_>,
    ) -> Option<T> {
        let finish = || Some(computation.finish(self, codec, None)?.take());
        self.function.guarded(self.ctx, KEEP, finish)?
    }

    /// Like [`Call::begin_typed`], without blocking the task.
    pub(super) async fn begin_typed_async<T: Clone + Send + Sync + 'static>(
        &self,
        function: &'static ExecutionCache,
        codec: &SharedCodec,
        old: StaleUse,
    ) -> ControlFlow<Found<T>, Option<Computation<'static>>> {
        let begin = async {
            match self.begin_async(function, codec, old).await {
                Begun::Found(found) => ControlFlow::Break(typed(found)),
                Begun::Computing(computation) => ControlFlow::Continue(Some(computation)),
            }
        };
        let begun = function.guarded_async(self.ctx, FIND, begin).await;
        begun.unwrap_or(ControlFlow::Continue(None))
    }

    /// Runs the future that computes, and goes on like [`Call::finish_typed`].
    ///
    /// # Errors
    /// The error of the future, if nothing takes its place.
    pub(super) async fn compute_typed_async<T: Clone + Send + Sync + 'static, E>(
        &self,
        function: &'static ExecutionCache,
        codec: &SharedCodec,
        computation: Option<Computation<'static>>,
        compute: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(computation) = computation else {
            return compute.await;
        };
        // An error need not be `Send`, so it must not live across an `await`.
        let value = match computation.run_async(compute).await {
            Ok(value) => erase(value),
            Err(error) => return self.after(&**codec, computation).ok_or(error),
        };
        let finish = computation.finish_async(function, self, codec, Arc::clone(&value));
        function.guarded_async(self.ctx, KEEP, finish).await;
        Ok(FoundResult::new(value).take())
    }
}

fn typed<T: Clone + Send + Sync + 'static>(found: FoundResult) -> Found<T> {
    let is_stale = found.is_stale;
    (found.take(), is_stale)
}
