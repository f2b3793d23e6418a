//! `ecache get --keys-from` and `--entries-from`: the values of many entries, as JSON lines.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, LookedUp, Lookup, read_value};
use ecache_core::error::Error;
use ecache_core::scope::{Address, Scopes};
use ecache_core::time::Timestamp;
use ecache_core::usage::{Event, Outcome};

use super::super::shared::address::keys_from::{Line, Listed};
use super::super::shared::calls::hit;
use super::super::shared::view::fields;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format};

/// Keys that are read before they are looked up: with their answers, 35 MiB in all. Half as many
/// take 12 MiB less and a tenth more instructions, since each batch reads most pages of a store of
/// a hundred thousand again. Of more, the values do not fit.
const BATCH: usize = 32_000;

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
        Line::Key(_) | Line::RawKey(_) => KEY,
        Line::Entry(_) => 0,
    };
    context.expect_misses();
    let mut listed = Listed::open(file, line)?;
    let backend = context.reader()?;
    let now = context.now();
    let mut rows = context.rows(Format::Jsonl, &COLUMNS[first..])?;
    let mut exit = Exit::Done;
    // Fewer where values are large: those that do not fit are looked up in vain.
    let mut most = BATCH;
    loop {
        let addresses = listed.read(BATCH)?;
        if addresses.is_empty() {
            break;
        }
        let mut events = Vec::with_capacity(addresses.len());
        let mut rest = addresses.as_slice();
        while !rest.is_empty() {
            let asked = &rest[..rest.len().min(most)];
            let mut answers = Answers::new(asked.len());
            let done = backend.visit_many(asked, now, &mut |index, found| {
                answers.put(index, found);
            })?;
            most = if done < asked.len() {
                done
            } else {
                most + most / 8 + 1
            };
            let (done, later) = rest.split_at(done);
            let Answers { values, found } = answers;
            for (address, answer) in done.iter().zip(found) {
                let (event, value, found) = match answer {
                    Answer::Hit(hit) => {
                        let value = &values[hit.value.clone()];
                        let event = hit.event(address, now);
                        (event, Cell::Json(value.into()), Exit::Done)
                    }
                    Answer::Other(lookup) => {
                        let event = match &lookup {
                            Lookup::Hit(entry, _) => hit(entry, now),
                            _ => miss(address, now),
                        };
                        let (value, found) = value(context, backend.as_ref(), address, lookup)?;
                        (event, value, found)
                    }
                };
                let is_hit = found == Exit::Done;
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
                if exit != Exit::Damaged && !is_hit {
                    exit = found;
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

/// The answers for a batch of keys, in their order.
struct Answers {
    /// Values as JSON, one behind the other
    values: String,
    found: Vec<Answer>,
}

enum Answer {
    Hit(Hit),
    Other(Lookup),
}

/// The parts of a hit that are printed and counted.
struct Hit {
    /// The place of its value
    value: Range<usize>,
    user: Option<Arc<str>>,
    operator: Option<Arc<str>>,
    written_at: Timestamp,
    cost_ms: Option<u64>,
}

impl Hit {
    fn event(self, address: &Address, now: Timestamp) -> Event {
        let store = address.store.clone();
        Event {
            user: self.user,
            operator: self.operator,
            saved_ms: self.cost_ms.unwrap_or(0),
            key: Some(address.key.clone()),
            written_at: Some(self.written_at),
            ..Event::new(Outcome::Hit, now, store, &Scopes::default())
        }
    }
}

impl Answers {
    fn new(count: usize) -> Self {
        let missing = || Answer::Other(Lookup::Missing);
        Self {
            values: String::new(),
            found: std::iter::repeat_with(missing).take(count).collect(),
        }
    }

    /// Keeps what was found, while it is borrowed.
    fn put(&mut self, index: usize, found: LookedUp<'_>) {
        self.found[index] = match found {
            LookedUp::Hit(hit, value) => {
                let start = self.values.len();
                self.values.push_str(&fields::json(hit.kind, value));
                Answer::Hit(Hit {
                    value: start..self.values.len(),
                    user: hit.user_id.cloned(),
                    operator: hit.operator_uri.cloned(),
                    written_at: hit.written_at,
                    cost_ms: hit.cost_ms,
                })
            }
            LookedUp::Stale => Answer::Other(Lookup::Missing),
            LookedUp::Other(lookup) => Answer::Other(lookup),
        };
    }
}

fn miss(address: &Address, now: Timestamp) -> Event {
    let store = address.store.clone();
    Event::new(Outcome::Miss, now, store, &Scopes::default())
}

/// Returns the value of an entry as a cell, and the exit code of a look-up of it alone.
fn value(
    context: &Context,
    backend: &dyn Backend,
    address: &Address,
    mut lookup: Lookup,
) -> Result<(Cell<'static>, Exit)> {
    let mut exit = Exit::No;
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
                exit = Exit::Damaged;
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
    Ok(match value {
        Some(value) => (Cell::Json(fields::into_json(value).into()), Exit::Done),
        None => (Cell::Null, exit),
    })
}
