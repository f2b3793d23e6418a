//! Operations: who ran them, and how they are described.

use chrono::{DateTime, Local};
use ecache_core::backend::{Cause, Operation, OperationRecord, UndoState};
use ecache_core::python_json::Json;
use ecache_core::secrets::mask_json;
use ecache_core::time::Timestamp;

use crate::commands::shared::view::call_text::shell_line;
use crate::context::Context;
use crate::output::own_command;
use crate::output::{Cell, Column};
use crate::variables::variable;

/// Maximum length of a command line in the log, in characters.
const MOST: usize = 1000;

/// The columns of operations for people.
pub(in crate::commands) const COLUMNS: [Column; 6] = [
    Column::number("op").leading(),
    Column::age("at"),
    Column::number("entries"),
    Column::number("size"),
    Column::whole("undo"),
    Column::free("command"),
];

/// Returns the cells of an operation for people.
pub(in crate::commands) fn cells(operation: &OperationRecord, now: Timestamp) -> [Cell<'_>; 6] {
    [
        Cell::Count(operation.id),
        Cell::Time(operation.at.as_millis()),
        Cell::Count(operation.usage.entries),
        match operation.usage.entries {
            0 => Cell::Null,
            _ => Cell::Size(operation.usage.bytes),
        },
        match operation.undo.at(now) {
            UndoState::Until(time) | UndoState::Through(_, time) => {
                Cell::from(format!("{} left", rounded(now, time)))
            }
            UndoState::Undone(by) => Cell::from(format!("by op {by}")),
            UndoState::Evicted => Cell::from("evicted by a limit"),
            UndoState::Over(_) | UndoState::Impossible => Cell::Null,
        },
        Cell::from(operation.operation.command.as_str()),
    ]
}

/// Describes the running command for the log of operations, without secrets. `filter` says which
/// entries it selects.
pub(in crate::commands) fn this(cause: Cause, filter: String) -> Operation {
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| Json::from(&*word.to_string_lossy()));
    let mut words = Json::Array(words.collect());
    mask_json(&mut words);
    let words = match words {
        Json::Array(words) => words,
        other => vec![other],
    };
    let command = cut(shell_line(&words));
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let user = user.map(|user| user.to_string_lossy().into_owned());
    let of_process = Operation::of_this_process(cause, command, filter);
    Operation {
        user: user.unwrap_or_else(|| of_process.user.clone()),
        ..of_process
    }
}

/// Cuts a command line to the length that the log keeps.
pub(in crate::commands) fn cut(mut command: String) -> String {
    if let Some((end, _)) = command.char_indices().nth(MOST) {
        command.truncate(end);
        command.push('…');
    }
    command
}

/// Prints the time between two moments in its largest unit, as `2m`.
pub(in crate::commands) fn rounded(from: Timestamp, to: Timestamp) -> String {
    let seconds = (to.since(from).as_millis() + 500) / 1000;
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", (seconds + 30) / 60),
        7200..172_800 => format!("{}h", (seconds + 1800) / 3600),
        _ => format!("{}d", (seconds + 43_200) / 86_400),
    }
}

/// Prints a time in the past by its distance, as `2m ago` or `just now`.
pub(in crate::commands) fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at).as_millis() {
        0..1000 => "just now".to_owned(),
        _ => format!("{} ago", rounded(at, now)),
    }
}

/// Names an operation in a sentence, as in `op 5, clear --all, 2m ago`.
pub(in crate::commands) fn named(operation: &OperationRecord, now: Timestamp) -> String {
    let ago = ago(operation.at, now);
    let (id, command) = (operation.id, &operation.operation.command);
    format!("op {id}, {command}, {ago}")
}

/// Returns until when something can be undone, as in `tomorrow 16:30`, in local time.
pub(in crate::commands) fn until(time: Timestamp, now: Timestamp) -> String {
    let local = |time: Timestamp| {
        DateTime::from_timestamp_millis(time.as_millis()).map(|time| time.with_timezone(&Local))
    };
    let (Some(time), Some(now)) = (local(time), local(now)) else {
        return "later".into();
    };
    let clock = time.format("%H:%M");
    match (time.date_naive() - now.date_naive()).num_days() {
        0 => format!("today {clock}"),
        1 => format!("tomorrow {clock}"),
        _ => time.format("%Y-%m-%d %H:%M").to_string(),
    }
}

/// Copies the entries of the store to a file.
pub(in crate::commands) const COPY: &str = "copy @ backup.db";

/// Says on a terminal how to take a removal back, below all else that there is to say.
pub(in crate::commands) fn tell_undo(context: &Context, until_time: Timestamp, now: Timestamp) {
    tell_undo_by(context, &own_command("undo"), "this", until_time, now);
}

/// Prints a tip on a terminal: the command line that undoes a removal, or the part of it that can
/// be undone.
pub(in crate::commands) fn tell_undo_by(
    context: &Context,
    line: &str,
    what: &str,
    until_time: Timestamp,
    now: Timestamp,
) {
    context.summary.set_undo_until(until_time);
    let until = until(until_time, now);
    context.tip_at_end(format!("{line} takes {what} back, until {until}"));
}
