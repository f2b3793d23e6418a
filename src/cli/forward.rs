//! The arguments of `forward`, which `run` starts by itself.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ForwardArgs {
    #[command(flatten)]
    pub(crate) kept: Option<KeptArgs>,
}

// The result that late output takes back: all of it, or nothing.
#[derive(Debug, Args)]
pub(crate) struct KeptArgs {
    /// The store's name
    #[arg(long, required = false)]
    pub(crate) store: String,
    /// The dataset's id
    #[arg(long)]
    pub(crate) dataset: Option<String>,
    /// The entry's key
    #[arg(long, required = false)]
    pub(crate) key: String,
    /// The time at which it was written, in milliseconds
    #[arg(long, required = false, allow_negative_numbers = true)]
    pub(crate) written_at: i64,
    /// Its size in bytes
    #[arg(long, required = false)]
    pub(crate) size: u64,
}
