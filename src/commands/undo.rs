//! `ecache undo`: undoes an operation.

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, Did, OperationRecord, UndoState, Undone};
use ecache_core::error::Error;
use ecache_core::filter::Usage;

use super::shared::deletion::{
    Run, Verb, amount as amount_of, amount_with, entries, open, run_batches,
};
use super::shared::operation::{copy_command, named, this, until};
use super::shared::undo_text::{settings, told};
use crate::cli::UndoArgs;
use crate::context::Context;
use crate::error::Exit;

const RESTORE: Verb<'_> = Verb {
    doing: "restoring",
    done: "restored",
    would: "would restore",
    detail: None,
};

pub(crate) fn run(context: &Context, args: UndoArgs) -> Result<Exit> {
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let now = context.now();
    if !backend.keeps_for_undo() {
        return refuse(context, backend.as_ref(), args.operation);
    }
    if run == Run::Dry {
        return forecast(context, backend.as_ref(), args.operation);
    }
    let operation = this(Cause::Removed, String::new());
    let undone = run_batches(context, RESTORE, |progress| {
        backend.undo(args.operation, &operation, now, progress)
    })?;
    report(context, &undone);
    let id = undone.operation;
    context.tip(&format!("this is op {id}; ecache undo {id} takes it back"));
    Ok(Exit::Done)
}

/// Says that a store keeps nothing for undo, and how to have a copy instead.
fn refuse(context: &Context, backend: &dyn Backend, which: Option<u64>) -> Result<Exit> {
    let operations = backend.operations()?;
    let mut meant = operations
        .iter()
        .filter(|one| which.is_none_or(|which| one.id == which));
    let message = match (meant.next(), which) {
        (Some(operation), _) => {
            let operation = named(operation, context.now());
            format!("{operation}, cannot be taken back: FiftyOne sees each removal at once")
        }
        (None, Some(id)) => format!("operation {id} is not in the log"),
        (None, None) => "there is nothing to undo: no operation is logged".into(),
    };
    let copy = copy_command(context)?;
    context.absent(
        &message,
        Some(&format!("{copy} keeps a copy, before a removal")),
    );
    Ok(Exit::No)
}

fn report(context: &Context, undone: &Undone) {
    let word = told(undone);
    let operation = named(&undone.undone, context.now());
    context.note(&format!("{word}: {operation}"));
    if undone.newer > 0 {
        let (were, stay) = match undone.newer {
            1 => ("was", "stays"),
            _ => ("were", "stay"),
        };
        let names: Vec<String> = undone
            .newer_examples
            .iter()
            .map(|address| {
                let (store, key) = (&address.store.store_name, address.key.as_str());
                format!("{store} {key}")
            })
            .collect();
        let more = undone.newer - names.len() as u64;
        let more = match more {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        context.note(&format!(
            "{} {were} written again since then and {stay}: {}{more}",
            undone.newer,
            names.join(", ")
        ));
    }
    if undone.damaged > 0 {
        context.note(&format!(
            "{} did not come back, since their checksums do not match",
            entries(undone.damaged)
        ));
    }
}

/// Says what would be undone.
fn forecast(context: &Context, backend: &dyn Backend, which: Option<u64>) -> Result<Exit> {
    let now = context.now();
    let operations = backend.operations()?;
    let is_meant = |operation: &&OperationRecord| match which {
        Some(id) => operation.id == id,
        None => operation.undoes.is_none() && matches!(operation.undo, UndoState::Until(_)),
    };
    let Some(operation) = operations.iter().find(is_meant) else {
        let message = match which {
            Some(id) => format!("operation {id} is not in the log"),
            None => "there is nothing to undo".into(),
        };
        return Err(Error::NotUndoable(message).into());
    };
    let UndoState::Until(time) = operation.undo else {
        let message = format!("operation {} cannot be undone", operation.id);
        return Err(Error::NotUndoable(message).into());
    };
    let amount = amount_with(operation.usage, operation.documents);
    let word = match operation.did {
        Did::Removed => format!("would restore {amount}"),
        Did::Imported if operation.replaced != Usage::default() => {
            let back = amount_of(operation.replaced);
            format!("would remove again {amount} and restore {back}")
        }
        Did::Restored | Did::Imported => format!("would remove again {amount}"),
        Did::Touched => format!("would change back {amount}"),
        Did::Renamed => format!("would rename back a store with {amount}"),
        Did::Set => format!("would change back {}", settings(operation.settings)),
    };
    let until = until(time, now);
    let operation = named(operation, now);
    context.note(&format!("{word}: {operation}, possible until {until}"));
    Ok(Exit::Done)
}
