//! The arguments of commands that remove and change: `rm`, `clear`, `prune`, `undo`, `log` and
//! `touch`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, Args};
use ecache_core::filter::{EvictionOrder, Per};

use super::entry::{CallArgs, CommandArgs, IdentityArgs, ScopeArgs, only_in_long_help};
use super::filter::{self, FilterArgs, StoreNames};
use super::value::{PolicyChange, TtlChange, parse_ttl_change};
use super::{ConfirmArgs, FormatArgs, SummaryArgs};
use crate::units::{Moment, parse_duration, parse_moment, parse_size};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache rm thumbs cat.jpg dog.jpg
  ecache rm -- curl -s https://example.com
  ecache ls --kind bytes --format jsonl | ecache rm --entries-from -")]
pub(crate) struct RmArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The entries' keys, after -- if the first begins with -
    #[arg(value_name = "KEY", conflicts_with_all = ["argument", "json-argument", "args"])]
    pub(crate) keys: Vec<String>,
    #[arg(help = "Remove the keys in this file, or - for standard input", long_help = "Remove the entries whose keys are in this file, one a line; - for standard input", long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          requires = "store",
          conflicts_with_all = ["keys", "argument", "json-argument", "args", "command"])]
    pub(crate) keys_from: Option<PathBuf>,
    #[arg(help = "Remove the entries in this file of JSON lines", long_help = "Remove the entries in this file, as `ls --format jsonl` prints them; - for standard input", long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          conflicts_with_all = ["keys_from", "store", "argument", "json-argument", "args", "command", "dataset", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) entries_from: Option<PathBuf>,
    /// The keys of --keys-from end with a NUL byte, as `ls -0` ends them
    #[arg(
        long,
        short = '0',
        hide_short_help = true,
        requires = "keys_from",
        conflicts_with = "keys"
    )]
    pub(crate) null: bool,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Remove them for good, so that `ecache undo` cannot restore them
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  ecache clear thumbs --dry-run
  ecache clear --dataset 6b03de1228195dbc2df5c505 --dry-run
  ecache clear my_labels --user u-alice
  ecache clear 'dashboard_*' --glob --policy any
  ecache clear --all",
    mut_arg("policy", filter::evict_by_default)
)]
pub(crate) struct ClearArgs {
    /// Clear the whole collection, if there is no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Remove them for good, so that `ecache undo` cannot restore them
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    /// Also remove FiftyOne's running jobs
    #[arg(long, hide_short_help = true)]
    pub(crate) jobs: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache prune
  ecache prune --unused-for 30d --max-size 1GiB --dry-run
  ecache prune --max-size 1GiB --order use --keep-cost-above 10s
  ecache prune --keep-last 3 --per function --dry-run
  ecache prune --older-than 7d --user u-alice --kind command
  ecache prune --expired --vacuum",
mut_arg("policy", filter::evict_by_default),
mut_arg("expired", |arg| limit(arg, "Remove entries that are expired")),
mut_arg("older_than", |arg| limit(arg, "Remove entries older than this")),
mut_arg("unused_for", |arg| limit(arg, "Remove entries neither written nor used since then")))]
pub(crate) struct PruneArgs {
    #[arg(help = "Keep what expired within this time", long_help = "Keep entries that expired within this time, for `run --stale`", long, value_name = "TIME", value_parser = parse_duration,
          conflicts_with_all = ["fresh", "expiring_within"])]
    pub(crate) keep_stale: Option<u64>,
    #[arg(help = "Remove the least useful until the rest fits in this", long_help = "Remove entries until all values fit in this size, the least useful first", long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_size: Option<u64>,
    #[arg(
        help = "Remove the least useful until this many are left",
        long_help = "Remove entries until only this many are left, the least useful first",
        long,
        value_name = "N"
    )]
    pub(crate) max_entries: Option<u64>,
    #[arg(
        hide_possible_values = true,
        help = "Remove in this order: worth, use, age or size",
        long_help = "The order in which --max-size and --max-entries remove [default: worth]",
        long,
        value_enum
    )]
    pub(crate) order: Option<EvictionOrder>,
    /// Keep results that took longer than this to compute, until they expire
    #[arg(hide_short_help = true, long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) keep_cost_above: Option<u64>,
    #[arg(help = "Keep this many of the latest entries", long_help = "Keep the latest entries, this many of those that have not expired; without another limit, remove all others", long, value_name = "COUNT", value_parser = parse_positive)]
    pub(crate) keep_last: Option<u64>,
    /// Keep --keep-last entries of each store, dataset, user, operator or function
    #[arg(long, hide_short_help = true, value_enum, requires = "keep_last")]
    pub(crate) per: Option<Per>,
    /// Remove entries whose dataset was deleted, and the metadata of such stores
    #[arg(long, hide_short_help = true)]
    pub(crate) orphaned: bool,
    /// The existing datasets: a file with one id per line, or - for standard input
    #[arg(long, hide_short_help = true, value_name = "SOURCE", requires = "orphaned", value_hint = clap::ValueHint::FilePath)]
    pub(crate) live_datasets: Option<PathBuf>,
    /// Also remove FiftyOne's running jobs
    #[arg(long, hide_short_help = true)]
    pub(crate) jobs: bool,
    /// Delete all entries kept for `ecache undo` now
    #[arg(long, hide_short_help = true)]
    pub(crate) retired: bool,
    /// Also overwrite their values, keys and arguments, so that no byte of them is left in the
    /// store's files; names of stores, functions and users stay, and so does the log
    #[arg(long, hide_short_help = true, requires = "retired")]
    pub(crate) shred: bool,
    /// Return freed space to the file system
    #[arg(long)]
    pub(crate) vacuum: bool,
    /// Also remove entries by age, use and number for good, so that `ecache undo` cannot restore
    /// them
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Reads a count that is not 0.
fn parse_positive(text: &str) -> Result<u64, String> {
    let count = text.parse().map_err(|error| format!("{error}"))?;
    if count == 0 {
        return Err("it must be at least 1".into());
    }
    Ok(count)
}

