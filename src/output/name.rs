//! Names and keys in one line: bare, or in quotes where bare text would be blank, would act on the
//! terminal or would look like another name.
//!
//! The quotes are those of bash and zsh, so that a name can be pasted into the next command: `' a'`
//! for a name with a blank at an end, `$'a\nb'` for one with a line break. No two names are shown
//! alike, since a bare name begins with no quote.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use super::column::Cut;
use super::cut;
use super::escape::{is_hidden, push_quoted};

/// The quotes in which escapes are read.
const ESCAPED: &str = "$'";

/// The quotes in which nothing is.
const PLAIN: &str = "'";

/// Returns a name as a line shows it.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    // A mark that joins the character before it would change the quote.
    let joins = name
        .chars()
        .next()
        .is_some_and(|first| first.width() == Some(0));
    if joins || name.contains(is_hidden) {
        return Cow::Owned(escaped(name));
    }
    let has_quotes = name.starts_with(PLAIN) || name.starts_with(['"', '$']);
    let is_blank = name.trim() != name || name.contains("  ");
    // A table shows a missing name as a dash.
    if !(name.is_empty() || name == "-" || is_blank || has_quotes) {
        Cow::Borrowed(name)
    } else if name.contains('\'') {
        Cow::Owned(escaped(name))
    } else {
        Cow::Owned(format!("{PLAIN}{name}{PLAIN}"))
    }
}

/// Quotes a name with escapes.
fn escaped(name: &str) -> String {
    let mut text = String::from(ESCAPED);
    for (index, c) in name.chars().enumerate() {
        if index == 0 && c.width() == Some(0) && !c.is_control() {
            text.push_str(&format!("\\U{:08x}", u32::from(c)));
        } else {
            push_quoted(&mut text, c);
        }
    }
    text.push('\'');
    text
}

/// Returns the name that is shown so in quotes, or `None` for a bare one.
pub(crate) fn read(text: &str) -> Option<String> {
    let (opening, inner) = unquoted(text)?;
    if opening == PLAIN {
        return (!inner.contains('\'')).then(|| inner.to_owned());
    }
    let mut name = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(place) = rest.find(['\\', '\'']) {
        name.push_str(&rest[..place]);
        let escape = rest[place..].strip_prefix('\\')?;
        let (c, length) = unescaped(escape)?;
        name.push(c);
        rest = &escape[length..];
    }
    name.push_str(rest);
    Some(name)
}

/// Returns the character of an escape, and the number of bytes behind its backslash.
fn unescaped(escape: &str) -> Option<(char, usize)> {
    let digits = |count: usize| {
        let digits = escape.get(1..=count)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        Some((char::from_u32(number)?, count + 1))
    };
    match escape.chars().next()? {
        'n' => Some(('\n', 1)),
        'r' => Some(('\r', 1)),
        't' => Some(('\t', 1)),
        c @ ('\\' | '\'') => Some((c, 1)),
        'x' => digits(2),
        'u' => digits(4),
        'U' => digits(8),
        _ => None,
    }
}

/// Splits a shown name into its opening quotes and the text between these and the closing one.
fn unquoted(shown: &str) -> Option<(&'static str, &str)> {
    let split = |opening| {
        let inner = shown.strip_prefix(opening)?.strip_suffix('\'')?;
        Some((opening, inner))
    };
    split(ESCAPED).or_else(|| split(PLAIN))
}

/// Cuts shown names of one page to a width. Those in quotes are cut within them, and so can be
/// pasted.
pub(crate) fn cut_all(names: &mut [String], width: usize, how: Cut) {
    for quotes in [ESCAPED, PLAIN, ""] {
        let opening_of = |name: &str| unquoted(name).map_or("", |(opening, _)| opening);
        let room = if quotes.is_empty() {
            width
        } else {
            width.saturating_sub(quotes.len() + 1)
        };
        let (places, mut inner): (Vec<usize>, Vec<String>) = names
            .iter()
            .enumerate()
            .filter(|(_, name)| opening_of(name) == quotes)
            .map(|(place, name)| {
                let inner = unquoted(name).map_or(name.as_str(), |(_, inner)| inner);
                (place, inner.to_owned())
            })
            .unzip();
        cut::column(&mut inner, room, how);
        for (place, inner) in places.into_iter().zip(inner) {
            names[place] = match quotes {
                "" => inner,
                // Not even the quotes fit.
                _ if room == 0 => cut::shorten(&names[place], width, Cut::End),
                _ => format!("{quotes}{inner}'"),
            };
        }
    }
}

