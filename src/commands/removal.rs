//! What all that removes has in common: the dry run, progress, interruption, and the report.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::Backend;
use ecache_core::error::Error;
use ecache_core::filter::{Selection, Usage};
use ecache_core::time::Timestamp;

use crate::context::Context;
use crate::output::{Progress, human};
use crate::signals;

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    Dry,
    Wet,
}

impl From<bool> for Run {
    fn from(dry_run: bool) -> Self {
        match dry_run {
            true => Self::Dry,
            false => Self::Wet,
        }
    }
}

/// Opens the store to remove from it, or to count what would be: a dry run opens nothing for writing.
pub(super) fn open(context: &Context, run: Run) -> Result<Arc<dyn Backend>> {
    match run {
        Run::Dry => context.reader(),
        Run::Wet => context.remover(),
    }
}

/// Removes what `selection` means, or only counts it. The two share the selection; only the verb differs.
pub(super) fn remove(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    run: Run,
    now: Timestamp,
) -> Result<Usage> {
    let usage = match run {
        Run::Dry => backend.usage(selection, now)?,
        Run::Wet => {
            signals::finish_batches()?;
            let mut bar = context.progress("removing", None);
            let mut done = 0;
            let mut count = counting(&mut bar);
            let removed = backend.remove(selection, now, &mut |entries| {
                done = entries;
                count(entries)
            });
            drop(count);
            bar.finish();
            match removed {
                Err(Error::DamagedLeft { done, left }) => {
                    context.note(&format!("removed {}", amount(done)));
                    return Err(Error::DamagedLeft { done, left }.into());
                }
                Err(error) if done > 0 && !says_how_far(&error) => {
                    let before = format!("stopped after {done} entries were removed");
                    return Err(anyhow::Error::new(error).context(before));
                }
                removed => removed?,
            }
        }
    };
    let verb = match run {
        Run::Dry => "would remove",
        Run::Wet => "removed",
    };
    context.note(&format!("{verb} {}", amount(usage)));
    Ok(usage)
}

/// Reports whether an error itself states how far the work got.
fn says_how_far(error: &Error) -> bool {
    matches!(error, Error::Interrupted { .. } | Error::Partial { .. })
}

/// Shows progress, and stops the work when the user asks for it.
pub(super) fn counting(bar: &mut Progress) -> impl FnMut(u64) -> ControlFlow<()> {
    let mut before = 0;
    move |done| {
        bar.advance(done - before);
        before = done;
        match signals::interrupted() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }
}

/// `3 entries (1.2 KiB)`
pub(super) fn amount(usage: Usage) -> String {
    format!("{} ({})", entries(usage.entries), human::size(usage.bytes))
}

/// `1 entry`, `3 entries`
pub(super) fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}
