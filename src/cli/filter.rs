//! The filters that select entries: the same conditions on every verb.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use ecache_core::entry::Policy;
use ecache_core::value::Kind;

use crate::error::Exit;
use crate::units::{Moment, parse_duration, parse_moment, parse_size};

// Different conditions must all hold; of a repeated one, any.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) store: StoreNames,
    #[command(flatten)]
    pub(crate) summary: FilterSummary,
    /// Entries linked to this dataset: its id, or in FiftyOne's database its name
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "ID"
    )]
    pub(crate) dataset: Vec<String>,
    /// Entries linked to no dataset
    #[arg(help_heading = "Filter", hide_short_help = true, long)]
    pub(crate) no_dataset: bool,
    /// Entries made for this user
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "ID"
    )]
    pub(crate) user: Vec<String>,
    /// Entries made by this operator
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "URI"
    )]
    pub(crate) operator: Vec<String>,
    /// Entries made in this operator prompt
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "ID"
    )]
    pub(crate) prompt: Vec<String>,
    /// Entries with this key
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "KEY"
    )]
    pub(crate) key: Vec<String>,
    /// Entries of calls with this argument, as text or JSON
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    pub(crate) arg: Vec<String>,
    /// Treat names, keys and arguments as patterns: * ? [a-z]
    #[arg(help_heading = "Filter", hide_short_help = true, long)]
    pub(crate) glob: bool,
    /// Entries whose value is of this kind; job: FiftyOne's records of jobs, which are json
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "KIND", value_parser = kinds())]
    pub(crate) kind: Vec<KindChoice>,
    /// Entries that are expired
    #[arg(help_heading = "Filter", hide_short_help = true, long, conflicts_with_all = ["fresh", "no_expiry", "expiring_within"])]
    pub(crate) expired: bool,
    /// Entries that are not expired
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        conflicts_with = "no_expiry"
    )]
    pub(crate) fresh: bool,
    /// Entries that never expire
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        conflicts_with = "expiring_within"
    )]
    pub(crate) no_expiry: bool,
    /// Entries written before a time, or a duration ago
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) older_than: Option<Moment>,
    /// Entries written since a time, or within a duration
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) newer_than: Option<Moment>,
    /// Entries neither written nor used since then
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "WHEN", value_parser = parse_moment)]
    pub(crate) unused_for: Option<Moment>,
    /// Entries with at least this many hits
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long,
        value_name = "N",
        conflicts_with = "never_used"
    )]
    pub(crate) min_hits: Option<u64>,
    /// Entries without a hit
    #[arg(help_heading = "Filter", hide_short_help = true, long)]
    pub(crate) never_used: bool,
    /// Fresh entries that expire within a duration
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expiring_within: Option<u64>,
    /// Entries larger than this, as in 500MB or 1GiB
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) larger_than: Option<u64>,
    /// Entries smaller than this
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) smaller_than: Option<u64>,
    /// Entries that took longer than this to compute, if that was recorded
    #[arg(help_heading = "Filter", hide_short_help = true, long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) cost_above: Option<u64>,
    /// Exit with 1 if nothing matches
    #[arg(long, hide_short_help = true)]
    pub(crate) fail_empty: bool,
    /// Entries of this policy
    #[arg(
        help_heading = "Filter",
        hide_short_help = true,
        long = "policy",
        value_name = "POLICY",
        value_enum
    )]
    pub(crate) policy: Option<PolicyChoice>,
}

/// Names the options of the filter in the short help, which has no room to list them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterSummary;

impl FilterSummary {
    /// The usual order, and the filter last.
    const TEMPLATE: &str = "\
{about-with-newline}
{usage-heading} {usage}

{all-args}{after-help}

{before-help}";

    const SHORT: &str = "\
Filter (--help explains these options):
  --store --dataset --no-dataset --user --operator --prompt --key --arg --glob
  --kind --policy --expired --fresh --no-expiry --older-than --newer-than
  --unused-for --min-hits --never-used --expiring-within --larger-than
  --smaller-than --cost-above";

