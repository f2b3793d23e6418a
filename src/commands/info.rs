//! `ecache info`: where the store is, how large it is, and which settings are in force.

use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Description, KeptForUndo};
use ecache_core::filter::{Filter, Freshness};
use ecache_core::location;
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::Timestamp;
use serde_json::{Value, json};

use super::shared::changes::operation::until;
use crate::cli::InfoArgs;
use crate::context::{Collections, Context, InForce};
use crate::error::Exit;
use crate::output::{Cell, Column, Format, human};

/// Facts about a store that can be read.
struct StoreFacts {
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
    let facts = Facts {
        context,
        settings: &settings,
        store: store.as_ref().ok(),
        problem: store.as_ref().err(),
    };
    match format {
        Format::Table => facts.print_for_people()?,
        Format::Json | Format::Jsonl => context.object(facts.cells())?,
        format => facts.print_rows(format)?,
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    store.map(|_| Exit::Done)
}

fn read(context: &Context) -> Result<StoreFacts> {
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
    Ok(StoreFacts {
        expired: backend.usage(&expired.into(), context.now())?.entries,
        kept: backend.kept_for_undo()?,
        counts: is_there.then(|| context.usage_log().is_ok_and(|log| log.is_writable())),
        described,
        is_there,
    })
}

/// All that is printed.
struct Facts<'a> {
    context: &'a Context,
    settings: &'a [InForce],
    store: Option<&'a StoreFacts>,
    /// The reason why the store cannot be read
    problem: Option<&'a anyhow::Error>,
}

