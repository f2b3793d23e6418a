//! Rows as a table for people: a light header, columns two spaces apart, one line a row.
//!
//! Rows are laid out in pages, so that memory stays flat and the first page comes at once. A column
//! is as wide as what was seen so far: a later page can only make it wider. Text that does not fit
//! is cut in its middle, since ids and hashes tell apart at either end.

use std::io::{self, Write};
use std::mem;

use anstyle::Style;
use comfy_table::{CellAlignment, ColumnConstraint, Row, Width, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::human::{self, Precision};
use super::{Cell, Column, Layout, Rows, Terminal, escape};

const PAGE: usize = 1000;
const GAP: u16 = 2;
/// Text is not made narrower than this; on a terminal too narrow for that, rows wrap.
const NARROWEST: u16 = 4;

/// Collects a page of rows, then prints it.
pub(super) struct Table<'a, W> {
    sink: W,
    columns: &'a [Column],
    line_width: Option<usize>,
    header_style: Style,
    /// How wide each column would be if the terminal had no end
    widths: Vec<u16>,
    is_headed: bool,
    page: Vec<Vec<String>>,
}

impl<'a, W: Write> Table<'a, W> {
    pub(super) fn new(sink: W, columns: &'a [Column], terminal: &Terminal) -> Self {
        let title_width = |column: &Column| width(&title(column.name));
        Self {
            sink,
            columns,
            line_width: terminal.line_width(),
            header_style: if terminal.color {
                Style::new().bold()
            } else {
                Style::new()
            },
            widths: columns.iter().map(title_width).collect(),
            is_headed: false,
            page: Vec::new(),
        }
    }

    fn print_page(&mut self) -> io::Result<()> {
        let rows = mem::take(&mut self.page);
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            for (seen, cell) in self.widths.iter_mut().zip(row) {
                *seen = width(cell).max(*seen);
            }
        }
        let fitted = match self.line_width {
            Some(limit) => fit(&self.widths, self.columns, limit),
            None => self.widths.clone(),
        };
        let mut page = empty_page();
        if !mem::replace(&mut self.is_headed, true) {
            page.set_header(shortened(
                self.columns.iter().map(|column| title(column.name)),
                &fitted,
            ));
        }
        for row in rows {
            page.add_row(shortened(row.into_iter(), &fitted));
        }
        let layout = self.columns.iter().zip(fitted);
        for (on_page, (column, width)) in page.column_iter_mut().zip(layout) {
            // comfy-table counts the padding as a part of the width.
            let width = Width::Fixed(width.saturating_add(GAP));
            on_page.set_padding((0, GAP));
            on_page.set_constraint(ColumnConstraint::Absolute(width));
            if column.layout == Layout::Number {
                on_page.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut lines = page.lines();
        if page.header().is_some()
            && let Some(header) = lines.next()
        {
            let style = self.header_style;
            writeln!(self.sink, "{style}{}{style:#}", header.trim_end())?;
        }
        for line in lines {
            writeln!(self.sink, "{}", line.trim_end())?;
        }
        self.sink.flush()
    }
}

impl<W: Write> Rows for Table<'_, W> {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let shown = cells.iter().map(|cell| show(cell, self.line_width));
        self.page.push(shown.collect());
        if self.page.len() < PAGE {
            Ok(())
        } else {
            self.print_page()
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.print_page()
    }
}

fn empty_page() -> comfy_table::Table {
    let mut page = comfy_table::Table::new();
    page.load_style(presets::NOTHING);
    page
}

/// Returns a column's title. Durations are shown with their units, so the title has none.
fn title(name: &str) -> String {
    let name = name.strip_suffix("_ms").unwrap_or(name);
    name.replace('_', " ").to_uppercase()
}

/// Spells a cell for people. Of text, not more than can be seen on a line.
fn show(cell: &Cell, line_width: Option<usize>) -> String {
    match cell {
        Cell::Null => "-".to_owned(),
        Cell::Text(text) | Cell::Json(text) => {
            // Of a text that is far too long, its ends: they are all that can be seen of it.
            let longest = line_width.map_or(usize::MAX, |width| width * 8);
            if text.len() > longest {
                escape::for_line(&ends(text, longest / 2)).into_owned()
            } else {
                escape::for_line(text).into_owned()
            }
        }
        Cell::Size(bytes) => human::size(*bytes),
        Cell::Duration(ms) => human::duration(*ms),
        Cell::Time(ms) => {
            let mut time = String::new();
            human::push_time(&mut time, *ms, Precision::Seconds);
            time
        }
        Cell::Bool(_) | Cell::Integer(_) | Cell::Count(_) => {
            let mut exact = String::new();
            cell.push_exact(&mut exact, String::push_str);
            exact
        }
    }
}

/// Returns up to `bytes` bytes of the beginning of a text, and about as many of its end.
fn ends(text: &str, bytes: usize) -> String {
    let boundary = |near: usize| (0..=near).rev().find(|index| text.is_char_boundary(*index));
    let (head, tail) = (boundary(bytes), boundary(text.len() - bytes));
    format!(
        "{}{}",
        &text[..head.unwrap_or(0)],
        &text[tail.unwrap_or(0)..]
    )
}

fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// Makes a row whose cells fit into their columns.
fn shortened(cells: impl Iterator<Item = String>, widths: &[u16]) -> Row {
    let mut row = Row::new();
    row.max_height(1);
    for (cell, width) in cells.zip(widths) {
        row.add_cell(shorten(cell, usize::from(*width)).into());
    }
    row
}

/// Cuts the middle out of a text that is wider than `width`.
fn shorten(text: String, width: usize) -> String {
    if text.width() <= width {
        return text;
    }
    let take = |characters: &mut dyn Iterator<Item = char>, room: usize| {
        let mut taken = 0;
        let fits = |character: &char| {
            taken += character.width().unwrap_or(0);
            taken <= room
        };
        characters.take_while(fits).collect::<Vec<char>>()
    };
    let head = take(&mut text.chars(), width / 2);
    let tail = take(&mut text.chars().rev(), (width - 1) / 2);
    let mut short: String = head.into_iter().collect();
    short.push('…');
    short.extend(tail.into_iter().rev());
    short
}

/// Takes width from the widest columns of text until a row fits into `limit`, or they are at their
/// narrowest.
fn fit(widths: &[u16], columns: &[Column], limit: usize) -> Vec<u16> {
    let mut fitted = widths.to_vec();
    let gaps = usize::from(GAP) * widths.len().saturating_sub(1);
    let total: usize = gaps + widths.iter().copied().map(usize::from).sum::<usize>();
    for _ in limit..total {
        let text = columns.iter().zip(&mut fitted);
        let widest = text
            .filter(|(column, _)| column.layout == Layout::Text)
            .map(|(_, width)| width)
            .max();
        match widest {
            Some(width) if *width > NARROWEST => *width -= 1,
            _ => break,
        }
    }
    fitted
}
