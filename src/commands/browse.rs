//! `ecache browse`: the interactive browser, on the store of this command.

use std::ffi::OsString;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use clap::Parser as _;
use ecache_core::backend::{
    Backend, Cause, Content, ContentReader, Dimension, Lookup, Operation, Removal, Row as Scanned,
    Scan, Touch, Values, no_progress, read_value,
};
use ecache_core::command::replay;
use ecache_core::entry::{Entry, Policy};
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Freshness, Jobs, Pattern, Selection, Usage};
use ecache_core::location::{self, Access};
use ecache_core::scope::Address;
use ecache_core::time::{Clock, Timestamp};
use ecache_core::value::{Kind, Value};

use super::shared::deletion::{amount, entries};
use super::shared::fields::Field;
use super::shared::filter::{Unless, filter};
use super::shared::listing::{Entries, Listing, Shown, scopes};
use super::shared::{call_text, entry_view, filter_words, operation};
use crate::browse::{self, Counts, Desk, Look, Model, Place, Row, Source, Texts, Whole};
use crate::cli::{BrowseArgs, FilterWords};
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage_tip};
use crate::output::cut::{self, Cut};
use crate::output::escape::{for_line, for_terminal, shell};
use crate::output::{Column, Format, Secrets, Terminal, Writer, human, stdin};
use crate::variables::variable;

/// Maximum number of bytes of a value that are read for the screen.
const SHOWN: u64 = 256 * 1024;

pub(crate) fn run(context: &Context, args: BrowseArgs) -> Result<Exit> {
    if !(stdin().is_terminal() && context.terminal.stdout_is_terminal) || context.terminal.dumb {
        return Err(usage_tip(
            "browse needs a terminal",
            "ecache ls lists in a pipe or a script",
        ));
    }
    let now = context.now();
    let meant = filter(context, &args.filter, Unless::AnyPolicy, now)?;
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
    let model = Model::new(shown, words.trim(), meant, backend.keeps_operations());
    let desk = Table {
        context,
        datasets,
        secrets,
    };
    let look = Look {
        color: context.terminal.color,
        is_unicode: is_unicode(),
    };
    browse::run(model, &desk, Arc::new(store), look)
}

/// Reports whether the terminal shows more than ASCII, by the locale.
fn is_unicode() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    named.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Returns the beginning of a value on one line: of a command what it printed.
fn preview(value: &Value) -> String {
    const LONGEST: usize = 1024;
    let mut printed = Vec::new();
    let bytes = if value.kind == Kind::Command {
        // What was cut off was printed as far as it is there.
        let _ = replay(&value.bytes[..], &mut printed, &mut std::io::sink());
        &printed
    } else {
        &value.bytes
    };
    let start = &bytes[..bytes.len().min(LONGEST)];
    if value.kind == Kind::Bytes && str::from_utf8(&value.bytes).is_err() {
        return call_text::kind_of_bytes(start).to_owned();
    }
    let text = String::from_utf8_lossy(start);
    let words: Vec<&str> = text.split_whitespace().collect();
    for_line(&words.join(" ")).into_owned()
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
}

impl Texts for Table<'_> {
    fn table(&self, rows: &[&Row], with_stores: bool, width: usize) -> Vec<String> {
        let mut shown = vec![Shown::Field(Field::Key)];
        if with_stores {
            shown.insert(0, Shown::Field(Field::StoreName));
        }
        if width >= 80 {
            shown.extend(scopes(&self.datasets));
            shown.push(Shown::Age);
        }
        shown.extend([
            Shown::Field(Field::Size),
            Shown::Field(Field::ExpiresAt),
            Shown::Call,
        ]);
        let now = self.context.now();
        let kind = Entries::of(rows.iter().map(|row| &row.entry));
        let listing = Listing::new(shown, kind, &self.datasets, self.secrets, now);
        // Columns must not come and go while the list is scrolled.
        let columns: Vec<Column> = listing.columns().iter().map(|one| one.asked()).collect();
        let mut lines = Vec::new();
        let terminal = self.terminal(width);
        let table = Writer::new(Format::Table, &columns, &mut lines, &terminal);
        let written = table.and_then(|mut table| {
            for row in rows {
                table.row(&listing.cells(&row.entry, row.start.as_ref()))?;
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
            let noun = if entry.hits == 1 { "hit" } else { "hits" };
            facts.push(format!("{} {noun}", human::count(entry.hits)));
        }
        if entry.saved_ms > 0 {
            facts.push(format!("saved {}", human::duration(entry.saved_ms)));
        }
        facts.push(human::size(entry.size));
        facts.push(format!(
            "{} old",
            human::age(now.abs_diff(entry.written_at().as_millis()))
        ));
        facts.push(match (entry.expires_at, entry.policy) {
            (Some(at), _) if at.as_millis() <= now => {
                format!("expired {}", human::relative(at.as_millis(), now))
            }
            (Some(at), _) => format!("expires {}", human::relative(at.as_millis(), now)),
            (None, Policy::Persist) => "persist".to_owned(),
            (None, Policy::Evict) => "never expires".to_owned(),
        });
        let scopes = &entry.scopes;
        for (name, scope) in [
            ("dataset", entry.address.store.dataset_id.as_deref()),
            ("user", scopes.user_id.as_deref()),
            ("by", scopes.operator_uri.as_deref()),
        ] {
            if let Some(scope) = scope {
                let scope = self.secrets.text(scope);
                let scope = for_line(&scope).into_owned();
                let scope = cut::short_id(&scope).unwrap_or(scope);
                facts.push(format!("{name} {scope}"));
            }
        }
        [call, cut::shorten(&facts.join("   "), width, Cut::End)]
    }

    fn is_expired(&self, row: &Row) -> bool {
        row.entry.is_expired(self.context.now())
    }
}

impl Desk for Table<'_> {
    fn filter(&self, words: &str) -> Result<Filter, String> {
        let words = browse::words(words)?;
        let words = words.into_iter().map(OsString::from);
        let args = FilterWords::try_parse_from(words).map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            line.trim_start_matches("error: ").to_owned()
        })?;
        let now = self.context.now();
        let meant = filter(self.context, &args.filter, Unless::AnyPolicy, now);
        meant.map_err(|error| format!("{error:#}"))
    }
}

