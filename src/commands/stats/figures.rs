//! The figures of `stats`: their columns, and the cells of a group.

use super::Stats;
use crate::output::{Cell, Column};

/// The figures of a group, in the order of all formats but tables.
pub(super) const FIGURES: [&str; 21] = [
    "entries",
    "bytes",
    "expired",
    "persist",
    "calls",
    "hits",
    "stale",
    "followers",
    "misses",
    "refreshes",
    "bypasses",
    "errors",
    "evictions",
    "evicted_age_ms",
    "lost_ms",
    "hit_percent",
    "time_percent",
    "saved_ms",
    "spent_ms",
    "saved_ms_per_mib",
    "oldest",
];

/// The figures of a table, of the entries or of a period, and their ranks: of two, the one of the
/// larger rank leaves a narrow terminal first.
pub(super) const TABLE: [(&str, u8); 11] = [
    ("entries", 4),
    ("bytes", 1),
    (SHARE, OPTIONAL + 1),
    ("expired", OPTIONAL),
    ("hits", 6),
    ("misses", 8),
    ("hit_percent", 3),
    ("saved_ms", 2),
    ("evictions", 5),
    ("lost_ms", 7),
    ("evicted_age_ms", 9),
];
pub(super) const TABLE_OF_PERIOD: [(&str, u8); 10] = [
    ("hits", 6),
    ("misses", 8),
    ("hit_percent", 2),
    (HIT_RATE, OPTIONAL),
    ("saved_ms", 1),
    ("spent_ms", 7),
    ("time_percent", 3),
    ("evictions", 4),
    ("lost_ms", 5),
    ("evicted_age_ms", 9),
];

/// The bars of a table: a group's share of the bytes, and its hit rate.
pub(super) const SHARE: &str = "share";
pub(super) const HIT_RATE: &str = "hit_rate";

/// The rank from which a figure is shown only where there is room.
const OPTIONAL: u8 = 10;

/// Returns the column of a figure of a table.
pub(super) fn figure(name: &'static str, rank: u8) -> Column {
    let column = match name {
        SHARE | HIT_RATE => Column::whole(name).titled(" "),
        "evictions" => Column::number(name).titled("EVICTED"),
        "evicted_age_ms" => Column::number(name).titled("AT AGE"),
        name => Column::number(name),
    };
    let column = column.ranked(rank);
    if rank < OPTIONAL {
        column
    } else {
        column.optional()
    }
}

/// Returns one figure. One that is not counted for each group is unknown, not zero.
pub(super) fn cell(figure: &str, stats: &Stats, is_counted: bool) -> Cell<'static> {
    let Stats { entries, counts } = stats;
    let counted = |count: u64| {
        if is_counted {
            Cell::Count(count)
        } else {
            Cell::Null
        }
    };
    // Entries know their own hits.
    let (hits, saved_ms) = if is_counted {
        (counts.hits, counts.saved_ms)
    } else {
        (entries.hits, entries.saved_ms)
    };
    match figure {
        "entries" => Cell::Count(entries.usage.entries),
        "bytes" => Cell::Size(entries.usage.bytes),
        "expired" => Cell::Count(entries.expired.entries),
        "persist" => Cell::Count(entries.persistent),
        "calls" => counted(counts.calls()),
        "hits" => Cell::Count(hits),
        "stale" => counted(counts.stale),
        "followers" => counted(counts.followers),
        "misses" => counted(counts.misses),
        "refreshes" => counted(counts.refreshes),
        "bypasses" => counted(counts.bypasses),
        "errors" => counted(counts.errors),
        "evictions" => counted(counts.evictions),
        "evicted_age_ms" if is_counted => {
            let mean = counts.evicted_age_ms.checked_div(counts.evictions);
            mean.map_or(Cell::Null, Cell::Duration)
        }
        "lost_ms" if is_counted => Cell::Duration(counts.lost_ms),
        "hit_percent" => percent(counts.hits, counts.misses),
        "time_percent" => percent(counts.saved_ms, counts.spent_ms),
        "saved_ms" => Cell::Duration(saved_ms),
        "spent_ms" if is_counted => Cell::Duration(counts.spent_ms),
        "saved_ms_per_mib" => {
            let bytes = u128::from(entries.usage.bytes);
            let per_mib = (u128::from(saved_ms) << 20).checked_div(bytes);
            per_mib.map_or(Cell::Null, |ms| {
                Cell::Duration(u64::try_from(ms).unwrap_or(u64::MAX))
            })
        }
        "oldest" => entries
            .oldest
            .map_or(Cell::Null, |time| Cell::Time(time.as_millis())),
        _ => Cell::Null,
    }
}

/// Returns the share of `part` in both; nothing where there is none of either.
fn percent(part: u64, rest: u64) -> Cell<'static> {
    if part == 0 && rest == 0 {
        Cell::Null
    } else {
        Cell::Percent { part, rest }
    }
}
