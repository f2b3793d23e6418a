//! Translates a filter to SQL: its stores, its index and its conditions.
//!
//! Names are looked up first, so that a statement compares integers only. A plan is run once for
//! each range of `id`: a store's entries are one range, and every index on a scope ends in the
//! `id`, so that "this user in that store" is one contiguous piece of an index. The index is named
//! (`INDEXED BY`), since SQLite has no statistics here and was seen to guess wrong by a factor of a
//! hundred.

use std::rc::Rc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSql, ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::names::{self, NameKind, store_columns, verified_name, verified_store};
use super::row::{UNMARKED, kind_number, readable};
use super::salvage::intact;
use super::schema::LARGE;
use crate::entry::{CLOCK_SKEW, Policy};
use crate::filter::{Filter, Freshness, Pattern, arguments_match};
use crate::glob::Glob;
use crate::key::hex;
use crate::scope::StoreAddress;
use crate::time::Timestamp;

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

/// A range of `id`, and the store it belongs to if it is one store's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// Only ids above this one
    pub(super) after: i64,
    /// Only ids up to this one
    pub(super) end: i64,
}

/// Fields of an entry that a filter restricts, besides its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conditions {
    /// No field
    Nothing,
    /// The policy
    Policy(Policy),
    /// Exact keys, and possibly other fields
    Key,
    /// Other fields
    Others,
}

impl Conditions {
    pub(super) fn of(filter: &Filter) -> Self {
        let place = filter.place();
        let is_named = |pattern: &Pattern| matches!(pattern, Pattern::Exact(_));
        if *filter == place {
            Self::Nothing
        } else if !filter.keys.is_empty() && filter.keys.iter().all(is_named) {
            Self::Key
        } else {
            match filter.policy {
                Some(policy)
                    if *filter
                        == (Filter {
                            policy: Some(policy),
                            ..place
                        }) =>
                {
                    Self::Policy(policy)
                }
                _ => Self::Others,
            }
        }
    }
}

impl Range {
    /// Reports whether the range contains an id: a damaged page or index can yield others.
    pub(super) fn contains(&self, id: i64) -> bool {
        self.after < id && id <= self.end
    }

    /// Returns the ids of one store's entries.
    pub(super) fn store(store: i64) -> Self {
        Self {
            after: (store << 32) - 1,
            end: (store << 32) | 0xffff_ffff,
        }
    }

    /// Returns the range of one id alone.
    pub(super) fn one(id: i64) -> Self {
        Self {
            after: id - 1,
            end: id,
        }
    }

    pub(super) const ALL: Self = Self {
        after: 0,
        end: i64::MAX,
    };

