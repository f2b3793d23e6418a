//! `ecache top`: the entries that have the most of something.

use anyhow::Result;
use ecache_core::backend::{Backend, Content, Dimension, Direction, Row, Scan, Sort, Values};
use ecache_core::entry::Entry;
use ecache_core::filter::Filter;
use ecache_core::time::Timestamp;

use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::{DefaultSelection, filter, no_match, note_unknown_names};
use super::shared::view::fields::Field;
use super::shared::view::listing::{Entries, Listing, Shown, measured, scopes, shared_by_all};
use crate::cli::{Measure, TopArgs};
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::Exit;
use crate::output::{Cell, Column, Format, Secrets, chart, human};

/// The milliseconds of a day, by which waste is divided.
const DAY: i128 = 86_400_000;

pub(crate) fn run(context: &Context, args: TopArgs) -> Result<Exit> {
    let now = context.now();
    let filter = filter(context, &args.filter, DefaultSelection::AnyPolicy, now)?;
    context.fold_usage();
    let backend = context.reader()?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let top = Top {
        context,
        args: &args,
        filter: &filter,
        backend: backend.as_ref(),
        now,
    };
    let format = context.format(args.format.chosen());
    let is_table = format == Format::Table;
    let (entries, damaged) = top.entries(is_table)?;
    if is_table {
        top.table(&entries)?;
    } else {
        top.fields(format, &entries)?;
    }
    if entries.is_empty() && context.tells_absence() && context.terminal.stderr_is_terminal {
        let why = no_match::instead(backend.as_ref(), &filter, now)?;
        let else_why = match args.by {
            Measure::Saved => "no entry that matches has saved time yet",
            Measure::Hits => "no entry that matches was hit yet",
            Measure::Size | Measure::Waste | Measure::Age => "no entry matches",
        };
        context.note(why.as_deref().unwrap_or(else_why));
    }
    note_elsewhere(context, backend.as_ref(), &filter.into(), now)?;
    if damaged {
        return Ok(Exit::Damaged);
    }
    Ok(args.filter.exit(entries.is_empty()))
}

/// An entry, and the start of its value where that was asked for.
type Listed = (Entry, Option<Content>);

struct Top<'a> {
    context: &'a Context,
    args: &'a TopArgs,
    filter: &'a Filter,
    backend: &'a dyn Backend,
    now: Timestamp,
}

impl Top<'_> {
    /// Returns the entries with the most of the measure, and whether one was damaged.
    fn entries(&self, with_starts: bool) -> Result<(Vec<Listed>, bool)> {
        let (sort, direction) = self.args.by.order();
        let scan = Scan {
            sort,
            direction,
            limit: Some(self.args.limit).filter(|limit| *limit > 0),
            values: if with_starts {
                Values::Start
            } else {
                Values::Omit
            },
            ..Scan::new(self.filter.clone())
        };
        let (mut entries, mut is_damaged) = (Vec::new(), false);
        for row in self.backend.scan(&scan, self.now)? {
            match row? {
                Row::Entry(entry, start) => entries.push((*entry, start)),
                Row::Foreign(found) => entries.push((found.entry, found.content)),
                Row::Damaged(address) => {
                    self.context.warn_damaged(&address);
                    is_damaged = true;
                }
            }
        }
        if matches!(self.args.by, Measure::Saved | Measure::Hits) {
            entries.retain(|(entry, _)| self.amount(entry) > 0);
        }
        Ok((entries, is_damaged))
    }

    /// Returns how much of the measure an entry has.
    fn amount(&self, entry: &Entry) -> i128 {
        match self.args.by {
            Measure::Size => entry.size.into(),
            Measure::Saved => entry.saved_ms.into(),
            Measure::Hits => entry.hits.into(),
            Measure::Waste => entry.waste(self.now),
            Measure::Age => {
                let now = i128::from(self.now.as_millis());
                now - i128::from(entry.written_at().as_millis())
            }
        }
    }

    /// Prints the fields that programs get.
    fn fields(&self, format: Format, entries: &[Listed]) -> Result<()> {
        const FIELDS: [Field; 11] = [
            Field::StoreName,
            Field::Key,
            Field::DatasetId,
            Field::Collection,
            Field::Kind,
            Field::Size,
            Field::Hits,
            Field::SavedMs,
            Field::CostMs,
            Field::UpdatedAt,
            Field::LastUsedAt,
        ];
        let datasets = self.context.datasets()?;
        let columns = FIELDS.iter().map(|field| field.column());
        let columns: Vec<Column> = columns.chain([Column::number("waste_byte_days")]).collect();
        let mut rows = self.context.rows(format, &columns)?;
        for (entry, _) in entries {
            let secrets = Secrets::from(self.args.reveal);
            let cells = FIELDS.map(|field| field.cell(entry, None, &datasets, secrets, self.now));
            let mut cells = Vec::from(cells);
            cells.push(Cell::Count(self.byte_days(entry)));
            rows.row(&cells)?;
        }
        Ok(rows.finish()?)
    }

    fn byte_days(&self, entry: &Entry) -> u64 {
        u64::try_from(entry.waste(self.now) / DAY).unwrap_or(u64::MAX)
    }

    /// Prints a table for people: the measure, its share, and the entry.
    fn table(&self, entries: &[Listed]) -> Result<()> {
        let datasets = self.context.datasets()?;
        let by = self.args.by;
        let listing = self.listing(entries, &datasets);
        // The column of the measure leads.
        let mut columns = vec![by.column().leading(), Column::whole("bar").titled(" ")];
        let whole = self.whole()?;
        if whole.is_some() {
            columns.push(Column::number("share"));
        }
        columns.extend(listing.columns());
        let mut rows = self.context.rows(Format::Table, &columns)?;
        let most = entries.first().map_or(0, |(entry, _)| self.amount(entry));
        let unit = Unit::of(most);
        for (entry, start) in entries {
            let amount = self.amount(entry);
            let (part, most) = (amount.unsigned_abs(), most.unsigned_abs());
            let mut cells = vec![
                match by {
                    Measure::Size => Cell::Size(entry.size),
                    Measure::Saved => Cell::Duration(entry.saved_ms),
                    Measure::Hits => Cell::Count(entry.hits),
                    Measure::Waste => Cell::from(unit.text(amount)),
                    Measure::Age => Cell::Time(entry.written_at().as_millis()),
                },
                Cell::from(chart::bar(part, most, self.context.terminal.is_unicode)),
            ];
            if let Some(whole) = whole {
                cells.push(Cell::from(human::share(part, whole)));
            }
            cells.extend(listing.cells(entry, start.as_ref()));
            rows.row_as(listing.mood(entry), &cells)?;
        }
        let left = rows.finish_table()?;
        if entries.is_empty() {
            return Ok(());
        }
        let count = human::entries(entries.len() as u64);
        let text = format!("{count}{}", shared_by_all(&left));
        self.context.footer(&text);
        if by == Measure::Waste {
            let unit = unit.name;
            let text = format!("waste: size times {unit} since the last write or hit");
            self.context.footer(&text);
        }
        Ok(())
    }

    /// Returns the columns behind the measure.
    fn listing<'d>(&self, entries: &[Listed], datasets: &'d Datasets) -> Listing<'d> {
        let by = self.args.by;
        let mut shown = by.beside();
        shown.extend([Field::StoreName, Field::Key].map(Shown::Field));
        if self.context.may_mix_collections() {
            shown.push(Shown::Field(Field::Collection));
        }
        shown.extend(scopes(datasets));
        shown.push(Shown::Call);
        let kind = Entries::of(entries.iter().map(|(entry, _)| entry));
        let secrets = Secrets::from(self.args.reveal);
        let listing = Listing::new(shown, kind, datasets, secrets, self.now);
        let mut kept = measured(self.filter, None);
        kept.retain(|shown| Some(*shown) != by.leading());
        listing.keeping(&kept)
    }

    /// Returns how much of the measure all entries have together, where that is a sum of theirs.
    fn whole(&self) -> Result<Option<u128>> {
        let of_groups = |amount: fn(&ecache_core::backend::Group) -> u64| -> Result<_> {
            let groups = self
                .backend
                .groups(self.filter, Dimension::Collection, self.now)?;
            Ok(Some(
                groups.iter().map(|group| u128::from(amount(group))).sum(),
            ))
        };
        match self.args.by {
            Measure::Size => of_groups(|group| group.usage.bytes),
            Measure::Saved => of_groups(|group| group.saved_ms),
            Measure::Hits => of_groups(|group| group.hits),
            Measure::Waste | Measure::Age => Ok(None),
        }
    }
}

