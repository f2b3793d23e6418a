//! Draws the browser into a buffer, from which the screen sends what changed.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Style};

use std::collections::VecDeque;

use ecache_core::backend::{OperationRecord, Sort};
use ecache_core::filter::Usage;

mod boxes;

use super::events::{Figures, Place, Whole};
use super::layout::{Pane, Parts, SMALLEST, folded, parts};
use super::list::Row;
use super::model::{Marks, Mode, Model, SORTS};
use crate::output::cut::{self, Cut};
use crate::output::short_ids::ShortIds;
use crate::output::{escape, human, name};

/// Formats entries, which the browser does not know how to.
pub(crate) trait Texts {
    /// Returns a header, and a line for each row, of at most that width.
    fn table(&self, page: &Page<'_>, width: usize) -> Vec<String>;
    /// Returns a header, and a line for each operation, of at most that width.
    fn operations(&self, operations: &[&OperationRecord], width: usize) -> Vec<String>;
    /// Returns lines of at most that width.
    fn figures(&self, figures: &Figures, width: usize) -> Vec<String>;
    /// Returns the call of an entry, and the facts about it.
    fn summary(&self, row: &Row, width: usize) -> [String; 2];
    /// Returns the name of a dataset, if it has one.
    fn dataset(&self, id: &str) -> Option<&str>;
    /// Reports whether an entry is expired.
    fn is_expired(&self, row: &Row) -> bool;
}

/// The rows on the screen, and what decides about their columns.
pub(crate) struct Page<'a> {
    pub(crate) rows: &'a [&'a Row],
    /// All rows that were read: columns do not come and go while these are scrolled
    pub(crate) window: &'a VecDeque<Row>,
    pub(crate) with_stores: bool,
    pub(crate) sort: Sort,
}

/// A cursor's column and line.
pub(crate) type Cursor = Option<(u16, u16)>;

const KEYS: &str = "space mark  d clear  p pin  t lifetime  s sort  u undo  ? keys  q quit";

/// The styles of meaningful parts; plain without colour.
#[derive(Clone, Copy)]
struct Palette {
    color: bool,
}

impl Palette {
    fn of(self, style: Style) -> Style {
        if self.color { style } else { Style::new() }
    }

    fn name(self) -> Style {
        self.of(Style::new().bold())
    }

    fn muted(self) -> Style {
        self.of(Style::new().dim())
    }

    fn here(self) -> Style {
        self.of(Style::new().reversed())
    }

    fn bad(self) -> Style {
        self.of(Style::new().fg(Color::Red))
    }

    fn warn(self) -> Style {
        self.of(Style::new().fg(Color::Yellow))
    }
}

/// Draws the browser.
pub(super) fn draw(model: &Model, texts: &dyn Texts, color: bool) -> (Buffer, Cursor) {
    let area = Rect::new(0, 0, model.width, model.height);
    let mut view = View {
        model,
        texts,
        palette: Palette { color },
        buffer: Buffer::empty(area),
        cursor: None,
    };
    match parts(model.width, model.height, model.pane) {
        Some(parts) => view.all(&parts),
        None => {
            let (width, height) = SMALLEST;
            let needed = format!("needs {width}x{height}");
            view.text(0, 0, &needed, Style::new());
        }
    }
    (view.buffer, view.cursor)
}

struct View<'a> {
    model: &'a Model,
    texts: &'a dyn Texts,
    palette: Palette,
    buffer: Buffer,
    cursor: Cursor,
}

