//! Removes or changes selected entries: the dry run, progress, interruption, and the report.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{
    self, Backend, Cause, ChangeOutcome, ChangeReport, KeepForUndo, MAX_UNDO_ENTRIES, Touch,
};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Selection, Usage};
use ecache_core::time::Timestamp;

use super::loss::{Affected, Foretold, Keeping, Loss, is_of_stores, sum, tell_final};
use super::operation;
use crate::commands::shared::filter::no_match;
use crate::commands::shared::filter::words::{words, words_of_touched};
use crate::context::Context;
use crate::output::human::entries;
use crate::output::{Progress, human, own_command};
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

impl Run {
    /// Returns the words for an amount that is not removed: `2 entries (9 B) are persist and stay`.
    pub(in crate::commands) fn stays(self, amount: &str, number: u64, what: &str) -> String {
        let are = human::plural(number, "is", "are");
        let stay = match self {
            Self::Dry => "would stay",
            Self::Wet => human::plural(number, "stays", "stay"),
        };
        format!("{amount} {are} {what} and {stay}")
    }
}

/// Opens the store for a change, which may free space. A dry run opens it for reading.
pub(in crate::commands) fn open(context: &Context, run: Run) -> Result<Arc<dyn Backend>> {
    match run {
        Run::Dry => {
            // The real run counts the latest hits in, too.
            context.fold_usage();
            context.reader()
        }
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
    /// `done` or `would`. `nothing` says why there are none.
    pub(in crate::commands) fn report(
        &self,
        context: &Context,
        word: &str,
        affected: Affected,
        nothing: impl FnOnce() -> Result<String>,
    ) -> Result<()> {
        let Affected { usage, documents } = affected;
        if context.summary.takes(usage, documents) || context.quiet {
            return Ok(());
        }
        if affected.is_none() {
            context.note(&nothing()?);
            return Ok(());
        }
        let detail = self.detail.filter(|_| usage.entries > 0);
        let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
        let documents = match documents {
            0 => String::new(),
            count => format!(" and {}", metadata(count)),
        };
        context.note(&format!("{word} {}{documents}{detail}", amount(usage)));
        Ok(())
    }
}

/// Takes the option `--no-undo`.
pub(in crate::commands) fn keep_unless(no_undo: bool) -> KeepForUndo {
    if no_undo {
        KeepForUndo::No
    } else {
        KeepForUndo::Yes
    }
}

/// Removes the selected entries and documents, or counts them in a dry run, and reports it.
pub(in crate::commands) fn remove_logged(
    context: &Context,
    backend: &dyn Backend,
    step: &Step<'_>,
    run: Run,
    now: Timestamp,
) -> Result<Affected> {
    if run == Run::Wet {
        return remove_in_steps(context, backend, std::slice::from_ref(step), now);
    }
    let (verb, foretold) = (Verb::REMOVE, step.foretold(backend, now)?);
    let affected = foretold.affected;
    let nothing = || {
        Ok(no_match::sentence_of(
            context,
            backend,
            [step.selection],
            now,
        ))
    };
    verb.report(context, verb.would, affected, nothing)?;
    forecast_undo(context, &[foretold]);
    Ok(affected)
}

/// A removal that is one operation.
pub(in crate::commands) struct Step<'a> {
    pub(in crate::commands) selection: &'a Selection,
    /// Filter of the stores' own documents that go along
    pub(in crate::commands) documents: Option<&'a Filter>,
    pub(in crate::commands) keeping: Keeping,
    pub(in crate::commands) cause: Cause,
}

impl<'a> Step<'a> {
    /// Reports whether undo could not restore it, as far as that is known without counting.
    pub(in crate::commands) fn may_be_lost(&self, backend: &dyn Backend) -> bool {
        let is_kept = self.keeping == Keeping::Kept;
        self.keeping.is_final(backend)
            || is_kept && !(is_of_stores(self.selection) && backend.has_room_for_undo())
    }

    /// Counts what it would remove.
    pub(in crate::commands) fn foretold(
        &self,
        backend: &dyn Backend,
        now: Timestamp,
    ) -> Result<Foretold<'a>> {
        let affected = Affected {
            usage: backend.usage(self.selection, now)?,
            documents: match self.documents {
                Some(filter) => backend.count_documents(filter, now)?,
                None => 0,
            },
        };
        Ok(Foretold::new(
            backend,
            self.selection,
            affected,
            self.keeping,
        ))
    }
}

