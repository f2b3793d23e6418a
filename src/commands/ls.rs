//! `ecache ls`: lists entries.

use anyhow::Result;
use ecache_core::backend::{Direction, Row, Scan, Sort, Values, read_value};

use super::shared::collections::note_elsewhere;
use super::shared::deletion::entries;
use super::shared::fields::{self, Field};
use super::shared::filter::{Unless, filter, note_unknown_datasets};
use crate::cli::LsArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format, Secrets};

pub(crate) fn run(context: &Context, args: LsArgs) -> Result<Exit> {
    let now = context.now();
    let format = context.format(args.format);
    // JSON is for programs, which want to see all there is.
    let datasets = context.datasets()?;
    let mut fields = match (format, args.fields.as_slice()) {
        (Format::Json | Format::Jsonl, []) => fields::parse(&["all".into()], &datasets)?,
        (_, names) => fields::parse(names, &datasets)?,
    };
    if args.fields.is_empty() && context.may_mix_collections() {
        fields::add_collection(&mut fields);
    }
    let values = if fields.contains(&Field::Value) {
        Values::Include
    } else {
        Values::Omit
    };
    let scan = Scan {
        filter: filter(context, &args.filter, Unless::AnyPolicy, now)?,
        sort: args.sort.map_or(Sort::Stored, Sort::from),
        direction: if args.reverse {
            Direction::Descending
        } else {
            Direction::Ascending
        },
        limit: args.limit,
        values,
    };
    let backend = context.reader()?;
    let secrets = Secrets::from(args.reveal);
    let columns: Vec<Column> = fields.iter().map(|field| field.column()).collect();
    let mut rows = context.rows(format, &columns)?;
    let (mut count, mut damaged, mut foreign) = (0_u64, 0_u64, 0_u64);
    for row in backend.scan(&scan, now)? {
        let (entry, content) = match row? {
            Row::Entry(entry, content) => (*entry, content),
            Row::Foreign(found) => {
                foreign += 1;
                (found.entry, found.content)
            }
            Row::Damaged(address) => {
                damaged += 1;
                context.warn(&format!("{address} is damaged and left out"));
                continue;
            }
        };
        let value = match content {
            Some(content) => {
                let value = read_value(backend.as_ref(), entry.kind, content)?;
                Some(fields::json(&value))
            }
            None => None,
        };
        let cells: Vec<Cell<'_>> = fields
            .iter()
            .map(|field| field.cell(&entry, value.as_deref(), &datasets, secrets))
            .collect();
        rows.row(&cells)?;
        count += 1;
    }
    rows.finish()?;
    if foreign > 0 {
        context.note(&format!(
            "of {}, something is another program's: `ecache doctor` says what",
            entries(foreign)
        ));
    }
    note_unknown_datasets(context, backend.as_ref(), &scan.filter)?;
    note_elsewhere(context, backend.as_ref(), &scan.filter.into(), now)?;
    if count == 0 && context.terminal.stdout_is_terminal {
        context.note("no entries");
    }
    Ok(match damaged {
        0 => Exit::Done,
        _ => Exit::Damaged,
    })
}
