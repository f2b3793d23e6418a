//! `ecache show`: everything known of one entry.

use std::io::Write;

use anyhow::Result;
use ecache_core::backend::{Row, Scan, Values, read_value};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern};
use ecache_core::value::{Kind, Value};

use super::shared::address::abbreviated::whole_entry;
use super::shared::address::cut_name::Accept;
use super::shared::address::resolve::{Request, note_missing, note_other_call};
use super::shared::command::args::{key_behind_dashes, meant_entry, refuse_options_of_none};
use super::shared::view::entry;
use super::shared::view::fields::{self, Field};
use crate::cli::ShowArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::escape::shell;
use crate::output::{Format, Secrets, stdout};

pub(crate) fn run(context: &Context, mut args: ShowArgs) -> Result<Exit> {
    let (entry, words) = (&mut args.entry, &mut args.command.command);
    key_behind_dashes(&mut entry.store, &mut entry.key, words)?;
    refuse_options_of_none(&args.command.command, args.command.option())?;
    context.fold_usage();
    let backend = context.reader()?;
    let now = context.now();
    let request = if args.command.command.is_empty() {
        let entry = whole_entry(context, backend.as_ref(), args.entry, Accept::Shown)?;
        Request::new(context, entry)?
    } else {
        meant_entry(context, backend.as_ref(), &args.command, &args.entry.scope)?
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
        Some(Row::Entry(entry, Some(_))) => {
            note_other_call(context, &entry.address);
            return Ok(Exit::No);
        }
        Some(Row::Foreign(foreign)) => {
            note_other_call(context, &foreign.entry.address);
            return Ok(Exit::No);
        }
        Some(Row::Entry(_, None)) | None => {
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
    let format = context.format(args.format.chosen());
    let secrets = Secrets::from(args.reveal);
    let whole = content.map(|content| read_value(backend.as_ref(), entry.kind, content));
    let whole = whole.transpose()?;
    if format == Format::Table {
        let text = entry::text(context, &entry, whole.as_ref(), secrets, now);
        let height = context.screen_height().filter(|_| !args.all);
        let (shown, rest) = entry::screens(&text, height);
        stdout().write_all(shown.as_bytes())?;
        if let Some(rest) = rest {
            let all = get_line(&entry);
            context.footer(&format!("{rest}: --all prints them, {all} the value"));
        } else if entry.kind == Kind::Bytes && is_cut(whole.as_ref()) {
            context.tip(&format!("{} > FILE writes all of it", get_line(&entry)));
        }
        note_foreign(context, foreign.as_deref());
        return Ok(Exit::Done);
    }
    let value = whole.as_ref();
    let value = value.map(|value| fields::json(value.kind, &value.bytes));
    let datasets = context.datasets()?;
    let fields = Field::ALL
        .into_iter()
        .filter(|field| field.is_known(&datasets))
        .map(|field| {
            let cell = field.cell(&entry, value.as_deref(), &datasets, secrets, now);
            (field.column(), cell)
        });
    context.record(format, fields.collect())?;
    if matches!(format, Format::Json | Format::Jsonl) {
        return Ok(Exit::Done);
    }
    note_foreign(context, foreign.as_deref());
    if !entry.is_fresh(now) {
        context.note("the entry is not fresh: readers do not get it");
    }
    Ok(Exit::Done)
}

/// Reports whether the bytes of a value are shown in part.
fn is_cut(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.bytes.len() > entry::DUMPED && entry::is_binary(value))
}

/// Returns the command that prints the value of an entry.
fn get_line(entry: &Entry) -> String {
    let store = shell(&entry.address.store.store_name);
    let mut line = format!("ecache get {store} {}", shell(entry.address.key.as_str()));
    if let Some(dataset) = &entry.address.store.dataset_id {
        line.push_str(&format!(" --dataset {}", shell(dataset)));
    }
    line
}

/// Says of another program's entry why it is left alone.
fn note_foreign(context: &Context, reason: Option<&str>) {
    if let Some(reason) = reason {
        context.note(&format!(
            "the entry stays where it is, and is not exported: {reason}"
        ));
    }
}
