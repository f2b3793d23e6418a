//! The entries that a `prune` is to remove, by the options that were typed.

use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension};
use ecache_core::filter::{Capacity, Filter, Freshness, Latest, Selection, Spared};
use ecache_core::time::Timestamp;

use super::preview::{Reason, Reasons};
use crate::cli::PruneArgs;
use crate::cli::filter::{FilterArgs, PolicyChoice};
use crate::commands::shared::changes::jobs::{spare_running, without_running};
use crate::commands::shared::changes::loss::Keeping;
use crate::commands::shared::filter::live_datasets::Live;
use crate::commands::shared::filter::{DefaultSelection, check_possible, filter};
use crate::context::Context;
use crate::error::usage_tip;
use crate::units::Moment;

/// The entries and documents that are to be removed.
pub(super) struct Plan {
    /// The entries that the options select
    pub(super) meant: Selection,
    /// Those to be removed: without running jobs, unless they were asked for
    pub(super) selection: Selection,
    /// Entries whose dataset was deleted
    pub(super) orphans: Option<Filter>,
    /// The own documents of stores that go with the orphans
    pub(super) documents: Option<Filter>,
    has_expired: bool,
    /// The time at which they are selected
    pub(super) now: Timestamp,
}

impl Plan {
    /// Finds out which entries the options select.
    pub(super) fn of(
        context: &Context,
        args: &PruneArgs,
        backend: &dyn Backend,
        scope: Filter,
        now: Timestamp,
    ) -> Result<Self> {
        let orphans = orphans(context, args, backend, &scope)?;
        let expired = expired(args, &scope);
        let meant = selection(args, scope, [&orphans, &expired], now);
        meant.filters().try_for_each(check_possible)?;
        let documents = orphans.as_ref().map(|orphans| Filter {
            policy: None,
            ..orphans.clone()
        });
        let (selection, documents) = match documents {
            documents if args.jobs => (meant.clone(), documents),
            None => (without_running(context, &meant)?, None),
            Some(documents) => (
                without_running(context, &meant)?,
                Some(spare_running(context, &documents)?),
            ),
        };
        Ok(Self {
            meant,
            selection,
            orphans,
            documents,
            has_expired: expired.is_some(),
            now,
        })
    }

    /// Returns the reason of each filter of the selection, in its order, and of entries beyond the
    /// capacity.
    pub(super) fn reasons(&self, args: &PruneArgs) -> Reasons {
        let all = [
            (self.orphans.is_some(), Reason::Orphaned),
            (self.has_expired, Reason::Expired),
            (args.filter.older_than.is_some(), Reason::Old),
            (args.filter.unused_for.is_some(), Reason::Unused),
            (args.is_of_earlier(), Reason::Earlier),
        ];
        let given = all.into_iter().filter(|(is_given, _)| *is_given);
        Reasons {
            of_filters: given.map(|(_, reason)| reason).collect(),
            excess: match (args.max_size, args.max_entries) {
                (Some(_), None) => "over --max-size",
                (None, _) => "over --max-entries",
                (Some(_), Some(_)) => "over a limit",
            },
        }
    }

    /// Cuts the selection in three: dead entries, which go for good; old, unused or earlier ones,
    /// which can be brought back; and those beyond the capacity.
    pub(super) fn steps(&self, args: &PruneArgs) -> [Selection; 3] {
        let selection = &self.selection;
        let mut dead = selection.any_of.clone();
        // They come last, unless some are spared.
        let alive = if selection.unless_spared.is_empty() {
            let of_age = [args.filter.older_than, args.filter.unused_for];
            dead.split_off(dead.len() - of_age.iter().flatten().count())
        } else {
            Vec::new()
        };
        let spared = || selection.spared.clone();
        [
            Selection::of(dead),
            Selection::of(alive).with_spared(selection.unless_spared.clone(), spared()),
            Selection::default()
                .with_spared(Vec::new(), spared())
                .with_capacity(selection.beyond.clone()),
        ]
    }
}

/// Returns the filter of entries whose dataset was deleted; `None` without such datasets or without
/// `--orphaned`.
fn orphans(
    context: &Context,
    args: &PruneArgs,
    backend: &dyn Backend,
    scope: &Filter,
) -> Result<Option<Filter>> {
    if !args.orphaned {
        return Ok(None);
    }
    let datasets = backend.names(Dimension::Dataset)?;
    let live = Live::find(context, backend, args.live_datasets.as_deref())?;
    let live = live.ok_or_else(Live::unknown)?;
    Ok(live.orphans(datasets, &evictable(args, scope)))
}

