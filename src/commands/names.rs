//! `ecache names`: prints the names that completion scripts offer.
//!
//! A user waits for it with a half-typed line, so it is silent about errors and never slow.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::limit::Limit;
use ecache_core::backend::{Content, Dimension, Direction, Row, Scan, Sort, Values};
use ecache_core::filter::{Filter, Pattern};
use ecache_core::location::{self, Access};
use ecache_core::time::Timestamp;

use super::shared::view::call_text;
use super::shared::view::fields::Field;
use crate::artifacts::{Request, Wanted, request};
use crate::browse;
use crate::cli::{NamesArgs, Offered};
use crate::context::Context;
use crate::error::Exit;
use crate::output::escape::{is_unsafe, message};
use crate::output::{Secrets, human, stdout};

/// Maximum wait for the store. One that is locked or far away would hold up the shell.
const PATIENCE: Duration = Duration::from_millis(80);

/// Maximum number of keys offered, the newest first.
const MOST_KEYS: u64 = 200;

/// Maximum length of a description.
const DESCRIBED: usize = 60;

/// A name and its description.
type Named = (String, String);

pub(crate) fn run(context: &Context, args: NamesArgs) -> Result<Exit> {
    let unquoted = |word: String| {
        // A quote that is open quotes nothing yet.
        browse::words(&word).map_or(word, |words| words.concat())
    };
    let mut words = args.words;
    if args.quoted {
        words = words.into_iter().map(unquoted).collect();
    }
    let Request { wanted, before } = request(&words);
    let names = match wanted {
        Wanted::Names(Offered::Field, _) => {
            let names = Field::named().map(|field| field.name().to_owned());
            names.map(|name| (name, String::new())).collect()
        }
        Wanted::Names(Offered::Setting, _) => {
            let config = context.config().map(|config| config.all());
            let settings = config.unwrap_or_default().into_iter();
            // A location may have a password.
            let masked = |(name, value): (String, String)| (name, message(&value));
            settings.map(masked).collect()
        }
        Wanted::Names(of, store) => {
            let is_glob = words.iter().any(|word| word == "--glob");
            names_in_store(context, of, store, is_glob)
        }
        Wanted::These(names) => names,
        Wanted::Files => return first_line("files"),
        Wanted::Programs => return first_line("programs"),
        Wanted::Usual => return first_line("usual"),
    };
    first_line("names")?;
    print(&names, &before, args.described)
}

/// Prints the line that names the kind of the offers, which follow or are of the shell itself.
fn first_line(what: &str) -> Result<Exit> {
    writeln!(stdout(), "{what}")?;
    Ok(Exit::Done)
}

/// Reads names in the store, and returns none if that takes too long.
fn names_in_store(
    context: &Context,
    of: Offered,
    store: Option<String>,
    is_glob: bool,
) -> Vec<Named> {
    let Ok((path, _)) = context.location() else {
        return Vec::new();
    };
    let mut configured = BTreeMap::new();
    if of == Offered::Dataset {
        configured = context
            .config()
            .map(|config| config.datasets())
            .unwrap_or_default();
    }
    let now = context.now();
    let (sender, receiver) = mpsc::channel();
    // The thread is left behind where it takes too long: it only reads, and ends with the process.
    // Offers no names if there is no room for the thread.
    let _ = thread::Builder::new().spawn(move || {
        let names = read(&path, of, store.as_deref(), is_glob, now);
        sender.send(names)
    });
    let Ok(Ok(mut names)) = receiver.recv_timeout(PATIENCE) else {
        return Vec::new();
    };
    names.extend(configured);
    names
}

/// Prints one name per line, and after a tab its description if that is asked for. Names with
/// control characters are left out, since they cannot be typed and would break the line. Names with
/// invisible characters are left out as well, since they look like other names.
fn print(names: &[Named], before: &str, described: bool) -> Result<Exit> {
    let mut text = String::new();
    // Names that are in the list already are not offered again.
    let mut seen: HashSet<&str> = before.split(',').collect();
    for (name, about) in names {
        // Entries of several datasets may have one key.
        if name.contains(is_unsafe) || !seen.insert(name) {
            continue;
        }
        text.push_str(before);
        text.push_str(name);
        if described && !about.is_empty() {
            let about: String = about
                .chars()
                .filter(|c| !is_unsafe(*c))
                .take(DESCRIBED)
                .collect();
            let _ = write!(text, "\t{about}");
        }
        text.push('\n');
    }
    stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn read(
    path: &Path,
    of: Offered,
    store: Option<&str>,
    is_glob: bool,
    now: Timestamp,
) -> ecache_core::error::Result<Vec<Named>> {
    let backend = location::open(path.as_os_str(), Access::Read)?;
    let named = |dimension| -> ecache_core::error::Result<Vec<Named>> {
        let names = backend.names(dimension)?.into_iter();
        Ok(names
            .map(|name| (name.to_string(), String::new()))
            .collect())
    };
    match of {
        Offered::Collection => named(Dimension::Collection),
        Offered::User => named(Dimension::User),
        Offered::Operator => named(Dimension::Operator),
        Offered::Prompt => named(Dimension::Prompt),
        Offered::Store => {
            let groups = backend.groups(&Filter::default(), Dimension::Store, now)?;
            let amount = |group: &ecache_core::backend::Group| {
                let entries = human::entries(group.usage.entries);
                format!("{entries}, {}", human::size(group.usage.bytes))
            };
            let groups = groups.iter();
            Ok(groups
                .filter_map(|group| Some((group.name.as_deref()?.to_owned(), amount(group))))
                .collect())
        }
        Offered::Dataset => match backend.datasets()? {
            Some(datasets) => {
                let datasets = datasets.into_iter();
                Ok(datasets.map(|it| (it.name, it.id.to_string())).collect())
            }
            None => named(Dimension::Dataset),
        },
        Offered::Key => {
            let filter = Filter {
                stores: store.map(Pattern::exact).into_iter().collect(),
                ..Filter::default()
            };
            let scan = Scan {
                sort: Sort::Updated,
                direction: Direction::Descending,
                limit: Some(MOST_KEYS),
                values: Values::Omit,
                ..Scan::new(filter)
            };
            let mut names = Vec::new();
            for row in backend.scan(&scan, now)? {
                if let Row::Entry(entry, _) = row? {
                    let about = call_text::text(&entry, None::<&Content>, Secrets::Masked);
                    names.push((
                        entry.address.key.as_str().to_owned(),
                        about.unwrap_or_default(),
                    ));
                }
            }
            Ok(names)
        }
        Offered::Operation => {
            let operations = backend.operations()?.into_iter();
            let undoable = operations.filter(|one| one.undo.at(now).until().is_some());
            Ok(undoable
                .map(|one| (one.id.to_string(), one.operation.command))
                .collect())
        }
        Offered::LimitedStore => {
            let settings = backend.settings()?;
            let limits = settings.iter();
            let limits = limits.filter_map(|(name, value)| Limit::read(name, value));
            let stores = limits.flat_map(|limit| limit.scope.filter().stores.clone());
            // Without --glob a pattern is the name of a store, which has no limit.
            let is_meant = |store: &Pattern| is_glob || matches!(store, Pattern::Exact(_));
            Ok(stores
                .filter(is_meant)
                .map(|store| (store.as_str().to_owned(), String::new()))
                .collect())
        }
        Offered::Field | Offered::Setting => Ok(Vec::new()),
    }
}
