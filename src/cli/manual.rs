//! The arguments of `completions`, `man` and `help`, and of the hidden command that completion
//! scripts call.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache completions bash > ~/.local/share/bash-completion/completions/ecache
  ecache completions zsh > ~/.zfunc/_ecache
  ecache completions fish > ~/.config/fish/completions/ecache.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell to complete for
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write them to
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache help run
  ecache help stores rename")]
pub(crate) struct HelpArgs {
    /// The command, and its verb
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// The kind of names to print
    #[arg(value_enum)]
    pub(crate) of: Offered,
    /// The store whose keys are meant, or the command whose verbs are
    pub(crate) store: Option<String>,
    /// Print a description after a tab
    #[arg(long)]
    pub(crate) described: bool,
}

/// Names that completion scripts offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Offered {
    /// Collections
    Collection,
    /// Stores
    Store,
    /// Datasets
    Dataset,
    /// Users
    User,
    /// Operators
    Operator,
    /// Prompts
    Prompt,
    /// Keys of a store, the newest first
    Key,
    /// Fields of entries
    Field,
    /// Settings of `config`
    Setting,
    /// Commands, or the verbs of one
    Command,
}
