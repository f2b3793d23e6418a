//! Options that several commands share.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::output::{ColorChoice, Format, Secrets, Times};

// Options of every command, listed after its own.
#[derive(Clone, Debug, Args)]
#[command(next_display_order = 900)]
pub(crate) struct Global {
    /// Use this file, mongodb://HOST/NAME or fiftyone
    ///
    /// The name fiftyone is FiftyOne's own database; a file of that name is ./fiftyone.
    #[arg(long, global = true, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub(crate) db: Option<PathBuf>,
    /// Use the store whose location is in this file, so that a URL's password is not on the command
    /// line
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) db_file: Option<PathBuf>,
    /// Use this collection; repeatable on commands with filters
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub(crate) collection: Vec<String>,
    /// Use all collections, on commands with filters
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) all_collections: bool,
    /// Read no settings from config.toml
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) no_config: bool,
    /// Print past the pager that config.toml names
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) no_pager: bool,
    /// Flush each write to disk before acknowledging it, so that a power loss cannot lose it
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) durable: bool,
    /// Print colours [default: auto]
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_enum,
        value_name = "WHEN"
    )]
    pub(crate) color: Option<ColorChoice>,
    /// Show times as relative (default), local, UTC or RFC 3339
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_enum,
        value_name = "HOW"
    )]
    pub(crate) time: Option<Times>,
    /// Say nothing on success
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more on standard error
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

// The format of rows.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FormatArgs {
    #[arg(
        hide_possible_values = true,
        help = "Print as table, json, jsonl, csv or tsv",
        long_help = "Print in this format [default: table, or plain lines in a pipe]",
        long,
        value_name = "FORMAT",
        value_enum
    )]
    format: Option<Format>,
    /// Print JSON, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// End rows with a NUL byte and escape nothing in them, for `xargs -0`
    #[arg(long, short = '0', hide_short_help = true, conflicts_with_all = ["format", "json"])]
    null: bool,
}

impl FormatArgs {
    /// Returns the format that was asked for.
    pub(crate) fn chosen(self) -> Option<Format> {
        match (self.json, self.null) {
            (true, _) => Some(Format::Json),
            (_, true) => Some(Format::Nul),
            _ => self.format,
        }
    }
}

// The answer to the question before a removal for good.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ConfirmArgs {
    /// Ask nothing, also on a terminal and before what `ecache undo` cannot restore
    #[arg(long, short = 'y', hide_short_help = true)]
    pub(crate) yes: bool,
}

// The format of the summary of a change.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct SummaryArgs {
    /// Print the summary in this format [default: text, on standard error]
    #[arg(long, hide_short_help = true, value_name = "FORMAT", value_enum)]
    format: Option<SummaryFormat>,
    #[arg(
        help = "Print the summary as JSON",
        long_help = "Print the summary as one JSON object on standard output",
        long,
        conflicts_with = "format"
    )]
    json: bool,
}

impl SummaryArgs {
    /// Reports whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json || self.format == Some(SummaryFormat::Json)
    }
}

/// The form in which the summary of a change is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// A sentence on standard error
    Text,
    /// One object on standard output
    Json,
}

// Shows or masks suspected secrets.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct RevealArgs {
    /// Show suspected secrets in recorded calls instead of ***
    #[arg(long, hide_short_help = true)]
    pub(crate) reveal: bool,
}

impl From<RevealArgs> for Secrets {
    fn from(args: RevealArgs) -> Self {
        if args.reveal {
            Self::Revealed
        } else {
            Self::Masked
        }
    }
}
