//! `ecache warm --refresh`: recorded commands, again.

use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{Backend, Direction, Expiry, Row, Scan, Sort, Values};
use ecache_core::command::{Failures, Mode, PreparedItem, Settings, repeat};
use ecache_core::entry::Entry;
use ecache_core::value::Kind;

use super::super::shared::filter::collections::note_elsewhere;
use super::super::shared::filter::{
    DefaultSelection, filter, no_match, note_unknown_names, require_narrowed,
};
use crate::cli::{WarmArgs, WarmOrder};
use crate::context::Context;
use crate::error::usage;

/// Returns the entries of the selected commands, in the order in which they are to be run.
pub(super) fn recorded(
    context: &Context,
    backend: &dyn Backend,
    args: &WarmArgs,
) -> Result<Vec<Entry>> {
    let now = context.now();
    // The cache must not change entries of policy `persist` by itself.
    let mut filter = filter(context, &args.filter, DefaultSelection::Evictable, now)?;
    require_narrowed(&filter, args.filter.policy, args.all, "run")?;
    if filter.kinds.iter().any(|kind| *kind != Kind::Command) {
        return Err(usage("only entries of kind command can be run again"));
    }
    filter.kinds = vec![Kind::Command];
    note_unknown_names(context, backend, &filter)?;
    let (sort, direction) = match args.order.unwrap_or_default() {
        WarmOrder::Expiry => (Sort::Expires, Direction::Ascending),
        WarmOrder::Cost => (Sort::Cost, Direction::Descending),
        WarmOrder::Hits => (Sort::Hits, Direction::Descending),
    };
    let scan = Scan {
        filter: filter.clone(),
        sort,
        direction,
        limit: None,
        after: None,
        values: Values::Omit,
    };
    let mut entries = Vec::new();
    for row in backend.scan(&scan, now)? {
        match row? {
            Row::Entry(entry, _) => entries.push(*entry),
            Row::Foreign(_) => {}
            Row::Damaged(address) => context.warn_damaged(&address),
        }
    }
    if entries.is_empty() && context.tells_absence() {
        context.note(&no_match::sentence(backend, &filter, now));
    }
    note_elsewhere(context, backend, &filter.into(), now)?;
    Ok(entries)
}

/// Prepares the rerun of an entry's command. Its result is kept as long as before, unless a
/// lifetime was typed.
pub(super) fn prepare(
    entry: &Entry,
    token: Option<&str>,
    args: &WarmArgs,
    settings: &Settings,
) -> PreparedItem {
    let before = entry
        .expires_at
        .map(|expires| expires.since(entry.written_at()));
    let settings = Settings {
        mode: Mode::Refresh,
        ttl: match args.keep.ttl {
            Some(_) => settings.ttl,
            None => before.filter(|ttl| *ttl > Duration::ZERO),
        },
        // The lifetime that it had is its own.
        expiry: match before {
            Some(_) => Expiry::Named,
            None => settings.expiry,
        },
        // A failure must not replace a result, unless failures are to be cached.
        failures: match args.keep.failures.failure_ttl {
            Some(_) => settings.failures,
            None => Failures::Forget,
        },
        ..settings.clone()
    };
    match repeat(entry, token, |name| std::env::var_os(name), settings) {
        Ok(repeated) => PreparedItem::Run(Box::new(repeated.call)),
        Err(error) => PreparedItem::Skip(error.to_string()),
    }
}
