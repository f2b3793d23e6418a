//! Rows as a table for people: a dim header, columns two spaces apart, one line a row.
//!
//! Rows are laid out in pages, so that memory stays flat and the first page comes at once. The
//! first page decides which columns there are and how wide; a wider cell of a later page is cut.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::mem;

use anstyle::Style;
use comfy_table::{CellAlignment, ColumnConstraint, Row, Width, presets};
use ecache_core::scope::DEFAULT_COLLECTION;

use super::column::{Column, Content, Cut, LEADING, Look, Presence, Tone, title};
use super::cut::{self, MARK};
use super::layout::{self, Demand, GAP};
use super::name;
use super::paint::{Span, paint, style};
use super::short_ids;
use super::terminal::Times;
use super::{Cell, Left, Mood, Rows, Terminal, escape, human};

const PAGE: usize = 1000;

/// Maximum length, in bytes, of a text that is considered for a cell.
const LONGEST: usize = 16 * 1024;

/// Collects a page of rows, then prints it.
pub(super) struct Table<'a, W> {
    sink: W,
    columns: &'a [Column],
    looks: Vec<Look>,
    terminal: Terminal,
    line_width: Option<usize>,
    /// The widths of the columns, once the first page has decided
    widths: Option<Vec<Option<usize>>>,
    page: Vec<(Mood, Vec<String>)>,
    /// More rows are selected than this table gets
    is_partial: bool,
    /// Names of columns that a filter made the same in all rows
    settled: Vec<&'static str>,
    left: Left,
    /// All free texts of the first page are values
    are_values: bool,
    /// Rows come one by one, so that the first ones do not tell the widths
    is_stream: bool,
}

impl<'a, W: Write> Table<'a, W> {
    pub(super) fn new(sink: W, columns: &'a [Column], terminal: &Terminal) -> Self {
        let line_width = terminal.line_width();
        let looks = columns.iter().enumerate();
        Self {
            sink,
            columns,
            looks: looks
                .map(|(place, column)| column.look(place, line_width, terminal.times))
                .collect(),
            terminal: terminal.clone(),
            line_width,
            widths: None,
            page: Vec::new(),
            is_partial: false,
            settled: Vec::new(),
            left: Left::default(),
            are_values: false,
            is_stream: false,
        }
    }

    /// Returns the title of a column.
    fn title(&self, index: usize) -> String {
        let column = &self.columns[index];
        match (column.content, self.terminal.times) {
            (Content::Age, Times::Relative) if column.title.is_none() => "AGE".to_owned(),
            (Content::Free, _) if self.are_values => "VALUE".to_owned(),
            _ if self.looks[index].title.is_empty() => title(column.name),
            _ => self.looks[index].title.to_owned(),
        }
    }

    /// Reports whether a column of the first page says something. A column that is the same in all
    /// rows is noted for the footer.
    fn says_something(&mut self, index: usize, is_last: bool) -> bool {
        let column = self.columns[index];
        let is_settled = self.settled.contains(&column.name);
        let is_asked = matches!(
            column.presence,
            Presence::Asked | Presence::Kept | Presence::Leading
        );
        if is_asked || !(is_last || is_settled) || self.is_stream {
            return true;
        }
        // Rows that are selected and not printed may differ.
        let is_whole = is_settled || !self.is_partial;
        let rows = &self.page;
        let cells = || rows.iter().map(|(_, cells)| cells[index].as_str());
        let nothing = if column.name == "expires_at" {
            NEVER
        } else {
            NOTHING
        };
        if column.content == Content::Free && cells().all(str::is_empty) {
            return false;
        }
        if cells().all(|cell| cell == nothing || cell.is_empty()) {
            if index == 0 {
                return true;
            }
            if is_whole {
                self.left.empty.push(column.name);
            }
            return false;
        }
        if !is_whole {
            return true;
        }
        let Some(first) = cells().next() else {
            return true;
        };
        let is_constant = cells().all(|cell| cell == first);
        // A single row has one of everything, but hardly ever another collection.
        let is_usual = column.name == "collection" && first == DEFAULT_COLLECTION;
        let is_known = is_settled || rows.len() > 1 || is_usual;
        if self.looks[index].is_scope && is_constant && is_known {
            let value = first.to_owned();
            self.left.constants.push((column.name, value));
            return false;
        }
        true
    }

