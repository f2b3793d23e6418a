//! The arguments of `ecache edit`.

use clap::Args;

use super::entry::EntryArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache edit settings theme
  ecache edit 5b7f5a53d9c3…
  EDITOR='sed -i s/dark/light/' ecache edit settings theme

Environment:
  VISUAL, EDITOR    the editor, with its arguments; the first that is set, else vi")]
pub(crate) struct EditArgs {
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
    /// Do not keep the old value, so that `ecache undo` cannot restore it
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
}
