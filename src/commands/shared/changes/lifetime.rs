//! Changes of lifetime and policy as `set` and `touch` take them, and how they are told.

use anyhow::Result;
use ecache_core::backend::{Keep, Touch};
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Freshness};
use ecache_core::time::Timestamp;

use crate::cli::value::{PolicyChange, TtlChange};
use crate::commands::shared::address::resolve::expiry;
use crate::error::usage_tip;
use crate::output::human::{self, Precision};
use crate::units::Ttl;

/// A change of lifetime and policy that does not contradict itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct LifetimeChange {
    ttl: Option<TtlChange>,
    typed_policy: Option<PolicyChange>,
    /// The new policy, `None` where the entry's stays
    pub(in crate::commands) policy: Option<Policy>,
}

impl LifetimeChange {
    /// Combines `--ttl` and `--policy`, and refuses contradictions.
    pub(in crate::commands) fn new(
        ttl: Option<TtlChange>,
        typed_policy: Option<PolicyChange>,
    ) -> Result<Self> {
        let has_lifetime = matches!(ttl, Some(TtlChange::To(Ttl::Millis(_))));
        match (typed_policy, ttl) {
            (Some(PolicyChange::Persist), Some(TtlChange::To(Ttl::Millis(_)))) => Err(usage_tip(
                "an entry with a lifetime cannot be of policy persist",
                "leave out --ttl or --policy",
            )),
            (Some(PolicyChange::Persist), Some(TtlChange::Keep)) => Err(usage_tip(
                "--policy persist takes the lifetime away that --ttl keep keeps",
                "leave out --ttl",
            )),
            (_, ttl) => Ok(Self {
                ttl,
                typed_policy,
                policy: match typed_policy {
                    None if has_lifetime => Some(Policy::Evict),
                    None => None,
                    Some(typed) => typed.policy(),
                },
            }),
        }
    }

    /// Returns the parts of the lifetime that an overwrite keeps. A compare-and-set keeps the parts
    /// that were not named.
    pub(in crate::commands) fn keep(self, is_compare_and_set: bool) -> Keep {
        Keep {
            policy: self.policy.is_none(),
            expiry: match self.ttl {
                Some(ttl) => ttl == TtlChange::Keep,
                None => is_compare_and_set,
            },
        }
    }

    /// Returns the new expiry: `Some(None)` for none, `None` to keep that of the entry.
    pub(in crate::commands) fn expires_at(self, now: Timestamp) -> Option<Option<Timestamp>> {
        match self.ttl {
            Some(TtlChange::To(ttl)) => Some(expiry(now, Some(ttl))),
            Some(TtlChange::Keep) | None => None,
        }
    }

    /// Returns the change for a backend.
    ///
    /// # Errors
    /// Fails if nothing would be changed.
    pub(in crate::commands) fn touch(self, now: Timestamp) -> Result<Touch> {
        let touch = Touch {
            expires_at: match self.policy {
                Some(Policy::Persist) => Some(None),
                _ => self.expires_at(now),
            },
            policy: self.policy,
        };
        if touch == Touch::default() {
            Err(usage_tip(
                "nothing would be changed",
                "name a lifetime with --ttl, or another --policy",
            ))
        } else {
            Ok(touch)
        }
    }

    /// Reports whether entries of policy `persist` are left out: they would lose their policy.
    pub(in crate::commands) fn is_for_evictable(self) -> bool {
        self.typed_policy == Some(PolicyChange::Keep)
            && matches!(self.ttl, Some(TtlChange::To(Ttl::Millis(_))))
    }

    /// Returns the words on how long touched entries last, if that is the same for all of them.
    pub(in crate::commands) fn describe(self, now: Timestamp) -> Option<String> {
        let touch = self.touch(now).ok()?;
        let evictable = self.is_for_evictable().then_some(Policy::Evict);
        match (touch.policy.or(evictable), touch.expires_at) {
            (Some(policy), Some(expires_at)) => Some(lifetime(policy, expires_at, now)),
            (Some(policy), None) => Some(format!("policy {policy}, with the expiry that it had")),
            (None, Some(_)) => Some("no expiry, with the policy that it had".to_owned()),
            (None, None) => None,
        }
    }
}

/// Returns the part of a filter whose entries a change is for: an expired entry is a miss, and is
/// revived only where the filter chooses expired ones.
pub(in crate::commands) fn fresh_unless_chosen(filter: Filter) -> Filter {
    Filter {
        freshness: filter.freshness.or(Some(Freshness::Fresh)),
        ..filter
    }
}

/// Returns the parts of a filter whose entries a change does not leave as they are.
pub(in crate::commands) fn changed(filter: &Filter, touch: Touch) -> Vec<Filter> {
    let of = |policy: Policy| {
        let is_meant = filter.policy.is_none_or(|meant| meant == policy);
        is_meant.then(|| Filter {
            policy: Some(policy),
            ..filter.clone()
        })
    };
    match (touch.policy, touch.expires_at) {
        (_, Some(Some(_))) | (None, None) => vec![filter.clone()],
        (None, Some(None)) => Vec::from_iter(expiring(filter.clone())),
        (Some(policy), expires_at) => {
            let other = match policy {
                Policy::Persist => Policy::Evict,
                Policy::Evict => Policy::Persist,
            };
            let same = of(policy).filter(|_| expires_at.is_some());
            of(other)
                .into_iter()
                .chain(same.and_then(expiring))
                .collect()
        }
    }
}

/// Returns the part of a filter whose entries have an expiry.
fn expiring(filter: Filter) -> Option<Filter> {
    match filter.freshness {
        Some(Freshness::Endless) => None,
        Some(Freshness::Expired) => Some(filter),
        Some(Freshness::Fresh) | None => Some(Filter {
            expires_by: filter.expires_by.or(Some(Timestamp::from_millis(i64::MAX))),
            ..filter
        }),
    }
}

/// Prints the time that is left in milliseconds, rounded to a second: some have passed since it was
/// 1d.
pub(in crate::commands) fn left(ms: u64) -> String {
    human::duration(match ms {
        0..1_000 => ms,
        _ => ms.saturating_add(500) / 1_000 * 1_000,
    })
}

/// Returns how long an entry lasts, as in `policy evict, expires in 1d (2026-11-24T06:32:51Z)`.
pub(in crate::commands) fn lifetime(
    policy: Policy,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let Some(expires_at) = expires_at else {
        return format!("policy {policy}, never expires");
    };
    let mut time = String::new();
    human::push_time(&mut time, expires_at.as_millis(), Precision::Seconds);
    let left = expires_at.as_millis().saturating_sub(now.as_millis());
    match u64::try_from(left) {
        Ok(left) if left > 0 => {
            let left = self::left(left);
            format!("policy {policy}, expires in {left} ({time})")
        }
        _ => format!("policy {policy}, expired at {time}"),
    }
}
