//! The question before a removal that undo cannot take back. Only a terminal is asked.

use std::io::{BufRead as _, BufReader, IsTerminal as _, stdin};

use anyhow::Result;
use ecache_core::backend::{Backend, Row, Scan, Values};
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Judge, Selection, Usage};
use ecache_core::time::Timestamp;

use super::deletion::{Step, amount_with};
use super::loss::{Affected, Foretold, Loss, Weight, sum};
use super::operation;
use crate::cli::ConfirmArgs;
use crate::context::Context;
use crate::output::{human, own_command};

/// The parts of a removal that may need an answer.
#[derive(Default)]
pub(in crate::commands) struct Removal<'a> {
    pub(in crate::commands) foretold: Vec<Foretold<'a>>,
    /// Entries kept for undo, if they are to be overwritten
    pub(in crate::commands) shredded: Affected,
}

/// Asks on a terminal whether to remove what undo could not restore, and says so if the answer is
/// no. Everything else is confirmed without a question.
pub(in crate::commands) fn confirmed<'a>(
    context: &Context,
    backend: &dyn Backend,
    confirm: ConfirmArgs,
    removal: impl FnOnce() -> Result<Removal<'a>>,
    now: Timestamp,
) -> Result<bool> {
    let can_answer = stdin().is_terminal() && context.terminal.stderr_is_terminal;
    if confirm.yes || !can_answer {
        return Ok(true);
    }
    let removal = removal()?;
    let lost = removal.foretold.iter().filter(|one| one.loss.is_some());
    let lost = Vec::from_iter(lost);
    let shredded = removal.shredded;
    if lost.is_empty() && shredded.is_none() {
        return Ok(true);
    }
    if !lost.is_empty() {
        describe(context, backend, &lost, now)?;
    }
    if !shredded.is_none() {
        context.voice.note(&format!(
            "This overwrites {} kept for undo.",
            amount_with(shredded.usage, shredded.documents)
        ));
        let they = if is_one(shredded) { "It" } else { "They" };
        let undo = own_command("undo");
        let note = format!("{they} cannot be brought back by {undo} then.");
        context.voice.note(&note);
    }
    let question = if lost.is_empty() {
        format!("Overwrite {}?", them(shredded))
    } else {
        format!("Remove {}?", them(sum(lost.iter().copied())))
    };
    context.voice.ask(&format!("{question} [y/N]"));
    let is_yes = is_yes()?;
    if !is_yes {
        context.note("nothing was removed");
    }
    Ok(is_yes)
}

/// Asks for a removal that is one operation.
pub(in crate::commands) fn step_confirmed(
    context: &Context,
    backend: &dyn Backend,
    confirm: ConfirmArgs,
    step: &Step<'_>,
    now: Timestamp,
) -> Result<bool> {
    let removal = || {
        // A store of any size is cleared at once, and needs no count before.
        let foretold = if step.may_be_lost(backend) {
            vec![step.foretold(backend, now)?]
        } else {
            Vec::new()
        };
        Ok(Removal {
            foretold,
            ..Removal::default()
        })
    };
    confirmed(context, backend, confirm, removal, now)
}

/// Says what would be lost, what computing it took, and how to keep a copy.
fn describe(
    context: &Context,
    backend: &dyn Backend,
    lost: &[&Foretold<'_>],
    now: Timestamp,
) -> Result<()> {
    let all = sum(lost.iter().copied());
    let selections = || lost.iter().map(|one| one.selection);
    let mut text = format!("This removes {}", amount_with(all.usage, all.documents));
    // Stores and costs are read in one pass.
    let mut weight = Weight::default();
    for one in lost {
        match &one.weight {
            Some(known) => weight.add(known),
            None => weight.weigh(backend, one.selection, now)?,
        }
    }
    let stores = weight.stores.len() as u64;
    if stores > 1 {
        text.push_str(" of ");
        text.push_str(&human::counted(stores, "store", "stores"));
    }
    let staying = persistent(backend, selections(), now)?;
    if staying > 0 {
        let entries = human::counted(staying, "persist entry stays", "persist entries stay");
        text.push_str("; ");
        text.push_str(&entries);
    }
    context.voice.note(&format!("{text}."));
    let is_one = is_one(all);
    let they = if is_one { "It" } else { "They" };
    let cost = weight.cost_ms;
    let (took, they) = if cost > 0 {
        let took = human::duration(cost);
        let joint = if is_one { "it" } else { "they" };
        (format!("{they} took {took} to compute, and "), joint)
    } else {
        (String::new(), they)
    };
    let fate = match lost.iter().filter_map(|one| one.loss).max() {
        Some(Loss::NoRoom) => "cannot be brought back: the disk is nearly full",
        Some(Loss::TooMany) if is_one => "cannot be brought back: it is too large",
        Some(Loss::TooMany) => "cannot be brought back: they are too many",
        Some(Loss::ForGood) | None => "cannot be brought back here",
    };
    context.voice.note(&format!("{took}{they} {fate}."));
    let copy = own_command(operation::COPY);
    context.voice.note(&format!("{copy} keeps a copy."));
    Ok(())
}

fn is_one(affected: Affected) -> bool {
    affected.usage.entries + affected.documents == 1
}

fn them(affected: Affected) -> &'static str {
    if is_one(affected) { "it" } else { "them" }
}

/// Returns the number of entries that stay only for their policy.
fn persistent<'a>(
    backend: &dyn Backend,
    selections: impl Iterator<Item = &'a Selection>,
    now: Timestamp,
) -> Result<u64> {
    let mut all = Vec::new();
    for selection in selections.filter(|selection| is_plain(selection)) {
        let evictable = selection.filters();
        let evictable = evictable.filter(|filter| filter.policy == Some(Policy::Evict));
        all.extend(evictable.map(|filter| Filter {
            policy: Some(Policy::Persist),
            ..filter.clone()
        }));
    }
    if all.is_empty() {
        return Ok(0);
    }
    let Usage { entries, .. } = backend.usage(&Selection::of(all), now)?;
    Ok(entries)
}

impl Weight {
    /// Adds the entries of a selection, unless only a removal can tell which they are.
    fn weigh(
        &mut self,
        backend: &dyn Backend,
        selection: &Selection,
        now: Timestamp,
    ) -> Result<()> {
        if !is_plain(selection) {
            return Ok(());
        }
        let judge = Judge::new(selection, now);
        for (place, filter) in selection.filters().enumerate() {
            let scan = Scan {
                values: Values::Omit,
                ..Scan::new(filter.clone())
            };
            for row in backend.scan(&scan, now)? {
                match row? {
                    Row::Entry(entry, _) if judge.is_first(place, &entry) => self.count(&entry),
                    Row::Foreign(found) if judge.is_first(place, &found.entry) => {
                        self.count(&found.entry);
                    }
                    Row::Entry(..) | Row::Foreign(_) | Row::Damaged(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// Reports whether a selection takes all that its filters match.
fn is_plain(selection: &Selection) -> bool {
    selection.beyond.is_none() && selection.unless_spared.is_empty()
}

/// Reads the answer. An empty line and the end of the input are a no.
fn is_yes() -> Result<bool> {
    let mut line = Vec::new();
    BufReader::new(stdin()).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        // The cursor is still behind the question.
        crate::output::say("");
    }
    let answer = line.trim_ascii().to_ascii_lowercase();
    Ok(matches!(&answer[..], b"y" | b"yes"))
}
