//! `ecache stats`: counts entries, bytes and hits.

use anyhow::Result;
use ecache_core::backend::{Dimension, Group};
use ecache_core::time::Timestamp;

use super::request::filter;
use super::troubles;
use crate::cli::{GroupBy, StatsArgs};
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Secrets};

pub(crate) fn run(context: &Context, args: StatsArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, args.policy, now)?;
    let groups = context
        .reader()?
        .groups(&filter, Dimension::from(args.by), now)?;
    let datasets = context.datasets()?;
    let is_named = args.by == GroupBy::Dataset && datasets.are_known();
    let mut columns = vec![
        Column::text(match args.by {
            GroupBy::Store => "store_name",
            GroupBy::Dataset => "dataset_id",
            GroupBy::User => "user_id",
            GroupBy::Operator => "operator_uri",
            GroupBy::Prompt => "prompt_id",
        }),
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
    if groups.is_empty() && context.terminal.stdout_is_terminal {
        context.note("no entries");
    }
    let (path, _) = context.location()?;
    let store = context.beside(&path).unwrap_or(path);
    if let Some((count, last)) = troubles::counted(&store) {
        context.note(&format!(
            "`ecache run` went without the cache {count} times, the last time {last}; `ecache run -v` says why; remove {}-troubles to count anew",
            store.display()
        ));
    }
    Ok(Exit::Done)
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
