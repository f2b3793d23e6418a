//! Finds and counts the entries of a selection.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::salvage::Salvage;
use crate::backend::sqlite::format::column;
use crate::backend::sqlite::format::damage::{self, intact};
use crate::backend::sqlite::format::encoding::policy_number;
use crate::backend::sqlite::format::entry_id::store_of;
use crate::backend::sqlite::names::Names;
use crate::backend::sqlite::names::store_rows::all_stores;
use crate::backend::sqlite::query::{Plan, Range, WRITTEN, worth};
use crate::backend::sqlite::row::sizes;
use crate::backend::types::scan;
use crate::entry::Policy;
use crate::eviction;
use crate::filter::{Capacity, EvictionOrder, Latest, Per, Selection, Usage};
use crate::scope::StoreAddress;
use crate::time::Timestamp;

/// Counts entries and adds up their sizes, as [`column::size`] has them.
pub(in super::super) const COUNT: &str =
    "count(*), coalesce(sum(e.size) FILTER (WHERE e.size BETWEEN 0 AND 1 << 40), 0)";

/// A part of the entries of a selection, in order.
pub(in super::super) struct SelectedPart {
    pub(in super::super) ids: Vec<i64>,
    /// The condition under which they are still selected
    pub(in super::super) plan: Plan,
}

pub(in super::super) fn count(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
) -> rusqlite::Result<Usage> {
    let mut usage = Usage::default();
    if let Some(filter) = selection.only_filter() {
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
    let mut size = sizes(connection)?;
    for part in select(connection, selection, now)? {
        for id in part.ids {
            usage += one(size(id)?);
        }
    }
    Ok(usage)
}

pub(in super::super) fn one(bytes: u64) -> Usage {
    Usage { entries: 1, bytes }
}

/// Counts the entries of a damaged file, and adds up the sizes of the readable ones.
pub(super) fn count_readable(connection: &Connection) -> rusqlite::Result<Usage> {
    let mut usage = Usage::default();
    let all = Salvage::new(connection, &Names::default(), &[Range::ALL])?;
    let mut size = sizes(connection)?;
    for id in all.ids {
        usage += one(intact(damage::readable(size(id)))?.flatten().unwrap_or(0));
    }
    usage.entries += all.lost.len() as u64;
    Ok(usage)
}

/// Collects the ids that a selection matches; none is in two parts.
pub(in super::super) fn select(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
) -> rusqlite::Result<Vec<SelectedPart>> {
    let mut parts = Vec::new();
    let mut known: Vec<i64> = Vec::new();
    let is_one = selection.only_filter().is_some();
    let mut add = |plan: Plan, known: &mut Vec<i64>, spared: &[i64]| -> rusqlite::Result<()> {
        let mut ids = Vec::new();
        for range in plan.ranges() {
            plan.select_ids(connection, "NULL", range, |id, _| {
                ids.push(id);
                Ok(())
            })?;
        }
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| known.binary_search(id).is_err() && spared.binary_search(id).is_err());
        if !is_one {
            known.extend_from_slice(&ids);
            known.sort_unstable();
        }
        parts.push(SelectedPart { ids, plan });
        Ok(())
    };
    for filter in &selection.any_of {
        let plan = Plan::new(connection, filter, now)?;
        add(plan, &mut known, &[])?;
    }
    let spared = match &selection.spared.latest {
        Some(latest) => latest_of(connection, latest, &known, now)?,
        None => Vec::new(),
    };
    let cost_above = selection.spared.cost_above;
    for filter in &selection.unless_spared {
        let mut plan = Plan::new(connection, filter, now)?;
        if let Some(cost) = cost_above {
            plan.spare_costly(cost, now);
        }
        add(plan, &mut known, &spared)?;
    }
    if let Some(capacity) = &selection.beyond {
        let mut part = beyond(connection, capacity, &known, (&spared, cost_above), now)?;
        if let Some(cost) = cost_above {
            part.plan.spare_costly(cost, now);
        }
        parts.push(part);
    }
    Ok(parts)
}

