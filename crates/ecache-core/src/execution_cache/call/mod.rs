//! One call: its identity, and what it learns on its way through the tiers.
//!
//! `lookup` asks memory and the store. On a miss, `computation` and `leader` compute the result for
//! all followers, and `store_result` keeps it. `refresh` and `stale_if_error` serve stale results.
//! `typed`, `asynchronous` and `prepared` are the kinds of calls without the attribute.

mod asynchronous;
pub(super) mod computation;
mod key_collision;
pub(super) mod leader;
mod lookup;
pub(super) mod prepared;
pub(super) mod refresh;
mod stale_if_error;
mod store_result;
mod typed;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

use super::codec::any::{AnyCodec, FoundResult};
use super::counters::pending::Version;
use super::counters::{Counted, Tier};
use super::memory::tier::MemoryKey;
use super::{ExecutionCache, ExecutionContext, FlightKey, Options, Shared};
use crate::backend::{Backend, CallIdentity};
use crate::key::{CallScopes, DeclaredScopes, KeyParts, KeyText, Preimage, Scope};
use crate::scope::{Scopes, StoreAddress};
use crate::single_flight::Landed;
use crate::sync::lock;
use crate::time::Timestamp;

/// A call that is to be cached.
pub(super) struct Call<'a> {
    pub(super) function: &'a ExecutionCache,
    pub(super) ctx: &'a ExecutionContext,
    pub(super) key: MemoryKey,
    /// Number of clears when the call began, or since then before it computed
    clears: AtomicU64,
    details: OnceLock<Box<Details>>,
}

/// The parts of a call that a hit in memory does not need.
#[derive(Default)]
struct Details {
    text: OnceLock<KeyText>,
    /// SHA-256 of the text
    hash: OnceLock<[u8; 32]>,
    /// Hash under which the result is kept, if another function's result occupies its key
    place: OnceLock<[u8; 32]>,
    fallback: Mutex<Option<Fallback>>,
    clears_of_store: Mutex<NotedClears>,
}

/// The number of clears of the store before the result was computed.
#[derive(Clone, Copy, Default)]
struct NotedClears {
    count: Option<u64>,
    /// Set after a wait, until the next look
    is_old: bool,
}

/// A call without its borrowed fields, for another thread or task.
pub(super) struct Parts {
    key: MemoryKey,
    clears: u64,
    details: OnceLock<Box<Details>>,
}

/// A stale result to be served if recomputing it fails.
pub(super) struct Fallback {
    pub(super) value: Shared,
    pub(super) tier: Tier,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) version: Version,
}

/// The use of stale results.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StaleUse {
    /// They are served
    Served,
    /// They are recomputed
    Refused,
    /// They are served if recomputing them fails
    AfterError,
}

impl<'a> Call<'a> {
    /// Creates a call, even if the cache is off. Returns `None` if a scope that it requires has no
    /// value, or if the dataset has an empty id: such a call is not cached.
    pub(super) fn new(
        function: &'a ExecutionCache,
        ctx: &'a ExecutionContext,
        arguments: Preimage,
    ) -> Option<Self> {
        let options = &function.options;
        let details = OnceLock::new();
        let parts = if options.is_scoped() {
            let scopes = scopes(options, ctx)?;
            let parts = arguments.into_parts(&scopes);
            match scopes.user_request_token {
                Some(_) => without_token(&parts, &scopes, &details),
                None => parts,
            }
        } else {
            arguments.parts
        };
        let dataset_id = match &ctx.dataset_id {
            Some(id) if options.link_to_dataset && id.is_empty() => return None,
            Some(id) if options.link_to_dataset => Some(id.clone()),
            _ => None,
        };
        Some(Self {
            function,
            ctx,
            key: MemoryKey {
                cache: ctx.cache.id,
                dataset_id,
                parts,
            },
            clears: AtomicU64::new(function.clears()),
            details,
        })
    }

    /// Copies the identity of the call for another thread.
    pub(super) fn parts(&self) -> Parts {
        let details = self.details.get().map(|known| {
            Box::new(Details {
                text: known.text.clone(),
                hash: known.hash.clone(),
                place: known.place.clone(),
                fallback: Mutex::default(),
                clears_of_store: Mutex::new(*lock(&known.clears_of_store)),
            })
        });
        Parts {
            key: self.key.clone(),
            clears: self.clears(),
            details: details.map_or_else(OnceLock::new, OnceLock::from),
        }
    }

