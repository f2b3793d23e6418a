//! `ecache get`: the value of one entry.

mod many;

use std::io::{self, BufRead, BufWriter, Write};

use anyhow::Result;
use ecache_core::backend::{Backend, Content, ContentReader, Lookup, read_value};
use ecache_core::command::{ReplayError, replay};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::python_json::Json;
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

use super::shared::address::keys_from::{Line, entries};
use super::shared::address::resolve::store_address;
use super::shared::calls::{Miss, detail_hit, hit, report_miss};
use super::shared::command::args::{refuse_options_of_none, requested};
use super::shared::view::fields;
use crate::cli::{GetArgs, ValueFormat};
use crate::context::Context;
use crate::error::Exit;
use crate::output::{escape, pretty, stdout};

pub(crate) fn run(context: &Context, args: GetArgs) -> Result<Exit> {
    if args.keys_from.is_some() || args.entries_from.is_some() {
        refuse_options_of_none(&args.command.command, args.command.option())?;
    }
    if let Some(file) = &args.keys_from {
        let store = args.entry.store()?;
        let store = store_address(context, store, &args.entry.scope)?;
        return many::run(context, file, Line::key(store, args.null));
    }
    if let Some(file) = &args.entries_from {
        return many::run(context, file, entries(context));
    }
    let format = if args.json {
        ValueFormat::Json
    } else {
        args.format
    };
    let request = requested(context, args.entry, args.command)?;
    let now = context.now();
    let (backend, lookup) = context.look_up_once(&request.address, now)?;
    match lookup {
        Lookup::Hit(entry, content) if !request.contradicts(&entry) => {
            let printed = print(context, backend.as_ref(), &entry, content, format);
            // A reader that went away does not make it less of a hit, a damaged value does.
            if !printed.as_ref().is_err_and(anyhow::Error::is::<Error>) {
                context.count(&[hit(&entry, now)]);
            }
            printed?;
            detail_hit(context, &entry, now);
            tell_of_namesakes(context, backend.as_ref(), &entry, now)?;
            // The process ends, and the kernel closes files in less time than SQLite does.
            std::mem::forget(backend);
            Ok(Exit::Done)
        }
        Lookup::Hit(entry, _) => report_miss(context, &request, Miss::OtherCall(&entry), now),
        Lookup::Stale(entry) => report_miss(context, &request, Miss::Stale(&entry), now),
        Lookup::Missing => report_miss(context, &request, Miss::Missing, now),
        Lookup::Foreign(entry, reason) => Err(Error::ForeignValue {
            address: Box::new(entry.address),
            reason,
        }
        .into()),
        Lookup::Damaged(address) => Err(Error::DamagedEntry {
            address: Box::new(address),
        }
        .into()),
    }
}

/// Warns about other functions of the store that have a result for the same key.
fn tell_of_namesakes(
    context: &Context,
    backend: &dyn Backend,
    entry: &Entry,
    now: Timestamp,
) -> Result<()> {
    let Some(function) = entry
        .function
        .as_ref()
        .filter(|_| entry.kind != Kind::Command)
    else {
        return Ok(());
    };
    let mut address = entry.address.clone();
    while let Some(key) = address.key.next_place() {
        address.key = key;
        let Lookup::Hit(other, _) = backend.lookup_unread(&address, now)? else {
            break;
        };
        if let Some(other) = other.function.as_ref().filter(|other| *other != function) {
            context.warn(&format!(
                "{function} and {other} both have a result for this call; this is the one of {function}, and \
                 that of {other} has the key {}",
                address.key
            ));
        }
    }
    Ok(())
}

/// Prints a value on standard output.
fn print(
    context: &Context,
    backend: &dyn Backend,
    entry: &Entry,
    content: Content,
    format: ValueFormat,
) -> Result<()> {
    let is_terminal = stdout().is_terminal();
    let mut stdout = BufWriter::new(stdout());
    if format == ValueFormat::Json && entry.kind != Kind::Json {
        let value = read_value(backend, entry.kind, content)?;
        stdout.write_all(fields::json(value.kind, &value.bytes).as_bytes())?;
        return Ok(stdout.write_all(b"\n")?);
    }
    if is_terminal {
        // A cached value must not act on the terminal.
        let mut bytes = Vec::new();
        copy(backend, entry.kind, content, &mut bytes)?;
        if entry.kind == Kind::Json
            && let Ok(json) = Json::parse(&bytes)
        {
            let (width, color) = (context.terminal.width.unwrap_or(80), context.terminal.color);
            bytes = pretty(&json, width, color).into_bytes();
            stdout.write_all(&bytes)?;
        } else {
            stdout.write_all(escape::for_terminal(&bytes).as_bytes())?;
        }
        if !bytes.ends_with(b"\n") {
            stdout.write_all(b"\n")?;
        }
    } else {
        // JSON is kept as it came, as from `echo`.
        let ends_line = matches!(&content, Content::Inline(bytes) if bytes.ends_with(b"\n"));
        copy(backend, entry.kind, content, &mut stdout)?;
        if entry.kind == Kind::Json && !ends_line {
            stdout.write_all(b"\n")?;
        }
    }
    Ok(stdout.flush()?)
}

/// Copies a value; of a command, its recorded standard output.
fn copy(backend: &dyn Backend, kind: Kind, content: Content, out: &mut impl Write) -> Result<()> {
    let mut reader = match (kind, content) {
        // Most are small, and in memory already.
        (Kind::Text | Kind::Json | Kind::Bytes, Content::Inline(bytes)) => {
            return Ok(out.write_all(&bytes)?);
        }
        (_, content) => ContentReader::new(backend, content),
    };
    if kind != Kind::Command {
        loop {
            let bytes = reader.fill_buf().map_err(unread)?;
            let count = bytes.len();
            if count == 0 {
                return Ok(());
            }
            out.write_all(bytes)?;
            reader.consume(count);
        }
    }
    match replay(reader, out, &mut io::sink()) {
        Ok(_) => Ok(()),
        Err(ReplayError::Read(error)) => Err(unread(error)),
        // This type distinguishes a closed pipe from other errors.
        Err(ReplayError::Write(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the store's error for a value that could not be read to its end.
fn unread(error: io::Error) -> anyhow::Error {
    match error.downcast::<Error>() {
        Ok(error) => error.into(),
        Err(error) => error.into(),
    }
}
