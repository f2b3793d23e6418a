//! One call: what identifies it, and the steps it takes through the tiers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sha2::{Digest, Sha256};

use super::codec::Codec;
use super::counters::{Tier, count};
use super::memory_tier::{MemoryKey, Slot, Stored};
use super::uses::Hits;
use super::{ExecutionCache, ExecutionContext, FlightKey, Shared};
use crate::backend::{Condition, Content, Lookup, Put, read_value};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::key::{DeclaredScopes, Key, Preimage, Scope};
use crate::scope::{Address, Scopes, StoreAddress, token_hash};
use crate::single_flight::{Flight, FlightLock, FlightLocks, Joined, Leader};
use crate::time::Timestamp;
use crate::value::{CHUNK_SIZE, Value};

/// A call that is to be cached.
pub(super) struct Call<'a> {
    function: &'a ExecutionCache,
    ctx: &'a ExecutionContext,
    pub(super) key: MemoryKey,
    preimage: String,
    /// How often something had been cleared when the call began
    clears: u64,
}

/// What a call does next.
pub(super) enum Step<'a, T> {
    /// It has its result
    Hit(T),
    /// It has a result, which is to be computed again and compared
    Verify(T),
    /// It computes, and others wait for it
    Lead(Lead<'a>),
    /// It waits for another one
    Wait(Arc<Flight<Shared>>),
}

/// The store was of no use to a call; that is counted and logged.
struct Troubled;

/// What vouches for a result that is put into memory, read before the result was.
#[derive(Clone, Copy)]
struct Seen {
    epoch: u64,
    generation: u64,
}

