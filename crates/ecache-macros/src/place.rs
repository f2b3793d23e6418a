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
    Free,
    /// A place that is not known, or one in code that a macro makes
    Elsewhere,
}

/// Returns the line and the column of `span`, in the macro that it comes from if there is one.
pub(crate) fn position(span: Span) -> (u32, u32) {
    let span = span.unwrap();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (number(span.line()), number(span.column()))
}

impl Place {
    /// Returns the place of the item at `span`, which may have a `self_key`.
    pub(crate) fn of(span: Span, has_self_key: bool) -> Self {
        let span = span.unwrap();
        // Most functions begin in the first column: in code formatted by rustfmt they are in no
        // block.
        if span.column() <= 1 && !has_self_key {
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
            // Another attribute at this place may have made this one, elsewhere.
            Some(_) if !text.is_char_boundary(end) || !text[end..].starts_with("#[") => {
                Self::Elsewhere
            }
            Some(header) => Self::of_header(&String::from_utf8_lossy(header)),
            None => Self::Elsewhere,
        }
    }

    /// Returns the place of an item in the block that follows `header`.
    fn of_header(header: &str) -> Self {
        let bare = match header.strip_prefix("pub(") {
            Some(rest) => rest.split_once(')').map_or(header, |(_, rest)| rest),
            None => header,
        };
        let mut words = bare.split_whitespace();
        let first =
            words.find(|word| !["pub", "unsafe", "default", "async", "const"].contains(word));
        match first.unwrap_or_default() {
            "" | "mod" | "fn" => Self::Free,
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

/// A bracket that is open.
enum Open<'a> {
    /// A block, and the text before it
    Block(&'a [u8]),
    /// `(` or `[`, and its place
    Other(usize),
}

/// Returns the text before the innermost block that is open at `end`, which is empty at the top of
/// the file; `None` if that is not known, as within the parentheses of a macro.
fn enclosing(text: &[u8], end: usize) -> Option<&[u8]> {
    let mut open: Vec<Open<'_>> = Vec::new();
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
                open.push(Open::Block(text[start..at].trim_ascii()));
                start = at + 1;
            }
            b'}' => {
                open.pop();
                start = at + 1;
            }
            b'(' | b'[' => open.push(Open::Other(at)),
            b')' | b']' => {
                // An attribute is not part of the text before a block.
                let before = match open.pop() {
                    Some(Open::Other(opening)) => text.get(start..opening).unwrap_or_default(),
                    _ => b"",
                };
                if before.ends_with(b"#") || before.ends_with(b"#!") {
                    start = at + 1;
                }
            }
            b';' if !matches!(open.last(), Some(Open::Other(_))) => start = at + 1,
            _ => {}
        }
        at += 1;
    }
    match open.pop() {
        Some(Open::Block(header)) => Some(header),
        Some(Open::Other(_)) => None,
        None => Some(b""),
    }
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
    #[A]
    fn f<'a>(&'a self) { /* { /* } */ */ #[B] }
}

#[derive(Debug)]
unsafe impl fmt::Display for Model<u8> {
    #[C]
}

pub(in crate::a) trait Named: Sized {
    #[D]
}

mod inner {
    #[E]
    impl std::ops::Index<u8> for super::Model<u8> { fn f() { impl Local { #[F] } } }
}

#[derive(Debug)]
impl<const N: usize> Model<[u8; N]> where [u8; N]: Sized {
    #[G]
}

wrapped!( #[H] );
within! { #[I] }
macro_rules! made {
    () => { #[J] };
}
#[K]
"##;

    #[test]
    fn a_place_is_that_of_the_innermost_block() {
        for (mark, place) in [
            ('A', Place::Impl),
            ('B', Place::Free),
            ('C', Place::TraitImpl),
            ('D', Place::Impl),
            ('E', Place::Free),
            ('F', Place::Impl),
            ('G', Place::Impl),
            ('H', Place::Elsewhere),
            ('I', Place::Elsewhere),
            ('J', Place::Elsewhere),
            ('K', Place::Free),
        ] {
            let (line, column) = TEXT
                .lines()
                .enumerate()
                .find_map(|(line, text)| {
                    let column = text.find(&format!("#[{mark}]"))?;
                    Some((line + 1, column + 1))
                })
                .expect("a marked line");
            assert_eq!(Place::within(TEXT, line, column), place, "{mark}");
        }
        assert_eq!(Place::within("", 1, 5), Place::Elsewhere);
        let of_a_derive = "struct Model;\n";
        assert_eq!(Place::within(of_a_derive, 1, 1), Place::Elsewhere);
    }
}
