//! `ecache prune`: removes expired, unused and orphaned entries, and those beyond a quota.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Cause, Dimension, DropKept, KeepForUndo};
use ecache_core::entry::Policy;
use ecache_core::filter::{Capacity, Filter, Freshness, Selection, Usage};
use ecache_core::time::Timestamp;

use super::shared::collections::note_elsewhere;
use super::shared::deletion::{
    Run, Step, amount, keep_unless, open, remove_documents, remove_in_steps, remove_with,
};
use super::shared::filter::{Unless, check_possible, filter, note_unknown_names};
use super::shared::jobs::{note_running, remove_unused_documents, without_running};
use super::shared::live_datasets::Live;
use super::shared::operation::Kept;
use crate::cli::PruneArgs;
use crate::cli::filter::{FilterArgs, PolicyChoice};
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::human;
use crate::units::Moment;

pub(crate) fn run(context: &Context, args: PruneArgs) -> Result<Exit> {
    let now = context.now();
    context.summary.begin("prune", args.summary.is_json());
    let run = Run::from(args.dry_run);
    let scope = scope(context, &args, now)?;
    let backend = open(context, run)?;
    note_unknown_names(context, backend.as_ref(), &scope)?;
    let orphans = orphans(context, &args, backend.as_ref(), &scope)?;
    let expired = expired(&args, &scope);
    let meant = selection(&args, scope, [&orphans, &expired], now);
    meant.any_of.iter().try_for_each(check_possible)?;
    let selection = if args.jobs {
        meant.clone()
    } else {
        without_running(context, &meant)?
    };
    // Seen from `then`, an entry that expired later is still fresh. The other limits are points in
    // time already.
    let stale = Duration::from_millis(args.keep_stale.unwrap_or(0));
    let then = now.saturating_sub(stale);
    let documents = || match &orphans {
        Some(orphans) => {
            let whatever_policy = Filter {
                policy: None,
                ..orphans.clone()
            };
            if args.jobs {
                remove_documents(backend.as_ref(), &whatever_policy, run)
            } else {
                remove_unused_documents(context, backend.as_ref(), &whatever_policy, run, then)
            }
        }
        None => Ok(0),
    };
    let (removed, documents) = if args.retired && selection == Selection::default() {
        (Usage::default(), 0)
    } else if backend.keeps_operations() && run == Run::Wet {
        let [dead, alive, excess] = steps(&args, &selection);
        let whatever_policy = orphans.as_ref().map(|orphans| Filter {
            policy: None,
            ..orphans.clone()
        });
        let step = |selection, documents, keep, cause| Step {
            selection,
            documents,
            keep,
            cause,
        };
        let documents = whatever_policy.as_ref();
        let keep = keep_unless(args.no_undo);
        let steps = [
            step(&dead, documents, KeepForUndo::No, Cause::Orphaned),
            step(&alive, None, keep, Cause::Pruned),
            step(&excess, None, KeepForUndo::No, Cause::Pruned),
        ];
        let steps = steps
            .into_iter()
            .filter(|step| *step.selection != Selection::default() || step.documents.is_some());
        remove_in_steps(context, backend.as_ref(), &Vec::from_iter(steps), then)?
    } else {
        remove_with(context, backend.as_ref(), &selection, run, then, documents)?
    };
    if !args.jobs {
        let going = match run {
            Run::Dry => removed,
            Run::Wet => Usage::default(),
        };
        note_running(context, backend.as_ref(), &meant, going, then)?;
    }
    let stay = [
        (expired, "expired but persist,", "--policy any"),
        (
            orphans,
            "orphaned but persist,",
            "ecache clear --dataset ID --policy any",
        ),
    ];
    note_persistent(context, backend.as_ref(), stay, run, then)?;
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
    note_elsewhere(context, backend.as_ref(), &selection, then)?;
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

/// Deletes what is kept for undo, and says what it was.
fn drop_kept(context: &Context, backend: &dyn Backend, run: Run, shred: bool) -> Result<()> {
    let kept = Kept::new(&backend.operations()?);
    let what = amount(kept.usage);
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

/// Notes entries of policy `persist`, which stay although they are expired or their datasets were
/// deleted.
fn note_persistent(
    context: &Context,
    backend: &dyn Backend,
    filters: [(Option<Filter>, &str, &str); 2],
    run: Run,
    then: Timestamp,
) -> Result<()> {
    for (filter, trouble, remedy) in filters {
        let Some(filter) = filter.filter(|filter| filter.policy == Some(Policy::Evict)) else {
            continue;
        };
        let persistent = Filter {
            policy: Some(Policy::Persist),
            ..filter
        };
        let left = backend.usage(&persistent.into(), then)?;
        if left != Usage::default() {
            let stays = run.stays(&amount(left), left.entries, trouble);
            let them = human::plural(left.entries, "it", "them");
            context.note(&format!("{stays}; {remedy} removes {them}"));
        }
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
    if args.has_capacity() && !keeps_persistent {
        return Err(usage_tip(
            "--max-size and --max-entries remove entries of policy evict alone",
            "leave out --policy",
        ));
    }
    if args.is_of_expired() && scope.is_fresh_only() {
        return Err(usage_tip(
            "prune removes expired entries, and the filter selects none of them",
            "add --older-than, --unused-for, --max-size or --max-entries",
        ));
    }
    Ok(scope)
}

impl PruneArgs {
    fn has_capacity(&self) -> bool {
        self.max_size.is_some() || self.max_entries.is_some()
    }

    /// Reports whether entries are removed because they are expired.
    fn is_of_expired(&self) -> bool {
        let has_limit = self.has_capacity()
            || self.orphaned
            || self.retired
            || self.filter.older_than.is_some()
            || self.filter.unused_for.is_some();
        self.filter.expired || !has_limit
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

/// Returns the filter of expired entries, if they are to go.
fn expired(args: &PruneArgs, scope: &Filter) -> Option<Filter> {
    args.is_of_expired().then(|| Filter {
        freshness: Some(Freshness::Expired),
        ..evictable(args, scope)
    })
}

/// Cuts a selection in three: dead entries, which go for good; old or unused ones, which can be
/// brought back; and those beyond the capacity, whose space is wanted.
fn steps(args: &PruneArgs, selection: &Selection) -> [Selection; 3] {
    // They come last.
    let of_age = [args.filter.older_than, args.filter.unused_for];
    let of_age = of_age.iter().flatten().count();
    let mut dead = selection.any_of.clone();
    let alive = dead.split_off(dead.len() - of_age);
    let of = |any_of| Selection {
        any_of,
        beyond: None,
    };
    let excess = Selection {
        any_of: Vec::new(),
        beyond: selection.beyond.clone(),
    };
    [of(dead), of(alive), excess]
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
    if let Some(moment) = args.filter.older_than {
        any_of.push(Filter {
            written_before: time(moment),
            ..evictable(args, &scope)
        });
    }
    if let Some(moment) = args.filter.unused_for {
        any_of.push(Filter {
            unused_since: time(moment),
            ..evictable(args, &scope)
        });
    }
    let beyond = args.has_capacity().then_some(Capacity {
        scope,
        max_size: args.max_size,
        max_entries: args.max_entries,
    });
    Selection { any_of, beyond }
}
