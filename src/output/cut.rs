//! Shortens text for a table, so that it can still be told from its neighbours and pasted into the
//! next command.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::escape_across;

pub(crate) use super::column::Cut;

/// Stands for the part that was cut.
pub(crate) const MARK: char = '…';

/// Maximum number of places in which a text is shown to differ from its neighbours.
const ROUNDS: usize = 6;

/// Characters behind which a text may be cut.
const BOUNDARIES: &str = " /?&=,({";

/// Returns the number of columns of a text.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Breaks a sentence into lines of at most a width, at its spaces. A longer word is broken.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for mut word in text.split(' ') {
        while word.width() > width && width > 1 {
            let part = match head(word, width) {
                "" => first_columns(word, width),
                part => part,
            };
            word = &word[part.len()..];
            match lines.last_mut().filter(|line| line.is_empty()) {
                Some(line) => part.clone_into(line),
                None => lines.push(part.to_owned()),
            }
            lines.push(String::new());
        }
        append(&mut lines, word, width);
    }
    lines
}

/// Breaks lines at the width of the terminal; continuation lines are indented.
pub(crate) fn folded(text: &str, width: Option<usize>) -> String {
    let mut folded = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let room = width
            .unwrap_or(usize::MAX)
            .saturating_sub(indent + 2)
            .max(20);
        for (index, part) in wrapped(line.trim_start(), room).iter().enumerate() {
            let indent = if index == 0 { indent } else { indent + 2 };
            folded.push_str(&" ".repeat(indent));
            folded.push_str(part);
            folded.push('\n');
        }
    }
    folded
}

/// Appends a word to the last line, or to a new one if that has no room for it.
fn append(lines: &mut Vec<String>, word: &str, room: usize) {
    match lines.last_mut() {
        Some(line) if line.is_empty() => line.push_str(word),
        Some(line) if line.width() + 1 + word.width() <= room => {
            line.push(' ');
            line.push_str(word);
        }
        _ => lines.push(word.to_owned()),
    }
}

/// Breaks a sentence behind a word at its spaces, so that a terminal of a width does not break it
/// within a word; further lines begin below it if the word is a label.
///
/// A command to type is not broken: pasted, its first line would be run without the rest. The
/// terminal breaks it, and joins it again when it is copied.
pub(super) fn broken<'a>(word: &str, sentence: &'a str, width: usize) -> Cow<'a, str> {
    /// Stands for a space that stays: messages have no control characters.
    const GLUE: char = '\u{1f}';
    let first = word.width();
    if width <= 2 * first || first + sentence.width() <= width {
        return Cow::Borrowed(sentence);
    }
    let mut glued = String::with_capacity(sentence.len());
    let mut is_command = false;
    for (index, part) in sentence.split(' ').enumerate() {
        if index > 0 {
            glued.push(if is_command { GLUE } else { ' ' });
        }
        is_command |= part == "ecache";
        is_command &= !part.ends_with([';', ',', ')', ':']);
        glued.push_str(part);
    }
    let indent = if word.is_empty() { "" } else { "    " };
    let mut lines: Vec<String> = vec![String::new()];
    for part in glued.split(' ') {
        let room = width
            - if lines.len() == 1 {
                first
            } else {
                indent.len()
            };
        append(&mut lines, part, room);
    }
    Cow::Owned(lines.join(&format!("\n{indent}")).replace(GLUE, " "))
}

/// Cuts the cells of a column of one page to a width. Cells that would then look alike are cut
/// before their first difference.
pub(crate) fn column(cells: &mut [String], width: usize, cut: Cut) {
    if cells.iter().all(|cell| cell.width() <= width) {
        return;
    }
    let whole: Vec<String> = cells.to_vec();
    for cell in cells.iter_mut() {
        let short = shorten(cell, width, cut);
        *cell = short;
    }
    // The positions at which the members of each group differ.
    let mut differences: Vec<Vec<usize>> = vec![Vec::new(); cells.len()];
    for _ in 0..ROUNDS {
        let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, cell) in cells.iter().enumerate() {
            groups.entry(cell).or_default().push(index);
        }
        let alike: Vec<Vec<usize>> = groups
            .into_values()
            .filter(|group| group.iter().any(|index| whole[*index] != whole[group[0]]))
            .collect();
        if alike.is_empty() {
            return;
        }
        for group in alike {
            let first = whole[group[0]].as_str();
            let common = |index: &usize| common_prefix(first, &whole[*index]);
            let different = group.iter().filter(|index| whole[**index] != first);
            let difference = different.map(common).min().unwrap_or(0);
            for index in group {
                let seen = &mut differences[index];
                if let Err(place) = seen.binary_search(&difference) {
                    seen.insert(place, difference);
                }
                cells[index] = from_differences(&whole[index], seen, width);
            }
        }
    }
}

