//! `ecache prune`: removes expired, unused and orphaned entries, and those beyond a quota.

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Cause, Dimension, DropKept, KeepForUndo};
use ecache_core::entry::Policy;
use ecache_core::filter::{Capacity, Filter, Freshness, Latest, Selection, Spared, Usage};
use ecache_core::time::Timestamp;

use super::shared::collections::note_elsewhere;
use super::shared::deletion::{
    Run, Step, amount, amount_with, forecast_undo, keep_unless, open, remove_in_steps,
};
use super::shared::filter::{Unless, check_possible, filter, note_unknown_names, refuse_unit};
use super::shared::jobs::{note_running, spare_running, without_running};
use super::shared::live_datasets::Live;
use super::shared::operation::tell_final;
use super::shared::prune_preview::{DryRun, Reason, Reasons};
use crate::cli::PruneArgs;
use crate::cli::filter::{FilterArgs, PolicyChoice};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::human;
use crate::units::Moment;

pub(crate) fn run(context: &Context, args: PruneArgs) -> Result<Exit> {
    let now = context.now();
    context.summary.begin("prune", args.summary.is_json());
    let size = args.max_size.map(|_| "--max-size");
    refuse_unit(args.filter.store.argument(), size)?;
    let run = Run::from(args.dry_run);
    let scope = scope(context, &args, now)?;
    let backend = open(context, run)?;
    note_unknown_names(context, backend.as_ref(), &scope)?;
    let orphans = orphans(context, &args, backend.as_ref(), &scope)?;
    let expired = expired(&args, &scope);
    let meant = selection(&args, scope, [&orphans, &expired], now);
    meant.filters().try_for_each(check_possible)?;
    let selection = if args.jobs {
        meant.clone()
    } else {
        without_running(context, &meant)?
    };
    let documents = orphans.as_ref().map(|orphans| Filter {
        policy: None,
        ..orphans.clone()
    });
    let documents = match &documents {
        Some(of_orphans) if !args.jobs => Some(spare_running(context, of_orphans)?),
        _ => documents,
    };
    if !args.retired && over_with_kept(backend.as_ref(), &selection, now)? {
        drop_kept(context, backend.as_ref(), run, false)?;
    }
    let (removed, documents) = if args.retired && selection == Selection::default() {
        (Usage::default(), 0)
    } else if run == Run::Dry {
        let usage = backend.usage(&selection, now)?;
        let count = match &documents {
            Some(documents) => backend.count_documents(documents, now)?,
            None => 0,
        };
        let dry_run = DryRun {
            context,
            backend: backend.as_ref(),
            selection: &selection,
            reasons: &reasons(&args, orphans.is_some(), expired.is_some()),
            now,
        };
        dry_run.report(usage, count)?;
        let [_, alive, _] = steps(&args, &selection);
        if alive.filters().next().is_some() && backend.keeps_for_undo() {
            let alive_usage = backend.usage(&alive, now)?;
            let keep = keep_unless(args.no_undo);
            forecast_undo(context, backend.as_ref(), &alive, alive_usage, keep);
        }
        if selection.beyond.is_some() && usage != Usage::default() {
            tell_final(context, "would go for good");
        }
        (usage, count)
    } else {
        let [dead, alive, excess] = steps(&args, &selection);
        let step = |selection, documents, keep, cause| Step {
            selection,
            documents,
            keep,
            cause,
        };
        let keep = keep_unless(args.no_undo);
        let steps = [
            step(&dead, documents.as_ref(), KeepForUndo::No, Cause::Orphaned),
            step(&alive, None, keep, Cause::Pruned),
            step(&excess, None, KeepForUndo::No, Cause::Pruned),
        ];
        let steps = steps.into_iter().filter(|step| {
            let selection = step.selection;
            selection.filters().next().is_some()
                || selection.beyond.is_some()
                || step.documents.is_some()
        });
        remove_in_steps(context, backend.as_ref(), &Vec::from_iter(steps), now)?
    };
    if !args.jobs {
        let going = match run {
            Run::Dry => removed,
            Run::Wet => Usage::default(),
        };
        note_running(context, backend.as_ref(), &meant, going, now)?;
    }
    if let Some(orphans) = orphans {
        note_persistent_orphans(context, backend.as_ref(), orphans, run, now)?;
    }
    if args.retired {
        drop_kept(context, backend.as_ref(), run, args.shred)?;
    }
    if run == Run::Wet {
        // Removes large values whose writers died before publishing them. Best effort.
        if let Err(error) = backend.collect_garbage(now) {
            context.detail(&format!("unreferenced values were not removed: {error}"));
        }
        note_limits(context, backend.as_ref(), &selection, run, now)?;
    }
    note_elsewhere(context, backend.as_ref(), &selection, now)?;
    if args.vacuum && run == Run::Wet {
        let before = backend.describe()?;
        backend.compact(now)?;
        let after = backend.describe()?;
        let size = |store: &ecache_core::backend::Description| store.file_size + store.wal_size;
        context.note(&format!(
            "gave back {}",
            human::size(size(&before).saturating_sub(size(&after)))
        ));
    }
    context.finish_summary(args.dry_run)?;
    Ok(args.filter.exit((removed.entries, documents) == (0, 0)))
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
fn drop_kept(context: &Context, backend: &dyn Backend, run: Run, shred: bool) -> Result<()> {
    let kept = backend.kept_for_undo()?;
    let what = amount_with(kept.usage, kept.documents);
    if run == Run::Dry {
        context.note(&format!("would delete {what} kept for undo"));
        return Ok(());
    }
    let how = if shred {
        DropKept::Overwritten
    } else {
        DropKept::Deleted
    };
    backend
        .drop_kept(how)
        .with_context(|| format!("cannot delete {what} kept for undo"))?;
    let done = if shred { "overwrote" } else { "deleted" };
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
        context.note(&format!(
            "{stays}; ecache clear --dataset ID --policy any removes {them}"
        ));
    }
    Ok(())
}

