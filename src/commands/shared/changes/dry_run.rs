//! Lists the stores of which a dry run would remove entries.

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension};
use ecache_core::filter::{Selection, Usage};
use ecache_core::time::Timestamp;

use crate::context::Context;
use crate::output::{Cell, Column, Format, human};

/// Maximum number of rows before the rest is counted.
pub(in crate::commands) const ROWS: usize = 12;

/// Reports whether a dry run lists what would go: to a person alone.
pub(in crate::commands) fn is_shown(context: &Context) -> bool {
    context.terminal.stdout_is_terminal && !context.quiet && !context.summary.is_wanted()
}

/// Lists the stores of a removal, the largest first. A single one needs no list.
pub(in crate::commands) fn list_stores(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    now: Timestamp,
) -> Result<()> {
    let Some(filter) = selection.only_filter() else {
        return Ok(());
    };
    if !is_shown(context) {
        return Ok(());
    }
    let mut groups = backend.groups(filter, Dimension::Store, now)?;
    if groups.len() < 2 {
        return Ok(());
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.usage.bytes));
    let columns = [
        Column::text("store_name").asked(),
        Column::number("entries"),
        Column::number("size"),
    ];
    let mut rows = context.rows(Format::Table, &columns)?;
    // A list of one more row needs no rest.
    let listed = if groups.len() > ROWS { ROWS - 1 } else { ROWS };
    let mut rest = (0, Usage::default());
    for (index, group) in groups.iter().enumerate() {
        if index < listed {
            rows.row(&[
                Cell::from(group.name.as_deref().unwrap_or_default()),
                Cell::Count(group.usage.entries),
                Cell::Size(group.usage.bytes),
            ])?;
        } else {
            rest.0 += 1;
            rest.1 += group.usage;
        }
    }
    if rest.0 > 0 {
        rows.row(&[
            Cell::from(human::counted(rest.0, "more store", "more stores")),
            Cell::Count(rest.1.entries),
            Cell::Size(rest.1.bytes),
        ])?;
    }
    Ok(rows.finish()?)
}
