//! Looks a call up, in memory and in the store.

use std::sync::Arc;

use super::store_result::{Remembered, Seen};
use super::{Call, StaleUse};
use crate::backend::{Backend, CallLookup, CallResult, read_value};
use crate::error::Error;
use crate::execution_cache::Shared;
use crate::execution_cache::codec::any::{AnyCodec, FoundResult, copied};
use crate::execution_cache::counters::pending::Version;
use crate::execution_cache::counters::{Counted, Tier};
use crate::execution_cache::memory::tier::Slot;
use crate::panics::caught;
use crate::time::{Moment, Timestamp};

/// The store failed during a call; the failure is already counted and logged.
pub(in super::super) struct Troubled;

impl Call<'_> {
    pub(in super::super) fn look(
        &self,
        codec: &dyn AnyCodec,
        old: StaleUse,
    ) -> Result<Option<FoundResult>, Troubled> {
        let now = self.ctx.cache.moment();
        if self.function.options.stale_if_error.is_some() {
            self.fallback().take();
        }
        match self.look_in_memory(codec, old, &now) {
            Some(found) => Ok(Some(found)),
            None => self.look_in_store(codec, old, &now),
        }
    }

    /// Looks in memory without slow steps.
    pub(in super::super) fn quick_hit(
        &self,
        codec: &dyn AnyCodec,
        old: StaleUse,
    ) -> Option<FoundResult> {
        let now = self.ctx.cache.moment();
        let slot = self.quick_slot(&now)?;
        let is_stale = self.age(slot.expires_at, old, &now)?;
        self.hit_in_memory(slot, codec, is_stale, &now)
    }

    /// Returns the slot in memory, unless the store must be checked first or copying takes long.
    pub(in super::super) fn quick_slot(&self, now: &Moment<'_>) -> Option<Arc<Slot>> {
        let slot = self.function.memory.get(&self.key, now)?;
        if !slot.is_quick_to_copy() {
            return None;
        }
        if let Some(stored) = &slot.stored
            && !stored.was_current_at(self.ctx.cache.known_epoch()?)
        {
            return None;
        }
        Some(slot)
    }

    fn look_in_memory(
        &self,
        codec: &dyn AnyCodec,
        old: StaleUse,
        now: &Moment<'_>,
    ) -> Option<FoundResult> {
        let slot = self.current_slot(now)?;
        let Some(is_stale) = self.age(slot.expires_at, old, now) else {
            // A function with a store falls back on the result in the store.
            if !self.function.options.residency.has_store()
                && self.may_follow_error(slot.expires_at, now)
            {
                let value = self.attempt("copy a result", copied(codec, &*slot.value));
                let version = slot.version(now.coarse());
                self.fall_back_on(Tier::Memory, value?, slot.expires_at, version);
            }
            return None;
        };
        self.hit_in_memory(slot, codec, is_stale, now)
    }

    fn hit_in_memory(
        &self,
        slot: Arc<Slot>,
        codec: &dyn AnyCodec,
        is_stale: bool,
        now: &Moment<'_>,
    ) -> Option<FoundResult> {
        let function = self.function;
        if !codec.holds(&*slot.value) {
            return None;
        }
        if let Some(stored) = &slot.stored {
            stored.hits.note(now.coarse());
        }
        function.counting.hit(Tier::Memory, slot.cost_ms);
        if is_stale {
            self.count(Counted::StaleHit);
        }
        Some(FoundResult::in_memory(slot, is_stale))
    }

    /// Returns the slot in memory, or removes it if the store has changed since.
    pub(in super::super) fn current_slot(&self, now: &Moment<'_>) -> Option<Arc<Slot>> {
        let (function, cache) = (self.function, &self.ctx.cache);
        let slot = function.memory.get(&self.key, now)?;
        if let Some(stored) = &slot.stored
            && !stored.is_current(cache.epoch(), || self.generation())
        {
            function.memory.remove(&self.key);
            return None;
        }
        Some(slot)
    }

    /// Reports whether a result with this expiry is stale; `None` if it is too old to be served.
    pub(in super::super) fn age(
        &self,
        expires_at: Option<Timestamp>,
        old: StaleUse,
        now: &Moment<'_>,
    ) -> Option<bool> {
        let options = &self.function.options;
        let Some(expires_at) = expires_at else {
            return Some(false);
        };
        let good_until = expires_at.saturating_sub(options.extra_time());
        if now.is_before(good_until) {
            return Some(false);
        }
        let served_for = match old {
            StaleUse::Served => options.stale,
            StaleUse::AfterError => options.stale_if_error,
            StaleUse::Refused => None,
        };
        now.is_before(good_until.saturating_add(served_for?))
            .then_some(true)
    }

    fn generation(&self) -> Option<u64> {
        let cache = &self.ctx.cache;
        let generation = cache.store()?.generation(&self.store());
        self.attempt("ask for the store's generation", generation)
    }

    /// Looks in the store. If it returns no result and the store could be read, the clears of the
    /// store are noted.
    fn look_in_store(
        &self,
        codec: &dyn AnyCodec,
        old: StaleUse,
        moment: &Moment<'_>,
    ) -> Result<Option<FoundResult>, Troubled> {
        let (function, cache) = (self.function, &self.ctx.cache);
        if !function.options.residency.has_store() {
            return Ok(None);
        }
        let Some(backend) = cache.store() else {
            self.count(Counted::Error);
            return Err(Troubled);
        };
        // Read before the look-up, so that any later change moves it.
        let epoch = self.epoch();
        let found = self.find_in_store(backend.as_ref(), epoch.is_some(), moment.exact())?;
        let Some(result) = found else {
            return Ok(None);
        };
        let age = self.age(result.expires_at, old, moment);
        if age.is_none() {
            self.note_clears(backend.as_ref(), None);
            if !self.may_follow_error(result.expires_at, moment) {
                return Ok(None);
            }
        }
        let (expires_at, generation) = (result.expires_at, result.generation);
        let (size, version) = (result.content.size(), version(&result));
        let value = self.decoded(backend.as_ref(), codec, result)?;
        let Some(is_stale) = age else {
            self.fall_back_on(Tier::Store, value, expires_at, version);
            return Ok(None);
        };
        self.count_store_hit(version, is_stale, moment.exact());
        if let (Some(epoch), Some(generation)) = (epoch, generation)
            && function.memory.admits(size)
            && let Some(keeping) = function.keep_at_once_since(self.clears())
        {
            let copy = Remembered {
                value: value.clone(),
                size,
                written_at: None,
                expires_at,
                cost_ms: version.cost_ms,
            };
            let group = function.counter_group(self.ctx);
            let seen = Seen {
                epoch,
                generation,
                hits: cache.pending.hits(&group, self.place(), version),
            };
            self.remember(keeping, copy, Some(seen));
        }
        Ok(Some(FoundResult::of(value, is_stale)))
    }

    /// Returns the result in the store, as it is stored.
    fn find_in_store(
        &self,
        backend: &dyn Backend,
        with_generation: bool,
        now: Timestamp,
    ) -> Result<Option<CallResult>, Troubled> {
        let (store, scopes) = (self.store(), self.scopes());
        let found = self.find(backend, (&store, &scopes), with_generation, now);
        self.ctx.cache.pause_reads_if_busy(&found);
        match self.attempt("look up a result", found).ok_or(Troubled)? {
            CallLookup::Hit(result) => Ok(Some(result)),
            CallLookup::Missing(miss) => {
                self.note_clears(backend, miss.clears);
                Ok(None)
            }
            CallLookup::Other(_) => {
                self.note_clears(backend, None);
                Ok(None)
            }
            CallLookup::Damaged(address) => {
                let address = Box::new(address);
                self.attempt(
                    "use a result",
                    Err::<(), _>(Error::DamagedEntry { address }),
                );
                self.note_clears(backend, None);
                Err(Troubled)
            }
        }
    }

    /// Reads and decodes a result.
    fn decoded(
        &self,
        backend: &dyn Backend,
        codec: &dyn AnyCodec,
        result: CallResult,
    ) -> Result<Shared, Troubled> {
        let value = read_value(backend, result.kind, result.content);
        let value = self.attempt("read a result", value);
        let decode = |value| self.attempt("decode a result", caught(|| codec.decode(value)));
        value.and_then(decode).ok_or_else(|| {
            self.note_clears(backend, None);
            Troubled
        })
    }

    /// Counts a hit in the store.
    fn count_store_hit(&self, version: Version, is_stale: bool, now: Timestamp) {
        let (function, cache) = (self.function, &self.ctx.cache);
        function.counting.hit(Tier::Store, version.cost_ms);
        if is_stale {
            self.count(Counted::StaleHit);
        }
        let group = function.counter_group(self.ctx);
        cache.pending.hit(&group, self.place(), version, now);
        cache.flush_if_due(now);
    }
}

/// Returns the version of a stored result.
fn version(result: &CallResult) -> Version {
    Version {
        written_at: result.written_at,
        cost_ms: result.cost_ms.unwrap_or(0),
    }
}
