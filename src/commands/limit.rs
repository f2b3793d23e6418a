//! `ecache limit`: bounds what entries may take.

use anyhow::Result;
use ecache_core::backend::limit::{Bounds, Limit, LimitScope, LimitUsage};
use ecache_core::backend::{Backend, Cause, UNDO_KEEP, UNDO_SIZE};
use ecache_core::error::{Error, entries};
use ecache_core::filter::{Pattern, Usage};
use ecache_core::location;

use super::shared::filter::{Unless, filter, refuse_unit};
use super::shared::operation::this;
use crate::cli::{
    Bound, LimitArgs, LimitListArgs, LimitRemoveArgs, LimitScopeArgs, LimitSetArgs, LimitVerb,
};
use crate::context::Context;
use crate::error::{Exit, usage, usage_tip};
use crate::output::cut::short_id;
use crate::output::{Cell, Column, Format, chart, human};

/// The columns for programs.
const COLUMNS: [Column; 11] = [
    Column::text("scope"),
    Column::number("max_bytes"),
    Column::number("used_bytes"),
    Column::number("max_entries"),
    Column::number("entries"),
    Column::number("evictions"),
    Column::number("lost_ms"),
    Column::number("default_ttl_ms"),
    Column::number("min_cost_ms"),
    Column::number("min_free_percent"),
    Column::text("each"),
];

pub(crate) fn run(context: &Context, args: LimitArgs) -> Result<Exit> {
    check_kept(context)?;
    match args.verb {
        LimitVerb::Set(args) => set(context, &args),
        LimitVerb::Ls(args) => list(context, &args),
        LimitVerb::Rm(args) => remove(context, &args),
    }
}

fn set(context: &Context, args: &LimitSetArgs) -> Result<Exit> {
    refuse_unit(args.scope.store(), args.size_option())?;
    let scope = scope(context, &args.scope)?;
    let undo = undo_settings(args);
    let whole = [
        (args.has_min_free(), "--min-free holds"),
        (!undo.is_empty(), "--undo-keep and --undo-size hold"),
    ];
    for (is_typed, option) in whole {
        if is_typed && scope.filter().is_narrowed() {
            return Err(usage(format!(
                "{option} for the whole file: leave out store, dataset, user, operator and prompt"
            )));
        }
    }
    let is_dropped =
        args.bounds(Bounds::default()).is_empty() && undo.iter().all(|(_, value)| value.is_none());
    if is_dropped && !context.has_store()? {
        // A store that is not there has no bounds, and is not made for that.
        let mut summary = Summary::of_removal(&scope, [None; 2]);
        summary.operation = "limit set";
        summary.print(context, args.summary.is_json())?;
        return Ok(Exit::Done);
    }
    let backend = context.writer()?;
    let undo: Vec<(&str, Option<&str>)> = undo
        .iter()
        .map(|(name, value)| (*name, value.as_deref()))
        .collect();
    let operation = this(Cause::Pruned, scope.to_string());
    let change = |before| args.bounds(before);
    backend.change_limit(&scope, &change, &undo, &operation, context.now())?;
    let limits = backend.limits()?;
    let of_scope = limits.iter().filter(|used| used.limit.scope == scope);
    let summary = Summary {
        operation: "limit set",
        scope: &scope,
        bounds: bounds_of(backend.as_ref(), &scope)?.unwrap_or_default(),
        used: of_scope.clone().next(),
        undo: undo_bounds(backend.as_ref())?,
    };
    summary.print(context, args.summary.is_json())?;
    for used in of_scope {
        if !used.limit.bounds.hold(used.used) {
            context.note(&format!(
                "{} takes {} in {} already: each write removes twice what it adds, until the \
                 limit holds",
                used.name(),
                human::size(used.used.bytes),
                entries(used.used.entries),
            ));
        }
    }
    Ok(Exit::Done)
}

