//! `ecache stats`: whether the cache helps: calls, hits and the time they saved, and the entries.
//!
//! Calls are counted by store, dataset, user and operator, and outlive the entries. Every other
//! condition or grouping is known of the present entries alone, which have hits and no misses.

mod figures;
mod grouping;
mod metrics;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Group, Scan, Spread, Values};
use ecache_core::filter::{Filter, Pattern};
use ecache_core::time::Timestamp;
use ecache_core::usage::{CallGroup, Counts, DAY, Gap, KEPT};

use figures::{FIGURES, HIT_RATE, SHARE, TABLE, TABLE_OF_PERIOD, cell, figure};
use grouping::Grouping;

use super::shared::filter::collections::{self, Counted, note_elsewhere};
use super::shared::filter::no_match::note_none_listed;
use super::shared::filter::{Unless, filter, note_unknown_names};
use super::shared::view::distributions;
use crate::cli::{GroupBy, StatsArgs};
use crate::context::{Collections, Context};
use crate::error::{Exit, usage_tip};
use crate::output::{Cell, Column, Format, Mood, Secrets, chart, human};

/// The name of a group: one part for each grouping.
type Name = Vec<Option<Arc<str>>>;

/// All that is known of one group.
#[derive(Default)]
struct Stats {
    entries: Group,
    counts: Counts,
}

pub(crate) fn run(context: &Context, args: StatsArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, Unless::AnyPolicy, now)?;
    let by = distinct(&args.by);
    // Prompts and functions are known of entries alone.
    let is_counted = filter.means_groups() && by.iter().all(|by| is_of_calls(*by));
    if args.since.is_some() && !is_counted {
        return Err(usage_tip(
            "--since counts calls by collection, store, dataset, user and operator alone",
            "leave out the other filters, and --by prompt and function",
        ));
    }
    context.fold_usage();
    let backend = context.reader()?;
    let mut groups: BTreeMap<Name, Stats> = BTreeMap::new();
    let mut spread = Spread::default();
    group_entries(
        backend.as_ref(),
        &filter,
        &by,
        now,
        (&mut groups, &mut spread),
    )?;
    let since = args
        .since
        .map(|since| Timestamp::from_millis(since.resolve(now.as_millis())));
    let calls = if is_counted {
        add_calls(
            context,
            backend.as_ref(),
            &filter,
            &by,
            (now, since),
            &mut groups,
        )?
    } else {
        Calls::default()
    };
    // In a period, a group without a call in it says nothing.
    if since.is_some() {
        groups.retain(|_, stats| stats.counts != Counts::default());
    }
    if args.format.is_prom() {
        metrics::print(&args, &by, &groups, is_counted)?;
    } else {
        let format = context.format(args.format.of_rows());
        print(context, &args, format, &by, &groups, is_counted)?;
        if format == Format::Table && !groups.is_empty() {
            print_footers(context, &groups, &spread, (since, calls.begin));
        }
    }
    if groups.is_empty() && since.is_some() && context.terminal.stderr_is_terminal {
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
    note_unknown_names(context, backend.as_ref(), &named)?;
    if groups.is_empty() && since.is_none() {
        note_none_listed(context, backend.as_ref(), &filter, now);
    }
    if since.is_some() {
        collections::note(context, Counted::Calls, calls.elsewhere);
    } else {
        note_elsewhere(context, backend.as_ref(), &filter.into(), now)?;
    }
    Ok(args.filter.exit(groups.is_empty()))
}

/// The calls that were counted, apart from those of each group.
struct Calls {
    /// More groups called than are counted apart
    has_other: bool,
    gaps: Vec<Gap>,
    /// Begin and length of the first period, in milliseconds
    begin: (i64, i64),
    /// Calls of other collections that match
    elsewhere: BTreeMap<String, u64>,
    /// Stores that were called
    stores: BTreeSet<Arc<str>>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            has_other: false,
            gaps: Vec::new(),
            begin: (i64::MAX, 0),
            elsewhere: BTreeMap::new(),
            stores: BTreeSet::new(),
        }
    }
}

