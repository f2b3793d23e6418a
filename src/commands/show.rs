//! `ecache show`: everything known of one entry.

use std::io::Write;

use anyhow::Result;
use ecache_core::backend::{Lookup, Row, Scan, Values, read_value};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern};

use super::shared::command_args::meant_entries;
use super::shared::entry_view;
use super::shared::fields::{self, Field};
use super::shared::pasted::{Accept, whole_entry};
use super::shared::resolve::{Request, note_missing};
use crate::cli::ShowArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format, Secrets, stdout};

pub(crate) fn run(context: &Context, args: ShowArgs) -> Result<Exit> {
    context.fold_usage();
    let backend = context.reader()?;
    let now = context.now();
    let request = if args.command.command.is_empty() {
        let entry = whole_entry(context, backend.as_ref(), args.entry, Accept::Digits)?;
        Request::new(context, entry)?
    } else {
        let [own, beside] = meant_entries(context, &args.command, &args.entry.scope)?;
        let is_missing = |request: &Request| -> Result<bool> {
            let lookup = backend.lookup_unread(&request.address, now)?;
            Ok(matches!(lookup, Lookup::Missing))
        };
        if is_missing(&own)? && !is_missing(&beside)? {
            beside
        } else {
            own
        }
    };
    // Also what a reader would not get: an expired entry is shown as such.
    let filter = Filter {
        keys: vec![Pattern::exact(request.address.key.as_str())],
        ..Filter::store(&request.address.store)
    };
    let scan = Scan {
        values: Values::Include,
        ..Scan::new(filter)
    };
    let (entry, content, foreign) = match backend.scan(&scan, now)?.next().transpose()? {
        Some(Row::Entry(entry, Some(content))) if !request.contradicts(&entry) => {
            (*entry, Some(content), None)
        }
        Some(Row::Foreign(foreign)) if !request.contradicts(&foreign.entry) => {
            (foreign.entry, foreign.content, Some(foreign.reason))
        }
        Some(Row::Entry(..) | Row::Foreign(_)) | None => {
            note_missing(context, backend.as_ref(), &request.address)?;
            return Ok(Exit::No);
        }
        Some(Row::Damaged(address)) => {
            return Err(Error::DamagedEntry {
                address: Box::new(address),
            }
            .into());
        }
    };
    let format = context.format(args.format);
    let secrets = Secrets::from(args.reveal);
    let whole = content.map(|content| read_value(backend.as_ref(), entry.kind, content));
    let whole = whole.transpose()?;
    if format == Format::Table {
        let text = entry_view::text(context, &entry, whole.as_ref(), secrets, now);
        stdout().write_all(text.as_bytes())?;
        note_foreign(context, foreign.as_deref());
        return Ok(Exit::Done);
    }
    let value = whole.as_ref().map(fields::json);
    let datasets = context.datasets()?;
    let all = Field::ALL.into_iter();
    let fields: Vec<Field> = all.filter(|field| field.is_known(&datasets)).collect();
    let cell = |field: Field| field.cell(&entry, value.as_deref(), &datasets, secrets);
    // One object to a program, one line a field to a person.
    if matches!(format, Format::Json | Format::Jsonl) {
        let columns: Vec<Column> = fields.iter().map(|field| field.column()).collect();
        let cells: Vec<Cell<'_>> = fields.into_iter().map(cell).collect();
        let mut rows = context.rows(format, &columns)?;
        rows.row(&cells)?;
        rows.finish()?;
        return Ok(Exit::Done);
    }
    let columns = [Column::whole("field"), Column::text("value")];
    let mut rows = context.rows(format, &columns)?;
    for field in fields {
        rows.row(&[Cell::from(field.name()), cell(field)])?;
    }
    rows.finish()?;
    note_foreign(context, foreign.as_deref());
    if !entry.is_fresh(now) {
        context.note("the entry is not fresh: readers do not get it");
    }
    Ok(Exit::Done)
}

/// Says of another program's entry why it is left alone.
fn note_foreign(context: &Context, reason: Option<&str>) {
    if let Some(reason) = reason {
        context.note(&format!(
            "the entry stays where it is, and is not exported: {reason}"
        ));
    }
}
