//! `ecache names`: prints the names that completion scripts offer.
//!
//! A user waits for it with a half-typed line, so it is silent about errors and never slow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{Content, Dimension, Direction, Row, Scan, Sort, Values};
use ecache_core::filter::{Filter, Pattern};
use ecache_core::location::{self, Access};
use ecache_core::time::Timestamp;

use super::shared::call_text;
use super::shared::fields::Field;
use crate::artifacts::commands_of;
use crate::cli::{NamesArgs, Offered};
use crate::config::KEYS;
use crate::context::Context;
use crate::error::Exit;
use crate::output::escape::is_unsafe;
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
    if let Some(names) = known(args.of, args.store.as_deref()) {
        return print(&args, names);
    }
    let Ok((path, _)) = context.location() else {
        return Ok(Exit::Done);
    };
    let mut configured = BTreeMap::new();
    if args.of == Offered::Dataset {
        configured = context
            .config()
            .map(|config| config.datasets())
            .unwrap_or_default();
    }
    let (of, store, now) = (args.of, args.store.clone(), context.now());
    let (sender, receiver) = mpsc::channel();
    // The thread is left behind where it takes too long: it only reads, and ends with the process.
    // Offers no names if there is no room for the thread.
    let _ = thread::Builder::new().spawn(move || {
        let names = read(&path, of, store.as_deref(), now);
        sender.send(names)
    });
    if let Ok(Ok(mut names)) = receiver.recv_timeout(PATIENCE) {
        names.extend(configured);
        return print(&args, names);
    }
    Ok(Exit::Done)
}

/// Returns the names that the program itself knows, `None` if they are in the store.
fn known(of: Offered, parent: Option<&str>) -> Option<Vec<Named>> {
    Some(match of {
        Offered::Field => {
            let names = Field::ALL.iter().map(|field| field.name().to_owned());
            names.map(|name| (name, String::new())).collect()
        }
        Offered::Setting => {
            let settings = KEYS.iter();
            let named = settings.map(|setting| (setting.key.to_owned(), setting.about.to_owned()));
            named.collect()
        }
        Offered::Command => commands_of(parent),
        _ => return None,
    })
}

/// Prints one name per line, and after a tab its description if that is asked for. Names with
/// control characters are left out, since they cannot be typed and would break the line. Names with
/// invisible characters are left out as well, since they look like other names.
fn print(args: &NamesArgs, names: Vec<Named>) -> Result<Exit> {
    let mut text = String::new();
    for (name, about) in names.iter().filter(|(name, _)| !name.contains(is_unsafe)) {
        text.push_str(name);
        if args.described && !about.is_empty() {
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
        Offered::Field | Offered::Setting | Offered::Command => Ok(Vec::new()),
    }
}
