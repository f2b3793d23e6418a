//! Entries that a file or standard input lists: a key a line, or a JSON object a line as
//! `ls --format jsonl` prints it.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::scope::{Address, StoreAddress};
use serde_json::{Map, Value};

use super::resolve::{check_name, parse_key};
use crate::context::Context;
use crate::error::usage_tip;
use crate::output::own_command;
use crate::output::{stdin, unescape};

/// The entry that a line names.
pub(in crate::commands) enum Line {
    /// A key in this store, written as `ls` writes it to a pipe
    Key(Arc<StoreAddress>),
    /// A key in this store as it is, before a NUL byte, as `ls -0` writes it
    RawKey(Arc<StoreAddress>),
    /// An entry, as a JSON object; one that names no collection is in this one
    Entry(String),
}

impl Line {
    /// Returns the form of keys in this store, which `is_null` ends with NUL bytes.
    pub(in crate::commands) fn key(store: StoreAddress, is_null: bool) -> Self {
        if is_null {
            Self::RawKey(store.into())
        } else {
            Self::Key(store.into())
        }
    }
}

/// The entries that are listed.
pub(in crate::commands) struct Listed {
    input: Box<dyn BufRead>,
    /// Number of lines read
    number: u64,
    /// The memory for a line
    text: String,
    line: Line,
}

impl Listed {
    /// Opens a file of lines; `-` is standard input.
    pub(in crate::commands) fn open(file: &Path, line: Line) -> Result<Self> {
        let input: Box<dyn BufRead> = if file.as_os_str() == "-" {
            Box::new(BufReader::new(stdin()))
        } else {
            let attempt = || format!("cannot read keys from {}", file.display());
            Box::new(BufReader::new(File::open(file).with_context(attempt)?))
        };
        Ok(Self {
            input,
            number: 0,
            text: String::new(),
            line,
        })
    }

    /// Reads up to so many entries.
    pub(in crate::commands) fn read(&mut self, count: usize) -> Result<Vec<Address>> {
        self.by_ref().take(count).collect()
    }

    /// Reads a line with its end into the memory for it.
    fn read_line(&mut self) -> io::Result<usize> {
        if !matches!(self.line, Line::RawKey(_)) {
            return self.input.read_line(&mut self.text);
        }
        let mut bytes = mem::take(&mut self.text).into_bytes();
        let count = self.input.read_until(0, &mut bytes)?;
        self.text = String::from_utf8(bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a key is not UTF-8"))?;
        Ok(count)
    }

    /// Returns the line that was read.
    fn without_end(&self) -> &str {
        if let Line::RawKey(_) = self.line {
            return self.text.strip_suffix('\0').unwrap_or(&self.text);
        }
        // As `BufRead::lines` ends them.
        match self.text.strip_suffix('\n') {
            Some(line) => line.strip_suffix('\r').unwrap_or(line),
            None => &self.text,
        }
    }
}

impl Iterator for Listed {
    type Item = Result<Address>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.number += 1;
            self.text.clear();
            let read = self.read_line();
            match read.context("cannot read keys") {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            let line = self.without_end();
            if line.is_empty() {
                continue;
            }
            let address = match &self.line {
                Line::Key(store) => parse_key(&unescape(line)).map(|key| Address {
                    store: store.clone(),
                    key,
                }),
                Line::RawKey(store) => parse_key(line).map(|key| store.entry(key)),
                Line::Entry(collection) => entry(line, collection),
            };
            return Some(address.with_context(|| format!("line {}", self.number)));
        }
    }
}

/// Returns the collection of entries that name none.
pub(in crate::commands) fn entries(context: &Context) -> Line {
    Line::Entry(context.usual_collection().to_owned())
}

/// Parses the address of an entry.
fn entry(line: &str, collection: &str) -> Result<Address> {
    let invalid = |why: &str| {
        usage_tip(
            why.to_string(),
            format!(
                "each line is an object with store_name and key, as {} prints it",
                own_command("ls --format jsonl")
            ),
        )
    };
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(line) else {
        return Err(invalid("this is not a JSON object"));
    };
    let text = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(invalid(&format!("{name} is not a string"))),
    };
    let store = text("store_name")?.ok_or_else(|| invalid("store_name is missing"))?;
    let key = text("key")?.ok_or_else(|| invalid("key is missing"))?;
    let store = StoreAddress {
        collection: check_name("collection", text("collection")?.unwrap_or(collection))?.into(),
        store_name: store.into(),
        dataset_id: text("dataset_id")?.map(Into::into),
    };
    Ok(store.entry(parse_key(key)?))
}
