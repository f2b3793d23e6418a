//! Keeps panics of the program's own code away from the function whose calls run it.
//!
//! A call runs a `Clone`, a `Drop`, a codec, a clock, a logger, a backend, an executor's wakers. A
//! panic in any of them is a failure of the cache: the call computes. The computation itself runs
//! outside of these guards.
//!
//! A computed result belongs to its caller alone, since memory and followers have copies. Therefore
//! it can be returned without its `Clone`.

use std::panic::resume_unwind;

use super::failures::Reaction;
use crate::execution_cache::{ExecutionCache, ExecutionContext};
use crate::panics::{Payload, caught, caught_async, caught_once, reason};

/// Names the first step of a call in a warning.
pub(in super::super) const FIND: &str = "return a result that it has";

/// Names the last step of a call in a warning.
pub(in super::super) const KEEP: &str = "keep a result";

/// Names the start of a refresh in a warning.
pub(in super::super) const REFRESH: &str = "refresh a result";

impl ExecutionCache {
    /// Runs a step of a call; returns `None` if it panicked.
    ///
    /// # Panics
    /// If the cache is set to [`Reaction::Panic`].
    pub(in super::super) fn guarded<T>(
        &self,
        ctx: &ExecutionContext,
        what: &'static str,
        step: impl FnOnce() -> T,
    ) -> Option<T> {
        let (mut step, mut value) = (Some(step), None);
        self.guard(ctx, what, &mut || value = step.take().map(|step| step()));
        value
    }

    fn guard(&self, ctx: &ExecutionContext, what: &'static str, step: &mut dyn FnMut()) {
        if let Err(panic) = caught_once(step) {
            self.complain(ctx, what, panic);
        }
    }

    /// Like [`ExecutionCache::guarded`], for a future.
    pub(in super::super) async fn guarded_async<T>(
        &self,
        ctx: &ExecutionContext,
        what: &'static str,
        step: impl Future<Output = T>,
    ) -> Option<T> {
        match caught_async(step).await {
            Ok(value) => Some(value),
            Err(panic) => {
                self.complain(ctx, what, panic);
                None
            }
        }
    }

    #[cold]
    fn complain(&self, ctx: &ExecutionContext, what: &'static str, panic: Payload) {
        if ctx.cache.reaction() == Reaction::Panic {
            resume_unwind(panic);
        }
        // Counting may run the code that panicked, such as the clock.
        let complained = caught(|| {
            self.attempt(ctx, what, Err::<(), _>(reason(panic)));
            Ok::<_, String>(())
        });
        drop(complained);
    }
}