/// Shows a condition that is a reason to go by itself among the other limits.
fn limit(condition: Arg, help: &'static str) -> Arg {
    condition
        .help(help)
        .help_heading(Resettable::Reset)
        .hide_short_help(false)
        .display_order(0)
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache undo
  ecache undo 6 --dry-run")]
pub(crate) struct UndoArgs {
    /// The number of the operation, as `ecache log` shows it
    #[arg(value_name = "OPERATION", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) operation: Option<u64>,
    /// Say what would be undone, and undo nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache log
  ecache log --since 2h --format jsonl",
    mut_arg("stores", |stores| stores.help("Operations on these stores")),
    mut_arg("store", |store| store
        .help("Operations on this store")
        .help_heading(Resettable::Reset)
        .hide_short_help(false)))]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(crate) store: StoreNames,
    /// Only operations since a time, or within a duration
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) since: Option<Moment>,
    /// Print at most this many
    #[arg(long, short = 'L', value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Show who did it, on which host and to which entries, and cut nothing; with -v on a second
    /// line
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  ecache touch thumbs --ttl 7d
  ecache touch settings theme --policy persist
  ecache touch --expiring-within 1h --ttl 1d --dry-run",
    mut_arg("policy", filter::if_policy),
    mut_arg("stores", filter::one_store),
    mut_args(only_in_long_help),
    // clap takes several keys only if its last argument is that of `--`, and a changed one is last.
    mut_arg("command", |command| command)
)]
pub(crate) struct TouchArgs {
    /// Look for the result of this version, in the store NAME#vN
    #[arg(hide_short_help = true, long, value_name = "N")]
    pub(crate) version: Option<String>,
    #[arg(
        help = "Entries with these keys",
        long_help = "Entries with these keys in that store, after -- if the first begins with -",
        value_name = "KEY",
        index = 2
    )]
    pub(crate) keys: Vec<String>,
    /// Expire this long from now, as in 90s, 10m or 1d12h; `none` for never, `keep` for the expiry
    /// that an entry has
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl_change, required_unless_present = "new_policy")]
    pub(crate) ttl: Option<TtlChange>,
    #[arg(
        help = "Set this policy: evict or persist",
        long_help = "The new policy: evict lets the cache drop the entries, persist does not; with `keep`, only entries of policy `evict` get a lifetime",
        long = "policy",
        value_name = "POLICY",
        value_enum
    )]
    pub(crate) new_policy: Option<PolicyChange>,
    /// Change the whole collection, if there is no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Keep no old lifetimes, so that `ecache undo` cannot restore them
    #[arg(long, hide_short_help = true)]
    pub(crate) no_undo: bool,
    /// Say what would be changed, and change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The command, with the options of `ecache run` that are part of its key
    #[arg(value_name = "COMMAND", index = 3, last = true, value_hint = clap::ValueHint::CommandWithArguments,
          conflicts_with_all = ["key", "all"])]
    pub(crate) command: Vec<OsString>,
}
