//! Distributions of sizes and times among entries.

use crate::entry::EntryRef;
use crate::time::Timestamp;

/// The number of steps in which an amount doubles.
const STEPS: u64 = 16;

/// Numbers of entries by an amount, in steps of at most a sixteenth.
///
/// Takes 8 KiB at most, whatever the number of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    least: u64,
    most: u64,
}

impl Histogram {
    /// Adds an entry of an amount: of bytes or of milliseconds, and of one unit for all.
    pub fn add(&mut self, amount: u64) {
        let place = place(amount);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += 1;
        self.least = if self.count == 0 {
            amount
        } else {
            self.least.min(amount)
        };
        self.most = self.most.max(amount);
        self.count += 1;
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the least and the largest amount, which are exact; `None` without an entry.
    #[must_use]
    pub fn ends(&self) -> Option<(u64, u64)> {
        (self.count > 0).then_some((self.least, self.most))
    }

    /// Returns an amount that half of the entries do not exceed: exact below 32, else at most a
    /// sixteenth too small. `None` without an entry.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        let (least, most) = self.ends()?;
        let mut seen = 0;
        let middle = self.counts.iter().position(|count| {
            seen += count;
            seen * 2 >= self.count
        });
        middle.map(|place| amount(place).clamp(least, most))
    }

    /// Counts the entries in `columns` ranges between the ends, each by the same factor larger than
    /// the one before.
    #[must_use]
    pub fn columns(&self, columns: usize) -> Vec<u64> {
        let mut heights = vec![0; columns];
        let Some((least, most)) = self.ends() else {
            return heights;
        };
        let (first, last) = (place(least), place(most));
        for (place, count) in self.counts.iter().enumerate().skip(first) {
            let column = (place - first) * columns / (last - first + 1);
            if let Some(height) = heights.get_mut(column) {
                *height += count;
            }
        }
        heights
    }
}

/// Returns the place of an amount: its own below 32, then one for each sixteenth of a doubling.
fn place(amount: u64) -> usize {
    let place = match amount.checked_ilog2() {
        Some(log) if log > 4 => {
            let log = u64::from(log);
            (log - 3) * STEPS + (amount >> (log - 4)) - STEPS
        }
        _ => amount,
    };
    usize::try_from(place).expect("there are less than a thousand places")
}

/// Returns the least amount at a place.
fn amount(place: usize) -> u64 {
    let place = place as u64;
    if place < 2 * STEPS {
        return place;
    }
    (place % STEPS + STEPS) << (place / STEPS - 1)
}

/// The distributions of entries by size, age and time left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// Bytes of their values
    pub sizes: Histogram,
    /// Milliseconds since they were written
    pub ages: Histogram,
    /// Milliseconds until they expire, of those that will
    pub left: Histogram,
    /// Entries that are expired
    pub expired: u64,
}

impl Spread {
    /// Adds an entry.
    pub fn add<'a>(&mut self, entry: impl Into<EntryRef<'a>>, now: Timestamp) {
        let entry = entry.into();
        self.add_times(entry.size, Some(entry.written_at()), entry.expires_at, now);
    }

    /// Adds an entry of this size, of which these times are known.
    pub(in crate::backend) fn add_times(
        &mut self,
        size: u64,
        written_at: Option<Timestamp>,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let between = |from: Timestamp, until: Timestamp| {
            let distance = i128::from(until.as_millis()) - i128::from(from.as_millis());
            u64::try_from(distance.max(0)).unwrap_or(u64::MAX)
        };
        self.sizes.add(size);
        if let Some(written) = written_at {
            self.ages.add(between(written, now));
        }
        match expires_at {
            Some(expires) if expires > now => self.left.add(between(now, expires)),
            Some(_) => self.expired += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_place_and_its_least_amount_belong_together() {
        for at in 0..=place(u64::MAX) {
            assert_eq!(place(amount(at)), at);
        }
        assert_eq!(place(31), 31);
        assert_eq!(place(32), 32);
        assert_eq!(place(33), 32);
    }

    proptest! {
        #[test]
        fn a_histogram_says_what_sorting_says(
            amounts in proptest::collection::vec(any::<u64>().prop_map(|n| n >> (n % 64)), 1..200),
        ) {
            let mut histogram = Histogram::default();
            amounts.iter().for_each(|amount| histogram.add(*amount));
            let mut sorted = amounts;
            sorted.sort_unstable();
            let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
            prop_assert_eq!(histogram.ends(), Some((least, most)));
            let median = sorted[(sorted.len() - 1) / 2];
            let shown = histogram.median().expect("a median");
            prop_assert!(shown <= median && median - shown <= median / 16, "{} {}", shown, median);
            let columns = histogram.columns(16);
            prop_assert_eq!(columns.iter().sum::<u64>(), sorted.len() as u64);
            prop_assert!(columns[0] > 0);
        }
    }
}