/// Cuts a text to a width.
pub(crate) fn shorten(text: &str, width: usize, cut: Cut) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    match cut {
        Cut::Never | Cut::End | Cut::Key => format!("{}{MARK}", head(text, room)),
        Cut::Start | Cut::Id => format!("{MARK}{}", tail(text, room)),
        Cut::Store if is_function(text) => format!("{MARK}{}", tail(text, room)),
        Cut::Store => middle(text, room, room / 2),
        Cut::Middle => middle(text, room, room * 2 / 5),
    }
}

/// Reports whether a name is that of a function in a module.
fn is_function(name: &str) -> bool {
    name.contains("::") || name.contains('.')
}

fn middle(text: &str, room: usize, of_head: usize) -> String {
    let head = head(text, of_head);
    format!("{head}{MARK}{}", tail(text, room - head.width()))
}

/// Returns the beginning of a text, up to a width. An escape is not cut.
fn head(text: &str, width: usize) -> &str {
    let head = first_columns(text, width);
    match escape_across(text, head.len()) {
        Some(escape) => &text[..escape.start],
        None => head,
    }
}

/// Returns the end of a text, up to a width. An escape is not cut.
fn tail(text: &str, width: usize) -> &str {
    let tail = last_columns(text, width);
    match escape_across(text, text.len() - tail.len()) {
        Some(escape) => &text[escape.end..],
        None => tail,
    }
}

fn first_columns(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, c)| {
        taken += c.width().unwrap_or(0);
        taken > width
    });
    end.map_or(text, |(end, _)| &text[..end])
}

fn last_columns(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let mut start = text.len();
    for (index, c) in text.char_indices().rev() {
        taken += c.width().unwrap_or(0);
        if taken > width {
            break;
        }
        start = index;
    }
    &text[start..]
}

/// Returns the length of the common prefix of two texts, in bytes.
fn common_prefix(one: &str, other: &str) -> usize {
    let pairs = one.char_indices().zip(other.chars());
    let differs = |((index, a), b): ((usize, char), char)| (a != b).then_some(index);
    let shorter = one.len().min(other.len());
    pairs.into_iter().find_map(differs).unwrap_or(shorter)
}

/// Shows the parts of a text in which it differs from its neighbours: behind the first word, or the
/// kind before `=`, if that is short, from the last boundary before each difference.
fn from_differences(text: &str, differences: &[usize], width: usize) -> String {
    let word = text.find([' ', '=']).map_or(0, |end| end + 1);
    let is_short = word <= differences[0] && text[..word].width() * 3 <= width;
    let mut end = if is_short { word } else { 0 };
    let mut shown = text[..end].to_owned();
    for (index, difference) in differences.iter().enumerate() {
        let left = differences.len() - index;
        let share = width.saturating_sub(shown.width()) / left;
        // The mark, a character before the difference, and the difference.
        if share < 3 && left > 1 {
            continue;
        }
        let start = start_of(text, *difference, share / 2).max(end);
        let mut room = share;
        if start > end {
            shown.push(MARK);
            room = room.saturating_sub(1);
        }
        let rest = &text[start..];
        if left == 1 {
            shown.push_str(&shorten(rest, room, Cut::End));
        } else {
            let part = head(rest, room);
            end = start + part.len();
            shown.push_str(part);
        }
    }
    shown
}

