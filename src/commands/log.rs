//! `ecache log`: lists the operations of a store.

use std::io::Write as _;

use anyhow::Result;
use ecache_core::backend::{Backend, Operation, OperationRecord, UndoState};
use ecache_core::filter::{Filter, Pattern};
use ecache_core::time::Timestamp;

use super::shared::changes::operation::{COLUMNS, cells};
use super::shared::filter::note_unknown_names;
use crate::cli::LogArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::escape::for_line;
use crate::output::paint::style::MUTED;
use crate::output::paint::styled;
use crate::output::{Cell, Column, Format, Writer, stdout, wrapped};

/// Width of the space before what `--verbose` adds.
const INDENT: usize = 4;

/// The columns of `--wide`.
const WIDE: [Column; 9] = [
    Column::number("op"),
    Column::age("at"),
    Column::text("user"),
    Column::text("host"),
    Column::number("entries"),
    Column::number("size"),
    Column::whole("undo"),
    Column::text("filter"),
    Column::free("command"),
];

/// The columns for programs.
const EXACT: [Column; 17] = [
    Column::number("op"),
    Column::text("at"),
    Column::text("user"),
    Column::text("host"),
    Column::text("command"),
    Column::text("filter"),
    Column::text("did"),
    Column::number("entries"),
    Column::number("size"),
    Column::number("replaced"),
    Column::number("documents"),
    Column::number("settings"),
    Column::text("undoable"),
    Column::text("undo_until"),
    Column::number("undone_by"),
    Column::number("undoes"),
    Column::text("not_undoable"),
];

