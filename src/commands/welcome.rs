//! `ecache` alone, on a terminal: a summary of the store, and commands to type next.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::{Backend, Description, Dimension, Group};
use ecache_core::filter::Filter;
use ecache_core::location;
use ecache_core::time::Timestamp;
use ecache_core::usage::{CallGroup, Counts, KEPT};

use crate::context::Context;
use crate::error::Exit;
use crate::output::cut::{self, Cut};
use crate::output::own_command;
use crate::output::{escape, human, name, stdout};
use crate::variables::variable;

/// Number of stores named in a line.
const NAMED: usize = 3;

/// Maximum width of their names.
const NAME: usize = 24;

/// Width of an example, up to what it does.
const LINE: usize = 51;

/// Width of the word before them.
const LABEL: usize = 11;

pub(crate) fn run(context: &Context) -> Result<Exit> {
    let (path, _) = context.location()?;
    let shown = from_home(&path);
    let mut text = String::new();
    if !context.has_store()? {
        let fiftyone = if cfg!(feature = "mongodb") {
            ("ecache --db fiftyone ls".to_owned(), "look into FiftyOne's")
        } else {
            (own_command("import dump.bson"), "read a FiftyOne dump")
        };
        text.push_str("ecache remembers what slow commands and functions returned.\n");
        let run = own_command("run --ttl 10m -- curl -s https://example.com");
        for (line, what) in [(run, "run once in ten minutes"), fiftyone] {
            writeln!(text, "  {line:<LINE$}  {what}")?;
        }
        writeln!(text, "There is no store yet; the first run makes {shown}.")?;
        text.push_str("tip: ecache help lists all commands\n");
    } else {
        let everything = Filter {
            collections: Vec::new(),
            policy: None,
            ..Filter::default()
        };
        let backend = context.reader()?;
        let summary = Summary {
            described: backend.describe()?,
            groups: backend.groups(&everything, Dimension::Store, context.now())?,
            calls: calls(context, backend.as_ref())?,
        };
        let width = context.terminal.width.unwrap_or(80);
        summary.write(&mut text, &shown, width)?;
    }
    stdout().write_all(context.terminal.text(&text).as_bytes())?;
    Ok(Exit::Done)
}

/// Returns the calls of each store, as `stats` counts them.
fn calls(context: &Context, backend: &dyn Backend) -> Result<BTreeMap<Arc<str>, Counts>> {
    let from = Timestamp::from_millis(context.now().as_millis().saturating_sub(KEPT));
    let (recorded, _) = context.calls_since(backend, from)?;
    let mut calls: BTreeMap<Arc<str>, Counts> = BTreeMap::new();
    for period in &recorded.periods {
        if let CallGroup::Of { store, .. } = &period.group {
            let counts = calls.entry(store.store_name.clone()).or_default();
            counts.add(&period.counts);
        }
    }
    Ok(calls)
}

/// The numbers of all stores.
struct Summary {
    /// As `info` shows them
    described: Description,
    /// Entries by store
    groups: Vec<Group>,
    /// Calls by store
    calls: BTreeMap<Arc<str>, Counts>,
}

impl Summary {
    /// Writes the numbers of all stores, and which of them are the largest and save most.
    fn write(&self, text: &mut String, shown: &str, width: usize) -> Result<()> {
        let total = |of: fn(&Group) -> u64| self.groups.iter().map(of).sum::<u64>();
        let expired = total(|group| group.expired.entries);
        let mut first = format!(
            "{} in {}, {}",
            human::entries(self.described.entries),
            human::counted(self.described.stores, "store", "stores"),
            human::size(total(|group| group.usage.bytes)),
        );
        if expired > 0 {
            write!(first, ", {} expired", human::count(expired))?;
        }
        // The location stands at the right, or on a line of its own.
        let gap = width.saturating_sub(cut::width(&first) + cut::width(shown));
        if gap >= 2 {
            writeln!(text, "{first}{:gap$}{shown}", "")?;
        } else {
            writeln!(text, "{first}")?;
            writeln!(text, "{}", cut::shorten(shown, width, Cut::Start))?;
        }
        let mut counts = Counts::default();
        self.calls.values().for_each(|calls| counts.add(calls));
        if counts.hits + counts.misses > 0 {
            writeln!(text, "{}", summary_line(&counts))?;
        }
        let room = width.saturating_sub(LABEL);
        let bytes = self
            .groups
            .iter()
            .map(|group| (group.name.as_ref(), group.usage.bytes));
        let largest = most(bytes, human::size, room);
        let saved = self
            .calls
            .iter()
            .map(|(name, counts)| (Some(name), counts.saved_ms));
        let saved = most(saved, human::duration, room);
        for (title, named) in [("largest", largest), ("saved", saved)] {
            if !named.is_empty() {
                writeln!(text, "{:<LABEL$}{named}", format!("  {title}"))?;
            }
        }
        let prune = if expired > 0 {
            format!("; {} says what is expired", own_command("prune -n"))
        } else {
            String::new()
        };
        let [ls, stats] = ["ls", "stats"].map(own_command);
        for line in cut::wrapped(&format!("tip: {ls}, {stats}, ecache help{prune}"), width) {
            writeln!(text, "{line}")?;
        }
        Ok(())
    }
}

/// Returns the line on the calls, as in `47 hits, 32 misses: 59% of calls, 11s saved`.
fn summary_line(counts: &Counts) -> String {
    let hits = human::counted(counts.hits, "hit", "hits");
    let misses = human::counted(counts.misses, "miss", "misses");
    let share = human::share(
        counts.hits.into(),
        u128::from(counts.hits) + u128::from(counts.misses),
    );
    let mut line = format!("{hits}, {misses}: {share} of calls");
    if counts.saved_ms > 0 {
        line.push_str(&format!(", {} saved", human::duration(counts.saved_ms)));
    }
    line
}

/// Names the stores that have most of something, as many as fit.
fn most<'a>(
    stores: impl Iterator<Item = (Option<&'a Arc<str>>, u64)>,
    print: fn(u64) -> String,
    room: usize,
) -> String {
    let mut most: Vec<(Option<&Arc<str>>, u64)> = stores.filter(|(_, of)| *of > 0).collect();
    most.sort_by_key(|(_, of)| std::cmp::Reverse(*of));
    let mut line = String::new();
    for (name, of) in most.into_iter().take(NAMED) {
        let name = name.map_or("", |name| name);
        let named = format!("{} {}", name::shorten(name, NAME, Cut::Store), print(of));
        let gap = if line.is_empty() { "" } else { "   " };
        if cut::width(&line) + gap.len() + cut::width(&named) > room {
            break;
        }
        line.push_str(gap);
        line.push_str(&named);
    }
    line
}

/// Shows a location with `~` for the home folder.
fn from_home(path: &Path) -> String {
    let home = variable("HOME");
    let below = home.as_ref().and_then(|home| path.strip_prefix(home).ok());
    let shown = match below {
        Some(rest) => format!("~/{}", rest.display()),
        None => location::shown(path.as_os_str()),
    };
    escape::for_line(&shown).into_owned()
}