    /// Reports whether the free texts of the page are values, none a call.
    fn shows_values_alone(&self) -> bool {
        let is_free = |column: &Column| column.content == Content::Free;
        let Some(free) = self.columns.iter().position(is_free) else {
            return false;
        };
        let mut texts = self.page.iter().map(|(_, cells)| cells[free].as_str());
        let is_value = |text: &str| text.is_empty() || text.starts_with(VALUE);
        texts.clone().any(|text| !text.is_empty()) && texts.all(is_value)
    }

    /// Decides from the first page which columns there are, and how wide.
    fn decide(&mut self, is_last: bool) -> Vec<Option<usize>> {
        let count = self.columns.len();
        let shown: Vec<bool> = (0..count)
            .map(|index| self.says_something(index, is_last))
            .collect();
        let demand = |index: usize| {
            let look = &self.looks[index];
            let title = cut::width(&self.title(index));
            let cells = self.page.iter().map(|(_, cells)| cut::width(&cells[index]));
            let short = cells.clone().filter(|width| *width <= look.whole).max();
            let content = if self.is_stream {
                self.columns[index].usual_width(look, self.line_width)
            } else {
                cells.max().unwrap_or(0)
            };
            Demand {
                rank: look.rank,
                stays: look.rank <= LEADING,
                content: content.max(title),
                title,
                floor: look.floor.max(short.unwrap_or(0)),
                comfort: look.comfort,
                is_optional: look.is_optional,
                is_free: self.columns[index].content == Content::Free,
                is_name: self.columns[index].holds_names(),
            }
        };
        let kept: Vec<usize> = (0..count).filter(|index| shown[*index]).collect();
        let mut demands: Vec<Demand> = kept.iter().map(|index| demand(*index)).collect();
        let names = kept.iter().enumerate();
        let names = names.filter(|(_, index)| self.columns[**index].holds_names());
        let names: Vec<(usize, usize)> = names.map(|(place, index)| (place, *index)).collect();
        loop {
            let chosen = layout::widths(&demands, self.line_width);
            let is_shown = |place: &usize| chosen[*place].is_some();
            match self.telling_apart(&names, is_shown) {
                Some(place) if !demands[place].stays => {
                    // The others that name a row are not driven out.
                    let shown = names.iter().filter(|(other, _)| is_shown(other));
                    let naming = shown.map(|(other, _)| *other).chain([place]);
                    layout::insist(&mut demands, naming);
                }
                _ => {
                    let mut widths = vec![None; count];
                    for (index, width) in kept.into_iter().zip(chosen) {
                        widths[index] = width;
                    }
                    return widths;
                }
            }
        }
    }

    /// Returns the first hidden one of some columns of names, each by its place and index, that
    /// tells rows apart which are alike in the shown ones.
    fn telling_apart(
        &self,
        names: &[(usize, usize)],
        is_shown: impl Fn(&usize) -> bool,
    ) -> Option<usize> {
        let (shown, hidden): (Vec<_>, Vec<_>) =
            names.iter().partition(|(place, _)| is_shown(place));
        if self.is_stream || hidden.is_empty() {
            return None;
        }
        let mut alike: HashMap<Vec<&str>, Vec<&[String]>> = HashMap::new();
        for (_, cells) in &self.page {
            let name = shown.iter().map(|(_, index)| cells[*index].as_str());
            alike.entry(name.collect()).or_default().push(cells);
        }
        let differ = |rows: &Vec<&[String]>, index: usize| {
            rows.iter().any(|cells| cells[index] != rows[0][index])
        };
        let tells = |index| alike.values().any(|rows| differ(rows, index));
        let told = hidden.into_iter().filter(|(_, index)| tells(*index));
        told.min_by_key(|(_, index)| self.looks[*index].rank)
            .map(|(place, _)| place)
    }

    /// Widens the columns for a later page, where nothing is cut.
    fn widen(&mut self) {
        let widths = self.widths.iter_mut().flatten().enumerate();
        for (index, width) in widths {
            let cells = self.page.iter().map(|(_, cells)| cut::width(&cells[index]));
            *width = width.map(|width| cells.fold(width, usize::max));
        }
    }

    /// Shortens the ids of the page, so that those of a column differ.
    fn shorten_ids(&mut self) {
        for (index, look) in self.looks.iter().enumerate() {
            let cells = self.page.iter_mut().map(|(_, cells)| &mut cells[index]);
            short_ids::ids(&mut cells.collect::<Vec<_>>(), look.cut, self.line_width);
        }
    }

