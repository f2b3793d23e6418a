//! Makes clap's errors say what to type, and safe to print on a terminal: they repeat what was
//! typed.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use super::{Cli, suggest};
use crate::output::escape::{message, shell};

/// Commands that take another command after `--`, and nothing else as arguments.
const RUNNERS: [&str; 3] = ["run", "warm", "key"];

/// Replaces an error by one that says what to type, where that is known.
pub(crate) fn taught(error: clap::Error, words: &[OsString]) -> clap::Error {
    let typed = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (text, tip) = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let Some(typed) = typed(ContextKind::InvalidSubcommand) else {
                return error;
            };
            let cli = Cli::command();
            let known: Vec<&str> = cli.get_subcommands().map(Command::get_name).collect();
            let tip = suggest::instead_of(typed, &known);
            (
                format!("there is no command {typed:?}"),
                tip.unwrap_or_else(|| "ecache help lists them all".to_owned()),
            )
        }
        ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument => {
            let Some(line) = after_dashes(typed(ContextKind::InvalidArg), words) else {
                return error;
            };
            ("the command goes after --".to_owned(), line)
        }
        _ => return error,
    };
    let text = format!("{}\n  tip: {}\n", message(&text), message(&tip));
    clap::Error::raw(error.kind(), text)
}

/// Returns a command line with `--` before the command, if that is all that it lacks: the word that
/// clap did not expect is of the command.
fn after_dashes(unexpected: Option<&str>, words: &[OsString]) -> Option<String> {
    if words.iter().any(|word| word == "--" || word == "--refresh") {
        return None;
    }
    let verb = words
        .iter()
        .position(|word| RUNNERS.iter().any(|runner| word == runner))?;
    let cli = Cli::command();
    let mut command = cli.find_subcommand(words[verb].to_str()?)?.clone();
    command.build();
    let takes_value = |word: &OsStr| {
        let word = word.to_string_lossy();
        let is_it = |arg: &&clap::Arg| match word.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long),
            None => {
                let short = word
                    .strip_prefix('-')
                    .and_then(|word| word.chars().next_back());
                short.is_some() && arg.get_short() == short
            }
        };
        let arg = command.get_arguments().find(is_it);
        arg.is_some_and(|arg| arg.get_action().takes_values())
    };
    let is_option = |word: &OsStr| word.as_encoded_bytes().starts_with(b"-");
    let start = (verb + 1..words.len())
        .find(|at| !is_option(&words[*at]) && !takes_value(&words[*at - 1]))?;
    let is_of_command = |unexpected: &str| words[start..].iter().any(|word| *word == *unexpected);
    if !unexpected.is_none_or(is_of_command) {
        return None;
    }
    let quoted = |words: &[OsString]| -> Vec<String> {
        let quoted = |word: &OsString| shell(&word.to_string_lossy()).into_owned();
        words.iter().map(quoted).collect()
    };
    let mut line = vec!["ecache".to_owned()];
    line.extend(quoted(&words[..start]));
    line.push("--".to_owned());
    line.extend(quoted(&words[start..]));
    Some(line.join(" "))
}

/// Escapes the typed words that an error repeats, and masks passwords in them; clap prints them
/// verbatim.
pub(crate) fn escaped(mut error: clap::Error) -> clap::Error {
    let context: Vec<_> = error.context().collect();
    let is_shown = |text: &String| message(text) == *text;
    let escaped = context.iter().filter_map(|(kind, value)| {
        let value = match value {
            ContextValue::String(text) if !is_shown(text) => ContextValue::String(message(text)),
            ContextValue::Strings(texts) if !texts.iter().all(is_shown) => {
                let texts = texts.iter().map(|text| message(text));
                ContextValue::Strings(texts.collect())
            }
            _ => return None,
        };
        Some((*kind, value))
    });
    let escaped: Vec<_> = escaped.collect();
    if !escaped.is_empty() {
        // The suggestion repeats the typed words inside clap's own styles, so it cannot be escaped.
        error.remove(ContextKind::Suggested);
    }
    for (kind, value) in escaped {
        error.insert(kind, value);
    }
    error
}
