//! The arguments of `ecache config` and its verbs.

use clap::{Args, Subcommand};

use super::FormatArgs;
use crate::config::KEYS;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = settings())]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<ConfigVerb>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}

const EXAMPLES: &str = "\
Examples:
  ecache config
  ecache config set db ~/caches/work.db
  ecache config set run.ttl 1d
  ecache config set 'stores.git*.ttl' 5s
  ecache config set datasets.street 6b03de1228195dbc2df5c505
  ecache config get run.ttl";

/// Returns the examples, and the settings with their defaults.
fn settings() -> String {
    let lines = KEYS.iter().map(|setting| {
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        format!("  {:<20}  {}{default}\n", setting.key, setting.about)
    });
    format!(
        "{EXAMPLES}\n\nSettings:\n{}  {:<20}  any of run.*, for stores whose names match\n  {:<20}  a name \
         for the dataset with that id, in a store in a file",
        lines.collect::<String>(),
        "stores.PATTERN.*",
        "datasets.NAME",
    )
}

// The verbs; without one, settings are listed.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// List settings, with where each comes from
    #[command(after_help = "\
Examples:
  ecache config ls")]
    Ls(FormatArgs),
    /// Print a setting; exit with 1 if it has no value
    #[command(after_help = "\
Examples:
  ecache config get run.ttl")]
    Get {
        /// The setting, as in run.ttl
        key: String,
    },
    /// Change a setting in the file, and keep the rest of the file
    #[command(after_help = "\
Examples:
  ecache config set run.ttl 1d
  ecache config set 'stores.git*.ttl' 5s")]
    Set {
        /// The setting, as in run.ttl
        key: String,
        /// Its value, as an option takes it
        value: String,
    },
    /// Remove a setting from the file
    #[command(after_help = "\
Examples:
  ecache config unset run.ttl")]
    Unset {
        /// The setting, as in run.ttl
        key: String,
    },
    /// Print where the file is
    #[command(after_help = "\
Examples:
  ecache config path")]
    Path,
}
