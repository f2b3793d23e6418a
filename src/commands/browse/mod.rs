//! `ecache browse`: the interactive browser, on the store of this command.

mod store;

use std::ffi::OsString;
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use ecache_core::backend::{Cause, OperationRecord, Sort};
use ecache_core::entry::Policy;
use ecache_core::filter::Filter;
use ecache_core::location::{self, Access};
use ecache_core::scope::{Address, DEFAULT_COLLECTION};

use self::store::Store;
use super::shared::changes::operation;
use super::shared::command::background::own_program;
use super::shared::filter::{DefaultSelection, filter};
use super::shared::view::fields::Field;
use super::shared::view::listing::{Entries, Listing, Shown, measured, scopes};
use super::shared::view::{call_text, distributions};
use crate::browse::{self, Copied, Desk, Display, Figures, Model, Page, Row, Texts};
use crate::cli::{BrowseArgs, FilterWords};
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage_tip};
use crate::inherited;
use crate::output::cut::{self, Cut};
use crate::output::escape::{for_line, shell};
use crate::output::own_command;
use crate::output::short_ids::short_id;
use crate::output::{Cell, Column, Format, Secrets, Terminal, Writer, human, stdin};
use crate::variables;

/// Maximum number of stores among the figures.
const STORES: usize = 8;

pub(crate) fn run(context: &Context, args: BrowseArgs) -> Result<Exit> {
    if !(stdin().is_terminal() && context.terminal.stdout_is_terminal) || context.terminal.dumb {
        return Err(usage_tip(
            "browse needs a terminal",
            format!("{} lists in a pipe or a script", own_command("ls")),
        ));
    }
    let now = context.now();
    let meant = filter(context, &args.filter, DefaultSelection::AnyPolicy, now)?;
    context.fold_usage();
    let backend = context.reader()?;
    let datasets = context.datasets()?;
    let secrets = Secrets::from(args.reveal);
    let (path, _) = context.location()?;
    let store = Store {
        backend: Arc::clone(&backend),
        writer: Mutex::new(None),
        path: path.clone().into_os_string(),
        access: context.access,
        clock: context.shared_clock(),
        whole: Filter {
            collections: meant.collections.clone(),
            ..Filter::default()
        },
        operation: operation::this(Cause::Removed, String::new()),
        secrets,
    };
    let words = args.filter.words(shell);
    let shown = location::shown(path.as_os_str());
    let model = Model::new(shown, words.trim(), meant, backend.keeps_for_undo());
    let setting = |key| context.setting_of_terminal(key);
    let sort = setting("browse.sort").and_then(|word| Sort::from_str(&word, false).ok());
    let is_live = setting("browse.live").is_some_and(|word| word == "true");
    let model = model.beginning_with(sort, is_live);
    let desk = Table {
        context,
        datasets,
        secrets,
    };
    let display = Display {
        color: context.terminal.color,
        is_unicode: context.terminal.is_unicode,
    };
    browse::run(model, &desk, Arc::new(store), display)
}

/// Formats entries, and reads filters.
struct Table<'a> {
    context: &'a Context,
    datasets: Datasets,
    secrets: Secrets,
}

impl Table<'_> {
    fn terminal(&self, width: usize) -> Terminal {
        Terminal {
            width: Some(width),
            color: false,
            wide: false,
            now: self.context.now().as_millis(),
            ..Terminal::clone(&self.context.terminal)
        }
    }

    /// Formats rows as a header and a line for each of them.
    fn lines<'c, R: AsRef<[Cell<'c>]>>(
        &self,
        columns: &[Column],
        rows: impl Iterator<Item = R>,
        width: usize,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let terminal = self.terminal(width);
        let table = Writer::new(Format::Table, columns, &mut lines, &terminal);
        let written = table.and_then(|mut table| {
            for row in rows {
                table.row(row.as_ref())?;
            }
            table.finish()
        });
        // Memory takes all that is written.
        if written.is_err() {
            return Vec::new();
        }
        let lines = String::from_utf8_lossy(&lines);
        lines.lines().map(str::to_owned).collect()
    }

    /// Returns `ecache` with these words, on this store. Its location may have a password, which a
    /// command line would show to others.
    fn ecache(&self, words: &[&str]) -> Result<Command> {
        let (path, _) = self.context.location()?;
        let mut command = own_program().context("cannot find this program")?;
        command.env(variables::STORE, path);
        if self.context.settings().path().is_none() {
            command.arg("--no-config");
        }
        if self.context.access == Access::WriteDurably {
            command.arg("--durable");
        }
        command.args(words);
        inherited::prepare(&mut command);
        Ok(command)
    }
}

