//! `ecache warm --dry-run`: lists the commands that would be run, and estimates their time.

use std::collections::HashSet;

use anyhow::Result;
use ecache_core::backend::{Backend, Direction, Row, Scan};
use ecache_core::command::{Call, Existing, Mode, PreparedItem, Unusable};
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::scope::StoreAddress;
use ecache_core::time::whole_millis;

use super::report::{Line, Report};
use super::workers;
use crate::cli::WarmArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column, Format, Writer, human};

/// Number of latest results from which the cost of a command without a record is estimated.
const SAMPLE: u64 = 1000;

/// Lists the commands that would be run, and estimates their total time.
pub(super) fn forecast<T>(
    context: &Context,
    args: &WarmArgs,
    items: impl Iterator<Item = T>,
    prepare: impl Fn(&T) -> PreparedItem,
    shown: impl Fn(&T) -> String,
    store: Option<&StoreAddress>,
) -> Result<Exit> {
    let backend = context.reader()?;
    let format = context.format(args.format());
    let is_table = format == Format::Table;
    let mut report = Report::new(context, (!is_table).then_some(format))?;
    let what = if args.command.is_empty() {
        "COMMAND"
    } else {
        "ITEM"
    };
    let columns = [
        Column::whole("state").asked(),
        Column::whole("expires_at"),
        Column::number("cost_ms"),
        Column::number("size"),
        Column::free("command").titled(what),
    ];
    let mut table = is_table
        .then(|| context.rows(format, &columns))
        .transpose()?;
    let mut forecast = Forecast::default();
    // What an earlier item runs is fresh for a later one.
    let mut coming = HashSet::new();
    for item in items {
        forecast.items += 1;
        let (outcome, keyed, entry, why) = match prepare(&item) {
            PreparedItem::Run(call) => {
                let found = call.find(backend.as_ref(), context.clock())?;
                let is_on = call.settings.mode == Mode::On;
                let (outcome, entry) = match found {
                    Existing::Stale(entry, _) if is_on && coming.contains(key(&call)) => {
                        ("hit", Some(entry))
                    }
                    Existing::Nothing if is_on && coming.contains(key(&call)) => ("hit", None),
                    Existing::Fresh(entry, _) if is_on => ("hit", Some(entry)),
                    Existing::Fresh(entry, _) => ("fresh", Some(entry)),
                    Existing::Stale(entry, why) => (state(why), Some(entry)),
                    Existing::Nothing => ("missing", None),
                };
                if outcome != "hit" {
                    coming.insert(key(&call).clone());
                    let recorded = entry.as_ref();
                    forecast.add(
                        recorded.and_then(|entry| entry.cost_ms),
                        recorded.map(|entry| entry.size),
                    );
                }
                (outcome, Some(key(&call).clone()), entry, None)
            }
            PreparedItem::Fail(why) => ("failed", None, None, Some(why)),
            PreparedItem::Skip(why) => {
                forecast.skipped += 1;
                ("skipped", None, None, Some(why))
            }
        };
        if let Some(table) = table.as_mut().filter(|_| outcome != "hit") {
            let expires_at = entry.as_ref().and_then(|entry| entry.expires_at);
            let text = shown(&item);
            let text = why
                .as_ref()
                .map_or(text.clone(), |why| format!("{text}: {why}"));
            table.row(&[
                Cell::from(outcome),
                match (&entry, expires_at) {
                    (_, Some(at)) => Cell::Time(at.as_millis()),
                    (Some(_), None) => Cell::Null,
                    (None, None) => Cell::from("-"),
                },
                entry
                    .as_ref()
                    .and_then(|entry| entry.cost_ms)
                    .map_or(Cell::Null, Cell::Duration),
                entry
                    .as_ref()
                    .map_or(Cell::Null, |entry| Cell::Size(entry.size)),
                Cell::from(text),
            ])?;
        }
        report.line(&Line {
            input: &shown(&item),
            key: keyed.as_ref().map(|key: &Key| key.as_str()),
            outcome,
            exit: None,
            cost_ms: entry.as_ref().and_then(|entry| entry.cost_ms),
            size: entry.as_ref().map(|entry| entry.size),
            message: why.as_deref(),
        })?;
    }
    report.finish()?;
    table.map_or(Ok(()), Writer::finish)?;
    let usual = match store {
        Some(store) if forecast.known < forecast.runs => usual(context, backend.as_ref(), store)?,
        _ => (0, 0, 0),
    };
    let pace = whole_millis(args.rate.unwrap_or_default());
    forecast.print(context, workers(args).get(), pace, usual);
    Ok(Exit::Done)
}

/// Returns the key of a command.
fn key(call: &Call) -> &Key {
    &call.entry.address.key
}

/// Returns the word for an entry that is not replayed.
fn state(why: Option<Unusable>) -> &'static str {
    match why {
        Some(Unusable::Expired(_)) => "expired",
        Some(Unusable::TooOld(_)) => "old",
        Some(Unusable::FromTheFuture) => "future",
        Some(Unusable::Failure) => "failure",
        Some(Unusable::OtherOutputs(_)) => "merged",
        Some(Unusable::OpenInput | Unusable::Damaged) | None => "unusable",
    }
}

/// Returns the total cost and size of the latest results of a store, and their number.
fn usual(
    context: &Context,
    backend: &dyn Backend,
    store: &StoreAddress,
) -> Result<(u64, u64, u64)> {
    let scan = Scan {
        direction: Direction::Descending,
        limit: Some(SAMPLE),
        ..Scan::new(Filter::store(store))
    };
    let mut usual = (0_u64, 0_u64, 0);
    for row in backend.scan(&scan, context.now())? {
        if let Row::Entry(entry, _) = row?
            && let Some(cost) = entry.cost_ms
        {
            usual = (
                usual.0.saturating_add(cost),
                usual.1.saturating_add(entry.size),
                usual.2 + 1,
            );
        }
    }
    Ok(usual)
}

/// The totals of a dry run.
#[derive(Default)]
struct Forecast {
    items: u64,
    runs: u64,
    skipped: u64,
    /// Milliseconds and bytes of the runs whose last cost and size are recorded
    cost_ms: u64,
    size: u64,
    known: u64,
}

impl Forecast {
    /// Counts a run, with its last cost and size if they are recorded.
    fn add(&mut self, cost_ms: Option<u64>, size: Option<u64>) {
        self.runs += 1;
        if let (Some(cost), Some(size)) = (cost_ms, size) {
            self.known += 1;
            self.cost_ms = self.cost_ms.saturating_add(cost);
            self.size = self.size.saturating_add(size);
        }
    }

    /// Prints the totals. Runs without a record are estimated by the average of `usual`, which is
    /// the total cost, the total size, and the number of results.
    fn print(&self, context: &Context, jobs: usize, pace_ms: u64, usual: (u64, u64, u64)) {
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
                ": about {} with {at_a_time} at a time, and {} to keep",
                human::duration(time),
                human::size(size)
            ));
        } else if self.runs > 0 {
            text.push_str("; how long that takes is not known yet");
        }
        context.note(&text);
    }
}
