//! Chooses the entries that make room when a store reaches its limit.
//!
//! The worth of an entry is the time that keeping it is expected to save, for each byte that it
//! takes: `(hits + a) × cost / (bytes × (idle + 1 s)^b)`. Of a random sample, the entry of least
//! worth goes. Where most entries of a sample were never hit, as in scans, `a` and `b` are small
//! (`IN_SCANS`): an entry has to be hit to be worth much, and then stays for long. Where nearly
//! all were hit, both are larger (`IN_REUSE`).
//!
//! Designs weighed:
//!
//! - *A queue in order of use or worth* (LRU, GDSF): a hit would have to write its new place, and a
//!   hit writes no transaction. GDSF also ages by a number that all writers share.
//! - *Sampling, divided by the idle time itself*: a scan that reads many new entries once pushes
//!   out costly ones, since each new entry is worth much at first.
//! - *One exponent for all* (`a` 1, `b` ½): where cost follows from size, so that knowing it gains
//!   nothing, scans need smaller ones and other accesses larger ones than that to save as much as
//!   S3-FIFO does (`benches/limits`).
//! - *An exponent of the cost that is learned*: not needed. GDSF, which ignores costs, never saves
//!   more on these traces, also where the cost follows from the size.
//! - *Exponents by the share of a sample that was hit* (chosen): needs nothing but what the store
//!   records anyway.

/// Bytes that an entry takes besides its value, its arguments and its key, which is in the table
/// and in an index: columns, indexes, recorded hits and what pages leave free. A file of 100,000
/// entries of 200 bytes took 0.91 of what this adds up to.
pub(crate) const OVERHEAD: u64 = 160;

/// Returns the bytes that an entry with a value and texts of some sizes takes; the key is among the
/// texts twice.
pub(crate) fn footprint(size: u64, text_size: u64) -> u64 {
    size.saturating_add(text_size).saturating_add(OVERHEAD)
}

/// Number of entries in a sample, where one has to go.
pub const SAMPLE: usize = 64;

/// The share of a limit that is left free where something has to go: one part of so many.
pub const HEADROOM: u64 = 128;

/// Maximum number of entries that go at once, if fewer would make room.
const MOST_AHEAD: usize = 16;

/// One of so many entries of a sample goes ahead of need. Their mean rank in it is the same as that
/// of the least of [`SAMPLE`].
const AHEAD: usize = SAMPLE / 2;

/// Returns the number of entries that a sample should have for that many to go.
#[must_use]
pub fn sample_size(count: usize) -> usize {
    SAMPLE.max(AHEAD * count.min(MOST_AHEAD))
}

/// Returns the number of entries of a sample that may go ahead of need. Where it has fewer than it
/// should, twice as large a part may.
#[must_use]
pub fn most_ahead(found: usize, size: usize) -> usize {
    let part = if found < size { AHEAD / 2 } else { AHEAD };
    MOST_AHEAD.min(found / part)
}

/// Cost, in milliseconds, of an entry if no cost is known in its sample.
pub const UNKNOWN_COST: f64 = 1000.0;

/// The facts about an entry that decide how soon it makes room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Bytes that it takes, with its overhead
    pub bytes: u64,
    /// Milliseconds that computing it took, if recorded
    pub cost_ms: Option<u64>,
    /// Number of recorded hits
    pub hits: u64,
    /// Milliseconds since its last hit, or else since it was written
    pub idle_ms: u64,
    /// Reports whether it is of no use: expired, or removed and kept for undo
    pub is_dead: bool,
}

impl Candidate {
    /// Returns the milliseconds that keeping the entry is expected to save, for each byte and with
    /// respect to the time that it has not been used. Dead entries are worth nothing.
    #[must_use]
    pub fn worth(&self, typical: &Typical) -> f64 {
        if self.is_dead {
            return 0.0;
        }
        // A cost of 0 ms was rounded down.
        let cost = self.cost_ms.map_or(typical.cost_ms, |cost| cost as f64);
        let Weights { unhit, idle } = typical.weights;
        let idle = (self.idle_ms as f64 / 1000.0 + 1.0).powf(idle);
        (self.hits as f64 + unhit) * cost.max(0.5) / (self.bytes.max(1) as f64 * idle)
    }
}

/// Returns a number with the order of a worth.
pub(crate) fn rank(worth: f64) -> i128 {
    // Those of floats that are not negative have their order.
    worth.to_bits().into()
}

/// The numbers by which all entries of a sample are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Weight of an entry without hits, in hits
    pub unhit: f64,
    /// The power of the idle time that divides the worth
    pub idle: f64,
}

/// The weights where at most [`SHARE_IN_SCANS`] of a sample were hit.
const IN_SCANS: Weights = Weights {
    unhit: 0.1,
    idle: 0.3,
};

/// The weights where at least [`SHARE_IN_REUSE`] of a sample were hit.
const IN_REUSE: Weights = Weights {
    unhit: 1.0,
    idle: 0.65,
};

const SHARE_IN_SCANS: f64 = 0.5;
const SHARE_IN_REUSE: f64 = 0.8;

impl Weights {
    /// Returns those for a sample of which a share was hit.
    fn at(share: f64) -> Self {
        let reuse = (share - SHARE_IN_SCANS) / (SHARE_IN_REUSE - SHARE_IN_SCANS);
        let reuse = reuse.clamp(0.0, 1.0);
        let between = |from: f64, to: f64| from + (to - from) * reuse;
        Self {
            unhit: between(IN_SCANS.unhit, IN_REUSE.unhit),
            idle: between(IN_SCANS.idle, IN_REUSE.idle),
        }
    }
}