impl Texts for Table<'_> {
    fn table(&self, page: &Page<'_>, width: usize) -> Vec<String> {
        let mut shown = Vec::new();
        if page.with_stores {
            shown.push(Shown::Field(Field::StoreName));
        }
        shown.push(Shown::Field(Field::Key));
        if width >= 80 {
            let scopes = scopes(&self.datasets).into_iter();
            shown.extend(scopes.filter(|scope| match scope {
                Shown::Field(field) => page.window.iter().any(|row| is_in(row, *field)),
                _ => true,
            }));
            shown.push(Shown::Age);
        }
        shown.extend([
            Shown::Field(Field::Size),
            Shown::Field(Field::ExpiresAt),
            Shown::Call,
        ]);
        let mut kept = measured(&Filter::default(), Some(page.sort));
        // Keys of several stores may be the same.
        kept.extend(page.with_stores.then_some(Shown::Field(Field::StoreName)));
        let now = self.context.now();
        let kind = Entries::of(page.rows.iter().map(|row| &row.entry));
        let listing = Listing::new(shown, kind, &self.datasets, self.secrets, now);
        // Columns must not come and go while the list is scrolled.
        let listing = listing.asking().keeping(&kept);
        let cells = page
            .rows
            .iter()
            .map(|row| listing.cells(&row.entry, row.start.as_ref()));
        self.lines(listing.columns(), cells, width)
    }

    fn operations(&self, operations: &[&OperationRecord], width: usize) -> Vec<String> {
        let now = self.context.now();
        let cells = operations.iter().map(|one| operation::cells(one, now));
        self.lines(&operation::COLUMNS, cells, width)
    }

    fn figures(&self, figures: &Figures, width: usize) -> Vec<String> {
        let mut stores: Vec<_> = figures.stores.iter().collect();
        stores.sort_by_key(|store| std::cmp::Reverse(store.usage.bytes));
        let columns = [
            Column::text("store_name"),
            Column::number("entries"),
            Column::number("size"),
            Column::number("hits"),
            Column::number("saved_ms"),
        ];
        let cells = stores.iter().take(STORES).map(|store| {
            let name = store.name.as_deref().unwrap_or_default();
            [
                Cell::from(name.to_owned()),
                Cell::Count(store.usage.entries),
                Cell::Size(store.usage.bytes),
                Cell::Count(store.hits),
                Cell::Duration(store.saved_ms),
            ]
        });
        let mut lines = self.lines(&columns, cells, width);
        if stores.len() > STORES {
            lines.push(format!(
                "{} more stores",
                human::count((stores.len() - STORES) as u64)
            ));
        }
        lines.push(String::new());
        lines.extend(distributions::lines(&figures.spread, &self.terminal(width)));
        lines
    }

    fn summary(&self, row: &Row, width: usize) -> [String; 2] {
        let entry = &row.entry;
        let now = self.context.now().as_millis();
        let call = call_text::text(entry, row.start.as_ref(), self.secrets);
        let call = call.unwrap_or_else(|| entry.address.key.as_str().to_owned());
        let mut call = [for_line(&call).into_owned()];
        cut::column(&mut call, width, Cut::Middle);
        let [call] = call;
        let mut facts = Vec::new();
        if let Some(cost) = entry.cost_ms {
            facts.push(format!("took {}", human::duration(cost)));
        }
        if entry.hits > 0 {
            facts.push(human::counted(entry.hits, "hit", "hits"));
        }
        if entry.saved_ms > 0 {
            facts.push(format!("saved {}", human::duration(entry.saved_ms)));
        }
        facts.push(human::size(entry.size));
        let written_at = entry.written_at().as_millis();
        facts.push(match now.checked_sub(written_at) {
            Some(age @ 0..) => human::old(age.unsigned_abs()),
            // By a clock that was ahead.
            _ => format!("written {}", human::relative(written_at, now)),
        });
        facts.push(match (entry.expires_at, entry.policy) {
            (Some(at), _) if at.as_millis() <= now => {
                format!("expired {}", human::relative(at.as_millis(), now))
            }
            (Some(at), _) => format!("expires {}", human::relative(at.as_millis(), now)),
            (None, Policy::Persist) => "persist".to_owned(),
            (None, Policy::Evict) => "never expires".to_owned(),
        });
        let scopes = &entry.scopes;
        let dataset = entry.address.store.dataset_id.as_deref();
        for (name, scope) in [
            ("dataset", self.datasets.name(dataset).or(dataset)),
            ("user", scopes.user_id.as_deref()),
            ("by", scopes.operator_uri.as_deref()),
        ] {
            if let Some(scope) = scope {
                let scope = self.secrets.text(scope);
                let scope = for_line(&scope).into_owned();
                let scope = short_id(&scope).unwrap_or(scope);
                facts.push(format!("{name} {scope}"));
            }
        }
        [call, cut::shorten(&facts.join("   "), width, Cut::End)]
    }

    fn dataset(&self, id: &str) -> Option<&str> {
        self.datasets.name(Some(id))
    }

    fn is_expired(&self, row: &Row) -> bool {
        row.entry.is_expired(self.context.now())
    }
}

