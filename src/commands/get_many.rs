//! `ecache get --keys-from`: the values of many entries, as JSON lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Lookup, Use, read_value};
use ecache_core::error::Error;
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::value::write_stored;

use super::get::record;
use super::shared::fields;
use super::shared::resolve::parse_key;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format, Writer, stdin, unescape};

/// Keys that are read before they are looked up.
const BATCH: usize = 4096;

const COLUMNS: [Column; 3] = [
    Column::text("key"),
    Column::text("hit"),
    Column::text("value"),
];

/// Looks up each line as a key, written as `ls` writes it to a pipe.
pub(super) fn run(context: &Context, store: &StoreAddress, file: &Path) -> Result<Exit> {
    let input: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(BufReader::new(stdin()))
    } else {
        let attempt = || format!("cannot read keys from {}", file.display());
        Box::new(BufReader::new(File::open(file).with_context(attempt)?))
    };
    let backend = context.reader()?;
    let now = context.now();
    let mut rows = context.rows(Format::Jsonl, &COLUMNS)?;
    let mut exit = Exit::Done;
    let mut uses = Vec::new();
    let mut lines = (1_u64..).zip(input.lines());
    loop {
        let addresses = addresses(store, &mut lines.by_ref().take(BATCH))?;
        if addresses.is_empty() {
            break;
        }
        let mut rest = addresses.as_slice();
        while !rest.is_empty() {
            let lookups = backend.lookup_many(rest, now)?;
            let (done, later) = rest.split_at(lookups.len());
            for (address, lookup) in done.iter().zip(lookups) {
                if let Lookup::Hit(entry, _) = &lookup {
                    uses.extend(Use::due(entry, now));
                }
                if !print(context, backend.as_ref(), &mut rows, address, lookup)? {
                    exit = Exit::No;
                }
            }
            rest = later;
        }
    }
    rows.finish()?;
    record(context, &uses);
    Ok(exit)
}

/// Parses the keys of some lines; empty lines are skipped.
fn addresses(
    store: &StoreAddress,
    lines: &mut dyn Iterator<Item = (u64, io::Result<String>)>,
) -> Result<Vec<Address>> {
    let mut addresses = Vec::new();
    for (number, line) in lines {
        let line = line.context("cannot read keys")?;
        if !line.is_empty() {
            let key = parse_key(&unescape(&line));
            let key = key.with_context(|| format!("line {number} of the keys"))?;
            addresses.push(store.entry(key));
        }
    }
    Ok(addresses)
}

/// Prints `{"key": …, "hit": …, "value": …}`, and reports whether it is a hit.
fn print(
    context: &Context,
    backend: &dyn Backend,
    rows: &mut Writer<'_>,
    address: &Address,
    mut lookup: Lookup,
) -> Result<bool> {
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
    rows.row(&[Cell::from(address.key.as_str()), Cell::Bool(is_hit), value])?;
    Ok(is_hit)
}
