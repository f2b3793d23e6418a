//! The arguments of `completions`, `man` and `help`, and of the hidden command that completion
//! scripts call.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(ecache completions bash)\"
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
    /// The words of the line, the last of which is being typed
    #[arg(last = true)]
    pub(crate) words: Vec<String>,
    /// Print a description after a tab
    #[arg(long)]
    pub(crate) described: bool,
    /// The words are as they were typed, with quotes and backslashes
    #[arg(long)]
    pub(crate) quoted: bool,
}

/// Names in a store that completion scripts offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// Collections
    Collection,
    /// Stores
    Store,
    /// Stores that limits name
    LimitedStore,
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
    /// Operations that can be undone
    Operation,
    /// Settings of the user's file
    Setting,
}
