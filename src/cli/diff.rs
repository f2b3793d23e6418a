//! The arguments of `ecache diff`.

use std::path::PathBuf;

use clap::Args;

use super::FormatArgs;
use super::filter::{self, FilterArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  ecache diff @ backup.db
  ecache diff team.db mine.db --store my_labels
  ecache diff monday.db @ --format jsonl | jq -r '.change, .key'",
    mut_arg("stores", filter::stores_by_option),
    mut_arg("store", |store| store.help("Compare entries of this store"))
)]
pub(crate) struct DiffArgs {
    /// The store to compare with
    #[arg(value_name = "FROM", value_hint = clap::ValueHint::FilePath)]
    pub(crate) from: PathBuf,
    /// The store to compare
    #[arg(value_name = "TO", value_hint = clap::ValueHint::FilePath)]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
