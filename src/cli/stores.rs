//! The arguments of `ecache stores` and its verbs.

use clap::{Args, Subcommand};
use ecache_core::entry::Policy;

use super::filter::FilterArgs;
use super::{ConfirmArgs, FormatArgs, SummaryArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores
  ecache stores --larger-than 1MiB --format json
  ecache stores create settings --metadata '{\"owner\": \"ann\"}'
  ecache stores rename thumbs thumbnails --dry-run
  ecache stores rm thumbnails --dataset 6b03de1228195dbc2df5c505")]
pub(crate) struct StoresArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<StoresVerb>,
    #[command(flatten)]
    pub(crate) list: StoresListArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores
  ecache stores ls --dataset 6b03de1228195dbc2df5c505 --json",
    mut_arg("stores", |stores| stores.help("List only these stores")))]
pub(crate) struct StoresListArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

// The verbs; without one, stores are listed.
#[derive(Debug, Subcommand)]
pub(crate) enum StoresVerb {
    /// List stores, with their entries and metadata
    Ls(Box<StoresListArgs>),
    /// Show a store in full
    Show(StoresShowArgs),
    /// Create an empty store with metadata
    ///
    /// Exits with 1 if it has metadata already; `ecache stores set` changes it.
    Create(StoresCreateArgs),
    /// Change the metadata of a store, or its policy
    Set(StoresSetArgs),
    /// Remove a store: its metadata and all of its entries, whatever their policy
    ///
    /// Exits with 1 if there is no such store.
    Rm(StoresRmArgs),
    /// Rename a store
    ///
    /// In a file all at once, with its counts of calls. In MongoDB document by document: continue
    /// an interrupted renaming with --merge; the counts stay with the old name.
    Rename(StoresRenameArgs),
}

// One store.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: String,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
}

// The dataset of a store.
#[derive(Clone, Debug, Args)]
pub(crate) struct LinkArgs {
    /// The dataset that the store is linked to, by its id, or in FiftyOne's database its name
    #[arg(long, value_name = "ID")]
    pub(crate) dataset: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores show thumbs")]
pub(crate) struct StoresShowArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores create settings
  ecache stores create thumbs --metadata '{\"owner\": \"ann\"}' --policy evict")]
pub(crate) struct StoresCreateArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    /// The metadata, a JSON object [default: null]
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// The policy of the metadata: clearing the cache removes it (evict) or not (persist); entries
    /// have their own
    #[arg(long, value_enum, default_value_t = Policy::Persist)]
    pub(crate) policy: Policy,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores set thumbs --metadata '{\"owner\": \"ann\"}'")]
pub(crate) struct StoresSetArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The new metadata, a JSON object, or null
    #[arg(long, value_name = "JSON")]
    pub(crate) metadata: Option<String>,
    /// The policy of the metadata: clearing the cache removes it (evict) or not (persist); entries
    /// have their own
    #[arg(long, value_enum)]
    pub(crate) policy: Option<Policy>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores rm thumbs --dry-run
  ecache stores rm thumbs")]
pub(crate) struct StoresRmArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stores rename thumbs thumbnails
  ecache stores rename thumbs previews --merge")]
pub(crate) struct StoresRenameArgs {
    /// The store's name
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// The new name
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
    /// If there is a store NEW, move the entries there, unless both have an entry with the same
    /// key; the metadata of NEW stays
    #[arg(long)]
    pub(crate) merge: bool,
    /// Link the store to this dataset instead
    #[arg(long, value_name = "ID")]
    pub(crate) to_dataset: Option<String>,
    /// Link the store to no dataset
    #[arg(long, conflicts_with = "to_dataset")]
    pub(crate) to_no_dataset: bool,
    /// Move the store to this collection
    #[arg(long, value_name = "NAME")]
    pub(crate) to_collection: Option<String>,
    /// Keep nothing for undo: `ecache undo` cannot revert the renaming
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    /// Say what would be renamed, and rename nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
}
