//! One call: its identity, and the steps it takes through the tiers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

use super::counters::{Event, Tier};
use super::erased::{AnyCodec, Found};
use super::fallback::Fallback;
use super::keep::{Remembered, Seen};
use super::lead::Lead;
use super::ledger::Whose;
use super::memory_tier::{MemoryKey, Slot};
use super::{ExecutionCache, ExecutionContext, FlightKey, Shared};
use crate::backend::{CallIdentity, CallLookup, read_value};
use crate::error::{Error, Result};
use crate::key::{DeclaredScopes, Preimage, Scope};
use crate::panics::caught;
use crate::scope::{Scopes, StoreAddress};
use crate::single_flight::{Flight, Joined, Landed};
use crate::time::Timestamp;

/// A call that is to be cached.
pub(super) struct Call<'a> {
    pub(super) function: &'a ExecutionCache,
    pub(super) ctx: &'a ExecutionContext,
    pub(super) key: MemoryKey,
    preimage: String,
    /// Number of clears when the call began
    pub(super) clears: u64,
    /// Hash under which the result is kept, if another function's result occupies its key
    place: OnceLock<[u8; 32]>,
    fallback: Mutex<Option<Fallback>>,
}

/// A call without its borrowed fields, for another thread or task.
pub(super) struct Parts {
    key: MemoryKey,
    preimage: String,
    clears: u64,
    place: OnceLock<[u8; 32]>,
    fallback: Option<Fallback>,
}

/// The next step of a call.
pub(super) enum Step<'a> {
    /// Return the result
    Hit(Found),
    /// Recompute this result and compare
    Verify(Found),
    /// Compute as the leader
    Lead(Lead<'a>),
    /// Wait for the leader
    Wait(Arc<Flight<Shared>>),
}

/// The use of stale results.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    /// They are served
    Served,
    /// They are recomputed
    Refused,
    /// They are served if recomputing them fails
    AfterError,
}

/// The store failed during a call; the failure is already counted and logged.
pub(super) struct Troubled;

