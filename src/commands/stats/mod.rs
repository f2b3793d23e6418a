//! `ecache stats`: whether the cache helps: calls, hits and the time they saved, and the entries.
//!
//! Calls are counted by store, dataset, user and operator, and outlive the entries. Every other
//! condition or grouping is known of the present entries alone, which have hits and no misses.

mod figures;
mod grouping;
mod metrics;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Group, Scan, Spread, Values};
use ecache_core::filter::{Filter, Pattern};
use ecache_core::time::Timestamp;
use ecache_core::usage::{CallGroup, Counts, DAY, Gap, KEPT};

use grouping::Grouping;
use table::Table;

use super::shared::filter::collections::{self, Counted, note_elsewhere};
use super::shared::filter::no_match::note_none_listed;
use super::shared::filter::{DefaultSelection, filter, note_unknown_names};
use super::shared::view::distributions;
use crate::cli::{GroupBy, StatsArgs};
use crate::context::{Collections, Context};
use crate::error::{Exit, usage_tip};
use crate::output::own_command;
use crate::output::{Format, Secrets, human};

/// The name of a group: one part for each grouping.
type Name = Vec<Option<Arc<str>>>;

/// All that is known of one group.
#[derive(Default)]
struct Stats {
    entries: Group,
    counts: Counts,
}

pub(crate) fn run(context: &Context, args: StatsArgs) -> Result<Exit> {
    let question = Question::new(context, &args)?;
    context.fold_usage();
    let backend = context.reader()?;
    let answer = question.answer(context, backend.as_ref())?;
    if args.format.is_prom() {
        metrics::print(&question, &answer, Secrets::from(args.reveal))?;
    } else {
        let format = context.format(args.format.of_rows());
        Table::new(context, &question, &answer, format)?.print(Secrets::from(args.reveal))?;
        if format == Format::Table && !answer.groups.is_empty() {
            print_footers(context, &question, &answer);
        }
    }
    note(context, backend.as_ref(), &question, &answer)?;
    Ok(args.filter.exit(answer.groups.is_empty()))
}

/// The groups whose figures are asked for.
struct Question {
    filter: Filter,
    by: Vec<GroupBy>,
    /// Calls are counted for each group
    is_counted: bool,
    /// The begin of the period whose calls are counted, instead of all
    since: Option<Timestamp>,
    now: Timestamp,
}

/// The groups and their figures.
struct Answer {
    groups: BTreeMap<Name, Stats>,
    spread: Spread,
    calls: Calls,
}

impl Question {
    fn new(context: &Context, args: &StatsArgs) -> Result<Self> {
        let now = context.now();
        let filter = filter(context, &args.filter, DefaultSelection::AnyPolicy, now)?;
        let by = distinct(&args.by);
        // Prompts and functions are known of entries alone.
        let is_counted = filter.means_groups() && by.iter().all(|by| is_of_calls(*by));
        if args.since.is_some() && !is_counted {
            return Err(usage_tip(
                "--since counts calls by collection, store, dataset, user and operator alone",
                "leave out the other filters, and --by prompt and function",
            ));
        }
        let since = args.since.map(|since| since.resolve(now.as_millis()));
        Ok(Self {
            filter,
            by,
            is_counted,
            since: since.map(Timestamp::from_millis),
            now,
        })
    }

    fn answer(&self, context: &Context, backend: &dyn Backend) -> Result<Answer> {
        let mut answer = self.entries(backend)?;
        if self.is_counted {
            answer.calls = self.add_calls(context, backend, &mut answer.groups)?;
        }
        // In a period, a group without a call in it says nothing.
        if self.since.is_some() {
            answer
                .groups
                .retain(|_, stats| stats.counts != Counts::default());
        }
        Ok(answer)
    }

    /// Returns the entries of each group.
    fn entries(&self, backend: &dyn Backend) -> Result<Answer> {
        let (mut groups, mut spread) = (BTreeMap::<Name, Stats>::new(), Spread::default());
        let (filter, now) = (&self.filter, self.now);
        // A single grouping is done where the entries are.
        if let [by] = &*self.by
            && let Some(dimension) = by.dimension()
        {
            for group in backend.groups_with_spread(filter, dimension, now, &mut spread)? {
                let stats = groups.entry(vec![group.name.clone()]).or_default();
                stats.entries.merge(group);
            }
        } else {
            let scan = Scan {
                values: Values::Omit,
                ..Scan::new(filter.clone())
            };
            let mut grouping = Grouping::new(&self.by, now, &mut groups, &mut spread);
            backend.visit(&scan, now, &mut grouping)?;
            grouping.end_group();
        }
        Ok(Answer {
            groups,
            spread,
            calls: Calls::default(),
        })
    }

