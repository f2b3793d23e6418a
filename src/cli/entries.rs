//! The arguments of commands on one entry: `get`, `set`, `has`, `key`, `why` and `show`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ecache_core::value::Kind;

use super::entry::{CallArgs, CommandArgs, EntryArgs, ScopeArgs};
use super::value::{PolicyChange, TtlChange, parse_ttl_change};
use super::{FailureArgs, FormatArgs, RevealArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache get thumbs cat.jpg > cat.png
  ecache get histograms#v2 -a uniqueness -j 10 --user u-alice
  ecache get -- curl -s https://example.com
  ecache ls settings --fields key | ecache get settings --keys-from -
  ecache ls --user ann --format jsonl | ecache get --entries-from -")]
pub(crate) struct GetArgs {
    #[arg(help = "Look up the keys in this file, or - for standard input", long_help = "Look up the keys in this file (- for standard input), and print JSON lines", long, value_name = "FILE", conflicts_with_all = ["key", "argument", "json-argument", "args", "command", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) keys_from: Option<PathBuf>,
    #[arg(help = "Look up the entries in this file of JSON lines", long_help = "Look up the entries in this file, as `ls --format jsonl` prints them, and print JSON lines", long, value_name = "FILE", value_hint = clap::ValueHint::FilePath,
          conflicts_with_all = ["keys_from", "store", "argument", "json-argument", "args", "command", "dataset", "user", "operator", "prompt", "jwt_file"])]
    pub(crate) entries_from: Option<PathBuf>,
    /// The keys of --keys-from end with a NUL byte, as `ls -0` ends them
    #[arg(
        long,
        short = '0',
        hide_short_help = true,
        requires = "keys_from",
        conflicts_with = "key"
    )]
    pub(crate) null: bool,
    /// Print the value in this format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ValueFormat::Raw)]
    pub(crate) format: ValueFormat,
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

/// The form in which `get` prints a value.
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
    /// The entry's key, after -- if it begins with -; the value where arguments name the entry
    #[arg(value_name = "KEY")]
    pub(crate) first: Option<String>,
    #[arg(
        help = "The value; standard input if there is none",
        long_help = "The value, after -- if it begins with - and is not a number; standard input if there is none, or if it is -",
        value_name = "VALUE",
        allow_negative_numbers = true
    )]
    pub(crate) second: Option<String>,
    /// Read the value from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) value_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// Store the value as this type
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Kind::Text)]
    pub(crate) kind: Kind,
    #[arg(help = "Expire after this long, as in 10m or 1d; or none, keep", long_help = "Expire after this long, as in 90s, 10m or 1d12h; `none` for never, `keep` for the expiry that the entry has [default: none, or with --if-value keep]", long, value_name = "DURATION", value_parser = parse_ttl_change)]
    pub(crate) ttl: Option<TtlChange>,
    #[arg(
        help = "Set this policy: evict or persist",
        long_help = "The policy: evict lets the cache drop the entry, persist does not [default: keep; evict for a new entry, or with a lifetime]",
        long,
        value_name = "POLICY",
        value_enum
    )]
    pub(crate) policy: Option<PolicyChange>,
    #[arg(
        help = "Set only if there is no fresh entry",
        long_help = "Set nothing, and exit with 1, if there is a fresh entry",
        long,
        conflicts_with = "if_value"
    )]
    pub(crate) if_absent: bool,
    #[arg(
        help = "Set only if the entry has this value",
        long_help = "Set nothing, and exit with 1, unless the entry has this value; numbers are compared by value, as 1 and 1.0",
        long,
        value_name = "VALUE",
        allow_hyphen_values = true
    )]
    pub(crate) if_value: Option<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache has thumbs cat.jpg && echo there
  ecache has settings theme || echo no theme
  ecache has -- curl -s https://example.com")]
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
    /// Also print the text that is hashed
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache why -- curl -s https://example.com
  ecache why --cwd --env LANG -- make report
  ecache why histograms -a uniqueness -j 10 --user u-alice --json")]
pub(crate) struct WhyArgs {
    /// The store's name, of a call
    #[arg(value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// The entry's key, after -- if it begins with -
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

/// The form in which `why` prints its findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhyFormat {
    /// Sentences, for people
    #[default]
    Text,
    /// One JSON object
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache show thumbs cat.jpg
  ecache show 5b7f5a53d9c3…
  ecache show -- curl -s https://example.com
  ecache show thumbs cat.jpg --json | jq .expires_at")]
pub(crate) struct ShowArgs {
    /// Print all of a value instead of two screens of it
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
    #[command(flatten)]
    pub(crate) command: CommandArgs,
}
