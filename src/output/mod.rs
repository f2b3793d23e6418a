//! The one way in which commands print rows: a command says what its columns are and streams rows,
//! and the format decides how they look.
//!
//! Memory stays flat and the first rows come at once, however many follow. Data for a pipe is
//! exact; data for a terminal never acts on it. A failed write, as to a closed pipe, is returned as
//! the sink's own error.

mod cell;
mod delimited;
pub(crate) mod escape;
pub(crate) mod human;
mod json;
mod progress;
mod secrets;
mod standard;
mod table;
mod terminal;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};

use clap::ValueEnum;

pub(crate) use cell::Cell;
pub(crate) use delimited::unescape;
pub(crate) use json::JsonToTerminal;
pub(crate) use progress::Progress;
pub(crate) use secrets::Secrets;
pub(crate) use standard::{Standard, say, stderr, stdin, stdout};
pub(crate) use terminal::Terminal;

use delimited::{Csv, Header, Tabs};
use json::{Framing, Json};
use table::Table;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns with a header, for people
    Table,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values as in RFC 4180, with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
    /// Tab-separated values without a header: what a pipe gets when no format is asked for
    #[value(skip)]
    Plain,
}

impl Format {
    /// Returns the default format: a table on a terminal, plain lines in a pipe.
    pub(crate) fn default_for(terminal: &Terminal) -> Self {
        if terminal.stdout_is_terminal {
            Format::Table
        } else {
            Format::Plain
        }
    }
}

/// A column: its name, as JSON and headers have it, and how a table lays it out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Text,
    Whole,
    Number,
}

impl Column {
    /// Makes a column of text, shortened where a row would not fit the terminal.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self {
            name,
            layout: Layout::Text,
        }
    }

    /// Makes a column of text that is never shortened, such as a time.
    pub(crate) const fn whole(name: &'static str) -> Self {
        Self {
            name,
            layout: Layout::Whole,
        }
    }

    /// Returns its name.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }

    /// Makes a column of numbers, aligned to the right and never shortened.
    pub(crate) const fn number(name: &'static str) -> Self {
        Self {
            name,
            layout: Layout::Number,
        }
    }
}

/// The reader of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// A program or a file, which gets the data as it is
    Program,
    /// A terminal, on which data must not act
    Terminal,
}

/// The operations of a format.
trait Rows {
    fn row(&mut self, cells: &[Cell]) -> io::Result<()>;
    /// Hands on the rows that are written, unless they are laid out together.
    fn flush(&mut self) -> io::Result<()>;
    /// Writes the remaining rows and flushes the sink.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

/// Writes rows in the format that was asked for.
///
/// ```ignore
/// let columns = [Column::text("key"), Column::number("size")];
/// let mut rows = Writer::new(format, &columns, stdout().lock(), &terminal)?;
/// for entry in entries {
///     rows.row(&[entry.key.into(), Cell::Size(entry.size)])?;
/// }
/// rows.finish()?;
/// ```
pub(crate) struct Writer<'a>(Box<dyn Rows + 'a>);

impl<'a> Writer<'a> {
    /// Starts the output on `sink`, which this buffers.
    ///
    /// Nothing is printed of an empty table, so that the caller can say so on standard error; the
    /// other formats stay well-formed when empty.
    pub(crate) fn new(
        format: Format,
        columns: &'a [Column],
        sink: impl Write + 'a,
        terminal: &Terminal,
    ) -> io::Result<Self> {
        let sink = BufWriter::with_capacity(64 * 1024, sink);
        let audience = if terminal.stdout_is_terminal {
            Audience::Terminal
        } else {
            Audience::Program
        };
        let rows: Box<dyn Rows + 'a> = match format {
            Format::Table => Box::new(Table::new(sink, columns, terminal)),
            Format::Json => Box::new(Json::new(sink, Framing::Array, columns, audience)),
            Format::Jsonl => Box::new(Json::new(sink, Framing::Lines, columns, audience)),
            Format::Csv => Box::new(Csv::new(sink, columns, audience)?),
            Format::Tsv => Box::new(Tabs::new(sink, Header::Shown, columns, audience)?),
            Format::Plain => Box::new(Tabs::new(sink, Header::Hidden, columns, audience)?),
        };
        Ok(Self(rows))
    }

    /// Writes one row, with a cell for each column.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.0.row(cells)
    }

    /// Flushes the rows written so far, for readers that wait for each.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// Writes the remaining rows. Without this the output is incomplete.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.finish()
    }
}