/// Reads and changes the store, on any thread.
struct Store {
    backend: Arc<dyn Backend>,
    /// Opened for the first change
    writer: Mutex<Option<Arc<dyn Backend>>>,
    path: OsString,
    access: Access,
    clock: Arc<dyn Clock>,
    /// All entries of the collections
    whole: Filter,
    operation: Operation,
    secrets: Secrets,
}

impl Store {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn writer(&self) -> Result<Arc<dyn Backend>> {
        if location::is_url(&self.path) {
            return Ok(Arc::clone(&self.backend));
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            *writer = Some(location::open(&self.path, self.access)?);
        }
        Ok(Arc::clone(writer.as_ref().expect("it was opened above")))
    }

    /// Reads an entry, and its value as far as it is shown.
    fn entry(&self, address: &Address) -> Result<Option<(Entry, Option<Value>, bool)>> {
        let filter = Filter {
            keys: vec![Pattern::exact(address.key.as_str())],
            ..Filter::store(&address.store)
        };
        let scan = Scan::new(filter);
        let read = |values| -> Result<Option<Scanned>> {
            let scan = Scan {
                values,
                ..scan.clone()
            };
            Ok(self.backend.scan(&scan, self.now())?.next().transpose()?)
        };
        let entry = match read(Values::Omit)? {
            Some(Scanned::Entry(entry, _)) => *entry,
            Some(Scanned::Foreign(found)) => found.entry,
            Some(Scanned::Damaged(address)) => {
                let address = Box::new(address);
                return Err(Error::DamagedEntry { address }.into());
            }
            None => return Ok(None),
        };
        if entry.size > SHOWN {
            let content = match self.backend.lookup_unread(address, self.now())? {
                Lookup::Hit(_, content) => content,
                _ => return Ok(Some((entry, None, true))),
            };
            let mut bytes = Vec::new();
            let value = ContentReader::new(self.backend.as_ref(), content);
            value.take(SHOWN).read_to_end(&mut bytes)?;
            let kind = entry.kind;
            return Ok(Some((entry, Some(Value { kind, bytes }), true)));
        }
        let content: Option<Content> = match read(Values::Include)? {
            Some(Scanned::Entry(_, content)) => content,
            Some(Scanned::Foreign(found)) => found.content,
            _ => None,
        };
        let value = content.map(|content| read_value(self.backend.as_ref(), entry.kind, content));
        Ok(Some((entry, value.transpose()?, false)))
    }
}

