//! Says that a filter selects nothing, and what there is instead: which condition no entry meets,
//! and how near the nearest one is.
//!
//! At most [`SAMPLE`] entries are read for that, whatever the size of the store. In a larger one
//! only a single condition is told, of which the search itself has shown that no entry meets it.

mod condition;

use std::collections::BTreeSet;

use anyhow::Result;
use ecache_core::backend::{Backend, Direction, Row, Scan, Sort};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{Filter, Freshness, Jobs, Selection};
use ecache_core::scope::Scopes;
use ecache_core::time::Timestamp;

use crate::context::Context;
use crate::output::escape::shell;
use crate::output::human;
use condition::{Condition, conditions};
pub(super) use condition::{Field, listed};

/// Maximum number of entries that are read for the reason.
const SAMPLE: u64 = 1000;

const NOTHING: &str = "no entry matches";

/// Follows the number of entries of which none is near.
const NONE: &str = ", none meets all conditions";

/// Notes that no entry was listed, and why: to a person, since an empty list says it to a program.
pub(in crate::commands) fn note_none_listed(
    context: &Context,
    backend: &dyn Backend,
    filter: &Filter,
    now: Timestamp,
) {
    if context.tells_absence() && context.terminal.stderr_is_terminal {
        context.note(&sentence(backend, filter, now));
    }
}

/// Returns a sentence for a filter that selects nothing.
pub(in crate::commands) fn sentence(
    backend: &dyn Backend,
    filter: &Filter,
    now: Timestamp,
) -> String {
    // Explaining that nothing was found never fails the command.
    let instead = instead(backend, filter, now).unwrap_or_default();
    instead.unwrap_or_else(|| NOTHING.to_owned())
}

/// Returns a sentence for selections that select nothing.
pub(in crate::commands) fn sentence_of<'a>(
    context: &Context,
    backend: &dyn Backend,
    selections: impl IntoIterator<Item = &'a Selection>,
    now: Timestamp,
) -> String {
    let mut filters = Vec::new();
    for selection in selections {
        if selection.beyond.is_some() {
            return "nothing to remove".to_owned();
        }
        filters.extend(selection.filters());
    }
    match filters.as_slice() {
        [filter] if context.tells_absence() => sentence(backend, filter, now),
        _ => NOTHING.to_owned(),
    }
}

/// Returns the reason why a filter selects nothing, where one is known. Returns `None` if the
/// filter matches entries by now.
pub(in crate::commands) fn instead(
    backend: &dyn Backend,
    filter: &Filter,
    now: Timestamp,
) -> Result<Option<String>> {
    // A query of the backend decides about jobs.
    if matches!(filter.jobs, Some(Jobs::Only | Jobs::Running | Jobs::Idle)) {
        return Ok(None);
    }
    let place = Filter {
        collections: filter.collections.clone(),
        stores: filter.stores.clone(),
        ..Filter::default()
    };
    let entries = sample(backend, &place, SAMPLE + 1)?;
    if entries.is_empty() {
        let is_of_all = filter.stores.is_empty() && is_empty(backend)?;
        return Ok(is_of_all.then(|| "nothing is cached yet".to_owned()));
    }
    if entries.iter().any(|entry| filter.matches(entry, now)) {
        return Ok(None);
    }
    let is_whole = entries.len() as u64 <= SAMPLE;
    let stores = entries.iter().map(|entry| &*entry.address.store.store_name);
    let stores: BTreeSet<&str> = stores.collect();
    let has = match (filter.stores.is_empty(), stores.first()) {
        (false, Some(store)) if stores.len() == 1 => format!("{} has", shell(store)),
        (false, _) => "these stores have".to_owned(),
        (true, _) => human::plural(entries.len() as u64, "there is", "there are").to_owned(),
    };
    let count = match entries.len() as u64 {
        count if is_whole => human::entries(count),
        _ => format!("more than {}", human::entries(SAMPLE)),
    };
    let conditions = conditions(&place, filter, now);
    let why = if is_whole {
        let is_met = |of: &Filter| entries.iter().any(|entry| of.matches(entry, now));
        match conditions.iter().find(|one| !is_met(&one.alone)) {
            Some(one) => one.none(one.field.nearest(filter, &entries, now)),
            None => without_one(&conditions, &entries, now),
        }
    } else {
        match conditions.as_slice() {
            [one] => one.none(nearest_written(backend, &one.alone, one.field, now)?),
            _ => NONE.to_owned(),
        }
    };
    Ok(Some(format!("{NOTHING}: {has} {count}{why}")))
}

