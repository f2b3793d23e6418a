//! The arguments of each command.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, Resettable, TypedValueParser as _};
use clap::{Arg, Args, ValueEnum};
use clap_complete::Shell;
use ecache_core::backend::{Dimension, OnConflict, Sort};
use ecache_core::doctor::Check;

use super::entry::{CallArgs, CommandArgs, EntryArgs, IdentityArgs, ScopeArgs};
use super::filter::{self, FilterArgs};
use super::value::{
    Lifetime, PolicyChange, TtlChange, ValueType, parse_lifetime, parse_ttl_change,
};
use super::{FailureArgs, FormatArgs, RevealArgs, SummaryArgs};
use crate::units::{Moment, parse_duration, parse_moment, parse_size};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache get thumbs cat.jpg > cat.png
  ecache get histograms#v2 -a uniqueness -j 10 --user u-alice
  ecache ls thumbs --fields key | ecache get thumbs --keys-from -
  ecache ls --expiring-within 1h --format jsonl | ecache get --entries-from -")]
pub(crate) struct GetArgs {
    /// Look up the keys in this file (- for standard input), and print JSON lines
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "argument", "json-argument", "args", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) keys_from: Option<PathBuf>,
    /// Look up the entries in this file, as `ls --format jsonl` prints them, and print JSON lines
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          conflicts_with_all = ["keys_from", "store", "argument", "json-argument", "args", "dataset", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) entries_from: Option<PathBuf>,
    /// Print the value in this format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ValueFormat::Raw)]
    pub(crate) format: ValueFormat,
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
}

/// How `get` prints a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValueFormat {
    /// As it is
    Raw,
    /// As JSON, whatever it is
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache set thumbs cat.jpg --type bytes --ttl 1d < cat.png
  ecache set settings theme dark --policy persist
  ecache set my_labels -j 0.25 --user u-alice --type json -- '[\"bird\", \"car\"]'
  ecache set locks job-7 $$ --if-absent --ttl 10m || echo taken")]
pub(crate) struct SetArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: String,
    /// The entry's key; the value where arguments name the entry
    #[arg(value_name = "KEY")]
    pub(crate) first: Option<String>,
    /// The value; standard input if there is none, or if it is -
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) second: Option<String>,
    /// Read the value from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) value_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Store the value as this type
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = ValueType::Text)]
    pub(crate) kind: ValueType,
    /// Expire after this long, as in 90s, 10m or 1d12h; `none` for never, `keep` for the expiry
    /// that the entry has [default: none, or with --if-value keep]
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl_change)]
    pub(crate) ttl: Option<TtlChange>,
    /// Say whether the cache may drop the entry [default: keep; evict for a new entry, or with a
    /// lifetime]
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(crate) policy: Option<PolicyChange>,
    /// Set nothing, and exit with 1, if there is a fresh entry
    #[arg(long, conflicts_with = "if_value")]
    pub(crate) if_absent: bool,
    /// Set nothing, and exit with 1, unless the entry has this value; numbers are compared by
    /// value, as 1 and 1.0
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) if_value: Option<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HasArgs {
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache key -a uniqueness -j 10
  ecache key --args '[0.25]' --user u-alice --explain
  ecache key --cwd -- git log -1")]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// The command whose key is asked for
    #[arg(value_name = "COMMAND", last = true, value_hint = clap::ValueHint::CommandWithArguments,
          conflicts_with_all = ["argument", "json-argument", "args"])]
    pub(crate) command: Vec<OsString>,
    /// Name the key that `run` has with this --ttl, if it is `boot` or `session`
    #[arg(long, value_name = "DURATION", value_parser = parse_lifetime, hide_short_help = true)]
    pub(crate) ttl: Option<Lifetime>,
    /// Print the text that is hashed, too
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache why -- curl -s https://example.com
  ecache why --cwd --env LANG -- make report
  ecache why histograms -a uniqueness -j 10 --user u-alice --format json")]
