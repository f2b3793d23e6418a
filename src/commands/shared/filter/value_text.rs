//! Finds a text in the values of entries, chunk by chunk.
//!
//! Only listing takes this condition. Removals are answered by indexes and check each entry again
//! in the transaction that removes it, which a search through values could not do; they take the
//! list instead: `ls --value-contains TEXT --format jsonl | ecache rm --entries-from -`.

use std::io::{self, BufRead, Write};

use anyhow::Result;
use ecache_core::backend::{Backend, Content, ContentReader};
use ecache_core::command::{ReplayError, replay};
use ecache_core::error::Error;
use ecache_core::python_json::Json;
use ecache_core::value::Kind;
use memchr::memmem::Finder;

use crate::error::usage;

/// A text that values are searched for.
pub(in crate::commands) struct ValueText {
    plain: Finder<'static>,
    /// The text as Python writes it in JSON, if that differs
    escaped: Option<Finder<'static>>,
}

impl ValueText {
    pub(in crate::commands) fn new(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(usage(
                "--value-contains is empty: every value contains that",
            ));
        }
        let quoted = Json::from(text).dumps();
        let escaped = quoted.trim_start_matches('"').strip_suffix('"');
        let escaped = escaped.filter(|escaped| *escaped != text);
        Ok(Self {
            plain: Finder::new(text).into_owned(),
            escaped: escaped.map(|escaped| Finder::new(escaped).into_owned()),
        })
    }

    /// Reports whether a value contains the text: of a command what it printed, to one of its
    /// streams. Holds one chunk of the value at a time.
    pub(in crate::commands) fn is_in(
        &self,
        backend: &dyn Backend,
        kind: Kind,
        content: &Content,
    ) -> Result<bool> {
        let found = match content {
            Content::Inline(bytes) => self.is_in_stream(kind, &bytes[..]),
            Content::Chunked(_) => {
                self.is_in_stream(kind, ContentReader::new(backend, content.clone()))
            }
        };
        match found {
            Ok(found) => Ok(found),
            Err(error) => match Error::in_io(&error) {
                // It is gone, or another value by now.
                Some(Error::Replaced) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }

    fn is_in_stream(&self, kind: Kind, mut value: impl BufRead) -> io::Result<bool> {
        let mut search = self.search(kind);
        if kind == Kind::Command {
            let mut errors = self.search(kind);
            let replayed = replay(value, &mut search, &mut errors);
            return match replayed {
                // A search that has found something takes no more.
                _ if search.is_found || errors.is_found => Ok(true),
                Err(ReplayError::Read(error)) => Err(error),
                _ => Ok(false),
            };
        }
        loop {
            let bytes = value.fill_buf()?;
            if bytes.is_empty() || search.write_all(bytes).is_err() {
                return Ok(search.is_found);
            }
            let count = bytes.len();
            value.consume(count);
        }
    }

    fn search(&self, kind: Kind) -> Search<'_> {
        let escaped = self.escaped.as_ref().filter(|_| kind == Kind::Json);
        let finders: Vec<&Finder<'_>> = [&self.plain].into_iter().chain(escaped).collect();
        let longest = finders.iter().map(|finder| finder.needle().len()).max();
        Search {
            finders,
            overlap: longest.unwrap_or(1) - 1,
            before: Vec::new(),
            is_found: false,
        }
    }
}

/// A search through bytes as they come.
struct Search<'a> {
    finders: Vec<&'a Finder<'static>>,
    /// Number of bytes of which a text can be a part before it is complete
    overlap: usize,
    /// The last bytes so far, up to that number
    before: Vec<u8>,
    is_found: bool,
}

impl Search<'_> {
    fn finds_in(&self, bytes: &[u8]) -> bool {
        self.finders
            .iter()
            .any(|finder| finder.find(bytes).is_some())
    }
}

impl Write for Search<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let edge = &bytes[..bytes.len().min(self.overlap)];
        self.before.extend_from_slice(edge);
        self.is_found |= self.finds_in(&self.before) || self.finds_in(bytes);
        if self.is_found {
            return Err(io::Error::other("found"));
        }
        if bytes.len() > self.overlap {
            self.before.clear();
            self.before
                .extend_from_slice(&bytes[bytes.len() - self.overlap..]);
        } else {
            let too_many = self.before.len().saturating_sub(self.overlap);
            self.before.drain(..too_many);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a value that comes in pieces of a length.
    fn is_in(text: &str, kind: Kind, value: &[u8], length: usize) -> bool {
        let wanted = ValueText::new(text).expect("a text");
        let pieces = io::BufReader::with_capacity(length, value);
        wanted.is_in_stream(kind, pieces).expect("memory is read")
    }

    #[test]
    fn a_text_is_found_wherever_the_pieces_end() {
        let value = b"of 3 cats, 2 caterpillars and a cat";
        for text in ["cat", "caterpillars", "of 3", "a cat", "c", "and a cat"] {
            for length in 1..=value.len() {
                assert!(is_in(text, Kind::Text, value, length), "{text} in {length}");
            }
        }
        for text in ["cats and", "dog", "of 3 cats, 2 caterpillars and a cat!"] {
            for length in 1..=value.len() {
                assert!(
                    !is_in(text, Kind::Text, value, length),
                    "{text} in {length}"
                );
            }
        }
    }

    #[test]
    fn json_contains_a_text_however_it_is_spelled() {
        for value in ["[\"se\u{f1}al\"]".as_bytes(), b"[\"se\\u00f1al\"]"] {
            for length in [1, 2, 5, 100] {
                assert!(is_in("señal", Kind::Json, value, length));
                assert!(!is_in("senal", Kind::Json, value, length));
            }
        }
        assert!(!is_in("señal", Kind::Text, b"se\\u00f1al", 100));
        assert!(is_in("say \"hi\"", Kind::Json, br#""say \"hi\"""#, 3));
    }

    #[test]
    fn an_empty_text_is_refused() {
        assert!(ValueText::new("").is_err());
    }
}
