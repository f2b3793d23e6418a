//! `ecache limit`: bounds what entries may take.

use anyhow::Result;
use ecache_core::backend::limit::{Bounds, Limit, LimitScope, LimitUsage};
use ecache_core::backend::{Backend, Cause, UNDO_KEEP, UNDO_SIZE};
use ecache_core::error::{Error, entries};
use ecache_core::location;

use super::shared::filter::{Unless, filter};
use super::shared::operation::this;
use crate::cli::{
    Bound, LimitArgs, LimitListArgs, LimitRemoveArgs, LimitScopeArgs, LimitSetArgs, LimitVerb,
};
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::{Cell, Column, human};

const COLUMNS: [Column; 10] = [
    Column::text("scope"),
    Column::number("max_bytes").titled("MAX SIZE"),
    Column::number("used_bytes").titled("USED"),
    Column::number("max_entries").titled("MAX ENTRIES"),
    Column::number("entries"),
    Column::number("evictions").titled("EVICTED"),
    Column::number("lost_ms").titled("LOST"),
    Column::number("default_ttl_ms").titled("TTL"),
    Column::number("min_cost_ms").titled("MIN COST"),
    Column::number("min_free_percent").titled("MIN FREE %"),
];

pub(crate) fn run(context: &Context, args: LimitArgs) -> Result<Exit> {
    check_kept(context)?;
    match args.verb {
        LimitVerb::Set(args) => set(context, &args),
        LimitVerb::Ls(args) => list(context, &args),
        LimitVerb::Rm(args) => remove(context, &args),
    }
}

fn set(context: &Context, args: &LimitSetArgs) -> Result<Exit> {
    let scope = scope(context, &args.scope)?;
    let undo = undo_settings(args);
    let whole = [
        (args.has_min_free(), "--min-free holds"),
        (!undo.is_empty(), "--undo-keep and --undo-size hold"),
    ];
    for (is_typed, option) in whole {
        if is_typed && scope.filter().is_narrowed() {
            return Err(usage(format!(
                "{option} for the whole file: leave out store, dataset, user, operator and prompt"
            )));
        }
    }
    let backend = context.writer()?;
    let mut changes = undo;
    let name = scope.setting();
    let before = bounds_of(backend.as_ref(), &scope)?.unwrap_or_default();
    let bounds = args.bounds(before);
    if bounds != before {
        changes.push((&name, (!bounds.is_empty()).then(|| bounds.setting())));
    }
    let changes: Vec<(&str, Option<&str>)> = changes
        .iter()
        .map(|(name, value)| (*name, value.as_deref()))
        .collect();
    change(context, backend.as_ref(), &scope, &changes)?;
    for used in backend.limits()? {
        if used.limit.scope == scope && !used.limit.bounds.hold(used.used) {
            context.note(&format!(
                "{} takes {} in {} already: each write removes twice what it adds, until the \
                 limit holds",
                used.name(),
                human::size(used.used.bytes),
                entries(used.used.entries),
            ));
        }
    }
    Ok(Exit::Done)
}

fn remove(context: &Context, args: &LimitRemoveArgs) -> Result<Exit> {
    let scope = scope(context, &args.scope)?;
    let backend = context.writer()?;
    if args.undo {
        let settings = backend.settings()?;
        let set = [UNDO_KEEP, UNDO_SIZE].map(|name| settings.contains_key(name));
        change(
            context,
            backend.as_ref(),
            &scope,
            &[(UNDO_KEEP, None), (UNDO_SIZE, None)],
        )?;
        return Ok(if set.contains(&true) {
            Exit::Done
        } else {
            Exit::No
        });
    }
    if bounds_of(backend.as_ref(), &scope)?.is_none() {
        let message = format!("there is no limit for {scope}");
        context.absent(&message, Some("ecache limit ls lists the limits"));
        return Ok(Exit::No);
    }
    change(
        context,
        backend.as_ref(),
        &scope,
        &[(&scope.setting(), None)],
    )?;
    // Drops the counters and the index with the last limit.
    backend.limits()?;
    Ok(Exit::Done)
}

fn list(context: &Context, args: &LimitListArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let mut rows = context.rows(context.format(args.format.chosen()), &COLUMNS)?;
    let limits = backend.limits()?;
    for used in &limits {
        rows.row(&cells(used))?;
    }
    let settings = backend.settings()?;
    let number = |name: &str| settings.get(name).and_then(|value| value.parse().ok());
    let (keep, size) = (number(UNDO_KEEP), number(UNDO_SIZE));
    let has_undo = keep.is_some() || size.is_some();
    if has_undo {
        let kept = backend.kept_for_undo()?.usage;
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
        ])?;
    }
    rows.finish()?;
    if limits.is_empty() && !has_undo && context.terminal.stdout_is_terminal {
        context.note("no limits");
    }
    Ok(Exit::Done)
}

/// Returns the settings of undo that were typed.
fn undo_settings(args: &LimitSetArgs) -> Vec<(&'static str, Option<String>)> {
    [UNDO_KEEP, UNDO_SIZE]
        .into_iter()
        .zip(args.undo())
        .filter_map(|(name, typed)| {
            let Bound(value) = typed?;
            Some((name, value.map(|value| value.to_string())))
        })
        .collect()
}

fn cells(row: &LimitUsage) -> [Cell<'_>; 10] {
    let LimitUsage { limit, used, .. } = row;
    let duration = |millis: Option<u64>| millis.map_or(Cell::Null, Cell::Duration);
    let bounds = &limit.bounds;
    [
        Cell::from(row.name()),
        limit.bounds.max_bytes.map_or(Cell::Null, Cell::Size),
        Cell::Size(used.bytes),
        limit.bounds.max_entries.map_or(Cell::Null, Cell::Count),
        Cell::Count(used.entries),
        Cell::Count(row.evictions),
        Cell::Duration(row.lost_ms),
        duration(bounds.default_ttl_ms),
        duration(bounds.min_cost_ms),
        bounds.min_free_percent.map_or(Cell::Null, Cell::Count),
    ]
}

/// Returns the scope that was typed.
fn scope(context: &Context, args: &LimitScopeArgs) -> Result<LimitScope> {
    let typed = args.filter();
    let filter = filter(context, &typed, Unless::AnyPolicy, context.now())?;
    let scope = LimitScope::new(&filter, args.each);
    if args.each && !(typed.glob && filter.is_narrowed()) {
        return Err(usage(
            "--each needs patterns of names: as in --user '*' --glob --each, one limit for each user",
        ));
    }
    Ok(scope)
}

/// Refuses a database, whose other writers would not obey.
fn check_kept(context: &Context) -> Result<()> {
    if location::is_url(context.location()?.0.as_os_str()) {
        Err(Error::NoLimits.into())
    } else {
        Ok(())
    }
}

fn bounds_of(backend: &dyn Backend, scope: &LimitScope) -> Result<Option<Bounds>> {
    let name = scope.setting();
    let settings = backend.settings()?;
    let limit = settings
        .get(&name)
        .and_then(|value| Limit::read(&name, value));
    Ok(limit.map(|limit| limit.bounds))
}

fn change(
    context: &Context,
    backend: &dyn Backend,
    scope: &LimitScope,
    changes: &[(&str, Option<&str>)],
) -> Result<()> {
    let operation = this(Cause::Pruned, scope.to_string());
    backend.change_settings(changes, &operation, context.now())?;
    Ok(())
}