pub(crate) struct WhyArgs {
    /// The store's name, of a call
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The entry's key
    #[arg(value_name = "KEY", conflicts_with_all = ["argument", "json-argument", "args"])]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
    #[command(flatten)]
    pub(crate) failures: FailureArgs,
    /// Print in this format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: WhyFormat,
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

/// How `why` prints what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhyFormat {
    /// Sentences, for people
    #[default]
    Text,
    /// One JSON object
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache ls thumbs --expired
  ecache ls --sort size --reverse -L 10
  ecache ls --user u-alice --fields store_name,key | cut -f 2
  ecache ls --format jsonl | jq -r 'select(.hits > 10) | .key'")]
pub(crate) struct LsArgs {
    /// Order by this field
    #[arg(long, value_enum, value_name = "FIELD")]
    pub(crate) sort: Option<SortField>,
    /// Reverse the order
    #[arg(long, short)]
    pub(crate) reverse: bool,
    /// Print no more than this many entries; 0 for all [default: 100 on a terminal, else all]
    #[arg(long, short = 'L', value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Dry run, which a list is not
    #[arg(short = 'n', value_name = "COUNT", num_args = 0..=1, hide = true)]
    pub(crate) dry_run: Option<Option<String>>,
    /// Show all columns of a table, and cut nothing
    #[arg(long, conflicts_with = "fields")]
    pub(crate) wide: bool,
    /// Print these fields, separated by commas; `all` for all but the value
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// A sort order of `ls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortField {
    Key,
    Created,
    Updated,
    Expires,
    Used,
    Size,
    Hits,
    Cost,
}

impl From<SortField> for Sort {
    fn from(field: SortField) -> Self {
        match field {
            SortField::Key => Self::Key,
            SortField::Created => Self::Created,
            SortField::Updated => Self::Updated,
            SortField::Expires => Self::Expires,
            SortField::Used => Self::Used,
            SortField::Size => Self::Size,
            SortField::Hits => Self::Hits,
            SortField::Cost => Self::Cost,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stats
  ecache stats --since 7d
  ecache stats --by dataset,user
  ecache stats my_labels --by user --json")]
pub(crate) struct StatsArgs {
    /// Group by these, as in user or dataset,user
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        default_value = "store"
    )]
    pub(crate) by: Vec<GroupBy>,
    /// Count the calls since a time, or within a duration: by the hour, beyond 30 days by the day
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) since: Option<Moment>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// A grouping of `stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    Collection,
    Store,
    Dataset,
    User,
    Operator,
    Prompt,
    Function,
}

impl GroupBy {
    /// Returns the dimension of the store that it names, if it is one.
    pub(crate) fn dimension(self) -> Option<Dimension> {
        Some(match self {
            Self::Collection => Dimension::Collection,
            Self::Store => Dimension::Store,
            Self::Dataset => Dimension::Dataset,
            Self::User => Dimension::User,
            Self::Operator => Dimension::Operator,
            Self::Prompt => Dimension::Prompt,
            Self::Function => return None,
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache rm thumbs cat.jpg dog.jpg
  ecache rm -- curl -s https://example.com
  ecache ls --larger-than 1MiB --format jsonl | ecache rm --entries-from -")]
pub(crate) struct RmArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The entries' keys
    #[arg(value_name = "KEY", conflicts_with_all = ["argument", "json-argument", "args"])]
    pub(crate) keys: Vec<String>,
    /// Remove the entries whose keys are in this file, one a line; - for standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          requires = "store",
          conflicts_with_all = ["keys", "argument", "json-argument", "args", "command"])]
    pub(crate) keys_from: Option<PathBuf>,
    /// Remove the entries in this file, as `ls --format jsonl` prints them; - for standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          conflicts_with_all = ["keys_from", "store", "argument", "json-argument", "args", "command", "dataset", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) entries_from: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Remove them for good, so that `ecache undo` has nothing to bring back
    #[arg(long)]
    pub(crate) no_undo: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
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
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache log
  ecache log --since 2h --format jsonl")]
pub(crate) struct LogArgs {
    /// Only operations since a time, or a duration ago
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub(crate) since: Option<Moment>,
    /// Print at most this many
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
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
    /// Clear the whole collection, where there is no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Remove them for good, so that `ecache undo` has nothing to bring back
    #[arg(long)]
    pub(crate) no_undo: bool,
    /// Remove FiftyOne's jobs that are running, too
    #[arg(long)]
    pub(crate) jobs: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
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
  ecache prune --older-than 7d --user u-alice --kind command
  ecache prune --expired --vacuum",
mut_arg("policy", filter::evict_by_default),
mut_arg("expired", |arg| limit(arg, "Remove entries that are expired")),
mut_arg("older_than", |arg| limit(arg, "Remove entries written before a time, or a duration ago")),
mut_arg("unused_for", |arg| limit(arg, "Remove entries neither written nor used since a time, or for a duration")))]
pub(crate) struct PruneArgs {
    /// Leave what expired no longer ago than this, which `run --stale` may yet print
    #[arg(long, value_name = "DURATION", value_parser = parse_duration,
          conflicts_with_all = ["fresh", "expiring_within"])]
    pub(crate) keep_stale: Option<u64>,
    /// Remove the least recently used until all values fit in this size
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_size: Option<u64>,
    /// Remove the least recently used until there are only this many
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_entries: Option<u64>,
    /// Remove entries whose dataset was deleted, and the metadata of such stores
    #[arg(long)]
    pub(crate) orphaned: bool,
    /// The datasets that exist: a file with an id a line, or - for standard input
    #[arg(long, value_name = "SOURCE", requires = "orphaned", value_hint = clap::ValueHint::FilePath)]
    pub(crate) live_datasets: Option<PathBuf>,
    /// Remove FiftyOne's jobs that are running, too
    #[arg(long)]
    pub(crate) jobs: bool,
    /// Delete what is kept for `ecache undo` now, whatever its age
    #[arg(long)]
    pub(crate) retired: bool,
    /// Overwrite it, too, so that no byte of it is left in the store's files
    #[arg(long, requires = "retired")]
    pub(crate) shred: bool,
    /// Give the freed space back to the file system
    #[arg(long)]
    pub(crate) vacuum: bool,
    /// Remove entries by age and use for good, too, so that `ecache undo` has nothing to bring back
    #[arg(long)]
    pub(crate) no_undo: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Shows a condition that is a reason to go by itself among the other limits.
fn limit(condition: Arg, help: &'static str) -> Arg {
    condition
        .help(help)
        .help_heading(Resettable::Reset)
        .display_order(0)
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
    // clap takes several keys only if its last argument is that of `--`, and a changed one is last.
    mut_arg("command", |command| command)
)]
pub(crate) struct TouchArgs {
    /// The command's results are kept apart from other versions: in the store NAME#vN
    #[arg(long, value_name = "N", requires = "command")]
    pub(crate) version: Option<String>,
    /// Entries of these keys in that store
    #[arg(value_name = "KEY", index = 2)]
    pub(crate) keys: Vec<String>,
    /// Expire this long from now, as in 90s, 10m or 1d12h; `none` for never, `keep` for the expiry
    /// that an entry has
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl_change, required_unless_present = "new_policy")]
    pub(crate) ttl: Option<TtlChange>,
    /// Say whether the cache may drop the entries; with `keep` a lifetime is given to entries of
    /// policy `evict` alone
    #[arg(long = "policy", value_name = "POLICY", value_enum)]
    pub(crate) new_policy: Option<PolicyChange>,
    /// Change the whole collection, where there is no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Say what would be changed, and change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// The command whose result is meant, with the options of `ecache run` that are part of its key
    #[arg(value_name = "COMMAND", index = 3, last = true, value_hint = clap::ValueHint::CommandWithArguments,
          conflicts_with_all = ["stores", "key", "all"])]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache export > backup.jsonl
  ecache export my_labels --user u-alice | jq .value")]
