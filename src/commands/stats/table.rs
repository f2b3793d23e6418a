//! The figures of `stats` in rows: all of them for programs, the telling ones for people.

use std::cmp::Reverse;

use anyhow::Result;

use super::figures::{FIGURES, HIT_RATE, SHARE, TABLE, TABLE_OF_PERIOD, cell, figure};
use super::{Answer, Name, Question, Stats};
use crate::cli::GroupBy;
use crate::context::Context;
use crate::datasets::Datasets;
use crate::output::{Cell, Column, Format, Mood, Secrets, chart, human};

/// The rows of an answer.
pub(super) struct Table<'a> {
    context: &'a Context,
    question: &'a Question,
    answer: &'a Answer,
    format: Format,
    datasets: Datasets,
    /// The sum of all groups
    total: Stats,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        context: &'a Context,
        question: &'a Question,
        answer: &'a Answer,
        format: Format,
    ) -> Result<Self> {
        let mut total = Stats::default();
        for stats in answer.groups.values() {
            total.counts.add(&stats.counts);
            total.entries.merge(stats.entries.clone());
        }
        Ok(Self {
            context,
            question,
            answer,
            format,
            datasets: context.datasets()?,
            total,
        })
    }

    pub(super) fn print(&self, secrets: Secrets) -> Result<()> {
        let columns = self.columns();
        let mut rows = self.context.rows(self.format, &columns)?;
        let groups = self.groups();
        for (name, stats) in &groups {
            rows.row(&self.row(name, stats, secrets))?;
        }
        if self.is_table() && groups.len() > 1 {
            let cells = self.total_row(columns.len(), groups.len() as u64);
            rows.row_as(Mood::Total, &cells)?;
        }
        Ok(rows.finish()?)
    }

    fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Returns the figures of a table, and their ranks.
    fn ranked(&self) -> &'static [(&'static str, u8)] {
        match self.question.since {
            None => &TABLE,
            Some(_) => &TABLE_OF_PERIOD,
        }
    }

    fn figures(&self) -> Vec<&'static str> {
        if self.is_table() {
            self.ranked().iter().map(|(name, _)| *name).collect()
        } else {
            FIGURES.to_vec()
        }
    }

    /// Returns the place of the datasets' ids, if their names go beside them.
    fn named(&self) -> Option<usize> {
        let is_named = |by: &GroupBy| *by == GroupBy::Dataset && self.datasets.have_names();
        self.question.by.iter().position(is_named)
    }

    fn columns(&self) -> Vec<Column> {
        let names = self.question.by.iter();
        let names = names.map(|by| Column::text(by.field()));
        let mut columns: Vec<Column> = if self.is_table() {
            names.map(|name| name.ranked(0)).collect()
        } else {
            names.collect()
        };
        if let Some(place) = self.named() {
            columns.insert(place + 1, Column::text("dataset_name"));
        }
        if self.is_table() {
            columns.extend(self.ranked().iter().map(|(name, rank)| figure(name, *rank)));
        } else {
            columns.extend(FIGURES.map(|name| match name {
                "oldest" => Column::whole(name),
                name => Column::number(name),
            }));
        }
        columns
    }

    /// Returns the groups in the order of their rows. A person looks for the largest, or for those
    /// that save most.
    fn groups(&self) -> Vec<(&Name, &Stats)> {
        let mut groups: Vec<_> = self.answer.groups.iter().collect();
        if !self.is_table() {
            return groups;
        }
        groups.sort_by_key(|(_, stats)| {
            Reverse(match self.question.since {
                Some(_) => stats.counts.saved_ms,
                None => stats.entries.usage.bytes,
            })
        });
        // A call that was not counted as a hit or a miss is not a figure of a table.
        let is_figure = |cell: &Cell<'_>| match cell {
            Cell::Null => false,
            Cell::Count(number) | Cell::Size(number) | Cell::Duration(number) => *number > 0,
            Cell::Text(bar) => !bar.is_empty(),
            _ => true,
        };
        let figures = self.figures();
        groups.retain(|(_, stats)| {
            let mut figures = figures.iter();
            figures.any(|figure| is_figure(&self.cell(figure, stats)))
        });
        groups
    }

    fn cell(&self, figure: &str, stats: &Stats) -> Cell<'static> {
        let is_unicode = self.context.terminal.is_unicode;
        match figure {
            SHARE => {
                let [part, whole] = [stats, &self.total].map(|it| it.entries.usage.bytes.into());
                Cell::from(chart::bar(part, whole, is_unicode))
            }
            HIT_RATE => {
                let (hits, misses) = (stats.counts.hits, stats.counts.misses);
                let calls = u128::from(hits) + u128::from(misses);
                Cell::from(chart::bar(hits.into(), calls, is_unicode))
            }
            figure => cell(figure, stats, self.question.is_counted),
        }
    }

    fn row<'c>(&'c self, name: &'c Name, stats: &Stats, secrets: Secrets) -> Vec<Cell<'c>> {
        let texts = name.iter().map(|name| {
            name.as_deref()
                .map_or(Cell::Null, |name| Cell::Text(secrets.text(name)))
        });
        let mut cells: Vec<Cell<'_>> = texts.collect();
        if let Some(place) = self.named() {
            let name = self.datasets.name(name[place].as_deref());
            cells.insert(place + 1, Cell::from(name));
        }
        let figures = self.figures();
        cells.extend(figures.iter().map(|figure| self.cell(figure, stats)));
        cells
    }

    fn total_row(&self, columns: usize, groups: u64) -> Vec<Cell<'static>> {
        let [one, many] = match &*self.question.by {
            [by] => [by.as_str(), by.plural()],
            _ => ["group", "groups"],
        };
        let figures = self.figures();
        let mut cells = vec![Cell::Null; columns - figures.len()];
        cells[0] = Cell::from(format!("total, {}", human::counted(groups, one, many)));
        cells.extend(figures.iter().map(|figure| match *figure {
            // All of the bytes are not a share that says anything.
            SHARE => Cell::from(""),
            figure => self.cell(figure, &self.total),
        }));
        cells
    }
}
