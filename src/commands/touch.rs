//! `ecache touch`: changes the lifetime or the policy of entries.

use anyhow::Result;
use ecache_core::entry::Policy;
use ecache_core::filter::Freshness;

use super::lifetime::LifetimeChange;
use super::removal::{Run, Verb, batches, forecast, open};
use super::request::{filter, require_narrowed};
use crate::cli::TouchArgs;
use crate::cli::filter::PolicyChoice;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: TouchArgs) -> Result<Exit> {
    let now = context.now();
    let change = LifetimeChange::new(args.ttl, args.policy)?;
    let touch = change.touch(now)?;
    let mut filter = filter(context, &args.filter, PolicyChoice::Any, now)?;
    require_narrowed(&filter, args.all, "change")?;
    // What has expired is gone for readers, and comes back only if it is asked for with --expired.
    filter.freshness = filter.freshness.or(Some(Freshness::Fresh));
    if change.is_for_evictable() {
        filter.policy = Some(Policy::Evict);
    }
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let selection = filter.into();
    let lifetime = change
        .told(now)
        .filter(|_| context.terminal.stderr_is_terminal);
    let verb = Verb {
        detail: lifetime.as_deref(),
        ..Verb::CHANGE
    };
    match run {
        Run::Dry => forecast(context, verb, backend.usage(&selection, now)?)?,
        Run::Wet => batches(context, verb, |progress| {
            backend.touch(&selection, touch, now, progress)
        })?,
    };
    Ok(Exit::Done)
}
