//! Calls that were answered or not, to be counted.

use ecache_core::entry::Entry;
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Outcome};

/// Returns a hit that saves computing the entry's value.
pub(in crate::commands) fn hit(entry: &Entry, now: Timestamp) -> Event {
    Event::of_entry(Outcome::Hit, now, entry, entry.cost_ms.unwrap_or(0))
}
