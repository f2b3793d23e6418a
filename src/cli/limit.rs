//! The arguments of `ecache limit` and its verbs.

use clap::{Args, Subcommand};
use ecache_core::backend::limit::Bounds;

use super::filter::{FilterArgs, StoreNames};
use super::{FormatArgs, SummaryArgs};
use crate::units::{parse_duration, parse_size};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecache limit set --max-size 2GiB
  ecache limit set thumbs --max-size 4MiB --max-entries 1000
  ecache limit set --user '*' --glob --each --max-size 200MiB
  ecache limit set --min-free 10% --default-ttl 7d --min-cost 50ms
  ecache limit ls
  ecache limit rm thumbs")]
pub(crate) struct LimitArgs {
    #[command(subcommand)]
    pub(crate) verb: LimitVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LimitVerb {
    /// Set a limit, or change its bounds
    ///
    /// Bounds that are not named stay as they are; `none` drops one. If usage already exceeds the
    /// limit, nothing is removed at once: each write removes at least twice what it adds, until
    /// the limit holds.
    #[command(
        override_usage = "ecache limit set [OPTIONS] [STORE]...",
        after_help = "\
Examples:
  ecache limit set --max-size 2GiB
  ecache limit set thumbs --max-size 4MiB --max-entries 1000
  ecache limit set thumbs --max-entries none
  ecache limit set --user '*' --glob --each --max-size 200MiB"
    )]
    Set(Box<LimitSetArgs>),
    /// List the limits and their usage
    ///
    /// Usage includes the overhead of entries, and removed entries kept for undo. The line or row
    /// `undo` shows --undo-size, --undo-keep and the size of removed entries without overhead.
    #[command(after_help = "\
Examples:
  ecache limit ls
  ecache limit ls --json")]
    Ls(LimitListArgs),
    /// Remove a limit; entries stay
    ///
    /// Exits with 1 if there is no limit for this scope.
    #[command(after_help = "\
Examples:
  ecache limit rm thumbs
  ecache limit rm --user '*' --glob --each
  ecache limit rm")]
    Rm(Box<LimitRemoveArgs>),
}

// The entries that a limit is about. Without any, all of the collection.
#[derive(Debug, Args)]
#[command(mut_arg("stores", |stores| stores.help("The limit for these stores")))]
#[command(mut_arg("store", |store| store
    .help("The limit for this store")
    .help_heading("Scope")
    .hide_short_help(false)))]
pub(crate) struct LimitScopeArgs {
    #[command(flatten)]
    store: StoreNames,
    /// The limit for this dataset: its id
    #[arg(help_heading = "Scope", long, value_name = "ID")]
    dataset: Vec<String>,
    /// The limit for entries without a dataset
    #[arg(hide_short_help = true, help_heading = "Scope", long)]
    no_dataset: bool,
    /// The limit for this user
    #[arg(help_heading = "Scope", long, value_name = "ID")]
    user: Vec<String>,
    /// The limit for this operator
    #[arg(
        hide_short_help = true,
        help_heading = "Scope",
        long,
        value_name = "URI"
    )]
    operator: Vec<String>,
    /// The limit for this operator prompt
    #[arg(
        hide_short_help = true,
        help_heading = "Scope",
        long,
        value_name = "ID"
    )]
    prompt: Vec<String>,
    /// Treat names as patterns: * ? [a-z]
    #[arg(help_heading = "Scope", long)]
    glob: bool,
    /// One limit for each name that matches, instead of one for all of them
    #[arg(help_heading = "Scope", long)]
    pub(crate) each: bool,
}

impl LimitScopeArgs {
    /// Returns the store that was typed as an argument.
    pub(crate) fn store(&self) -> Option<&String> {
        self.store.argument()
    }