    fn print_page(&mut self, is_last: bool) -> io::Result<()> {
        if self.page.is_empty() {
            return self.sink.flush();
        }
        self.shorten_ids();
        let is_first = self.widths.is_none();
        self.are_values |= is_first && self.shows_values_alone();
        if is_first {
            self.widths = Some(self.decide(is_last));
        } else if self.line_width.is_none() {
            self.widen();
        }
        let widths = self.widths.clone().unwrap_or_default();
        let (moods, rows): (Vec<Mood>, Vec<Vec<String>>) =
            mem::take(&mut self.page).into_iter().unzip();
        let mut columns = Vec::new();
        for (index, width) in widths.iter().enumerate() {
            if let Some(width) = *width {
                let mut cells: Vec<String> = rows.iter().map(|row| row[index].clone()).collect();
                let free = self.columns[index].content == Content::Free;
                if free && self.are_values {
                    // The title says it.
                    for cell in &mut cells {
                        if let Some(value) = cell.strip_prefix(VALUE) {
                            *cell = value.to_owned();
                        }
                    }
                }
                let cut = match self.looks[index].cut {
                    _ if free && self.are_values => Cut::End,
                    Cut::Never if free => Cut::Middle,
                    cut => cut,
                };
                if self.columns[index].holds_names() {
                    name::cut_all(&mut cells, width, cut);
                } else {
                    cut_cells(&mut cells, width, cut, free);
                }
                // The word that says what a sum is stands at its start.
                let is_sum = |row: &usize| moods[*row] == Mood::Total && !free;
                for row in (0..rows.len()).filter(is_sum) {
                    cells[row] = cut::shorten(&rows[row][index], width, Cut::End);
                }
                columns.push((index, width, cells));
            }
        }
        let mut page = comfy_table::Table::new();
        page.load_style(presets::NOTHING);
        if is_first {
            let titles = columns
                .iter()
                .map(|(index, width, _)| cut::shorten(&self.title(*index), *width, Cut::End));
            page.set_header(one_line(titles));
        }
        for row in 0..rows.len() {
            page.add_row(one_line(
                columns.iter().map(|(_, _, cells)| cells[row].clone()),
            ));
        }
        for (on_page, (index, width, _)) in page.column_iter_mut().zip(&columns) {
            // comfy-table counts the padding as a part of the width.
            let width = u16::try_from(width + GAP).unwrap_or(u16::MAX);
            on_page.set_padding((0, GAP as u16));
            on_page.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            if matches!(self.columns[*index].content, Content::Number | Content::Age) {
                on_page.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut lines = page.lines();
        if is_first && let Some(header) = lines.next() {
            self.print(header.trim_end(), |_| style::MUTED, &[])?;
        }
        for (row, line) in lines.enumerate() {
            let spans = self.spans(&columns, row, moods[row]);
            self.print(line.trim_end(), |_| moods[row].style(), &spans)?;
        }
        self.sink.flush()
    }

    /// Returns the styled parts of a row.
    fn spans(&self, columns: &[(usize, usize, Vec<String>)], row: usize, mood: Mood) -> Vec<Span> {
        let mut start = 0;
        let mut spans = Vec::new();
        for (index, width, cells) in columns {
            let cell = cells[row].as_str();
            let own = match self.looks[*index].tone {
                _ if cell == NOTHING => style::MUTED,
                _ if self.columns[*index].content == Content::Free && cell.starts_with(VALUE) => {
                    style::MUTED
                }
                _ if self.columns[*index].content == Content::Age && cell.starts_with("in ") => {
                    style::WARN
                }
                Tone::Name => style::NAME,
                Tone::Plain => Style::new(),
            };
            spans.push(Span {
                start,
                end: start + width,
                style: if mood == Mood::Plain {
                    own
                } else {
                    mood.style()
                },
            });
            start += width + GAP;
        }
        spans
    }

    /// Prints a line; without spans all of it is of one style.
    fn print(
        &mut self,
        line: &str,
        whole: impl Fn(usize) -> Style,
        spans: &[Span],
    ) -> io::Result<()> {
        if !self.terminal.color {
            return self.print_line(line);
        }
        let all = [Span {
            start: 0,
            end: usize::MAX,
            style: whole(0),
        }];
        let spans = if spans.is_empty() { &all } else { spans };
        self.print_line(&paint(line, spans))
    }

    fn print_line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.sink, "{}", self.terminal.text(line))
    }

