//! `ecache warm --dry-run`: lists the commands that would be run, and estimates their time.

use std::collections::HashSet;

use anyhow::Result;
use ecache_core::backend::{Backend, Direction, Row, Scan};
use ecache_core::command::{Existing, Mode, PreparedItem, Unusable};
use ecache_core::entry::Entry;
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

/// The outcome of an item that is left out.
const SKIPPED: &str = "skipped";

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
    let mut totals = Totals::default();
    let mut coming = HashSet::new();
    for item in items {
        let foretold = Foretold::of(prepare(&item), backend.as_ref(), context, &mut coming)?;
        totals.add(&foretold);
        let text = shown(&item);
        if let Some(table) = table.as_mut().filter(|_| foretold.outcome != "hit") {
            table.row(&foretold.cells(&text))?;
        }
        report.line(&foretold.line(&text))?;
    }
    report.finish()?;
    table.map_or(Ok(()), Writer::finish)?;
    let usual = match store {
        Some(store) if totals.known < totals.runs => Usual::of(context, backend.as_ref(), store)?,
        _ => Usual::default(),
    };
    let pace = whole_millis(args.rate.unwrap_or_default());
    totals.print(context, workers(args).get(), pace, usual);
    Ok(Exit::Done)
}

/// An item, and what would be done with it.
struct Foretold {
    outcome: &'static str,
    key: Option<Key>,
    /// The last result of its command
    entry: Option<Box<Entry>>,
    /// The reason why its command would not be run
    why: Option<String>,
}

impl Foretold {
    /// Looks for the result of an item. `coming` has the keys that earlier items run, which are
    /// fresh for a later one.
    fn of(
        item: PreparedItem,
        backend: &dyn Backend,
        context: &Context,
        coming: &mut HashSet<Key>,
    ) -> Result<Self> {
        let unprepared = |outcome, why| Self {
            outcome,
            key: None,
            entry: None,
            why: Some(why),
        };
        let call = match item {
            PreparedItem::Run(call) => call,
            PreparedItem::Fail(why) => return Ok(unprepared("failed", why)),
            PreparedItem::Skip(why) => return Ok(unprepared(SKIPPED, why)),
        };
        let key = call.entry.address.key.clone();
        let is_on = call.settings.mode == Mode::On;
        let is_coming = is_on && coming.contains(&key);
        let (outcome, entry) = match call.find(backend, context.clock())? {
            Existing::Stale(entry, _) if is_coming => ("hit", Some(entry)),
            Existing::Nothing if is_coming => ("hit", None),
            Existing::Fresh(entry, _) if is_on => ("hit", Some(entry)),
            Existing::Fresh(entry, _) => ("fresh", Some(entry)),
            Existing::Stale(entry, why) => (state(why), Some(entry)),
            Existing::Nothing => ("missing", None),
        };
        if outcome != "hit" {
            coming.insert(key.clone());
        }
        Ok(Self {
            outcome,
            key: Some(key),
            entry,
            why: None,
        })
    }

    /// Reports whether its command would be run.
    fn is_run(&self) -> bool {
        self.why.is_none() && self.outcome != "hit"
    }

    fn cost_ms(&self) -> Option<u64> {
        self.entry.as_ref()?.cost_ms
    }

    fn size(&self) -> Option<u64> {
        Some(self.entry.as_ref()?.size)
    }

    /// Returns the cells of an item that is shown as `text`.
    fn cells(&self, text: &str) -> [Cell<'static>; 5] {
        let text = match &self.why {
            Some(why) => format!("{text}: {why}"),
            None => text.to_owned(),
        };
        [
            Cell::from(self.outcome),
            match &self.entry {
                None => Cell::from("-"),
                Some(entry) => {
                    let expires_at = entry.expires_at;
                    expires_at.map(|at| Cell::Time(at.as_millis())).into()
                }
            },
            self.cost_ms().map(Cell::Duration).into(),
            self.size().map(Cell::Size).into(),
            Cell::from(text),
        ]
    }

    /// Returns the line of an item for programs.
    fn line<'a>(&'a self, input: &'a str) -> Line<'a> {
        Line {
            input,
            key: self.key.as_ref().map(Key::as_str),
            outcome: self.outcome,
            exit: None,
            cost_ms: self.cost_ms(),
            size: self.size(),
            message: self.why.as_deref(),
        }
    }
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

/// The latest results of a store whose cost is recorded: their total cost and size, and number.
#[derive(Clone, Copy, Default)]
struct Usual {
    cost_ms: u64,
    size: u64,
    count: u64,
}

impl Usual {
    fn of(context: &Context, backend: &dyn Backend, store: &StoreAddress) -> Result<Self> {
        let scan = Scan {
            direction: Direction::Descending,
            limit: Some(SAMPLE),
            ..Scan::new(Filter::store(store))
        };
        let mut usual = Self::default();
        for row in backend.scan(&scan, context.now())? {
            if let Row::Entry(entry, _) = row?
                && let Some(cost) = entry.cost_ms
            {
                usual.cost_ms = usual.cost_ms.saturating_add(cost);
                usual.size = usual.size.saturating_add(entry.size);
                usual.count += 1;
            }
        }
        Ok(usual)
    }
}

/// The totals of a dry run.
#[derive(Default)]
struct Totals {
    items: u64,
    runs: u64,
    skipped: u64,
    /// Milliseconds and bytes of the runs whose last cost and size are recorded
    cost_ms: u64,
    size: u64,
    known: u64,
}

impl Totals {
    fn add(&mut self, item: &Foretold) {
        self.items += 1;
        self.skipped += u64::from(item.outcome == SKIPPED);
        if !item.is_run() {
            return;
        }
        self.runs += 1;
        if let (Some(cost), Some(size)) = (item.cost_ms(), item.size()) {
            self.known += 1;
            self.cost_ms = self.cost_ms.saturating_add(cost);
            self.size = self.size.saturating_add(size);
        }
    }

    /// Prints the totals. Runs without a record are estimated by the average of `usual`.
    fn print(&self, context: &Context, jobs: usize, pace_ms: u64, usual: Usual) {
        let mut text = format!("would run {} of {}", self.runs, self.items);
        if self.skipped > 0 {
            text.push_str(&format!(", leave out {}", self.skipped));
        }
        let unknown = self.runs - self.known;
        if self.runs > 0 && (unknown == 0 || usual.count > 0) {
            let mean = |sum: u64| {
                let count = u128::from(usual.count.max(1));
                (u128::from(sum) * u128::from(unknown) / count) as u64
            };
            let cost = self.cost_ms.saturating_add(mean(usual.cost_ms));
            let at_a_time = (jobs as u64).min(self.runs).max(1);
            let time = (cost / at_a_time).max(pace_ms.saturating_mul(self.runs - 1));
            let size = self.size.saturating_add(mean(usual.size));
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