    /// Returns the filter of the same entries.
    pub(crate) fn filter(&self) -> FilterArgs {
        FilterArgs {
            store: self.store.clone(),
            dataset: self.dataset.clone(),
            no_dataset: self.no_dataset,
            user: self.user.clone(),
            operator: self.operator.clone(),
            prompt: self.prompt.clone(),
            glob: self.glob,
            ..FilterArgs::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LimitSetArgs {
    #[command(flatten)]
    bounds: BoundArgs,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) scope: LimitScopeArgs,
}

// At least one bound.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct BoundArgs {
    #[arg(help = "Evict entries beyond this size", long_help = "Evict entries beyond this size, overhead included, as in 500MB or 2GiB", long, value_name = "SIZE", value_parser = |text: &str| bound(text, parse_size))]
    max_size: Option<Bound>,
    /// Evict entries beyond this number
    #[arg(long, value_name = "N", value_parser = |text: &str| bound(text, parse_count))]
    max_entries: Option<Bound>,
    #[arg(help = "Shrink while less of the disk is free, as in 10%", long_help = "Let each write remove twice what it adds while less than this share of the disk is free, as in 10%", long, value_name = "PERCENT", value_parser = |text: &str| bound(text, parse_percent))]
    min_free: Option<Bound>,
    #[arg(help = "The lifetime of new entries", long_help = "The lifetime of new entries of policy evict that name none", long, value_name = "DURATION", value_parser = |text: &str| bound(text, parse_duration))]
    default_ttl: Option<Bound>,
    #[arg(help = "Keep only results that took this long", long_help = "Keep only results of `run` and functions that took at least this long, as in 50ms", long, value_name = "DURATION", value_parser = |text: &str| bound(text, parse_duration))]
    min_cost: Option<Bound>,
    /// Keep removed entries for undo this long [default: 1d]
    #[arg(long, value_name = "DURATION", value_parser = |text: &str| bound(text, parse_duration))]
    undo_keep: Option<Bound>,
    #[arg(help = "Keep this much of removed entries for undo", long_help = "Keep this much of removed entries for undo, besides the latest removal", long, value_name = "SIZE", value_parser = |text: &str| bound(text, parse_size))]
    undo_size: Option<Bound>,
}

/// A bound as it is typed: a number, or `none`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound(pub(crate) Option<u64>);

/// Reads a bound, or `none`, which drops it.
fn bound<E>(text: &str, parse: fn(&str) -> Result<u64, E>) -> Result<Bound, E> {
    match text {
        "none" => Ok(Bound(None)),
        text => parse(text).map(|number| Bound(Some(number))),
    }
}

fn parse_count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok();
    count
        .filter(|count| i64::try_from(*count).is_ok())
        .ok_or_else(|| "not a number of entries".into())
}

/// Reads a share of the disk, as in `10%`.
fn parse_percent(text: &str) -> Result<u64, String> {
    let share = text.strip_suffix('%').and_then(|share| share.parse().ok());
    share
        .filter(|share| (1..=99).contains(share))
        .ok_or_else(|| "not a share of the disk between 1% and 99%".into())
}

impl LimitSetArgs {
    /// Returns the bounds that there were, changed as typed.
    pub(crate) fn bounds(&self, before: Bounds) -> Bounds {
        let typed = &self.bounds;
        let changed = |typed: Option<Bound>, before| typed.map_or(before, |Bound(bound)| bound);
        Bounds {
            max_bytes: changed(typed.max_size, before.max_bytes),
            max_entries: changed(typed.max_entries, before.max_entries),
            min_free_percent: changed(typed.min_free, before.min_free_percent),
            default_ttl_ms: changed(typed.default_ttl, before.default_ttl_ms),
            min_cost_ms: changed(typed.min_cost, before.min_cost_ms),
        }
    }

    /// Returns the option of a size that was typed.
    pub(crate) fn size_option(&self) -> Option<&'static str> {
        let sizes = [
            (self.bounds.max_size, "--max-size"),
            (self.bounds.undo_size, "--undo-size"),
        ];
        let mut typed = sizes.into_iter().filter(|(size, _)| size.is_some());
        typed.next().map(|(_, option)| option)
    }

    /// Reports whether --min-free was typed.
    pub(crate) fn has_min_free(&self) -> bool {
        self.bounds.min_free.is_some()
    }

    /// Returns the settings of undo that were typed: the time in milliseconds, and the size.
    pub(crate) fn undo(&self) -> [Option<Bound>; 2] {
        [self.bounds.undo_keep, self.bounds.undo_size]
    }
}

#[derive(Debug, Args)]
pub(crate) struct LimitRemoveArgs {
    /// Remove the settings of --undo-keep and --undo-size instead of a limit
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) summary: SummaryArgs,
    #[command(flatten)]
    pub(crate) scope: LimitScopeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LimitListArgs {
    /// Show all columns of a table, and cut nothing
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
}
