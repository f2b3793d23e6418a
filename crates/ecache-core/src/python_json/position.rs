//! The place of an error in a text.

use thiserror::Error;

/// A text is not JSON as Python understands it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} at line {line} column {column}")]
#[non_exhaustive]
pub struct ParseError {
    /// Bytes before the first one that does not belong
    pub offset: u64,
    /// The line of that byte, from 1
    pub line: u64,
    /// The column of that byte in characters, from 1
    pub column: u64,
    /// The error, such as `expected a value`
    pub what: &'static str,
}

/// The amount of text read so far, for the position in an error.
#[derive(Default)]
pub(super) struct Position {
    offset: u64,
    lines: u64,
    characters: u64,
}

impl Position {
    pub(super) fn advance(&mut self, text: &[u8]) {
        // Counting is done on vectors, and looking for the last one is not: most texts have none.
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        let line = match lines {
            0 => text,
            _ => {
                self.lines += lines as u64;
                self.characters = 0;
                text.rsplit(|byte| *byte == b'\n').next().unwrap_or(text)
            }
        };
        // The first byte of a character is the one that does not continue another.
        self.characters += line.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64;
        self.offset += text.len() as u64;
    }

    pub(super) fn error(&self, what: &'static str) -> ParseError {
        ParseError {
            offset: self.offset,
            line: self.lines + 1,
            column: self.characters + 1,
            what,
        }
    }
}
