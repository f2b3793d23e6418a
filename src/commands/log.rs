//! `ecache log`: lists what was done to a store.

use anyhow::Result;
use ecache_core::backend::{Did, Operation, OperationRecord, UndoState};
use ecache_core::time::Timestamp;

use super::shared::operation::rounded;
use crate::cli::LogArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format};

/// The columns for people.
const SHORT: [Column; 6] = [
    Column::number("op"),
    Column::age("at"),
    Column::number("entries"),
    Column::number("size"),
    Column::whole("undo"),
    Column::free("command"),
];

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
const EXACT: [Column; 16] = [
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
];

pub(crate) fn run(context: &Context, args: LogArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let now = context.now();
    if !backend.keeps_operations() {
        context.note("this store has no log of operations");
        return Ok(Exit::Done);
    }
    let since = args
        .since
        .map(|moment| Timestamp::from_millis(moment.resolve(now.as_millis())));
    let operations = backend.operations()?;
    let operations = operations
        .iter()
        .filter(|operation| since.is_none_or(|since| operation.at >= since))
        .take(usize::try_from(args.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX));
    let format = context.format(args.format);
    let is_table = format == Format::Table;
    let columns: &[Column] = match (is_table, args.wide) {
        (false, _) => &EXACT,
        (true, true) => &WIDE,
        (true, false) => &SHORT,
    };
    let mut rows = if args.wide {
        context.wide_rows(format, columns)?
    } else {
        context.rows(format, columns)?
    };
    let mut is_empty = true;
    for operation in operations {
        is_empty = false;
        if is_table {
            rows.row(&for_people(operation, now, args.wide))?;
        } else {
            rows.row(&exact(operation))?;
        }
    }
    rows.finish()?;
    if is_empty && context.terminal.stdout_is_terminal {
        context.note("nothing was removed or changed yet");
    }
    Ok(Exit::Done)
}

fn for_people(operation: &OperationRecord, now: Timestamp, is_wide: bool) -> Vec<Cell<'_>> {
    let undo = match operation.undo {
        UndoState::Until(time) => Cell::from(format!("{} left", rounded(now, time))),
        UndoState::Undone(by) => Cell::from(format!("by op {by}")),
        UndoState::Impossible => Cell::Null,
    };
    let Operation {
        user,
        host,
        command,
        filter,
        ..
    } = &operation.operation;
    let text = |text: &'_ String| Cell::from(text.clone());
    let mut cells = vec![
        Cell::Count(operation.id),
        Cell::Time(operation.at.as_millis()),
    ];
    if is_wide {
        cells.extend([text(user), text(host)]);
    }
    cells.extend([
        Cell::Count(operation.usage.entries),
        Cell::Size(operation.usage.bytes),
        undo,
    ]);
    if is_wide {
        cells.push(text(filter));
    }
    cells.push(text(command));
    cells
}

fn exact(operation: &OperationRecord) -> [Cell<'_>; 16] {
    let number = |number: Option<u64>| number.map_or(Cell::Null, Cell::Count);
    let (until, undone_by) = match operation.undo {
        UndoState::Until(time) => (Cell::Time(time.as_millis()), None),
        UndoState::Undone(by) => (Cell::Null, Some(by)),
        UndoState::Impossible => (Cell::Null, None),
    };
    let did = match operation.did {
        Did::Removed => "removed",
        Did::Restored => "restored",
        Did::Imported => "imported",
        Did::Touched => "touched",
        Did::Renamed => "renamed",
        Did::Set => "set",
    };
    let is_undoable = matches!(operation.undo, UndoState::Until(_));
    [
        Cell::Count(operation.id),
        Cell::Time(operation.at.as_millis()),
        Cell::from(operation.operation.user.as_str()),
        Cell::from(operation.operation.host.as_str()),
        Cell::from(operation.operation.command.as_str()),
        Cell::from(operation.operation.filter.as_str()),
        Cell::from(did),
        Cell::Count(operation.usage.entries),
        Cell::Size(operation.usage.bytes),
        Cell::Count(operation.replaced.entries),
        Cell::Count(operation.documents),
        Cell::Count(operation.settings),
        Cell::Bool(is_undoable),
        until,
        number(undone_by),
        number(operation.undoes),
    ]
}