impl Measure {
    /// Returns the order in which those with the most come first.
    fn order(self) -> (Sort, Direction) {
        match self {
            Self::Size => (Sort::Size, Direction::Descending),
            Self::Saved => (Sort::Saved, Direction::Descending),
            Self::Hits => (Sort::Hits, Direction::Descending),
            Self::Waste => (Sort::Waste, Direction::Descending),
            Self::Age => (Sort::Updated, Direction::Ascending),
        }
    }

    /// Returns its column in a table.
    fn column(self) -> Column {
        match self {
            Self::Size => Column::number("size"),
            Self::Saved => Column::number("saved_ms"),
            Self::Hits => Column::number("hits"),
            Self::Waste => Column::number("waste"),
            Self::Age => Column::age("updated_at"),
        }
    }

    /// Returns the column of a listing that says the same.
    fn leading(self) -> Option<Shown> {
        match self {
            Self::Size => Some(Shown::Field(Field::Size)),
            Self::Saved => Some(Shown::Saved),
            Self::Hits => Some(Shown::Field(Field::Hits)),
            Self::Waste => None,
            Self::Age => Some(Shown::Age),
        }
    }

    /// Returns the columns that say more of it.
    fn beside(self) -> Vec<Shown> {
        match self {
            Self::Size => vec![Shown::Field(Field::Hits), Shown::Age],
            Self::Saved => vec![Shown::Field(Field::Hits), Shown::Field(Field::CostMs)],
            Self::Hits => vec![Shown::Saved, Shown::Field(Field::CostMs), Shown::Age],
            Self::Waste => vec![Shown::Field(Field::Size), Shown::Unused],
            Self::Age => vec![Shown::Field(Field::Size), Shown::Field(Field::Hits)],
        }
    }
}

/// A unit of time that waste is shown in.
#[derive(Clone, Copy)]
struct Unit {
    name: &'static str,
    millis: i128,
}

impl Unit {
    const fn new(name: &'static str, millis: i128) -> Self {
        Self { name, millis }
    }

    /// Returns the longest unit of time in which the largest waste of a table is a byte or more.
    fn of(most: i128) -> Self {
        [
            Self::new("days", DAY),
            Self::new("hours", 3_600_000),
            Self::new("minutes", 60_000),
        ]
        .into_iter()
        .find(|unit| most >= unit.millis)
        .unwrap_or(Self::new("seconds", 1000))
    }

    /// Prints a waste, in bytes times milliseconds, as `2.9 MiB days`.
    fn text(self, waste: i128) -> String {
        let size = u64::try_from(waste / self.millis).unwrap_or(u64::MAX);
        let shown = if size == 0 && waste > 0 {
            "<1 B".to_owned()
        } else {
            human::size(size)
        };
        format!("{shown} {}", self.name)
    }
}