fn remove(context: &Context, args: &LimitRemoveArgs) -> Result<Exit> {
    let scope = scope(context, &args.scope)?;
    let is_json = args.summary.is_json();
    if args.undo && scope.filter().is_narrowed() {
        return Err(usage(
            "--undo is for the whole file: leave out store, dataset, user, operator and prompt",
        ));
    }
    let absent = || {
        let message = if args.undo {
            "neither --undo-keep nor --undo-size is set".to_owned()
        } else {
            format!("there is no limit for {scope}")
        };
        context.absent(&message, Some("ecache limit ls lists the limits"));
        Ok(Exit::No)
    };
    if !context.has_store()? {
        return absent();
    }
    let backend = context.writer()?;
    if args.undo {
        if undo_bounds(backend.as_ref())? == [None; 2] {
            return absent();
        }
        change(
            context,
            backend.as_ref(),
            &scope,
            &[(UNDO_KEEP, None), (UNDO_SIZE, None)],
        )?;
        Summary::of_removal(&scope, undo_bounds(backend.as_ref())?).print(context, is_json)?;
        return Ok(Exit::Done);
    }
    if bounds_of(backend.as_ref(), &scope)?.is_none() {
        return absent();
    }
    change(
        context,
        backend.as_ref(),
        &scope,
        &[(&scope.setting(), None)],
    )?;
    // Drops the counters and the index with the last limit.
    backend.limits()?;
    Summary::of_removal(&scope, undo_bounds(backend.as_ref())?).print(context, is_json)?;
    Ok(Exit::Done)
}

/// The effect of a change of limits.
struct Summary<'a> {
    operation: &'static str,
    scope: &'a LimitScope,
    bounds: Bounds,
    /// Its use, unless it is for each of some names
    used: Option<&'a LimitUsage>,
    /// The time and size that removed entries are kept for
    undo: [Option<u64>; 2],
}

impl<'a> Summary<'a> {
    fn of_removal(scope: &'a LimitScope, undo: [Option<u64>; 2]) -> Self {
        Self {
            operation: "limit rm",
            scope,
            bounds: Bounds::default(),
            used: None,
            undo,
        }
    }

    /// Prints an object, or on a terminal a sentence.
    fn print(&self, context: &Context, is_json: bool) -> Result<()> {
        let bounds = &self.bounds;
        if !is_json {
            if context.terminal.stderr_is_terminal {
                context.note(&self.sentence());
            }
            return Ok(());
        }
        let count = |count: Option<u64>| count.map_or(Cell::Null, Cell::Count);
        let used = self.used.map(|used| used.used);
        let [undo_keep, undo_size] = self.undo;
        let fields = [
            ("operation", Cell::from(self.operation)),
            ("dry_run", Cell::Bool(false)),
            ("scope", Cell::from(self.scope.to_string())),
            ("max_bytes", count(bounds.max_bytes)),
            ("used_bytes", count(used.map(|used| used.bytes))),
            ("max_entries", count(bounds.max_entries)),
            ("entries", count(used.map(|used| used.entries))),
            ("default_ttl_ms", count(bounds.default_ttl_ms)),
            ("min_cost_ms", count(bounds.min_cost_ms)),
            ("min_free_percent", count(bounds.min_free_percent)),
            ("undo_keep_ms", count(undo_keep)),
            ("undo_bytes", count(undo_size)),
        ];
        let fields = fields.into_iter();
        let fields = fields.map(|(name, cell)| (Column::text(name), cell));
        Ok(context.record(Format::Jsonl, fields.collect())?)
    }

