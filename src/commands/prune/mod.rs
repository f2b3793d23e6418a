//! `ecache prune`: removes expired, unused and orphaned entries, and those beyond a quota.

mod plan;
mod preview;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Cause, Description, DropKept};
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Selection, Usage};
use ecache_core::time::Timestamp;

use plan::Plan;
use preview::DryRun;

use super::shared::changes::confirmation::{Removal, confirmed};
use super::shared::changes::deletion::{
    Run, Step, amount, amount_with, forecast_undo, open, remove_in_steps,
};
use super::shared::changes::jobs::note_running;
use super::shared::changes::loss::{Affected, Foretold, Keeping};
use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::{note_unknown_names, refuse_keys, refuse_unit};
use crate::cli::PruneArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human;
use crate::output::own_command;

pub(crate) fn run(context: &Context, args: PruneArgs) -> Result<Exit> {
    let now = context.now();
    context.summary.begin("prune", args.summary.is_json());
    let size = args.max_size.map(|_| "--max-size");
    refuse_unit(args.filter.store.argument(), size)?;
    let run = Run::from(args.dry_run);
    let scope = plan::scope(context, &args, now)?;
    let backend = open(context, run)?;
    let backend = backend.as_ref();
    refuse_keys(backend, &scope)?;
    note_unknown_names(context, backend, &scope)?;
    let plan = Plan::of(context, &args, backend, scope, now)?;
    if run == Run::Wet && !is_confirmed(context, &args, backend, &plan)? {
        return Ok(Exit::No);
    }
    if !args.retired && over_with_kept(backend, &plan.selection, now)? {
        drop_kept(context, backend, run, DropKept::Deleted)?;
    }
    let removed = if args.retired && plan.selection == Selection::default() {
        Affected::default()
    } else {
        match run {
            Run::Dry => foretell(context, &args, backend, &plan)?,
            Run::Wet => remove(context, &args, backend, &plan)?,
        }
    };
    if !args.jobs {
        let going = match run {
            Run::Dry => removed.usage,
            Run::Wet => Usage::default(),
        };
        note_running(context, backend, &plan.meant, going, now)?;
    }
    if let Some(orphans) = plan.orphans {
        note_persistent_orphans(context, backend, orphans, run, now)?;
    }
    if args.retired {
        let how = if args.shred {
            DropKept::Overwritten
        } else {
            DropKept::Deleted
        };
        drop_kept(context, backend, run, how)?;
    }
    if run == Run::Wet {
        // Removes large values whose writers died before publishing them. Best effort.
        if let Err(error) = backend.collect_garbage(now) {
            context.detail(&format!("unreferenced values were not removed: {error}"));
        }
        note_limits(context, backend, &plan.selection, run, now)?;
    }
    note_elsewhere(context, backend, &plan.selection, now)?;
    if args.vacuum && run == Run::Wet {
        vacuum(context, backend, now)?;
    }
    context.finish_summary(args.dry_run)?;
    Ok(args.filter.exit(removed.is_none()))
}

/// Reports what would be removed, and returns its amount.
fn foretell(
    context: &Context,
    args: &PruneArgs,
    backend: &dyn Backend,
    plan: &Plan,
) -> Result<Affected> {
    let now = plan.now;
    let affected = Affected {
        usage: backend.usage(&plan.selection, now)?,
        documents: match &plan.documents {
            Some(documents) => backend.count_documents(documents, now)?,
            None => 0,
        },
    };
    let dry_run = DryRun {
        context,
        backend,
        selection: &plan.selection,
        reasons: &plan.reasons(args),
        now,
    };
    dry_run.report(affected)?;
    let steps = plan.steps(args);
    forecast_undo(context, &parts(args, backend, plan, &steps)?);
    Ok(affected)
}

/// Asks on a terminal before entries in use, or those kept for undo, are gone for good.
fn is_confirmed(
    context: &Context,
    args: &PruneArgs,
    backend: &dyn Backend,
    plan: &Plan,
) -> Result<bool> {
    let steps = plan.steps(args);
    let removal = || {
        let shredded = if args.shred {
            let kept = backend.kept_for_undo()?;
            Affected {
                usage: kept.usage,
                documents: kept.documents,
            }
        } else {
            Affected::default()
        };
        // --no-undo says already that they go for good.
        let mut foretold = if args.no_undo {
            Vec::new()
        } else {
            parts(args, backend, plan, &steps)?
        };
        if let Some(excess) = foretold.last_mut()
            && excess.selection.beyond.is_some()
            && excess.loss.is_some()
        {
            let reasons = &plan.reasons(args);
            let dry_run = DryRun {
                context,
                backend,
                selection: &plan.selection,
                reasons,
                now: plan.now,
            };
            excess.weight = Some(dry_run.weight(reasons.of_filters.len())?);
        }
        Ok(Removal { foretold, shredded })
    };
    confirmed(context, backend, args.confirm, removal, plan.now)
}

