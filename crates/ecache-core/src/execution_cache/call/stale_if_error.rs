//! Serves a stale result if recomputing it fails.
//!
//! A look-up that finds a result too old to be served keeps it for that case. Reading the store
//! once the error is there would block the task of an asynchronous call: an error need not be
//! `Send`, so it cannot be held while a worker reads.

use super::{Call, Fallback, StaleUse};
use crate::execution_cache::Shared;
use crate::execution_cache::codec::any::{AnyCodec, FoundResult};
use crate::execution_cache::counters::pending::Version;
use crate::execution_cache::counters::{Counted, Tier};
use crate::time::{Moment, Timestamp};

impl Call<'_> {
    /// Reports whether a result with this expiry may be served after an error.
    pub(super) fn may_follow_error(&self, expires_at: Option<Timestamp>, now: &Moment<'_>) -> bool {
        self.function.options.stale_if_error.is_some()
            && self.age(expires_at, StaleUse::AfterError, now).is_some()
    }

    /// Keeps a stale result for the case that recomputing it fails.
    pub(super) fn fall_back_on(
        &self,
        tier: Tier,
        value: Shared,
        expires_at: Option<Timestamp>,
        version: Version,
    ) {
        *self.fallback() = Some(Fallback {
            value,
            tier,
            expires_at,
            version,
        });
    }

    /// Returns the stale result of the last look-up in place of an error, if it may be served.
    pub(super) fn after_error(&self, codec: &dyn AnyCodec) -> Option<FoundResult> {
        let fallback = self.fallback().take()?;
        let (function, cache) = (self.function, &self.ctx.cache);
        let now = cache.moment();
        if !self.may_follow_error(fallback.expires_at, &now) || function.clears() != self.clears() {
            return None;
        }
        if !codec.holds(&*fallback.value) {
            return None;
        }
        function
            .counting
            .hit(fallback.tier, fallback.version.cost_ms);
        self.count(Counted::StaleHit);
        if function.options.residency.has_store() {
            let group = function.counter_group(self.ctx);
            cache
                .pending
                .hit(&group, self.place(), fallback.version, now.exact());
        }
        Some(FoundResult::of(fallback.value, true))
    }
}
