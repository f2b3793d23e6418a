//! The arguments of `ecache edit`.

use clap::Args;

use super::entry::EntryArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache edit settings theme
  ecache edit 5b7f5a53d9c3…
  EDITOR='sed -i s/bird/owl/' ecache edit my_labels -j 0.25 --user u-alice

Environment:
  VISUAL, EDITOR    the editor, with its arguments; the first that is set, else vi")]
pub(crate) struct EditArgs {
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
}
