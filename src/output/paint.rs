//! Styles parts of finished lines, so that escapes are never counted as text.

use anstyle::Style;
use unicode_width::UnicodeWidthChar;

use super::cut::MARK;

/// The styles of meaningful parts, in colours that are readable on dark and light.
pub(crate) mod style {
    use anstyle::{AnsiColor, Style};

    /// Store names, totals, keys given by people
    pub(crate) const NAME: Style = Style::new().bold();
    /// Headers, marks of cuts, expired rows, previews
    pub(crate) const MUTED: Style = Style::new().dimmed();
    /// Hits, and JSON strings
    pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
    /// Something that failed or is damaged
    pub(crate) const BAD: Style = AnsiColor::Red.on_default();
    /// Commands to type, and JSON keys
    pub(crate) const TYPE_ME: Style = AnsiColor::Cyan.on_default();
    /// Something that is stale or would be removed
    pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
}

/// A range of display columns and its style.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) style: Style,
}

/// Returns a line with its spans styled, and marks of cuts dimmed.
pub(super) fn paint(line: &str, spans: &[Span]) -> String {
    let mut painted = String::with_capacity(line.len() + 16 * spans.len());
    let (mut column, mut current) = (0, Style::new());
    for c in line.chars() {
        let span = spans
            .iter()
            .find(|span| (span.start..span.end).contains(&column));
        let mut style = span.map_or(Style::new(), |span| span.style);
        if c == MARK {
            style = style.dimmed();
        }
        // A combining character stays with the one before it, and a space needs no style.
        let width = c.width().unwrap_or(0);
        if style != current && width > 0 && c != ' ' {
            painted.push_str(&format!("{current:#}{style}"));
            current = style;
        }
        painted.push(c);
        column += width;
    }
    painted.push_str(&format!("{current:#}"));
    painted
}

/// Returns a text in a style, or as it is without colour.
pub(crate) fn styled(text: &str, style: Style, color: bool) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_stand_at_their_columns_whatever_the_width_of_the_text() {
        let span = |start, end, style| Span { start, end, style };
        let line = "東京  abc…  -";
        let painted = paint(line, &[span(0, 4, style::NAME), span(12, 13, style::MUTED)]);
        assert_eq!(painted, "\x1b[1m東京  \x1b[0mabc\x1b[2m…  -\x1b[0m");
        assert_eq!(paint(line, &[]).replace("\x1b[2m…  \x1b[0m", "…  "), line);
    }
}