/// Returns the place from which on a difference is shown: the last boundary before it, unless the
/// difference would be further than `seen` columns away.
fn start_of(text: &str, difference: usize, seen: usize) -> usize {
    let whole = |place| escape_across(text, place).map_or(place, |escape| escape.start);
    let difference = whole(difference);
    let before = &text[..difference];
    let boundary = before.rfind(|c| BOUNDARIES.contains(c));
    let start = boundary.map_or(0, |at| whole(at + 1));
    if before[start..].width() > seen {
        difference - tail(before, seen).len()
    } else {
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, width: usize, cut: Cut) -> String {
        shorten(text, width, cut)
    }

    #[test]
    fn an_escape_is_whole_or_left_out() {
        let text = "ab\\ncd\\u{202e}ef\\x1bgh";
        for width in 1..text.width() {
            for how in [Cut::End, Cut::Start, Cut::Middle, Cut::Store] {
                let cut = cut(text, width, how);
                let rest = cut.replace("\\n", "").replace("\\u{202e}", "");
                let rest = rest.replace("\\x1b", "");
                assert!(
                    rest.chars().all(|c| "abcdefgh…".contains(c)),
                    "{width}: {cut}"
                );
                assert!(cut.width() <= width);
            }
        }
        assert_eq!(wrapped("\\u{202e}", 4).concat(), "\\u{202e}");
        assert_eq!(cut("C:\\xyz", 4, Cut::End), "C:…");
    }

    #[test]
    fn a_sentence_is_broken_at_its_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a overlong b", 4), ["a", "over", "long", "b"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn sentences_are_broken_at_spaces_but_commands_are_not() {
        let sentence = "removed 6 entries; ecache undo 7 --db x brings them back, if it is soon";
        assert_eq!(
            broken("", sentence, 40),
            "removed 6 entries;\necache undo 7 --db x brings them back,\nif it is soon"
        );
        assert_eq!(
            broken("note: ", "one two three four", 16),
            "one two\n    three four"
        );
        for width in 0..100 {
            let shown = broken("tip: ", sentence, width);
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&shown), words(sentence));
        }
        assert_eq!(broken("", sentence, 80), sentence);
    }

    #[test]
    fn each_kind_of_text_is_cut_at_its_place() {
        let command = "curl -sf http://api.example.com/v1/cities/12";
        assert_eq!(cut(command, 24, Cut::Middle), "curl -sf …m/v1/cities/12");
        assert_eq!(cut("app::operator::count", 12, Cut::Store), "…ator::count");
        assert_eq!(cut("dashboard_histograms", 12, Cut::Store), "dashb…ograms");
        assert_eq!(cut("[\"bird\", \"car\"]", 10, Cut::End), "[\"bird\", …");
        assert_eq!(cut("東京都の統計 自転車", 10, Cut::Middle), "東… 自転車");
        assert_eq!(cut("short", 5, Cut::Middle), "short");
    }

    #[test]
    fn rows_that_would_look_alike_are_cut_before_their_first_difference() {
        let mut cells: Vec<String> = ["11", "10", "09"]
            .map(|month| {
                format!("python3 report.py --from 2026-{month}-01 --to x --group-by city,week")
            })
            .to_vec();
        column(&mut cells, 34, Cut::Middle);
        assert_eq!(
            cells,
            [
                "python3 …2026-11-01 --to x --grou…",
                "python3 …2026-10-01 --to x --grou…",
                "python3 …2026-09-01 --to x --grou…",
            ]
        );
    }

    #[test]
    fn groups_that_differ_in_two_places_are_told_apart() {
        let mut cells = Vec::new();
        for first in ["aaa", "bbb"] {
            for second in ["2026-11", "2026-12"] {
                cells.push(format!(
                    "python3 report.py --an-option-that-is-long {first} --an-option-that-is-longer {second} --and-the-end-is-the-same-for-all"
                ));
            }
        }
        for width in [24, 40, 60, 80] {
            let mut short = cells.clone();
            column(&mut short, width, Cut::Middle);
            assert!(short.iter().all(|cell| cell.width() <= width), "{short:?}");
            short.sort();
            short.dedup();
            assert_eq!(short.len(), 4, "{short:?}");
        }
    }

    #[test]
    fn no_cut_is_wider_than_its_column() {
        let texts = [
            "日本語のデータセット日本語のデータセット",
            "e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301} accents",
            "👩👩👩👩👩👩👩👩",
            "python3 report.py --from 2026-11-01",
            "python3 report.py --from 2026-11-02",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        ];
        let cuts = [
            Cut::Never,
            Cut::Key,
            Cut::Id,
            Cut::Store,
            Cut::Start,
            Cut::Middle,
            Cut::End,
        ];
        for width in 1..60 {
            for cut in cuts {
                let mut cells = texts.map(str::to_owned).to_vec();
                column(&mut cells, width, cut);
                for cell in &cells {
                    assert!(cell.width() <= width, "{cell:?} is wider than {width}");
                }
            }
        }
    }
}
