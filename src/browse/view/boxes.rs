//! Boxes in the middle of the screen, and the page of operations, which cover the list.

use ecache_core::filter::Usage;
use ratatui_core::style::Style;

use super::View;
use crate::browse::model::{Removal, Renewal};
use crate::output::cut::{self, Cut};
use crate::output::{escape, human};

impl View<'_> {
    pub(super) fn removal(&mut self, removal: &Removal) {
        let amount = |usage: Usage| {
            format!(
                "{} ({})",
                human::entries(usage.entries),
                human::size(usage.bytes)
            )
        };
        let usage = removal.usage.map_or_else(|| "…".to_owned(), amount);
        let mut lines = vec![format!("Clear {usage}?"), String::new()];
        if removal.is_of_filter {
            lines.push("all that match; persist entries stay".to_owned());
        }
        lines.push(if self.model.can_undo {
            "u takes it back, for a day".to_owned()
        } else {
            "this store keeps nothing for undo".to_owned()
        });
        lines.push(String::new());
        lines.push("y clear    n, Esc keep".to_owned());
        self.boxed(&lines);
    }

    pub(super) fn help(&mut self, top: usize) {
        let lines = self.model.help_lines();
        self.boxed(&lines[top.min(lines.len())..]);
    }

    pub(super) fn lifetime(&mut self, renewal: &Renewal) {
        let entries = renewal
            .entries
            .map_or_else(|| "…".to_owned(), human::entries);
        let (before, behind) = renewal.line.parts();
        let (before, behind) = (escape::for_line(before), escape::for_line(behind));
        let problem = renewal.problem.as_deref().unwrap_or_default();
        let mut lines = vec![
            format!("Lifetime of {entries} from now on?"),
            String::new(),
            format!("> {before}{behind}"),
            escape::for_line(problem).into_owned(),
        ];
        if self.model.can_undo {
            lines.push("u takes it back, for a day".to_owned());
        }
        lines.push("as in 90s, 10m, 1d12h; never   Enter set   Esc keep".to_owned());
        let (x, y) = self.boxed(&lines);
        let column = usize::from(x) + 2 + cut::width(&before);
        let last = self.model.width.saturating_sub(1);
        let column = u16::try_from(column).unwrap_or(last).min(last);
        self.cursor = Some((column, (y + 2).min(self.model.height.saturating_sub(1))));
    }

    pub(super) fn figures(&mut self) {
        let width = usize::from(self.model.width).saturating_sub(8);
        let lines = match &self.model.figures {
            Some(figures) if figures.stores.is_empty() => vec!["no entry matches".to_owned()],
            Some(figures) => self.texts.figures(figures, width),
            None => vec!["…".to_owned()],
        };
        self.boxed(&lines);
    }

    /// Draws the operations, with the cursor on one of them.
    pub(super) fn operations(&mut self, place: usize) {
        let model = self.model;
        let Some(operations) = &model.operations else {
            self.text(1, 3, "…", self.palette.muted());
            return;
        };
        if operations.is_empty() {
            self.text(
                1,
                3,
                "nothing was removed or changed yet",
                self.palette.muted(),
            );
            return;
        }
        let rows = usize::from(model.height).saturating_sub(5).max(1);
        let top = (place + 1).saturating_sub(rows);
        let shown: Vec<_> = operations.iter().skip(top).take(rows).collect();
        let width = usize::from(model.width).saturating_sub(2);
        let lines = self.texts.operations(&shown, width);
        for (y, (index, line)) in (3..).zip(lines.iter().enumerate()) {
            let style = match index {
                0 => self.palette.muted(),
                _ if top + index == place + 1 => self.palette.here(),
                _ => Style::new(),
            };
            let mark = if top + index == place + 1 { "▌" } else { " " };
            self.text(0, y, mark, Style::new());
            let gap = " ".repeat(width.saturating_sub(cut::width(line)));
            self.text(1, y, &format!("{line}{gap}"), style);
        }
    }

    /// Draws lines in a box in the middle of the screen, and returns where the first one begins.
    fn boxed(&mut self, lines: &[String]) -> (u16, u16) {
        let (width, height) = (self.model.width, self.model.height);
        let widest = lines.iter().map(|line| cut::width(line)).max().unwrap_or(0);
        let inner = u16::try_from(widest + 4).unwrap_or(width).min(width - 2);
        let rows = u16::try_from(lines.len()).unwrap_or(height).min(height - 2);
        let (x, y) = ((width - inner - 2) / 2, (height - rows - 2) / 2);
        let edge = "─".repeat(usize::from(inner));
        self.text(x, y, &format!("┌{edge}┐"), Style::new());
        for (line, row) in lines.iter().zip(0..rows) {
            let inner = usize::from(inner);
            let text = cut::shorten(line, inner.saturating_sub(3), Cut::End);
            let gap = " ".repeat(inner.saturating_sub(cut::width(&text) + 2));
            self.text(x, y + 1 + row, &format!("│  {text}{gap}│"), Style::new());
        }
        self.text(x, y + 1 + rows, &format!("└{edge}┘"), Style::new());
        (x + 3, y + 1)
    }
}