/// Says how many entries meet all conditions but one: the last, which is the one of a verb rather
/// than one that was typed.
fn without_one(conditions: &[Condition], entries: &[Entry], now: Timestamp) -> String {
    for one in conditions.iter().rev() {
        let rest = entries.iter().filter(|entry| one.rest.matches(entry, now));
        let count = rest.count() as u64;
        if count == 0 {
            continue;
        }
        let are = human::plural(count, "is", "are");
        let why = match one.field {
            Field::Policy if one.alone.policy == Some(Policy::Evict) => {
                format!("{are} of policy persist")
            }
            Field::Policy => format!("{are} of policy evict"),
            Field::Freshness => match one.alone.freshness {
                Some(Freshness::Expired) => format!("{are} not expired"),
                Some(Freshness::Endless) => human::plural(count, "expires", "expire").to_owned(),
                Some(Freshness::Fresh) | None => format!("{are} expired"),
            },
            field => {
                let option = field.option();
                return format!("; {} would match without {option}", human::count(count));
            }
        };
        return format!("; {} would match, but {why}", human::count(count));
    }
    NONE.to_owned()
}

/// Returns the first entries of some stores, in any order.
fn sample(backend: &dyn Backend, place: &Filter, most: u64) -> Result<Vec<Entry>> {
    let scan = Scan {
        sort: Sort::Any,
        limit: Some(most),
        ..Scan::new(place.clone())
    };
    entries_of(backend, &scan)
}

fn entries_of(backend: &dyn Backend, scan: &Scan) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for row in backend.scan(scan, Timestamp::from_millis(0))? {
        match row? {
            Row::Entry(entry, _) => entries.push(*entry),
            Row::Foreign(found) => entries.push(found.entry),
            Row::Damaged(_) => {}
        }
    }
    Ok(entries)
}

/// Reports whether no collection has an entry.
fn is_empty(backend: &dyn Backend) -> Result<bool> {
    let everywhere = Filter {
        collections: Vec::new(),
        ..Filter::default()
    };
    Ok(sample(backend, &everywhere, 1)?.is_empty())
}

/// Returns the age of the oldest or the newest entry, which an index knows.
fn nearest_written(
    backend: &dyn Backend,
    filter: &Filter,
    field: Field,
    now: Timestamp,
) -> Result<Option<String>> {
    let direction = match field {
        Field::WrittenBefore => Direction::Ascending,
        Field::WrittenAfter => Direction::Descending,
        _ => return Ok(None),
    };
    let scan = Scan {
        sort: Sort::Updated,
        direction,
        limit: Some(1),
        ..Scan::new(filter.place())
    };
    Ok(field.nearest(filter, &entries_of(backend, &scan)?, now))
}

/// Returns the scope or the arguments by which a filter selects, and the option that does.
fn hidden(filter: &Filter) -> Option<(&'static str, &'static str)> {
    match filter {
        Filter { users, .. } if !users.is_empty() => Some(("user", "--user")),
        Filter { operators, .. } if !operators.is_empty() => Some(("operator", "--operator")),
        Filter { prompts, .. } if !prompts.is_empty() => Some(("prompt", "--prompt")),
        Filter { arguments, .. } if !arguments.is_empty() => Some(("arguments", "--arg")),
        _ => None,
    }
}

/// Reports whether FiftyOne may have written an entry: it has scopes and arguments only in the hash
/// of its key.
fn is_fiftyones(entry: &Entry) -> bool {
    entry.address.key.is_hash()
        && (entry.args.as_ref(), entry.function.as_ref()) == (None, None)
        && entry.scopes == Scopes::default()
}

/// Returns what a filter selects by and entries of FiftyOne's do not have on record, if there are
/// such entries, and the option that selects by it.
pub(in crate::commands) fn hidden_by_fiftyone(
    backend: &dyn Backend,
    filter: &Filter,
) -> Result<Option<(&'static str, &'static str)>> {
    let Some(hidden) = hidden(filter) else {
        return Ok(None);
    };
    let entries = sample(backend, &filter.place(), SAMPLE)?;
    Ok(entries.iter().any(is_fiftyones).then_some(hidden))
}
