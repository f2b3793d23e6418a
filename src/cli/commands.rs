//! The arguments of each command.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use ecache_core::backend::{Dimension, OnConflict, Sort};

use super::entry::{CallArgs, EntryArgs, IdentityArgs, ScopeArgs, SurroundingsArgs};
use super::filter::{FilterArgs, PolicyChoice};
use super::value::{EntryPolicy, Ttl, ValueType, parse_ttl};
use super::{FormatArgs, RevealArgs};
use crate::output::Format;
use crate::units::{Moment, parse_duration, parse_moment, parse_rate, parse_size};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache get thumbs cat.jpg > cat.png
  ecache get histograms#v2 -a uniqueness -j 10 --user u-alice
  ecache ls --store thumbs --fields key | ecache get thumbs --keys-from -")]
pub(crate) struct GetArgs {
    /// Look up the keys in this file (- for standard input), and print JSON lines
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "argument", "json-argument", "args", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) keys_from: Option<PathBuf>,
    /// Print the value in this format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ValueFormat::Raw)]
    pub(crate) format: ValueFormat,
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
    /// Expire after this long, as in 90s, 10m or 1d12h; `none` for never
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
    pub(crate) ttl: Option<Ttl>,
    /// Say whether the cache may drop the entry
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = EntryPolicy::Evict)]
    pub(crate) policy: EntryPolicy,
    /// Set nothing, and exit with 1, if there is a fresh entry
    #[arg(long, conflicts_with = "if_value")]
    pub(crate) if_absent: bool,
    /// Set nothing, and exit with 1, unless the entry has this value
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) if_value: Option<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache run --ttl 10m -- curl -s https://example.com
  ecache run --file Cargo.lock --cwd -- cargo metadata --format-version 1
  sort big.txt | ecache run --env LC_ALL -- uniq -c
  ecache run --ttl 1d --no-failures --status-file status.json -- ./slow-report")]
pub(crate) struct RunArgs {
    /// The program, and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true, value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
    /// Keep it in this store [default: the program's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Option<String>,
    /// Keep it apart from other versions: in the store NAME#vN
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<String>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Run it again if its result is older than this
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_age: Option<u64>,
    /// Run it again, and keep the new result
    #[arg(long, conflicts_with = "no_exec")]
    pub(crate) refresh: bool,
    /// Run nothing: print what is there, or exit with 1
    #[arg(long)]
    pub(crate) no_exec: bool,
    /// Say how the cache is used
    #[arg(
        long,
        value_enum,
        value_name = "MODE",
        env = "ECACHE",
        hide_env = true,
        default_value_t
    )]
    pub(crate) cache: CacheMode,
    /// Wait for another process that runs the same for this long, then run it without the cache
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10m")]
    pub(crate) wait_timeout: u64,
    /// Exit with 125 on any trouble with the cache, instead of running the command without it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Write what came of it to this file, as a line of JSON
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) status_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

// What is kept of a command that was run, and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeepArgs {
    /// Keep a result for this long, as in 90s, 10m or 1d12h; `none` for ever
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
    pub(crate) ttl: Option<Ttl>,
    /// Keep a failure for this long, instead of as long as a success
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl, conflicts_with = "no_failures")]
    pub(crate) failure_ttl: Option<Ttl>,
    /// Do not keep failures
    #[arg(long)]
    pub(crate) no_failures: bool,
    /// Do not keep a result that is larger than this
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "100MiB")]
    pub(crate) max_output: u64,
}

/// How `run` uses the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CacheMode {
    /// Print what is there, run what is not
    #[default]
    On,
    /// Run it always, as if there were no cache
    Off,
    /// Print what is there, keep nothing new
    Readonly,
    /// Run it always, and keep the result
    Refresh,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seq 1 50 | ecache warm -j 8 --ttl 1d -- curl -sf https://x/{}
  find . -name '*.csv' -print0 | ecache warm -0 -- ./summarise
  ecache warm --jsonl --input cities.jsonl -- ./weather --lat {lat} --lon {lon}
  ecache warm --refresh --store curl --expiring-within 10m --dry-run
  ecache warm --refresh --dataset 6b03de12 --order cost --max-time 5m")]
