//! `ecache touch`: changes the lifetime or the policy of entries.

use anyhow::Result;
use ecache_core::entry::Policy;
use ecache_core::filter::Freshness;

use super::shared::collections::note_elsewhere;
use super::shared::deletion::{Run, Verb, batches, forecast, open};
use super::shared::filter::{Unless, filter, note_unknown_names, require_narrowed};
use super::shared::lifetime::LifetimeChange;
use crate::cli::TouchArgs;
use crate::context::Context;
use crate::error::{Exit, usage};

pub(crate) fn run(context: &Context, mut args: TouchArgs) -> Result<Exit> {
    args.filter.key.append(&mut args.keys);
    let now = context.now();
    let change = LifetimeChange::new(args.ttl, args.new_policy)?;
    let touch = change.touch(now)?;
    let mut filter = filter(context, &args.filter, Unless::AnyPolicy, now)?;
    require_narrowed(&filter, args.all, "change")?;
    // Expired entries are misses for readers; only --expired revives them.
    filter.freshness = filter.freshness.or(Some(Freshness::Fresh));
    if change.is_for_evictable() {
        if filter.policy == Some(Policy::Persist) {
            return Err(usage(
                "--policy keep gives no lifetime to entries of policy persist: leave out --if-policy",
            ));
        }
        filter.policy = Some(Policy::Evict);
    }
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
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
    note_elsewhere(context, backend.as_ref(), &selection, now)?;
    Ok(Exit::Done)
}
