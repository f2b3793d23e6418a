//! Builds the core's filter from the typed one, for every verb.
//!
//! `words` writes a selection back as options. `no_match` explains an empty one, `collections` what
//! was not searched; `live_datasets` are those that exist, `unknown_dataset` is one named
//! in vain, and `value_text` is a text in values.

pub(in crate::commands) mod collections;
pub(in crate::commands) mod live_datasets;
pub(in crate::commands) mod no_match;
pub(in crate::commands) mod unknown_dataset;
pub(in crate::commands) mod value_text;
pub(in crate::commands) mod words;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension, Row, Scan};
use ecache_core::filter::{DatasetPattern, Filter, Freshness, Jobs, Pattern};
use ecache_core::glob::GlobError;
use ecache_core::location;
use ecache_core::scope::is_fiftyone_id;
use ecache_core::time::Timestamp;

use super::address::abbreviated;
use super::address::resolve::check_name;
use crate::cli::filter::{FilterArgs, KindChoice, PolicyChoice};
use crate::context::{Collections, Context};
use crate::datasets::{Datasets, dataset_id};
use crate::error::{contradiction, usage_tip};
use crate::near_names;
use crate::output::escape::shell;
use crate::output::own_command;
use crate::output::short_ids::ID_DIGITS;
use crate::units::Moment;

/// The entries that a verb selects by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum DefaultSelection {
    /// Entries of policy `evict`, of the default collection
    Evictable,
    /// Entries of both policies, of the default collection
    AnyPolicy,
    /// Entries of both policies, of all collections
    AnyCollection,
    /// Entries of policy `evict`, of all collections
    EvictableOfAnyCollection,
}

impl DefaultSelection {
    fn policy(self) -> PolicyChoice {
        match self {
            Self::Evictable | Self::EvictableOfAnyCollection => PolicyChoice::Evict,
            Self::AnyPolicy | Self::AnyCollection => PolicyChoice::Any,
        }
    }

    fn is_everywhere(self) -> bool {
        matches!(self, Self::AnyCollection | Self::EvictableOfAnyCollection)
    }
}

/// Builds the filter that was typed.
pub(in crate::commands) fn filter(
    context: &Context,
    args: &FilterArgs,
    default: DefaultSelection,
    now: Timestamp,
) -> Result<Filter> {
    let whole = abbreviated::whole_filter(context, args)?;
    let args = whole.as_ref().unwrap_or(args);
    let filter = filter_among(context, args, default, now, &|| context.datasets())?;
    if filter.jobs.is_some() && !location::is_url(context.location()?.0.as_os_str()) {
        return Err(usage_tip(
            "only FiftyOne's database has entries of kind job",
            "name it with --db",
        ));
    }
    Ok(filter)
}

/// Builds the filter that was typed for entries of these datasets, which are asked for if one is
/// called by its name.
pub(in crate::commands) fn filter_among(
    context: &Context,
    args: &FilterArgs,
    default: DefaultSelection,
    now: Timestamp,
    datasets: &dyn Fn() -> Result<Datasets>,
) -> Result<Filter> {
    let pattern = |text: &String| {
        if args.glob {
            Pattern::glob(text).map_err(bad_pattern)
        } else {
            Ok(Pattern::exact(text))
        }
    };
    let patterns = |texts: &[String]| texts.iter().map(pattern).collect::<Result<Vec<_>>>();
    let moment = |moment: Option<Moment>| {
        moment.map(|moment| Timestamp::from_millis(moment.resolve(now.as_millis())))
    };
    check_names(args)?;
    let sizes = [
        (args.larger_than, "--larger-than"),
        (args.smaller_than, "--smaller-than"),
    ];
    let size = sizes.into_iter().find(|(size, _)| size.is_some());
    refuse_unit(args.store.argument(), size.map(|(_, option)| option))?;
    let filter = Filter {
        collections: collections(context, default)?,
        stores: patterns(&args.store)?,
        datasets: dataset_patterns(args, datasets)?,
        keys: patterns(&args.key)?,
        users: patterns(&args.user)?,
        operators: patterns(&args.operator)?,
        prompts: patterns(&args.prompt)?,
        arguments: patterns(&args.arg)?,
        kinds: args
            .kind
            .iter()
            .filter_map(|kind| match kind {
                KindChoice::Value(kind) => Some(*kind),
                KindChoice::Job => None,
            })
            .collect(),
        policy: args.policy.unwrap_or(default.policy()).policy(),
        freshness: match (args.expired, args.fresh, args.no_expiry) {
            (true, ..) => Some(Freshness::Expired),
            (_, true, _) => Some(Freshness::Fresh),
            (.., true) => Some(Freshness::Endless),
            _ => None,
        },
        expired_for: Duration::ZERO,
        written_before: moment(args.older_than),
        written_after: moment(args.newer_than),
        unused_since: moment(args.unused_for),
        min_hits: args.min_hits,
        never_used: args.never_used,
        expires_by: args
            .expiring_within
            .map(|millis| now.saturating_add(Duration::from_millis(millis))),
        larger_than: args.larger_than,
        smaller_than: args.smaller_than,
        cost_above: args.cost_above.map(Duration::from_millis),
        jobs: jobs(args)?,
    };
    check_possible(&filter)?;
    Ok(filter)
}

