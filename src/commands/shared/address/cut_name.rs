//! Names and keys as a table shows them: cut, with a mark for the missing part, and with escapes.

use anyhow::Result;
use ecache_core::filter::Pattern;

use crate::cli::filter::escape;
use crate::error::usage;
use crate::output::cut::MARK;
use crate::output::escape::for_line;
use crate::output::name;
use crate::output::plain::is_unicode;

/// Number of digits from which the beginning of a key is taken for it without a mark, where
/// nothing is changed.
const DIGITS: usize = 8;

/// Number of digits beside which `~` is a mark: as many as tables show of an id.
const LAST_DIGITS: usize = 6;

/// Texts that can stand for more than themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Accept {
    /// Texts with a mark
    Marked,
    /// Also the first digits of a key, and a name with escapes, both without a mark
    Shown,
}

/// Replaces typed ellipses by the table's truncation mark: three dots, and `~` after digits on a
/// terminal that shows ASCII alone.
fn marked(text: &str, is_unicode: bool) -> String {
    let are_digits = |text: &&str| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        !is_unicode && text.len() >= LAST_DIGITS && text.bytes().all(is_digit)
    };
    let plain = || text.strip_suffix('~').filter(are_digits);
    if let Some(start) = text.strip_suffix("...").or_else(plain) {
        return format!("{start}{MARK}");
    }
    let plain = || text.strip_prefix('~').filter(are_digits);
    match text.strip_prefix("...").or_else(plain) {
        Some(end) => format!("{MARK}{end}"),
        None => text.to_owned(),
    }
}

/// A name of which a part is known.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct CutName {
    /// The name in the quotes of a table, and the name that has such quotes itself
    readings: Vec<Reading>,
    /// The text may have escapes without the quotes that a table has around them
    may_be_escaped: bool,
}

/// The text of a name between marks.
#[derive(Debug, PartialEq, Eq)]
struct Reading(Vec<String>);

impl CutName {
    /// Reads a typed name; `None` if it can only be meant as it is.
    pub(in super::super) fn read(text: &str, accept: Accept) -> Option<Self> {
        let quoted = name::read(text);
        let may_be_escaped = accept == Accept::Shown && quoted.is_none() && text.contains('\\');
        let is_shown = accept == Accept::Shown && (quoted.is_some() || may_be_escaped);
        let mut readings = vec![Reading::of(quoted.as_deref().unwrap_or(text))];
        if let [Reading(parts)] = &mut readings[..]
            && parts.len() == 1
            && !is_shown
        {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let are_digits = parts[0].len() >= DIGITS && parts[0].bytes().all(is_digit);
            if accept == Accept::Marked || !are_digits {
                return None;
            }
            parts.push(String::new());
        }
        // A shell may have taken the quotes of a name that has others.
        if quoted.is_some() {
            readings.push(Reading::of(text));
        }
        readings.retain(|Reading(parts)| parts.len() == 1 || parts.iter().any(|it| !it.is_empty()));
        (!readings.is_empty()).then_some(Self {
            readings,
            may_be_escaped,
        })
    }

    /// Returns a pattern of the names that may be meant. An escape may stand for any character.
    pub(in super::super) fn pattern(&self) -> Result<Pattern> {
        let literal = |part: &String| match part.split_once('\\') {
            Some((before, _)) if self.may_be_escaped => escape(before) + "*",
            _ => escape(part),
        };
        let pattern = match &self.readings[..] {
            [Reading(parts)] => parts.iter().map(literal).collect::<Vec<_>>().join("*"),
            _ => "*".to_owned(),
        };
        Pattern::glob(&pattern).map_err(|error| usage(error.to_string()))
    }

    /// Reports whether a name is shown so, cut at the marks.
    pub(in super::super) fn matches(&self, name: &str) -> bool {
        let is_cut_from = |name: &str| self.readings.iter().any(|it| it.is_cut_from(name));
        is_cut_from(name) || self.may_be_escaped && is_cut_from(&for_line(name))
    }
}

impl Reading {
    fn of(text: &str) -> Self {
        let text = marked(text, is_unicode());
        Self(text.split(MARK).map(str::to_owned).collect())
    }