impl View<'_> {
    fn all(&mut self, parts: &Parts) {
        self.title();
        self.filter();
        if let Mode::Whole(top) = self.model.mode {
            self.rule(2, &[], "─");
            self.whole(top);
            self.keys("↑ ↓ scroll   Esc back");
            return;
        }
        if let Mode::Operations(place) = self.model.mode {
            self.rule(2, &[], "─");
            self.operations(place);
            self.keys("↑ ↓ one line   Enter undo   Esc back");
            return;
        }
        let borders = [
            parts
                .places
                .filter(|places| places.right() < self.model.width),
            parts
                .value
                .map(|value| Rect::new(value.x - 1, value.y, 0, value.height)),
        ];
        let borders: Vec<u16> = borders
            .into_iter()
            .flatten()
            .map(|part| part.right())
            .collect();
        self.rule(2, &borders, "┬");
        for y in parts.entries.top()..parts.entries.bottom() {
            for x in &borders {
                self.text(*x, y, "│", self.palette.muted());
            }
        }
        self.rule(parts.rule, &borders, "┴");
        if let Some(area) = parts.places {
            self.places(area);
        }
        if parts.entries.width > 0 {
            self.entries(parts.entries);
        }
        if let Some(area) = parts.value {
            self.value(area);
        }
        if let Some(area) = parts.strip {
            self.strip(area);
        }
        self.keys(if self.model.mode == Mode::Filter {
            "Enter back to the list   Esc clear the filter   ↑ ↓ entries"
        } else {
            KEYS
        });
        match &self.model.mode {
            Mode::Remove(removal) => self.removal(removal),
            Mode::Lifetime(renewal) => self.lifetime(renewal),
            Mode::Help(top) => self.help(*top),
            Mode::Figures => self.figures(),
            Mode::List | Mode::Filter | Mode::Whole(_) | Mode::Operations(_) => {}
        }
    }

    /// Writes a text from a column to the end of the line.
    fn text(&mut self, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let width = self.model.width.saturating_sub(x);
        self.text_in(x, y, width, text, style)
    }

    /// Writes a text into some columns, and returns the one behind it.
    fn text_in(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        if y >= self.model.height || x >= self.model.width {
            return x;
        }
        let width = usize::from(width.min(self.model.width - x));
        self.buffer.set_stringn(x, y, text, width, style).0
    }

    fn title(&mut self) {
        let model = self.model;
        let mut right = match &model.counts {
            None => "…".to_owned(),
            Some(counts) => {
                let Usage { entries, bytes } = counts.found;
                let all = human::entries(counts.all.entries);
                let of = if entries == counts.all.entries {
                    all
                } else {
                    format!("{} of {all}", human::count(entries))
                };
                format!("{of}, {}", human::size(bytes))
            }
        };
        match &model.marks {
            Marks::All => right.push_str(", all marked"),
            Marks::These(marks) if marks.is_empty() => {}
            Marks::These(marks) => {
                right.push_str(&format!(", {} marked", human::count(marks.len() as u64)));
            }
        }
        if model.is_live {
            right.push_str("  ● live");
        }
        let width = usize::from(model.width);
        let start = width.saturating_sub(cut::width(&right) + 1);
        let name = self.text(1, 0, "ecache", self.palette.name());
        let room = start.saturating_sub(usize::from(name) + 4);
        let location = cut::shorten(&model.location, room, Cut::Start);
        self.text(name + 2, 0, &location, self.palette.muted());
        self.text(u16::try_from(start).unwrap_or(0), 0, &right, Style::new());
    }

    fn filter(&mut self) {
        let model = self.model;
        let style = match &model.filter_problem {
            Some(_) => self.palette.bad(),
            None => Style::new(),
        };
        let x = self.text(1, 1, "/ ", self.palette.muted());
        if model.mode == Mode::Filter {
            let (before, behind) = model.filter.parts();
            // The end of a long line is shown, where the cursor is.
            let room = usize::from(model.width.saturating_sub(x + 2));
            let before = cut::shorten(&escape::for_line(before), room, Cut::Start);
            let cursor = self.text(x, 1, &before, style);
            self.text(cursor, 1, &escape::for_line(behind), style);
            self.cursor = Some((cursor.min(model.width.saturating_sub(1)), 1));
        } else if model.filter.text().is_empty() {
            let hint = "press / to filter: words of ls, as in  thumbs --larger-than 1MiB";
            self.text(x, 1, hint, self.palette.muted());
        } else {
            self.text(x, 1, &escape::for_line(model.filter.text()), style);
        }
    }

    /// Draws a line across the screen, with joints where borders meet it.
    fn rule(&mut self, y: u16, borders: &[u16], joint: &str) {
        for x in 0..self.model.width {
            let symbol = if borders.contains(&x) { joint } else { "─" };
            self.text_in(x, y, 1, symbol, self.palette.muted());
        }
    }

    fn places(&mut self, area: Rect) {
        let model = self.model;
        let mut lines: Vec<(String, Option<(usize, Usage)>)> = vec![(" STORES".to_owned(), None)];
        let places = model.counts.as_ref().map(|counts| counts.places.as_slice());
        let Some(places) = places else {
            self.text_in(area.x, area.y, area.width, " STORES", self.palette.muted());
            self.text_in(area.x, area.y + 1, area.width, " …", self.palette.muted());
            return;
        };
        let ids = places.iter().filter_map(|(place, _)| match place {
            Place::Dataset(id) => id.as_deref(),
            Place::All | Place::Store(_) => None,
        });
        let ids = ShortIds::of_ids(ids);
        let mut has_datasets = false;
        for (index, (place, usage)) in places.iter().enumerate() {
            if matches!(place, Place::Dataset(_)) && !has_datasets {
                has_datasets = true;
                lines.push((String::new(), None));
                lines.push((" DATASETS".to_owned(), None));
            }
            let name = match place {
                Place::All => "all".to_owned(),
                Place::Store(name) => name::shown(name).into_owned(),
                Place::Dataset(None) => "none".to_owned(),
                Place::Dataset(Some(id)) => {
                    let named = self.texts.dataset(id);
                    let short = || ids.id(id).filter(|_| named.is_none());
                    short().unwrap_or_else(|| name::shown(named.unwrap_or(id)).into_owned())
                }
            };
            lines.push((name, Some((index, *usage))));
        }
        let current = lines
            .iter()
            .position(|(_, place)| place.is_some_and(|(index, _)| index == model.place));
        let (current, height) = (current.unwrap_or(0), usize::from(area.height));
        let top = (current + 2).saturating_sub(height);
        for (y, (text, place)) in (area.y..area.bottom()).zip(lines.into_iter().skip(top)) {
            let Some((index, usage)) = place else {
                self.text_in(area.x, y, area.width, &text, self.palette.muted());
                continue;
            };
            let is_here = index == model.place;
            let style = match (is_here, model.pane) {
                (true, Pane::Places) => self.palette.here(),
                (true, Pane::Entries) => self.palette.name(),
                (false, _) => Style::new(),
            };
            let count = human::count(usage.entries);
            let width = usize::from(area.width);
            let room = width.saturating_sub(cut::width(&count) + 3);
            let name = name::cut_one(text, room, Cut::Store);
            let gap = " ".repeat(room.saturating_sub(cut::width(&name)));
            let mark = if is_here { "▸" } else { " " };
            let line = format!("{mark}{name}{gap} {count} ");
            self.text_in(area.x, y, area.width, &line, style);
        }
    }

    fn entries(&mut self, area: Rect) {
        let model = self.model;
        let rows = model.list.rows();
        let height = usize::from(area.height).saturating_sub(1);
        if rows.is_empty() {
            let text = match (model.list.is_waiting(), &model.counts) {
                (true, _) => "…",
                (false, Some(counts)) if counts.all.entries == 0 => "nothing is cached yet",
                (false, _) if model.names_stores() => {
                    "no entry matches: words are names of stores; --key 'cat*' --glob finds keys"
                }
                (false, _) => "no entry matches",
            };
            let (x, width) = (area.x + 3, area.width - 3);
            let lines = folded(text, usize::from(width));
            for (y, line) in (area.y..area.bottom()).zip(lines) {
                self.text_in(x, y, width, &line, self.palette.muted());
            }
            return;
        }
        let top = model.list.top().min(rows.len().saturating_sub(1));
        let shown: Vec<&Row> = rows.iter().skip(top).take(height).collect();
        let with_stores = !matches!(model.current_place(), Place::Store(_));
        let width = usize::from(area.width).saturating_sub(4);
        let page = Page {
            rows: &shown,
            window: rows,
            with_stores,
            sort: SORTS[model.sort].0,
        };
        let lines = self.texts.table(&page, width);
        let mut lines = lines.iter();
        if let Some(header) = lines.next() {
            self.text_in(
                area.x + 3,
                area.y,
                area.width - 3,
                header,
                self.palette.muted(),
            );
        }
        for (index, (line, row)) in lines.zip(&shown).enumerate() {
            let y = area.y + 1 + u16::try_from(index).unwrap_or(u16::MAX);
            let is_here = top + index == model.list.cursor();
            let is_marked = model.is_marked(row.address());
            let style = match (is_here, model.pane) {
                (true, Pane::Entries) => self.palette.here(),
                (true, Pane::Places) => self.palette.name(),
                (false, _) if self.texts.is_expired(row) => self.palette.muted(),
                (false, _) => Style::new(),
            };
            let bar = if is_here { "▌" } else { " " };
            self.text_in(area.x, y, 1, bar, Style::new());
            let mark = if is_marked { "●" } else { " " };
            self.text_in(area.x + 1, y, 1, mark, self.palette.warn());
            let room = usize::from(area.width).saturating_sub(3);
            let padded = format!(
                "{line}{}",
                " ".repeat(room.saturating_sub(cut::width(line)))
            );
            self.text_in(area.x + 3, y, area.width - 3, &padded, style);
        }
    }

    /// Returns the whole of the current entry, once it was read.
    fn current(&self) -> Option<&Whole> {
        let (address, whole) = self.model.whole.as_ref()?;
        let row = self.model.list.current()?;
        (row.address() == address).then_some(whole)
    }

    fn value(&mut self, area: Rect) {
        let Some(whole) = self.current() else {
            return;
        };
        let width = usize::from(area.width).saturating_sub(2);
        let lines: Vec<String> = whole
            .facts
            .iter()
            .chain(&whole.value)
            .flat_map(|line| folded(line, width))
            .take(usize::from(area.height))
            .collect();
        for (y, line) in (area.y..area.bottom()).zip(lines) {
            self.text_in(area.x + 1, y, area.width - 1, &line, Style::new());
        }
    }

    fn strip(&mut self, area: Rect) {
        let Some(row) = self.model.list.current() else {
            return;
        };
        let width = usize::from(area.width).saturating_sub(2);
        let [call, facts] = self.texts.summary(row, width);
        let value = self
            .current()
            .map(|whole| cut::shorten(&whole.preview, width, Cut::End));
        self.text(1, area.y, &call, self.palette.name());
        self.text(1, area.y + 1, &facts, self.palette.muted());
        self.text(1, area.y + 2, &value.unwrap_or_default(), Style::new());
    }

    /// Draws the last line: what there is to say, or the keys.
    fn keys(&mut self, keys: &str) {
        let y = self.model.height - 1;
        let problem = self.model.filter_problem.as_ref();
        match (problem, &self.model.message) {
            (Some(problem), message) if message.is_none() || self.model.mode == Mode::Filter => {
                let text = escape::for_line(problem).into_owned();
                self.text(1, y, &text, self.palette.bad());
            }
            (_, Some(message)) => {
                let text = escape::for_line(message).into_owned();
                self.text(1, y, &text, self.palette.name());
            }
            _ => {
                let (_, _, sort) = SORTS[self.model.sort];
                let reversed = if self.model.is_reversed {
                    ", reversed"
                } else {
                    ""
                };
                let sort = format!("s sort: {sort}{reversed}");
                let mut keys = keys.replace("s sort", &sort);
                // The last ones lead to all others.
                while cut::width(&keys) + 1 > usize::from(self.model.width)
                    && let Some((_, rest)) = keys.split_once("  ")
                {
                    keys = rest.to_owned();
                }
                self.text(1, y, &keys, self.palette.muted());
            }
        }
    }

    fn whole(&mut self, top: usize) {
        let lines = self.model.whole_lines();
        let bottom = self.model.height - 1;
        for (y, line) in (3..bottom).zip(lines.iter().skip(top)) {
            self.text(1, y, line, Style::new());
        }
    }
}

#[cfg(test)]
mod tests;
