//! The fields of entries, printed as they are read: what was asked for, or all, for programs.

use std::ops::ControlFlow;

use anyhow::Result;
use ecache_core::backend::{Row, Values, Visitor, read_value};
use ecache_core::entry::EntryRef;

use super::{List, Seen};
use crate::commands::shared::view::fields::{self, Field};
use crate::datasets::Datasets;
use crate::output::{Cell, Column, Format, Left, Mood, Secrets, Writer};

impl List<'_> {
    /// Prints the fields that were asked for, or those that programs get.
    pub(super) fn print_fields(&self, format: Format) -> Result<Seen> {
        // JSON is for programs, which want to see all there is.
        let datasets = self.context.datasets()?;
        let mut fields = match (format, self.args.fields.as_slice()) {
            (Format::Json | Format::Jsonl, []) => fields::parse(&["all".into()], &datasets)?,
            (_, names) => fields::of_option(self.context, names, &datasets)?,
        };
        if self.args.fields.is_empty() && self.context.may_mix_collections() {
            fields::add_collection(&mut fields);
        }
        let values = if fields.contains(&Field::Value) {
            Values::Include
        } else {
            Values::Omit
        };
        let secrets = Secrets::from(self.args.reveal);
        let columns = fields.iter().map(|field| field.column().asked());
        let columns: Vec<Column> = columns.collect();
        let mut printer = Printer {
            list: self,
            fields: &fields,
            datasets: &datasets,
            secrets,
            rows: self.rows(format, &columns)?,
            cells: Vec::new(),
            seen: Seen::default(),
            failed: None,
        };
        let scan = self.scan(values, format);
        if self.text.is_some() {
            for row in self.backend.scan(&scan, self.now)? {
                if self.is_full(format, printer.seen.count) || printer.row(row?).is_break() {
                    break;
                }
            }
        } else {
            self.backend.visit(&scan, self.now, &mut printer)?;
        }
        let Printer {
            rows, seen, failed, ..
        } = printer;
        if let Some(failed) = failed {
            return Err(failed);
        }
        rows.finish()?;
        if format == Format::Table {
            self.print_footer(&seen, &Left::default())?;
        }
        Ok(seen)
    }
}

/// Prints fields of entries as they are read.
struct Printer<'a> {
    list: &'a List<'a>,
    fields: &'a [Field],
    datasets: &'a Datasets,
    secrets: Secrets,
    rows: Writer<'a>,
    /// The memory for the cells of a row, between rows
    cells: Vec<Cell<'static>>,
    seen: Seen,
    /// The failure that ends the list
    failed: Option<anyhow::Error>,
}

impl Printer<'_> {
    fn print(&mut self, entry: &EntryRef<'_>, value: Option<&str>) -> Result<()> {
        let (datasets, secrets, now) = (self.datasets, self.secrets, self.list.now);
        let mut cells = emptied(std::mem::take(&mut self.cells));
        let fields = self.fields.iter();
        cells.extend(fields.map(|field| field.cell(*entry, value, datasets, secrets, now)));
        let mood = if entry.is_expired(self.list.now) {
            Mood::Muted
        } else {
            Mood::Plain
        };
        self.rows.row_as(mood, &cells)?;
        self.cells = emptied(cells);
        self.seen.count += 1;
        Ok(())
    }

    fn print_row(&mut self, row: Row) -> Result<()> {
        let Some((entry, content)) = self.list.entry(row, &mut self.seen)? else {
            return Ok(());
        };
        let content = content.filter(|_| self.fields.contains(&Field::Value));
        let value = match content {
            Some(content) => Some(read_value(self.list.backend, entry.kind, content)?),
            None => None,
        };
        let value = value.as_ref();
        let value = value.map(|value| fields::json(value.kind, &value.bytes));
        self.print(&EntryRef::from(&entry), value.as_deref())
    }

    fn go_on(&mut self, done: Result<()>) -> ControlFlow<()> {
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed.get_or_insert(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Visitor for Printer<'_> {
    fn entry(&mut self, entry: &EntryRef<'_>, value: Option<&[u8]>) {
        self.rows.hold(true);
        let value = value.map(|value| fields::json(entry.kind, value));
        let printed = self.print(entry, value.as_deref());
        // Reported at the end of the page.
        let _ = self.go_on(printed);
    }

    fn row(&mut self, row: Row) -> ControlFlow<()> {
        self.rows.hold(false);
        let printed = self.print_row(row);
        self.go_on(printed)
    }

    fn end_page(&mut self) -> ControlFlow<()> {
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        let flushed = self.rows.flush().map_err(Into::into);
        self.go_on(flushed)
    }
}

/// Empties a list of cells, for the cells of another row in the same memory.
fn emptied<'a>(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'a>> {
    cells.clear();
    // Collecting into a type of the same layout keeps the allocation.
    cells
        .into_iter()
        .map(|_| unreachable!("it is empty"))
        .collect()
}
