//! `ecache limit`: bounds what entries may take.

mod list;
mod summary;

use anyhow::Result;
use ecache_core::backend::limit::{Bounds, Limit, LimitScope};
use ecache_core::backend::{Backend, Cause, UNDO_KEEP, UNDO_SIZE};
use ecache_core::error::{Error, entries};
use ecache_core::filter::Pattern;
use ecache_core::location;

use self::list::list;
use self::summary::Summary;
use super::shared::changes::operation::this;
use super::shared::filter::{DefaultSelection, filter, refuse_unit};
use super::shared::view::limit_scope::words;
use crate::cli::{Bound, LimitArgs, LimitRemoveArgs, LimitScopeArgs, LimitSetArgs, LimitVerb};
use crate::context::Context;
use crate::error::{Exit, usage, usage_tip};
use crate::output::human;
use crate::output::own_command;

pub(crate) fn run(context: &Context, args: LimitArgs) -> Result<Exit> {
    check_kept(context)?;
    match args.verb {
        LimitVerb::Set(args) => set(context, &args),
        LimitVerb::Ls(args) => list(context, &args),
        LimitVerb::Rm(args) => remove(context, &args),
    }
}

fn set(context: &Context, args: &LimitSetArgs) -> Result<Exit> {
    refuse_unit(args.scope.store(), args.size_option())?;
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
    let is_dropped =
        args.bounds(Bounds::default()).is_empty() && undo.iter().all(|(_, value)| value.is_none());
    if is_dropped && !context.has_store()? {
        // A store that is not there has no bounds, and is not made for that.
        let mut summary = Summary::of_removal(&scope, [None; 2]);
        summary.operation = "limit set";
        summary.print(context, args.summary.is_json())?;
        return Ok(Exit::Done);
    }
    let backend = context.writer()?;
    let undo: Vec<(&str, Option<&str>)> = undo
        .iter()
        .map(|(name, value)| (*name, value.as_deref()))
        .collect();
    let operation = this(Cause::Pruned, scope.to_string());
    let change = |before| args.bounds(before);
    backend.change_limit(&scope, &change, &undo, &operation, context.now())?;
    let limits = backend.limits()?;
    let of_scope = limits.iter().filter(|used| used.limit.scope == scope);
    let summary = Summary {
        operation: "limit set",
        scope: &scope,
        bounds: bounds_of(backend.as_ref(), &scope)?.unwrap_or_default(),
        used: of_scope.clone().next(),
        undo: undo_bounds(backend.as_ref())?,
    };
    summary.print(context, args.summary.is_json())?;
    let beyond = of_scope.filter(|used| !used.limit.bounds.hold(used.used));
    for used in beyond {
        context.note(&format!(
            "{} has {} ({}) already: each write removes twice what it adds, until the limit holds",
            used.name(),
            entries(used.used.entries),
            human::size(used.used.bytes),
        ));
    }
    Ok(Exit::Done)
}

fn remove(context: &Context, args: &LimitRemoveArgs) -> Result<Exit> {
    let scope = scope(context, &args.scope)?;
    let is_json = args.summary.is_json();
    if args.undo && scope.filter().is_narrowed() {
        return Err(usage(
            "--undo is for the whole file: leave out store, dataset, user, operator and prompt",
        ));
    }
    let absent = || {
        let message = if args.undo {
            "neither --undo-keep nor --undo-size is set".to_owned()
        } else {
            format!("there is no limit for {}", words(&scope.to_string()))
        };
        context.absent(
            &message,
            Some(&format!("{} lists the limits", own_command("limit ls"))),
        );
        Ok(Exit::No)
    };
    if !context.has_store()? {
        return absent();
    }
    let backend = context.writer()?;
    if args.undo {
        if undo_bounds(backend.as_ref())? == [None; 2] {
            return absent();
        }
        change(
            context,
            backend.as_ref(),
            &scope,
            &[(UNDO_KEEP, None), (UNDO_SIZE, None)],
        )?;
        Summary::of_removal(&scope, undo_bounds(backend.as_ref())?).print(context, is_json)?;
        return Ok(Exit::Done);
    }
    if bounds_of(backend.as_ref(), &scope)?.is_none() {
        return absent();
    }
    change(
        context,
        backend.as_ref(),
        &scope,
        &[(&scope.setting(), None)],
    )?;
    // Drops the counters and the index with the last limit.
    backend.limits()?;
    Summary::of_removal(&scope, undo_bounds(backend.as_ref())?).print(context, is_json)?;
    Ok(Exit::Done)
}

/// Returns the time in milliseconds and the size that are set for undo.
fn undo_bounds(backend: &dyn Backend) -> Result<[Option<u64>; 2]> {
    let settings = backend.settings()?;
    let number = |name: &str| settings.get(name).and_then(|value| value.parse().ok());
    Ok([UNDO_KEEP, UNDO_SIZE].map(number))
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

/// Returns the scope that was typed.
fn scope(context: &Context, args: &LimitScopeArgs) -> Result<LimitScope> {
    let typed = args.filter();
    let filter = filter(context, &typed, DefaultSelection::AnyPolicy, context.now())?;
    if filter.stores.contains(&Pattern::exact("")) {
        return Err(usage_tip(
            "STORE is empty",
            "is a shell variable unset? Without a store the limit is for all of them",
        ));
    }
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
