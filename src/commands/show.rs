//! `ecache show`: everything known of one entry.

use std::io::Write;

use anyhow::Result;
use ecache_core::backend::{Backend, Values, read_value};
use ecache_core::entry::Entry;
use ecache_core::time::Timestamp;
use ecache_core::value::{Kind, Value};

use super::shared::address::abbreviated::whole_entry;
use super::shared::address::cut_name::Accept;
use super::shared::address::resolve::{Request, note_missing, note_other_call};
use super::shared::command::args::{key_behind_dashes, meant_entry, refuse_options_of_none};
use super::shared::view::entry::{self, StoredEntry};
use super::shared::view::fields::{self, Field};
use crate::cli::ShowArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::escape::shell;
use crate::output::own_command;
use crate::output::{Format, Secrets, stdout};

pub(crate) fn run(context: &Context, mut args: ShowArgs) -> Result<Exit> {
    let (entry, words) = (&mut args.entry, &mut args.command.command);
    key_behind_dashes(&mut entry.store, &mut entry.key, words)?;
    refuse_options_of_none(&args.command.command, args.command.option())?;
    context.fold_usage();
    let backend = context.reader()?;
    let request = if args.command.command.is_empty() {
        let entry = whole_entry(context, backend.as_ref(), args.entry, Accept::Shown)?;
        Request::new(context, entry)?
    } else {
        meant_entry(context, backend.as_ref(), &args.command, &args.entry.scope)?
    };
    let Some(found) = find(context, backend.as_ref(), &request, context.now())? else {
        return Ok(Exit::No);
    };
    let format = context.format(args.format.chosen());
    let secrets = Secrets::from(args.reveal);
    if format == Format::Table {
        found.print_for_people(context, secrets, args.all)?;
    } else {
        found.print_fields(context, secrets, format)?;
    }
    if matches!(format, Format::Json | Format::Jsonl) {
        return Ok(Exit::Done);
    }
    if let Some(reason) = &found.foreign {
        context.note(&format!(
            "the entry stays where it is, and is not exported: {reason}"
        ));
    }
    if format != Format::Table && !found.entry.is_fresh(found.now) {
        context.note("the entry is not fresh: readers do not get it");
    }
    Ok(Exit::Done)
}

/// An entry that is shown.
struct Found {
    entry: Entry,
    value: Option<Value>,
    /// The reason why another program's entry is left alone
    foreign: Option<String>,
    /// The time at which it was looked up
    now: Timestamp,
}

/// Finds the requested entry, also one that a reader would not get: an expired entry is shown as
/// such. Says so if there is none.
fn find(
    context: &Context,
    backend: &dyn Backend,
    request: &Request,
    now: Timestamp,
) -> Result<Option<Found>> {
    let stored = entry::find(backend, &request.address, Values::Include, now)?;
    let stored = stored.filter(|stored| stored.content.is_some() || stored.foreign.is_some());
    let Some(StoredEntry {
        entry,
        content,
        foreign,
    }) = stored
    else {
        note_missing(context, backend, &request.address)?;
        return Ok(None);
    };
    if request.contradicts(&entry) {
        note_other_call(context, &entry.address);
        return Ok(None);
    }
    let value = content.map(|content| read_value(backend, entry.kind, content));
    Ok(Some(Found {
        value: value.transpose()?,
        entry,
        foreign,
        now,
    }))
}

impl Found {
    /// Prints what fits on the screen, or `all`.
    fn print_for_people(&self, context: &Context, secrets: Secrets, all: bool) -> Result<()> {
        let (entry, value) = (&self.entry, self.value.as_ref());
        let text = entry::text(context, entry, value, secrets, self.now);
        let height = context.screen_height().filter(|_| !all);
        let (shown, rest) = entry::screens(&text, height);
        stdout().write_all(shown.as_bytes())?;
        if let Some(rest) = rest {
            let line = get_line(entry);
            context.footer(&format!("{rest}: --all prints them, {line} the value"));
        } else if entry.kind == Kind::Bytes && is_cut(value) {
            context.tip(&format!("{} > FILE writes all of it", get_line(entry)));
        }
        Ok(())
    }

    fn print_fields(&self, context: &Context, secrets: Secrets, format: Format) -> Result<()> {
        let value = self.value.as_ref();
        let value = value.map(|value| fields::json(value.kind, &value.bytes));
        let datasets = context.datasets()?;
        let fields = Field::ALL
            .into_iter()
            .filter(|field| field.is_known(&datasets))
            .map(|field| {
                let cell = field.cell(&self.entry, value.as_deref(), &datasets, secrets, self.now);
                (field.column(), cell)
            });
        Ok(context.record(format, fields.collect())?)
    }
}

/// Reports whether the bytes of a value are shown in part.
fn is_cut(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.bytes.len() > entry::DUMPED && entry::is_binary(value))
}

/// Returns the command that prints the value of an entry.
fn get_line(entry: &Entry) -> String {
    let store = shell(&entry.address.store.store_name);
    let mut line = format!("get {store} {}", shell(entry.address.key.as_str()));
    if let Some(dataset) = &entry.address.store.dataset_id {
        line.push_str(&format!(" --dataset {}", shell(dataset)));
    }
    own_command(&line)
}
