//! The layout of the screen.

use ratatui_core::layout::Rect;

use crate::output::cut;

/// Sizes of the parts of the screen.
const PLACES: u16 = 20;
const PLACES_WIDE: u16 = 26;
const VALUE: u16 = 41;
const STRIP: u16 = 3;

/// From this width on, the value stands on the right.
const WIDE: u16 = 120;

/// From this width on, the places have more room as well: store, key and age of an entry fit beside
/// both.
const VERY_WIDE: u16 = 140;

/// Below this width, the places are only shown while they are chosen from.
const NARROW: u16 = 60;

/// Below this height, there is no strip.
const LOW: u16 = 20;

/// The smallest screen that anything fits on.
pub(super) const SMALLEST: (u16, u16) = (24, 8);

/// The part of the screen that keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Places,
    Entries,
}

/// The parts of the screen.
pub(super) struct Parts {
    pub(super) places: Option<Rect>,
    pub(super) entries: Rect,
    pub(super) value: Option<Rect>,
    pub(super) strip: Option<Rect>,
    /// The line above the strip or the keys
    pub(super) rule: u16,
}

/// Returns the parts of the screen; `None` if it is too small.
pub(super) fn parts(width: u16, height: u16, pane: Pane) -> Option<Parts> {
    const TOP: u16 = 3;
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let is_wide = width >= WIDE;
    let strip = (height >= LOW && !is_wide).then_some(STRIP);
    let rule = height - 2 - strip.unwrap_or(0);
    let body = |x, width| Rect::new(x, TOP, width, rule - TOP);
    let left = match (width < NARROW, pane) {
        (true, Pane::Places) => width,
        (true, Pane::Entries) => 0,
        (false, _) if width >= VERY_WIDE => PLACES_WIDE,
        (false, _) => PLACES,
    };
    let right = if is_wide { VALUE } else { 0 };
    let places = (left > 0).then(|| body(0, left));
    // A column is a line between them.
    let begin = if left > 0 { (left + 1).min(width) } else { 0 };
    let end = if is_wide { width - right - 1 } else { width };
    Some(Parts {
        places,
        entries: body(begin, end.saturating_sub(begin)),
        value: is_wide.then(|| body(end + 1, right)),
        strip: strip.map(|height| Rect::new(0, rule + 1, width, height)),
        rule,
    })
}

/// Returns the number of entries that fit on the screen.
pub(super) fn entry_rows(width: u16, height: u16, pane: Pane) -> usize {
    parts(width, height, pane).map_or(0, |parts| {
        usize::from(parts.entries.height).saturating_sub(1)
    })
}

const MOVE: [&str; 14] = [
    "MOVE",
    "↑ ↓  k j      one line",
    "PgUp PgDn     a screen",
    "g G Home End  first, last",
    "← →  h l tab  places, entries",
    "n N           next, last marked",
    "Enter         the whole entry",
    "",
    "LOOK",
    "/    filter: words of ls",
    "Esc  back; clear the filter",
    "s S  sort by the next; reverse",
    "w    live: follow all processes",
    "i    figures of the filtered",
];

const CHANGE: [&str; 14] = [
    "ENTRIES",
    "space  mark, and go on",
    "a A    mark all that match, none",
    "d      clear the marked, or this one",
    "p      pin: policy persist, or evict",
    "t      lifetime: 1d, never, keep",
    "e      edit the value in $EDITOR",
    "y Y    copy the key, the command",
    "r      run the command again",
    "u      undo the last change made here",
    "U      operations, and undo of any",
    "",
    "?      these keys",
    "q      quit; Ctrl-C does, too",
];

/// Returns the lines about keys: in two columns, or in one where these do not fit.
pub(super) fn help(width: usize) -> Vec<String> {
    const LEFT: usize = 34;
    let right = CHANGE.iter().map(|line| cut::width(line)).max();
    if LEFT + right.unwrap_or(0) <= width {
        let both = MOVE.iter().zip(CHANGE);
        return both
            .map(|(left, right)| format!("{left:LEFT$}{right}").trim_end().to_owned())
            .collect();
    }
    let lines = MOVE.iter().chain(&[""]).chain(&CHANGE);
    lines.map(|line| (*line).to_owned()).collect()
}

/// Folds a line to a width, between words where these are not wider than that.
pub(super) fn folded(line: &str, width: usize) -> Vec<String> {
    let columns = |c: char| cut::width(c.encode_utf8(&mut [0; 4]));
    let mut lines = vec![String::new()];
    let mut used = 0;
    for piece in line.split_inclusive(' ') {
        let word = cut::width(piece.trim_end_matches(' '));
        if used > 0 && word <= width && used + word > width {
            lines.push(String::new());
            used = 0;
        }
        for c in piece.chars() {
            if used + columns(c) > width {
                // A blank between two lines is not shown.
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                used = 0;
            }
            used += columns(c);
            lines.last_mut().expect("there is one").push(c);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_between_words_and_lose_nothing_but_the_blanks_there() {
        let folded = |line| folded(line, 12);
        assert_eq!(folded("the quick brown fox"), ["the quick ", "brown fox"]);
        assert_eq!(folded("the quick br own"), ["the quick br", "own"]);
        assert_eq!(folded("0123456789abcdef"), ["0123456789ab", "cdef"]);
        assert_eq!(folded("key 0123456789abcdef"), ["key 01234567", "89abcdef"]);
        assert_eq!(folded("  0123456789abcdef"), ["  0123456789", "abcdef"]);
        assert_eq!(folded("日本語日本語日本語"), ["日本語日本語", "日本語"]);
        assert_eq!(folded(""), [""]);
    }
}
