//! `ecache prune`: removes what is dead or too much.

use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension};
use ecache_core::entry::Policy;
use ecache_core::filter::{Capacity, DatasetPattern, Filter, Freshness, Pattern, Selection, Usage};
use ecache_core::time::Timestamp;

use super::live::Live;
use super::removal::{Run, amount, open, remove_documents, remove_with};
use super::request::check_name;
use crate::cli::PruneArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human;
use crate::units::Moment;

pub(crate) fn run(context: &Context, args: PruneArgs) -> Result<Exit> {
    let now = context.now();
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let scope = scope(context, &args)?;
    let orphans = orphans(context, &args, backend.as_ref(), &scope)?;
    let selection = selection(&args, scope, orphans.clone(), now);
    // What had not expired that long ago is not expired then; the other limits are points in time already.
    let stale = Duration::from_millis(args.keep_stale.unwrap_or(0));
    let then = now.saturating_sub(stale);
    let documents = || match &orphans {
        Some(orphans) => {
            let whatever_policy = Filter {
                policy: None,
                ..orphans.clone()
            };
            remove_documents(backend.as_ref(), &whatever_policy, run)
        }
        None => Ok(0),
    };
    remove_with(context, backend.as_ref(), &selection, run, then, documents)?;
    if let Some(orphans) = orphans {
        note_persistent(context, backend.as_ref(), orphans, now)?;
    }
    if run == Run::Wet {
        // Large values whose writers died before an entry named them; there is a next time.
        if let Err(error) = backend.collect_garbage(now) {
            context.detail(&format!("what nothing names was not collected: {error}"));
        }
        note_limits(context, backend.as_ref(), &selection, now)?;
    }
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
    Ok(Exit::Done)
}

/// Says so if entries of policy `persist`, which stay, are too much by themselves.
fn note_limits(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    now: Timestamp,
) -> Result<()> {
    let Some(capacity) = &selection.beyond else {
        return Ok(());
    };
    let left = backend.usage(&capacity.scope.clone().into(), now)?;
    let fits = capacity.max_entries.is_none_or(|most| left.entries <= most)
        && capacity.max_size.is_none_or(|most| left.bytes <= most);
    if !fits {
        context.note(&format!(
            "{} of policy persist left in place, which is more than the limit",
            amount(left)
        ));
    }
    Ok(())
}

/// Says so if entries of policy `persist`, which stay, belong to datasets that were deleted.
fn note_persistent(
    context: &Context,
    backend: &dyn Backend,
    orphans: Filter,
    now: Timestamp,
) -> Result<()> {
    let persistent = Filter {
        policy: Some(Policy::Persist),
        ..orphans
    };
    let left = backend.usage(&persistent.into(), now)?;
    if left != Usage::default() {
        context.note(&format!(
            "{} of policy persist, whose datasets were deleted, left in place; `ecache clear --dataset ID --policy any` removes them too",
            amount(left)
        ));
    }
    Ok(())
}

/// The entries whose dataset was deleted, `None` if there are none or nobody asked for them.
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
    let evictable = Filter {
        policy: Some(Policy::Evict),
        ..scope.clone()
    };
    Ok(live.orphans(datasets, &evictable))
}

/// What is pruned.
fn scope(context: &Context, args: &PruneArgs) -> Result<Filter> {
    Ok(Filter {
        collection: check_name("collection", &context.collection)?.to_owned(),
        stores: args.store.iter().map(Pattern::exact).collect(),
        datasets: args
            .dataset
            .iter()
            .map(|dataset| DatasetPattern::Id(Pattern::exact(dataset)))
            .collect(),
        ..Filter::default()
    })
}

/// What the limits take: each by itself is a reason to go.
fn selection(
    args: &PruneArgs,
    scope: Filter,
    orphans: Option<Filter>,
    now: Timestamp,
) -> Selection {
    let evictable = Filter {
        policy: Some(Policy::Evict),
        ..scope.clone()
    };
    let time = |moment: Moment| Some(Timestamp::from_millis(moment.resolve(now.as_millis())));
    let has_capacity = args.max_size.is_some() || args.max_entries.is_some();
    let has_limit =
        has_capacity || args.orphaned || args.older_than.is_some() || args.unused_for.is_some();
    let mut any_of = Vec::from_iter(orphans);
    if args.expired || !has_limit {
        any_of.push(Filter {
            freshness: Some(Freshness::Expired),
            ..scope.clone()
        });
    }
    if let Some(moment) = args.older_than {
        any_of.push(Filter {
            written_before: time(moment),
            ..evictable.clone()
        });
    }
    if let Some(moment) = args.unused_for {
        any_of.push(Filter {
            unused_since: time(moment),
            ..evictable
        });
    }
    let beyond = has_capacity.then_some(Capacity {
        scope,
        max_size: args.max_size,
        max_entries: args.max_entries,
    });
    Selection { any_of, beyond }
}
