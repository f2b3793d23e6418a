//! Looks at the cached result of a call without calling.

use std::sync::Arc;

use crate::backend::{CallLookup, read_value};
use crate::execution_cache::call::{Call, StaleUse};
use crate::execution_cache::codec::any::{AnyCodec, FoundResult, SharedCodec};
use crate::execution_cache::memory::tier::Slot;
use crate::execution_cache::{ExecutionCache, ExecutionContext};
use crate::key::Preimage;
use crate::panics::caught;
use crate::stored::StoredError;
use crate::time::Moment;

impl ExecutionCache {
    /// Returns a call to be looked at; `None` if it would not be cached.
    pub(in super::super) fn peeking<'a>(
        &'a self,
        ctx: &'a ExecutionContext,
        arguments: Result<Preimage, StoredError>,
    ) -> Option<Call<'a>> {
        if !self.is_on(ctx) {
            return None;
        }
        Call::new(self, ctx, arguments.ok()?)
    }
}

impl Call<'_> {
    /// Like [`Call::peek`], without blocking the task.
    pub(in super::super) async fn peek_async(
        &self,
        function: &'static ExecutionCache,
        codec: SharedCodec,
    ) -> Option<FoundResult> {
        let now = self.ctx.cache.moment();
        if let Some(slot) = self.quick_slot(&now)
            && self.is_fresh(&slot, &now)
        {
            return found(slot, &*codec);
        }
        self.on_worker(function, move |call| {
            Some(call.peek(&*codec)?.owned(&*codec))
        })
        .await
    }

    fn is_fresh(&self, slot: &Slot, now: &Moment<'_>) -> bool {
        self.age(slot.expires_at, StaleUse::Refused, now).is_some()
    }

    /// Returns the cached result, if there is a fresh one; counts nothing but trouble.
    pub(in super::super) fn peek(&self, codec: &dyn AnyCodec) -> Option<FoundResult> {
        let now = self.ctx.cache.moment();
        if let Some(slot) = self.current_slot(&now)
            && self.is_fresh(&slot, &now)
        {
            return found(slot, codec);
        }
        if !self.function.options.residency.has_store() {
            return None;
        }
        let backend = self.ctx.cache.store()?;
        let (store, scopes) = (self.store(), self.scopes());
        let found = self.find(backend.as_ref(), (&store, &scopes), false, now.exact());
        let CallLookup::Hit(result) = self.attempt("look up a result", found)? else {
            return None;
        };
        self.age(result.expires_at, StaleUse::Refused, &now)?;
        let value = read_value(backend.as_ref(), result.kind, result.content);
        let value = self.attempt("read a result", value)?;
        let value = self.attempt("decode a result", caught(|| codec.decode(value)))?;
        Some(FoundResult::new(value))
    }

    /// Notes the clears of the store, if results are kept there.
    pub(in super::super) fn note_clears_of_store(&self) {
        if self.function.options.residency.has_store()
            && let Some(backend) = self.ctx.cache.store()
        {
            self.note_clears(backend.as_ref(), None);
        }
    }

    /// Finds the place for a result that is stored without a lookup.
    pub(in super::super) fn find_place(&self) {
        if self.function.options.residency.has_store()
            && let Some(backend) = self.ctx.cache.store()
        {
            let (store, scopes) = (self.store(), self.scopes());
            let now = self.ctx.cache.now();
            let found = self.find(backend.as_ref(), (&store, &scopes), false, now);
            self.attempt("look up a result", found);
        }
    }
}

/// Returns a result in memory, unless it has another type.
fn found(slot: Arc<Slot>, codec: &dyn AnyCodec) -> Option<FoundResult> {
    let is_of_type = codec.holds(&*slot.value);
    is_of_type.then(|| FoundResult::in_memory(slot, false))
}