impl<'a> Call<'a> {
    /// Creates a call, even if the cache is off. Returns `None` if a scope that it requires has no
    /// value: such a call is not cached.
    pub(super) fn new(
        function: &'a ExecutionCache,
        ctx: &'a ExecutionContext,
        arguments: Preimage,
    ) -> Option<Self> {
        let options = &function.options;
        let scope = |is_on: bool, value: &'a Option<Arc<str>>| {
            if is_on {
                Scope::On(value.as_deref())
            } else {
                Scope::Off
            }
        };
        let scopes = DeclaredScopes {
            operator_uri: scope(options.operator_scoped, &ctx.operator_uri),
            prompt_id: scope(options.prompt_scoped, &ctx.prompt_id),
            user_request_token: scope(options.jwt_scoped, &ctx.user_request_token),
            user_id: scope(options.user_scoped, &ctx.user_id),
        };
        let scopes = scopes.resolve()?;
        let arguments_length = arguments.arguments_length();
        let preimage = arguments.finish(&scopes);
        Some(Self {
            function,
            ctx,
            key: MemoryKey {
                cache: ctx.cache.id,
                dataset_id: if options.link_to_dataset {
                    ctx.dataset_id.clone()
                } else {
                    None
                },
                hash: Sha256::digest(&preimage).into(),
                arguments_length,
                scopes: scopes.are_known(),
            },
            preimage,
            clears: function.clears(),
            place: OnceLock::new(),
            fallback: Mutex::new(None),
        })
    }

    /// Copies the identity of the call for another thread.
    pub(super) fn parts(&self) -> Parts {
        Parts {
            key: self.key.clone(),
            preimage: self.preimage.clone(),
            clears: self.clears,
            place: self.place.clone(),
            fallback: None,
        }
    }

    /// Adopts the place and the fallback that another thread found.
    pub(super) fn learn(&self, parts: Parts) {
        if let Some(place) = parts.place.get() {
            self.settle(*place);
        }
        *self.fallback() = parts.fallback;
    }

    pub(super) fn into_parts(self) -> Parts {
        Parts {
            key: self.key,
            preimage: self.preimage,
            clears: self.clears,
            place: self.place,
            fallback: self
                .fallback
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        }
    }

    pub(super) fn from_parts(
        function: &'a ExecutionCache,
        ctx: &'a ExecutionContext,
        parts: Parts,
    ) -> Self {
        Self {
            function,
            ctx,
            key: parts.key,
            preimage: parts.preimage,
            clears: parts.clears,
            place: parts.place,
            fallback: Mutex::new(parts.fallback),
        }
    }

    pub(super) fn fallback(&self) -> MutexGuard<'_, Option<Fallback>> {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the hash under which the result is kept.
    pub(super) fn place(&self) -> &[u8; 32] {
        self.place.get().unwrap_or(&self.key.hash)
    }

    /// Sets the hash under which the result is kept. The first lookup decides: a place freed since
    /// then is not used.
    pub(super) fn settle(&self, place: [u8; 32]) {
        let _ = self.place.set(place);
    }

    /// Returns the store of the result.
    pub(super) fn store(&self) -> Arc<StoreAddress> {
        self.function.store(self.ctx)
    }

    /// Counts an event of the call.
    pub(super) fn count(&self, event: Event) {
        self.function.count(self.ctx, event);
    }

    /// Counts time that was spent on computing the result.
    pub(super) fn spend(&self, spent_ms: u64) {
        let function = self.function;
        if spent_ms > 0 && function.options.residency.has_store() {
            self.ctx.cache.spend(&function.whose(self.ctx), spent_ms);
        }
    }

    /// Like [`ExecutionCache::attempt`], for this call.
    pub(super) fn attempt<T, E: fmt::Display>(
        &self,
        what: &'static str,
        result: std::result::Result<T, E>,
    ) -> Option<T> {
        self.function.attempt(self.ctx, what, result)
    }

    /// Returns the leader's result, if there is one, and counts it as shared.
    pub(super) fn landed(&self, codec: &dyn AnyCodec, landed: Landed<Shared>) -> Option<Found> {
        match landed {
            Landed::Value(value) if codec.holds(&*value) => {
                self.count(Event::Shared);
                Some(Found::new(value))
            }
            _ => None,
        }
    }

    /// Returns the identity by which the store finds and verifies the result.
    pub(super) fn identity<'b>(
        &'b self,
        store: &'b Arc<StoreAddress>,
        scopes: &'b Scopes,
        with_generation: bool,
    ) -> CallIdentity<'b> {
        CallIdentity {
            store,
            hash: self.place(),
            function: &self.function.function,
            scopes,
            preimage: &self.preimage,
            arguments_length: self.key.arguments_length,
            with_generation,
        }
    }

    /// Returns the scopes that are part of the key.
    pub(super) fn scopes(&self) -> Scopes {
        self.function.scopes(self.ctx)
    }

    /// Looks in memory and in the store; on a miss, becomes the leader or a follower.
    pub(super) fn step(&self, codec: &dyn AnyCodec, old: Old) -> Step<'a> {
        let looked = self.look(codec, old);
        if let Ok(Some(found)) = looked {
            return if self.is_verified(&found) {
                Step::Verify(found)
            } else {
                Step::Hit(found)
            };
        }
        // A caller that arrives after a clear must not join a computation from before it.
        match self.function.flights.join(self.flight()) {
            Joined::Follower(flight) => Step::Wait(flight),
            Joined::Leader(leader) => Step::Lead(Lead::new(leader, looked.is_err())),
        }
    }

    /// Returns the key of the flight, which calls that may share a computation have in common.
    pub(super) fn flight(&self) -> FlightKey {
        (self.key.clone(), self.clears)
    }

    /// Reports whether a hit is recomputed and compared.
    pub(super) fn is_verified(&self, found: &Found) -> bool {
        !found.is_old && self.function.is_verified()
    }

    pub(super) fn look(&self, codec: &dyn AnyCodec, old: Old) -> Result<Option<Found>, Troubled> {
        let now = self.ctx.cache.now();
        if self.function.options.stale_if_error.is_some() {
            self.fallback().take();
        }
        match self.look_in_memory(codec, old, now) {
            Some(found) => Ok(Some(found)),
            None => self.look_in_store(codec, old, now),
        }
    }

    /// Looks in memory without slow steps.
    pub(super) fn glance(&self, codec: &dyn AnyCodec, old: Old) -> Option<Found> {
        let now = self.ctx.cache.now();
        let slot = self.quick_slot(now)?;
        let is_old = self.age(slot.expires_at, old, now)?;
        self.hit_in_memory(slot, codec, is_old, now)
    }

    /// Returns the slot in memory, unless the store must be checked first or copying takes long.
    pub(super) fn quick_slot(&self, now: Timestamp) -> Option<Arc<Slot>> {
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

    fn look_in_memory(&self, codec: &dyn AnyCodec, old: Old, now: Timestamp) -> Option<Found> {
        let slot = self.current_slot(now)?;
        let Some(is_old) = self.age(slot.expires_at, old, now) else {
            // A function with a store falls back on the result in the store.
            if !self.function.options.residency.has_store()
                && self.may_follow_error(slot.expires_at, now)
            {
                let value = slot.value.clone();
                self.fall_back_on(Tier::Memory, value, slot.expires_at, slot.cost_ms);
            }
            return None;
        };
        self.hit_in_memory(slot, codec, is_old, now)
    }

    fn hit_in_memory(
        &self,
        slot: Arc<Slot>,
        codec: &dyn AnyCodec,
        is_old: bool,
        now: Timestamp,
    ) -> Option<Found> {
        let function = self.function;
        if !codec.holds(&*slot.value) {
            return None;
        }
        if let Some(stored) = &slot.stored {
            stored.hits.note(now);
        }
        function.counting.hit(Tier::Memory, slot.cost_ms);
        if is_old {
            self.count(Event::StaleHit);
        }
        Some(Found::in_memory(slot, is_old))
    }

    /// Returns the slot in memory, or removes it if the store has changed since.
    pub(super) fn current_slot(&self, now: Timestamp) -> Option<Arc<Slot>> {
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
    pub(super) fn age(
        &self,
        expires_at: Option<Timestamp>,
        old: Old,
        now: Timestamp,
    ) -> Option<bool> {
        let options = &self.function.options;
        let Some(expires_at) = expires_at else {
            return Some(false);
        };
        let good_until = expires_at.saturating_sub(options.extra_time());
        if now < good_until {
            return Some(false);
        }
        let served_for = match old {
            Old::Served => options.stale,
            Old::AfterError => options.stale_if_error,
            Old::Refused => None,
        };
        (now < good_until.saturating_add(served_for?)).then_some(true)
    }

    fn generation(&self) -> Option<u64> {
        let cache = &self.ctx.cache;
        let generation = cache.store()?.generation(&self.store());
        self.attempt("ask for the store's generation", generation)
    }

    fn look_in_store(
        &self,
        codec: &dyn AnyCodec,
        old: Old,
        now: Timestamp,
    ) -> Result<Option<Found>, Troubled> {
        let (function, cache) = (self.function, &self.ctx.cache);
        if !function.options.residency.has_store() {
            return Ok(None);
        }
        let Some(backend) = cache.store() else {
            self.count(Event::Error);
            return Err(Troubled);
        };
        // Read before the look-up, so that any later change moves it.
        let epoch = self.epoch();
        let (store, scopes) = (self.store(), self.scopes());
        let found = self.find(backend.as_ref(), (&store, &scopes), epoch.is_some(), now);
        cache.pause_reads_if_busy(&found);
        let result = match self.attempt("look up a result", found).ok_or(Troubled)? {
            CallLookup::Hit(result) => result,
            CallLookup::Other(_) | CallLookup::Missing => return Ok(None),
            CallLookup::Damaged(address) => {
                let address = Box::new(address);
                self.attempt(
                    "use a result",
                    Err::<(), _>(Error::DamagedEntry { address }),
                );
                return Err(Troubled);
            }
        };
        let age = self.age(result.expires_at, old, now);
        if age.is_none() && !self.may_follow_error(result.expires_at, now) {
            return Ok(None);
        }
        let size = result.content.size();
        let value = read_value(backend.as_ref(), result.kind, result.content);
        let value = self.attempt("read a result", value).ok_or(Troubled)?;
        let value = self.attempt("decode a result", caught(|| codec.decode(value)));
        let value = value.ok_or(Troubled)?;
        let cost_ms = result.cost_ms.unwrap_or(0);
        let Some(is_old) = age else {
            self.fall_back_on(Tier::Store, value, result.expires_at, cost_ms);
            return Ok(None);
        };
        function.counting.hit(Tier::Store, cost_ms);
        if is_old {
            self.count(Event::StaleHit);
        }
        let whose = Whose::new(store.clone(), &scopes);
        cache.hit(&whose, self.place(), cost_ms, now);
        cache.flush_if_due(now);
        if let (Some(epoch), Some(generation)) = (epoch, result.generation)
            && function.memory.admits(size)
        {
            let copy = Remembered {
                value: value.clone(),
                size,
                written_at: None,
                expires_at: result.expires_at,
                cost_ms,
            };
            let hits = cache.hits(&whose, self.place(), cost_ms);
            if let Some(_keeping) = function.keep_since(self.clears) {
                let seen = Seen {
                    epoch,
                    generation,
                    hits,
                };
                self.remember(copy, Some(seen));
            }
        }
        Ok(Some(Found::of(value, is_old)))
    }

    /// Returns the cache's epoch, if results are kept in memory.
    pub(super) fn epoch(&self) -> Option<u64> {
        let has_memory = self.function.options.residency.has_memory();
        has_memory.then(|| self.ctx.cache.epoch())
    }
}
