//! The findings of `doctor` for a person: a word for how bad each is, a sentence, a few of its
//! entries, and the command that fixes it.

use std::fmt::Write as _;

use anstyle::Style;
use ecache_core::doctor::Severity;

use crate::context::Context;
use crate::output::escape::for_line;
use crate::output::paint::{style, styled};
use crate::output::short_ids::short_ids;
use crate::output::{cut, wrapped};

/// Width of the words at the beginning of lines.
const LABEL: usize = 9;

/// The word before a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Label {
    Good,
    Found(Severity),
    /// A check that could not be made
    Skipped,
}

impl Label {
    fn word(self) -> (&'static str, Style) {
        match self {
            Self::Good => ("ok", style::GOOD),
            Self::Found(severity) => {
                let style = match severity {
                    Severity::Info => Style::new(),
                    Severity::Warning => style::WARN,
                    Severity::Error => style::BAD,
                };
                (severity.as_str(), style)
            }
            Self::Skipped => ("skipped", style::MUTED),
        }
    }
}

/// Lays out findings for a terminal.
pub(in crate::commands) struct FindingsView {
    text: String,
    width: usize,
    color: bool,
}

impl FindingsView {
    pub(in crate::commands) fn new(context: &Context) -> Self {
        Self {
            text: String::new(),
            width: context.terminal.width.unwrap_or(80),
            color: context.terminal.color,
        }
    }

    /// Adds a finding.
    pub(in crate::commands) fn finding(&mut self, label: Label, sentence: &str) {
        let (word, style) = label.word();
        let gap = " ".repeat(LABEL - word.len());
        let word = styled(word, style, self.color);
        let mut lines = self.lines(sentence).into_iter();
        let first = lines.next().unwrap_or_default();
        let _ = writeln!(self.text, "{word}{gap}{first}");
        for line in lines {
            self.indented(&line);
        }
    }

    /// Adds entries or reasons of the finding above. Ids are short.
    pub(in crate::commands) fn sample(&mut self, sample: &str) {
        let room = self.width.saturating_sub(LABEL).max(LABEL);
        let sample = short_ids(&for_line(sample));
        let sample = cut::shorten(&sample, room, cut::Cut::End);
        self.indented(&styled(&sample, style::MUTED, self.color));
    }

    /// Adds the command that fixes the finding above. It is not cut: it is to be typed.
    pub(in crate::commands) fn tip(&mut self, command: &str) {
        let tip = styled("tip:", style::TYPE_ME, self.color);
        self.indented(&format!("{tip} {}", for_line(command)));
    }

    /// Returns the text.
    pub(in crate::commands) fn finish(self) -> String {
        self.text
    }

    fn lines(&self, sentence: &str) -> Vec<String> {
        let room = self.width.saturating_sub(LABEL).max(LABEL);
        wrapped(&for_line(sentence), room)
    }

    fn indented(&mut self, line: &str) {
        let _ = writeln!(self.text, "{:LABEL$}{line}", "");
    }
}
