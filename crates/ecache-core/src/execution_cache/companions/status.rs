//! The cache status of a returned result.

use std::time::Duration;

use crate::backend::Lookup;
use crate::execution_cache::ExecutionCache;
use crate::execution_cache::call::Call;

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

impl Status {
    pub(in super::super) const COMPUTED: Self = Self {
        is_hit: false,
        is_stale: false,
        age: None,
    };
}

impl Call<'_> {
    /// Returns the status of a result that was found.
    pub(in super::super) fn status(&self, is_stale: bool) -> Status {
        let moment = self.ctx.cache.moment();
        let in_memory = self.function.memory.get(&self.key, &moment);
        let now = moment.exact();
        let written_at = in_memory.and_then(|slot| slot.written_at).or_else(|| {
            let backend = self.ctx.cache.store()?;
            let (store, scopes) = (self.store(), self.scopes());
            let address = self.identity(&store, &scopes, false).address();
            match self.attempt("look up a result", backend.lookup(&address, now))? {
                Lookup::Hit(entry, _) => Some(entry.written_at()),
                _ => None,
            }
        });
        Status {
            is_hit: true,
            is_stale,
            age: written_at.map(|written_at| now.since(written_at)),
        }
    }

    /// Like [`Call::status`], without blocking the task.
    pub(in super::super) async fn status_async(
        &self,
        function: &'static ExecutionCache,
        is_stale: bool,
    ) -> Status {
        let status = move |call: &Call<'_>| call.status(is_stale);
        self.on_worker(function, status).await
    }
}
