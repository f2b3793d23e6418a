//! The arguments of `ecache browse`.

use clap::{Args, Parser};

use super::RevealArgs;
use super::filter::FilterArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache browse
  ecache browse thumbs --larger-than 1MiB
  ecache --db fiftyone browse --dataset street")]
pub(crate) struct BrowseArgs {
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

// The words of a filter, as they are typed in the browser.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(crate) struct FilterWords {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