    const LONG: &str = "\
Different conditions of the filter must all hold; of a repeated one, any.";
}

impl Args for FilterSummary {
    fn augment_args(command: Command) -> Command {
        command
            .help_template(Self::TEMPLATE)
            .before_help(Self::SHORT)
            .before_long_help(Self::LONG)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FilterSummary {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}

/// The names of stores, typed as arguments or with `--store`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreNames {
    all: Vec<String>,
    /// Number of those typed as arguments, which come first
    arguments: usize,
}

impl StoreNames {
    const ARGUMENTS: &str = "stores";
    const OPTION: &str = "store";

    /// Returns the names, to be completed.
    pub(crate) fn names_mut(&mut self) -> &mut [String] {
        &mut self.all
    }

    /// Returns the first store that was typed as an argument.
    pub(crate) fn argument(&self) -> Option<&String> {
        self.all[..self.arguments].first()
    }
}

impl Deref for StoreNames {
    type Target = Vec<String>;

    fn deref(&self) -> &Vec<String> {
        &self.all
    }
}

impl FromIterator<String> for StoreNames {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        Self {
            all: names.into_iter().collect(),
            arguments: 0,
        }
    }
}

impl Args for StoreNames {
    fn augment_args(command: Command) -> Command {
        command
            .arg(
                Arg::new(Self::ARGUMENTS)
                    .value_name("STORE")
                    .num_args(1..)
                    .action(ArgAction::Append)
                    .help_heading(None::<&str>)
                    .help("Entries of these stores"),
            )
            .arg(
                Arg::new(Self::OPTION)
                    .long(Self::OPTION)
                    .value_name("NAME")
                    .action(ArgAction::Append)
                    .help_heading("Filter")
                    .hide_short_help(true)
                    .help("Entries of this store"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for StoreNames {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let names = |id| matches.get_many::<String>(id).into_iter().flatten();
        let all = names(Self::ARGUMENTS).chain(names(Self::OPTION));
        Ok(Self {
            all: all.cloned().collect(),
            arguments: names(Self::ARGUMENTS).count(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Takes one store as an argument, for a verb whose further arguments are keys.
pub(crate) fn one_store(stores: Arg) -> Arg {
    stores
        .num_args(1)
        .action(ArgAction::Set)
        .index(1)
        .help("Entries of this store")
}

/// Refuses stores as arguments, for a verb whose arguments are something else.
pub(crate) fn stores_by_option(stores: Arg) -> Arg {
    let refuse = |_: &str| Err::<String, _>("a store is named with --store here");
    stores.hide(true).value_parser(refuse)
}

/// A policy as it is typed to select entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PolicyChoice {
    /// Entries that the cache may drop
    Evict,
    /// Entries that are kept until they are removed by name
    Persist,
    /// Both
    Any,
}

impl PolicyChoice {
    /// Returns the chosen policy, `None` for both.
    pub(crate) fn policy(self) -> Option<Policy> {
        match self {
            Self::Evict => Some(Policy::Evict),
            Self::Persist => Some(Policy::Persist),
            Self::Any => None,
        }
    }
}

/// A kind of entry as it is typed to select some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KindChoice {
    /// Values of that kind
    Value(Kind),
    /// Records of FiftyOne's transient jobs
    Job,
}

impl KindChoice {
    /// The word for records of jobs.
    const JOB: &str = "job";
}

impl fmt::Display for KindChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(kind) => kind.fmt(f),
            Self::Job => f.write_str(Self::JOB),
        }
    }
}

/// Parses the name of a kind of entry.
fn kinds() -> impl TypedValueParser<Value = KindChoice> {
    let names = Kind::ALL.map(Kind::as_str).into_iter();
    PossibleValuesParser::new(names.chain([KindChoice::JOB])).map(|name| {
        if name == KindChoice::JOB {
            KindChoice::Job
        } else {
            KindChoice::Value(name.parse().expect("it is one of them"))
        }
    })
}

/// Says in the help of `--policy` which entries a verb means without it.
pub(crate) fn evict_by_default(policy: Arg) -> Arg {
    policy.help("Entries of this policy [default: evict]")
}

/// Makes the option that selects entries by policy, for a verb whose --policy sets a new one.
pub(crate) fn if_policy(policy: Arg) -> Arg {
    policy
        .long("if-policy")
        .help("Entries that have this policy")
}

impl FilterArgs {
    /// Returns how a command ends whose filter selected entries, or none.
    pub(crate) fn exit(&self, is_empty: bool) -> Exit {
        if is_empty && self.fail_empty {
            Exit::No
        } else {
            Exit::Done
        }
    }

    /// Returns the same conditions with every name as a pattern, so that patterns can be added.
    pub(crate) fn as_patterns(&self) -> Self {
        if self.glob {
            return self.clone();
        }
        let escaped = |names: &[String]| names.iter().map(|name| escape(name)).collect();
        Self {
            store: self.store.iter().map(|name| escape(name)).collect(),
            dataset: escaped(&self.dataset),
            user: escaped(&self.user),
            operator: escaped(&self.operator),
            prompt: escaped(&self.prompt),
            key: escaped(&self.key),
            arg: escaped(&self.arg),
            glob: true,
            ..self.clone()
        }
    }

    /// Returns a name as this filter has to spell it: escaped where names are patterns.
    pub(crate) fn spelled(&self, name: &str) -> String {
        if self.glob {
            escape(name)
        } else {
            name.to_owned()
        }
    }

    /// Returns the words that spell these conditions on a command line, each with a space before
    /// it.
    pub(crate) fn words(&self, quote: impl for<'a> Fn(&'a str) -> Cow<'a, str>) -> String {
        let mut words = String::new();
        for (option, names) in [
            ("--store", &*self.store),
            ("--dataset", &self.dataset),
            ("--user", &self.user),
            ("--operator", &self.operator),
            ("--prompt", &self.prompt),
            ("--key", &self.key),
            ("--arg", &self.arg),
        ] {
            for name in names {
                let is_option_like = name.starts_with('-');
                let between = if is_option_like { "=" } else { " " };
                words.push_str(&format!(" {option}{between}{}", quote(name)));
            }
        }
        for kind in &self.kind {
            words.push_str(&format!(" --kind {kind}"));
        }
        for (option, is_set) in [
            ("--no-dataset", self.no_dataset),
            ("--glob", self.glob),
            ("--expired", self.expired),
            ("--fresh", self.fresh),
            ("--no-expiry", self.no_expiry),
            ("--never-used", self.never_used),
        ] {
            if is_set {
                words.push_str(&format!(" {option}"));
            }
        }
        for (option, moment) in [
            ("--older-than", self.older_than),
            ("--newer-than", self.newer_than),
            ("--unused-for", self.unused_for),
        ] {
            if let Some(moment) = moment {
                words.push_str(&format!(" {option} {moment}"));
            }
        }
        for (option, amount, unit) in [
            ("--min-hits", self.min_hits, ""),
            ("--expiring-within", self.expiring_within, "ms"),
            ("--larger-than", self.larger_than, ""),
            ("--smaller-than", self.smaller_than, ""),
            ("--cost-above", self.cost_above, "ms"),
        ] {
            if let Some(amount) = amount {
                words.push_str(&format!(" {option} {amount}{unit}"));
            }
        }
        match self.policy {
            Some(PolicyChoice::Evict) => words.push_str(" --policy evict"),
            Some(PolicyChoice::Persist) => words.push_str(" --policy persist"),
            Some(PolicyChoice::Any) => words.push_str(" --policy any"),
            None => {}
        }
        words
    }
}

/// Escapes a name so that a pattern means it alone.
pub(crate) fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
