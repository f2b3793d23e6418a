//! `ecache undo`: takes back an operation.

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, Did, OperationRecord, UndoState, Undone};
use ecache_core::error::Error;

use super::shared::deletion::{Run, Verb, amount_with, entries, open, run_batches};
use super::shared::operation::{named, this, until};
use crate::cli::UndoArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::human;

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

fn report(context: &Context, undone: &Undone) {
    let of = undone.undone.usage.entries;
    let word = match undone.did {
        Did::Restored => "restored",
        Did::Removed => "removed again",
        Did::Set => "changed back",
    };
    let what = if undone.did == Did::Set {
        settings(undone.settings)
    } else if undone.usage.entries < of {
        let size = human::size(undone.usage.bytes);
        format!("{} of {} ({size})", undone.usage.entries, entries(of))
    } else {
        amount_with(undone.usage, undone.documents)
    };
    let operation = named(&undone.undone, context.now());
    context.note(&format!("{word} {what}: {operation}"));
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

/// `2 settings`
fn settings(count: u64) -> String {
    match count {
        1 => "1 setting".to_owned(),
        count => format!("{count} settings"),
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
    let (word, amount) = match operation.did {
        Did::Restored => ("would remove again", amount),
        Did::Removed => ("would restore", amount),
        Did::Set => ("would change back", settings(operation.settings)),
    };
    let until = until(time, now);
    let operation = named(operation, now);
    context.note(&format!(
        "{word} {amount}: {operation}, possible until {until}"
    ));
    Ok(Exit::Done)
}
