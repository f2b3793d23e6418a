//! The place of a call's result: its key, or the next place if another function's result is there.
//!
//! Functions that share a store have one key for equal arguments, as in FiftyOne. As in a hash
//! table with open addressing, the second function takes the next place. Each entry records its
//! function, so a place never yields the result of another one. In FiftyOne's own database a result
//! must be under the key that FiftyOne looks up, so there the newer result replaces the older one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Call;
use crate::backend::{Backend, CallLookup, Miss};
use crate::error::Result;
use crate::key::{Key, MORE_PLACES, more_places};
use crate::scope::{Scopes, StoreAddress};
use crate::time::Timestamp;

impl Call<'_> {
    /// Looks the call up, and settles its place.
    pub(in super::super) fn find(
        &self,
        backend: &dyn Backend,
        (store, scopes): (&Arc<StoreAddress>, &Scopes),
        with_generation: bool,
        now: Timestamp,
    ) -> Result<CallLookup> {
        let mut identity = self.identity(store, scopes, with_generation);
        // An earlier look-up may have found where the result belongs.
        identity.with_taken = !self.is_settled() && self.may_share() && !backend.is_fiftyones();
        let found = backend.lookup_call(&identity, now)?;
        let (mut free, miss) = match &found {
            CallLookup::Other(other) if backend.is_fiftyones() => {
                self.warn_of_shared_key(other.as_deref());
                return Ok(CallLookup::Missing(Miss::default()));
            }
            CallLookup::Other(_) => (None, Miss::default()),
            CallLookup::Missing(miss) if identity.with_taken => (Some(*self.hash()), *miss),
            _ => return Ok(found),
        };
        let taken = miss.taken.unwrap_or([true; MORE_PLACES]);
        if free.is_some() && taken == [false; MORE_PLACES] {
            self.settle(*self.hash());
            return Ok(found);
        }
        for (hash, is_taken) in more_places(self.hash()).into_iter().zip(taken) {
            if !is_taken {
                free = free.or(Some(hash));
                continue;
            }
            let mut identity = self.identity(store, scopes, with_generation);
            identity.hash = &hash;
            match backend.lookup_call(&identity, now)? {
                CallLookup::Other(_) => {}
                CallLookup::Missing(_) => free = free.or(Some(hash)),
                found => {
                    self.settle(hash);
                    return Ok(found);
                }
            }
        }
        self.settle(free.unwrap_or(*self.hash()));
        Ok(CallLookup::Missing(miss))
    }

    /// Reports whether another function may have results in the store; a free place then says
    /// nothing about the places after it.
    fn may_share(&self) -> bool {
        let options = &self.function.options;
        options.store_name.is_some() || options.function != options.readable_name
    }

    /// Returns the keys that may hold a result of the call: those not taken by another function.
    pub(in super::super) fn own_keys(
        &self,
        backend: &dyn Backend,
        (store, scopes): (&Arc<StoreAddress>, &Scopes),
        now: Timestamp,
    ) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        for hash in std::iter::once(*self.hash()).chain(more_places(self.hash())) {
            let mut identity = self.identity(store, scopes, false);
            identity.hash = &hash;
            match backend.lookup_call(&identity, now)? {
                CallLookup::Other(_) if !backend.is_fiftyones() => {}
                _ => keys.push(Key::of_hash(&hash)),
            }
            if backend.is_fiftyones() {
                break;
            }
        }
        Ok(keys)
    }

    fn warn_of_shared_key(&self, other: Option<&str>) {
        let ours = &self.function.options.function;
        let Some(other) = other.filter(|other| other != ours) else {
            return;
        };
        if !self.function.has_warned.swap(true, Ordering::Relaxed) {
            log::warn!(
                "{ours} and {other} share the store {:?} and replace each other's results: give one of them \
                 another store_name",
                self.function.store.store_name
            );
        }
    }
}
