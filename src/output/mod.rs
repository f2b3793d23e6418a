//! The one way in which commands print rows: a command says what its columns are and streams rows,
//! and the format decides how they look.
//!
//! Memory stays flat and the first rows come at once, however many follow. Data for a pipe is
//! exact; data for a terminal never acts on it. A failed write, as to a closed pipe, is returned as
//! the sink's own error.

mod cell;
pub(crate) mod chart;
mod column;
pub(crate) mod cut;
mod delimited;
mod digits;
pub(crate) mod escape;
pub(crate) mod human;
mod json;
mod layout;
pub(crate) mod name;
mod openmetrics;
mod own_command;
mod page;
mod pager;
pub(crate) mod paint;
pub(crate) mod plain;
mod pretty_json;
mod progress;
mod secrets;
pub(crate) mod short_ids;
mod standard;
mod summary;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod voice;

use std::io::{self, Write};
use std::rc::Rc;

use anstyle::Style;
use clap::ValueEnum;

pub(crate) use cell::Cell;
pub(crate) use column::Column;
pub(crate) use cut::wrapped;
pub(crate) use delimited::unescape;
pub(crate) use digits::three_digits;
pub(crate) use json::JsonToTerminal;
pub(crate) use openmetrics::OpenMetrics;
pub(crate) use own_command::{name_location, own_command, own_command_at};
pub(crate) use pager::Pager;
pub(crate) use pretty_json::pretty;
pub(crate) use progress::Progress;
pub(crate) use secrets::Secrets;
pub(crate) use standard::{Standard, output_failed, say, say_in, spoken, stderr, stdin, stdout};
pub(crate) use summary::Summary;
pub(crate) use table::VALUE;
pub(crate) use terminal::{ColorChoice, Terminal, Times};
pub(crate) use voice::Voice;

use delimited::{Csv, Header, Tabs};
use json::{Framing, Json};
use page::PageBuffer;
use table::Table;

/// The format of rows.
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
    /// Tab-separated, unescaped, NUL-terminated rows, for `xargs -0`
    #[value(skip)]
    Nul,
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

/// The meaning of a whole row, which a table shows by its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Plain,
    /// Something of no more use, such as an expired entry
    Muted,
    /// The sum of the rows above
    Total,
}

impl Mood {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Muted => paint::style::MUTED,
            Self::Total => paint::style::NAME,
        }
    }
}

/// The columns that a table left out, for its footer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Columns that are the same in all rows, and the text of their cells
    pub(crate) constants: Vec<(&'static str, String)>,
    /// Columns without anything in any row
    pub(crate) empty: Vec<&'static str>,
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
    fn row(&mut self, mood: Mood, cells: &[Cell]) -> io::Result<()>;
    /// Hands on the rows that are written, unless they are laid out together.
    fn flush(&mut self) -> io::Result<()>;
    /// Writes the remaining rows and flushes the sink.
    fn finish(&mut self) -> io::Result<Left> {
        self.flush()?;
        Ok(Left::default())
    }
    /// Says that rows come one by one, and each is to be seen at once.
    fn stream(&mut self) {}
    /// Says that more rows are selected than are printed.
    fn is_partial(&mut self) {}
    /// Names columns that a filter made the same in all rows.
    fn settle(&mut self, _names: &[&'static str]) {}
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
pub(crate) struct Writer<'a> {
    rows: Box<dyn Rows + 'a>,
    is_held: Rc<std::cell::Cell<bool>>,
}

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
        let is_held = Rc::new(std::cell::Cell::new(false));
        let sink = PageBuffer::new(sink, is_held.clone());
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
            Format::Nul => Box::new(Tabs::ended_by_nul(sink, audience)),
        };
        Ok(Self { rows, is_held })
    }

    /// Writes one row, with a cell for each column.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.rows.row(Mood::Plain, cells)
    }

    /// Writes one row of a meaning.
    pub(crate) fn row_as(&mut self, mood: Mood, cells: &[Cell]) -> io::Result<()> {
        self.rows.row(mood, cells)
    }

    /// Says that more rows are selected than are printed, so that a table must not conclude from
    /// its rows that a column says nothing.
    pub(crate) fn mark_partial(&mut self) {
        self.rows.is_partial();
    }

    /// Says that rows come one by one: each flush prints those that are there, in a table as well.
    pub(crate) fn stream(&mut self) {
        self.rows.stream();
    }

    /// Names columns that a filter made the same in all rows, so that a table leaves them out.
    pub(crate) fn settle(&mut self, names: &[&'static str]) {
        self.rows.settle(names);
    }

    /// Holds the rows that follow in memory until the next flush, while the sink must not make this
    /// process wait; or no longer.
    pub(crate) fn hold(&mut self, is_held: bool) {
        self.is_held.set(is_held);
    }

    /// Flushes the rows written so far, for readers that wait for each.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.rows.flush()
    }

    /// Writes the remaining rows. Without this the output is incomplete.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.finish_table().map(|_| ())
    }

    /// Writes the remaining rows, and returns what a table left out.
    pub(crate) fn finish_table(mut self) -> io::Result<Left> {
        self.rows.finish()
    }
}