impl<'a> Call<'a> {
    /// The call, whether or not the cache is on; `None` if it is not to be cached for want of a scope.
    pub(super) fn new(
        function: &'a ExecutionCache,
        ctx: &'a ExecutionContext,
        arguments: Preimage,
    ) -> Option<Self> {
        let options = &function.options;
        let scope = |is_on: bool, value: &'a Option<Arc<str>>| match is_on {
            true => Scope::On(value.as_deref()),
            false => Scope::Off,
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
                dataset_id: match options.link_to_dataset {
                    true => ctx.dataset_id.clone(),
                    false => None,
                },
                hash: Sha256::digest(&preimage).into(),
                arguments_length,
            },
            preimage,
            clears: function.clears(),
        })
    }

    fn store_address(&self) -> StoreAddress {
        StoreAddress {
            collection: self.function.collection.clone(),
            store_name: self.function.store_name.clone(),
            dataset_id: self.key.dataset_id.clone(),
        }
    }

    /// Where its result is in the store.
    pub(super) fn address(&self) -> Address {
        self.store_address().entry(Key::of_hash(&self.key.hash))
    }

    /// The arguments as JSON text.
    fn arguments(&self) -> String {
        format!("{}]", &self.preimage[..self.key.arguments_length])
    }

    /// The scopes it is made in: those that are part of its key.
    fn scopes(&self) -> Scopes {
        let options = &self.function.options;
        let scope = |is_on: bool, value: &Option<Arc<str>>| {
            value.clone().filter(|value| is_on && !value.is_empty())
        };
        Scopes {
            user_id: scope(options.user_scoped, &self.ctx.user_id),
            operator_uri: scope(options.operator_scoped, &self.ctx.operator_uri),
            prompt_id: scope(options.prompt_scoped, &self.ctx.prompt_id),
            jwt_sha256: scope(options.jwt_scoped, &self.ctx.user_request_token)
                .map(|token| token_hash(&token)),
        }
    }

    /// Looks in memory and in the store, and else joins those who want the same.
    pub(super) fn step<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
    ) -> Step<'_, T> {
        let looked = self.look(codec);
        if let Ok(Some(value)) = looked {
            return match self.function.is_verified() {
                true => Step::Verify(value),
                false => Step::Hit(value),
            };
        }
        // Who comes after a clear does not wait for a computation from before it.
        match self.function.flights.join((self.key.clone(), self.clears)) {
            Joined::Follower(flight) => Step::Wait(flight),
            Joined::Leader(leader) => Step::Lead(Lead {
                call: self,
                leader,
                lock: None,
                is_troubled: looked.is_err(),
            }),
        }
    }

    fn look<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
    ) -> Result<Option<T>, Troubled> {
        match self.look_in_memory() {
            Some(value) => Ok(Some(value)),
            None => self.look_in_store(codec),
        }
    }

    fn look_in_memory<T: Clone + 'static>(&self) -> Option<T> {
        let (function, cache) = (self.function, &self.ctx.cache);
        let now = cache.now();
        let slot = function.memory.get(&self.key, now)?;
        if let Some(stored) = &slot.stored {
            if !stored.is_current(cache.epoch(), || self.generation()) {
                function.memory.remove(&self.key);
                return None;
            }
            stored.hits.note(now);
        }
        let value = slot.copy()?;
        function.counting.hit(Tier::Memory, slot.cost_ms);
        Some(value)
    }

    fn generation(&self) -> Option<u64> {
        let cache = &self.ctx.cache;
        let generation = cache.store()?.generation(&self.store_address());
        cache.attempt("ask for the store's generation", generation)
    }

    fn look_in_store<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
    ) -> Result<Option<T>, Troubled> {
        let (function, cache) = (self.function, &self.ctx.cache);
        if !function.options.residency.has_store() {
            return Ok(None);
        }
        let backend = cache.store().ok_or(Troubled)?;
        // In this order: what changes from here on moves the epoch or the generation.
        let seen = self.see();
        let now = cache.now();
        let address = self.address();
        let found = cache.attempt("look up a result", backend.lookup(&address, now));
        let (entry, content) = match found.ok_or(Troubled)? {
            Lookup::Hit(entry, content) if self.is_of_this_call(&entry) => (entry, content),
            Lookup::Hit(..) | Lookup::Stale(_) | Lookup::Missing => return Ok(None),
            Lookup::Damaged(address) => {
                let address = Box::new(address);
                cache.complain("use a result", &Error::DamagedEntry { address });
                return Err(Troubled);
            }
        };
        let value = read_value(backend.as_ref(), entry.kind, content);
        let value = cache.attempt("read a result", value).ok_or(Troubled)?;
        let value = cache.attempt("decode a result", codec.decode(&value));
        let value = value.ok_or(Troubled)?;
        let cost_ms = entry.cost_ms.unwrap_or(0);
        function.counting.hit(Tier::Store, cost_ms);
        let hits = cache.hits(&address);
        hits.note(now);
        if let Some(seen) = seen {
            let clears = function.hold_clears();
            if *clears == self.clears {
                self.remember(&value, entry.expires_at, cost_ms, Some((seen, hits)));
            }
        }
        Ok(Some(value))
    }

    /// What is to vouch for a result in memory, if results are to be kept there.
    fn see(&self) -> Option<Seen> {
        if !self.function.options.residency.has_memory() {
            return None;
        }
        Some(Seen {
            epoch: self.ctx.cache.epoch(),
            generation: self.generation()?,
        })
    }

    /// Whether what is recorded of an entry does not say that another call made it.
    fn is_of_this_call(&self, entry: &Entry) -> bool {
        entry.is_of_call(&self.function.function, &self.scopes(), &self.arguments())
    }

    fn remember<T: Clone + Send + Sync + 'static>(
        &self,
        value: &T,
        expires_at: Option<Timestamp>,
        cost_ms: u64,
        stored: Option<(Seen, Arc<Hits>)>,
    ) {
        let slot = Slot {
            value: Arc::new(value.clone()),
            expires_at,
            cost_ms,
            stored: stored.map(|(seen, hits)| Stored {
                generation: seen.generation,
                checked_at: AtomicU64::new(seen.epoch),
                hits,
            }),
        };
        self.function.memory.insert(self.key.clone(), slot);
    }

    /// Keeps a result in every tier, unless something was cleared since the call began; returns whether it did.
    pub(super) fn keep<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
        value: &T,
        cost_ms: Option<u64>,
    ) -> Result<bool> {
        let (function, cache) = (self.function, &self.ctx.cache);
        let now = cache.now();
        let expires_at = function.options.ttl.map(|ttl| now.saturating_add(ttl));
        let clears = function.hold_clears();
        if *clears != self.clears {
            return Ok(false);
        }
        let stored = match function.options.residency.has_store() {
            true => {
                let value = codec.encode(value);
                let value = value.map_err(|error| Error::Unsupported(error.to_string()))?;
                let mut entry = Entry::new(self.address(), value.kind, now);
                entry.expires_at = expires_at;
                entry.scopes = self.scopes();
                entry.function = Some(function.function.clone());
                entry.args = Some(self.arguments());
                entry.cost_ms = cost_ms;
                match self.put(&entry, value)? {
                    Some(seen) => Some((seen, cache.hits(&entry.address))),
                    None => return Ok(true),
                }
            }
            false => None,
        };
        self.remember(value, expires_at, cost_ms.unwrap_or(0), stored);
        Ok(true)
    }

    /// Puts an entry into the store; returns what vouches for it in memory.
    fn put(&self, entry: &Entry, value: Value) -> Result<Option<Seen>> {
        let backend = self.ctx.cache.backend()?;
        let seen = self.see();
        let now = entry.created_at;
        let content = match value.bytes.len() {
            0..=CHUNK_SIZE => Content::Inline(value.bytes),
            _ => backend.stage(&mut value.bytes.as_slice(), now)?,
        };
        let put = backend.put(entry, &content, &Condition::Always, now)?;
        // Replacing moves the generation by one; if it moves by more, somebody else was there as well.
        Ok(seen.map(|seen| Seen {
            generation: seen.generation + u64::from(put == Put::Replaced),
            ..seen
        }))
    }

    /// Compares a hit with what was computed again, which is what the caller gets.
    pub(super) fn verify<T: Clone + Send + Sync + 'static>(
        &self,
        codec: &impl Codec<T>,
        hit: T,
        value: T,
        cost_ms: u64,
    ) -> T {
        let same = match (codec.encode(&hit), codec.encode(&value)) {
            (Ok(hit), Ok(value)) => hit.same(&value),
            _ => false,
        };
        if !same {
            count(&self.function.counting.mismatches);
            log::warn!(
                "a cached result of {} is not what it computes now: its arguments do not determine it",
                self.function.options.function
            );
            let kept = self.keep(codec, &value, Some(cost_ms));
            self.ctx.cache.attempt("keep a result", kept);
        }
        value
    }
}

