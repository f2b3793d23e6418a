//! `ecache limit ls`: limits by scope, and how much of each is used.

use anyhow::Result;
use ecache_core::backend::limit::{Bounds, Limit, LimitUsage};
use ecache_core::error::entries;
use ecache_core::filter::Usage;
use unicode_width::UnicodeWidthStr;

use super::undo_bounds;
use crate::cli::LimitListArgs;
use crate::commands::shared::view::limit_scope::{Ids, names};
use crate::context::Context;
use crate::error::Exit;
use crate::output::short_ids::ShortIds;
use crate::output::{Cell, Column, Format, chart, human};

/// The columns for programs.
const COLUMNS: [Column; 11] = [
    Column::text("scope"),
    Column::number("max_bytes"),
    Column::number("used_bytes"),
    Column::number("max_entries"),
    Column::number("entries"),
    Column::number("evictions"),
    Column::number("lost_ms"),
    Column::number("default_ttl_ms"),
    Column::number("min_cost_ms"),
    Column::number("min_free_percent"),
    Column::text("each"),
];

pub(super) fn list(context: &Context, args: &LimitListArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let mut limits = backend.limits()?;
    // Those for each of some names are counted for each of these alone.
    for (name, value) in backend.settings()? {
        let limit = Limit::read(&name, &value);
        let limit = limit.filter(|limit| limit.scope.is_each());
        limits.extend(limit.map(LimitUsage::unused));
    }
    // The one for everything first.
    limits.sort_by_key(|used| (used.limit.scope.filter().is_narrowed(), used.name()));
    let [keep, size] = undo_bounds(backend.as_ref())?;
    let has_undo = keep.is_some() || size.is_some();
    let kept = if has_undo {
        backend.kept_for_undo()?.usage
    } else {
        Usage::default()
    };
    let format = context.format(args.format.chosen());
    if format == Format::Table {
        table(context, args, &limits)?;
        if has_undo {
            let amount = format!("{} ({})", entries(kept.entries), human::size(kept.bytes));
            let bounds = [
                size.map(|size| format!("at most {}", human::size(size))),
                keep.map(|keep| format!("for {}", human::duration(keep))),
            ];
            let bounds = Vec::from_iter(bounds.into_iter().flatten()).join(", ");
            context.footer(&format!("kept for undo: {amount}, {bounds}"));
        }
    } else {
        let mut rows = context.rows(format, &COLUMNS)?;
        for used in &limits {
            rows.row(&cells(used))?;
        }
        if has_undo {
            rows.row(&[
                Cell::from("undo"),
                size.map_or(Cell::Null, Cell::Size),
                Cell::Size(kept.bytes),
                Cell::Null,
                Cell::Count(kept.entries),
                Cell::Null,
                Cell::Null,
                keep.map_or(Cell::Null, Cell::Duration),
                Cell::Null,
                Cell::Null,
                Cell::Null,
            ])?;
        }
        rows.finish()?;
    }
    if limits.is_empty() && !has_undo && context.terminal.stdout_is_terminal {
        context.note("no limits");
    }
    Ok(Exit::Done)
}

/// One of the bounds.
type BoundOf = fn(&Bounds) -> Option<u64>;

/// The bounds that have a column if any limit has them: their name for programs, and their title.
const SPECIAL: [(&str, &str, BoundOf); 3] = [
    ("default_ttl_ms", "TTL", |bounds| bounds.default_ttl_ms),
    ("min_cost_ms", "COST", |bounds| bounds.min_cost_ms),
    ("min_free_percent", "FREE", |bounds| bounds.min_free_percent),
];

/// The columns of a table for people.
struct Shown {
    columns: Vec<Column>,
    has_share: bool,
    special: Vec<(&'static str, BoundOf)>,
}

impl Shown {
    fn of(limits: &[LimitUsage]) -> Self {
        let is_any = |bound: BoundOf| {
            let mut bounds = limits.iter().map(|used| &used.limit.bounds);
            bounds.any(|bounds| bound(bounds).is_some())
        };
        let has_share = is_any(|bounds| bounds.max_bytes) || is_any(|bounds| bounds.max_entries);
        let mut columns = vec![
            Column::text("scope").ranked(0),
            Column::number("max_bytes").titled("LIMIT").ranked(1),
            Column::number("used_bytes").titled("USED").ranked(2),
        ];
        if has_share {
            columns.push(Column::whole("bar").titled(" ").optional());
            columns.push(Column::number("share").ranked(4));
        }
        columns.extend([
            Column::number("entries").ranked(3),
            Column::number("evictions").titled("EVICTED").ranked(9),
            Column::number("lost_ms").titled("LOST").ranked(10),
        ]);
        let mut special = Vec::new();
        for (rank, (name, title, bound)) in (5..).zip(SPECIAL) {
            if is_any(bound) {
                columns.push(Column::number(name).titled(title).ranked(rank));
                special.push((name, bound));
            }
        }
        Self {
            columns,
            has_share,
            special,
        }
    }

