//! `ecache info`: where the store is, how large it is, and which settings are in force.

use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Description, KeptForUndo};
use ecache_core::filter::{Filter, Freshness};
use ecache_core::location;
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::Timestamp;
use serde_json::json;

use super::shared::changes::operation::until;
use crate::cli::InfoArgs;
use crate::context::{Collections, Context, InForce};
use crate::error::Exit;
use crate::output::{Cell, Column, Format, human};

/// Facts about a store that can be read.
struct Store {
    described: Description,
    expired: u64,
    kept: KeptForUndo,
    /// Calls are counted; `None` for a store that is not there yet
    counts: Option<bool>,
    is_there: bool,
}

/// A store that cannot be read is said to be so after all else: where it is looked for, and why.
pub(crate) fn run(context: &Context, args: InfoArgs) -> Result<Exit> {
    let (settings, problem) = context.settings_in_force();
    let store = read(context);
    let format = context.format(args.format.chosen());
    if format == Format::Table {
        print_for_people(context, &settings, store.as_ref().ok())?;
    } else {
        print(context, format, &settings, store.as_ref())?;
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    store.map(|_| Exit::Done)
}

fn read(context: &Context) -> Result<Store> {
    let (path, _) = context.location()?;
    // It says itself where there is none.
    context.expect_misses();
    let backend: Arc<dyn Backend> = context.reader()?;
    let described = backend.describe()?;
    let expired = Filter {
        collections: Vec::new(),
        freshness: Some(Freshness::Expired),
        ..Filter::default()
    };
    // For a missing store, these facts would be those of the empty store in its place.
    let is_there = described.path.is_some() || location::is_url(path.as_os_str());
    Ok(Store {
        expired: backend.usage(&expired.into(), context.now())?.entries,
        kept: backend.kept_for_undo()?,
        counts: is_there.then(|| context.usage_log().is_ok_and(|log| log.is_writable())),
        described,
        is_there,
    })
}

/// Returns the value and the origin of a setting.
fn setting<'a>(settings: &'a [InForce], key: &str) -> (Option<&'a str>, &'static str) {
    let found = settings.iter().find(|setting| setting.key == key);
    found.map_or((None, "default"), |found| {
        (found.value.as_deref(), found.origin)
    })
}

fn print_for_people(context: &Context, settings: &[InForce], store: Option<&Store>) -> Result<()> {
    let columns = [
        Column::whole("fact").ranked(0),
        Column::text("value").ranked(1),
        Column::text("from").ranked(2).optional(),
    ];
    let mut rows = context.rows(Format::Table, &columns)?;
    let mut line = |fact: &str, value: &str, from: &str| {
        rows.row(&[
            fact.to_owned().into(),
            value.to_owned().into(),
            from.to_owned().into(),
        ])
    };
    let (path, from) = setting(settings, "db");
    line("store", path.unwrap_or("-"), from)?;
    if let Some(store) = store {
        let described = &store.described;
        if store.is_there {
            let schema = format!("schema {}", described.schema_version);
            line("engine", &format!("{}, {schema}", described.engine), "")?;
            let [file, log, free] =
                [described.file_size, described.wal_size, described.free_size].map(human::size);
            line("file", &format!("{file}, log {log}, {free} free"), "")?;
            let unnamed = &described.unnamed;
            for (name, usage) in [
                ("being written", unnamed.staged),
                ("of killed writers", unnamed.abandoned),
                ("replaced", unnamed.replaced),
            ] {
                if usage.bytes > 0 {
                    line(
                        "values",
                        &format!("{} {name}", human::size(usage.bytes)),
                        "",
                    )?;
                }
            }
            let stores = human::counted(described.stores, "store", "stores");
            let entries = human::count(described.entries);
            let expired = human::count(store.expired);
            line(
                "entries",
                &format!("{entries} in {stores}, {expired} expired"),
                "",
            )?;
            if store.counts != Some(true) {
                let why = "are not counted: nothing can be written here";
                line("calls", why, "")?;
            } else if context.verbose {
                line("calls", "are counted", "")?;
            }
        } else {
            line(
                "file",
                "is not there yet; a first run or import creates it",
                "",
            )?;
        }
        if let Some(kept) = kept(store.kept, context.now()) {
            line("undo", &kept, "")?;
        }
    }
    if let Some(path) = context.settings().path() {
        let missing = if path.exists() { "" } else { "(not there) " };
        let shown = location::shown(path.as_os_str());
        line("config", &format!("{missing}{shown}"), "")?;
    }
    line("version", env!("CARGO_PKG_VERSION"), "")?;
    let is_shown = |setting: &&InForce| {
        setting.key != "db" && (context.verbose || setting.origin != "default")
    };
    for setting in settings.iter().filter(is_shown) {
        line(
            &setting.key,
            setting.value.as_deref().unwrap_or("-"),
            setting.origin,
        )?;
    }
    Ok(rows.finish()?)
}

