//! `ecache` alone, on a terminal: what is in the store, and what to type next.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use ecache_core::backend::{Dimension, Group};
use ecache_core::filter::Filter;
use ecache_core::location;

use crate::context::Context;
use crate::error::Exit;
use crate::output::{escape, human, stdout};
use crate::variables::variable;

/// Number of stores named in a line.
const NAMED: usize = 3;

pub(crate) fn run(context: &Context) -> Result<Exit> {
    let (path, _) = context.location()?;
    let shown = from_home(&path);
    let mut text = String::new();
    if !context.has_store()? {
        text.push_str(
            "ecache remembers what slow commands and functions returned.\n\
             \u{20} ecache run --ttl 10m -- curl -s https://example.com    run once in ten minutes\n\
             \u{20} ecache import dump.bson                                read a FiftyOne dump\n\
             \u{20} ecache --db fiftyone ls                                look into FiftyOne's\n",
        );
        writeln!(text, "There is no store yet; the first run makes {shown}.")?;
        text.push_str("tip: ecache help lists all commands\n");
    } else {
        let everything = Filter {
            collections: Vec::new(),
            policy: None,
            ..Filter::default()
        };
        let backend = context.reader()?;
        let groups = backend.groups(&everything, Dimension::Store, context.now())?;
        summarize(&mut text, &groups, &shown)?;
    }
    stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Writes the numbers of all stores, and which of them are the largest and save most.
fn summarize(text: &mut String, groups: &[Group], shown: &str) -> Result<()> {
    let total = |of: fn(&Group) -> u64| groups.iter().map(of).sum::<u64>();
    let expired = total(|group| group.expired.entries);
    write!(
        text,
        "{} in {}, {}",
        human::entries(total(|group| group.usage.entries)),
        human::counted(groups.len() as u64, "store", "stores"),
        human::size(total(|group| group.usage.bytes)),
    )?;
    if expired > 0 {
        write!(text, ", {} expired", human::count(expired))?;
    }
    writeln!(text, "      {shown}")?;
    let hits = total(|group| group.hits);
    if hits > 0 {
        let saved = human::duration(total(|group| group.saved_ms));
        let hits = human::counted(hits, "hit", "hits");
        writeln!(text, "{hits}, {saved} saved")?;
    }
    let largest = most(groups, |group| group.usage.bytes, human::size);
    let saved = most(groups, |group| group.saved_ms, human::duration);
    for (title, named) in [("largest", largest), ("saved", saved)] {
        if !named.is_empty() {
            writeln!(text, "  {title:<7}  {named}")?;
        }
    }
    let prune = if expired > 0 {
        "; ecache prune -n says what is expired"
    } else {
        ""
    };
    writeln!(text, "tip: ecache ls, ecache stats, ecache help{prune}")?;
    Ok(())
}

/// Names the stores that have most of something.
fn most(groups: &[Group], of: fn(&Group) -> u64, print: fn(u64) -> String) -> String {
    let mut most: Vec<&Group> = groups.iter().filter(|group| of(group) > 0).collect();
    most.sort_by_key(|group| std::cmp::Reverse(of(group)));
    let named = most.iter().take(NAMED).map(|group| {
        let name = escape::for_line(group.name.as_deref().unwrap_or_default());
        format!("{name} {}", print(of(group)))
    });
    Vec::from_iter(named).join("   ")
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