    /// Adopts what another thread found.
    pub(super) fn learn(&self, parts: Parts) {
        self.clears.store(parts.clears, Ordering::Release);
        let Some(learned) = parts.details.into_inner() else {
            return;
        };
        if let Some(place) = learned.place.get() {
            self.settle(*place);
        }
        let clears = learned.clears_of_store.into_inner();
        *lock(&self.details().clears_of_store) = clears.unwrap_or_else(PoisonError::into_inner);
        let fallback = learned.fallback.into_inner();
        *self.fallback() = fallback.unwrap_or_else(PoisonError::into_inner);
    }

    pub(super) fn into_parts(self) -> Parts {
        Parts {
            clears: self.clears(),
            key: self.key,
            details: self.details,
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
            clears: AtomicU64::new(parts.clears),
            details: parts.details,
        }
    }

    /// Returns the number of clears when the call began, or since then before it computed.
    pub(super) fn clears(&self) -> u64 {
        self.clears.load(Ordering::Acquire)
    }

    /// Notes, before the result is computed, how often its store was cleared by any process. `read`
    /// is that number if a look-up has read it.
    pub(super) fn note_clears(&self, backend: &dyn Backend, read: Option<u64>) {
        let noted = *lock(&self.details().clears_of_store);
        if noted.count.is_some() && !noted.is_old {
            return;
        }
        let count = if read.is_some() {
            read
        } else {
            let asked = self.attempt("count the clears", backend.clears(&self.store()));
            let Some(count) = asked else {
                return;
            };
            count
        };
        if let Some(count) = count {
            self.function.see_clears(&self.key, count);
        }
        *lock(&self.details().clears_of_store) = NotedClears {
            count,
            is_old: false,
        };
        self.clears.store(self.function.clears(), Ordering::Release);
    }

    /// Lets the next look note the clears again, after a wait. If that fails, the older count
    /// stays, so that a result is never written unchecked.
    pub(super) fn renew_clears(&self) {
        if let Some(details) = self.details.get() {
            lock(&details.clears_of_store).is_old = true;
        }
    }

    /// Returns the number of clears of the store that was noted.
    pub(super) fn clears_of_store(&self) -> Option<u64> {
        lock(&self.details.get()?.clears_of_store).count
    }

    fn details(&self) -> &Details {
        self.details.get_or_init(Box::default)
    }

