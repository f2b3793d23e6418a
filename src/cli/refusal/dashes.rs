//! The line with `--` where it is missing: before a command, or before a key that reads like an
//! option.

use std::ffi::{OsStr, OsString};

use clap::Parser as _;
use clap::error::ErrorKind;

use super::commands;
use super::rewritten::to_type;
use crate::cli::{self, Cli};

/// Commands that take another command after `--`, and nothing else as arguments.
const RUNNERS: [&str; 3] = ["run", "warm", "key"];

/// Returns a command line with a word behind `--` that clap takes for an option, if it names an
/// entry by its key there.
pub(super) fn key_behind_dashes(argument: &str, words: &[OsString]) -> Option<String> {
    const KEYED: [&str; 8] = ["get", "set", "has", "show", "why", "rm", "touch", "edit"];
    let is_keyed = words
        .iter()
        .any(|word| KEYED.iter().any(|verb| word == verb));
    if !is_keyed || words.iter().any(|word| word == "--") {
        return None;
    }
    let place = words.iter().position(|word| *word == *argument)?;
    let is_option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    // The words of its own behind the key, such as a value, follow it.
    let (before, rest) = (&words[..place], &words[place + 1..]);
    let (options, values): (Vec<_>, Vec<_>) = rest.iter().partition(|word| is_option(word));
    let mut line: Vec<OsString> = before.iter().chain(options).cloned().collect();
    line.extend(["--".into(), words[place].clone()]);
    line.extend(values.into_iter().cloned());
    let program = OsString::from("ecache");
    let cli = Cli::try_parse_from([&program].into_iter().chain(&line)).ok()?;
    (!names_more_than_an_entry(&cli.command)).then(|| to_type(&line))
}

/// Reports whether a command on one entry is given more than a store and a key.
fn names_more_than_an_entry(command: &cli::Command) -> bool {
    let (store, key, words) = match command {
        cli::Command::Get(args) => (&args.entry.store, &args.entry.key, &args.command),
        cli::Command::Has(args) => (&args.entry.store, &args.entry.key, &args.command),
        cli::Command::Show(args) => (&args.entry.store, &args.entry.key, &args.command),
        cli::Command::Why(args) => (&args.store, &args.key, &args.command),
        _ => return false,
    };
    [store, key].into_iter().flatten().count() + words.command.len() > 2
}

/// Returns a command line with `--` before the command, if that is all that it lacks: the word that
/// clap did not expect is of the command.
pub(super) fn after_dashes(
    unexpected: Option<&str>,
    kind: ErrorKind,
    words: &[OsString],
) -> Option<String> {
    let unexpected = unexpected.filter(|_| kind == ErrorKind::UnknownArgument);
    if words.iter().any(|word| word == "--" || word == "--refresh") {
        return None;
    }
    let verb = words
        .iter()
        .position(|word| RUNNERS.iter().any(|runner| word == runner))?;
    let cli = commands();
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
    let mut line = words.to_vec();
    line.insert(start, "--".into());
    Some(to_type(&line))
}
