//! Removes or changes selected entries: the dry run, progress, interruption, and the report.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{self, Backend};
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

/// Opens the store for a change, which may free space. A dry run opens it for reading.
pub(super) fn open(context: &Context, run: Run) -> Result<Arc<dyn Backend>> {
    match run {
        Run::Dry => context.reader(),
        Run::Wet => context.remover(),
    }
}

/// The words that tell of a change.
#[derive(Clone, Copy)]
pub(super) struct Verb<'a> {
    pub(super) doing: &'static str,
    pub(super) done: &'static str,
    pub(super) would: &'static str,
    /// More to say of the change, if any entry is affected
    pub(super) detail: Option<&'a str>,
}

impl Verb<'_> {
    pub(super) const REMOVE: Self = Self {
        doing: "removing",
        done: "removed",
        would: "would remove",
        detail: None,
    };
    pub(super) const CHANGE: Self = Self {
        doing: "changing",
        done: "changed",
        would: "would change",
        detail: None,
    };

    /// Reports the affected entries; `word` is one of its own.
    fn report(&self, context: &Context, word: &str, usage: Usage) {
        let detail = self.detail.filter(|_| usage.entries > 0);
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        context.note(&format!("{word} {}{detail}", amount(usage)));
    }
}

/// Removes the selected entries, or counts them in a dry run, and reports it.
pub(super) fn remove(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    run: Run,
    now: Timestamp,
) -> Result<Usage> {
    match run {
        Run::Dry => forecast(context, Verb::REMOVE, backend.usage(selection, now)?),
        Run::Wet => batches(context, Verb::REMOVE, |progress| {
            backend.remove(selection, now, progress)
        }),
    }
}

/// Reports the entries that a change would affect.
pub(super) fn forecast(context: &Context, verb: Verb<'_>, usage: Usage) -> Result<Usage> {
    verb.report(context, verb.would, usage);
    Ok(usage)
}

/// Changes entries batch by batch, stops at a signal, and reports how many were changed.
pub(super) fn batches(
    context: &Context,
    verb: Verb<'_>,
    change: impl FnOnce(backend::Progress<'_>) -> ecache_core::error::Result<Usage>,
) -> Result<Usage> {
    signals::finish_batches()?;
    let mut bar = context.progress(verb.doing, None);
    let mut done = 0;
    let mut count = counting(&mut bar);
    let changed = change(&mut |entries| {
        done = entries;
        count(entries)
    });
    drop(count);
    bar.finish();
    if let Ok(usage) | Err(Error::DamagedLeft { done: usage, .. }) = changed {
        verb.report(context, verb.done, usage);
    }
    changed.map_err(|error| {
        if done == 0 || says_how_far(&error) {
            return error.into();
        }
        let before = format!("stopped after {done} entries were {}", verb.done);
        anyhow::Error::new(error).context(before)
    })
}

/// Reports whether an error itself states how far the work got.
fn says_how_far(error: &Error) -> bool {
    matches!(
        error,
        Error::DamagedLeft { .. } | Error::Interrupted { .. } | Error::Partial { .. }
    )
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