/// Adds the calls of each group.
fn add_calls(
    context: &Context,
    backend: &dyn Backend,
    filter: &Filter,
    by: &[GroupBy],
    (now, since): (Timestamp, Option<Timestamp>),
    groups: &mut BTreeMap<Name, Stats>,
) -> Result<Calls> {
    let mut calls = Calls::default();
    let anywhere = Filter {
        collections: Vec::new(),
        ..filter.clone()
    };
    let from = since.unwrap_or(Timestamp::from_millis(now.as_millis().saturating_sub(KEPT)));
    let (recorded, unread) = context.calls_since(backend, from)?;
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
            let name = by.iter().map(|by| match by {
                GroupBy::User => user.clone(),
                GroupBy::Operator => operator.clone(),
                by => by
                    .dimension()
                    .and_then(|dimension| dimension.name_of_store(store).cloned()),
            });
            let stats = groups.entry(name.collect()).or_default();
            stats.counts.add(&period.counts);
            calls.begin = calls.begin.min((period.begins_at, period.length));
        }
    }
    calls.gaps = recorded.gaps;
    if unread.is_none() && !context.usage_log()?.is_writable() && context.has_store()? {
        context.note("at least: calls are not counted, since nothing can be written here");
    }
    Ok(calls)
}

/// Says below a table what its period is, or how the entries are distributed.
fn print_footers(
    context: &Context,
    groups: &BTreeMap<Name, Stats>,
    spread: &Spread,
    (since, begin): (Option<Timestamp>, (i64, i64)),
) {
    let Some(since) = since else {
        let lines = distributions::lines(spread, &context.terminal);
        lines.iter().for_each(|line| context.footer(line));
        return;
    };
    if begin.0 < since.as_millis() {
        let units = if begin.1 < DAY { "hours" } else { "days" };
        let begin = human::local(begin.0);
        context.footer(&format!("in whole {units}: all calls since {begin}"));
    }
    if groups.values().any(|stats| stats.counts.saved_ms > 0) {
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

/// Adds the entries of each group.
fn group_entries(
    backend: &dyn Backend,
    filter: &Filter,
    by: &[GroupBy],
    now: Timestamp,
    (groups, spread): (&mut BTreeMap<Name, Stats>, &mut Spread),
) -> Result<()> {
    // A single one is grouped where the entries are.
    if let [by] = by
        && let Some(dimension) = by.dimension()
    {
        for group in backend.groups_with_spread(filter, dimension, now, spread)? {
            let stats = groups.entry(vec![group.name.clone()]).or_default();
            stats.entries.merge(group);
        }
        return Ok(());
    }
    let scan = Scan {
        values: Values::Omit,
        ..Scan::new(filter.clone())
    };
    let mut grouping = Grouping::new(by, now, groups, spread);
    backend.visit(&scan, now, &mut grouping)?;
    grouping.end_group();
    Ok(())
}

/// Says how many groups there are, as in `20 stores`.
fn number_of(by: &[GroupBy], count: u64) -> String {
    let [one, many] = match by {
        [GroupBy::Collection] => ["collection", "collections"],
        [GroupBy::Store] => ["store", "stores"],
        [GroupBy::Dataset] => ["dataset", "datasets"],
        [GroupBy::User] => ["user", "users"],
        [GroupBy::Operator] => ["operator", "operators"],
        [GroupBy::Prompt] => ["prompt", "prompts"],
        [GroupBy::Function] => ["function", "functions"],
        _ => ["group", "groups"],
    };
    human::counted(count, one, many)
}

fn column(by: GroupBy) -> Column {
    Column::text(match by {
        GroupBy::Collection => "collection",
        GroupBy::Store => "store_name",
        GroupBy::Dataset => "dataset_id",
        GroupBy::User => "user_id",
        GroupBy::Operator => "operator_uri",
        GroupBy::Prompt => "prompt_id",
        GroupBy::Function => "function",
    })
}

fn print(
    context: &Context,
    args: &StatsArgs,
    format: Format,
    by: &[GroupBy],
    groups: &BTreeMap<Name, Stats>,
    is_counted: bool,
) -> Result<()> {
    let datasets = context.datasets()?;
    let is_table = format == Format::Table;
    let ranked: &[(&'static str, u8)] = match args.since {
        None => &TABLE,
        Some(_) => &TABLE_OF_PERIOD,
    };
    let figures: Vec<&'static str> = if is_table {
        ranked.iter().map(|(name, _)| *name).collect()
    } else {
        FIGURES.to_vec()
    };
    let named = by
        .iter()
        .position(|by| *by == GroupBy::Dataset && datasets.have_names());
    let mut columns: Vec<Column> = by.iter().map(|by| column(*by)).collect();
    if is_table {
        columns = columns.into_iter().map(|name| name.ranked(0)).collect();
    }
    if let Some(place) = named {
        columns.insert(place + 1, Column::text("dataset_name"));
    }
    if is_table {
        columns.extend(ranked.iter().map(|(name, rank)| figure(name, *rank)));
    } else {
        columns.extend(figures.iter().map(|name| match *name {
            "oldest" => Column::whole("oldest"),
            name => Column::number(name),
        }));
    }
    let mut rows = context.rows(format, &columns)?;
    let secrets = Secrets::from(args.reveal);
    let mut total = Stats::default();
    for stats in groups.values() {
        total.counts.add(&stats.counts);
        total.entries.merge(stats.entries.clone());
    }
    let is_unicode = context.terminal.is_unicode;
    let shown = |figure: &str, stats: &Stats| match figure {
        SHARE => {
            let [part, whole] = [stats, &total].map(|it| it.entries.usage.bytes.into());
            Cell::from(chart::bar(part, whole, is_unicode))
        }
        HIT_RATE => {
            let (hits, misses) = (stats.counts.hits, stats.counts.misses);
            let calls = u128::from(hits) + u128::from(misses);
            Cell::from(chart::bar(hits.into(), calls, is_unicode))
        }
        figure => cell(figure, stats, is_counted),
    };
    let mut groups: Vec<(&Name, &Stats)> = groups.iter().collect();
    if is_table {
        // A person looks for the largest, or for those that save most.
        groups.sort_by_key(|(_, stats)| {
            std::cmp::Reverse(match args.since {
                Some(_) => stats.counts.saved_ms,
                None => stats.entries.usage.bytes,
            })
        });
    }
    if is_table {
        // A call that was not counted as a hit or a miss is not a figure of a table.
        let is_figure = |cell: &Cell<'_>| match cell {
            Cell::Null => false,
            Cell::Count(number) | Cell::Size(number) | Cell::Duration(number) => *number > 0,
            Cell::Text(bar) => !bar.is_empty(),
            _ => true,
        };
        groups.retain(|(_, stats)| {
            figures
                .iter()
                .any(|figure| is_figure(&shown(figure, stats)))
        });
    }
    for (name, stats) in &groups {
        let texts = name.iter().map(|name| {
            name.as_deref()
                .map_or(Cell::Null, |name| Cell::Text(secrets.text(name)))
        });
        let mut cells: Vec<Cell<'_>> = texts.collect();
        if let Some(place) = named {
            cells.insert(place + 1, Cell::from(datasets.name(name[place].as_deref())));
        }
        cells.extend(figures.iter().map(|figure| shown(figure, stats)));
        rows.row(&cells)?;
    }
    if is_table && groups.len() > 1 {
        let mut cells = vec![Cell::Null; columns.len() - figures.len()];
        cells[0] = Cell::from(format!("total, {}", number_of(by, groups.len() as u64)));
        cells.extend(figures.iter().map(|figure| match *figure {
            // All of the bytes are not a share that says anything.
            SHARE => Cell::from(""),
            figure => shown(figure, &total),
        }));
        rows.row_as(Mood::Total, &cells)?;
    }
    Ok(rows.finish()?)
}

/// Says how often the cache failed or was bypassed.
fn note_failures<'a>(context: &Context, groups: impl Iterator<Item = &'a Stats>) {
    let mut sum = Counts::default();
    groups.for_each(|stats| sum.add(&stats.counts));
    if sum.errors > 0 {
        context.note(&format!(
            "the cache failed {}; ecache run -v says how",
            human::counted(sum.errors, "time", "times")
        ));
    }
    if sum.bypasses > 0 {
        context.note(&format!(
            "{} went without the cache; ecache run -v says why",
            human::counted(sum.bypasses, "call", "calls")
        ));
    }
}

/// Says in which time there were more calls than were counted.
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
