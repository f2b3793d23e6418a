//! Admission: the entries that limits let into a store, and their lifetimes.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use crate::backend::Expiry;
use crate::backend::limit::Bounds;
use crate::backend::sqlite::connection::failure::SessionResult;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::counters::row_changes::NameIds;
use crate::backend::sqlite::{SqliteBackend, tombstones, usage};
use crate::entry::{Entry, Policy};
use crate::error::Error;
use crate::filter::Usage;
use crate::time::Timestamp;
use crate::usage::{CallGroup, Outcome, Period};

impl SqliteBackend {
    /// Gives an entry that names no lifetime the default one of the narrowest limit that has one.
    pub(in super::super) fn with_default_ttl<'a>(
        &self,
        transaction: &Session,
        names: NameIds,
        entry: &'a Entry,
        expiry: Expiry,
        now: Timestamp,
    ) -> SessionResult<Cow<'a, Entry>> {
        if expiry == Expiry::Named || entry.policy == Policy::Persist {
            return Ok(Cow::Borrowed(entry));
        }
        let ttl = self.bound(transaction, names, |bounds| bounds.default_ttl_ms)?;
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
    pub(in super::super) fn check_worth(
        &self,
        transaction: &Session,
        names: NameIds,
        entry: &Entry,
    ) -> SessionResult<()> {
        let Some(cost) = entry.cost_ms.filter(|_| entry.policy == Policy::Evict) else {
            return Ok(());
        };
        match self.bound(transaction, names, |bounds| bounds.min_cost_ms)? {
            Some((least, scope)) if cost < least => {
                let why = "keeps only what takes longer to compute".into();
                Err(Error::OverLimit { scope, why }.into())
            }
            _ => Ok(()),
        }
    }

    /// Refuses an entry that takes more than one of its limits allows.
    pub(in super::super) fn check_fits(
        &self,
        transaction: &Session,
        names: NameIds,
        footprint: u64,
    ) -> SessionResult<()> {
        if !transaction.has_limits() {
            return Ok(());
        }
        let mut limits = transaction.limits.borrow_mut();
        let counters = limits.counters(transaction, self, names);
        for counter in counters?.iter() {
            let alone = Usage {
                entries: 1,
                bytes: footprint,
            };
            if !limits.all[counter.0].bounds.hold(alone) {
                let scope = limits.name(*counter);
                let why = "is reached: the entry alone takes more".into();
                return Err(Error::OverLimit { scope, why }.into());
            }
        }
        Ok(())
    }

    /// Counts the time that a result took if a limit had evicted it.
    pub(in super::super) fn count_loss(
        &self,
        transaction: &Session,
        names: NameIds,
        entry: &Entry,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(cost_ms) = entry.cost_ms else {
            return Ok(());
        };
        let mut limits = transaction.limits.borrow_mut();
        let counters = limits.counters(transaction, self, names)?;
        if !limits.have_evicted(transaction, &counters)? {
            return Ok(());
        }
        let Some(scope) = tombstones::take_evicted(transaction, &entry.address)? else {
            return Ok(());
        };
        let own = counters
            .iter()
            .find(|counter| limits.name(**counter) == scope);
        let counter = match own {
            Some(counter) => Some(*counter),
            // The entry that is written now may be of another user, and of another limit.
            None => limits.named(transaction, &scope)?,
        };
        // A limit that was removed has no losses.
        let Some(counter) = counter else {
            return Ok(());
        };
        limits.add_loss(transaction, counter, cost_ms)?;
        let group = CallGroup::Of {
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
        names: NameIds,
        bound: impl Fn(&Bounds) -> Option<u64>,
    ) -> SessionResult<Option<(u64, String)>> {
        let mut limits = transaction.limits.borrow_mut();
        let counters = limits.counters(transaction, self, names);
        // Those of the narrowest scopes come first.
        for counter in counters?.iter() {
            if let Some(bound) = bound(&limits.all[counter.0].bounds) {
                return Ok(Some((bound, limits.name(*counter))));
            }
        }
        Ok(None)
    }
}

/// Returns the share of the disk of a file that is free, in percent, if it is less than `percent`;
/// `None` also if the disk does not say.
pub(super) fn free_below(path: &Path, percent: u64) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    let (free, all) = (
        u128::from(disk.f_bavail) * 100,
        u128::from(disk.f_blocks).max(1),
    );
    (free < all * u128::from(percent)).then_some((free / all) as u64)
}

/// Says why a limit leaves no room, after some entries went or none. `short_of` is the share of the
/// disk that is free, and the larger one that has to be.
pub(super) fn no_room(short_of: Option<(u64, u64)>, has_evicted: bool) -> Cow<'static, str> {
    let little = if has_evicted { "too little" } else { "nothing" };
    match short_of {
        Some((free, wanted)) => format!(
            "is reached: {free}% of the disk is free and {wanted}% have to be, and {little} in it \
             may be evicted"
        )
        .into(),
        None => format!("is reached: {little} in it may be evicted").into(),
    }
}