/// Returns the filter of entries whose dataset was deleted; `None` without such datasets or without
/// `--orphaned`.
fn orphans(
    context: &Context,
    args: &PruneArgs,
    backend: &dyn Backend,
    scope: &Filter,
) -> Result<Option<Filter>> {
    if !args.orphaned {
        return Ok(None);
    }
    let datasets = backend.names(Dimension::Dataset)?;
    let live = Live::find(context, backend, args.live_datasets.as_deref())?;
    let live = live.ok_or_else(Live::unknown)?;
    Ok(live.orphans(datasets, &evictable(args, scope)))
}

/// Builds the filter of the entries that may be pruned, without the conditions that are themselves
/// reasons for removal.
fn scope(context: &Context, args: &PruneArgs, now: Timestamp) -> Result<Filter> {
    let narrowing = FilterArgs {
        expired: false,
        older_than: None,
        unused_for: None,
        ..args.filter.clone()
    };
    let scope = filter(context, &narrowing, Unless::AnyPolicy, now)?;
    let keeps_persistent = matches!(args.filter.policy, None | Some(PolicyChoice::Evict));
    if (args.has_capacity() || args.keep_last.is_some()) && !keeps_persistent {
        return Err(usage_tip(
            "--max-size, --max-entries and --keep-last remove entries of policy evict alone",
            "leave out --policy",
        ));
    }
    if args.order.is_some() && !args.has_capacity() {
        return Err(usage_tip(
            "--order is the order in which --max-size and --max-entries remove entries",
            "add one of them",
        ));
    }
    if args.keep_cost_above.is_some() && !args.has_alive() {
        return Err(usage_tip(
            "--keep-cost-above keeps entries that another limit would remove, and there is none",
            "add --max-size, --max-entries, --older-than, --unused-for or --keep-last",
        ));
    }
    if args.is_of_expired() && scope.is_fresh_only() {
        return Err(usage_tip(
            "prune removes expired entries, and the filter selects none of them",
            "add --older-than, --unused-for, --max-size, --max-entries or --keep-last",
        ));
    }
    Ok(scope)
}

impl PruneArgs {
    fn has_capacity(&self) -> bool {
        self.max_size.is_some() || self.max_entries.is_some()
    }

    fn has_age(&self) -> bool {
        self.filter.older_than.is_some() || self.filter.unused_for.is_some()
    }

    /// Reports whether entries are removed that may be of use.
    fn has_alive(&self) -> bool {
        self.has_capacity() || self.has_age() || self.keep_last.is_some()
    }

    /// Reports whether entries are removed because they are expired.
    fn is_of_expired(&self) -> bool {
        let has_limit = self.has_alive() || self.orphaned || self.retired;
        self.filter.expired || !has_limit
    }