    /// Returns the cells of a limit behind that of its scope.
    fn cells(&self, row: &LimitUsage, is_unicode: bool) -> Vec<Cell<'static>> {
        let (of, used) = (&row.limit.bounds, row.used);
        let counted = |cell| if row.is_for_each() { Cell::Null } else { cell };
        let mut cells = vec![
            of.max_bytes.map_or(Cell::Null, Cell::Size),
            counted(Cell::Size(used.bytes)),
        ];
        if self.has_share {
            let fullest = fullest(of, used).filter(|_| !row.is_for_each());
            let bar = fullest
                .map(|(part, whole)| Cell::from(chart::bar(part.into(), whole.into(), is_unicode)));
            let share =
                fullest.map(|(part, whole)| Cell::from(human::share(part.into(), whole.into())));
            cells.extend([bar.unwrap_or(Cell::from("")), share.unwrap_or(Cell::Null)]);
        }
        cells.extend([
            match of.max_entries {
                Some(most) if row.is_for_each() => Cell::Count(most),
                Some(most) => {
                    let entries = human::count(used.entries);
                    Cell::from(format!("{entries} of {}", human::count(most)))
                }
                None => counted(Cell::Count(used.entries)),
            },
            counted(Cell::Count(row.evictions)),
            counted(Cell::Duration(row.lost_ms)),
        ]);
        cells.extend(self.special.iter().map(|(name, bound)| match bound(of) {
            None => Cell::Null,
            Some(percent) if *name == "min_free_percent" => Cell::from(format!("{percent}%")),
            Some(millis) => Cell::Duration(millis),
        }));
        cells
    }
}

/// Prints a table for people. The names of a scope that would be cut stand below each other.
fn table(context: &Context, args: &LimitListArgs, limits: &[LimitUsage]) -> Result<()> {
    let shown = Shown::of(limits);
    let (mut rows, line_width) = if args.wide {
        (context.wide_rows(Format::Table, &shown.columns)?, None)
    } else {
        let line_width = context.terminal.line_width();
        (context.rows(Format::Table, &shown.columns)?, line_width)
    };
    // The width that is left for the scope where most columns are shown.
    let room = line_width.map_or(usize::MAX, |width| (width / 3).max(24));
    let ids = line_width.map_or(Ids::Whole, |_| Ids::Short(short_ids(limits)));
    for row in limits {
        let names = names(&row.name(), ids);
        let line = names.join(" ");
        let (first, others) = match names.as_slice() {
            [first, others @ ..] if line.width() > room => (first, others),
            _ => (&line, [].as_slice()),
        };
        let cells = shown.cells(row, context.terminal.is_unicode);
        let blank = || cells.iter().map(|_| Cell::from(""));
        let with_scope = |scope: String, cells| [vec![Cell::from(scope)], cells].concat();
        rows.row(&with_scope(first.clone(), cells.clone()))?;
        for name in others {
            rows.row(&with_scope(format!("  {name}"), blank().collect()))?;
        }
    }
    rows.finish()?;
    if !limits.is_empty() {
        let count = human::counted(limits.len() as u64, "limit", "limits");
        context.footer(&format!(
            "{count}; USED has the overhead of entries, and those kept for undo"
        ));
    }
    Ok(())
}

/// Returns the ids in the scopes of limits by as many digits as tell them apart.
fn short_ids(limits: &[LimitUsage]) -> ShortIds {
    let scopes: Vec<String> = limits.iter().map(LimitUsage::name).collect();
    ShortIds::of_ids(scopes.join(" ").split([' ', '=', '~']))
}

/// Returns the use and the bound of which most is used.
fn fullest(bounds: &Bounds, used: Usage) -> Option<(u64, u64)> {
    let [bytes, entries] = [
        (used.bytes, bounds.max_bytes),
        (used.entries, bounds.max_entries),
    ]
    .map(|(part, whole)| Some((part, whole?)));
    let share = |(part, whole): &(u64, u64)| *part as f64 / *whole as f64;
    let both = [bytes, entries].into_iter().flatten();
    both.max_by(|one, other| share(one).total_cmp(&share(other)))
}

fn cells(row: &LimitUsage) -> [Cell<'_>; 11] {
    let LimitUsage { limit, used, .. } = row;
    let counted = |cell| if row.is_for_each() { Cell::Null } else { cell };
    let each = limit.scope.to_string();
    let each = each.strip_suffix(" each").map(str::to_owned);
    let duration = |millis: Option<u64>| millis.map_or(Cell::Null, Cell::Duration);
    let bounds = &limit.bounds;
    [
        Cell::from(row.name()),
        limit.bounds.max_bytes.map_or(Cell::Null, Cell::Size),
        counted(Cell::Size(used.bytes)),
        limit.bounds.max_entries.map_or(Cell::Null, Cell::Count),
        counted(Cell::Count(used.entries)),
        counted(Cell::Count(row.evictions)),
        counted(Cell::Duration(row.lost_ms)),
        duration(bounds.default_ttl_ms),
        duration(bounds.min_cost_ms),
        bounds.min_free_percent.map_or(Cell::Null, Cell::Count),
        each.map_or(Cell::Null, Cell::from),
    ]
}
