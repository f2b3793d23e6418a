//! The arguments of commands that list and count: `ls`, `stats`, `watch` and `info`.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use ecache_core::backend::{Dimension, Sort};

use super::filter::FilterArgs;
use super::{FormatArgs, RevealArgs};
use crate::output::Format;
use crate::units::{Moment, parse_duration, parse_moment};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache ls thumbs --expired
  ecache ls --sort size -L 10
  ecache ls --user u-alice --fields store_name,key | cut -f 2
  ecache ls --format jsonl | jq -r 'select(.hits > 10) | .key'
  ecache ls curl --value-contains error --format jsonl > found.jsonl
  ecache rm --entries-from found.jsonl -n")]
pub(crate) struct LsArgs {
    #[arg(
        help = "Order by this field",
        long_help = "Order by this field: keys from A to Z, expiries and worths from the first to go, all else the newest or largest first",
        long,
        value_enum,
        value_name = "FIELD"
    )]
    pub(crate) sort: Option<Sort>,
    /// Reverse the order
    #[arg(long, short)]
    pub(crate) reverse: bool,
    /// Print at most this many entries; 0 for all [default: 100 on a terminal, else all]
    #[arg(long, short = 'L', value_name = "COUNT")]
    pub(crate) limit: Option<u64>,
    /// Refused: a list has no dry run
    #[arg(short = 'n', value_name = "COUNT", num_args = 0..=1, hide = true)]
    pub(crate) dry_run: Option<Option<String>>,
    #[arg(
        help = "List only entries whose value contains this text",
        long_help = "List only entries whose value, or the output of a command, contains this text; reads the values",
        long,
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    pub(crate) value_contains: Option<String>,
    /// Show all columns of a table, and cut nothing
    #[arg(long, conflicts_with = "fields")]
    pub(crate) wide: bool,
    /// Print these fields, or columns by their headers, separated by commas; `all` for all but the
    /// value, `help` for what each is
    #[arg(
        help = "Print these fields; `help` lists them",
        long_help = "Print these fields, or columns by their headers, separated by commas; `all` for all but the value, `help` for what each is",
        long,
        value_name = "FIELDS",
        value_delimiter = ','
    )]
    pub(crate) fields: Vec<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
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
    /// Count calls since a time, or within a duration; by the hour, beyond 30 days by the day
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) since: Option<Moment>,
    #[command(flatten)]
    pub(crate) format: StatsFormatArgs,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

// The format of `stats`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct StatsFormatArgs {
    #[arg(
        hide_possible_values = true,
        help = "Print as table, json, jsonl, csv, tsv or prom",
        long_help = "Print in this format [default: table, or plain lines in a pipe]",
        long,
        value_name = "FORMAT",
        value_enum
    )]
    format: Option<StatsFormat>,
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// End rows with a NUL byte and escape nothing in them, for `xargs -0`
    #[arg(long, short = '0', hide_short_help = true, conflicts_with_all = ["format", "json"])]
    null: bool,
}

impl StatsFormatArgs {
    /// Returns the format of rows that was asked for.
    pub(crate) fn of_rows(self) -> Option<Format> {
        match (self.json, self.null) {
            (true, _) => Some(Format::Json),
            (_, true) => Some(Format::Nul),
            _ => self.format.and_then(StatsFormat::of_rows),
        }
    }

    /// Reports whether metrics were asked for.
    pub(crate) fn is_prom(self) -> bool {
        self.format == Some(StatsFormat::Prom)
    }
}

/// A format of `stats`: one of rows, or metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StatsFormat {
    Rows(Format),
    /// OpenMetrics
    Prom,
}

impl StatsFormat {
    fn of_rows(self) -> Option<Format> {
        match self {
            Self::Rows(format) => Some(format),
            Self::Prom => None,
        }
    }
}

impl ValueEnum for StatsFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Rows(Format::Table),
            Self::Rows(Format::Json),
            Self::Rows(Format::Jsonl),
            Self::Rows(Format::Csv),
            Self::Rows(Format::Tsv),
            Self::Prom,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help =
            "OpenMetrics text, as Prometheus reads it: gauges, of at most 100 groups and `(other)`";
        match self {
            Self::Rows(format) => format.to_possible_value(),
            Self::Prom => Some(PossibleValue::new("prom").help(help)),
        }
    }
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
    /// Returns its word, on a command line and elsewhere.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Store => "store",
            Self::Dataset => "dataset",
            Self::User => "user",
            Self::Operator => "operator",
            Self::Prompt => "prompt",
            Self::Function => "function",
        }
    }

    /// Returns the word for several.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Collection => "collections",
            Self::Store => "stores",
            Self::Dataset => "datasets",
            Self::User => "users",
            Self::Operator => "operators",
            Self::Prompt => "prompts",
            Self::Function => "functions",
        }
    }

    /// Returns the field of an entry that has it.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::Store => "store_name",
            Self::Dataset => "dataset_id",
            Self::User => "user_id",
            Self::Operator => "operator_uri",
            Self::Prompt => "prompt_id",
            Self::Collection | Self::Function => self.as_str(),
        }
    }

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
#[command(after_help = "\
Examples:
  ecache watch thumbs
  ecache watch thumbs --format jsonl | jq -r '.change, .key'
  ecache watch jobs --key done --count 1")]
pub(crate) struct WatchArgs {
    /// Exit after this many changes
    #[arg(long, value_name = "COUNT")]
    pub(crate) count: Option<usize>,
    /// Poll the store this often
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

/// The form in which `watch` prints a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WatchFormat {
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache info
  ecache info --json | jq -r .path")]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