/// The duty to compute for all who wait. Dropped without a value, it lets the next one in.
pub(super) struct Lead<'a> {
    call: &'a Call<'a>,
    leader: Leader<'a, FlightKey, Shared>,
    /// Held while computing, so that other processes wait
    lock: Option<FlightLock>,
    /// Whether the first look came to trouble, so that there is no second
    is_troubled: bool,
}

impl Lead<'_> {
    /// Waits for another process that computes the same; either it turns out to have the value, or this call
    /// computes.
    pub(super) fn take_off<T: Clone + Send + Sync + 'static>(
        mut self,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        let cache = &self.call.ctx.cache;
        if let Some(locks) = self.locks() {
            let lock = locks.lock(&self.call.key.hash, cache.patience);
            self.lock = cache.attempt("lock a key", lock).flatten();
        }
        self.look_again(codec)
    }

    /// The same without blocking the task: a thread waits.
    pub(super) async fn take_off_async<T: Clone + Send + Sync + 'static>(
        mut self,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        let (hash, cache) = (self.call.key.hash, &self.call.ctx.cache);
        if let Some(locks) = self.locks() {
            let lock = match locks.try_lock(&hash) {
                Ok(None) => locks.lock_async(hash, cache.patience).await,
                lock => lock,
            };
            self.lock = cache.attempt("lock a key", lock).flatten();
        }
        self.look_again(codec)
    }

    fn locks(&self) -> Option<&FlightLocks> {
        let cache = &self.call.ctx.cache;
        match self.call.function.options.residency.has_store() && cache.is_open() {
            true => cache.locks(),
            false => None,
        }
    }

    /// Between the first look and now, another one may have landed, here or in another process.
    fn look_again<T: Clone + Send + Sync + 'static>(
        self,
        codec: &impl Codec<T>,
    ) -> Result<Self, T> {
        if !self.is_troubled
            && let Ok(Some(value)) = self.call.look(codec)
        {
            self.leader.land(Arc::new(value.clone()));
            return Err(value);
        }
        count(&self.call.function.counting.misses);
        Ok(self)
    }

    /// Runs the computation.
    pub(super) fn run<T>(&self, compute: impl FnOnce() -> T) -> T {
        self.leader.run(compute)
    }

    /// The same for a future.
    pub(super) async fn run_async<T>(&self, compute: impl Future<Output = T>) -> T {
        self.leader.run_async(compute).await
    }

    /// Keeps the value, unless something was cleared in the meantime, and hands it to those who wait.
    pub(super) fn land<T: Clone + Send + Sync + 'static>(
        self,
        codec: &impl Codec<T>,
        value: T,
        cost_ms: u64,
    ) -> T {
        let cache = &self.call.ctx.cache;
        // A store that could not be opened has been complained of.
        if cache.is_open() || !self.call.function.options.residency.has_store() {
            let kept = self.call.keep(codec, &value, Some(cost_ms));
            cache.attempt("keep a result", kept);
        }
        self.leader.land(Arc::new(value.clone()));
        value
    }
}
