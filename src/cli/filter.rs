//! How many entries are named: the same conditions on every verb.

use clap::Args;
use ecache_core::entry::Policy;

use crate::units::{Moment, parse_duration, parse_moment, parse_size};

// Which entries are meant: different conditions must all hold, of a repeated one any.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// Entries of this store
    #[arg(long, value_name = "NAME")]
    pub(crate) store: Vec<String>,
    /// Entries linked to this dataset
    #[arg(long, value_name = "ID")]
    pub(crate) dataset: Vec<String>,
    /// Entries linked to no dataset
    #[arg(long)]
    pub(crate) no_dataset: bool,
    /// Entries made for this user
    #[arg(long, value_name = "ID")]
    pub(crate) user: Vec<String>,
    /// Entries made by this operator
    #[arg(long, value_name = "URI")]
    pub(crate) operator: Vec<String>,
    /// Entries made in this operator prompt
    #[arg(long, value_name = "ID")]
    pub(crate) prompt: Vec<String>,
    /// Entries of this key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// Entries of a call with this argument, as text or JSON
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) arg: Vec<String>,
    /// Take names, keys and arguments for patterns: * ? [a-z]
    #[arg(long)]
    pub(crate) glob: bool,
    /// Entries that are expired
    #[arg(long, conflicts_with = "fresh")]
    pub(crate) expired: bool,
    /// Entries that are not expired
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Entries written before a time, or a duration ago
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) older_than: Option<Moment>,
    /// Entries written since a time, or within a duration
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) newer_than: Option<Moment>,
    /// Entries neither written nor used since then
    #[arg(long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) unused_for: Option<Moment>,
    /// Fresh entries that expire within a duration
    #[arg(long, value_name = "WHEN", value_parser = parse_duration)]
    pub(crate) expiring_within: Option<u64>,
    /// Entries larger than this, as in 500MB or 1GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) larger_than: Option<u64>,
}

/// A policy as it is typed to select entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PolicyChoice {
    /// Entries that the cache may drop by itself
    Evict,
    /// Entries that are kept until they are removed by name
    Persist,
    /// Both
    Any,
}

impl PolicyChoice {
    /// The policy that is meant, `None` for both.
    pub(crate) fn policy(self) -> Option<Policy> {
        match self {
            Self::Evict => Some(Policy::Evict),
            Self::Persist => Some(Policy::Persist),
            Self::Any => None,
        }
    }
}
