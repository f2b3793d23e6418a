//! Prints for a command: rows, summaries, notes, warnings and progress.

use std::io;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use ecache_core::scope::Address;

use super::Context;
use crate::output::{
    Cell, Column, Format, Pager, Progress, Terminal, Writer, human, paint, say_in, stdout,
};

impl Context {
    /// Returns the requested format, or else the one that suits standard output.
    pub(crate) fn format(&self, requested: Option<Format>) -> Format {
        let configured = || Format::from_str(&self.setting_of_terminal("format")?, false).ok();
        requested
            .or_else(configured)
            .unwrap_or_else(|| Format::default_for(&self.terminal))
    }

    /// Starts the user's pager, if there is one and a terminal; it runs until it is dropped.
    pub(crate) fn pager(&self) -> Option<Pager> {
        let line = self.setting_of_terminal("pager")?;
        if line.trim().is_empty() || self.no_pager || self.terminal.dumb {
            return None;
        }
        match Pager::start(&line, &self.terminal) {
            Ok(pager) => {
                self.is_paged.set(true);
                Some(pager)
            }
            Err(error) => {
                self.warn(&format!("the pager cannot be started: {error}"));
                None
            }
        }
    }

    /// Returns the number of lines that a person sees at once; `None` in a pager, and off a
    /// terminal.
    pub(crate) fn screen_height(&self) -> Option<usize> {
        self.terminal.height.filter(|_| !self.is_paged.get())
    }

    /// Starts to print rows on standard output.
    pub(crate) fn rows<'a>(&self, format: Format, columns: &'a [Column]) -> io::Result<Writer<'a>> {
        Writer::new(format, columns, stdout(), &self.terminal)
    }

    /// Starts to print rows of which a table cuts nothing.
    pub(crate) fn wide_rows<'a>(
        &self,
        format: Format,
        columns: &'a [Column],
    ) -> io::Result<Writer<'a>> {
        Writer::new(format, columns, stdout(), &self.terminal.widened())
    }

    /// Prints one record: an object to a program, a line for each field to a person. Of a single
    /// object, JSON is that object, not an array.
    pub(crate) fn record(&self, format: Format, fields: Vec<(Column, Cell<'_>)>) -> io::Result<()> {
        if matches!(format, Format::Json | Format::Jsonl) {
            let (columns, cells): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
            let mut rows = self.rows(Format::Jsonl, &columns)?;
            rows.row(&cells)?;
            return rows.finish();
        }
        let columns = [Column::whole("field"), Column::text("value")];
        let mut rows = self.rows(format, &columns)?;
        for (column, cell) in fields {
            rows.row(&[Cell::from(column.name()), cell])?;
        }
        rows.finish()
    }

    /// Prints the summary of a change as one JSON object, if it was asked for.
    pub(crate) fn finish_summary(&self, dry_run: bool) -> Result<()> {
        let Some((operation, fields)) = self.summary.fields(dry_run) else {
            return Ok(());
        };
        if dry_run {
            return Ok(self.object(fields)?);
        }
        let entries = human::entries(self.summary.entries());
        let done = format!("{operation} of {entries} is done");
        self.report_done(&done, fields)
    }

    /// Prints the object that reports a change; the error of printing says that it is `done`.
    pub(crate) fn report_done<'c>(
        &self,
        done: &str,
        fields: impl IntoIterator<Item = (&'static str, Cell<'c>)>,
    ) -> Result<()> {
        let attempt = || format!("{done}, but its summary cannot be written to standard output");
        self.object(fields).with_context(attempt)
    }

    /// Prints one JSON object.
    pub(crate) fn object<'c>(
        &self,
        fields: impl IntoIterator<Item = (&'static str, Cell<'c>)>,
    ) -> io::Result<()> {
        let fields = fields.into_iter();
        let fields = fields.map(|(name, cell)| (Column::text(name), cell));
        self.record(Format::Jsonl, fields.collect())
    }

    /// Starts a counter on standard error.
    pub(crate) fn progress(&self, verb: &'static str, total: Option<u64>) -> Progress {
        let hidden = Terminal {
            stderr_is_terminal: false,
            ..Terminal::clone(&self.terminal)
        };
        let terminal = if self.quiet { &hidden } else { &self.terminal };
        Progress::new(terminal, verb, total)
    }

    /// Prints a note on standard error, unless `--quiet`.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            self.voice.note(message);
        }
    }

    /// Prints a line below a table on a terminal, unless `--quiet`.
    pub(crate) fn footer(&self, text: &str) {
        if !self.quiet && self.terminal.stdout_is_terminal {
            say_in(paint::style::MUTED, text, self.terminal.stderr_color);
        }
    }

    /// Prints a note with `--verbose`.
    pub(crate) fn detail(&self, message: &str) {
        if self.verbose {
            self.note(message);
        }
    }

    /// Prints a warning on standard error; the command continues.
    pub(crate) fn warn(&self, message: &str) {
        self.voice.warning(message);
    }

    /// Warns that a damaged entry is not among the others.
    pub(crate) fn warn_damaged(&self, address: &Address) {
        self.warn(&format!("{address} is damaged and was left out"));
    }

    /// Says that something named is not there, which is not a failure, and what to try.
    pub(crate) fn absent(&self, message: &str, tip: Option<&str>) {
        self.has_said_absent.set(true);
        if !self.quiet {
            self.warn(message);
            if let Some(tip) = tip {
                self.voice.tip_below(tip);
            }
        }
    }

    /// Reports whether a reader would learn something from why nothing was found: no name that is
    /// not there was told before.
    pub(crate) fn tells_absence(&self) -> bool {
        !self.quiet && !self.has_said_absent.get()
    }

    /// Says what to do next, on a terminal, once the command has said all else.
    pub(crate) fn tip_at_end(&self, tip: String) {
        self.last_tip.replace(Some(tip));
    }

    /// Prints the tip that was kept for the end of the command.
    pub(crate) fn tip_now(&self) {
        if let Some(tip) = self.last_tip.take() {
            self.tip(&tip);
        }
    }

    /// Says what to do next, on a terminal.
    pub(crate) fn tip(&self, tip: &str) {
        if self.quiet || !self.terminal.stderr_is_terminal {
            return;
        }
        let config = self.config().ok();
        if config.and_then(|config| config.text("hints")).as_deref() != Some("false") {
            self.voice.tip(tip);
        }
    }
}
