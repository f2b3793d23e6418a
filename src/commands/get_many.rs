//! `ecache get --keys-from` and `--entries-from`: the values of many entries, as JSON lines.

use std::path::Path;

use anyhow::Result;
use ecache_core::backend::{Backend, Lookup, read_value};
use ecache_core::error::Error;
use ecache_core::scope::{Address, Scopes};
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Outcome};
use ecache_core::value::write_stored;

use super::get::hit;
use super::shared::fields;
use super::shared::listed::{Line, Listed};
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format};

/// Keys that are read before they are looked up.
const BATCH: usize = 4096;

/// The columns; those before the key name the store, where lines do.
const COLUMNS: [Column; 6] = [
    Column::text("collection"),
    Column::text("store_name"),
    Column::text("dataset_id"),
    Column::text("key"),
    Column::text("hit"),
    Column::text("value"),
];

/// The index of the key among the columns.
const KEY: usize = 3;

/// Looks up the entry that each line of a file names.
pub(super) fn run(context: &Context, file: &Path, line: Line) -> Result<Exit> {
    let first = match line {
        Line::Key(_) => KEY,
        Line::Entry(_) => 0,
    };
    let mut listed = Listed::open(file, line)?;
    let backend = context.reader()?;
    let now = context.now();
    let mut rows = context.rows(Format::Jsonl, &COLUMNS[first..])?;
    let mut exit = Exit::Done;
    loop {
        let addresses = listed.read(BATCH)?;
        if addresses.is_empty() {
            break;
        }
        let mut events = Vec::with_capacity(addresses.len());
        let mut rest = addresses.as_slice();
        while !rest.is_empty() {
            let lookups = backend.lookup_many(rest, now)?;
            let (done, later) = rest.split_at(lookups.len());
            for (address, lookup) in done.iter().zip(lookups) {
                let event = match &lookup {
                    Lookup::Hit(entry, _) => hit(entry, now),
                    _ => miss(address, now),
                };
                let (value, is_hit) = value(context, backend.as_ref(), address, lookup)?;
                let store = &address.store;
                let cells = [
                    Cell::from(&*store.collection),
                    Cell::from(&*store.store_name),
                    Cell::from(store.dataset_id.as_deref()),
                    Cell::from(address.key.as_str()),
                    Cell::Bool(is_hit),
                    value,
                ];
                rows.row(&cells[first..])?;
                if !is_hit {
                    exit = Exit::No;
                }
                events.push(if is_hit { event } else { miss(address, now) });
            }
            rest = later;
        }
        context.count(&events);
    }
    rows.finish()?;
    Ok(exit)
}

fn miss(address: &Address, now: Timestamp) -> Event {
    let store = address.store.clone();
    Event::new(Outcome::Miss, now, store, &Scopes::default())
}

/// Returns the value of an entry as a cell, and whether it is a hit.
fn value(
    context: &Context,
    backend: &dyn Backend,
    address: &Address,
    mut lookup: Lookup,
) -> Result<(Cell<'static>, bool)> {
    let value = loop {
        match lookup {
            Lookup::Hit(entry, content) => match read_value(backend, entry.kind, content) {
                // The entry was removed or replaced while earlier values were printed, which may
                // take a while.
                Err(Error::Replaced) => lookup = backend.lookup(address, context.now())?,
                value => break Some(value?),
            },
            Lookup::Damaged(address) => {
                context.warn(&format!("{address} is damaged and counts as a miss"));
                break None;
            }
            Lookup::Foreign(entry, reason) => {
                let address = entry.address;
                context.warn(&format!("{address} counts as a miss: {reason}"));
                break None;
            }
            Lookup::Stale(_) | Lookup::Missing => break None,
        }
    };
    let is_hit = value.is_some();
    let value = value.map_or(Cell::Null, |value| {
        let mut json = Vec::new();
        write_stored(value.kind, &value.bytes, &mut json);
        Cell::Json(fields::text(json).into())
    });
    Ok((value, is_hit))
}