    /// Says what holds now, as in `limit for everything: 2.0 GiB, 9.4 KiB used`.
    fn sentence(&self) -> String {
        let scope = match &*words(&self.scope.to_string(), false) {
            "all" => "everything".to_owned(),
            scope => scope.to_owned(),
        };
        let bounds = &self.bounds;
        let duration = |prefix, millis| format!("{prefix} {}", human::duration(millis));
        let [undo_keep, undo_size] = self.undo;
        let parts = [
            bounds.max_bytes.map(human::size),
            bounds.max_entries.map(entries),
            bounds
                .min_free_percent
                .map(|share| format!("{share}% of the disk free")),
            bounds.default_ttl_ms.map(|millis| duration("ttl", millis)),
            bounds
                .min_cost_ms
                .map(|millis| duration("costs of at least", millis)),
            self.used.map(|used| {
                let bytes = human::size(used.used.bytes);
                match bounds.max_entries {
                    Some(_) => format!("{} ({bytes}) used", entries(used.used.entries)),
                    None => format!("{bytes} used"),
                }
            }),
        ];
        let mut sentence = if bounds.is_empty() {
            format!("no limit for {scope}")
        } else {
            let parts = Vec::from_iter(parts.into_iter().flatten()).join(", ");
            format!("limit for {scope}: {parts}")
        };
        let undo = [
            undo_keep.map(|keep| format!("for {}", human::duration(keep))),
            undo_size.map(|size| format!("at most {}", human::size(size))),
        ];
        let undo = Vec::from_iter(undo.into_iter().flatten()).join(", ");
        if !undo.is_empty() {
            if bounds.is_empty() && self.operation == "limit set" {
                sentence.clear();
            } else {
                sentence.push_str("; ");
            }
            sentence.push_str(&format!("removed entries are kept for undo {undo}"));
        }
        sentence
    }
}

/// Returns the time in milliseconds and the size that are set for undo.
fn undo_bounds(backend: &dyn Backend) -> Result<[Option<u64>; 2]> {
    let settings = backend.settings()?;
    let number = |name: &str| settings.get(name).and_then(|value| value.parse().ok());
    Ok([UNDO_KEEP, UNDO_SIZE].map(number))
}

fn list(context: &Context, args: &LimitListArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let mut limits = backend.limits()?;
    // Those for each of some names are counted for each of these alone.
    for (name, value) in backend.settings()? {
        let limit = Limit::read(&name, &value);
        let limit = limit.filter(|limit| limit.scope.is_each());
        limits.extend(limit.map(LimitUsage::unused));
    }
    // The one for everything first.
    limits.sort_by_key(|used| (used.limit.scope.filter().is_narrowed(), used.name()));
    let [keep, size] = undo_bounds(backend.as_ref())?;
    let has_undo = keep.is_some() || size.is_some();
    let kept = if has_undo {
        backend.kept_for_undo()?.usage
    } else {
        Usage::default()
    };
    let format = context.format(args.format.chosen());
    if format == Format::Table {
        table(context, args, &limits)?;
        if has_undo {
            let amount = format!("{} ({})", entries(kept.entries), human::size(kept.bytes));
            let bounds = [
                size.map(|size| format!("at most {}", human::size(size))),
                keep.map(|keep| format!("for {}", human::duration(keep))),
            ];
            let bounds = Vec::from_iter(bounds.into_iter().flatten()).join(", ");
            context.footer(&format!("kept for undo: {amount}, {bounds}"));
        }
    } else {
        let mut rows = context.rows(format, &COLUMNS)?;
        for used in &limits {
            rows.row(&cells(used))?;
        }
        if has_undo {
            rows.row(&[
                Cell::from("undo"),
                size.map_or(Cell::Null, Cell::Size),
                Cell::Size(kept.bytes),
                Cell::Null,
                Cell::Count(kept.entries),
                Cell::Null,
                Cell::Null,
                keep.map_or(Cell::Null, Cell::Duration),
                Cell::Null,
                Cell::Null,
                Cell::Null,
            ])?;
        }
        rows.finish()?;
    }
    if limits.is_empty() && !has_undo && context.terminal.stdout_is_terminal {
        context.note("no limits");
    }
    Ok(Exit::Done)
}

/// One of the bounds.
type BoundOf = fn(&Bounds) -> Option<u64>;