/// Returns the condition on records of jobs. Only FiftyOne's database distinguishes them from
/// other entries.
fn jobs(args: &FilterArgs) -> Result<Option<Jobs>> {
    if !args.kind.contains(&KindChoice::Job) {
        return Ok(None);
    }
    if args.kind.iter().any(|kind| *kind != KindChoice::Job) {
        return Err(contradiction("--kind job", "another --kind"));
    }
    Ok(Some(Jobs::Only))
}

/// Returns the collections that were named, or those that the verb means unless some are.
pub(in crate::commands) fn collections(
    context: &Context,
    default: DefaultSelection,
) -> Result<Vec<Pattern>> {
    if context.collections == Collections::Default {
        // A collection that faulty settings name would not be the one that is meant.
        context.check_settings()?;
    }
    match &context.collections {
        Collections::Configured(name) => Ok(vec![Pattern::exact(name)]),
        Collections::Default if !default.is_everywhere() => Ok(Filter::default().collections),
        Collections::Default | Collections::All => Ok(Vec::new()),
        Collections::Named(names) => {
            let exact = |name: &String| Ok(Pattern::exact(check_name("collection", name)?));
            names.iter().map(exact).collect()
        }
    }
}

/// Returns the error for an invalid pattern.
fn bad_pattern(error: GlobError) -> anyhow::Error {
    usage_tip(
        error.to_string(),
        "a \\ before a character takes its meaning away",
    )
}

/// Refuses a unit in the place of a store, behind the number of a size: `--max-size 1 KiB`.
pub(in crate::commands) fn refuse_unit(
    store: Option<&String>,
    option: Option<&'static str>,
) -> Result<()> {
    let units = ["B", "KB", "MB", "GB", "TB", "KIB", "MIB", "GIB", "TIB"];
    let (Some(store), Some(option)) = (store, option) else {
        return Ok(());
    };
    if units.contains(&&*store.to_uppercase()) {
        return Err(usage_tip(
            format!("{store} is the name of a store here, not the unit of {option}"),
            format!("write {option} 1{store}, without a space; for a store: --store {store}"),
        ));
    }
    Ok(())
}

/// Refuses names that no entry can have, as an unset variable leaves them.
fn check_names(args: &FilterArgs) -> Result<()> {
    let scopes = [&args.dataset, &args.user, &args.operator, &args.prompt];
    let names = scopes.into_iter().chain([&args.key, &args.arg]);
    if args.glob && args.store.is_empty() && names.into_iter().all(Vec::is_empty) {
        return Err(usage_tip(
            "--glob is for patterns, and none is named",
            "name one, as in 'thumb*', or leave out --glob",
        ));
    }
    for (option, names) in [
        ("--dataset", &args.dataset),
        ("--user", &args.user),
        ("--operator", &args.operator),
        ("--prompt", &args.prompt),
    ] {
        if names.iter().any(String::is_empty) {
            return Err(usage_tip(
                format!("{option} is empty"),
                "no entry has such a name: leave it out",
            ));
        }
    }
    Ok(())
}

/// Refuses conditions that no entry meets.
pub(in crate::commands) fn check_possible(filter: &Filter) -> Result<()> {
    if let (Some(above), Some(below)) = (filter.larger_than, filter.smaller_than)
        && below <= above.saturating_add(1)
    {
        return Err(contradiction("--larger-than", "--smaller-than"));
    }
    if let Some(after) = filter.written_after {
        for (before, option) in [
            (filter.written_before, "--older-than"),
            (filter.unused_since, "--unused-for"),
        ] {
            if before.is_some_and(|before| before <= after) {
                return Err(contradiction("--newer-than", option));
            }
        }
    }
    Ok(())
}

