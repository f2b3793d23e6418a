//! Finds and counts the entries of a selection.

use rusqlite::Connection;

use super::damage::{self, intact};
use super::encoding::policy_number;
use super::names::Names;
use super::query::{Plan, Range, USED};
use super::row;
use super::salvage::Salvage;
use crate::entry::Policy;
use crate::filter::{Capacity, Selection, Usage};
use crate::time::Timestamp;

/// Counts entries and adds up their sizes, as [`row::size`] has them.
pub(super) const COUNT: &str =
    "count(*), coalesce(sum(e.size) FILTER (WHERE e.size BETWEEN 0 AND 1 << 40), 0)";

/// A part of the entries of a selection, in order.
pub(super) struct Part {
    pub(super) ids: Vec<i64>,
    /// The condition under which they are still selected
    pub(super) plan: Plan,
}

pub(super) fn count(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
) -> rusqlite::Result<Usage> {
    let mut usage = Usage::default();
    if let (None, [filter]) = (&selection.beyond, selection.any_of.as_slice()) {
        let plan = Plan::new(connection, filter, now)?;
        for range in plan.ranges() {
            plan.select(connection, COUNT, range, |row| {
                usage += Usage {
                    entries: row.get(0)?,
                    bytes: row.get(1)?,
                };
                Ok(())
            })?;
        }
        return Ok(usage);
    }
    let mut statement = connection.prepare_cached("SELECT size FROM entries WHERE id = ?1")?;
    for part in select(connection, selection, now)? {
        for id in part.ids {
            usage += one(statement.query_row([id], |row| row::size(row, 0))?);
        }
    }
    Ok(usage)
}

pub(super) fn one(bytes: u64) -> Usage {
    Usage { entries: 1, bytes }
}

/// Counts the entries of a damaged file, and adds up the sizes of the readable ones.
pub(super) fn count_readable(connection: &Connection) -> rusqlite::Result<Usage> {
    let mut usage = Usage::default();
    let all = Salvage::new(connection, &Names::default(), &[Range::ALL])?;
    let mut statement = connection.prepare_cached("SELECT size FROM entries WHERE id = ?1")?;
    for id in all.ids {
        let size = statement.query_row([id], |row| row::size(row, 0));
        usage += one(intact(damage::readable(size))?.flatten().unwrap_or(0));
    }
    usage.entries += all.lost.len() as u64;
    Ok(usage)
}

/// Collects the ids that a selection matches; none is in two parts.
pub(super) fn select(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
) -> rusqlite::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    for filter in &selection.any_of {
        let plan = Plan::new(connection, filter, now)?;
        let mut ids = Vec::new();
        for range in plan.ranges() {
            plan.select_ids(connection, "NULL", range, |id, _| {
                ids.push(id);
                Ok(())
            })?;
        }
        ids.sort_unstable();
        ids.dedup();
        if !known.is_empty() {
            ids.retain(|id| known.binary_search(id).is_err());
        }
        if selection.any_of.len() > 1 || selection.beyond.is_some() {
            known.extend_from_slice(&ids);
            known.sort_unstable();
        }
        parts.push(Part { ids, plan });
    }
    if let Some(capacity) = &selection.beyond {
        parts.push(beyond(connection, capacity, &known, now)?);
    }
    Ok(parts)
}

/// Selects the least recently used entries to evict so that the rest fits a capacity, once the ids
/// in `gone` (in order) are removed.
fn beyond(
    connection: &Connection,
    capacity: &Capacity,
    gone: &[i64],
    now: Timestamp,
) -> rusqlite::Result<Part> {
    let mut plan = Plan::new(connection, &capacity.scope, now)?;
    let mut left = Usage::default();
    let mut candidates: Vec<(i64, i64, u64)> = Vec::new();
    let columns = format!("e.id, e.size, e.policy, {USED}");
    for range in plan.ranges() {
        plan.select(connection, &columns, range, |row| {
            let (id, size) = (row.get(0)?, row::size(row, 1)?);
            if !range.contains(id) || gone.binary_search(&id).is_ok() {
                return Ok(());
            }
            left += one(size);
            if row::number(row, 2)? == Some(policy_number(Policy::Evict)) {
                candidates.push((row::number(row, 3)?.unwrap_or(i64::MAX), id, size));
            }
            Ok(())
        })?;
    }
    candidates.sort_unstable();
    let mut ids = Vec::new();
    let mut latest = i64::MIN;
    for (used_at, id, size) in candidates {
        if capacity.fits(left) {
            break;
        }
        left.entries -= 1;
        left.bytes -= size;
        latest = used_at;
        ids.push(id);
    }
    ids.sort_unstable();
    // An entry that is used in the meantime stays.
    plan.narrow_to_least_used(latest);
    Ok(Part { ids, plan })
}
