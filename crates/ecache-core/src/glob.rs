//! Shell patterns over names and keys: `*`, `?`, `[a-z]`, `[!a-z]` and `\` before a literal.
//!
//! Not SQLite's GLOB: that stops at a NUL, and the memory and MongoDB backends have none.

use std::fmt;

/// The longest pattern that is accepted, in characters.
#[doc(hidden)]
pub const MAX_PATTERN: usize = 4096;

/// A shell pattern that was found to be well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    AnyOne,
    AnyRun,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    fn matches(&self, character: char) -> bool {
        match self {
            Self::Literal(literal) => *literal == character,
            Self::AnyOne | Self::AnyRun => true,
            Self::Class { negated, ranges } => {
                let within = ranges.iter().any(|(a, b)| (*a..=*b).contains(&character));
                within != *negated
            }
        }
    }
}

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobError {
    /// A `[` without its `]`
    #[error("the pattern {0:?} has a [ without its ]")]
    UnclosedClass(String),
    /// A `\` at the end
    #[error("the pattern {0:?} ends in a \\")]
    TrailingBackslash(String),
    /// Longer than [`MAX_PATTERN`]
    #[error("the pattern is longer than {MAX_PATTERN} characters")]
    TooLong,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If a class is not closed, the pattern ends in a backslash, or is longer than
    /// [`MAX_PATTERN`].
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        if pattern.chars().nth(MAX_PATTERN).is_some() {
            return Err(GlobError::TooLong);
        }
        let mut tokens = Vec::new();
        let mut rest = pattern.chars();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' if tokens.last() == Some(&Token::AnyRun) => continue,
                '*' => Token::AnyRun,
                '?' => Token::AnyOne,
                '\\' => match rest.next() {
                    Some(literal) => Token::Literal(literal),
                    None => return Err(GlobError::TrailingBackslash(pattern.into())),
                },
                '[' => class(&mut rest).ok_or_else(|| GlobError::UnclosedClass(pattern.into()))?,
                literal => Token::Literal(literal),
            });
        }
        Ok(Self {
            text: pattern.into(),
            tokens,
        })
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reports whether the whole of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut characters = text.chars();
        let mut token = 0;
        // The position to resume from after the last run, if the tokens after it do not match here.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            if self.tokens.get(token) == Some(&Token::AnyRun) {
                token += 1;
                retry = Some((token, characters.clone()));
                continue;
            }
            let next = characters.next();
            match (self.tokens.get(token), next) {
                (None, None) => return true,
                (Some(expected), Some(character)) if expected.matches(character) => token += 1,
                _ => match &mut retry {
                    Some((after, from)) => {
                        if from.next().is_none() {
                            return false;
                        }
                        token = *after;
                        characters = from.clone();
                    }
                    None => return false,
                },
            }
        }
    }

    /// Returns the text that every match begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> String {
        let literal = |token: &Token| match token {
            Token::Literal(character) => Some(*character),
            _ => None,
        };
        self.tokens.iter().map_while(literal).collect()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a class from behind its `[`; a `]` that comes first is a member.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Token> {
    let mut ranges = Vec::new();
    let mut next = rest.next()?;
    let negated = next == '!' || next == '^';
    if negated {
        next = rest.next()?;
    }
    loop {
        let start = if next == '\\' { rest.next()? } else { next };
        let mut ahead = rest.clone();
        let end = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(end)) if end != ']' => {
                *rest = ahead;
                if end == '\\' { rest.next()? } else { end }
            }
            _ => start,
        };
        ranges.push((start, end));
        next = rest.next()?;
        if next == ']' {
            return Some(Token::Class { negated, ranges });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern)
            .expect("a well-formed pattern")
            .matches(text)
    }

    #[test]
    fn matches_the_whole_text() {
        assert!(matches("", ""));
        assert!(!matches("", "a"));
        assert!(matches("*", ""));
        assert!(matches("thumb*", "thumbs#v2"));
        assert!(!matches("thumb", "thumbs"));
        assert!(matches("*ab*b", "aabxbab"));
        assert!(!matches("*ab*bc", "aabxbab"));
        assert!(matches("?", "語"));
        assert!(matches("a\0*", "a\0b"));
        assert!(!matches("a", "a\0b"));
    }

    #[test]
    fn reads_classes_and_escapes() {
        assert!(matches("[a-c]x", "bx"));
        assert!(matches("[!a-c]x", "dx"));
        assert!(!matches("[^a-c]x", "ax"));
        assert!(matches("[]]", "]"));
        assert!(matches("[a-]", "-"));
        assert!(matches("\\*", "*"));
        assert!(!matches("\\*", "a"));
        assert!(matches("[\\]x]", "x"));
    }

    #[test]
    fn refuses_what_is_not_well_formed() {
        assert!(matches!(Glob::new("a[b"), Err(GlobError::UnclosedClass(_))));
        assert!(matches!(
            Glob::new("a\\"),
            Err(GlobError::TrailingBackslash(_))
        ));
        assert_eq!(Glob::new(&"a".repeat(4097)), Err(GlobError::TooLong));
    }

    #[test]
    fn many_runs_do_not_take_exponential_time() {
        assert!(!matches(
            &"*a".repeat(1000),
            &("a".repeat(999) + &"b".repeat(10_000))
        ));
    }

    #[test]
    fn knows_what_every_match_begins_with() {
        assert_eq!(
            Glob::new("ab\\*c*d").expect("well-formed").literal_prefix(),
            "ab*c"
        );
    }
}
