//! The arguments of `doctor`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use ecache_core::doctor::Check;

use super::FormatArgs;
use super::filter::FilterArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache doctor
  ecache doctor --live-datasets datasets.txt --fail-on orphaned,damaged
  ecache doctor --fix unreadable --dry-run
  ecache doctor --format jsonl | jq -r .command")]
pub(crate) struct DoctorArgs {
    /// The existing datasets: a file with one id per line, or - for standard input
    #[arg(long, value_name = "SOURCE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) live_datasets: Option<PathBuf>,
    /// Exit with 1 only if one of these is found; `none` for never
    #[arg(long, value_name = "CHECKS", value_delimiter = ',', value_parser = FailOn::parser(), hide_possible_values = true)]
    pub(crate) fail_on: Vec<FailOn>,
    /// Remove the entries that this check finds; `all` means every check that can be fixed. Entries
    /// of policy persist stay, unless they are damaged or expired. limit-counts counts again and
    /// removes nothing
    #[arg(long, value_name = "CHECK", value_delimiter = ',', value_parser = Fix::parser(), hide_possible_values = true)]
    pub(crate) fix: Vec<Fix>,
    /// Say what --fix would do, and do nothing
    #[arg(long, short = 'n', requires = "fix")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// The findings that `doctor --fix` fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fix {
    /// All that it can
    All,
    /// Those of one check
    Check(Check),
}

impl Fix {
    fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        let fixable = Check::ALL.into_iter().filter(|check| check.is_fixable());
        let names = ["all"].into_iter().chain(fixable.map(Check::id));
        PossibleValuesParser::new(names).map(|name| match &*name {
            "all" => Self::All,
            name => Self::Check(check(name)),
        })
    }

    /// Reports whether `--fix` covers `check`.
    pub(crate) fn includes(self, check: Check) -> bool {
        match self {
            Self::All => check.is_fixable(),
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

/// Returns a check of the doctor's by its name.
fn check(name: &str) -> Check {
    let check = Check::ALL.into_iter().find(|check| check.id() == name);
    check.expect("it is one of the names")
}
