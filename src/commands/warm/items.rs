//! The items that are read: one a line, or each up to a NUL byte.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use crate::output::stdin;

/// Maximum length of an item: the system allows no longer argument.
const LONGEST: usize = 128 * 1024;

/// The syntax of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// A line each
    Lines,
    /// Each up to a NUL byte
    Nul,
    /// A line of JSON each
    Json,
}

/// An item of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Number of the line or item, counted from 1
    pub(super) number: u64,
    /// The bytes, or the reason why there are none
    pub(super) bytes: Result<Vec<u8>, String>,
}

/// Reads items, without the empty ones, for as long as they can be read.
pub(super) struct Items {
    input: Box<dyn BufRead + Send>,
    end: u8,
    number: u64,
    is_over: bool,
    failure: Failure,
}

/// The error that ended the items, if one did.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    fn slot(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if the items ended with an error, once those before it are done.
    pub(super) fn check(&self, path: Option<&Path>) -> Result<()> {
        let Some(error) = self.slot().take() else {
            return Ok(());
        };
        let from = match path {
            Some(path) if path.as_os_str() != "-" => path.display().to_string(),
            _ => "standard input".to_owned(),
        };
        Err(error).with_context(|| format!("cannot read the items from {from}"))
    }
}

impl Items {
    /// Reads a file, or standard input.
    pub(super) fn open(path: Option<&Path>, syntax: Syntax) -> Result<Self> {
        let input: Box<dyn BufRead + Send> = match path {
            None => Box::new(BufReader::new(stdin())),
            Some(path) if path.as_os_str() == "-" => Box::new(BufReader::new(stdin())),
            Some(path) => {
                let file =
                    File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
                Box::new(BufReader::new(file))
            }
        };
        Ok(Self::new(input, syntax))
    }

    fn new(input: Box<dyn BufRead + Send>, syntax: Syntax) -> Self {
        Self {
            input,
            end: match syntax {
                Syntax::Nul => 0,
                Syntax::Lines | Syntax::Json => b'\n',
            },
            number: 0,
            is_over: false,
            failure: Failure::default(),
        }
    }

    /// Returns the error that will have ended the items.
    pub(super) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    /// Returns the next item, empty or not; `None` at the end.
    fn read(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
        let mut bytes = Vec::new();
        let limit = LONGEST as u64 + 1;
        if (&mut self.input)
            .take(limit)
            .read_until(self.end, &mut bytes)?
            == 0
        {
            return Ok(None);
        }
        if bytes.last() == Some(&self.end) {
            bytes.pop();
        } else if bytes.len() > LONGEST {
            self.input.skip_until(self.end)?;
            return Ok(Some(Err(format!("it is longer than {LONGEST} bytes"))));
        }
        Ok(Some(Ok(bytes)))
    }
}

impl Iterator for Items {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while !self.is_over {
            self.number += 1;
            let number = self.number;
            match self.read() {
                Ok(Some(Ok(bytes))) if bytes.is_empty() => {}
                Ok(Some(bytes)) => return Some(Item { number, bytes }),
                Ok(None) => self.is_over = true,
                Err(error) => {
                    self.is_over = true;
                    *self.failure.slot() = Some(error);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(input: &[u8], syntax: Syntax) -> Vec<(u64, Result<Vec<u8>, String>)> {
        let items = Items::new(Box::new(io::Cursor::new(input.to_vec())), syntax);
        items.map(|item| (item.number, item.bytes)).collect()
    }

    #[test]
    fn reads_lines_and_knows_their_numbers() {
        let read = items(b"a\n\n b \xff\n\nc", Syntax::Lines);
        let wanted = [
            (1, Ok(b"a".to_vec())),
            (3, Ok(b" b \xff".to_vec())),
            (5, Ok(b"c".to_vec())),
        ];
        assert_eq!(read, wanted);
        assert_eq!(items(b"", Syntax::Lines), []);
        assert_eq!(items(b"\n\n", Syntax::Json), []);
    }

    #[test]
    fn reads_up_to_nul_bytes() {
        let wanted = [(1, Ok(b"a\nb".to_vec())), (3, Ok(b"c".to_vec()))];
        assert_eq!(items(b"a\nb\0\0c\0", Syntax::Nul), wanted);
    }

    #[test]
    fn a_line_that_is_too_long_does_not_stop_the_others() {
        let mut input = vec![b'x'; LONGEST];
        input.push(b'\n');
        input.extend(vec![b'y'; 3 * LONGEST]);
        input.extend(b"\nz\n");
        let read = items(&input, Syntax::Lines);
        assert_eq!(read[0], (1, Ok(vec![b'x'; LONGEST])));
        assert_eq!(
            read[1],
            (2, Err("it is longer than 131072 bytes".to_owned()))
        );
        assert_eq!(read[2], (3, Ok(b"z".to_vec())));
    }
}