pub(crate) struct WarmArgs {
    /// The program, and its arguments, in which {} is the item; without any {} the item is the last argument
    #[arg(value_name = "COMMAND", last = true, required_unless_present = "refresh", value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
    /// Read the items from this file [default: standard input]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// Items end with a NUL byte instead of a line
    #[arg(long, short = '0', conflicts_with = "jsonl")]
    pub(crate) null: bool,
    /// Items are lines of JSON: {name} is a field of an object, {} the whole item
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Run also what is fresh; without a command: run again what a filter selects of what is recorded
    #[arg(long)]
    pub(crate) refresh: bool,
    /// With --refresh and no command: run again all that is recorded, where there is no filter
    #[arg(long, requires = "refresh", conflicts_with = "command")]
    pub(crate) all: bool,
    /// With --refresh and no command: begin with these
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        requires = "refresh",
        conflicts_with = "command"
    )]
    pub(crate) order: Option<WarmOrder>,
    /// Run this many at a time [default: the number of processors]
    #[arg(long, short, value_name = "COUNT")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Start no more than this many in a time, as in 5/s or 100/m
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) rate: Option<Duration>,
    /// Start nothing after this long; what runs then is finished
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_time: Option<u64>,
    /// Run nothing: list what would be, and say how long that takes by recorded costs
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// Keep results apart from other versions: in the store NAME#vN
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<String>,
    /// The file that holds the user's request token (a JWT)
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) jwt_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Wait for another process that runs the same for this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "10m")]
    pub(crate) wait_timeout: u64,
    /// Print what came of each item in this format
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) surroundings: SurroundingsArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// What `warm --refresh` begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WarmOrder {
    /// What expires first
    #[default]
    Expiry,
    /// What takes longest
    Cost,
    /// What was hit most often
    Hits,
}

#[derive(Debug, Args)]
pub(crate) struct HasArgs {
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
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
    #[arg(value_name = "STORE", required_unless_present = "command")]
    pub(crate) store: Option<String>,
    /// The entry's key
    #[arg(value_name = "KEY", conflicts_with_all = ["argument", "json-argument", "args"])]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// The command that is asked about
    #[arg(value_name = "COMMAND", last = true, value_hint = clap::ValueHint::CommandWithArguments,
          conflicts_with_all = ["store", "key", "argument", "json-argument", "args"])]
    pub(crate) command: Vec<OsString>,
    /// The command's results are in this store [default: the program's name]
    #[arg(long = "store", value_name = "NAME", requires = "command")]
    pub(crate) command_store: Option<String>,
    /// The command's results are kept apart from other versions: in the store NAME#vN
    #[arg(long, value_name = "N", requires = "command")]
    pub(crate) version: Option<String>,
    /// Print in this format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: WhyFormat,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
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
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache ls --store thumbs --expired
  ecache ls --sort size --reverse --limit 10
  ecache ls --user u-alice --fields store_name,key | cut -f 2
  ecache ls --format jsonl | jq -r 'select(.hits > 10) | .key'")]
pub(crate) struct LsArgs {
    /// Order by this field
    #[arg(long, value_enum, value_name = "FIELD")]
    pub(crate) sort: Option<SortField>,
    /// Reverse the order
    #[arg(long, short)]
    pub(crate) reverse: bool,
    /// Print no more than this many entries
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Print these fields, separated by commas; `all` for all but the value
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) fields: Vec<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Entries of this policy
    #[arg(long, value_enum, default_value_t = PolicyChoice::Any, hide_default_value = true)]
    pub(crate) policy: PolicyChoice,
}

/// What `ls` can sort by.
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
pub(crate) struct StoresArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache stats
  ecache stats --by dataset
  ecache stats --by user --store my_labels --format json")]
