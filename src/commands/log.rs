//! `ecache log`: lists what was done to a store.

use anyhow::Result;
use ecache_core::backend::{OperationRecord, UndoState};
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

/// The columns for programs.
const EXACT: [Column; 10] = [
    Column::number("op"),
    Column::text("at"),
    Column::text("user"),
    Column::text("command"),
    Column::number("entries"),
    Column::number("size"),
    Column::number("documents"),
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
    let is_short = format == Format::Table;
    let columns: &[Column] = if is_short { &SHORT } else { &EXACT };
    let mut rows = context.rows(format, columns)?;
    let mut is_empty = true;
    for operation in operations {
        is_empty = false;
        if is_short {
            rows.row(&short(operation, now))?;
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

fn short(operation: &OperationRecord, now: Timestamp) -> [Cell<'_>; 6] {
    let undo = match operation.undo {
        UndoState::Until(time) => Cell::from(format!("{} left", rounded(now, time))),
        UndoState::Undone(by) => Cell::from(format!("by op {by}")),
        UndoState::Impossible => Cell::Null,
    };
    [
        Cell::Count(operation.id),
        Cell::Time(operation.at.as_millis()),
        Cell::Count(operation.usage.entries),
        Cell::Size(operation.usage.bytes),
        undo,
        Cell::from(operation.operation.command.as_str()),
    ]
}

fn exact(operation: &OperationRecord) -> [Cell<'_>; 10] {
    let number = |number: Option<u64>| number.map_or(Cell::Null, Cell::Count);
    let (until, undone_by) = match operation.undo {
        UndoState::Until(time) => (Cell::Time(time.as_millis()), None),
        UndoState::Undone(by) => (Cell::Null, Some(by)),
        UndoState::Impossible => (Cell::Null, None),
    };
    [
        Cell::Count(operation.id),
        Cell::Time(operation.at.as_millis()),
        Cell::from(operation.operation.user.as_str()),
        Cell::from(operation.operation.command.as_str()),
        Cell::Count(operation.usage.entries),
        Cell::Size(operation.usage.bytes),
        Cell::Count(operation.documents),
        until,
        number(undone_by),
        number(operation.undoes),
    ]
}
