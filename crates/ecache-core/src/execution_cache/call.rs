//! One call: its identity, and what it learns on its way through the tiers.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

use super::any_codec::{AnyCodec, FoundResult};
use super::counters::{Event, Tier};
use super::memory_tier::MemoryKey;
use super::pending_counters::Version;
use super::{ExecutionCache, ExecutionContext, FlightKey, Shared};
use crate::backend::CallIdentity;
use crate::key::{DeclaredScopes, Key, Preimage, Scope, as_text};
use crate::scope::{Scopes, StoreAddress};
use crate::single_flight::Landed;
use crate::time::Timestamp;

/// A call that is to be cached.
pub(super) struct Call<'a> {
    pub(super) function: &'a ExecutionCache,
    pub(super) ctx: &'a ExecutionContext,
    pub(super) key: MemoryKey,
    /// The preimage, unless it is the key's text
    preimage: Option<Vec<u8>>,
    /// SHA-256 of the preimage, which a hit in memory does not need
    hash: OnceLock<[u8; 32]>,
    /// Number of clears when the call began
    pub(super) clears: u64,
    /// Hash under which the result is kept, if another function's result occupies its key
    place: OnceLock<[u8; 32]>,
    fallback: Mutex<Option<Fallback>>,
}

/// A call without its borrowed fields, for another thread or task.
pub(super) struct Parts {
    key: MemoryKey,
    preimage: Option<Vec<u8>>,
    hash: OnceLock<[u8; 32]>,
    clears: u64,
    place: OnceLock<[u8; 32]>,
    fallback: Option<Fallback>,
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
        let preimage = arguments.finish_bytes(&scopes);
        let hash = OnceLock::new();
        // Of a token, only a hash is kept, also in memory.
        let (text, preimage) = match &ctx.user_request_token {
            Some(_) if options.jwt_scoped => {
                let digest: [u8; 32] = Sha256::digest(&preimage).into();
                let text = Key::of_hash(hash.get_or_init(|| digest)).as_str().into();
                (text, Some(preimage))
            }
            _ => (preimage, None),
        };
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
                text: text.into(),
                arguments_length,
                scopes: scopes.are_known(),
            },
            preimage,
            hash,
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
            hash: self.hash.clone(),
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
            hash: self.hash,
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
            hash: parts.hash,
            clears: parts.clears,
            place: parts.place,
            fallback: Mutex::new(parts.fallback),
        }
    }

    pub(super) fn fallback(&self) -> MutexGuard<'_, Option<Fallback>> {
        self.fallback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn preimage(&self) -> &str {
        as_text(self.preimage.as_deref().unwrap_or(&self.key.text))
    }

    /// Returns the SHA-256 of the preimage, which is the call's key in the store.
    pub(super) fn hash(&self) -> &[u8; 32] {
        self.hash
            .get_or_init(|| Sha256::digest(self.preimage()).into())
    }

    /// Returns the hash under which the result is kept.
    pub(super) fn place(&self) -> &[u8; 32] {
        self.place.get().unwrap_or_else(|| self.hash())
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
                self.count(Event::Shared);
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
        CallIdentity {
            store,
            hash: self.place(),
            function: &self.function.function,
            scopes,
            preimage: self.preimage(),
            arguments_length: self.key.arguments_length,
            with_generation,
        }
    }

    /// Returns the scopes that are part of the key.
    pub(super) fn scopes(&self) -> Scopes {
        self.function.scopes(self.ctx)
    }

    /// Returns the key of the flight, which calls that may share a computation have in common.
    pub(super) fn flight(&self) -> FlightKey {
        (self.key.clone(), self.clears)
    }

    /// Reports whether a hit is recomputed and compared.
    pub(super) fn is_verified(&self, found: &FoundResult) -> bool {
        !found.is_stale && self.function.is_verified()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Cache, Options};
    use super::*;

    #[test]
    fn a_key_in_memory_has_the_preimage_but_no_token() {
        let ctx = ExecutionContext::new(Cache::in_memory()).with_user_request_token("secret");
        let text = |jwt_scoped| {
            let mut options = Options::new("tests::call");
            options.jwt_scoped = jwt_scoped;
            let function = ExecutionCache::new(options);
            let arguments = Preimage::of_arguments(|list| list.push("a")).expect("a stored form");
            let call = Call::new(&function, &ctx, arguments).expect("it is cached");
            let digest: [u8; 32] = Sha256::digest(call.preimage()).into();
            assert_eq!(call.hash(), &digest);
            as_text(&call.key.text).to_owned()
        };
        assert_eq!(text(false), r#"["a"]"#);
        assert_eq!(text(true).len(), 64, "a hash in hexadecimal");
    }
}
