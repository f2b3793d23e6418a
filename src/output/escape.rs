//! Shows data on a terminal without letting it act there.
//!
//! A key or a value can hold anything: sequences that clear the screen, set the clipboard or the
//! title, or characters that reorder or hide the text around them. On a terminal all of these are
//! shown escaped: `\x1b` for a control byte or a byte that is not UTF-8, `\u{202e}` for any other
//! character. The escapes are for people and are not reversible, because a backslash in the data
//! stays as it is. `name` shows names and keys, which have to be read again.
//!
//! Nothing is ever removed, so two texts that differ look different. This is why the zero-width
//! joiner is escaped too: a joined emoji shows its parts, which is the price for no invisible
//! character in a key. Combining marks and the variation selectors of emoji only change the
//! character before them, and stay.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use ecache_core::secrets::mask_urls;

/// Reports whether `c` controls a terminal, reorders text or is invisible.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, combining grapheme joiner, Arabic letter mark
            '\u{ad}' | '\u{34f}' | '\u{61c}'
            // Fillers that are blank: Hangul, Khmer, Mongolian
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            // Zero-width spaces and joiners, marks of direction
            | '\u{200b}'..='\u{200f}'
            // Line and paragraph separator, embedding and override of direction
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolation of direction
            | '\u{2060}'..='\u{206f}'
            // Byte order mark, interlinear annotation
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Musical format controls, tags and the variation selectors that no emoji uses
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Reports whether `c` is unsafe, or a blank that looks like a space or like nothing.
pub(super) fn is_hidden(c: char) -> bool {
    let is_blank = c.is_whitespace() && !matches!(c, ' ' | '\u{3000}') || c == '\u{2800}';
    is_unsafe(c) || is_blank
}

/// Reports whether `text` is printable ASCII: the common case, safe in every format except for
/// quotes and backslashes.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    // A fold without an early exit is compiled to vector instructions; `all` is not.
    text.bytes().fold(true, |printable, byte| {
        printable & (b' '..0x7f).contains(&byte)
    })
}

/// Quotes `text` as one word for a shell, if it needs that, as one would type it.
///
/// Characters that act on a terminal or end a line are written in bash's and zsh's `$'a\nb'`, which
/// can be pasted.
pub(crate) fn shell(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    let acts_in_quotes = |c: char| matches!(c, '$' | '`' | '"' | '\\' | '!');
    if text.contains(is_unsafe) {
        let mut word = String::from("$'");
        text.chars().for_each(|c| push_quoted(&mut word, c));
        word.push('\'');
        Cow::Owned(word)
    } else if !text.is_empty() && text.chars().all(is_plain) {
        Cow::Borrowed(text)
    } else if text.contains('\'') && !text.contains(acts_in_quotes) {
        Cow::Owned(format!("\"{text}\""))
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

/// Appends `c` as it is written in `$'…'`.
pub(super) fn push_quoted(out: &mut String, c: char) {
    let result = match c {
        '\'' | '\\' => write!(out, "\\{c}"),
        '\u{80}'..='\u{ffff}' if is_hidden(c) => write!(out, "\\u{:04x}", c as u32),
        '\u{10000}'.. if is_hidden(c) => write!(out, "\\U{:08x}", c as u32),
        c => {
            push_safe(out, c);
            Ok(())
        }
    };
    result.expect("writing to a String does not fail");
}

/// Escapes `text` for one line on a terminal: line ends and tabs are shown as `\n`, `\r` and `\t`.
pub(crate) fn for_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_safe(&mut line, c);
    }
    Cow::Owned(line)
}

/// Escapes a message that may repeat typed text, and masks passwords in URLs.
pub(crate) fn message(text: &str) -> String {
    for_line(&mask_urls(text)).into_owned()
}

/// Escapes `data` for a terminal and keeps its lines and tabs.
pub(crate) fn for_terminal(data: &[u8]) -> Cow<'_, str> {
    let is_layout = |c| matches!(c, '\n' | '\t');
    if let Ok(text) = str::from_utf8(data)
        && !text.contains(|c| is_unsafe(c) && !is_layout(c))
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(data.len() + 16);
    for chunk in data.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_layout(c) {
                shown.push(c)
            } else {
                push_safe(&mut shown, c)
            }
        }
        for &byte in chunk.invalid() {
            push_byte(&mut shown, byte);
        }
    }
    Cow::Owned(shown)
}

