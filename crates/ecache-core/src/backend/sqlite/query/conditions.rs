//! The conditions of a filter on the columns of an entry, and the index that they choose.

use std::rc::Rc;

use rusqlite::types::Value as SqlValue;

use super::{Parameter, Plan, WRITTEN};
use crate::backend::sqlite::format::encoding::{kind_number, stored_key};
use crate::backend::sqlite::format::schema::LARGE;
use crate::entry::{CLOCK_SKEW, Policy};
use crate::filter::{Filter, Freshness, Pattern};
use crate::time::{Timestamp, whole_millis};

/// Fields of an entry that a filter restricts, besides its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend::sqlite) enum Conditions {
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
    pub(in crate::backend::sqlite) fn of(filter: &Filter) -> Self {
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

impl Plan {
    pub(super) fn narrow_by_key(&mut self, filter: &Filter) {
        let mut alternatives = Vec::new();
        let mut exact = Vec::new();
        for pattern in &filter.keys {
            match pattern {
                Pattern::Exact(key) => exact.push((&stored_key(key)).into()),
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

    pub(super) fn narrow_by_arguments(&mut self, filter: &Filter) {
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
    pub(super) fn narrow_by_state(&mut self, filter: &Filter, now: Timestamp) {
        if self.index.is_none() {
            self.index = index_of(filter);
            self.ordered = matches!(self.index, None | Some("entries_persist"));
        }
        self.narrow_by_lifetime(filter, now);
        self.narrow_by_time(filter, now.saturating_add(CLOCK_SKEW).as_millis());
        self.narrow_by_hits(filter);
        if filter.means_only_jobs() {
            // A constant condition would leave the index that the statement names unused, which is
            // an error.
            self.and("+e.policy < 0");
        }
        self.narrow_by_value(filter);
    }

    fn narrow_by_lifetime(&mut self, filter: &Filter, now: Timestamp) {
        match filter.policy {
            // The literal lets SQLite use the partial index. The repeated condition checks the row,
            // since SQLite trusts the index, which may be damaged.
            Some(Policy::Persist) => self.and("e.policy = 0 AND +e.policy = 0"),
            Some(Policy::Evict) => self.and("e.policy = 1"),
            None => {}
        }
        match filter.freshness {
            Some(Freshness::Expired) => {
                self.compare("e.expires_at <=", filter.expired_by(now).as_millis());
            }
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
    }

    /// Adds the conditions on times; `skewed` is the time from which on one counts as unknown.
    fn narrow_by_time(&mut self, filter: &Filter, skewed: i64) {
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
    }

    fn narrow_by_hits(&mut self, filter: &Filter) {
        if let Some(hits) = filter.min_hits.filter(|hits| *hits > 0) {
            let hits = self.bind(i64::try_from(hits).unwrap_or(i64::MAX));
            self.and(&format!(
                "EXISTS (SELECT 1 FROM uses WHERE entry = e.id AND hits >= {hits})"
            ));
        }
        if filter.never_used {
            self.and("NOT EXISTS (SELECT 1 FROM uses WHERE entry = e.id AND hits > 0)");
        }
    }

    /// Adds the conditions on the size, the cost and the kind of the value.
    fn narrow_by_value(&mut self, filter: &Filter) {
        if let Some(size) = filter.larger_than {
            self.compare("e.size >", i64::try_from(size).unwrap_or(i64::MAX));
            if size >= LARGE {
                self.and("e.size >= 65536");
            }
        }
        if let Some(size) = filter.smaller_than {
            self.compare("e.size <", i64::try_from(size).unwrap_or(i64::MAX));
        }
        if let Some(cost) = filter.cost_above {
            self.compare(
                "e.cost_ms >",
                i64::try_from(whole_millis(cost)).unwrap_or(i64::MAX),
            );
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
}

/// Returns the index that serves a filter, if one does.
fn index_of(filter: &Filter) -> Option<&'static str> {
    let is_aged = filter.written_before.is_some()
        || filter.written_after.is_some()
        || filter.unused_since.is_some();
    if filter.freshness == Some(Freshness::Expired) || filter.expires_by.is_some() {
        Some("entries_expiry")
    } else if filter.larger_than.is_some_and(|size| size >= LARGE) {
        Some("entries_large")
    } else if filter.policy == Some(Policy::Persist) {
        Some("entries_persist")
    } else if is_aged {
        Some("entries_written")
    } else {
        None
    }
}

/// Returns a pattern as two bound values: 1 for a glob or 0, and its text.
fn spell(pattern: &Pattern) -> (i64, String) {
    match pattern {
        Pattern::Exact(text) => (0, text.clone()),
        Pattern::Glob(glob) => (1, glob.to_string()),
    }
}
