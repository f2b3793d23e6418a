//! The place of an attribute in its file, which the compiler does not pass to it: in an `impl`, in
//! the `impl` of a trait, or elsewhere.
//!
//! It only improves messages: without it the compiler rejects the generated code a dozen times, in
//! other words. In a file that cannot be read and in code from a macro, the place is
//! [`Place::Elsewhere`].

use proc_macro2::Span;

/// The item that encloses a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `impl Type`, or a trait with default methods
    Impl,
    /// `impl Trait for Type`
    TraitImpl,
    /// A module, or the body of a function
    Elsewhere,
}

/// Returns the line and the column of `span`, in the macro that it comes from if there is one.
pub(crate) fn position(span: Span) -> (u32, u32) {
    let span = span.unwrap();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (number(span.line()), number(span.column()))
}

impl Place {
    /// Returns the place of the item at `span`.
    pub(crate) fn of(span: Span) -> Self {
        let span = span.unwrap();
        // Most functions begin in the first column: in code formatted by rustfmt they are in no
        // block.
        if span.column() <= 1 {
            return Self::Elsewhere;
        }
        let text = span
            .local_file()
            .and_then(|file| std::fs::read_to_string(file).ok());
        text.map_or(Self::Elsewhere, |text| {
            Self::within(&text, span.line(), span.column())
        })
    }

    fn within(text: &str, line: usize, column: usize) -> Self {
        let before: usize = text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let end = (before + column - 1).min(text.len());
        match enclosing(text.as_bytes(), end) {
            Some(header) => Self::of_header(&String::from_utf8_lossy(header)),
            None => Self::Elsewhere,
        }
    }

    /// Returns the place of an item in the block that follows `header`.
    fn of_header(header: &str) -> Self {
        let mut words = header.split_whitespace();
        let first = words.find(|word| !["pub", "unsafe", "default"].contains(word));
        match first.unwrap_or_default() {
            "trait" => Self::Impl,
            word if word == "impl" || word.starts_with("impl<") => {
                let is_of_trait = header.split_whitespace().any(|word| word == "for");
                if is_of_trait {
                    Self::TraitImpl
                } else {
                    Self::Impl
                }
            }
            _ => Self::Elsewhere,
        }
    }
}

/// Returns the text before the innermost block that is open at `end`.
fn enclosing(text: &[u8], end: usize) -> Option<&[u8]> {
    let mut headers: Vec<&[u8]> = Vec::new();
    let (mut at, mut start) = (0, 0);
    while at < end {
        match text[at] {
            b'/' if text[at..].starts_with(b"//") => {
                at += text[at..].iter().position(|byte| *byte == b'\n')?;
                if headers_begin(text, start, at) {
                    start = at;
                }
            }
            b'/' if text[at..].starts_with(b"/*") => at = comment_end(text, at)?,
            b'"' => at = string_end(text, at)?,
            b'r' if is_raw_string(text, at) => at = raw_string_end(text, at)?,
            // A character, not a lifetime.
            b'\'' if text.get(at + 1) == Some(&b'\\') => {
                at += 3 + text[at + 3..].iter().position(|byte| *byte == b'\'')?;
            }
            b'\'' if text.get(at + 2) == Some(&b'\'') => at += 2,
            b'{' => {
                headers.push(text[start..at].trim_ascii());
                start = at + 1;
            }
            b'}' => {
                headers.pop();
                start = at + 1;
            }
            b';' | b']' => start = at + 1,
            _ => {}
        }
        at += 1;
    }
    headers.pop()
}

/// Reports whether there is nothing but a comment since `start`.
fn headers_begin(text: &[u8], start: usize, at: usize) -> bool {
    text[start..at].trim_ascii_start().starts_with(b"//")
}

fn comment_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match text.get(at..at + 2)? {
            b"/*" => {
                depth += 1;
                at += 1;
            }
            b"*/" => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += 1;
        match text.get(at)? {
            b'\\' => at += 1,
            b'"' => return Some(at),
            _ => {}
        }
    }
}

fn is_raw_string(text: &[u8], at: usize) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let rest = text[at + 1..].iter().find(|byte| **byte != b'#');
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    rest == Some(&b'"') && before.is_none_or(|byte| *byte == b'b' || !is_word(byte))
}

fn raw_string_end(text: &[u8], at: usize) -> Option<usize> {
    let hashes = text[at + 1..]
        .iter()
        .take_while(|byte| **byte == b'#')
        .count();
    let closing = [b"\"".as_slice(), &text[at + 1..at + 1 + hashes]].concat();
    let body = at + hashes + 2;
    let length = text[body..]
        .windows(closing.len())
        .position(|window| window == closing)?;
    Some(body + length + closing.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"
//! This module has a { in its text.
use std::fmt;

/// An impl { of nothing.
impl<T: Fn() -> u8> Model<T> {
    const OPEN: (&str, char, u8, &str) = ("{ \" {", '{', b'\'', r#"{ " {"#);
    A
    fn f<'a>(&'a self) { /* { /* } */ */ B }
}

#[derive(Debug)]
unsafe impl fmt::Display for Model<u8> {
    C
}

pub trait Named: Sized {
    D
}

mod inner {
    E
    impl std::ops::Index<u8> for super::Model<u8> { fn f() { impl Local { F } } }
}
"##;

    #[test]
    fn a_place_is_that_of_the_innermost_block() {
        for (mark, place) in [
            ('A', Place::Impl),
            ('B', Place::Elsewhere),
            ('C', Place::TraitImpl),
            ('D', Place::Impl),
            ('E', Place::Elsewhere),
            ('F', Place::Impl),
        ] {
            let (line, column) = TEXT
                .lines()
                .enumerate()
                .find_map(|(line, text)| {
                    let words = text.split(' ').any(|word| word == mark.to_string());
                    words.then(|| (line + 1, text.find(mark).expect("a mark") + 1))
                })
                .expect("a marked line");
            assert_eq!(Place::within(TEXT, line, column), place, "{mark}");
        }
        assert_eq!(Place::within("", 1, 5), Place::Elsewhere);
    }
}