    /// Returns the ranges that cover all ids but those of some stores, which come in order.
    fn all_but(stores: &[i64]) -> Vec<Self> {
        let mut rest = Self::ALL;
        let mut ranges = Vec::new();
        for store in stores.iter().map(|store| Self::store(*store)) {
            if store.after > rest.after {
                let end = store.after;
                ranges.push(Self { end, ..rest });
            }
            rest.after = store.end;
        }
        ranges.push(rest);
        ranges
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

    /// Restricts the plan to entries of policy `evict` that were last used at `time` or before.
    pub(super) fn narrow_to_least_used(&mut self, time: i64) {
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

    fn narrow_by_key(&mut self, filter: &Filter) {
        let mut alternatives = Vec::new();
        let mut exact = Vec::new();
        for pattern in &filter.keys {
            match pattern {
                Pattern::Exact(key) => exact.push(stored_key(key)),
                Pattern::Glob(glob) => {
                    let glob = self.bind(glob.to_string());
                    alternatives.push(format!("key_matches(e.key, {glob})"));
                }
            }
        }
        if alternatives.is_empty() && !exact.is_empty() {
            self.index = Some("entries_key");
            self.ordered = false;
            return self.narrow_by_ids("e.key", exact);
        }
        if !exact.is_empty() {
            let exact = self.bind_parameter(Parameter::Many(Rc::new(exact)));
            alternatives.push(format!("e.key IN rarray({exact})"));
        }
        if !alternatives.is_empty() {
            self.and(&format!("({})", alternatives.join(" OR ")));
        }
    }

    fn narrow_by_arguments(&mut self, filter: &Filter) {
        let mut alternatives = Vec::new();
        for pattern in &filter.arguments {
            let (glob, text) = spell(pattern);
            let (glob, text) = (self.bind(glob), self.bind(text));
            alternatives.push(format!("argument_matches(e.args, {glob}, {text})"));
        }
        if !alternatives.is_empty() {
            self.and(&format!("({})", alternatives.join(" OR ")));
        }
    }

    /// Chooses an index, unless there is one, and adds the conditions on columns.
    fn narrow_by_state(&mut self, filter: &Filter, now: Timestamp) {
        let expired = filter.freshness == Some(Freshness::Expired);
        let large = filter.larger_than.is_some_and(|size| size >= LARGE);
        let aged = filter.written_before.is_some()
            || filter.written_after.is_some()
            || filter.unused_since.is_some();
        if self.index.is_none() {
            self.index = match () {
                () if expired || filter.expires_by.is_some() => Some("entries_expiry"),
                () if large => Some("entries_large"),
                () if filter.policy == Some(Policy::Persist) => Some("entries_persist"),
                () if aged => Some("entries_written"),
                () => None,
            };
            self.ordered = matches!(self.index, None | Some("entries_persist"));
        }
        match filter.policy {
            // The literal lets SQLite use the partial index. The repeated condition checks the row,
            // since SQLite trusts the index, which may be damaged.
            Some(Policy::Persist) => self.and("e.policy = 0 AND +e.policy = 0"),
            Some(Policy::Evict) => self.and("e.policy = 1"),
            None => {}
        }
        let now_at = now.as_millis();
        match filter.freshness {
            Some(Freshness::Expired) => self.compare("e.expires_at <=", now_at),
            Some(Freshness::Fresh) => {
                let (now, skewed) = self.bind_fresh(now);
                self.and(&format!(
                    "(e.expires_at IS NULL OR (e.expires_at > {now} AND {WRITTEN} <= {skewed}))"
                ));
            }
            Some(Freshness::Endless) => self.and("e.expires_at IS NULL"),
            None => {}
        }
        if let Some(time) = filter.expires_by {
            let (now, skewed) = self.bind_fresh(now);
            self.compare("e.expires_at <=", time.as_millis());
            self.and(&format!("e.expires_at > {now} AND {WRITTEN} <= {skewed}"));
        }
        let skewed = now.saturating_add(CLOCK_SKEW).as_millis();
        if let Some(time) = filter.written_before {
            self.narrow_to_written_before(time, skewed);
        }
        if let Some(time) = filter.written_after {
            self.compare(&format!("{WRITTEN} >="), time.as_millis());
            self.compare(&format!("{WRITTEN} <="), skewed);
        }
        if let Some(time) = filter.unused_since {
            // An entry unused since then was also written before then; this half has an index.
            self.narrow_to_written_before(time, skewed);
            let (time, skewed) = (self.bind(time.as_millis()), self.bind(skewed));
            self.and(&format!(
                "NOT EXISTS (SELECT 1 FROM uses WHERE entry = e.id \
                 AND last_used_at BETWEEN {time} AND {skewed})"
            ));
        }
        if let Some(hits) = filter.min_hits.filter(|hits| *hits > 0) {
            let hits = self.bind(i64::try_from(hits).unwrap_or(i64::MAX));
            self.and(&format!(
                "EXISTS (SELECT 1 FROM uses WHERE entry = e.id AND hits >= {hits})"
            ));
        }
        if filter.never_used {
            self.and("NOT EXISTS (SELECT 1 FROM uses WHERE entry = e.id AND hits > 0)");
        }
        if filter.means_only_jobs() {
            // A constant condition would leave the index that the statement names unused, which is
            // an error.
            self.and("+e.policy < 0");
        }
        if let Some(size) = filter.larger_than {
            self.compare("e.size >", i64::try_from(size).unwrap_or(i64::MAX));
            if large {
                self.and("e.size >= 65536");
            }
        }
        if let Some(size) = filter.smaller_than {
            self.compare("e.size <", i64::try_from(size).unwrap_or(i64::MAX));
        }
        if let Some(cost) = filter.cost_above {
            self.compare("e.cost_ms >", i64::try_from(cost).unwrap_or(i64::MAX));
        }
        if !filter.kinds.is_empty() {
            let kinds = filter.kinds.iter().map(|kind| kind_number(*kind));
            self.narrow_by_ids("e.kind", kinds.map(SqlValue::Integer).collect());
        }
    }

    /// Implements [`Entry::is_written_before`](crate::entry::Entry::is_written_before) as two
    /// searches of one index.
    fn narrow_to_written_before(&mut self, time: Timestamp, skewed: i64) {
        let (time, skewed) = (self.bind(time.as_millis()), self.bind(skewed));
        // `size` is not in the index: without it, SQLite would read a store's whole part of the
        // index just to find no rows.
        self.and(&format!(
            "({WRITTEN} < {time} OR {WRITTEN} > {skewed}) AND e.size >= 0"
        ));
    }

    fn bind_fresh(&mut self, now: Timestamp) -> (String, String) {
        let skewed = now.saturating_add(CLOCK_SKEW);
        (self.bind(now.as_millis()), self.bind(skewed.as_millis()))
    }

    fn compare(&mut self, left: &str, right: i64) {
        let right = self.bind(right);
        self.and(&format!("{left} {right}"));
    }
}

/// Converts a key to its stored form: 64 lower-case hex digits to 32 bytes, anything else to text.
pub(super) fn stored_key(key: &str) -> SqlValue {
    match hash_bytes(key) {
        Some(hash) => SqlValue::Blob(hash.to_vec()),
        None => SqlValue::Text(key.into()),
    }
}

/// Returns the bytes of 64 lower-case hex digits.
pub(super) fn hash_bytes(key: &str) -> Option<[u8; 32]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        }
    }
    let digits: &[u8; 64] = key.as_bytes().try_into().ok()?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(hash)
}

