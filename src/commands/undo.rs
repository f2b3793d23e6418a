//! `ecache undo`: undoes an operation.

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, Effect, Undone};
use ecache_core::error::Error;

use super::shared::changes::deletion::{Run, Verb, run_batches};
use super::shared::changes::operation::{COPY, named, this, until};
use super::shared::changes::undo_text::{describe, left};
use crate::cli::UndoArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::Cell;
use crate::output::own_command;

const RESTORE: Verb<'_> = Verb {
    doing: "restoring",
    done: "restored",
    would: "would restore",
    detail: None,
};

pub(crate) fn run(context: &Context, args: UndoArgs) -> Result<Exit> {
    let run = Run::from(args.dry_run);
    if !context.has_store()? {
        let (path, _) = context.location()?;
        let missing = Error::Missing { path };
        context.absent(&format!("there is nothing to undo: {missing}"), None);
        return Ok(Exit::No);
    }
    let backend = context.remover().map_err(|error| of_run(error, run))?;
    let now = context.now();
    if !backend.keeps_for_undo() {
        return refuse(context, backend.as_ref(), args.operation);
    }
    let operation = this(Cause::Removed, String::new());
    let undone = match run {
        Run::Dry => backend
            .rehearse_undo(args.operation, &operation, now)
            .map_err(|error| of_run(error.into(), run))?,
        Run::Wet => run_batches(context, RESTORE, |progress| {
            backend.undo(args.operation, &operation, now, progress)
        })?,
    };
    if args.summary.is_json() {
        return print(context, &undone, run);
    }
    let word = describe(&undone, run);
    let meant = named(&undone.undone, now);
    let possible = match (run, undone.undone.undo.until()) {
        (Run::Dry, Some(time)) => format!(", possible until {}", until(time, now)),
        _ => String::new(),
    };
    context.note(&format!("{word}: {meant}{possible}"));
    for note in left(&undone, run) {
        context.note(&note);
    }
    if run == Run::Wet {
        let id = undone.operation;
        let undo = own_command(&format!("undo {id}"));
        context.tip(&format!("this is op {id}; {undo} takes it back"));
    }
    Ok(Exit::Done)
}

/// Prints the effect of an undo as one object.
fn print(context: &Context, undone: &Undone, run: Run) -> Result<Exit> {
    let fields = [
        ("operation", Cell::from("undo")),
        ("dry_run", Cell::Bool(run == Run::Dry)),
        ("entries", Cell::Count(undone.usage.entries)),
        ("bytes", Cell::Size(undone.usage.bytes)),
        ("replaced", Cell::Count(undone.replaced.entries)),
        ("stores", Cell::Count(undone.documents)),
        ("settings", Cell::Count(undone.settings)),
        ("undone", Cell::Count(undone.undone.id)),
        ("newer", Cell::Count(undone.newer)),
        ("gone", Cell::Count(undone.gone)),
        ("damaged", Cell::Count(undone.damaged)),
        ("evicted", Cell::Count(undone.evicted)),
    ];
    if run == Run::Dry {
        context.object(fields)?;
    } else {
        let done = format!("operation {} is undone", undone.undone.id);
        context.report_done(&done, fields)?;
    }
    Ok(Exit::Done)
}

/// Says why a dry run needs a permission to write, if that is missing.
fn of_run(error: anyhow::Error, run: Run) -> anyhow::Error {
    match error.downcast_ref::<Error>() {
        Some(Error::Permission { .. }) if run == Run::Dry => {
            error.context("cannot try the undo, which writes to the store and takes that back")
        }
        _ => error,
    }
}

/// Says that a store keeps nothing for undo, and how to have a copy instead.
fn refuse(context: &Context, backend: &dyn Backend, which: Option<u64>) -> Result<Exit> {
    let operations = backend.operations()?;
    let mut meant = operations
        .iter()
        .filter(|one| which.is_none_or(|which| one.id == which));
    let message = match (meant.next(), which) {
        (Some(operation), _) => {
            let what = match operation.effect {
                Effect::Removed => "removal",
                _ => "change",
            };
            let operation = named(operation, context.now());
            let why = format!("FiftyOne sees each {what} at once");
            format!("{operation}, cannot be taken back: {why}")
        }
        (None, Some(id)) => format!("operation {id} is not in the log"),
        (None, None) => "there is nothing to undo: no operation is logged".into(),
    };
    let copy = own_command(COPY);
    context.absent(&message, Some(&format!("{copy} keeps a copy beforehand")));
    Ok(Exit::No)
}