/// Removes several selections one after the other, each as one operation, and reports their sum.
pub(in crate::commands) fn remove_in_steps(
    context: &Context,
    backend: &dyn Backend,
    steps: &[Step<'_>],
    now: Timestamp,
) -> Result<Affected> {
    let verb = Verb::REMOVE;
    let (mut all, mut until, mut is_lost) = (Affected::default(), None, false);
    let mut lost = Affected::default();
    let mut kept_steps = 0;
    for step in steps {
        let removed = remove_step(context, backend, step, now).map_err(|error| {
            if all.usage == Usage::default() {
                error
            } else {
                error.context(format!("{} {}", verb.done, amount(all.usage)))
            }
        })?;
        all.usage += removed.usage;
        all.documents += removed.documents;
        if step.keeping.is_final(backend) {
            lost.usage += removed.usage;
            lost.documents += removed.documents;
            continue;
        }
        until = until.max(removed.until);
        kept_steps += usize::from(removed.until.is_some());
        let is_kept = removed.until.is_some() || removed.usage == Usage::default();
        is_lost |= step.keeping == Keeping::Kept && !is_kept;
    }
    let selections = steps.iter().map(|step| step.selection);
    let nothing = || Ok(no_match::sentence_of(context, backend, selections, now));
    verb.report(context, verb.done, all, nothing)?;
    if is_lost {
        context.note(
            "they are gone for good: a nearly full disk or a damaged file keeps nothing for undo",
        );
    }
    if let Some(until) = until {
        let what = if lost.is_none() { "this" } else { "the others" };
        if !lost.is_none() {
            context.note(&part_lost(lost, Run::Wet));
        }
        let undo = own_command("undo");
        let line = match kept_steps {
            1 => undo,
            2 => format!("{undo}, typed twice,"),
            times => format!("{undo}, typed {times} times,"),
        };
        operation::tell_undo_by(context, &line, what, until, now);
    } else if !lost.is_none() {
        tell_final(context, "are gone for good", "the next");
    }
    Ok(all)
}

/// Says of a dry run once that its removals could not be taken back, or which part of them.
pub(in crate::commands) fn forecast_undo(context: &Context, foretold: &[Foretold<'_>]) {
    let some = || foretold.iter().filter(|one| !one.affected.is_none());
    let lost = sum(some().filter(|one| one.loss.is_some()));
    if !lost.is_none() && some().any(|one| one.loss.is_none() && one.keeping == Keeping::Kept) {
        context.note(&part_lost(lost, Run::Dry));
        return;
    }
    let losses: BTreeSet<Loss> = some().filter_map(|one| one.loss).collect();
    for loss in losses {
        match loss {
            Loss::ForGood => tell_final(context, "would go for good", "a"),
            Loss::NoRoom => {
                context.note("they would go for good: a nearly full disk keeps nothing for undo");
            }
            Loss::TooMany => {
                context.note("these are too many to keep for undo");
                context.tip(&format!("{} first", own_command(operation::COPY)));
            }
        }
    }
}

/// Says how much of a removal undo does not bring back.
fn part_lost(lost: Affected, run: Run) -> String {
    let what = amount_with(lost.usage, lost.documents);
    match run {
        Run::Dry => format!("{what} of them would go for good; undo would bring the others back"),
        Run::Wet => {
            let are = human::plural(lost.usage.entries + lost.documents, "is", "are");
            format!("{what} of them {are} gone for good")
        }
    }
}

fn remove_step(
    context: &Context,
    backend: &dyn Backend,
    step: &Step<'_>,
    now: Timestamp,
) -> Result<ChangeReport> {
    let verb = Verb::REMOVE;
    let Step {
        selection,
        documents,
        keeping,
        cause,
    } = *step;
    let operation = &operation::this(cause, words(selection, now));
    if keeping.for_undo() == KeepForUndo::Yes {
        let removal = run_batches(context, verb, |progress| {
            backend.remove_undoably(selection, documents, operation, now, progress)
        })?;
        match removal {
            ChangeOutcome::Done(removed) => return Ok(removed),
            ChangeOutcome::TooMany(usage) => context.note(&format!(
                "undo cannot restore these: {} are too many",
                amount(usage)
            )),
        }
    }
    run_batches(context, verb, |progress| {
        backend.remove_for_good(selection, documents, operation, now, progress)
    })
}

/// A change of lifetimes that is one operation.
pub(in crate::commands) struct Renewal<'a> {
    /// The entries that are changed
    pub(in crate::commands) selection: &'a Selection,
    /// All that were meant, changed or not, for the log
    pub(in crate::commands) meant: &'a Selection,
    pub(in crate::commands) touch: Touch,
    pub(in crate::commands) keep: KeepForUndo,
}

/// Changes the lifetimes of entries, or counts the entries in a dry run, and reports it.
pub(in crate::commands) fn touch_logged(
    context: &Context,
    backend: &dyn Backend,
    renewal: &Renewal<'_>,
    verb: Verb<'_>,
    run: Run,
    now: Timestamp,
) -> Result<Usage> {
    let Renewal {
        selection,
        meant,
        touch,
        keep,
    } = *renewal;
    let nothing = || {
        Ok(match backend.usage(meant, now)? {
            none if none == Usage::default() => {
                no_match::sentence_of(context, backend, [meant], now)
            }
            _ => "nothing to change".to_owned(),
        })
    };
    if run == Run::Dry {
        let usage = backend.usage(selection, now)?;
        verb.report(context, verb.would, usage.into(), nothing)?;
        let is_kept = backend.keeps_for_undo() && keep == KeepForUndo::Yes;
        if is_kept && usage.entries > MAX_UNDO_ENTRIES {
            context.note("undo cannot change these back: they are too many");
        }
        return Ok(usage);
    }
    let operation = operation::this(Cause::Removed, words_of_touched(meant, now));
    let change = |keep| {
        run_batches(context, verb, |progress| {
            backend.touch_logged(selection, touch, keep, &operation, now, progress)
        })
    };
    let touched = change_beyond_undo(keep, change, |usage| {
        context.note(&format!(
            "undo cannot change these back: {} are too many",
            amount(usage)
        ));
    })?;
    verb.report(context, verb.done, touched.usage.into(), nothing)?;
    if let Some(until) = touched.until {
        operation::tell_undo(context, until, now);
    }
    Ok(touched.usage)
}

/// Makes a change, and makes it without undo if its entries are too many for that. `tell` is called
/// with their amount before.
pub(in crate::commands) fn change_beyond_undo(
    mut keep: KeepForUndo,
    mut change: impl FnMut(KeepForUndo) -> Result<ChangeOutcome>,
    mut tell: impl FnMut(Usage),
) -> Result<ChangeReport> {
    loop {
        match change(keep)? {
            ChangeOutcome::Done(report) => return Ok(report),
            ChangeOutcome::TooMany(usage) => {
                tell(usage);
                keep = KeepForUndo::No;
            }
        }
    }
}

/// Changes entries batch by batch, and stops at a signal. Reports only a change that left damaged
/// entries.
pub(in crate::commands) fn run_batches<T>(
    context: &Context,
    verb: Verb<'_>,
    change: impl FnOnce(backend::Progress<'_>) -> ecache_core::error::Result<T>,
) -> Result<T> {
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
    if let Err(Error::DamagedLeft { done: usage, .. }) = &changed
        && *usage != Usage::default()
    {
        verb.report(context, verb.done, (*usage).into(), || Ok(String::new()))?;
    }
    changed.map_err(|error| {
        if done == 0 || says_how_far(&error) {
            return error.into();
        }
        let were = human::plural(done, "was", "were");
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
    format!(
        "the metadata of {}",
        human::counted(stores, "store", "stores")
    )
}

/// `3 entries (1.2 KiB)`, `the metadata of 1 store`, or both.
pub(in crate::commands) fn amount_with(usage: Usage, documents: u64) -> String {
    match (usage.entries, documents) {
        (_, 0) => amount(usage),
        (0, documents) => metadata(documents),
        (_, documents) => format!("{} and {}", amount(usage), metadata(documents)),
    }
}