/// Counts the entries in use that would be removed, and finds out which of them could not be
/// brought back. Dead ones are left out.
fn parts<'s>(
    args: &PruneArgs,
    backend: &dyn Backend,
    plan: &Plan,
    [_, alive, excess]: &'s [Selection; 3],
) -> Result<Vec<Foretold<'s>>> {
    let mut parts = Vec::new();
    if alive.filters().next().is_some() {
        let affected = backend.usage(alive, plan.now)?.into();
        parts.push(Foretold::new(backend, alive, affected, args.keeping()));
    }
    if excess.beyond.is_some() {
        let all = backend.usage(&plan.selection, plan.now)?;
        let others = backend.usage(&plan.selection.clone().with_capacity(None), plan.now)?;
        let usage = Usage {
            entries: all.entries.saturating_sub(others.entries),
            bytes: all.bytes.saturating_sub(others.bytes),
        };
        let keeping = args.keeping_of_excess();
        parts.push(Foretold::new(backend, excess, usage.into(), keeping));
    }
    Ok(parts)
}

/// Removes the entries, and returns their amount.
fn remove(
    context: &Context,
    args: &PruneArgs,
    backend: &dyn Backend,
    plan: &Plan,
) -> Result<Affected> {
    let [dead, alive, excess] = plan.steps(args);
    let step = |selection, documents, keeping, cause| Step {
        selection,
        documents,
        keeping,
        cause,
    };
    let documents = plan.documents.as_ref();
    let steps = [
        step(&dead, documents, Keeping::Forgone, Cause::Orphaned),
        step(&alive, None, args.keeping(), Cause::Pruned),
        step(&excess, None, args.keeping_of_excess(), Cause::Pruned),
    ];
    let steps = steps.into_iter().filter(|step| {
        let selection = step.selection;
        selection.filters().next().is_some()
            || selection.beyond.is_some()
            || step.documents.is_some()
    });
    remove_in_steps(context, backend, &Vec::from_iter(steps), plan.now)
}

/// Gives the free space of the file back.
fn vacuum(context: &Context, backend: &dyn Backend, now: Timestamp) -> Result<()> {
    let size = |store: &Description| store.file_size + store.wal_size;
    let before = size(&backend.describe()?);
    backend.compact(now)?;
    let after = size(&backend.describe()?);
    let freed = before.saturating_sub(after);
    context.note(&format!("gave back {}", human::size(freed)));
    Ok(())
}

/// Reports whether the entries kept for undo make the whole file larger than --max-size asks for:
/// they go before those in use.
fn over_with_kept(backend: &dyn Backend, selection: &Selection, now: Timestamp) -> Result<bool> {
    let Some(capacity) = &selection.beyond else {
        return Ok(false);
    };
    let Some(most) = capacity.max_size.filter(|_| !capacity.scope.is_narrowed()) else {
        return Ok(false);
    };
    let kept = backend.kept_for_undo()?.usage;
    let used = backend.usage(&capacity.scope.clone().into(), now)?;
    Ok(kept.entries > 0 && used.bytes.saturating_add(kept.bytes) > most)
}

/// Deletes the entries kept for undo, and reports their number.
fn drop_kept(context: &Context, backend: &dyn Backend, run: Run, how: DropKept) -> Result<()> {
    let kept = backend.kept_for_undo()?;
    let what = amount_with(kept.usage, kept.documents);
    if run == Run::Dry {
        context.note(&format!("would delete {what} kept for undo"));
        return Ok(());
    }
    backend
        .drop_kept(how)
        .with_context(|| format!("cannot delete {what} kept for undo"))?;
    let done = match how {
        DropKept::Deleted => "deleted",
        DropKept::Overwritten => "overwrote",
    };
    context.note(&format!("{done} {what} kept for undo"));
    Ok(())
}

/// Says so if entries of policy `persist`, which stay, are too much by themselves.
fn note_limits(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    run: Run,
    now: Timestamp,
) -> Result<()> {
    let Some(capacity) = &selection.beyond else {
        return Ok(());
    };
    let left = backend.usage(&capacity.scope.clone().into(), now)?;
    if !capacity.fits(left) {
        context.note(&format!(
            "{}, which is more than the limit",
            run.stays(&amount(left), left.entries, "persist")
        ));
    }
    Ok(())
}

/// Notes entries of policy `persist`, which stay although their datasets were deleted.
fn note_persistent_orphans(
    context: &Context,
    backend: &dyn Backend,
    orphans: Filter,
    run: Run,
    now: Timestamp,
) -> Result<()> {
    if orphans.policy != Some(Policy::Evict) {
        return Ok(());
    }
    let persistent = Filter {
        policy: Some(Policy::Persist),
        ..orphans
    };
    let left = backend.usage(&persistent.into(), now)?;
    if left != Usage::default() {
        let stays = run.stays(&amount(left), left.entries, "orphaned but persist,");
        let them = human::plural(left.entries, "it", "them");
        let clear = own_command("clear --dataset ID --policy any");
        context.note(&format!("{stays}; {clear} removes {them}"));
    }
    Ok(())
}
