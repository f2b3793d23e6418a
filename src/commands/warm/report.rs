//! The report of `warm`: one row per item with `--format`, progress, and at the end the failures.

use std::io;

use ecache_core::command::{Done, Warmed};
use ecache_core::key::Key;
use ecache_core::time::whole_millis;

use crate::context::Context;
use crate::output::{Cell, Column, Format, Progress, Writer, escape, say};

/// Maximum number of failures listed; more are counted.
const LISTED: usize = 20;

/// Maximum number of lines of standard error shown for each failure.
const LINES: usize = 3;

const COLUMNS: [Column; 7] = [
    Column::text("input"),
    Column::whole("key"),
    Column::whole("outcome"),
    Column::number("exit"),
    Column::number("cost_ms"),
    Column::number("size"),
    Column::text("message"),
];

/// One item as it is reported.
pub(super) struct Line<'a> {
    /// The item, without what looks like a secret
    pub(super) input: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) outcome: &'a str,
    pub(super) exit: Option<u8>,
    pub(super) cost_ms: Option<u64>,
    pub(super) size: Option<u64>,
    pub(super) message: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Makes the line of an item that is done.
    pub(super) fn of(input: &'a str, done: &'a Done) -> Self {
        Self {
            input,
            key: done.key.as_ref().map(Key::as_str),
            outcome: match done.outcome {
                Warmed::Hit => "hit",
                Warmed::Ran | Warmed::Unkept => "ran",
                Warmed::Failed => "failed",
                Warmed::Skipped => "skipped",
            },
            exit: done.exit,
            cost_ms: done.cost.map(whole_millis),
            size: done.size,
            message: done.problem.as_deref(),
        }
    }
}

/// The rows of a report.
pub(super) struct Report<'a>(Option<Writer<'a>>);

impl<'a> Report<'a> {
    pub(super) fn new(context: &Context, format: Option<Format>) -> io::Result<Self> {
        let rows = format.map(|format| context.rows(format, &COLUMNS));
        Ok(Self(rows.transpose()?))
    }

    /// Prints a line, at once.
    pub(super) fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        let Some(rows) = &mut self.0 else {
            return Ok(());
        };
        rows.row(&[
            Cell::from(line.input),
            Cell::from(line.key),
            Cell::from(line.outcome),
            line.exit
                .map_or(Cell::Null, |exit| Cell::Count(exit.into())),
            line.cost_ms.map_or(Cell::Null, Cell::Duration),
            line.size.map_or(Cell::Null, Cell::Size),
            Cell::from(line.message),
        ])?;
        rows.flush()
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.0.map_or(Ok(()), Writer::finish)
    }
}

/// The outcomes of all items.
#[derive(Default)]
pub(super) struct Summary {
    hits: u64,
    ran: u64,
    /// Number of those whose results are not stored
    unkept: u64,
    skipped: u64,
    /// Number of new failures and of hits that are cached failures
    failed: u64,
    failures: Vec<String>,
    /// Reasons why items were left out, which is not a failure
    omissions: Vec<String>,
    /// Reasons why results were not stored, which is not a failure
    unstored: Vec<String>,
}

impl Summary {
    /// Reports whether no item failed.
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0
    }

    /// Counts the outcome of an item; `name` is its name in lists.
    pub(super) fn add(&mut self, done: &Done, name: impl FnOnce() -> String) {
        match done.outcome {
            Warmed::Hit if done.exit == Some(0) => self.hits += 1,
            Warmed::Ran => self.ran += 1,
            Warmed::Unkept => {
                self.ran += 1;
                self.unkept += 1;
                if self.unstored.len() < LISTED {
                    let why = done.problem.as_deref().unwrap_or("not kept");
                    self.unstored
                        .push(format!("{}: {}", name(), escape::for_line(why)));
                }
            }
            Warmed::Skipped => {
                self.skipped += 1;
                if self.omissions.len() < LISTED {
                    self.omissions.push(omission(&name(), done));
                }
            }
            Warmed::Failed | Warmed::Hit => {
                self.failed += 1;
                if self.failures.len() < LISTED {
                    self.failures.push(failure(&name(), done));
                }
            }
        }
    }

    /// Prints the failures, and the number of items by outcome.
    pub(super) fn print(&self, context: &Context, progress: Progress, left_out: LeftOut) {
        progress.finish();
        for failure in &self.failures {
            let mut lines = failure.lines();
            context.warn(lines.next().unwrap_or_default());
            // The remaining lines are the command's own output.
            lines.for_each(say);
        }
        more(context, self.failed, self.failures.len(), "failed");
        for unstored in &self.unstored {
            context.note(unstored);
        }
        if left_out == LeftOut::Listed {
            for omission in &self.omissions {
                context.warn(omission);
            }
            more(context, self.skipped, self.omissions.len(), "left out");
        }
        let Self {
            hits,
            ran,
            failed,
            skipped,
            unkept,
            ..
        } = self;
        let mut parts = vec![format!("{ran} ran"), format!("{hits} fresh")];
        if *unkept > 0 {
            parts.push(format!("{unkept} not kept"));
        }
        if *failed > 0 {
            parts.push(format!("{failed} failed"));
        }
        if *skipped > 0 {
            parts.push(format!("{skipped} left out"));
        }
        context.note(&parts.join(", "));
    }
}

/// The way in which left-out items are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    Listed,
    /// The work was stopped, and the reason is printed once
    Counted,
}

fn more(context: &Context, all: u64, listed: usize, what: &str) {
    if let Some(more @ 1..) = all.checked_sub(listed as u64) {
        context.warn(&format!("{more} more {what}; --format jsonl prints each"));
    }
}

fn omission(name: &str, done: &Done) -> String {
    let why = done.problem.as_deref().unwrap_or_default();
    format!("{name} was left out: {}", escape::for_line(why))
}

fn failure(name: &str, done: &Done) -> String {
    let mut text = match (done.exit, done.outcome) {
        (Some(exit), Warmed::Hit) => {
            format!("{name} has failed before, with exit code {exit}, which is kept")
        }
        (Some(exit @ 1..), _) => format!("{name} failed with exit code {exit}"),
        _ => format!("{name} failed"),
    };
    if let Some(message) = &done.problem {
        text.push_str(": ");
        text.push_str(&escape::for_line(message));
    }
    let head = escape::for_terminal(&done.stderr).into_owned();
    for line in head.lines().take(LINES) {
        text.push_str("\n    ");
        text.push_str(line);
    }
    text
}