/// The facts about a sample that decide about each of its entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Typical {
    /// Stands in for a cost that is not recorded
    pub cost_ms: f64,
    /// The weights that fit its share of entries with hits
    pub weights: Weights,
}

impl Typical {
    /// For entries that are judged without others.
    pub const UNKNOWN: Self = Self {
        cost_ms: UNKNOWN_COST,
        weights: Weights {
            unhit: 1.0,
            idle: 0.5,
        },
    };

    /// Describes a sample.
    #[must_use]
    pub fn of(sample: &[Candidate]) -> Self {
        let alive = sample.iter().filter(|one| !one.is_dead);
        let hit = alive.clone().filter(|one| one.hits > 0).count();
        let share = hit as f64 / alive.count().max(1) as f64;
        Self {
            cost_ms: typical_cost(sample),
            weights: Weights::at(share),
        }
    }
}

/// Returns the median of the known costs, or [`UNKNOWN_COST`].
fn typical_cost(sample: &[Candidate]) -> f64 {
    let mut costs: Vec<u64> = sample.iter().filter_map(|one| one.cost_ms).collect();
    if costs.is_empty() {
        return UNKNOWN_COST;
    }
    let middle = costs.len() / 2;
    *costs.select_nth_unstable(middle).1 as f64
}

/// Returns the places of a sample's entries in the order in which they make room: dead ones first,
/// then by worth. Of equal ones the larger goes first, then the one that is idle for longer.
#[must_use]
pub fn order(sample: &[Candidate]) -> Vec<usize> {
    let typical = Typical::of(sample);
    let worth: Vec<f64> = sample.iter().map(|one| one.worth(&typical)).collect();
    let mut places: Vec<usize> = (0..sample.len()).collect();
    places.sort_by(|one, two| {
        let (a, b) = (&sample[*one], &sample[*two]);
        worth[*one]
            .total_cmp(&worth[*two])
            .then(b.bytes.cmp(&a.bytes))
            .then(b.idle_ms.cmp(&a.idle_ms))
    });
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Candidate = Candidate {
        bytes: 1000,
        cost_ms: Some(1000),
        hits: 0,
        idle_ms: 60_000,
        is_dead: false,
    };

    #[test]
    fn the_entry_that_saves_least_goes_first() {
        let costly = Candidate {
            cost_ms: Some(60_000),
            ..USUAL
        };
        let often = Candidate { hits: 9, ..USUAL };
        let large = Candidate {
            bytes: 1_000_000,
            ..USUAL
        };
        let idle = Candidate {
            idle_ms: 6_000_000,
            ..USUAL
        };
        let sample = [costly, often, USUAL, large, idle];
        assert_eq!(order(&sample), [3, 4, 2, 0, 1]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn dead_entries_go_before_worthless_ones() {
        let worthless = Candidate {
            bytes: u64::MAX,
            cost_ms: Some(0),
            idle_ms: u64::MAX,
            ..USUAL
        };
        let dead = Candidate {
            cost_ms: Some(u64::MAX),
            hits: u64::MAX,
            is_dead: true,
            ..USUAL
        };
        assert_eq!(order(&[worthless, dead]), [1, 0]);
        assert!(worthless.worth(&Typical::UNKNOWN) > 0.0);
    }

    #[test]
    fn an_unknown_cost_is_the_median_of_the_known_ones() {
        let of = |cost_ms| Candidate { cost_ms, ..USUAL };
        assert_eq!(typical_cost(&[of(None)]), UNKNOWN_COST);
        let sample = [Some(10), None, Some(90_000), Some(200)].map(of);
        assert_eq!(typical_cost(&sample), 200.0);
        assert_eq!(order(&sample), [0, 1, 3, 2]);
    }

    #[test]
    fn entries_without_hits_count_little_where_most_have_none() {
        let weights = |hit: usize| {
            let hits = |place| u64::from(place < hit);
            let sample = (0..10).map(|place| Candidate {
                hits: hits(place),
                ..USUAL
            });
            Typical::of(&Vec::from_iter(sample)).weights
        };
        assert_eq!([0, 5].map(weights), [IN_SCANS; 2]);
        assert_eq!([8, 10].map(weights), [IN_REUSE; 2]);
        assert!(weights(6).unhit > IN_SCANS.unhit && weights(6).idle < weights(7).idle);
        assert_eq!(Typical::of(&[]).cost_ms, UNKNOWN_COST);
    }

    #[test]
    fn the_more_go_the_larger_is_the_sample() {
        let sizes = [0, 1, 2, 3, 16, 1000].map(sample_size);
        assert_eq!(sizes, [64, 64, 64, 96, 512, 512]);
        let ahead = [(512, 512), (96, 96), (64, 64), (80, 512), (8, 64)];
        let ahead = ahead.map(|(found, size)| most_ahead(found, size));
        assert_eq!(ahead, [16, 3, 2, 5, 0]);
    }

    #[test]
    fn ties_are_decided_by_size_and_idle_time() {
        let dead = |bytes, idle_ms| Candidate {
            bytes,
            idle_ms,
            is_dead: true,
            ..USUAL
        };
        let sample = [dead(10, 5), dead(20, 5), dead(20, 6)];
        assert_eq!(order(&sample), [2, 1, 0]);
    }
}