/// Prints a table for people.
fn table(context: &Context, args: &LimitListArgs, limits: &[LimitUsage]) -> Result<()> {
    let is_any = |bound: BoundOf| {
        limits
            .iter()
            .any(|used| bound(&used.limit.bounds).is_some())
    };
    let has_share = is_any(|bounds| bounds.max_bytes) || is_any(|bounds| bounds.max_entries);
    let mut columns = vec![
        Column::text("scope").ranked(0),
        Column::number("max_bytes").titled("LIMIT").ranked(1),
        Column::number("used_bytes").titled("USED").ranked(2),
    ];
    if has_share {
        columns.push(Column::whole("bar").titled(" ").optional());
        columns.push(Column::number("share").ranked(4));
    }
    columns.extend([
        Column::number("entries").ranked(3),
        Column::number("evictions").titled("EVICTED").ranked(9),
        Column::number("lost_ms").titled("LOST").ranked(10),
    ]);
    // A bound that any limit has is shown.
    let bounds: [(&str, &str, BoundOf); 3] = [
        ("default_ttl_ms", "TTL", |bounds| bounds.default_ttl_ms),
        ("min_cost_ms", "COST", |bounds| bounds.min_cost_ms),
        ("min_free_percent", "FREE", |bounds| bounds.min_free_percent),
    ];
    let bounds = bounds.into_iter().filter(|(_, _, bound)| is_any(*bound));
    let bounds = Vec::from_iter(bounds);
    for (rank, (name, title, _)) in (5..).zip(&bounds) {
        columns.push(Column::number(name).titled(title).ranked(rank));
    }
    let mut rows = if args.wide {
        context.wide_rows(Format::Table, &columns)?
    } else {
        context.rows(Format::Table, &columns)?
    };
    for row in limits {
        let (of, used) = (&row.limit.bounds, row.used);
        let counted = |cell| if row.is_for_each() { Cell::Null } else { cell };
        let mut cells = vec![
            Cell::from(words(&row.name(), !args.wide)),
            of.max_bytes.map_or(Cell::Null, Cell::Size),
            counted(Cell::Size(used.bytes)),
        ];
        if has_share {
            let fullest = fullest(of, used).filter(|_| !row.is_for_each());
            cells.push(fullest.map_or(Cell::from(""), |(part, whole)| {
                Cell::from(chart::bar(
                    part.into(),
                    whole.into(),
                    context.terminal.is_unicode,
                ))
            }));
            cells.push(fullest.map_or(Cell::Null, |(part, whole)| {
                Cell::from(human::share(part.into(), whole.into()))
            }));
        }
        cells.extend([
            match of.max_entries {
                Some(most) if row.is_for_each() => Cell::Count(most),
                Some(most) => {
                    let entries = human::count(used.entries);
                    Cell::from(format!("{entries} of {}", human::count(most)))
                }
                None => counted(Cell::Count(used.entries)),
            },
            counted(Cell::Count(row.evictions)),
            counted(Cell::Duration(row.lost_ms)),
        ]);
        for (name, _, bound) in &bounds {
            cells.push(match bound(of) {
                None => Cell::Null,
                Some(percent) if *name == "min_free_percent" => Cell::from(format!("{percent}%")),
                Some(millis) => Cell::Duration(millis),
            });
        }
        rows.row(&cells)?;
    }
    rows.finish()?;
    if !limits.is_empty() {
        let count = human::counted(limits.len() as u64, "limit", "limits");
        context.footer(&format!(
            "{count}; USED has the overhead of entries, and those kept for undo"
        ));
    }
    Ok(())
}

/// Returns the use and the bound of which most is used.
fn fullest(bounds: &Bounds, used: Usage) -> Option<(u64, u64)> {
    let [bytes, entries] = [
        (used.bytes, bounds.max_bytes),
        (used.entries, bounds.max_entries),
    ]
    .map(|(part, whole)| Some((part, whole?)));
    let share = |(part, whole): &(u64, u64)| *part as f64 / *whole as f64;
    let both = [bytes, entries].into_iter().flatten();
    both.max_by(|one, other| share(one).total_cmp(&share(other)))
}

