//! Translates a filter to SQL: its stores, its index and its conditions.
//!
//! Names are looked up first, so that a statement compares integers only. A plan is run once for
//! each range of `id`: a store's entries are one range, and every index on a scope ends in the
//! `id`, so that "this user in that store" is one contiguous piece of an index. The index is named
//! (`INDEXED BY`), since SQLite has no statistics here and was seen to guess wrong by a factor of a
//! hundred. `key_index` has the ids of many keys, and `worth` the order of eviction.

mod conditions;
mod functions;
pub(super) mod key_index;
mod names;
mod range;
pub(super) mod worth;

pub(super) use conditions::Conditions;
pub(super) use functions::register;
pub(super) use range::Range;

use std::rc::Rc;

use rusqlite::types::{ToSql, ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::format::encoding::UNMARKED;
use super::names::NameKind;
use super::names::store_rows::all_stores;
use crate::filter::Filter;
use crate::time::Timestamp;
use names::{matching_names, matching_stores};

/// Time of an entry's last write, spelled as in the index `entries_written`.
pub(super) const WRITTEN: &str = "coalesce(e.updated_at, e.created_at)";

/// Time of an entry's last write or hit.
pub(super) const USED: &str = "max(coalesce(e.updated_at, e.created_at), coalesce(\
     (SELECT last_used_at FROM uses WHERE entry = e.id), e.updated_at, e.created_at))";

/// A filter prepared for one snapshot of a file.
#[derive(Debug)]
pub(super) struct Plan {
    /// The index that leads to the entries; `None` where they are a range of the table
    pub(super) index: Option<&'static str>,
    /// True if the entries of a range come in order of their `id`
    pub(super) ordered: bool,
    /// The ranges to visit, in order: stores in use, never retired ones
    ranges: Vec<Range>,
    /// Reports whether the ranges cover every store in use, unreadable ones included
    is_everywhere: bool,
    /// Fields that the filter restricts, besides the stores
    conditions: Conditions,
    /// Reports whether the entries are to go because of a limit
    is_eviction: bool,
    condition: String,
    parameters: Vec<Parameter>,
}

/// A bound value.
#[derive(Clone, Debug)]
pub(super) enum Parameter {
    One(SqlValue),
    Many(Rc<Vec<SqlValue>>),
}

impl Parameter {
    /// Returns a list of ids.
    pub(super) fn many(ids: impl IntoIterator<Item = i64>) -> Self {
        Self::Many(Rc::new(ids.into_iter().map(SqlValue::Integer).collect()))
    }
}

impl ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::One(value) => value.to_sql(),
            Self::Many(values) => values.to_sql(),
        }
    }
}

impl Plan {
    /// Looks up the filter's names and chooses the index.
    pub(super) fn new(
        connection: &Connection,
        filter: &Filter,
        now: Timestamp,
    ) -> rusqlite::Result<Self> {
        let mut plan = Self {
            index: None,
            ordered: true,
            ranges: Vec::new(),
            is_everywhere: false,
            conditions: Conditions::of(filter),
            is_eviction: false,
            condition: String::from("TRUE"),
            parameters: Vec::new(),
        };
        plan.narrow_by_key(filter);
        for (kind, column, index, patterns) in [
            (
                NameKind::Prompt,
                "e.prompt",
                "entries_prompt",
                &filter.prompts,
            ),
            (NameKind::User, "e.user", "entries_user", &filter.users),
            (
                NameKind::Operator,
                "e.operator",
                "entries_operator",
                &filter.operators,
            ),
        ] {
            if !patterns.is_empty() {
                let ids = matching_names(connection, kind, patterns)?;
                if plan.index.is_none() {
                    plan.ordered = ids.len() == 1;
                    plan.index = Some(index);
                }
                plan.narrow_by_ids(column, ids);
            }
        }
        plan.narrow_by_state(filter, now);
        plan.narrow_by_arguments(filter);
        (plan.ranges, plan.is_everywhere) =
            matching_stores(connection, filter, plan.begins_with_store())?;
        Ok(plan)
    }

    /// Returns the ranges to visit, in order of `id`.
    pub(super) fn ranges(&self) -> Vec<Range> {
        self.ranges.clone()
    }

    /// Returns the ranges of single stores, in order of `id`.
    pub(super) fn stores(&self, connection: &Connection) -> rusqlite::Result<Vec<Range>> {
        if self.ranges.iter().all(Range::is_store) {
            return Ok(self.ranges());
        }
        let (stores, _) = all_stores(connection)?;
        let stores = stores.into_iter().map(|(id, _)| Range::store(id));
        let is_meant = |store: &Range| self.ranges.iter().any(|range| range.contains(store.end));
        Ok(stores.filter(is_meant).collect())
    }

    /// Returns the number of the last parameter of [`Plan::condition`].
    pub(super) fn parameters(&self) -> usize {
        self.parameters.len() + 2
    }

    fn begins_with_store(&self) -> bool {
        !matches!(
            self.index,
            None | Some("entries_prompt" | "entries_user" | "entries_operator")
        )
    }