pub(crate) struct ExportArgs {
    /// Write to this file, which is replaced when all is written
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
    /// Do this with an entry that is there already
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = ConflictChoice::Replace)]
    pub(crate) on_conflict: ConflictChoice,
    /// Import this many entries at a time, instead of all or nothing
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Option<u32>,
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
  ecache copy cache.db cache.db --remap-dataset 6b03de1228195dbc2df5c505=6b03de1228195dbc2df5c682",
    mut_arg("stores", filter::stores_by_option)
)]
pub(crate) struct CopyArgs {
    /// Where the entries are
    #[arg(value_name = "FROM", value_hint = clap::ValueHint::FilePath)]
    pub(crate) from: PathBuf,
    /// Where they go
    #[arg(value_name = "TO", value_hint = clap::ValueHint::FilePath)]
    pub(crate) to: PathBuf,
    /// Copy the cache of dataset OLD to dataset NEW: entries of policy evict, without jobs
    #[arg(long, value_name = "OLD=NEW")]
    pub(crate) remap_dataset: Vec<String>,
    /// Do this with an entry that is there already
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = ConflictChoice::Newer)]
    pub(crate) on_conflict: ConflictChoice,
    /// Say what would be copied, and copy nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Action of `import` and `copy` when the target already has an entry with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConflictChoice {
    /// Replace it
    Replace,
    /// Keep it
    Keep,
    /// Keep the one that was written later
    Newer,
    /// Stop there
    Fail,
}

