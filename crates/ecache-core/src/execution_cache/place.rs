//! Where a call's result is kept: under its key, or a place further if another function has a result there.
//!
//! Functions that share a store have one key for equal arguments, as in FiftyOne. A hash table with open
//! addressing has the same problem and solves it the same way: whoever comes second takes the next place.
//! Each entry records whose it is, so that a place never leads to another one's result. In FiftyOne's own
//! database a result is where FiftyOne looks for it, so there the newer one stands.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::call::Call;
use crate::backend::{Backend, CallLookup};
use crate::error::Result;
use crate::key::{Key, next_place};
use crate::scope::{Scopes, StoreAddress};
use crate::time::Timestamp;

/// So many functions of one store keep results for equal arguments; one more replaces the first one's.
const PLACES: usize = 4;

impl Call<'_> {
    /// Looks the call up, and settles on its place.
    pub(super) fn find(
        &self,
        backend: &dyn Backend,
        (store, scopes): (&Arc<StoreAddress>, &Scopes),
        with_generation: bool,
        now: Timestamp,
    ) -> Result<CallLookup> {
        let found = backend.lookup_call(&self.identity(store, scopes, with_generation), now)?;
        let mut free = match &found {
            CallLookup::Other(other) if backend.is_fiftyones() => {
                self.warn_of_shared_key(other.as_deref());
                return Ok(CallLookup::Missing);
            }
            CallLookup::Other(_) => None,
            CallLookup::Missing if self.may_share() && !backend.is_fiftyones() => {
                Some(self.key.hash)
            }
            _ => return Ok(found),
        };
        for hash in self.places().skip(1) {
            let mut identity = self.identity(store, scopes, with_generation);
            identity.hash = &hash;
            match backend.lookup_call(&identity, now)? {
                CallLookup::Other(_) => {}
                CallLookup::Missing => free = free.or(Some(hash)),
                found => {
                    self.settle(hash);
                    return Ok(found);
                }
            }
        }
        self.settle(free.unwrap_or(self.key.hash));
        Ok(CallLookup::Missing)
    }

    /// Whether another function may have results in the store, so that a free place says nothing about
    /// those behind it.
    fn may_share(&self) -> bool {
        let options = &self.function.options;
        options.store_name.is_some() || options.function != options.readable_name
    }

    /// The keys under which there may be a result of the call: those that do not hold another one's.
    pub(super) fn own_keys(
        &self,
        backend: &dyn Backend,
        (store, scopes): (&Arc<StoreAddress>, &Scopes),
        now: Timestamp,
    ) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        for hash in self.places() {
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

    fn places(&self) -> impl Iterator<Item = [u8; 32]> {
        std::iter::successors(Some(self.key.hash), |hash| Some(next_place(hash))).take(PLACES)
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