    /// Reports whether all entries but the last ones are removed.
    fn is_of_earlier(&self) -> bool {
        let has_limit = self.has_capacity()
            || self.has_age()
            || self.filter.expired
            || self.orphaned
            || self.retired;
        self.keep_last.is_some() && !has_limit
    }
}

/// Returns the filter of entries that a limit may remove: of policy `evict`, unless another was
/// typed.
fn evictable(args: &PruneArgs, scope: &Filter) -> Filter {
    let typed = args.filter.policy.unwrap_or(PolicyChoice::Evict);
    Filter {
        policy: typed.policy(),
        ..scope.clone()
    }
}

/// Returns the filter of expired entries, if they are to go: of any policy, unless one was typed,
/// since no reader uses them any more.
fn expired(args: &PruneArgs, scope: &Filter) -> Option<Filter> {
    args.is_of_expired().then(|| Filter {
        policy: args.filter.policy.and_then(PolicyChoice::policy),
        freshness: Some(Freshness::Expired),
        expired_for_ms: args.keep_stale.unwrap_or(0),
        ..scope.clone()
    })
}

/// Returns the reason of each filter of [`selection`], in its order, and of entries beyond the
/// capacity.
fn reasons(args: &PruneArgs, has_orphans: bool, has_expired: bool) -> Reasons {
    let all = [
        (has_orphans, Reason::Orphaned),
        (has_expired, Reason::Expired),
        (args.filter.older_than.is_some(), Reason::Old),
        (args.filter.unused_for.is_some(), Reason::Unused),
        (args.is_of_earlier(), Reason::Earlier),
    ];
    let given = all.into_iter().filter(|(is_given, _)| *is_given);
    Reasons {
        of_filters: given.map(|(_, reason)| reason).collect(),
        excess: match (args.max_size, args.max_entries) {
            (Some(_), None) => "over --max-size",
            (None, _) => "over --max-entries",
            (Some(_), Some(_)) => "over a limit",
        },
    }
}

/// Cuts a selection in three: dead entries, which go for good; old, unused or earlier ones, which
/// can be brought back; and those beyond the capacity, whose space is wanted.
fn steps(args: &PruneArgs, selection: &Selection) -> [Selection; 3] {
    let mut dead = selection.any_of.clone();
    // They come last, unless some are spared.
    let alive = if selection.unless_spared.is_empty() {
        let of_age = [args.filter.older_than, args.filter.unused_for];
        dead.split_off(dead.len() - of_age.iter().flatten().count())
    } else {
        Vec::new()
    };
    [
        Selection::of(dead),
        Selection::of(alive).with_spared(selection.unless_spared.clone(), selection.spared.clone()),
        Selection::default()
            .with_spared(Vec::new(), selection.spared.clone())
            .with_capacity(selection.beyond.clone()),
    ]
}

/// Returns the entries to remove: each limit by itself is a reason.
fn selection(
    args: &PruneArgs,
    scope: Filter,
    dead: [&Option<Filter>; 2],
    now: Timestamp,
) -> Selection {
    let time = |moment: Moment| Some(Timestamp::from_millis(moment.resolve(now.as_millis())));
    let mut any_of: Vec<Filter> = dead.into_iter().flatten().cloned().collect();
    let mut alive = Vec::new();
    if let Some(moment) = args.filter.older_than {
        alive.push(Filter {
            written_before: time(moment),
            ..evictable(args, &scope)
        });
    }
    if let Some(moment) = args.filter.unused_for {
        alive.push(Filter {
            unused_since: time(moment),
            ..evictable(args, &scope)
        });
    }
    if args.is_of_earlier() {
        alive.push(evictable(args, &scope));
    }
    let spared = Spared {
        cost_above: args.keep_cost_above,
        latest: args.keep_last.map(|count| Latest {
            scope: scope.clone(),
            count,
            per: args.per,
        }),
    };
    let mut unless_spared = Vec::new();
    if spared == Spared::default() {
        any_of.append(&mut alive);
    } else {
        unless_spared = alive;
    }
    let beyond = args.has_capacity().then(|| Capacity {
        scope,
        max_size: args.max_size,
        max_entries: args.max_entries,
        order: args.order.unwrap_or_default(),
    });
    Selection::of(any_of)
        .with_spared(unless_spared, spared)
        .with_capacity(beyond)
}