    /// Returns `FROM … WHERE …` for one range, whose bounds are the parameters 1 and 2.
    ///
    /// SQLite leaves out the join where no column of it is used.
    pub(super) fn source(&self) -> String {
        format!("{} AND {UNMARKED}", self.source_of_rows())
    }

    /// Returns the same with removed entries, for a reader that verifies each row: an entry is
    /// removed only if its checksum says so.
    pub(super) fn source_of_rows(&self) -> String {
        let index = match self.index {
            Some(index) => format!("INDEXED BY {index}"),
            None => "NOT INDEXED".into(),
        };
        let store = if self.begins_with_store() {
            "e.store = ?2 >> 32 AND "
        } else {
            ""
        };
        let range = if self.ordered {
            "e.id > ?1 AND e.id <= ?2"
        } else {
            "+e.id > ?1 AND +e.id <= ?2"
        };
        let condition = &self.condition;
        format!(
            "FROM entries AS e {index} LEFT JOIN uses AS u ON u.entry = e.id \
             WHERE {store}{range} AND {condition}"
        )
    }

    /// Returns the same for one known id, looked up by itself: a range search can begin on the
    /// previous page, which may be damaged.
    pub(super) fn source_by_id(&self) -> String {
        let condition = &self.condition;
        format!(
            "FROM entries AS e NOT INDEXED LEFT JOIN uses AS u ON u.entry = e.id \
             WHERE e.id = ?2 AND e.id > ?1 AND {condition}"
        )
    }

    /// Returns the conditions alone; their parameters follow the two bounds of a range. Removed
    /// entries satisfy them, too.
    ///
    /// They do not name the stores: an id, whose upper half is the store, was selected with them.
    pub(super) fn condition(&self) -> &str {
        &self.condition
    }

    /// Reports whether the filter matches every entry of the file unconditionally.
    pub(super) fn means_all(&self) -> bool {
        self.is_everywhere && self.conditions == Conditions::Nothing
    }

    /// Returns the fields that the filter restricts.
    pub(super) fn conditions(&self) -> Conditions {
        self.conditions
    }

    /// Reports whether the entries are to go because of a limit.
    pub(super) fn is_eviction(&self) -> bool {
        self.is_eviction
    }

    /// Leaves out results that took longer than that to compute, unless they have expired.
    pub(super) fn spare_costly(&mut self, cost_ms: u64, now: Timestamp) {
        self.conditions = Conditions::Others;
        let cost = self.bind(i64::try_from(cost_ms).unwrap_or(i64::MAX));
        let now = self.bind(now.as_millis());
        self.and(&format!(
            "(e.cost_ms IS NULL OR e.cost_ms <= {cost} OR coalesce(e.expires_at <= {now}, FALSE))"
        ));
    }

    /// Restricts the plan to entries of policy `evict` that were last used at `time` or before,
    /// which a limit evicts.
    pub(super) fn narrow_to_used_by(&mut self, time: i64) {
        self.is_eviction = true;
        self.conditions = Conditions::Others;
        self.and("e.policy = 1");
        self.compare(&format!("{USED} <="), time);
    }

    /// Runs `SELECT {columns}` over one range.
    pub(super) fn select(
        &self,
        connection: &Connection,
        columns: &str,
        range: Range,
        mut visit: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT {columns} {}", self.source());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(self.bound(range)))?;
        while let Some(row) = rows.next()? {
            visit(row)?;
        }
        Ok(())
    }

    /// Visits the ids of one range, each with one more column.
    pub(super) fn select_ids(
        &self,
        connection: &Connection,
        column: &str,
        range: Range,
        mut visit: impl FnMut(i64, ValueRef<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        self.select(connection, &format!("e.id, {column}"), range, |row| {
            let id = row.get(0)?;
            if range.contains(id) {
                visit(id, row.get_ref(1)?)?;
            }
            Ok(())
        })
    }

    /// Returns the parameters of [`Plan::source`] for one range.
    pub(super) fn bound(&self, range: Range) -> impl Iterator<Item = Parameter> {
        [range.after, range.end]
            .map(|id| Parameter::One(id.into()))
            .into_iter()
            .chain(self.parameters.iter().cloned())
    }

    fn bind(&mut self, value: impl Into<SqlValue>) -> String {
        self.bind_parameter(Parameter::One(value.into()))
    }

    fn bind_parameter(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("?{}", self.parameters.len() + 2)
    }

    fn and(&mut self, condition: &str) {
        self.condition.push_str(" AND ");
        self.condition.push_str(condition);
    }

    fn narrow_by_ids(&mut self, column: &str, ids: Vec<SqlValue>) {
        match <[SqlValue; 1]>::try_from(ids) {
            Ok([id]) => {
                let id = self.bind(id);
                self.and(&format!("{column} = {id}"));
            }
            Err(ids) => {
                let ids = self.bind_parameter(Parameter::Many(Rc::new(ids)));
                self.and(&format!("{column} IN rarray({ids})"));
            }
        }
    }

    fn compare(&mut self, left: &str, right: i64) {
        let right = self.bind(right);
        self.and(&format!("{left} {right}"));
    }
}

#[cfg(test)]
mod tests;