/// Shows a name within a width.
pub(crate) fn shorten(name: &str, width: usize, how: Cut) -> String {
    cut_one(shown(name).into_owned(), width, how)
}

/// Cuts a shown name to a width.
pub(crate) fn cut_one(shown: String, width: usize, how: Cut) -> String {
    let mut shown = [shown];
    cut_all(&mut shown, width, how);
    let [shown] = shown;
    shown
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashMap;
    use std::process::Command;

    use super::*;

    /// Returns many names: all of up to three pieces that are hard to show.
    pub(crate) fn hard_names() -> Vec<String> {
        let pieces = [
            "a",
            " ",
            "\\",
            "n",
            "\n",
            "'",
            "\"",
            "$",
            "\u{1b}",
            "x1b",
            "…",
            "-",
            "\u{301}",
            "\u{202e}",
            "\u{a0}",
            "日",
            "\u{3000}",
            "\u{e0001}",
            "אב",
            "\t",
            "{",
        ];
        let mut names = vec![String::new()];
        let mut last = names.clone();
        for _ in 0..3 {
            let longer = |name: &String| pieces.map(|piece| format!("{name}{piece}"));
            last = last.iter().flat_map(longer).collect();
            names.extend(last.iter().cloned());
        }
        names
    }

    #[test]
    fn names_that_are_plain_are_bare() {
        for name in [
            "cat.jpg",
            "left camera",
            "C:\\images\\new",
            "it's",
            "日本語",
            "東京\u{3000}駅",
            "e\u{301}",
            "עברית",
        ] {
            assert_eq!(shown(name), name);
        }
        for (name, text) in [
            ("", "''"),
            ("-", "'-'"),
            (" a", "' a'"),
            ("a ", "'a '"),
            ("a  b", "'a  b'"),
            ("'a'", r"$'\'a\''"),
            ("\"a\"", "'\"a\"'"),
            ("a\nb", r"$'a\nb'"),
            ("a\\b\n", r"$'a\\b\n'"),
            ("a\u{a0}b", r"$'a\u00a0b'"),
            ("\u{301}a", r"$'\U00000301a'"),
            ("a\u{202e}\u{e0001}", r"$'a\u202e\U000e0001'"),
        ] {
            assert_eq!(shown(name), text);
        }
    }

    #[test]
    fn no_two_names_are_shown_alike_and_each_is_read_again() {
        let mut seen = HashMap::new();
        for name in hard_names() {
            let text = shown(&name).into_owned();
            assert!(!text.contains(is_hidden), "{text:?}");
            assert!(!text.trim().is_empty() && text.trim() == text, "{text:?}");
            let read = read(&text);
            if text != name {
                assert_eq!(read.as_ref(), Some(&name), "{text}");
            }
            if let Some(other) = seen.insert(text, name.clone()) {
                assert_eq!(other, name);
            }
        }
    }

    #[test]
    fn quotes_are_read_as_a_shell_reads_them() {
        let names = hard_names();
        let quoted = |name: &&String| read(&shown(name)).is_some();
        let names: Vec<&String> = names.iter().filter(quoted).take(3000).collect();
        let words: Vec<_> = names.iter().map(|name| shown(name)).collect();
        let script = format!("printf '%s\\0' {}", words.join(" "));
        let mut bash = Command::new("bash");
        let ran = bash.env("LC_ALL", "C.UTF-8").args(["-c", &script]).output();
        if let Ok(ran) = ran {
            let printed = String::from_utf8(ran.stdout).expect("text");
            let printed: Vec<&str> = printed.split_terminator('\0').collect();
            assert_eq!(printed, names);
        }
    }

    #[test]
    fn a_name_is_cut_within_its_quotes() {
        for (name, how, text) in [
            ("  street/left camera", Cut::Key, "'  street/…'"),
            ("street/\nleft camera", Cut::Key, r"$'street/…'"),
            ("street\nimages\nleft", Cut::Start, r"$'…es\nleft'"),
        ] {
            assert_eq!(shorten(name, 12, how), text);
        }
    }

    #[test]
    fn no_cut_name_is_wider_than_its_column() {
        let mut names: Vec<String> = hard_names().iter().step_by(7).cloned().collect();
        names.extend(["\n".repeat(30), " x".repeat(30), "\\\u{202e}".repeat(30)]);
        let shown: Vec<String> = names.iter().map(|name| shown(name).into_owned()).collect();
        for width in 1..30 {
            let mut cut = shown.clone();
            cut_all(&mut cut, width, Cut::Key);
            assert!(cut.iter().all(|name| cut::width(name) <= width), "{cut:?}");
        }
    }
}
