//! Properties of the terminal, read once and passed on, so that tests need no pty.

use std::borrow::Cow;
use std::io::{IsTerminal, stderr, stdout};

use anstream::AutoStream;
use clap::ValueEnum;

use super::human;
use super::plain::{is_unicode, marks};

/// The use of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    // On a terminal, unless NO_COLOR, CLICOLOR=0 or TERM=dumb says otherwise
    #[default]
    Auto,
    // Also into pipes
    Always,
    Never,
}

impl ColorChoice {
    /// Reports whether standard error may carry colour.
    pub(super) fn of_stderr(self) -> bool {
        self.decide(AutoStream::choice(&stderr()))
    }

    /// Decides for one stream. Without a choice the environment decides, in the same way as for
    /// clap's help.
    fn decide(self, by_environment: anstream::ColorChoice) -> bool {
        match self {
            Self::Auto => by_environment != anstream::ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The form of times in tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Times {
    // By their distance from now, as in `3m`
    #[default]
    Relative,
    // As in 2026-11-26 17:27, in the time zone of this machine
    Local,
    // As in 2026-11-26 16:27Z
    Utc,
    // As in 2026-11-26T16:27:34Z
    Iso,
}

/// The facts about the standard streams that decide how output looks.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    /// Standard output goes to a terminal, where data must not act and rows must fit.
    pub(crate) stdout_is_terminal: bool,
    /// Standard error goes to a terminal, where notes and progress have a reader.
    pub(crate) stderr_is_terminal: bool,
    /// Columns of the terminal, or what COLUMNS says; `None` off a terminal without that.
    pub(crate) width: Option<usize>,
    /// Lines of the terminal; `None` off a terminal.
    pub(crate) height: Option<usize>,
    /// Standard output may carry colour.
    pub(crate) color: bool,
    /// Standard error may carry colour.
    pub(crate) stderr_color: bool,
    /// The terminal cannot move its cursor (`TERM=dumb`).
    pub(crate) dumb: bool,
    /// The terminal shows more than ASCII, by the locale.
    pub(crate) is_unicode: bool,
    /// The form of times in tables.
    pub(crate) times: Times,
    /// The time of the command in milliseconds since the epoch.
    pub(crate) now: i64,
    /// Nothing is cut, whatever the width.
    pub(crate) wide: bool,
}

impl Terminal {
    /// Reads the facts from the process's streams and environment.
    pub(crate) fn from_environment(color: ColorChoice, times: Times, now: i64) -> Self {
        const CLASSIC_WIDTH: usize = 80;
        let stdout_is_terminal = stdout().is_terminal();
        // A terminal that does not know its size, such as a serial line, says 0.
        let size = terminal_size::terminal_size().filter(|_| stdout_is_terminal);
        let height = size.map(|(_, height)| usize::from(height.0));
        let size = size.map(|(width, _)| usize::from(width.0));
        let size = size.filter(|width| *width > 0);
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        let columns = || columns().filter(|width| *width > 0);
        let classic = || stdout_is_terminal.then_some(CLASSIC_WIDTH);
        let width = size.or_else(columns).or_else(classic);
        Self {
            stdout_is_terminal,
            stderr_is_terminal: stderr().is_terminal(),
            width,
            height: height.filter(|height| *height > 0),
            color: color.decide(AutoStream::choice(&stdout())),
            stderr_color: color.of_stderr(),
            dumb: std::env::var_os("TERM").is_some_and(|term| term == "dumb"),
            is_unicode: is_unicode(),
            times,
            now,
            wide: false,
        }
    }

    /// Returns the same terminal for a table in which nothing is cut. Such a table has room for
    /// times in full.
    pub(crate) fn widened(&self) -> Self {
        let times = match self.times {
            Times::Relative => Times::Local,
            times => times,
        };
        Self {
            wide: true,
            times,
            ..self.clone()
        }
    }

    /// Returns the maximum width of a line of a table; `None` if it has none.
    pub(crate) fn line_width(&self) -> Option<usize> {
        self.width.filter(|_| !self.wide)
    }

    /// Returns text of ours as standard output shows it: with ASCII marks where it has no others.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_unicode || !self.stdout_is_terminal {
            Cow::Borrowed(text)
        } else {
            marks(text)
        }
    }

    /// Formats a time for people. Ages stand under a title that says so.
    pub(crate) fn time(&self, ms: i64, is_age: bool) -> String {
        match self.times {
            Times::Relative if is_age && ms <= self.now => human::age(self.now.abs_diff(ms)),
            Times::Relative => human::relative(ms, self.now),
            Times::Local => human::local(ms),
            Times::Utc => human::utc(ms),
            Times::Iso => {
                let mut time = String::new();
                human::push_time(&mut time, ms, human::Precision::Seconds);
                time
            }
        }
    }
}

#[cfg(test)]
impl Terminal {
    /// Standard output and error are pipes.
    pub(crate) const PIPE: Self = Self {
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        width: None,
        height: None,
        color: false,
        stderr_color: false,
        dumb: false,
        is_unicode: true,
        times: Times::Relative,
        now: 1_795_415_630_000,
        wide: false,
    };

    /// Makes a terminal without colour, of `width` columns.
    pub(crate) const fn of_width(width: usize) -> Self {
        Self {
            stdout_is_terminal: true,
            stderr_is_terminal: true,
            width: Some(width),
            ..Self::PIPE
        }
    }
}