pub(crate) struct StatsArgs {
    /// Group by these
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = GroupBy::Store)]
    pub(crate) by: GroupBy,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Entries of this policy
    #[arg(long, value_enum, default_value_t = PolicyChoice::Any, hide_default_value = true)]
    pub(crate) policy: PolicyChoice,
}

/// What `stats` groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupBy {
    Store,
    Dataset,
    User,
    Operator,
    Prompt,
}

impl From<GroupBy> for Dimension {
    fn from(by: GroupBy) -> Self {
        match by {
            GroupBy::Store => Self::Store,
            GroupBy::Dataset => Self::Dataset,
            GroupBy::User => Self::User,
            GroupBy::Operator => Self::Operator,
            GroupBy::Prompt => Self::Prompt,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The store's name
    #[arg(value_name = "STORE")]
    pub(crate) store: String,
    /// The entries' keys
    #[arg(value_name = "KEY", required_unless_present_any = ["argument", "json-argument", "args"],
          conflicts_with_all = ["argument", "json-argument", "args"])]
    pub(crate) keys: Vec<String>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache clear --dataset 6b03de1228195dbc2df5c505 --dry-run
  ecache clear --user u-alice --store my_labels
  ecache clear --store 'dashboard_*' --glob --policy any
  ecache clear --all")]
pub(crate) struct ClearArgs {
    /// Clear the whole collection, where there is no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Entries of this policy
    #[arg(long, value_enum, default_value_t = PolicyChoice::Evict)]
    pub(crate) policy: PolicyChoice,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache prune
  ecache prune --unused-for 30d --max-size 1GiB --dry-run
  ecache prune --expired --vacuum")]
pub(crate) struct PruneArgs {
    /// Remove entries that are expired
    #[arg(long)]
    pub(crate) expired: bool,
    /// Remove entries written before a time, or a duration ago
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) older_than: Option<Moment>,
    /// Remove entries neither written nor used since a time, or for a duration
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) unused_for: Option<Moment>,
    /// Remove the least recently used until all values fit in this size
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_size: Option<u64>,
    /// Remove the least recently used until there are only this many
    #[arg(long, value_name = "COUNT")]
    pub(crate) max_entries: Option<u64>,
    /// Prune only this store
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Vec<String>,
    /// Prune only entries linked to this dataset
    #[arg(long, value_name = "ID")]
    pub(crate) dataset: Vec<String>,
    /// Give the freed space back to the file system
    #[arg(long)]
    pub(crate) vacuum: bool,
    /// Say what would be removed, and remove nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache touch --store thumbs --ttl 7d
  ecache touch --store settings --key theme --policy persist
  ecache touch --expiring-within 1h --ttl 1d --dry-run")]
pub(crate) struct TouchArgs {
    /// Expire this long from now, as in 90s, 10m or 1d12h; `none` for never
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl, required_unless_present = "policy")]
    pub(crate) ttl: Option<Ttl>,
    /// Say whether the cache may drop the entries
    #[arg(long, value_enum)]
    pub(crate) policy: Option<EntryPolicy>,
    /// Change the whole collection, where there is no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Say what would be changed, and change nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache export > backup.jsonl
  ecache export --store my_labels --user u-alice | jq .value")]
pub(crate) struct ExportArgs {
    /// Write to this file, which is replaced when all is written
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Entries of this policy
    #[arg(long, value_enum, default_value_t = PolicyChoice::Any, hide_default_value = true)]
    pub(crate) policy: PolicyChoice,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache import backup.jsonl
  mongoexport --db fiftyone --collection execution_store | ecache import -
  ecache import dump/fiftyone/execution_store.bson --on-conflict newer")]
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
}

/// What `import` does with an entry that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConflictChoice {
    /// Replace it
    Replace,
    /// Keep it
    Keep,
    /// Keep the one that was written later
    Newer,
    /// Import nothing
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
pub(crate) struct NamesArgs {
    /// What to name
    #[arg(value_enum)]
    pub(crate) of: GroupBy,
}