/// Reports whether a row has a scope. All may have the name of a dataset.
fn is_in(row: &Row, scope: Field) -> bool {
    let scopes = &row.entry.scopes;
    match scope {
        Field::DatasetId | Field::DatasetName => row.address().store.dataset_id.is_some(),
        Field::UserId => scopes.user_id.is_some(),
        Field::OperatorUri => scopes.operator_uri.is_some(),
        Field::PromptId => scopes.prompt_id.is_some(),
        _ => true,
    }
}

/// Returns the options that say in which collection and of which dataset an entry is.
fn place_of(address: &Address) -> Vec<String> {
    let store = &address.store;
    let mut words = Vec::new();
    if *store.collection != *DEFAULT_COLLECTION {
        words.push(format!("--collection={}", store.collection));
    }
    words.extend(
        store
            .dataset_id
            .as_deref()
            .map(|id| format!("--dataset={id}")),
    );
    words
}

impl Desk for Table<'_> {
    fn copied(&self, row: &Row, what: Copied) -> Option<String> {
        match what {
            Copied::Key => Some(row.address().key.as_str().to_owned()),
            Copied::Command => call_text::call(&row.entry, self.secrets),
        }
    }

    fn edit(&self, address: &Address) -> Result<Command> {
        let mut command = self.ecache(&["edit", "--quiet"])?;
        let (store, key) = (&*address.store.store_name, address.key.as_str());
        command.args(place_of(address)).args(["--", store, key]);
        Ok(command)
    }

    fn rerun(&self, address: &Address) -> Result<Command> {
        let mut command = self.ecache(&["warm", "--refresh", "--policy=any"])?;
        let (store, key) = (&*address.store.store_name, address.key.as_str());
        command.args(place_of(address));
        command.args([format!("--store={store}"), format!("--key={key}")]);
        Ok(command)
    }

    fn filter(&self, words: &str) -> Result<Filter, String> {
        let words = browse::words(words)?;
        let words = words.into_iter().map(OsString::from);
        let args = FilterWords::read(words.collect())?;
        let now = self.context.now();
        let meant = filter(self.context, &args.filter, DefaultSelection::AnyPolicy, now);
        meant.map_err(|error| format!("{error:#}"))
    }
}
