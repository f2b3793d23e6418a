//! A small operator over a CSV file, whose results `ecache` administers.
//!
//! Reads names of columns from standard input. Prints two results for each column, and whether they
//! were computed:
//!
//! ```console
//! $ cargo run --example operator -- store.db cities.csv --user ann --operator @acme/count \
//! >     --prompt p1 --dataset d1
//! country
//! 3 values, longest "Portugal" (computed, computed)
//! $ ecache --db store.db ls --user ann
//! $ ecache --db store.db clear --operator @acme/count
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ecache_core::execution_cache;
use ecache_core::execution_cache::{Cache, ExecutionContext};
use serde::Serialize;

/// The table as a part of the key: its modification time changes the key when the file changes.
#[derive(Clone, Debug, Serialize)]
struct Table {
    path: PathBuf,
    modified_ms: u128,
}

impl Table {
    fn open(path: PathBuf) -> io::Result<Self> {
        let modified = path.metadata()?.modified()?;
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            path,
            modified_ms: since.as_millis(),
        })
    }

    /// Returns the values of one column, from top to bottom.
    fn column(&self, name: &str) -> Result<Vec<String>, csv::Error> {
        let mut reader = csv::Reader::from_reader(File::open(&self.path)?);
        let index = reader.headers()?.iter().position(|header| header == name);
        let index =
            index.ok_or_else(|| io::Error::other(format!("there is no column {name:?}")))?;
        reader
            .records()
            .map(|record| Ok(record?.get(index).unwrap_or_default().to_owned()))
            .collect()
    }
}

/// Counts each value of a column; cached for an hour, per user and operator.
#[execution_cache(ttl = "1h", operator_scoped, user_scoped)]
fn count_values(
    _ctx: &ExecutionContext,
    table: &Table,
    column: &str,
) -> Result<BTreeMap<String, usize>, csv::Error> {
    let mut counts = BTreeMap::new();
    for value in table.column(column)? {
        *counts.entry(value).or_default() += 1;
    }
    Ok(counts)
}

/// Finds the longest value of a column; cached per operator prompt.
#[execution_cache(prompt_scoped)]
fn longest_value(
    _ctx: &ExecutionContext,
    table: &Table,
    column: &str,
) -> Result<String, csv::Error> {
    let values = table.column(column)?;
    Ok(values
        .into_iter()
        .max_by_key(String::len)
        .unwrap_or_default())
}

/// Parses the command line: the context and the table.
fn arguments(
    mut arguments: impl Iterator<Item = String>,
) -> Result<(ExecutionContext, Table), Box<dyn Error>> {
    const USAGE: &str = "usage: operator STORE CSV [--user|--operator|--prompt|--dataset NAME]...";
    let store = arguments.next().ok_or(USAGE)?;
    let table = Table::open(arguments.next().ok_or(USAGE)?.into())?;
    let mut ctx = ExecutionContext::new(Arc::new(Cache::at(store)));
    while let Some(option) = arguments.next() {
        let name = arguments.next().ok_or(USAGE)?;
        ctx = match option.as_str() {
            "--user" => ctx.with_user(name),
            "--operator" => ctx.with_operator(name),
            "--prompt" => ctx.with_prompt(name),
            "--dataset" => ctx.with_dataset(name),
            _ => return Err(USAGE.into()),
        };
    }
    Ok((ctx, table))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (ctx, table) = arguments(std::env::args().skip(1))?;
    let mut output = io::stdout();
    for column in io::stdin().lock().lines() {
        let column = column?;
        let before = (
            count_values::counters().computations,
            longest_value::counters().computations,
        );
        let counts = count_values(&ctx, &table, &column)?;
        let longest = longest_value(&ctx, &table, &column)?;
        let origin = |before, now| if now > before { "computed" } else { "cached" };
        writeln!(
            output,
            "{} values, longest {longest:?} ({}, {})",
            counts.len(),
            origin(before.0, count_values::counters().computations),
            origin(before.1, longest_value::counters().computations),
        )?;
        output.flush()?;
    }
    Ok(())
}
