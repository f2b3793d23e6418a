//! What is said of the work: a row an item for who asks for it, progress, and in the end the failures.

use std::io;

use anyhow::Result;
use ecache_core::command::{Done, Warmed};

use crate::context::Context;
use crate::output::{Cell, Column, Format, Progress, Writer, escape, human};

/// Failures that are listed; more are counted.
const LISTED: usize = 20;

/// Lines of standard error that are shown of each.
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

/// What came of all items.
#[derive(Default)]
pub(super) struct Summary {
    hits: u64,
    ran: u64,
    skipped: u64,
    /// What failed now, and what had failed before and is kept
    failed: u64,
    failures: Vec<String>,
    /// Why items were left out, which is no failure
    omissions: Vec<String>,
}

impl Summary {
    /// Whether everything went well that was begun.
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0
    }

    /// Notes what came of an item, which is called `name`.
    pub(super) fn add(&mut self, name: &str, done: &Done, message: Option<&str>) {
        match done.outcome {
            Warmed::Hit if done.exit == Some(0) => self.hits += 1,
            Warmed::Ran => self.ran += 1,
            Warmed::Skipped => {
                self.skipped += 1;
                if self.omissions.len() < LISTED {
                    self.omissions.push(format!(
                        "{name} was left out: {}",
                        escape::for_line(message.unwrap_or_default())
                    ));
                }
            }
            Warmed::Failed | Warmed::Hit => {
                self.failed += 1;
                if self.failures.len() < LISTED {
                    self.failures.push(failure(name, done, message));
                }
            }
        }
    }

    /// Says what failed, and how many there were.
    pub(super) fn print(&self, context: &Context, progress: Progress, left_out: LeftOut) {
        progress.finish();
        for failure in &self.failures {
            context.warn(failure);
        }
        more(context, self.failed, self.failures.len(), "failed");
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
            ..
        } = self;
        let mut parts = vec![format!("{ran} ran"), format!("{hits} fresh")];
        if *failed > 0 {
            parts.push(format!("{failed} failed"));
        }
        if *skipped > 0 {
            parts.push(format!("{skipped} left out"));
        }
        context.note(&parts.join(", "));
    }
}

/// Whether what was not run is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    Listed,
    /// The reason is the same for all, and said once
    Counted,
}

fn more(context: &Context, all: u64, listed: usize, what: &str) {
    if let Some(more @ 1..) = all.checked_sub(listed as u64) {
        context.warn(&format!("{more} more {what}; --format jsonl prints each"));
    }
}

fn failure(name: &str, done: &Done, message: Option<&str>) -> String {
    let mut text = match (done.exit, done.outcome) {
        (Some(exit), Warmed::Hit) => {
            format!("{name} has failed before, with exit code {exit}, which is kept")
        }
        (Some(exit @ 1..), _) => format!("{name} failed with exit code {exit}"),
        _ => format!("{name} failed"),
    };
    if let Some(message) = message {
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

/// `3 of 50 would run, about 12s`: what a dry run says.
pub(super) struct Forecast {
    pub(super) items: u64,
    pub(super) runs: u64,
    pub(super) skipped: u64,
    /// Milliseconds and bytes of those runs whose like is recorded
    pub(super) cost_ms: u64,
    pub(super) size: u64,
    pub(super) known: u64,
}

impl Forecast {
    /// Counts a run, of which perhaps the last cost and size are recorded.
    pub(super) fn add(&mut self, cost_ms: Option<u64>, size: Option<u64>) {
        self.runs += 1;
        if let (Some(cost), Some(size)) = (cost_ms, size) {
            self.known += 1;
            self.cost_ms = self.cost_ms.saturating_add(cost);
            self.size = self.size.saturating_add(size);
        }
    }

    /// Says so. What is not known of some is what `usual` is on the average, of so many: cost, size, count.
    pub(super) fn print(
        &self,
        context: &Context,
        jobs: usize,
        pace_ms: u64,
        usual: (u64, u64, u64),
    ) -> Result<()> {
        let mut text = format!("would run {} of {}", self.runs, self.items);
        if self.skipped > 0 {
            text.push_str(&format!(", leave out {}", self.skipped));
        }
        let unknown = self.runs - self.known;
        let (cost, size, count) = usual;
        if self.runs > 0 && (unknown == 0 || count > 0) {
            let mean = |sum: u64| {
                (u128::from(sum) * u128::from(unknown) / u128::from(count.max(1))) as u64
            };
            let cost = self.cost_ms.saturating_add(mean(cost));
            let at_a_time = (jobs as u64).min(self.runs).max(1);
            let time = (cost / at_a_time).max(pace_ms.saturating_mul(self.runs - 1));
            let size = self.size.saturating_add(mean(size));
            text.push_str(&format!(
                ": about {} with {at_a_time} at a time, and {} to keep, by what is recorded",
                human::duration(time),
                human::size(size)
            ));
        } else if self.runs > 0 {
            text.push_str("; nothing is recorded that would tell how long that takes");
        }
        context.note(&text);
        Ok(())
    }
}
