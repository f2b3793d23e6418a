//! The beginning of messages: `error:`, `warning:` and `tip:`, or `ecache:` where another command
//! writes to the same stream.

use std::borrow::Cow;
use std::io::Write;

use anstyle::Style;

use super::escape;
use super::paint::{style, styled};
use super::short_ids::short_ids;
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
    /// Prints a note, such as the outcome of a change, on a line of its own.
    pub(crate) fn note(self, message: &str) {
        let message = shown(message);
        if self.shares_stream {
            standard::say(&format!("ecache: {message}"));
        } else {
            standard::say(&message);
        }
    }

    /// Asks on a terminal. The answer is typed on the same line.
    pub(crate) fn ask(self, question: &str) {
        let question = escape::message(question);
        let _ = stderr().write_all(format!("{question} ").as_bytes());
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
    let message = without_error_numbers(message);
    if stderr().is_terminal() {
        Cow::Owned(short_ids(&message))
    } else {
        Cow::Owned(message.into_owned())
    }
}

/// Replaces `: Permission denied (os error 13)` by `: permission denied`.
fn without_error_numbers(message: &str) -> Cow<'_, str> {
    const NUMBER: &str = " (os error ";
    let mut message = Cow::Borrowed(message);
    while let Some(at) = message.find(NUMBER) {
        let (before, rest) = message.split_at(at);
        let rest = &rest[NUMBER.len()..];
        let Some((_, rest)) = rest.split_once(')').filter(|(number, _)| is_number(number)) else {
            break;
        };
        let start = before.rfind(": ").map_or(0, |colon| colon + 2);
        let (kept, cause) = before.split_at(start);
        let mut letters = cause.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let first = first.into_iter();
        message = Cow::Owned(format!(
            "{kept}{}{}{rest}",
            first.collect::<String>(),
            letters.as_str()
        ));
    }
    message
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_no_number() {
        for (message, said) in [
            (
                "cannot read a: No such file or directory (os error 2); go on",
                "cannot read a: no such file or directory; go on",
            ),
            ("Permission denied (os error 13)", "permission denied"),
            ("a file (os error x)", "a file (os error x)"),
            ("a: b", "a: b"),
        ] {
            assert_eq!(without_error_numbers(message), said);
        }
    }
}