/// Builds the filter of the entries that may be pruned, without the conditions that are themselves
/// reasons for removal.
pub(super) fn scope(context: &Context, args: &PruneArgs, now: Timestamp) -> Result<Filter> {
    let narrowing = FilterArgs {
        expired: false,
        older_than: None,
        unused_for: None,
        ..args.filter.clone()
    };
    let scope = filter(context, &narrowing, DefaultSelection::AnyPolicy, now)?;
    let keeps_persistent = matches!(args.filter.policy, None | Some(PolicyChoice::Evict));
    if (args.has_capacity() || args.keep_last.is_some()) && !keeps_persistent {
        return Err(usage_tip(
            "--max-size, --max-entries and --keep-last remove entries of policy evict alone",
            "leave out --policy",
        ));
    }
    if args.order.is_some() && !args.has_capacity() {
        return Err(usage_tip(
            "--order is the order in which --max-size and --max-entries remove entries",
            "add one of them",
        ));
    }
    if args.keep_cost_above.is_some() && !args.has_alive() {
        return Err(usage_tip(
            "--keep-cost-above keeps entries that another limit would remove, and there is none",
            "add --max-size, --max-entries, --older-than, --unused-for or --keep-last",
        ));
    }
    if args.is_of_expired() && scope.is_fresh_only() {
        return Err(usage_tip(
            "prune removes expired entries, and the filter selects none of them",
            "add --older-than, --unused-for, --max-size, --max-entries or --keep-last",
        ));
    }
    Ok(scope)
}

impl PruneArgs {
    /// Returns whether entries beyond the capacity are kept for undo. Those beyond --max-size are
    /// not: keeping them frees no space.
    pub(super) fn keeping_of_excess(&self) -> Keeping {
        match self.keeping() {
            Keeping::Kept if self.max_size.is_some() => Keeping::Unkept,
            keeping => keeping,
        }
    }

    /// Returns whether old, unused and earlier entries are kept for undo.
    pub(super) fn keeping(&self) -> Keeping {
        match Keeping::unless(self.no_undo) {
            // With all that is kept.
            Keeping::Kept if self.retired => Keeping::Dropped,
            keeping => keeping,
        }
    }

    fn has_capacity(&self) -> bool {
        self.max_size.is_some() || self.max_entries.is_some()
    }

    fn has_age(&self) -> bool {
        self.filter.older_than.is_some() || self.filter.unused_for.is_some()
    }

    /// Reports whether entries are removed that may be of use.
    fn has_alive(&self) -> bool {
        self.has_capacity() || self.has_age() || self.keep_last.is_some()
    }

    /// Reports whether entries are removed because they are expired.
    fn is_of_expired(&self) -> bool {
        let has_limit = self.has_alive() || self.orphaned || self.retired;
        self.filter.expired || !has_limit
    }

    /// Reports whether all entries but the last ones are removed.
    fn is_of_earlier(&self) -> bool {
        let has_limit = self.has_capacity()
            || self.has_age()
            || self.filter.expired
            || self.orphaned
            || self.retired;
        self.keep_last.is_some() && !has_limit
    }
}

/// Returns the filter of entries that a limit may remove: of policy `evict`, unless another was
/// typed.
fn evictable(args: &PruneArgs, scope: &Filter) -> Filter {
    let typed = args.filter.policy.unwrap_or(PolicyChoice::Evict);
    Filter {
        policy: typed.policy(),
        ..scope.clone()
    }
}

/// Returns the filter of expired entries, if they are to go: of any policy, unless one was typed,
/// since no reader uses them any more.
fn expired(args: &PruneArgs, scope: &Filter) -> Option<Filter> {
    args.is_of_expired().then(|| Filter {
        policy: args.filter.policy.and_then(PolicyChoice::policy),
        freshness: Some(Freshness::Expired),
        expired_for: Duration::from_millis(args.keep_stale.unwrap_or(0)),
        ..scope.clone()
    })
}

/// Returns the entries to remove: each limit by itself is a reason.
fn selection(
    args: &PruneArgs,
    scope: Filter,
    dead: [&Option<Filter>; 2],
    now: Timestamp,
) -> Selection {
    let time = |moment: Moment| Some(Timestamp::from_millis(moment.resolve(now.as_millis())));
    let mut any_of: Vec<Filter> = dead.into_iter().flatten().cloned().collect();
    let mut alive = Vec::new();
    if let Some(moment) = args.filter.older_than {
        alive.push(Filter {
            written_before: time(moment),
            ..evictable(args, &scope)
        });
    }
    if let Some(moment) = args.filter.unused_for {
        alive.push(Filter {
            unused_since: time(moment),
            ..evictable(args, &scope)
        });
    }
    if args.is_of_earlier() {
        alive.push(evictable(args, &scope));
    }
    let spared = Spared {
        cost_above: args.keep_cost_above,
        latest: args.keep_last.map(|count| Latest {
            scope: scope.clone(),
            count,
            per: args.per,
        }),
    };
    let mut unless_spared = Vec::new();
    if spared == Spared::default() {
        any_of.append(&mut alive);
    } else {
        unless_spared = alive;
    }
    let beyond = args.has_capacity().then(|| Capacity {
        scope,
        max_size: args.max_size,
        max_entries: args.max_entries,
        order: args.order.unwrap_or_default(),
    });
    Selection::of(any_of)
        .with_spared(unless_spared, spared)
        .with_capacity(beyond)
}