/// Describes the entries kept for undo, and the number of those that limits took.
fn kept(kept: KeptForUndo, now: Timestamp) -> Option<String> {
    let usage = kept.usage;
    let there = kept.until.map(|time| {
        let (entries, size) = (human::entries(usage.entries), human::size(usage.bytes));
        format!("{entries} ({size}), until {}", until(time, now))
    });
    let went = (kept.evicted > 0).then(|| human::count(kept.evicted));
    match (there, went) {
        (Some(there), Some(went)) => Some(format!("{there}; {went} evicted by a limit")),
        (None, Some(_)) => {
            let went = human::entries(kept.evicted);
            Some(format!("nothing is kept: {went} evicted by a limit"))
        }
        (there, None) => there,
    }
}

/// Prints one object to a program, or one line a fact.
fn print(
    context: &Context,
    format: Format,
    settings: &[InForce],
    store: Result<&Store, &anyhow::Error>,
) -> Result<()> {
    let collection = match &context.collections {
        Collections::Default => Some(DEFAULT_COLLECTION.to_owned()),
        Collections::Configured(name) => Some(name.clone()),
        Collections::Named(names) => Some(names.join(", ")),
        Collections::All => None,
    };
    let problem = store.err().map(|error| format!("{error:#}"));
    let store = store.ok();
    let there = store.filter(|store| store.is_there);
    let described = store.map(|store| &store.described);
    let size = |of: fn(&Description) -> u64| {
        described.map_or(Cell::Null, |described| Cell::Size(of(described)))
    };
    let count = |of: fn(&Store) -> u64| store.map_or(Cell::Null, |store| Cell::Count(of(store)));
    let version = |of: fn(&Description) -> i64| {
        there.map_or(Cell::Null, |store| Cell::Integer(of(&store.described)))
    };
    let in_force: serde_json::Map<String, serde_json::Value> = settings
        .iter()
        .map(|setting| {
            let value = json!({"value": setting.value, "from": setting.origin});
            (setting.key.clone(), value)
        })
        .collect();
    let in_force = serde_json::Value::Object(in_force).to_string();
    let (path, path_from) = setting(settings, "db");
    let facts: [(&'static str, Cell<'_>); 25] = [
        ("version", Cell::from(env!("CARGO_PKG_VERSION"))),
        (
            "engine",
            there.map(|store| store.described.engine.as_str()).into(),
        ),
        ("path", path.into()),
        ("path_from", path_from.into()),
        (
            "exists",
            store.map_or(Cell::Null, |store| Cell::Bool(store.is_there)),
        ),
        ("collection", collection.map_or(Cell::Null, Cell::from)),
        ("collection_from", setting(settings, "collection").1.into()),
        ("file_size", size(|store| store.file_size)),
        ("wal_size", size(|store| store.wal_size)),
        ("free_size", size(|store| store.free_size)),
        ("staged_size", size(|store| store.unnamed.staged.bytes)),
        (
            "abandoned_size",
            size(|store| store.unnamed.abandoned.bytes),
        ),
        ("replaced_size", size(|store| store.unnamed.replaced.bytes)),
        ("schema_version", version(|store| store.schema_version)),
        (
            "known_schema_version",
            version(|store| store.known_schema_version),
        ),
        ("stores", count(|store| store.described.stores)),
        ("entries", count(|store| store.described.entries)),
        ("expired", count(|store| store.expired)),
        (
            "counts_calls",
            store
                .and_then(|store| store.counts)
                .map_or(Cell::Null, Cell::Bool),
        ),
        ("undo_entries", count(|store| store.kept.usage.entries)),
        (
            "undo_size",
            store.map_or(Cell::Null, |store| Cell::Size(store.kept.usage.bytes)),
        ),
        (
            "undo_until",
            store
                .and_then(|store| store.kept.until)
                .map_or(Cell::Null, |until| Cell::Time(until.as_millis())),
        ),
        ("undo_evicted", count(|store| store.kept.evicted)),
        ("problem", problem.map_or(Cell::Null, Cell::from)),
        ("settings", Cell::Json(in_force.as_str().into())),
    ];
    if matches!(format, Format::Json | Format::Jsonl) {
        return Ok(context.object(facts)?);
    }
    let columns = ["fact", "value", "from"].map(Column::text);
    let mut rows = context.rows(format, &columns)?;
    for (name, cell) in facts {
        if name != "settings" {
            rows.row(&[Cell::from(name), cell, Cell::Null])?;
        }
    }
    // The others are among the facts.
    let others = |setting: &&InForce| !matches!(setting.key.as_str(), "db" | "collection");
    for setting in settings.iter().filter(others) {
        let value = setting.value.as_deref();
        rows.row(&[
            setting.key.as_str().into(),
            value.into(),
            setting.origin.into(),
        ])?;
    }
    Ok(rows.finish()?)
}
