//! `ecache stats`: counts entries, bytes and hits, or the calls of cached functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Counters, Dimension, Group};
use ecache_core::filter::Filter;
use ecache_core::scope::Scopes;
use ecache_core::time::Timestamp;

use super::shared::collections::{self, Counted, note_elsewhere};
use super::shared::filter::{Unless, filter, note_unknown_names};
use super::shared::uncached::Uncached;
use crate::cli::{GroupBy, StatsArgs};
use crate::context::{Collections, Context};
use crate::error::{Exit, usage};
use crate::output::{Cell, Column, Secrets};

pub(crate) fn run(context: &Context, args: StatsArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, Unless::AnyPolicy, now)?;
    if args.calls {
        return calls(context, &args, &filter);
    }
    let backend = context.reader()?;
    let groups = backend.groups(&filter, Dimension::from(args.by), now)?;
    let datasets = context.datasets()?;
    let is_named = args.by == GroupBy::Dataset && datasets.are_known();
    let mut columns = vec![
        name_column(args.by),
        Column::number("entries"),
        Column::number("size"),
        Column::number("expired"),
        Column::number("persist"),
        Column::number("hits"),
        Column::number("saved_ms"),
        Column::whole("oldest"),
        Column::whole("newest"),
    ];
    if is_named {
        columns.insert(1, Column::text("dataset_name"));
    }
    let mut rows = context.rows(context.format(args.format), &columns)?;
    for group in &groups {
        let mut cells = cells(group, args.reveal.into());
        if is_named {
            cells.insert(1, Cell::from(datasets.name(group.name.as_deref())));
        }
        rows.row(&cells)?;
    }
    rows.finish()?;
    let is_empty = groups.is_empty();
    if is_empty && context.terminal.stdout_is_terminal {
        context.note("no entries");
    }
    note_unknown_names(context, backend.as_ref(), &filter)?;
    note_elsewhere(context, backend.as_ref(), &filter.into(), now)?;
    let (path, _) = context.location()?;
    let store = context.beside(&path).unwrap_or(path);
    let plural = |count| if count == 1 { "" } else { "s" };
    if let Some((count, last)) = Uncached::Trouble.counted(&store) {
        context.note(&format!(
            "`ecache run` met trouble with the cache {count} time{}, the last {last}; `ecache run -v` says what; remove {}-troubles to count anew",
            plural(count),
            store.display()
        ));
    }
    if let Some((count, last)) = Uncached::Unkeyed.counted(&store) {
        context.note(&format!(
            "{count} run{} went without the cache, the last {last}: an input cannot be in a key; `ecache run -v` says which",
            plural(count)
        ));
    }
    Ok(args.filter.exit(is_empty))
}

fn name_column(by: GroupBy) -> Column {
    Column::text(match by {
        GroupBy::Collection => "collection",
        GroupBy::Store => "store_name",
        GroupBy::Dataset => "dataset_id",
        GroupBy::User => "user_id",
        GroupBy::Operator => "operator_uri",
        GroupBy::Prompt => "prompt_id",
    })
}

/// Prints the counted calls of cached functions, also of those without remaining entries.
fn calls(context: &Context, args: &StatsArgs, filter: &Filter) -> Result<Exit> {
    let by = Dimension::from(args.by);
    if !matches!(
        by,
        Dimension::Collection | Dimension::Store | Dimension::Dataset
    ) {
        return Err(usage(
            "calls are counted by collection, store and dataset alone",
        ));
    }
    if !filter.means_whole_stores() {
        return Err(usage(
            "calls are counted by store and dataset: no other filter can select some",
        ));
    }
    let mut groups: BTreeMap<Option<Arc<str>>, Counters> = BTreeMap::new();
    let anywhere = Filter {
        collections: Vec::new(),
        ..filter.clone()
    };
    let mut elsewhere: BTreeMap<String, u64> = BTreeMap::new();
    let backend = context.reader()?;
    for (store, counters) in backend.calls()? {
        if filter.matches_store(&store) {
            let name = by.name(&store, &Scopes::default());
            groups.entry(name).or_default().add(counters);
        } else if context.collections == Collections::Default && anywhere.matches_store(&store) {
            *elsewhere.entry(store.collection.to_string()).or_default() += counters.calls();
        }
    }
    let mut columns = vec![
        name_column(args.by),
        Column::number("calls"),
        Column::number("hit_percent"),
    ];
    columns.extend(
        Counters::default()
            .fields()
            .map(|(name, _)| Column::number(name)),
    );
    let mut rows = context.rows(context.format(args.format), &columns)?;
    let secrets = Secrets::from(args.reveal);
    for (name, mut counters) in groups.clone() {
        let calls = counters.calls();
        let hits = calls - counters.misses;
        let percent = (u128::from(hits) * 100).checked_div(calls.into());
        let mut cells = vec![
            name.as_deref()
                .map_or(Cell::Null, |name| Cell::Text(secrets.text(name))),
            Cell::Count(calls),
            percent.map_or(Cell::Null, |percent| Cell::Count(percent as u64)),
        ];
        cells.extend(counters.fields().map(|(name, count)| match name {
            "saved_ms" => Cell::Duration(*count),
            _ => Cell::Count(*count),
        }));
        rows.row(&cells)?;
    }
    rows.finish()?;
    if groups.is_empty() && context.terminal.stdout_is_terminal {
        context.note("no calls of cached functions");
    }
    collections::note(context, Counted::Calls, elsewhere);
    Ok(args.filter.exit(groups.is_empty()))
}

fn cells(group: &Group, secrets: Secrets) -> Vec<Cell<'_>> {
    let time =
        |time: Option<Timestamp>| time.map_or(Cell::Null, |time| Cell::Time(time.as_millis()));
    vec![
        group
            .name
            .as_deref()
            .map_or(Cell::Null, |name| Cell::Text(secrets.text(name))),
        Cell::Count(group.usage.entries),
        Cell::Size(group.usage.bytes),
        Cell::Count(group.expired.entries),
        Cell::Count(group.persistent),
        Cell::Count(group.hits),
        Cell::Duration(group.saved_ms),
        time(group.oldest),
        time(group.newest),
    ]
}
