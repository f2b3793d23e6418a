//! The dry run of `prune`: the entries that would go, in that order, with the reason for each and
//! what computing them took.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use anyhow::Result;
use ecache_core::backend::{Backend, Content, Direction, Row, Scan, Sort, Values};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{Filter, Judge, Selection, Usage};
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;
use serde_json::{Value, json};

use crate::commands::shared::changes::deletion::Verb;
use crate::commands::shared::changes::dry_run::{ROWS, is_shown};
use crate::commands::shared::changes::loss::{Affected, Weight};
use crate::commands::shared::filter::no_match;
use crate::commands::shared::view::fields::Field;
use crate::commands::shared::view::listing::{Entries, Listing, Shown, scopes};
use crate::context::Context;
use crate::output::{Cell, Column, Format, Secrets, human};

/// Maximum number of entries in a summary for programs.
const MOST_NAMED: usize = 1000;

/// The reason why an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Orphaned,
    Expired,
    Old,
    Unused,
    /// Others were written later
    Earlier,
}

/// The reasons of a selection.
pub(super) struct Reasons {
    /// That of each of its filters
    pub(super) of_filters: Vec<Reason>,
    /// That of entries beyond its capacity
    pub(super) excess: &'static str,
}

/// A selection that is to be reported instead of removed.
pub(super) struct DryRun<'a> {
    pub(super) context: &'a Context,
    pub(super) backend: &'a dyn Backend,
    pub(super) selection: &'a Selection,
    pub(super) reasons: &'a Reasons,
    pub(super) now: Timestamp,
}

/// An entry that would go: the place of its reason, the entry, and the start of its value.
type Going = (usize, Entry, Option<Content>);

