//! The arguments of `warm`.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, Args, ValueEnum};

use super::RevealArgs;
use super::entry::SurroundingsArgs;
use super::filter::{self, FilterArgs};
use super::run::KeepArgs;
use crate::output::Format;
use crate::units::{parse_duration, parse_rate};

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  seq 1 50 | ecache warm -j 8 --ttl 1d -- curl -sf https://x/{}
  find . -name '*.csv' -print0 | ecache warm -0 -- ./summarise
  ecache warm --jsonl --input cities.jsonl -- ./weather {lat} {lon}
  ecache warm --refresh curl --expiring-within 10m --dry-run
  ecache warm --refresh --user ann --order cost --max-time 5m",
    mut_arg("stores", |stores| {
        filter::one_store(stores).help("With --refresh and no command: entries of this store")
    }),
    mut_args(only_in_long_help)
)]
pub(crate) struct WarmArgs {
    /// The program and its arguments, in which {} is the item; without {} the item comes last
    #[arg(value_name = "COMMAND", index = 2, last = true, required_unless_present = "refresh", value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
    #[arg(help = "Read the items from this file", long_help = "Read the items from this file [default: standard input]", long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// Items end with a NUL byte instead of a line
    #[arg(long, short = '0', conflicts_with = "jsonl")]
    pub(crate) null: bool,
    #[arg(
        help = "Items are lines of JSON",
        long_help = "Items are lines of JSON: {name} is a field of an object, {} the whole item",
        long
    )]
    pub(crate) jsonl: bool,
    #[arg(
        help = "Run fresh or recorded commands again",
        long_help = "Run fresh commands, too; without a command, rerun the recorded ones that a filter selects",
        long
    )]
    pub(crate) refresh: bool,
    /// With --refresh and no command or filter: rerun all that is recorded
    #[arg(long, requires = "refresh", conflicts_with = "command")]
    pub(crate) all: bool,
    /// With --refresh and no command: rerun these first
    #[arg(
        hide_short_help = true,
        long,
        value_enum,
        value_name = "WHAT",
        requires = "refresh",
        conflicts_with = "command"
    )]
    pub(crate) order: Option<WarmOrder>,
    /// Run this many at a time [default: number of processors]
    #[arg(long, short, value_name = "COUNT")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Start at most this many per time, as in 5/s or 100/m
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) rate: Option<Duration>,
    #[arg(help = "Start nothing after this time", long_help = "Start nothing after this time; running commands finish", long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) max_time: Option<u64>,
    #[arg(
        help = "List what would run, and how long it takes",
        long_help = "Run nothing: list what would run, and estimate the time from recorded costs",
        long,
        short = 'n'
    )]
    pub(crate) dry_run: bool,
    /// Keep the results of this version apart, in the store NAME#vN
    #[arg(hide_short_help = true, long, value_name = "N")]
    pub(crate) version: Option<String>,
    /// The file that holds the user's request token (a JWT)
    #[arg(hide_short_help = true, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) jwt_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    /// Wait this long for another process that runs the same command [default: 10m]
    #[arg(hide_short_help = true, long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) wait_timeout: Option<u64>,
    /// Print the outcome of each item in this format
    #[arg(hide_short_help = true, long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) surroundings: SurroundingsArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Hides rare options in the short help.
fn only_in_long_help(argument: Arg) -> Arg {
    match argument.get_id().as_str() {
        "min_cost" | "max_output" | "failure_ttl" | "no_failures" | "all" | "command" | "rate"
        | "json" | "env" => argument.hide_short_help(true),
        _ => argument,
    }
}

impl WarmArgs {
    /// Returns the format that was asked for.
    pub(crate) fn format(&self) -> Option<Format> {
        if self.json {
            Some(Format::Json)
        } else {
            self.format
        }
    }
}

/// The order in which `warm --refresh` runs commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum WarmOrder {
    /// Those that expire first
    #[default]
    Expiry,
    /// Those that take longest
    Cost,
    /// Those that were hit most often
    Hits,
}