/// Returns the ranges of the stores in use that a filter can match, in order, and whether it
/// matches all of them. Where the stores need not be told apart, a range spans several.
///
/// A filter that names no store also matches stores with unreadable names: their entries are
/// damaged.
fn matching_stores(
    connection: &Connection,
    filter: &Filter,
    apart: bool,
) -> rusqlite::Result<(Vec<Range>, bool)> {
    if let Some(ids) = named_stores(connection, filter)? {
        return Ok((ids.into_iter().map(Range::store).collect(), false));
    }
    let names_none = filter.stores.is_empty() && filter.datasets.is_empty();
    let (stores, retired) = names::all_stores(connection)?;
    let matches = |store: &StoreAddress| filter.matches_store(store);
    let is_known = |store: &Option<StoreAddress>| store.as_ref().is_some_and(matches);
    if names_none && !apart && stores.iter().all(|(_, store)| is_known(store)) {
        return Ok((Range::all_but(&retired), true));
    }
    let is_meant = |store: &Option<StoreAddress>| store.as_ref().map_or(names_none, matches);
    let meant = stores.into_iter().filter(|(_, store)| is_meant(store));
    Ok((meant.map(|(id, _)| Range::store(id)).collect(), false))
}

/// Looks up the stores of a filter that names each of them and their collections, by their index.
/// Returns `None` if the filter does not name them, or if a row fails verification.
fn named_stores(connection: &Connection, filter: &Filter) -> rusqlite::Result<Option<Vec<i64>>> {
    let named = |patterns| exact(patterns).filter(|names| !names.is_empty());
    let (Some(collections), Some(names)) = (named(&filter.collections), named(&filter.stores))
    else {
        return Ok(None);
    };
    let sql = concat!(
        "SELECT ",
        store_columns!(),
        " FROM stores WHERE collection IN rarray(?1) AND name IN rarray(?2)"
    );
    let read = (|| -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((Rc::new(collections), Rc::new(names)))?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let store = verified_store(row)?;
            if store.retired == 0 && filter.matches_store(&store.address) {
                ids.push(store.id);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    })();
    Ok(intact(readable(read))?.flatten())
}

fn exact(patterns: &[Pattern]) -> Option<Vec<SqlValue>> {
    let text = |pattern: &Pattern| match pattern {
        Pattern::Exact(name) => Some(SqlValue::Text(name.clone())),
        Pattern::Glob(_) => None,
    };
    patterns.iter().map(text).collect()
}

/// Returns the ids of the names that match.
fn matching_names(
    connection: &Connection,
    kind: NameKind,
    patterns: &[Pattern],
) -> rusqlite::Result<Vec<SqlValue>> {
    let mut ids = Vec::new();
    if let Some(names) = exact(patterns) {
        let sql = "SELECT checksum, id, kind, name FROM names \
                   WHERE kind = ?1 AND name IN rarray(?2)";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query((kind as i64, Rc::new(names)))?;
        while let Some(row) = rows.next()? {
            ids.push(SqlValue::Integer(verified_name(row)?.0));
        }
        return Ok(ids);
    }
    let sql = "SELECT checksum, id, kind, name FROM names WHERE kind = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([kind as i64])?;
    while let Some(row) = rows.next()? {
        let (id, name) = verified_name(row)?;
        if patterns.iter().any(|pattern| pattern.matches(&name)) {
            ids.push(SqlValue::Integer(id));
        }
    }
    Ok(ids)
}

/// Returns a pattern as two bound values: 1 for a glob or 0, and its text.
fn spell(pattern: &Pattern) -> (i64, String) {
    match pattern {
        Pattern::Exact(text) => (0, text.clone()),
        Pattern::Glob(glob) => (1, glob.to_string()),
    }
}

/// Registers the comparisons that SQL lacks.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    rusqlite::vtab::array::load_module(connection)?;
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("key_matches", 2, flags, |context| {
        let glob = pattern(context, 1, true)?;
        Ok(match context.get_raw(0) {
            ValueRef::Blob(hash) => glob.matches(&hex(hash)),
            ValueRef::Text(key) => std::str::from_utf8(key).is_ok_and(|key| glob.matches(key)),
            _ => false,
        })
    })?;
    connection.create_scalar_function("argument_matches", 3, flags, |context| {
        let glob = context.get_raw(1).as_i64()? == 1;
        let pattern = pattern(context, 2, glob)?;
        let args = context.get_raw(0).as_str_or_null()?;
        Ok(arguments_match(std::slice::from_ref(&*pattern), args))
    })
}

/// Returns the pattern in an argument, parsed once per statement.
fn pattern(
    context: &Context<'_>,
    argument: i32,
    glob: bool,
) -> rusqlite::Result<std::sync::Arc<Pattern>> {
    context.get_or_create_aux(argument, |value| {
        let text = value.as_str()?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(if glob {
            Pattern::Glob(Glob::new(text)?)
        } else {
            Pattern::exact(text)
        })
    })
}

#[cfg(test)]
mod tests;
