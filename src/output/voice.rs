//! The beginning of messages: `error:`, `warning:` and `tip:`, or `ecache:` where another command
//! writes to the same stream.

use std::borrow::Cow;
use std::io::Write;

use anstyle::Style;

use super::cut::short_ids;
use super::escape;
use super::paint::{style, styled};
use super::standard::{self, spoken, stderr};
use super::terminal::ColorChoice;

/// The words and colours in which this process speaks on standard error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Voice {
    /// The command of `run` or `warm` writes to standard error, too
    pub(crate) shares_stream: bool,
    pub(crate) color: ColorChoice,
}

impl Voice {
    /// Says what was done, on a line of its own.
    pub(crate) fn note(self, message: &str) {
        let message = shown(message);
        if self.shares_stream {
            standard::say(&format!("ecache: {message}"));
        } else {
            standard::say(&message);
        }
    }

    /// Says why something failed, and what to try.
    pub(crate) fn error(self, message: &str, tip: Option<&str>) {
        self.say("error", style::BAD.bold(), message);
        if let Some(tip) = tip {
            self.tip_below(tip);
        }
    }

    /// Says what went wrong although the command continues.
    pub(crate) fn warning(self, message: &str) {
        self.say("warning", style::WARN, message);
    }

    /// Says what to try, below the error or the warning that it belongs to.
    pub(crate) fn tip_below(self, tip: &str) {
        self.write("  tip", style::TYPE_ME, tip);
    }

    /// Says what to do next, after a success.
    pub(crate) fn tip(self, tip: &str) {
        self.write("tip", style::TYPE_ME, tip);
    }

    fn say(self, word: &str, style: Style, message: &str) {
        let word = if self.shares_stream { "ecache" } else { word };
        self.write(word, style, message);
    }

    /// Writes an escaped line, best effort: a failure could not be reported anywhere.
    fn write(self, word: &str, style: Style, message: &str) {
        let label = styled(&format!("{word}:"), style, self.color.of_stderr());
        let message = escape::message(&shown(message));
        let line = format!("{label} {}\n", spoken(&format!("{word}: "), &message));
        let _ = stderr().write_all(line.as_bytes());
    }
}

/// Returns a message as its reader gets it: on a terminal ids are short, and can be pasted so.
pub(crate) fn shown(message: &str) -> Cow<'_, str> {
    if stderr().is_terminal() {
        Cow::Owned(short_ids(message))
    } else {
        Cow::Borrowed(message)
    }
}
