//! Completion scripts: clap's, and for some shells a few lines that offer the names in the store.
//!
//! clap knows the commands and options but cannot have a script ask for values, so those lines are
//! written by hand. They ask `ecache names`, which goes by the same definitions.

use clap::{Arg, Args, Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate};

use crate::cli::{Cli, Global};

const NAME: &str = env!("CARGO_PKG_NAME");

/// Returns the completion script of a shell.
pub(crate) fn completion(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut documented_commands(), NAME, &mut script);
    let script = String::from_utf8(script).expect("help texts are UTF-8");
    match shell {
        Shell::Bash => script + include_str!("names.bash"),
        Shell::Fish => script + include_str!("names.fish"),
        Shell::Zsh => before_start(&script, include_str!("names.zsh")),
        _ => script,
    }
}

/// Returns the command line without hidden commands, which the generators would include.
pub(super) fn documented_commands() -> Command {
    let mut cli = Cli::command();
    cli.build();
    let commands = cli
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    Global::augment_args(Command::new(NAME))
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(commands.cloned().map(without_files))
}

/// Returns the names of the commands, or of the verbs of one, and what they do.
pub(super) fn commands_of(parent: Option<&str>) -> Vec<(String, String)> {
    let cli = documented_commands();
    let within = match parent {
        Some(name) => cli.find_subcommand(name),
        None => Some(&cli),
    };
    let commands = within.into_iter().flat_map(Command::get_subcommands);
    let named = |command: &Command| {
        let about = command.get_about().map(ToString::to_string);
        (command.get_name().to_owned(), about.unwrap_or_default())
    };
    // clap gives each group of verbs one that is called help.
    let is_of_help = |command: &&Command| parent.is_some() && command.get_name() == "help";
    commands
        .filter(|command| !is_of_help(command))
        .map(named)
        .collect()
}

/// Applies [`no_file`] to a command and its verbs.
fn without_files(command: Command) -> Command {
    command
        .mut_args(no_file)
        .mut_subcommands(|verb| verb.mut_args(no_file))
}

/// Keeps shells from offering files for values that are none: a file says so by its type.
fn no_file(arg: Arg) -> Arg {
    match arg.get_value_hint() {
        ValueHint::Unknown if arg.get_action().takes_values() => arg.value_hint(ValueHint::Other),
        _ => arg,
    }
}

/// Inserts lines before the last command of a zsh script, which calls what the others define.
fn before_start(script: &str, lines: &str) -> String {
    let start = script
        .rfind("\nif [")
        .expect("clap's script ends with how it is started");
    let (definitions, start) = script.split_at(start);
    format!("{definitions}\n{lines}{start}")
}
