//! The arguments of `export`, `import` and `copy`.

use std::path::PathBuf;

use clap::Args;
use ecache_core::backend::OnConflict;

use super::SummaryArgs;
use super::filter::{self, FilterArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache export > backup.jsonl
  ecache export my_labels --user u-alice | jq .value")]
pub(crate) struct ExportArgs {
    /// Write to this file, replaced once all is written, or - for standard output
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  ecache import backup.jsonl
  mongoexport --db fiftyone --collection execution_store | ecache import -
  ecache import dump/fiftyone/execution_store.bson --on-conflict newer",
    mut_arg("stores", filter::stores_by_option)
)]
pub(crate) struct ImportArgs {
    /// The file to read; - for standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Handle existing entries this way
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Replace)]
    pub(crate) on_conflict: OnConflict,
    /// Import this many entries at a time, instead of all or nothing
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Option<u32>,
    /// Keep no replaced entries, so that `ecache undo` cannot revert the import
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    /// Say what would be imported, and import nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  ecache copy team.db mine.db --dataset 6b03de1228195dbc2df5c505
  ecache copy execution_store.bson cache.db --store my_labels
  ecache copy @ @ --remap-dataset \\
    6b03de1228195dbc2df5c505=6b03de1228195dbc2df5c682",
    mut_arg("stores", filter::stores_by_option)
)]
pub(crate) struct CopyArgs {
    /// The source of the entries
    #[arg(value_name = "FROM", value_hint = clap::ValueHint::FilePath)]
    pub(crate) from: PathBuf,
    /// The destination
    #[arg(value_name = "TO", value_hint = clap::ValueHint::FilePath)]
    pub(crate) to: PathBuf,
    /// Copy the cache of dataset OLD to dataset NEW: entries of policy evict, without jobs
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) remap_dataset: Vec<String>,
    /// Handle existing entries this way
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Newer)]
    pub(crate) on_conflict: OnConflict,
    /// Keep no replaced entries, so that `ecache undo` cannot revert the copy
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    /// Say what would be copied, and copy nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