impl Source for Store {
    fn rows(&self, scan: &Scan) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for row in self.backend.scan(scan, self.now())? {
            match row? {
                Scanned::Entry(entry, start) => rows.push(Row {
                    entry: *entry,
                    start,
                }),
                Scanned::Foreign(found) => rows.push(Row {
                    entry: found.entry,
                    start: found.content,
                }),
                // `doctor` names it.
                Scanned::Damaged(_) => {}
            }
        }
        Ok(rows)
    }

    fn count(&self, filter: &Filter, everywhere: &Filter) -> Result<Counts> {
        let now = self.now();
        let stores = self.backend.groups(everywhere, Dimension::Store, now)?;
        let datasets = self.backend.groups(everywhere, Dimension::Dataset, now)?;
        let mut sum = Usage::default();
        stores.iter().for_each(|store| sum += store.usage);
        let mut places = vec![(Place::All, sum)];
        let named = |name: Option<Arc<str>>| name.map(Place::Store);
        places.extend(
            stores
                .into_iter()
                .filter_map(|group| named(group.name).map(|place| (place, group.usage))),
        );
        let is_linked = datasets.iter().any(|dataset| dataset.name.is_some());
        if is_linked {
            let datasets = datasets.into_iter();
            places.extend(datasets.map(|group| (Place::Dataset(group.name), group.usage)));
        }
        let usage = |filter: &Filter| self.backend.usage(&filter.clone().into(), now);
        Ok(Counts {
            found: if filter == everywhere {
                sum
            } else {
                usage(filter)?
            },
            all: if *everywhere == self.whole {
                sum
            } else {
                usage(&self.whole)?
            },
            places,
        })
    }

    fn whole(&self, address: &Address) -> Result<Whole> {
        let Some((entry, value, is_cut)) = self.entry(address)? else {
            return Ok(Whole::default());
        };
        let facts = entry_view::facts(&entry, self.secrets, self.now());
        let mut text = match &value {
            Some(value) if is_cut => for_terminal(&value.bytes).into_owned(),
            Some(value) => entry_view::value(value, 78, false),
            None => String::new(),
        };
        if is_cut {
            let (store, key) = (&entry.address.store.store_name, entry.address.key.as_str());
            let shown = value.as_ref().map_or(0, |value| value.bytes.len() as u64);
            text.push_str(&format!(
                "\n{} more: ecache get {} {}",
                human::size(entry.size - shown),
                shell(store),
                shell(key)
            ));
        }
        let lines = |text: &str| -> Vec<String> {
            text.lines()
                .map(|line| line.replace('\t', "    "))
                .collect()
        };
        Ok(Whole {
            facts: lines(&facts),
            value: lines(&text),
            preview: value.as_ref().map_or_else(String::new, preview),
        })
    }

    fn remove(&self, selection: &Selection) -> Result<(String, Option<u64>)> {
        // FiftyOne's running jobs stay, as with `clear`.
        let selection = selection.map(|filter| Filter {
            jobs: filter.jobs.or(Some(Jobs::NotRunning)),
            ..filter.clone()
        });
        let is_named = selection
            .any_of
            .iter()
            .all(|filter| !filter.keys.is_empty());
        let operation = Operation {
            filter: filter_words::words(&selection),
            cause: if is_named {
                Cause::Removed
            } else {
                Cause::Cleared
            },
            ..self.operation.clone()
        };
        let (writer, now) = (self.writer()?, self.now());
        let removal =
            writer.remove_undoably(&selection, None, &operation, now, &mut no_progress)?;
        match removal {
            Removal::Done(removed) => {
                let undo = removed.until.and(removed.operation);
                let how = if undo.is_some() {
                    "; u takes it back"
                } else {
                    ""
                };
                Ok((format!("removed {}{how}", amount(removed.usage)), undo))
            }
            Removal::TooMany(usage) => bail!(
                "{} are more than undo keeps, and stay: `ecache clear` removes them for good",
                amount(usage)
            ),
        }
    }

    fn set_policy(&self, selection: &Selection, policy: Policy) -> Result<String> {
        let touch = Touch {
            policy: Some(policy),
            expires_at: (policy == Policy::Persist).then_some(None),
        };
        // An expired entry is a miss, and is not revived in passing.
        let selection = selection.map(|filter| Filter {
            freshness: filter.freshness.or(Some(Freshness::Fresh)),
            ..filter.clone()
        });
        let writer = self.writer()?;
        let touched = writer.touch(&selection, touch, self.now(), &mut no_progress)?;
        let count = entries(touched.entries);
        Ok(match (touched.entries, policy) {
            (0, _) => "nothing was pinned: what is expired stays so".to_owned(),
            (_, Policy::Persist) => format!("pinned {count}: policy persist, never expires"),
            (_, Policy::Evict) => format!("let go of {count}: policy evict, never expires"),
        })
    }

    fn undo(&self, operation: u64) -> Result<String> {
        let writer = self.writer()?;
        let undone = writer.undo(
            Some(operation),
            &self.operation,
            self.now(),
            &mut no_progress,
        )?;
        Ok(format!("restored {}", amount(undone.usage)))
    }

    fn token(&self) -> Result<Option<u64>> {
        if self.backend.tells_every_change() {
            Ok(Some(self.backend.change_token()?))
        } else {
            Ok(None)
        }
    }
}