impl From<ConflictChoice> for OnConflict {
    fn from(choice: ConflictChoice) -> Self {
        match choice {
            ConflictChoice::Replace => Self::Replace,
            ConflictChoice::Keep => Self::Keep,
            ConflictChoice::Newer => Self::Newer,
            ConflictChoice::Fail => Self::Fail,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache doctor
  ecache doctor --live-datasets datasets.txt --fail-on orphaned,damaged
  ecache doctor --fix unreadable --dry-run
  ecache doctor --format jsonl | jq -r .command")]
pub(crate) struct DoctorArgs {
    /// The datasets that exist: a file with an id a line, or - for standard input
    #[arg(long, value_name = "SOURCE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) live_datasets: Option<PathBuf>,
    /// Exit with 1 only if one of these is found; `none` for never
    #[arg(long, value_name = "CHECKS", value_delimiter = ',', value_parser = FailOn::parser())]
    pub(crate) fail_on: Vec<FailOn>,
    /// Remove the entries that have this trouble, or `all` of those that can be removed; entries of
    /// policy persist stay, unless they are damaged
    #[arg(long, value_name = "CHECK", value_delimiter = ',', value_parser = Fix::parser())]
    pub(crate) fix: Vec<Fix>,
    /// Say what --fix would remove, and remove nothing
    #[arg(long, short = 'n', requires = "fix")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache watch thumbs
  ecache watch --dataset 6b03de1228195dbc2df5c505 --format jsonl | jq -r '[.change, .key] | @tsv'
  ecache watch jobs --key done --count 1")]
pub(crate) struct WatchArgs {
    /// End after so many changes
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<usize>,
    /// Look this often
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "100ms")]
    pub(crate) interval: u64,
    /// Print in this format [default: tab-separated lines]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<WatchFormat>,
    /// Print one JSON object a line, as --format jsonl does
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// End rows with a NUL byte and escape nothing in them, for `xargs -0`
    #[arg(long, short = '0', conflicts_with_all = ["format", "json"])]
    pub(crate) null: bool,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// How `watch` prints a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchFormat {
    /// One JSON object a line
    Jsonl,
}

/// Returns a check of the doctor's by its name.
fn check(name: &str) -> Check {
    let check = Check::ALL.into_iter().find(|check| check.id() == name);
    check.expect("it is one of the names")
}

/// The findings that `doctor --fix` removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fix {
    /// All that can be fixed by removal
    All,
    /// Those of one check
    Check(Check),
}

impl Fix {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        let mendable = Check::ALL.into_iter().filter(|check| check.is_mendable());
        let names = ["all"].into_iter().chain(mendable.map(Check::id));
        PossibleValuesParser::new(names).map(|name| match &*name {
            "all" => Self::All,
            name => Self::Check(check(name)),
        })
    }

    /// Reports whether entries with that trouble are removed.
    pub(crate) fn includes(self, check: Check) -> bool {
        match self {
            Self::All => check.is_mendable(),
            Self::Check(chosen) => chosen == check,
        }
    }
}

/// The findings that make `doctor` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailOn {
    /// All
    Any,
    /// None
    None,
    /// Those of one check
    Check(Check),
}

impl FailOn {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        let names = ["any", "none"].into_iter().chain(Check::ALL.map(Check::id));
        PossibleValuesParser::new(names).map(|name| match &*name {
            "any" => Self::Any,
            "none" => Self::None,
            name => Self::Check(check(name)),
        })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache completions bash > ~/.local/share/bash-completion/completions/ecache
  ecache completions zsh > ~/.zfunc/_ecache
  ecache completions fish > ~/.config/fish/completions/ecache.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell to complete for
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder to write them to
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache help run
  ecache help stores rename")]
pub(crate) struct HelpArgs {
    /// The command, and its verb
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NamesArgs {
    /// What to name
    #[arg(value_enum)]
    pub(crate) of: GroupBy,
}