/// Returns the latest entries in order of their ids, not counting those in `gone` (in order).
fn latest_of(
    connection: &Connection,
    latest: &Latest,
    gone: &[i64],
    now: Timestamp,
) -> rusqlite::Result<Vec<i64>> {
    let plan = Plan::new(connection, &latest.filter(), now)?;
    let (stores, _) = all_stores(connection)?;
    let stores: BTreeMap<i64, Option<StoreAddress>> = stores.into_iter().collect();
    let name_of = |id: i64| {
        let store = stores.get(&store_of(id))?.as_ref()?;
        match latest.per? {
            Per::Store => Some(store.store_name.clone()),
            Per::Dataset => store.dataset_id.clone(),
            _ => None,
        }
    };
    let column = match latest.per {
        Some(Per::User) => "e.user",
        Some(Per::Operator) => "e.operator",
        Some(Per::Function) => "e.function",
        Some(Per::Store | Per::Dataset) | None => "NULL",
    };
    let columns = format!("e.id, {WRITTEN}, e.expires_at, {column}");
    let mut groups: BTreeMap<_, Vec<(i64, i64)>> = BTreeMap::new();
    for range in plan.ranges() {
        plan.select(connection, &columns, range, |row| {
            let id = row.get(0)?;
            let is_expired = column::number(row, 2)?.is_some_and(|at| at <= now.as_millis());
            if range.contains(id) && !is_expired && gone.binary_search(&id).is_err() {
                let written_at = column::number(row, 1)?.unwrap_or(i64::MIN);
                let group = (name_of(id), column::number(row, 3)?);
                groups.entry(group).or_default().push((written_at, id));
            }
            Ok(())
        })?;
    }
    let mut ids: Vec<i64> = latest.of_groups(groups).map(|(_, id)| id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Selects the entries to evict so that the rest fits a capacity, once the ids in `gone` (in order)
/// are removed. Some are spared: ids, and results of a cost.
fn beyond(
    connection: &Connection,
    capacity: &Capacity,
    gone: &[i64],
    (spared, cost_above): (&[i64], Option<u64>),
    now: Timestamp,
) -> rusqlite::Result<SelectedPart> {
    let mut plan = Plan::new(connection, &capacity.scope, now)?;
    let mut left = Usage::default();
    let mut candidates = Vec::new();
    let columns = format!("e.id, e.policy, {WRITTEN}, {}", worth::columns());
    for range in plan.ranges() {
        plan.select(connection, &columns, range, |row| {
            let (id, size) = (row.get(0)?, column::size(row, 3)?);
            if !range.contains(id) || gone.binary_search(&id).is_ok() {
                return Ok(());
            }
            left += one(size);
            let used_at = column::number(row, 7)?.unwrap_or(i64::MAX);
            let is_expired = column::number(row, 8)?.is_some_and(|at| at <= now.as_millis());
            let cost = column::number(row, 5)?.and_then(|cost| u64::try_from(cost).ok());
            let is_costly = !is_expired && cost_above.is_some_and(|above| cost > Some(above));
            if column::number(row, 1)? == Some(policy_number(Policy::Evict))
                && !is_costly
                && spared.binary_search(&id).is_err()
            {
                let rank = match capacity.order {
                    EvictionOrder::Worth => eviction::rank(worth::read(row, 3, now)?),
                    EvictionOrder::Use => used_at.into(),
                    EvictionOrder::Age => column::number(row, 2)?.unwrap_or(i64::MAX).into(),
                    EvictionOrder::Size => size.into(),
                };
                candidates.push(((rank, id), size, (used_at, id)));
            }
            Ok(())
        })?;
    }
    let mut ids = Vec::new();
    let mut latest = i64::MIN;
    for (used_at, id) in scan::beyond(capacity, left, candidates) {
        latest = latest.max(used_at);
        ids.push(id);
    }
    ids.sort_unstable();
    // An entry that is used in the meantime stays.
    plan.narrow_to_used_by(latest);
    Ok(SelectedPart { ids, plan })
}
