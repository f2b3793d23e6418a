//! The line that was meant: options in another place, the ways of other programs, a verb that is
//! missing.

use std::ffi::OsString;

use clap::{Command, Parser as _};

use super::{Refusal, commands, named_command};
use crate::cli::Cli;
use crate::output::escape::shell;
use crate::output::own_command;

/// Reports whether a command has an option.
pub(super) fn takes(command: &Command, option: &str) -> bool {
    let mut known = command.get_arguments();
    known.any(|known| match option.strip_prefix("--") {
        Some(long) => known.get_long() == Some(long),
        None => {
            known
                .get_short()
                .map(|short| format!("-{short}"))
                .as_deref()
                == Some(option)
        }
    })
}

/// Returns the typed line with an option behind the command that takes it, if it stood before.
pub(super) fn behind_its_command(
    command: &Command,
    argument: &str,
    words: &[OsString],
) -> Option<String> {
    let name = words.iter().position(|word| *word == *command.get_name())?;
    let place = words.iter().position(|word| {
        let word = word.to_string_lossy();
        word.split('=').next() == Some(argument)
    })?;
    if place > name || !takes(command, argument) {
        return None;
    }
    let mut line = words.to_vec();
    let moved: Vec<OsString> = line.drain(place..name).collect();
    let end = line
        .iter()
        .position(|word| *word == "--")
        .unwrap_or(line.len());
    line.splice(end..end, moved);
    let program = OsString::from("ecache");
    let is_right = Cli::try_parse_from([&program].into_iter().chain(&line)).is_ok();
    is_right.then(|| to_type(&line))
}

/// Returns the fault and the way of this program for options that other programs have.
pub(super) fn other_way(
    command: &Command,
    verbs: &str,
    argument: &str,
    words: &[OsString],
) -> Option<Refusal> {
    let is_it = |word: &OsString| word.to_string_lossy().starts_with(argument);
    let next = words
        .iter()
        .position(is_it)
        .and_then(|at| words.get(at + 1));
    let next = next.map(|word| word.to_string_lossy());
    let unknown = || format!("there is no option {argument}");
    match argument {
        "-n" | "--dry-run" => {
            let count = next.filter(|next| takes(command, "-L") && next.parse::<u64>().is_ok());
            let tip = match count {
                Some(count) => {
                    let list = own_command(&format!("{verbs} -L {count}"));
                    format!("to list {count}: {list}")
                }
                None => format!("leave out {argument}"),
            };
            let fault = format!("{argument} is a dry run, and {verbs} changes nothing");
            Some(Refusal::new(fault, tip))
        }
        "--all" if takes(command, "-L") => {
            let list = own_command(&format!("{verbs} -L 0"));
            Some(Refusal::new(unknown(), format!("to list all: {list}")))
        }
        "--json" | "--format" if command.get_name() == "has" => Some(Refusal::new(
            unknown(),
            "has prints nothing: use its exit code",
        )),
        "--timeout" if command.get_name() == "run" => {
            let time = next.as_deref().unwrap_or("10").to_owned();
            let run = own_command(&format!("{verbs} …"));
            Some(Refusal::new(unknown(), format!("timeout {time} {run}")))
        }
        _ => {
            let formats = command
                .get_arguments()
                .find(|it| it.get_long() == Some("format"))?;
            let wanted = match argument {
                "-o" | "--output" | "-f" => next?.into_owned(),
                option => option.strip_prefix("--")?.to_owned(),
            };
            let formats = formats.get_possible_values();
            let is_one = formats.iter().any(|it| it.matches(&wanted, false));
            is_one.then(|| Refusal::new(unknown(), format!("did you mean --format {wanted}?")))
        }
    }
}

/// Returns how to type `--sort -size`, as other programs reverse an order.
pub(super) fn reversed(option: &str, words: &[OsString]) -> Option<String> {
    let (cli, typed) = (commands(), option.strip_prefix("--")?);
    let (command, _) = named_command(&cli, words);
    let choice = command
        .get_arguments()
        .find(|it| it.get_long() == Some(typed))?;
    let values = choice.get_possible_values();
    let meant = words.iter().find_map(|word| {
        let word = word.to_str()?;
        let word = word
            .strip_prefix(option)
            .map_or(word, |rest| rest.trim_start_matches('='));
        let word = word.strip_prefix('-')?;
        values
            .iter()
            .any(|it| it.matches(word, false))
            .then(|| word.to_owned())
    })?;
    let reverse = if takes(command, "-r") {
        "; -r reverses"
    } else {
        ""
    };
    Some(format!("{option} {meant}{reverse}"))
}

/// Returns the typed line with the verb that it lacks: the only one that takes all of its options.
/// It is none that removes.
pub(super) fn with_verb(parent: &Command, typed: &str, words: &[OsString]) -> Option<String> {
    let place = words.iter().position(|word| *word == *typed)?;
    let options: Vec<&str> = words[place..]
        .iter()
        .filter_map(|word| word.to_str()?.strip_prefix("--")?.split('=').next())
        .collect();
    let takes = |verb: &&Command, option: &str| {
        verb.get_arguments()
            .any(|argument| argument.get_long() == Some(option))
    };
    let mut verbs = parent
        .get_subcommands()
        .filter(|verb| options.iter().all(|option| takes(verb, option)));
    let verb = verbs.next()?.get_name();
    if options.is_empty() || verb == "rm" || verbs.next().is_some() {
        return None;
    }
    let mut line = words.to_vec();
    line.insert(place, verb.into());
    Some(to_type(&line))
}

/// Returns the command line of these words, as it is typed in a shell.
pub(super) fn to_type(words: &[OsString]) -> String {
    let words = words
        .iter()
        .map(|word| shell(&word.to_string_lossy()).into_owned());
    format!("ecache {}", words.collect::<Vec<_>>().join(" "))
}