/// Returns the patterns of the datasets that were typed to select entries.
fn dataset_patterns(
    args: &FilterArgs,
    datasets: &dyn Fn() -> Result<Datasets>,
) -> Result<Vec<DatasetPattern>> {
    let mut patterns = Vec::new();
    for named in &args.dataset {
        let exact = |id: Arc<str>| DatasetPattern::Id(Pattern::exact(&*id));
        if !args.glob {
            patterns.push(exact(dataset_id(named, datasets)?));
            continue;
        }
        let pattern = Pattern::glob(named).map_err(bad_pattern)?;
        if let Pattern::Glob(glob) = &pattern {
            patterns.extend(datasets()?.matching(glob).into_iter().map(exact));
        }
        patterns.push(DatasetPattern::Id(pattern));
    }
    if args.no_dataset {
        patterns.push(DatasetPattern::Unlinked);
    }
    Ok(patterns)
}

/// Warns about stores, datasets and scopes that were named and that nothing is known of: they may
/// be misspelt.
pub(in crate::commands) fn note_unknown_names(
    context: &Context,
    backend: &dyn Backend,
    filter: &Filter,
) -> Result<()> {
    note_names_unknown_to_all(context, &[backend], filter)
}

/// Warns, as [`note_unknown_names`] does, about names that none of several backends knows.
pub(in crate::commands) fn note_names_unknown_to_all(
    context: &Context,
    backends: &[&dyn Backend],
    filter: &Filter,
) -> Result<()> {
    for (patterns, of, what) in [
        (&filter.stores, Dimension::Store, "store"),
        (&filter.users, Dimension::User, "user"),
        (&filter.operators, Dimension::Operator, "operator"),
        (&filter.prompts, Dimension::Prompt, "prompt"),
    ] {
        let named = exact_names(patterns);
        if named.is_empty() {
            continue;
        }
        let known = names(backends, of)?;
        for name in named {
            if known.iter().any(|known| **known == *name) {
                continue;
            }
            let (message, tip) = match of {
                Dimension::Store => {
                    let (message, tip) = near_names::no_store(name, &known);
                    let of_key = store_with_key(backends, filter, name)?.map(|store| {
                        let show = format!("show {} {}", shell(&store), shell(name));
                        format!("one key: {}", own_command(&show))
                    });
                    (message, of_key.or(tip))
                }
                _ => no_entry_has(backends, filter, (what, name), &known)?,
            };
            context.absent(&message, tip.as_deref());
        }
    }
    note_unknown_datasets(context, backends, filter)
}

/// Returns the message that no entry has a scope, and what to try.
fn no_entry_has(
    backends: &[&dyn Backend],
    filter: &Filter,
    (what, name): (&str, &str),
    known: &[Arc<str>],
) -> Result<(String, Option<String>)> {
    let mut message = format!("no entry has {what} {name:?}");
    let mut tip = near_names::did_you_mean(name, known);
    for backend in backends {
        if let Some((what, option)) = no_match::hidden_by_fiftyone(*backend, filter)? {
            message.push_str(&format!("; what FiftyOne wrote has no {what} on record"));
            let show = || own_command(&format!("show STORE -a ARG {option} ID"));
            tip = tip.or_else(|| Some(format!("name the call: {}", show())));
            break;
        }
    }
    if tip.is_none() && !known.is_empty() {
        tip = no_match::listed(
            &format!("{what}s"),
            &known.iter().map(|name| &**name).collect(),
        );
    }
    Ok((message, tip))
}

/// Refuses the key of a named store in the place of a store, for a verb that removes entries: it
/// would remove the others of that store, too.
pub(in crate::commands) fn refuse_keys(backend: &dyn Backend, filter: &Filter) -> Result<()> {
    let named = exact_names(&filter.stores);
    if named.len() < 2 {
        return Ok(());
    }
    let known = backend.names(Dimension::Store)?;
    for name in named {
        if known.iter().any(|known| **known == *name) {
            continue;
        }
        if let Some(store) = store_with_key(&[backend], filter, name)? {
            let (shown, key) = (shell(&store), shell(name));
            return Err(usage_tip(
                format!("{key} is a key of {shown}, not a store"),
                format!(
                    "one key: {}; all of {shown}: leave out {key}",
                    own_command(&format!("rm {shown} {key} -n"))
                ),
            ));
        }
    }
    Ok(())
}

