//! `ecache prune`: removes what is dead or too much.

use anyhow::Result;
use ecache_core::backend::Backend;
use ecache_core::entry::Policy;
use ecache_core::filter::{Capacity, DatasetPattern, Filter, Freshness, Pattern, Selection};
use ecache_core::time::Timestamp;

use super::removal::{Run, amount, open, remove};
use super::request::check_name;
use crate::cli::PruneArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human;
use crate::units::Moment;

pub(crate) fn run(context: &Context, args: PruneArgs) -> Result<Exit> {
    let now = context.now();
    let selection = selection(context, &args, now)?;
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    remove(context, backend.as_ref(), &selection, run, now)?;
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

/// What the limits take: each by itself is a reason to go.
fn selection(context: &Context, args: &PruneArgs, now: Timestamp) -> Result<Selection> {
    let scope = Filter {
        collection: check_name("collection", &context.collection)?.to_owned(),
        stores: args.store.iter().map(Pattern::exact).collect(),
        datasets: args
            .dataset
            .iter()
            .map(|dataset| DatasetPattern::Id(Pattern::exact(dataset)))
            .collect(),
        ..Filter::default()
    };
    let evictable = Filter {
        policy: Some(Policy::Evict),
        ..scope.clone()
    };
    let time = |moment: Moment| Some(Timestamp::from_millis(moment.resolve(now.as_millis())));
    let has_capacity = args.max_size.is_some() || args.max_entries.is_some();
    let has_limit = has_capacity || args.older_than.is_some() || args.unused_for.is_some();
    let mut any_of = Vec::new();
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
    Ok(Selection { any_of, beyond })
}