    fn is_cut_from(&self, name: &str) -> bool {
        let (first, others) = self.0.split_first().expect("a text has a part");
        let Some(mut rest) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty();
        };
        for part in middle {
            match rest.find(part.as_str()) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

/// Reports whether a text carries the mark of a cut.
pub(in crate::commands) fn is_marked(text: &str) -> bool {
    CutName::read(text, Accept::Marked).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::cut::Cut;
    use crate::output::name::tests::hard_names;

    fn stands_for(typed: &str, name: &str, accept: Accept) -> bool {
        CutName::read(typed, accept).map_or(typed == name, |it| it.matches(name))
    }

    #[test]
    fn an_escape_stands_for_a_character_only_where_nothing_is_changed() {
        let typed = "a\\tb";
        assert!(stands_for(typed, "a\tb", Accept::Shown));
        assert!(!stands_for(typed, "a\tb", Accept::Marked));
        assert!(!stands_for("a\\tb…", "a\tbird", Accept::Marked));
        assert!(stands_for("$'a\\tb…'", "a\tbird", Accept::Marked));
        assert!(stands_for("' a'", " a", Accept::Shown));
        assert!(!stands_for("' a'", " a", Accept::Marked));
        assert!(stands_for("'a…'", "a bird", Accept::Marked));
        assert!(stands_for("'a…'", "'a bird'", Accept::Marked));
        assert!(stands_for("a\tb…", "a\tbird", Accept::Marked));
    }

    #[test]
    fn a_name_is_found_by_its_parts_around_the_mark() {
        let hash = "5b7f5a53d9c3b7c703b322558d5709d944faf1d79bd95ca8a02d20b6f58696f3";
        for (typed, is_meant) in [
            ("5b7f5a53d9c3…", true),
            ("5b7f5a53d9c3...", true),
            ("…8696f3", true),
            ("...8696f3", true),
            ("5b7f…8696f3", true),
            ("5b7f5a53d9c3", false),
            ("5b7f5a53d9c4…", false),
            ("…", false),
            ("...", false),
            (hash, true),
        ] {
            assert_eq!(stands_for(typed, hash, Accept::Marked), is_meant, "{typed}");
        }
        let digits = |text| CutName::read(text, Accept::Shown).map(|it| it.matches(hash));
        assert_eq!(digits("5b7f5a53"), Some(true));
        assert_eq!(digits("5b7f5a5"), None);
        assert_eq!(digits("cat.jpg"), None);
    }

    #[test]
    fn beside_digits_a_terminal_without_unicode_has_its_own_mark() {
        for (typed, read) in [
            ("5b7f5a53d9c3~", "5b7f5a53d9c3…"),
            ("~8696f3", "…8696f3"),
            ("cat.jpg~", "cat.jpg~"),
            ("abc~", "abc~"),
            ("~", "~"),
        ] {
            assert_eq!(marked(typed, false), read);
            assert_eq!(marked(typed, true), typed);
        }
    }

    #[test]
    fn every_name_is_found_by_every_cut_of_it() {
        let long = "x".repeat(200);
        let names = [
            "cat.jpg",
            "street/images/2026-11-23/left camera/000123.jpg",
            "日本語のデータセット、とても長い名前",
            "a\x1b[2J\u{202e}\u{200b}evil\rover and over and over again",
            "C:\\images\\street\\left camera\\000123.jpg",
            "e\u{301}e\u{301}e\u{301} accents and more of them",
            "operator::module::longest_value",
            &long,
        ];
        let names = names.map(str::to_owned).into_iter();
        let hard = hard_names().into_iter().step_by(29);
        let long = |name: String| format!("{name} and {name} over and over{name}");
        let cuts = [Cut::Key, Cut::Id, Cut::Store, Cut::Start, Cut::Middle];
        for name in names.chain(hard.clone()).chain(hard.map(long)) {
            let shown = name::shown(&name).into_owned();
            // Quotes, the mark and the longest escape.
            for width in 14..40 {
                for cut in cuts {
                    let mut cells = vec![shown.clone(), "another name".to_owned()];
                    name::cut_all(&mut cells, width, cut);
                    let cell = &cells[0];
                    if cell.trim_matches(['$', '\'', MARK]).is_empty() {
                        // A name of marks that was cut.
                        continue;
                    }
                    assert!(stands_for(cell, &name, Accept::Shown), "{cell:?}");
                    // A shell takes the quotes.
                    if let Some(pasted) = name::read(cell) {
                        assert!(stands_for(&pasted, &name, Accept::Marked), "{cell:?}");
                    }
                }
            }
        }
    }
}