    /// Spells a cell for people.
    fn show(&self, index: usize, cell: &Cell) -> String {
        let column = &self.columns[index];
        let free = column.content == Content::Free;
        match cell {
            Cell::Null if column.name == "expires_at" => NEVER.to_owned(),
            Cell::Null if free => String::new(),
            Cell::Null => NOTHING.to_owned(),
            Cell::Text(text) if column.holds_names() => name::shown(&limited(text)).into_owned(),
            Cell::Text(text) | Cell::Json(text) => escape::for_line(&limited(text)).into_owned(),
            Cell::Size(bytes) => human::size(*bytes),
            Cell::Duration(0) if column.name != "cost_ms" => NOTHING.to_owned(),
            Cell::Duration(ms) => human::duration(*ms),
            // An expiry says whether it is over, or will be.
            Cell::Time(ms)
                if column.name == "expires_at"
                    && self.terminal.times == Times::Relative
                    && (self.terminal.now - 999..=self.terminal.now).contains(ms) =>
            {
                "0s ago".to_owned()
            }
            Cell::Time(ms) => self.terminal.time(*ms, column.content == Content::Age),
            Cell::Percent { part, rest } => {
                let part = u128::from(*part);
                human::share(part, part + u128::from(*rest))
            }
            Cell::Count(0) => NOTHING.to_owned(),
            Cell::Count(number) => human::count(*number),
            Cell::Bool(_) | Cell::Integer(_) => {
                let mut exact = String::new();
                cell.push_exact(&mut exact, String::push_str);
                exact
            }
        }
    }
}

/// Stands for nothing.
const NOTHING: &str = "-";

/// Stands before a value in the place of a call.
pub(crate) const VALUE: &str = "= ";

/// Stands for an expiry that is none.
const NEVER: &str = "never";

impl<W: Write> Rows for Table<'_, W> {
    fn row(&mut self, mood: Mood, cells: &[Cell]) -> io::Result<()> {
        let cells = cells.iter().enumerate();
        let shown = cells.map(|(index, cell)| self.show(index, cell)).collect();
        self.page.push((mood, shown));
        // One row more than a page tells whether the page is all.
        if self.page.len() <= PAGE {
            return Ok(());
        }
        let next = self.page.pop();
        self.print_page(false)?;
        self.page.extend(next);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.is_stream {
            return Ok(());
        }
        self.print_page(false)
    }

    fn stream(&mut self) {
        self.is_stream = true;
    }

    fn finish(&mut self) -> io::Result<Left> {
        self.print_page(true)?;
        Ok(mem::take(&mut self.left))
    }

    fn is_partial(&mut self) {
        self.is_partial = true;
    }

    fn settle(&mut self, names: &[&'static str]) {
        self.settled.extend_from_slice(names);
    }
}

/// Cuts the cells of a column. Values in a column of free text are cut at their end, commands and
/// calls in their middle.
fn cut_cells(cells: &mut [String], width: usize, cut: Cut, is_free: bool) {
    if !is_free {
        return cut::column(cells, width, cut);
    }
    let is_value = |cell: &String| cell.starts_with(VALUE);
    let mut calls: Vec<String> = cells
        .iter()
        .filter(|cell| !is_value(cell))
        .cloned()
        .collect();
    cut::column(&mut calls, width, cut);
    let mut calls = calls.into_iter();
    for cell in cells {
        if is_value(cell) {
            *cell = cut::shorten(cell, width, Cut::End);
        } else if let Some(call) = calls.next() {
            *cell = call;
        }
    }
}

/// Makes a row of a single line.
fn one_line(cells: impl Iterator<Item = String>) -> Row {
    let mut row = Row::from(cells.collect::<Vec<String>>());
    row.max_height(1);
    row
}

/// Returns a text that is not too long, or its two ends.
fn limited(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST {
        return text.into();
    }
    let boundary = |near: usize| (0..=near).rev().find(|index| text.is_char_boundary(*index));
    let head = boundary(LONGEST / 2).unwrap_or(0);
    let tail = boundary(text.len() - LONGEST / 2).unwrap_or(0);
    format!("{}{MARK}{}", &text[..head], &text[tail..]).into()
}