    pub(super) fn fallback(&self) -> MutexGuard<'_, Option<Fallback>> {
        let fallback = &self.details().fallback;
        lock(fallback)
    }

    fn text(&self) -> &KeyText {
        self.details().text.get_or_init(|| self.key.parts.text())
    }

    /// Returns the SHA-256 of the preimage, which is the call's key in the store.
    pub(super) fn hash(&self) -> &[u8; 32] {
        let hash = || Sha256::digest(&self.text().preimage).into();
        self.details().hash.get_or_init(hash)
    }

    /// Returns the hash under which the result is kept.
    pub(super) fn place(&self) -> &[u8; 32] {
        let place = self.details().place.get();
        place.unwrap_or_else(|| self.hash())
    }

    /// Sets the hash under which the result is kept. The first lookup decides: a place freed since
    /// then is not used.
    pub(super) fn settle(&self, place: [u8; 32]) {
        let _ = self.details().place.set(place);
    }

    /// Reports whether a look-up has decided under which hash the result is kept.
    pub(super) fn is_settled(&self) -> bool {
        self.details().place.get().is_some()
    }

    /// Returns the store of the result.
    pub(super) fn store(&self) -> Arc<StoreAddress> {
        self.function.store(self.ctx)
    }

    /// Counts an event of the call.
    pub(super) fn count(&self, event: Counted) {
        self.function.count(self.ctx, event);
    }

    /// Counts that the call got the result of another one's computation, as a hit of the entry
    /// that this has just stored.
    fn count_shared(&self) {
        let (function, cache) = (self.function, &self.ctx.cache);
        function.counting.count(Counted::Shared);
        if function.options.residency.has_store() && cache.is_on() {
            let group = function.counter_group(self.ctx);
            cache.pending.share(&group, self.place(), cache.now());
        }
    }

    /// Counts time that was spent on computing the result.
    pub(super) fn spend(&self, spent_ms: u64) {
        let function = self.function;
        if spent_ms > 0 && function.options.residency.has_store() {
            self.ctx
                .cache
                .pending
                .spend(&function.counter_group(self.ctx), spent_ms);
        }
    }

    /// Like [`ExecutionCache::attempt`], for this call.
    pub(super) fn attempt<T, E: fmt::Display>(
        &self,
        what: &'static str,
        result: Result<T, E>,
    ) -> Option<T> {
        self.function.attempt(self.ctx, what, result)
    }

    /// Returns the leader's result, if there is one, and counts it as shared.
    pub(super) fn landed(
        &self,
        codec: &dyn AnyCodec,
        landed: Landed<Shared>,
    ) -> Option<FoundResult> {
        match landed {
            Landed::Value(value) if codec.holds(&*value) => {
                self.count_shared();
                Some(FoundResult::new(value))
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
        let text = self.text();
        CallIdentity {
            store,
            hash: self.place(),
            function: &self.function.function,
            scopes,
            preimage: &text.preimage,
            arguments_length: text.arguments_length,
            with_generation,
            with_taken: false,
            clears: self.clears_of_store(),
            began_at: None,
        }
    }

    /// Returns the scopes that are part of the key.
    pub(super) fn scopes(&self) -> Scopes {
        self.function.scopes(self.ctx)
    }

    /// Returns the key of the flight, which calls that may share a computation have in common.
    pub(super) fn flight(&self) -> FlightKey {
        (self.key.clone(), self.clears())
    }

    /// Reports whether a hit is recomputed and compared.
    pub(super) fn is_verified(&self, found: &FoundResult) -> bool {
        !found.is_stale && self.function.is_verified()
    }
}

/// Returns the scopes of a call; `None` if one that the function requires has no value.
fn scopes<'a>(options: &Options, ctx: &'a ExecutionContext) -> Option<CallScopes<'a>> {
    let scope = |is_on: bool, value: &'a Option<Arc<str>>| {
        if is_on {
            Scope::On(value.as_deref())
        } else {
            Scope::Off
        }
    };
    let declared = DeclaredScopes {
        operator_uri: scope(options.operator_scoped, &ctx.operator_uri),
        prompt_id: scope(options.prompt_scoped, &ctx.prompt_id),
        user_request_token: scope(options.jwt_scoped, &ctx.user_request_token),
        user_id: scope(options.user_scoped, &ctx.user_id),
    };
    declared.resolve()
}

/// Returns a key for memory in place of `parts`, among which is a token: of that, only a hash is
/// kept.
fn without_token(
    parts: &KeyParts,
    scopes: &CallScopes<'_>,
    details: &OnceLock<Box<Details>>,
) -> KeyParts {
    let details = details.get_or_init(Box::default);
    let text = details.text.get_or_init(|| parts.text());
    let hash = || Sha256::digest(&text.preimage).into();
    let hash = details.hash.get_or_init(hash);
    KeyParts::of_secret(hash, text.arguments_length, scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution_cache::{Cache, Options};

    #[test]
    fn a_key_in_memory_has_the_arguments_but_no_token() {
        let ctx = ExecutionContext::new(Cache::in_memory()).with_user_request_token("secret");
        let parts = |jwt_scoped| {
            let mut options = Options::new("tests::call");
            options.jwt_scoped = jwt_scoped;
            let function = ExecutionCache::new(options);
            let arguments = Preimage::of_arguments(|list| list.push("a")).expect("a stored form");
            let call = Call::new(&function, &ctx, arguments).expect("it is cached");
            let digest: [u8; 32] = Sha256::digest(&call.text().preimage).into();
            assert_eq!(call.hash(), &digest);
            String::from_utf8_lossy(call.key.parts.as_bytes()).into_owned()
        };
        assert!(parts(false).ends_with('a'));
        assert!(!parts(true).contains("secret"));
    }
}
