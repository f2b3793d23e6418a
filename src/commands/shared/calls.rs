//! Calls that were answered or not: to be counted, and what `--verbose` says of them.

use std::fmt::Write as _;

use anyhow::Result;
use ecache_core::entry::Entry;
use ecache_core::scope::Address;
use ecache_core::time::{Timestamp, whole_millis};
use ecache_core::usage::{Event, Outcome};

use super::address::abbreviated;
use super::address::resolve::Request;
use super::changes::lifetime::left;
use super::filter::unknown_dataset::note_unknown_dataset;
use crate::context::Context;
use crate::error::Exit;
use crate::output::escape::shell;
use crate::output::{Secrets, human};

/// Returns a hit that saves computing the entry's value.
pub(in crate::commands) fn hit(entry: &Entry, now: Timestamp) -> Event {
    Event::of_entry(Outcome::Hit, now, entry, entry.cost_ms.unwrap_or(0))
}

/// Says with `--verbose` which entry was found, and in which dataset and scopes.
pub(in crate::commands) fn detail_hit(context: &Context, entry: &Entry, now: Timestamp) {
    if !context.verbose {
        return;
    }
    let mut text = format!("hit: {}, {}", entry.address, times(entry, now));
    let scopes = &entry.scopes;
    for (name, scope) in [
        ("user", &scopes.user_id),
        ("operator", &scopes.operator_uri),
        ("prompt", &scopes.prompt_id),
    ] {
        if let Some(scope) = scope {
            let _ = write!(text, ", {name} {}", shell(&Secrets::Masked.text(scope)));
        }
    }
    context.detail(&text);
}

/// The reason why a look-up of one entry is a miss.
pub(in crate::commands) enum Miss<'a> {
    /// Another call made the entry
    OtherCall(&'a Entry),
    /// The entry has expired
    Stale(&'a Entry),
    /// There is no entry
    Missing,
}

/// Counts a miss, explains it with `--verbose`, and returns its exit code.
pub(in crate::commands) fn report_miss(
    context: &Context,
    request: &Request,
    miss: Miss<'_>,
    now: Timestamp,
) -> Result<Exit> {
    match miss {
        Miss::OtherCall(Entry { address, .. }) => {
            context.detail(&format!("miss: {address} was made by another call"));
        }
        Miss::Stale(Entry { address, .. }) => {
            context.detail(&format!("miss: {address} has expired"));
        }
        Miss::Missing => detail_miss(context, &request.address, now),
    }
    context.count(&[request.miss(now)]);
    if matches!(miss, Miss::Missing) {
        note_unknown_dataset(context, &request.address)?;
    }
    Ok(Exit::No)
}

/// Says with `--verbose` why no entry was found, and which datasets have the key.
fn detail_miss(context: &Context, address: &Address, now: Timestamp) {
    if !context.verbose {
        return;
    }
    let elsewhere = || -> Result<_> {
        // The reader of a single look-up may be unable to search.
        Ok(if context.has_store()? {
            abbreviated::elsewhere(context.reader()?.as_ref(), address, now)?
        } else {
            None
        })
    };
    // Explaining a miss never fails the command.
    let elsewhere = elsewhere().unwrap_or_default();
    let elsewhere = elsewhere.map_or_else(String::new, |(message, tip)| {
        format!(", but {message}: {tip}")
    });
    context.detail(&format!("miss: there is no {address}{elsewhere}"));
}

/// Returns the words for the times of an entry: `3m old, expires in 57m, took 1.2s`.
pub(in crate::commands) fn times(entry: &Entry, now: Timestamp) -> String {
    let span = |from: Timestamp, to: Timestamp| human::duration(whole_millis(to.since(from)));
    let written = entry.written_at();
    let mut text = match now.since(written).as_millis() {
        _ if written > now => format!("written {} in the future", span(now, written)),
        0..1000 => "just written".to_owned(),
        _ => format!("{} old", span(written, now)),
    };
    let _ = match entry.expires_at {
        None => write!(text, ", never expires"),
        Some(expires) if entry.is_expired(now) => {
            write!(text, ", expired {} ago", span(expires, now))
        }
        Some(expires) => {
            let left = left(whole_millis(expires.since(now)));
            write!(text, ", expires in {left}")
        }
    };
    if let Some(cost) = entry.cost_ms {
        let _ = write!(text, ", took {}", human::duration(cost));
    }
    text
}
