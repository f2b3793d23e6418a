//! Properties of the terminal, read once and passed on, so that tests need no pty.

use std::io::{IsTerminal, stderr, stdout};

use anstream::{AutoStream, ColorChoice};

/// The facts about the standard streams that decide how output looks.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    /// Standard output goes to a terminal, where data must not act and rows must fit.
    pub(crate) stdout_is_terminal: bool,
    /// Standard error goes to a terminal, where notes and progress have a reader.
    pub(crate) stderr_is_terminal: bool,
    /// Columns of the terminal; of no meaning where neither stream is one.
    pub(crate) width: usize,
    /// Standard output may carry colour.
    pub(crate) color: bool,
    /// The terminal cannot move its cursor (`TERM=dumb`).
    pub(crate) dumb: bool,
}

impl Terminal {
    /// Reads the facts from the process's streams and environment.
    ///
    /// Colour follows `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR` and `TERM` in the same way as clap's
    /// help.
    pub(crate) fn from_environment() -> Self {
        const CLASSIC_WIDTH: usize = 80;
        Self {
            stdout_is_terminal: stdout().is_terminal(),
            stderr_is_terminal: stderr().is_terminal(),
            width: terminal_size::terminal_size()
                .map(|(width, _)| usize::from(width.0))
                // A terminal that does not know its size, such as a serial line, says 0.
                .filter(|&width| width > 0)
                .unwrap_or(CLASSIC_WIDTH),
            color: AutoStream::choice(&stdout()) != ColorChoice::Never,
            dumb: std::env::var_os("TERM").is_some_and(|term| term == "dumb"),
        }
    }

    /// Returns the maximum width of a line on standard output; `None` off a terminal.
    pub(crate) fn line_width(&self) -> Option<usize> {
        self.stdout_is_terminal.then_some(self.width)
    }
}

#[cfg(test)]
impl Terminal {
    /// Standard output and error are pipes.
    pub(crate) const PIPE: Self = Self {
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        width: 80,
        color: false,
        dumb: false,
    };

    /// Makes a terminal without colour, of `width` columns.
    pub(crate) const fn of_width(width: usize) -> Self {
        Self {
            stdout_is_terminal: true,
            stderr_is_terminal: true,
            width,
            color: false,
            dumb: false,
        }
    }
}
