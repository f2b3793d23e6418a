//! Looks at the cached result of a call without calling, and replaces it.

use super::call::{Call, Old};
use super::codec::Codec;
use super::{ExecutionCache, ExecutionContext, Status};
use crate::backend::{CallLookup, Lookup, read_value};
use crate::key::Preimage;
use crate::panics::caught;
use crate::stored::StoredError;

impl ExecutionCache {
    /// Returns a call to be looked at; `None` if it would not be cached.
    pub(super) fn peeking<'a>(
        &'a self,
        ctx: &'a ExecutionContext,
        arguments: Result<Preimage, StoredError>,
    ) -> Option<Call<'a>> {
        if !ctx.cache.is_on() {
            return None;
        }
        Call::new(self, ctx, arguments.ok()?)
    }
}

impl Call<'_> {
    /// Like [`Call::peek`], without blocking the task.
    pub(super) async fn peek_async<T: Clone + Send + Sync + 'static>(
        &self,
        function: &'static ExecutionCache,
        codec: impl Codec<T> + Send + 'static,
    ) -> Option<T> {
        let now = self.ctx.cache.now();
        if let Some(slot) = self.quick_slot(now)
            && self.age(slot.expires_at, Old::Refused, now).is_some()
        {
            return slot.copy();
        }
        self.on_worker(function, move |call| call.peek(&codec))
            .await
    }

    /// Returns the cached result, if there is a fresh one; counts nothing but trouble.
    pub(super) fn peek<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
    ) -> Option<T> {
        let now = self.ctx.cache.now();
        if let Some(slot) = self.current_slot(now)
            && self.age(slot.expires_at, Old::Refused, now).is_some()
        {
            return slot.copy();
        }
        if !self.function.options.residency.has_store() {
            return None;
        }
        let backend = self.ctx.cache.store()?;
        let (store, scopes) = (self.store(), self.scopes());
        let found = self.find(backend.as_ref(), (&store, &scopes), false, now);
        let CallLookup::Hit(result) = self.attempt("look up a result", found)? else {
            return None;
        };
        self.age(result.expires_at, Old::Refused, now)?;
        let value = read_value(backend.as_ref(), result.kind, result.content);
        let value = self.attempt("read a result", value)?;
        self.attempt("decode a result", caught(|| codec.decode(value)))
    }

    /// Stores a result that was computed without using a cached one.
    pub(super) fn replace<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
        value: &T,
        cost_ms: u64,
    ) {
        self.find_place();
        self.keep_or_complain(codec, value, cost_ms);
    }

    /// Finds the place for a result that is stored without a lookup.
    pub(super) fn find_place(&self) {
        if self.function.options.residency.has_store()
            && let Some(backend) = self.ctx.cache.store()
        {
            let (store, scopes) = (self.store(), self.scopes());
            let now = self.ctx.cache.now();
            let found = self.find(backend.as_ref(), (&store, &scopes), false, now);
            self.attempt("look up a result", found);
        }
    }

    /// Returns the status of a result that was found.
    pub(super) fn status(&self, is_old: bool) -> Status {
        let now = self.ctx.cache.now();
        let in_memory = self.function.memory.get(&self.key, now);
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
            is_stale: is_old,
            age: written_at.map(|written_at| now.since(written_at)),
        }
    }
}