/// Spells a scope for people: `store=thumbs` is `store thumbs`, and `user~* each` is `each user`.
fn words(name: &str, with_short_ids: bool) -> String {
    let mut words = Vec::new();
    let is_each = name.ends_with(" each");
    for word in name.trim_end_matches(" each").split(' ') {
        let dimension_and_name = word.split_once('=').or(word.split_once('~'));
        words.push(match (word, dimension_and_name) {
            ("everything", _) => "all".to_owned(),
            ("no-dataset", _) => "no dataset".to_owned(),
            (word, None) => word.to_owned(),
            (_, Some((dimension, "*"))) if is_each => dimension.to_owned(),
            (_, Some((dimension, name))) => match short_id(name).filter(|_| with_short_ids) {
                Some(id) => format!("{dimension} {id}"),
                None => format!("{dimension} {name}"),
            },
        });
    }
    let words = words.join(" ");
    if is_each {
        format!("each {words}")
    } else {
        words
    }
}

/// Returns the settings of undo that were typed.
fn undo_settings(args: &LimitSetArgs) -> Vec<(&'static str, Option<String>)> {
    [UNDO_KEEP, UNDO_SIZE]
        .into_iter()
        .zip(args.undo())
        .filter_map(|(name, typed)| {
            let Bound(value) = typed?;
            Some((name, value.map(|value| value.to_string())))
        })
        .collect()
}

fn cells(row: &LimitUsage) -> [Cell<'_>; 11] {
    let LimitUsage { limit, used, .. } = row;
    let counted = |cell| if row.is_for_each() { Cell::Null } else { cell };
    let each = limit.scope.to_string();
    let each = each.strip_suffix(" each").map(str::to_owned);
    let duration = |millis: Option<u64>| millis.map_or(Cell::Null, Cell::Duration);
    let bounds = &limit.bounds;
    [
        Cell::from(row.name()),
        limit.bounds.max_bytes.map_or(Cell::Null, Cell::Size),
        counted(Cell::Size(used.bytes)),
        limit.bounds.max_entries.map_or(Cell::Null, Cell::Count),
        counted(Cell::Count(used.entries)),
        counted(Cell::Count(row.evictions)),
        counted(Cell::Duration(row.lost_ms)),
        duration(bounds.default_ttl_ms),
        duration(bounds.min_cost_ms),
        bounds.min_free_percent.map_or(Cell::Null, Cell::Count),
        each.map_or(Cell::Null, Cell::from),
    ]
}

/// Returns the scope that was typed.
fn scope(context: &Context, args: &LimitScopeArgs) -> Result<LimitScope> {
    let typed = args.filter();
    let filter = filter(context, &typed, Unless::AnyPolicy, context.now())?;
    if filter.stores.contains(&Pattern::exact("")) {
        return Err(usage_tip(
            "STORE is empty",
            "an unset variable is empty, too; without a store the limit is for all of them",
        ));
    }
    let scope = LimitScope::new(&filter, args.each);
    if args.each && !(typed.glob && filter.is_narrowed()) {
        return Err(usage(
            "--each needs patterns of names: as in --user '*' --glob --each, one limit for each user",
        ));
    }
    Ok(scope)
}

/// Refuses a database, whose other writers would not obey.
fn check_kept(context: &Context) -> Result<()> {
    if location::is_url(context.location()?.0.as_os_str()) {
        Err(Error::NoLimits.into())
    } else {
        Ok(())
    }
}

fn bounds_of(backend: &dyn Backend, scope: &LimitScope) -> Result<Option<Bounds>> {
    let name = scope.setting();
    let settings = backend.settings()?;
    let limit = settings
        .get(&name)
        .and_then(|value| Limit::read(&name, value));
    Ok(limit.map(|limit| limit.bounds))
}

fn change(
    context: &Context,
    backend: &dyn Backend,
    scope: &LimitScope,
    changes: &[(&str, Option<&str>)],
) -> Result<()> {
    let operation = this(Cause::Pruned, scope.to_string());
    backend.change_settings(changes, &operation, context.now())?;
    Ok(())
}