/// Appends `c`, escaped if it is unsafe.
pub(crate) fn push_safe(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => push_byte(out, c as u8),
        c if is_unsafe(c) => out.extend(c.escape_unicode()),
        c => out.push(c),
    }
}

fn push_byte(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("writing to a String does not fail");
}

/// Returns the escape of a character, as `\n` or `\u{ad}`, that begins before a place and ends
/// behind it.
pub(super) fn escape_across(text: &str, place: usize) -> Option<Range<usize>> {
    let last = text[..place].rfind('\\')?;
    // A backslash is escaped by the one before it.
    let run = text[..=last]
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\\');
    if run.count() % 2 == 0 {
        return None;
    }
    let escape = &text[last + 1..];
    let are_digits = |count: usize| {
        let digits = escape.as_bytes().get(1..=count);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let length = match escape.chars().next()? {
        'n' | 'r' | 't' | '\\' | '\'' => 1,
        'x' => 3,
        'u' if escape[1..].starts_with('{') => escape.find('}')? + 1,
        'u' if are_digits(4) => 5,
        'U' if are_digits(8) => 9,
        _ => return None,
    };
    let end = last + 1 + length;
    (place < end && text.is_char_boundary(end)).then_some(last..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_cannot_act_is_borrowed_unchanged() {
        for text in [
            "",
            "plain",
            "back\\slash",
            "日本語",
            "e\u{301}",
            "❤\u{fe0f}",
            "עברית",
        ] {
            assert!(matches!(for_line(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(for_terminal(text.as_bytes()), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn words_can_be_pasted_into_a_shell() {
        for (text, word) in [
            ("plain", "plain"),
            ("日本語", "日本語"),
            ("", "''"),
            ("sp ace", "'sp ace'"),
            ("it's", "\"it's\""),
            ("$HOME's", r"'$HOME'\''s'"),
            ("a\nb", r"$'a\nb'"),
            ("it's\t\\\x1b\x7f", r"$'it\'s\t\\\x1b\x7f'"),
            ("a\u{9b}\u{202e}\u{e0001}b", r"$'a\u009b\u202e\U000e0001b'"),
        ] {
            assert_eq!(shell(text), word);
            let mut bash = std::process::Command::new("bash");
            let bash = bash.env("LC_ALL", "C.UTF-8");
            let script = format!("printf %s {word}");
            if let Ok(ran) = bash.args(["-c", &script]).output() {
                assert_eq!(String::from_utf8_lossy(&ran.stdout), text, "{word}");
            }
        }
    }

    #[test]
    fn sequences_lose_their_effect() {
        assert_eq!(for_line("\x1b[2J"), "\\x1b[2J");
        assert_eq!(for_line("\x1b]52;c;aGk=\x07"), "\\x1b]52;c;aGk=\\x07");
        assert_eq!(for_line("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(for_line("a\0b\x7f"), "a\\x00b\\x7f");
        assert_eq!(for_line("safe\rfake"), "safe\\rfake");
        assert_eq!(for_line("evil\u{202e}gpj.exe"), "evil\\u{202e}gpj.exe");
        assert_eq!(for_line("a\u{200b}b\u{feff}"), "a\\u{200b}b\\u{feff}");
        assert_eq!(for_line("a\u{2028}b"), "a\\u{2028}b");
        assert_eq!(for_line("👩\u{200d}💻"), "👩\\u{200d}💻");
        assert_eq!(for_line("a\n\tb"), "a\\n\\tb");
    }

    #[test]
    fn a_value_keeps_its_lines_and_shows_bytes_that_are_not_text() {
        assert_eq!(for_terminal(b"a\n\tb"), "a\n\tb");
        assert_eq!(
            for_terminal(b"a\n\x9b2J\xff\x1b\r\n"),
            "a\n\\x9b2J\\xff\\x1b\\r\n"
        );
    }

    #[test]
    fn no_character_escapes_to_an_unsafe_one() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            assert!(!for_line(&text).contains(is_unsafe), "{c:?}");
            assert_eq!(
                is_printable_ascii(&text),
                c.is_ascii() && !c.is_ascii_control()
            );
        }
    }
}
