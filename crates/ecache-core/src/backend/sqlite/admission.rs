//! Admission: the entries that limits let into a store, and their lifetimes.

use std::borrow::Cow;
use std::time::Duration;

use super::SqliteBackend;
use super::row_changes::Cell;
use super::session::Session;
use super::{tombstones, usage};
use crate::backend::Expiry;
use crate::backend::limit::Bounds;
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::Usage;
use crate::time::Timestamp;
use crate::usage::{Group, Outcome, Period};

impl SqliteBackend {
    /// Gives an entry that names no lifetime the default one of the narrowest limit that has one.
    pub(super) fn with_default_ttl<'a>(
        &self,
        transaction: &Session,
        cell: Cell,
        entry: &'a Entry,
        expiry: Expiry,
        now: Timestamp,
    ) -> Result<Cow<'a, Entry>> {
        if expiry == Expiry::Named || entry.policy == Policy::Persist {
            return Ok(Cow::Borrowed(entry));
        }
        let ttl = self.bound(transaction, cell, |bounds| bounds.default_ttl_ms)?;
        Ok(match ttl {
            None => Cow::Borrowed(entry),
            Some((ttl, _)) => Cow::Owned(Entry {
                expires_at: Some(now.saturating_add(Duration::from_millis(ttl))),
                ..entry.clone()
            }),
        })
    }

    /// Refuses a result that took less time to compute than the narrowest limit with such a bound
    /// asks for. One that persists is kept anyway.
    pub(super) fn check_worth(
        &self,
        transaction: &Session,
        cell: Cell,
        entry: &Entry,
    ) -> Result<()> {
        let Some(cost) = entry.cost_ms.filter(|_| entry.policy == Policy::Evict) else {
            return Ok(());
        };
        match self.bound(transaction, cell, |bounds| bounds.min_cost_ms)? {
            Some((least, scope)) if cost < least => Err(Error::OverLimit {
                scope,
                why: "keeps only what takes longer to compute",
            }),
            _ => Ok(()),
        }
    }

    /// Refuses an entry that takes more than one of its limits allows.
    pub(super) fn check_fits(
        &self,
        transaction: &Session,
        cell: Cell,
        footprint: u64,
    ) -> Result<()> {
        if !transaction.has_limits() {
            return Ok(());
        }
        let mut limits = transaction.limits.borrow_mut();
        let counters = limits.counters(transaction, self, cell);
        for counter in counters.map_err(|error| self.error(error))?.iter() {
            let alone = Usage {
                entries: 1,
                bytes: footprint,
            };
            if !limits.all[counter.0].bounds.hold(alone) {
                return Err(Error::OverLimit {
                    scope: limits.name(*counter),
                    why: "is reached: the entry alone takes more",
                });
            }
        }
        Ok(())
    }

    /// Counts the time that a result took if a limit had evicted it.
    pub(super) fn count_loss(
        &self,
        transaction: &Session,
        cell: Cell,
        entry: &Entry,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(cost_ms) = entry.cost_ms else {
            return Ok(());
        };
        let mut limits = transaction.limits.borrow_mut();
        let counters = limits.counters(transaction, self, cell)?;
        if !limits.have_evicted(transaction, &counters)? {
            return Ok(());
        }
        let Some(scope) = tombstones::take_evicted(transaction, &entry.address)? else {
            return Ok(());
        };
        let own = counters
            .iter()
            .find(|counter| limits.name(**counter) == scope);
        if let Some(counter) = own.copied() {
            limits.add_loss(transaction, counter, cost_ms)?;
        }
        let group = Group::Of {
            store: entry.address.store.clone(),
            user: entry.scopes.user_id.clone(),
            operator: entry.scopes.operator_uri.clone(),
        };
        let mut period = Period::of(group, Outcome::Eviction, 0, now);
        period.counts.lost_ms = cost_ms;
        usage::add_now(transaction, &[period])
    }

    /// Returns a bound of the narrowest limit that has it, with the limit's scope.
    fn bound(
        &self,
        transaction: &Session,
        cell: Cell,
        bound: impl Fn(&Bounds) -> Option<u64>,
    ) -> Result<Option<(u64, String)>> {
        let mut limits = transaction.limits.borrow_mut();
        let counters = limits.counters(transaction, self, cell);
        // Those of the narrowest scopes come first.
        for counter in counters.map_err(|error| self.error(error))?.iter() {
            if let Some(bound) = bound(&limits.all[counter.0].bounds) {
                return Ok(Some((bound, limits.name(*counter))));
            }
        }
        Ok(None)
    }
}