pub(crate) fn run(context: &Context, args: LogArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let now = context.now();
    if !backend.logs_operations() && context.has_store()? {
        context.note("this store has no log of operations");
        return Ok(Exit::Done);
    }
    let since = args
        .since
        .map(|moment| Timestamp::from_millis(moment.resolve(now.as_millis())));
    let operations = backend.operations()?;
    let limit = usize::try_from(args.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let mut meant = Vec::new();
    for operation in &operations {
        let is_in_time = since.is_none_or(|since| operation.at >= since);
        if meant.len() < limit
            && is_in_time
            && is_of_store(backend.as_ref(), operation, &operations, &args.store)?
        {
            meant.push(operation);
        }
    }
    let format = context.format(args.format.chosen());
    let is_table = format == Format::Table;
    let is_empty = meant.is_empty();
    if is_table && context.verbose && !args.wide {
        print_details(context, &meant, now)?;
    } else {
        let columns: &[Column] = match (is_table, args.wide) {
            (false, _) => &EXACT,
            (true, true) => &WIDE,
            (true, false) => &COLUMNS,
        };
        let mut rows = if args.wide {
            context.wide_rows(format, columns)?
        } else {
            context.rows(format, columns)?
        };
        for operation in meant {
            match (is_table, args.wide) {
                (false, _) => rows.row(&exact(operation, now))?,
                (true, true) => rows.row(&wide(operation, now))?,
                (true, false) => rows.row(&cells(operation, now))?,
            }
        }
        rows.finish()?;
    }
    note_unknown_stores(context, backend.as_ref(), &operations, &args.store)?;
    if is_empty && context.tells_absence() && context.terminal.stderr_is_terminal {
        context.note(if operations.is_empty() {
            "nothing was removed or changed yet"
        } else {
            "no operation matches"
        });
    }
    Ok(Exit::Done)
}

/// Warns about stores that do not exist and that no operation changed.
fn note_unknown_stores(
    context: &Context,
    backend: &dyn Backend,
    operations: &[OperationRecord],
    names: &[String],
) -> Result<()> {
    let mut unknown = Filter::default();
    for name in names {
        let mut is_changed = false;
        for operation in operations {
            let name = std::slice::from_ref(name);
            is_changed |= is_of_store(backend, operation, operations, name)?;
            if is_changed {
                break;
            }
        }
        if !is_changed {
            unknown.stores.push(Pattern::exact(name));
        }
    }
    note_unknown_names(context, backend, &unknown)
}

/// Reports whether an operation changed one of these stores, or none is named. An undo belongs to
/// the stores of the operation that it undid, wherever their entries are now.
fn is_of_store(
    backend: &dyn Backend,
    operation: &OperationRecord,
    operations: &[OperationRecord],
    names: &[String],
) -> Result<bool> {
    if names.is_empty() {
        return Ok(true);
    }
    let is_undone = |one: &&OperationRecord| operation.undoes == Some(one.id);
    if let Some(undone) = operations.iter().find(is_undone)
        && is_of_store(backend, undone, operations, names)?
    {
        return Ok(true);
    }
    let stores = backend.operation_stores(operation.id)?;
    let is_changed = |name: &String| stores.iter().any(|store| *store.store_name == **name);
    if !stores.is_empty() {
        return Ok(names.iter().any(is_changed));
    }
    // Where no stores are recorded, the command line alone tells them.
    let command = &operation.operation.command;
    let is_named = |name: &String| command.split([' ', '\'', '"']).any(|word| word == name);
    Ok(names.iter().any(is_named))
}

/// Prints each operation with a line of its own for who did it, and to which entries.
fn print_details(context: &Context, operations: &[&OperationRecord], now: Timestamp) -> Result<()> {
    let mut table = Vec::new();
    let mut rows = Writer::new(Format::Table, &COLUMNS, &mut table, &context.terminal)?;
    for operation in operations {
        rows.row(&cells(operation, now))?;
    }
    rows.finish()?;
    let table = String::from_utf8_lossy(&table);
    let mut lines = table.lines();
    let mut out = stdout();
    if let Some(header) = lines.next() {
        writeln!(out, "{header}")?;
    }
    let width = context.terminal.width.unwrap_or(usize::MAX);
    let width = width.saturating_sub(INDENT).max(INDENT);
    for (line, operation) in lines.zip(operations) {
        writeln!(out, "{line}")?;
        let Operation {
            user, host, filter, ..
        } = &operation.operation;
        let by = format!("by {user} on {host}");
        let details = match filter.as_str() {
            "" => by,
            filter => format!("{by}: {filter}"),
        };
        let details = if context.terminal.stdout_is_terminal {
            for_line(&details).into_owned()
        } else {
            details
        };
        for line in wrapped(&details, width) {
            let line = styled(&line, MUTED, context.terminal.color);
            writeln!(out, "{:INDENT$}{line}", "")?;
        }
    }
    Ok(out.flush()?)
}

fn wide(operation: &OperationRecord, now: Timestamp) -> Vec<Cell<'_>> {
    let Operation {
        user, host, filter, ..
    } = &operation.operation;
    let [op, at, entries, size, undo, command] = cells(operation, now);
    let (user, host) = (Cell::from(user.as_str()), Cell::from(host.as_str()));
    let filter = Cell::from(filter.as_str());
    vec![op, at, user, host, entries, size, undo, filter, command]
}

fn exact(operation: &OperationRecord, now: Timestamp) -> [Cell<'_>; 17] {
    let number = |number: Option<u64>| number.map_or(Cell::Null, Cell::Count);
    let undo = operation.undo.at(now);
    let until = undo.until();
    let undone_by = match undo {
        UndoState::Undone(by) => Some(by),
        _ => None,
    };
    [
        Cell::Count(operation.id),
        Cell::Time(operation.at.as_millis()),
        Cell::from(operation.operation.user.as_str()),
        Cell::from(operation.operation.host.as_str()),
        Cell::from(operation.operation.command.as_str()),
        Cell::from(operation.operation.filter.as_str()),
        Cell::from(operation.effect.as_str()),
        Cell::Count(operation.usage.entries),
        Cell::Size(operation.usage.bytes),
        Cell::Count(operation.replaced.entries),
        Cell::Count(operation.documents),
        Cell::Count(operation.settings),
        Cell::Bool(until.is_some()),
        until.map_or(Cell::Null, |until| Cell::Time(until.as_millis())),
        number(undone_by),
        number(operation.undoes),
        match undo {
            UndoState::Until(_) | UndoState::Through(..) => Cell::Null,
            UndoState::Over(_) => Cell::from("over"),
            UndoState::Undone(_) => Cell::from("undone"),
            UndoState::Evicted => Cell::from("evicted"),
            UndoState::Impossible => Cell::from("not kept"),
        },
    ]
}
