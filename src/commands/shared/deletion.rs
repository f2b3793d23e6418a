//! Removes or changes selected entries: the dry run, progress, interruption, and the report.

use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::{self, Backend};
use ecache_core::error::Error;
pub(in crate::commands) use ecache_core::error::entries;
use ecache_core::filter::{Filter, Selection, Usage};
use ecache_core::time::Timestamp;

use crate::context::Context;
use crate::output::{Progress, human};
use crate::signals;

/// Distinguishes a dry run from a run that changes the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Run {
    Dry,
    Wet,
}

impl From<bool> for Run {
    fn from(dry_run: bool) -> Self {
        if dry_run { Self::Dry } else { Self::Wet }
    }
}

/// Opens the store for a change, which may free space. A dry run opens it for reading.
pub(in crate::commands) fn open(context: &Context, run: Run) -> Result<Arc<dyn Backend>> {
    match run {
        Run::Dry => context.reader(),
        Run::Wet => context.remover(),
    }
}

/// The words of a change in progress and reports.
#[derive(Clone, Copy)]
pub(in crate::commands) struct Verb<'a> {
    pub(in crate::commands) doing: &'static str,
    pub(in crate::commands) done: &'static str,
    pub(in crate::commands) would: &'static str,
    /// More to say of the change, if any entry is affected
    pub(in crate::commands) detail: Option<&'a str>,
}

impl Verb<'_> {
    pub(in crate::commands) const REMOVE: Self = Self {
        doing: "removing",
        done: "removed",
        would: "would remove",
        detail: None,
    };
    pub(in crate::commands) const CHANGE: Self = Self {
        doing: "changing",
        done: "changed",
        would: "would change",
        detail: None,
    };

    /// Reports the affected entries, and the number of affected documents of stores; `word` is
    /// `done` or `would`.
    fn report(&self, context: &Context, word: &str, usage: Usage, documents: u64) {
        let detail = self.detail.filter(|_| usage.entries > 0);
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        let documents = match documents {
            0 => String::new(),
            count => format!(" and {}", metadata(count)),
        };
        context.note(&format!("{word} {}{documents}{detail}", amount(usage)));
    }
}

/// Removes the selected entries, or counts them in a dry run, and reports it.
pub(in crate::commands) fn remove(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    run: Run,
    now: Timestamp,
) -> Result<Usage> {
    let removed = remove_with(context, backend, selection, run, now, || Ok(0))?;
    Ok(removed.0)
}

/// Removes the own documents of the stores that `filter` means, or counts them in a dry run.
pub(in crate::commands) fn remove_documents(
    backend: &dyn Backend,
    filter: &Filter,
    run: Run,
) -> Result<u64> {
    Ok(match run {
        Run::Dry => backend.count_documents(filter)?,
        Run::Wet => backend.remove_documents(filter)?,
    })
}

/// Removes entries as [`remove`] does, and after them stores' own documents, whose number
/// `documents` returns.
pub(in crate::commands) fn remove_with(
    context: &Context,
    backend: &dyn Backend,
    selection: &Selection,
    run: Run,
    now: Timestamp,
    documents: impl FnOnce() -> Result<u64>,
) -> Result<(Usage, u64)> {
    let verb = Verb::REMOVE;
    let (word, usage) = match run {
        Run::Dry => (verb.would, backend.usage(selection, now)?),
        Run::Wet => {
            let remove = |progress: backend::Progress<'_>| backend.remove(selection, now, progress);
            (verb.done, unreported(context, verb, remove)?)
        }
    };
    let documents = documents().with_context(|| format!("{word} {}", amount(usage)))?;
    verb.report(context, word, usage, documents);
    Ok((usage, documents))
}

/// Reports the entries that a change would affect.
pub(in crate::commands) fn forecast(
    context: &Context,
    verb: Verb<'_>,
    usage: Usage,
) -> Result<Usage> {
    verb.report(context, verb.would, usage, 0);
    Ok(usage)
}

/// Changes entries batch by batch, stops at a signal, and reports how many were changed.
pub(in crate::commands) fn batches(
    context: &Context,
    verb: Verb<'_>,
    change: impl FnOnce(backend::Progress<'_>) -> ecache_core::error::Result<Usage>,
) -> Result<Usage> {
    let usage = unreported(context, verb, change)?;
    verb.report(context, verb.done, usage, 0);
    Ok(usage)
}

/// As [`batches`], but reports only a change that left damaged entries.
fn unreported(
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
    if let Err(Error::DamagedLeft { done: usage, .. }) = changed {
        verb.report(context, verb.done, usage, 0);
    }
    changed.map_err(|error| {
        if done == 0 || says_how_far(&error) {
            return error.into();
        }
        let were = if done == 1 { "was" } else { "were" };
        let before = format!("stopped after {} {were} {}", entries(done), verb.done);
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
pub(in crate::commands) fn counting(bar: &mut Progress) -> impl FnMut(u64) -> ControlFlow<()> {
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
pub(in crate::commands) fn amount(usage: Usage) -> String {
    format!("{} ({})", entries(usage.entries), human::size(usage.bytes))
}

/// `the metadata of 1 store`
pub(in crate::commands) fn metadata(stores: u64) -> String {
    match stores {
        1 => "the metadata of 1 store".to_owned(),
        stores => format!("the metadata of {stores} stores"),
    }
}

/// `3 entries (1.2 KiB)`, `the metadata of 1 store`, or both.
pub(in crate::commands) fn amount_with(usage: Usage, documents: u64) -> String {
    match (usage.entries, documents) {
        (_, 0) => amount(usage),
        (0, documents) => metadata(documents),
        (_, documents) => format!("{} and {}", amount(usage), metadata(documents)),
    }
}