/// Returns the named store that has a key which was named as a store, too.
fn store_with_key(
    backends: &[&dyn Backend],
    filter: &Filter,
    name: &str,
) -> Result<Option<String>> {
    let others = filter.stores.clone();
    if others.len() < 2 {
        return Ok(None);
    }
    let of_key = Filter {
        collections: filter.collections.clone(),
        stores: others,
        keys: vec![Pattern::exact(name)],
        ..Filter::default()
    };
    for backend in backends {
        let scan = Scan {
            limit: Some(1),
            ..Scan::new(of_key.clone())
        };
        for row in backend.scan(&scan, Timestamp::from_millis(0))? {
            if let Row::Entry(entry, _) = row? {
                return Ok(Some(entry.address.store.store_name.to_string()));
            }
        }
    }
    Ok(None)
}

/// Returns the names among some patterns.
fn exact_names(patterns: &[Pattern]) -> BTreeSet<&str> {
    let names = patterns.iter().filter_map(|pattern| match pattern {
        Pattern::Exact(name) => Some(name.as_str()),
        Pattern::Glob(_) => None,
    });
    names.collect()
}

/// Returns the names of a dimension in all backends.
fn names(backends: &[&dyn Backend], of: Dimension) -> Result<Vec<Arc<str>>> {
    let mut names = Vec::new();
    for backend in backends {
        names.extend(backend.names(of)?);
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Notes datasets of the filter that are unknown.
///
/// If datasets have names, an unknown name is an error; an id may be that of a deleted dataset.
fn note_unknown_datasets(
    context: &Context,
    backends: &[&dyn Backend],
    filter: &Filter,
) -> Result<()> {
    let id = |pattern: &DatasetPattern| match pattern {
        DatasetPattern::Id(Pattern::Exact(id)) => Some(id.clone()),
        _ => None,
    };
    let mut ids: Vec<String> = filter.datasets.iter().filter_map(id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let linked = names(backends, Dimension::Dataset)?;
    ids.retain(|id| !linked.iter().any(|linked| **linked == **id));
    let Some(first) = ids.first() else {
        return Ok(());
    };
    let mut are_named = false;
    let mut nameless = ids.clone();
    let mut known = Vec::new();
    for backend in backends {
        let datasets = context.datasets_of(backend.datasets()?)?;
        are_named |= datasets.names().next().is_some() || datasets.are_known();
        known.extend(datasets.names());
        nameless.retain(|id| datasets.name(Some(id)).is_none());
    }
    let tip = (!are_named && !is_fiftyone_id(first)).then_some(
        "no dataset has a name here: use its id, or name it in [datasets] of config.toml",
    );
    for id in nameless {
        // Tables show the end of an id.
        let is_end = |linked: &&Arc<str>| id.len() >= ID_DIGITS && linked.ends_with(&*id);
        let meant = linked.iter().find(is_end);
        let meant = meant.map(|linked| format!("did you mean --dataset {linked}?"));
        let meant = meant.or_else(|| near_names::did_you_mean(&id, &known));
        let tip = meant.as_deref().or(tip);
        context.absent(&format!("no entry is linked to dataset {id}"), tip);
    }
    Ok(())
}

/// Refuses a filter that means everything, unless that was asked for. A policy that was `typed`
/// narrows it, and goes with `--all`, too.
pub(in crate::commands) fn require_narrowed(
    filter: &Filter,
    typed: Option<PolicyChoice>,
    all: bool,
    verb: &str,
) -> Result<()> {
    let without_policy = Filter {
        policy: None,
        ..filter.clone()
    };
    let is_of_policy = typed.is_some_and(|typed| typed.policy().is_some());
    match (without_policy.is_narrowed(), all) {
        (false, false) if !is_of_policy => Err(usage_tip(
            format!("without a filter this would {verb} every entry"),
            "name some with STORE, --dataset, --user …, or add --all",
        )),
        (true, true) => Err(contradiction("--all", "the filter")),
        _ => Ok(()),
    }
}
