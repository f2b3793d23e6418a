//! The arguments of `ecache browse`.

use std::ffi::OsString;

use clap::{Args, Parser};

use super::RevealArgs;
use super::filter::FilterArgs;
use super::refusal::reworded;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache browse
  ecache browse thumbs --larger-than 1MiB
  ecache --db fiftyone browse --user ann")]
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

impl FilterWords {
    /// Reads the words of a filter, or returns their fault in one line, as `ls` words it.
    pub(crate) fn read(words: Vec<OsString>) -> Result<Self, String> {
        Self::try_parse_from(&words).map_err(|error| {
            let line = [OsString::from("ls")].into_iter().chain(words);
            let text = reworded(error, &Vec::from_iter(line)).to_string();
            let fault = text.lines().next().unwrap_or_default();
            fault.trim_start_matches("error: ").to_owned()
        })
    }
}
