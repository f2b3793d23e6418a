//! The arguments of `ecache top`.

use clap::{Args, ValueEnum};

use super::filter::FilterArgs;
use super::{FormatArgs, RevealArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache top
  ecache top --by saved -L 3
  ecache top curl --by waste --format jsonl > found.jsonl
  ecache rm --entries-from found.jsonl -n")]
pub(crate) struct TopArgs {
    /// Order by this, the largest first
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) by: Measure,
    /// Print at most this many entries; 0 for all
    #[arg(long, short = 'L', value_name = "COUNT", default_value_t = 10)]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// The measure by which `top` orders entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Bytes of the value
    #[default]
    Size,
    /// Time that hits saved
    Saved,
    /// Hits
    Hits,
    /// Bytes times days without use
    Waste,
    /// Time since it was written
    Age,
}