impl Facts<'_> {
    /// Returns the value and the origin of a setting.
    fn setting(&self, key: &str) -> (Option<&str>, &'static str) {
        let found = self.settings.iter().find(|setting| setting.key == key);
        found.map_or((None, "default"), |found| {
            (found.value.as_deref(), found.origin)
        })
    }

    fn print_for_people(&self) -> Result<()> {
        let columns = [
            Column::whole("fact").ranked(0),
            Column::text("value").ranked(1),
            Column::text("from").ranked(2).optional(),
        ];
        let mut rows = self.context.rows(Format::Table, &columns)?;
        for (fact, value, from) in self.lines() {
            rows.row(&[fact.into(), value.into(), from.into()])?;
        }
        Ok(rows.finish()?)
    }

    /// Returns facts, their values, and the origins of settings.
    fn lines(&self) -> Vec<(&str, String, &str)> {
        let (path, from) = self.setting("db");
        let mut lines = vec![("store", path.unwrap_or("-").to_owned(), from)];
        let store = self.store.map(|store| self.store_lines(store));
        let store = store.into_iter().flatten();
        lines.extend(store.map(|(fact, value)| (fact, value, "")));
        if let Some(path) = self.context.settings().path() {
            let missing = if path.exists() { "" } else { "(not there) " };
            let shown = location::shown(path.as_os_str());
            lines.push(("config", format!("{missing}{shown}"), ""));
        }
        lines.push(("version", env!("CARGO_PKG_VERSION").to_owned(), ""));
        let is_shown = |setting: &&InForce| {
            setting.key != "db" && (self.context.verbose || setting.origin != "default")
        };
        lines.extend(self.settings.iter().filter(is_shown).map(|setting| {
            let value = setting.value.as_deref().unwrap_or("-").to_owned();
            (&*setting.key, value, setting.origin)
        }));
        lines
    }

    fn store_lines(&self, store: &StoreFacts) -> Vec<(&'static str, String)> {
        let kept = kept(store.kept, self.context.now()).map(|kept| ("undo", kept));
        if !store.is_there {
            let missing = "is not there yet; a first run or import creates it".to_owned();
            return [("file", missing)].into_iter().chain(kept).collect();
        }
        let described = &store.described;
        let (engine, schema) = (&described.engine, described.schema_version);
        let [file, log, free] =
            [described.file_size, described.wal_size, described.free_size].map(human::size);
        let mut lines = vec![
            ("engine", format!("{engine}, schema {schema}")),
            ("file", format!("{file}, log {log}, {free} free")),
        ];
        let unnamed = &described.unnamed;
        for (name, usage) in [
            ("being written", unnamed.staged),
            ("of killed writers", unnamed.abandoned),
            ("replaced", unnamed.replaced),
        ] {
            if usage.bytes > 0 {
                lines.push(("values", format!("{} {name}", human::size(usage.bytes))));
            }
        }
        let stores = human::counted(described.stores, "store", "stores");
        let [entries, expired] = [described.entries, store.expired].map(human::count);
        lines.push((
            "entries",
            format!("{entries} in {stores}, {expired} expired"),
        ));
        if store.counts != Some(true) {
            let why = "are not counted: nothing can be written here";
            lines.push(("calls", why.to_owned()));
        } else if self.context.verbose {
            lines.push(("calls", "are counted".to_owned()));
        }
        lines.extend(kept);
        lines
    }

    /// Prints a line for each fact and setting.
    fn print_rows(&self, format: Format) -> Result<()> {
        let columns = ["fact", "value", "from"].map(Column::text);
        let mut rows = self.context.rows(format, &columns)?;
        for (name, cell) in self.cells() {
            if name != "settings" {
                rows.row(&[Cell::from(name), cell, Cell::Null])?;
            }
        }
        // The others are among the facts.
        let others = |setting: &&InForce| !matches!(setting.key.as_str(), "db" | "collection");
        for setting in self.settings.iter().filter(others) {
            let value = setting.value.as_deref();
            rows.row(&[
                setting.key.as_str().into(),
                value.into(),
                setting.origin.into(),
            ])?;
        }
        Ok(rows.finish()?)
    }

    /// Returns the facts for programs, by name.
    fn cells(&self) -> Vec<(&'static str, Cell<'_>)> {
        let (path, path_from) = self.setting("db");
        let there = self.store.filter(|store| store.is_there);
        let engine = there.map(|store| store.described.engine.as_str());
        let mut cells = vec![
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("engine", engine.into()),
            ("path", path.into()),
            ("path_from", path_from.into()),
            ("exists", self.of_store(|store| Cell::Bool(store.is_there))),
            ("collection", self.collection().into()),
            ("collection_from", self.setting("collection").1.into()),
        ];
        let size =
            |of: fn(&Description) -> u64| self.of_store(|store| Cell::Size(of(&store.described)));
        cells.extend([
            ("file_size", size(|store| store.file_size)),
            ("wal_size", size(|store| store.wal_size)),
            ("free_size", size(|store| store.free_size)),
            ("staged_size", size(|store| store.unnamed.staged.bytes)),
            (
                "abandoned_size",
                size(|store| store.unnamed.abandoned.bytes),
            ),
            ("replaced_size", size(|store| store.unnamed.replaced.bytes)),
        ]);
        let version = |of: fn(&Description) -> i64| {
            there
                .map(|store| Cell::Integer(of(&store.described)))
                .into()
        };
        let count = |of: fn(&StoreFacts) -> u64| self.of_store(|store| Cell::Count(of(store)));
        cells.extend([
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
                self.of_store(|store| store.counts.map(Cell::Bool).into()),
            ),
            ("undo_entries", count(|store| store.kept.usage.entries)),
            (
                "undo_size",
                self.of_store(|store| Cell::Size(store.kept.usage.bytes)),
            ),
            (
                "undo_until",
                self.of_store(|store| {
                    store
                        .kept
                        .until
                        .map(|until| Cell::Time(until.as_millis()))
                        .into()
                }),
            ),
            ("undo_evicted", count(|store| store.kept.evicted)),
        ]);
        let problem = self.problem.map(|error| format!("{error:#}"));
        cells.extend([
            ("problem", problem.into()),
            ("settings", self.settings_in_force()),
        ]);
        cells
    }

    /// Returns a fact about the store, if that can be read.
    fn of_store<'c>(&self, fact: impl Fn(&StoreFacts) -> Cell<'c>) -> Cell<'c> {
        self.store.map(fact).into()
    }

    fn collection(&self) -> Option<String> {
        match &self.context.collections {
            Collections::Default => Some(DEFAULT_COLLECTION.to_owned()),
            Collections::Configured(name) => Some(name.clone()),
            Collections::Named(names) => Some(names.join(", ")),
            Collections::All => None,
        }
    }

    fn settings_in_force(&self) -> Cell<'static> {
        let settings = self.settings.iter().map(|setting| {
            let value = json!({"value": setting.value, "from": setting.origin});
            (setting.key.clone(), value)
        });
        Cell::Json(Value::Object(settings.collect()).to_string().into())
    }
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
