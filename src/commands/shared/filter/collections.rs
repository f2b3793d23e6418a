//! Notes about entries in collections that a command did not search.

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension, Row, Scan, Sort};
use ecache_core::filter::{Filter, Judge, Pattern, Selection};
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::Timestamp;

use crate::context::{Collections, Context};
use crate::output::human;

/// Maximum number of entries counted in a collection; beyond it, the note says "more than".
const COUNTED: u64 = 1000;

/// Maximum number of collections named.
const NAMED: usize = 3;

/// Notes entries of other collections that `selection` would match, unless collections were named.
pub(in crate::commands) fn note_elsewhere(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    now: Timestamp,
) -> Result<()> {
    if context.collections != Collections::Default || context.quiet {
        return Ok(());
    }
    let mut others = Vec::new();
    for collection in backend.names(Dimension::Collection)? {
        if &*collection != DEFAULT_COLLECTION {
            let count = count(backend, &collection, selection, now)?;
            others.push((collection.to_string(), count));
        }
    }
    note(context, Counted::Entries, others);
    Ok(())
}

/// The things that a note counts.
#[derive(Clone, Copy)]
pub(in crate::commands) enum Counted {
    Entries,
    Calls,
}

impl Counted {
    /// `3 more entries`
    fn more(self, count: u64) -> String {
        match self {
            Self::Entries => human::counted(count, "more entry", "more entries"),
            Self::Calls => human::counted(count, "more call", "more calls"),
        }
    }
}

/// Notes how much of other collections was left out.
pub(in crate::commands) fn note(
    context: &Context,
    counted: Counted,
    others: impl IntoIterator<Item = (String, u64)>,
) {
    let others: Vec<(String, u64)> = others.into_iter().filter(|(_, count)| *count > 0).collect();
    for (collection, count) in others.iter().take(NAMED) {
        let (are, them) = (
            human::plural(*count, "is", "are"),
            human::plural(*count, "it", "them"),
        );
        // Calls are counted anyway; entries are read one by one.
        let more = match counted {
            Counted::Entries if *count > COUNTED => {
                format!("more than {}", counted.more(COUNTED))
            }
            _ => counted.more(*count),
        };
        context.note(&format!(
            "{more} {are} in collection {collection}; --collection {collection} or --all-collections includes {them}"
        ));
    }
    if others.len() > NAMED {
        context.note(&format!(
            "more {} are in {} further collections; --all-collections includes them",
            match counted {
                Counted::Entries => "entries",
                Counted::Calls => "calls",
            },
            others.len() - NAMED
        ));
    }
}

/// Counts the selected entries of another collection, up to a little more than [`COUNTED`].
fn count(
    backend: &dyn Backend,
    collection: &str,
    selection: &Selection,
    now: Timestamp,
) -> Result<u64> {
    let there = selection.map(|filter| Filter {
        collections: vec![Pattern::exact(collection)],
        ..filter.clone()
    });
    let there = there.with_capacity(None);
    let judge = Judge::new(&there, now);
    let mut count = 0;
    for (place, filter) in judge.filters().iter().enumerate() {
        let scan = Scan {
            sort: Sort::Any,
            limit: Some(COUNTED + 1),
            ..Scan::new((*filter).clone())
        };
        for row in backend.scan(&scan, now)? {
            let is_counted = match row? {
                Row::Entry(entry, _) => judge.is_first(place, &entry),
                Row::Foreign(foreign) => judge.is_first(place, &foreign.entry),
                Row::Damaged(_) => place == 0,
            };
            count += u64::from(is_counted);
        }
        if count > COUNTED {
            break;
        }
    }
    Ok(count)
}
