//! Targets: the amounts that limits allow at the end of a transaction.

use std::path::Path;

use super::admission::free_below;
use crate::backend::limit::Bounds;
use crate::backend::sqlite::connection::session::Session;
use crate::backend::sqlite::counters::Counter;
use crate::backend::sqlite::counters::row_changes::Amount;
use crate::eviction::HEADROOM;
use crate::filter::Usage;

/// The target for one counter.
pub(in super::super) struct Target {
    pub(in super::super) bounds: Bounds,
    pub(in super::super) counter: Counter,
    /// The amount that may be used when the transaction ends
    pub(in super::super) most: Usage,
    /// The amount that is left free below that, if something has to go
    pub(super) headroom: Amount,
    /// The share of the disk that is free, and the larger one that has to be, in percent
    pub(super) short_of: Option<(u64, u64)>,
}

/// Returns what this transaction has to reach for each limit that it has added to.
pub(super) fn targets(transaction: &Session, path: &Path) -> Vec<Target> {
    let mut limits = transaction.limits.borrow_mut();
    let mut targets = Vec::new();
    for counter in limits.changed() {
        let bounds = limits.all[counter.0].bounds;
        let Ok(used) = limits.used_of(transaction, counter) else {
            continue;
        };
        let (before, now) = (used.before, used.now);
        // On a disk with too little space, the entries of the store become fewer.
        let wanted = bounds.min_free_percent;
        let short_of = wanted.and_then(|wanted| Some((free_below(path, wanted)?, wanted)));
        let max_bytes = match short_of {
            Some(_) => Some(0),
            None => bounds.max_bytes,
        };
        // If the limit was already exceeded, remove twice the amount added.
        let most = |bound: Option<u64>, before: i64, now: i64| {
            let bound = bound.map_or(i64::MAX, |bound| i64::try_from(bound).unwrap_or(i64::MAX));
            let most = match (before > bound, now > before) {
                (false, _) => bound,
                (true, true) => bound.max(before - (now - before)),
                (true, false) => now.max(bound),
            };
            most.unsigned_abs()
        };
        let most = Usage {
            entries: most(bounds.max_entries, before.entries, now.entries),
            bytes: most(max_bytes, before.bytes, now.bytes),
        };
        // Where more than the bound may be used, twice as much goes anyway.
        let headroom = |bound: Option<u64>, most: u64| match bound {
            Some(bound) if bound == most => (bound / HEADROOM) as i64,
            _ => 0,
        };
        targets.push(Target {
            bounds,
            counter,
            most,
            headroom: Amount {
                entries: headroom(bounds.max_entries, most.entries),
                bytes: headroom(max_bytes, most.bytes),
            },
            short_of,
        });
    }
    targets
}

impl Target {
    /// Returns how much goes where an amount has to.
    pub(in super::super) fn ahead(&self, excess: Amount) -> Amount {
        let with = |excess: i64, headroom: i64| match excess {
            0 => 0,
            excess => excess.saturating_add(headroom),
        };
        Amount {
            entries: with(excess.entries, self.headroom.entries),
            bytes: with(excess.bytes, self.headroom.bytes),
        }
    }
}