impl DryRun<'_> {
    /// Reports what would go.
    pub(super) fn report(&self, affected: Affected) -> Result<()> {
        let judge = Judge::new(self.selection, self.now);
        let latest = self.latest(&judge)?;
        let judge = judge.sparing(latest);
        if is_shown(self.context) {
            self.list(affected.usage.entries, &judge)?;
        }
        let (mut counts, mut cost_ms, mut named) = (BTreeMap::new(), 0_u64, Vec::new());
        self.each(Values::Omit, &judge, &mut |(place, entry, _)| {
            *counts.entry(place).or_insert(0_u64) += 1;
            cost_ms = cost_ms.saturating_add(entry.cost_ms.unwrap_or(0));
            if self.context.summary.is_wanted() && named.len() < MOST_NAMED {
                named.push(self.named(place, &entry));
            }
            ControlFlow::Continue(())
        })?;
        if self.context.summary.is_wanted() {
            let named = Value::Array(named).to_string();
            self.context.summary.set_going(cost_ms, named);
        }
        let mut detail = Vec::new();
        if counts.len() > 1 {
            let counts = counts
                .into_iter()
                .map(|(place, count)| format!("{} {}", human::count(count), self.kind(place)));
            detail.push(Vec::from_iter(counts).join(", "));
        }
        if cost_ms > 0 {
            detail.push(format!("{} at stake", human::duration(cost_ms)));
        }
        let detail = detail.join("; ");
        let verb = Verb {
            detail: Some(&*detail).filter(|detail| !detail.is_empty()),
            ..Verb::REMOVE
        };
        let nothing = || {
            Ok(no_match::sentence_of(
                self.context,
                self.backend,
                [self.selection],
                self.now,
            ))
        };
        verb.report(self.context, verb.would, affected, nothing)?;
        Ok(())
    }

    /// Weighs the entries that go for the reasons from a place on.
    pub(super) fn weight(&self, from: usize) -> Result<Weight> {
        let judge = Judge::new(self.selection, self.now);
        let latest = self.latest(&judge)?;
        let mut weight = Weight::default();
        let visit = &mut |(place, entry, _): Going| {
            if place >= from {
                weight.count(&entry);
            }
            ControlFlow::Continue(())
        };
        self.each(Values::Omit, &judge.sparing(latest), visit)?;
        Ok(weight)
    }

    /// Lists the first entries in a table.
    fn list(&self, all: u64, judge: &Judge<'_>) -> Result<()> {
        let mut found = Vec::new();
        self.each(Values::Start, judge, &mut |going| {
            found.push(going);
            if found.len() < ROWS {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let datasets = self.context.datasets()?;
        let facts = [Field::Size, Field::CostMs, Field::StoreName, Field::Key];
        let mut shown = facts.map(Shown::Field).to_vec();
        if self.context.may_mix_collections() {
            shown.push(Shown::Field(Field::Collection));
        }
        shown.extend(scopes(&datasets));
        shown.push(Shown::Call);
        let listing = Listing::new(shown, Entries::Any, &datasets, Secrets::Masked, self.now);
        let mut columns = vec![Column::whole("reason")];
        columns.extend(listing.columns());
        // No line below names a store that all rows have.
        columns[3] = columns[3].asked();
        let mut rows = self.context.rows(Format::Table, &columns)?;
        for (place, entry, start) in &found {
            let mut cells = vec![Cell::from(self.reason(*place, entry))];
            cells.extend(listing.cells(entry, start.as_ref()));
            rows.row(&cells)?;
        }
        rows.finish()?;
        if let Some(more @ 1..) = all.checked_sub(found.len() as u64) {
            self.context
                .footer(&format!("({} more)", human::count(more)));
        }
        Ok(())
    }

    /// Visits the entries in the order in which they would go: those of the filters, one filter
    /// after the other, then those beyond the capacity.
    fn each(
        &self,
        values: Values,
        judge: &Judge<'_>,
        visit: &mut dyn FnMut(Going) -> ControlFlow<()>,
    ) -> Result<()> {
        let scan = |filter: &Filter, sort, direction| Scan {
            sort,
            direction,
            values,
            ..Scan::new(filter.clone())
        };
        for (place, filter) in judge.filters().iter().enumerate() {
            let all = scan(filter, Sort::Stored, Direction::Ascending);
            for row in self.backend.scan(&all, self.now)? {
                if let Some((entry, start)) = removable(row?)
                    && judge.is_first(place, &entry)
                    && visit((place, entry, start)).is_break()
                {
                    return Ok(());
                }
            }
        }
        let Some(capacity) = &self.selection.beyond else {
            return Ok(());
        };
        let mut left = Usage::default();
        let all = Scan::new(capacity.scope.clone());
        for row in self.backend.scan(&all, self.now)? {
            if let Some((entry, _)) = removable(row?)
                && !judge.takes(&entry, &capacity.scope)
            {
                left += Usage {
                    entries: 1,
                    bytes: entry.size,
                };
            }
        }
        let evictable = Filter {
            policy: Some(Policy::Evict),
            ..capacity.scope.clone()
        };
        let (sort, direction) = capacity.order.into();
        for row in self
            .backend
            .scan(&scan(&evictable, sort, direction), self.now)?
        {
            if capacity.fits(left) {
                break;
            }
            let Some((entry, start)) = removable(row?) else {
                continue;
            };
            if !judge.takes(&entry, &evictable) && !judge.spares(&entry) {
                left.entries -= 1;
                left.bytes -= entry.size;
                if visit((judge.filters().len(), entry, start)).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Finds the latest entries, which stay.
    fn latest(&self, judge: &Judge<'_>) -> Result<BTreeSet<Address>> {
        let Some(latest) = &self.selection.spared.latest else {
            return Ok(BTreeSet::new());
        };
        let newest = Scan {
            sort: Sort::Updated,
            direction: Direction::Descending,
            ..Scan::new(latest.filter())
        };
        let (mut found, mut counts) = (BTreeSet::new(), BTreeMap::new());
        for row in self.backend.scan(&newest, self.now)? {
            let Some((entry, _)) = removable(row?) else {
                continue;
            };
            if !judge.may_be_latest(&entry, &newest.filter) {
                continue;
            }
            let group = latest.per.and_then(|per| per.name(&entry));
            let count = counts.entry(group).or_insert(0);
            if *count < latest.count {
                *count += 1;
                found.insert(entry.address);
            }
        }
        Ok(found)
    }

    /// Names an entry in JSON.
    fn named(&self, place: usize, entry: &Entry) -> Value {
        let store = &entry.address.store;
        json!({
            "reason": self.kind(place),
            "collection": &*store.collection,
            "store_name": &*store.store_name,
            "key": entry.address.key.as_str(),
            "dataset_id": store.dataset_id.as_deref(),
            "size": entry.size,
            "cost_ms": entry.cost_ms,
        })
    }

    /// Returns the reason at a place in a word or two.
    fn kind(&self, place: usize) -> &'static str {
        match self.reasons.of_filters.get(place) {
            Some(Reason::Orphaned) => "orphaned",
            Some(Reason::Expired) => "expired",
            Some(Reason::Old) => "old",
            Some(Reason::Unused) => "unused",
            Some(Reason::Earlier) => "before the last",
            None => self.reasons.excess,
        }
    }

    /// Returns why an entry goes.
    fn reason(&self, place: usize, entry: &Entry) -> String {
        let now = self.now.as_millis();
        let since = |time: Timestamp| human::age(now.abs_diff(time.as_millis()));
        match (self.reasons.of_filters.get(place), entry.expires_at) {
            (Some(Reason::Expired), Some(at)) => {
                format!("expired {}", human::relative(at.as_millis(), now))
            }
            (Some(Reason::Old), _) => human::old(now.abs_diff(entry.written_at().as_millis())),
            (Some(Reason::Unused), _) => format!("unused for {}", since(entry.used_at())),
            _ => self.kind(place).to_owned(),
        }
    }
}

/// Returns the entry of a row that a removal takes: damaged ones stay.
fn removable(row: Row) -> Option<(Entry, Option<Content>)> {
    match row {
        Row::Entry(entry, start) => Some((*entry, start)),
        Row::Foreign(foreign) => Some((foreign.entry, foreign.content)),
        Row::Damaged(_) => None,
    }
}