    /// Adds the calls of each group.
    fn add_calls(
        &self,
        context: &Context,
        backend: &dyn Backend,
        groups: &mut BTreeMap<Name, Stats>,
    ) -> Result<Calls> {
        let filter = &self.filter;
        let mut calls = Calls::default();
        let anywhere = Filter {
            collections: Vec::new(),
            ..filter.clone()
        };
        let kept = Timestamp::from_millis(self.now.as_millis().saturating_sub(KEPT));
        let (recorded, unread) = context.calls_since(backend, self.since.unwrap_or(kept))?;
        if let Some(error) = &unread {
            context.note(&format!(
                "at least: the latest calls are not counted in: {error}"
            ));
        }
        for period in &recorded.periods {
            let CallGroup::Of {
                store,
                user,
                operator,
            } = &period.group
            else {
                calls.has_other = true;
                continue;
            };
            let (user_id, operator_uri) = (user.as_deref(), operator.as_deref());
            if context.collections == Collections::Default
                && !filter.matches_collection(&store.collection)
                && anywhere.matches_group(store, user_id, operator_uri)
            {
                let collection = store.collection.to_string();
                *calls.elsewhere.entry(collection).or_default() += period.counts.calls();
            }
            if filter.matches_group(store, user_id, operator_uri) {
                calls.stores.insert(store.store_name.clone());
                let name = self.by.iter().map(|by| match by {
                    GroupBy::User => user.clone(),
                    GroupBy::Operator => operator.clone(),
                    by => by
                        .dimension()
                        .and_then(|dimension| dimension.name_of_store(store).cloned()),
                });
                let stats = groups.entry(name.collect()).or_default();
                stats.counts.add(&period.counts);
                let span = Span {
                    begins_at: period.begins_at,
                    length: period.length,
                };
                calls.first = Some(calls.first.map_or(span, |first| first.min(span)));
            }
        }
        calls.gaps = recorded.gaps;
        if unread.is_none() && !context.usage_log()?.is_writable() && context.has_store()? {
            context.note("at least: calls are not counted, since nothing can be written here");
        }
        Ok(calls)
    }
}

/// The calls that were counted, apart from those of each group.
#[derive(Default)]
struct Calls {
    /// More groups called than are counted apart
    has_other: bool,
    gaps: Vec<Gap>,
    /// The first period with a call
    first: Option<Span>,
    /// Calls of other collections that match
    elsewhere: BTreeMap<String, u64>,
    /// Stores that were called
    stores: BTreeSet<Arc<str>>,
}

/// A span of time, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    begins_at: i64,
    length: i64,
}

/// Says what the figures do not.
fn note(
    context: &Context,
    backend: &dyn Backend,
    question: &Question,
    answer: &Answer,
) -> Result<()> {
    let Answer { groups, calls, .. } = answer;
    let filter = &question.filter;
    let is_of_period = question.since.is_some();
    if groups.is_empty() && is_of_period && context.terminal.stderr_is_terminal {
        context.note("no call was counted since then");
    }
    if calls.has_other {
        context.note("some calls are not shown: there were more groups than are counted apart");
    }
    note_gaps(context, &calls.gaps);
    note_failures(context, groups.values());
    // A store that was asked for has calls without being there.
    let mut named = filter.clone();
    named.stores.retain(|store| match store {
        Pattern::Exact(name) => !calls.stores.iter().any(|called| **called == **name),
        Pattern::Glob(_) => true,
    });
    note_unknown_names(context, backend, &named)?;
    if is_of_period {
        collections::note(context, Counted::Calls, calls.elsewhere.clone());
        return Ok(());
    }
    if groups.is_empty() {
        note_none_listed(context, backend, filter, question.now);
    }
    note_elsewhere(context, backend, &filter.clone().into(), question.now)
}

/// Says below a table what its period is, or how the entries are distributed.
fn print_footers(context: &Context, question: &Question, answer: &Answer) {
    let Some(since) = question.since else {
        let lines = distributions::lines(&answer.spread, &context.terminal);
        lines.iter().for_each(|line| context.footer(line));
        return;
    };
    if let Some(first) = answer.calls.first
        && first.begins_at < since.as_millis()
    {
        let units = if first.length < DAY { "hours" } else { "days" };
        let begin = human::local(first.begins_at);
        context.footer(&format!("in whole {units}: all calls since {begin}"));
    }
    let mut groups = answer.groups.values();
    if groups.any(|stats| stats.counts.saved_ms > 0) {
        context.footer("by time: saved / (saved + spent on misses)");
    }
}

/// Removes groupings that were named twice.
fn distinct(by: &[GroupBy]) -> Vec<GroupBy> {
    let mut distinct = Vec::new();
    for one in by {
        if !distinct.contains(one) {
            distinct.push(*one);
        }
    }
    distinct
}

/// Reports whether calls are counted by this grouping.
fn is_of_calls(by: GroupBy) -> bool {
    !matches!(by, GroupBy::Prompt | GroupBy::Function)
}

/// Notes how often the cache failed or was bypassed.
fn note_failures<'a>(context: &Context, groups: impl Iterator<Item = &'a Stats>) {
    let mut sum = Counts::default();
    groups.for_each(|stats| sum.add(&stats.counts));
    if sum.errors > 0 {
        context.note(&format!(
            "the cache failed {}; {} says how",
            human::counted(sum.errors, "time", "times"),
            own_command("run -v")
        ));
    }
    if sum.bypasses > 0 {
        context.note(&format!(
            "{} went without the cache; {} says why",
            human::counted(sum.bypasses, "call", "calls"),
            own_command("run -v")
        ));
    }
}

/// Notes in which time there were more calls than were counted.
fn note_gaps(context: &Context, gaps: &[Gap]) {
    let (Some(from), Some(until)) = (
        gaps.iter().map(|gap| gap.from).min(),
        gaps.iter().map(|gap| gap.until).max(),
    ) else {
        return;
    };
    context.note(&format!(
        "at least: between {from} and {until} not every call could be counted"
    ));
}
