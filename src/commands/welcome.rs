//! `ecache` alone, on a terminal: a summary of the store, and commands to type next.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use ecache_core::backend::{Dimension, Group};
use ecache_core::filter::Filter;
use ecache_core::location;

use crate::context::Context;
use crate::error::Exit;
use crate::output::cut::{self, Cut};
use crate::output::{escape, human, stdout};
use crate::variables::variable;

/// Number of stores named in a line.
const NAMED: usize = 3;

/// Maximum width of their names.
const NAME: usize = 24;

/// Width of the word before them.
const LABEL: usize = 11;

pub(crate) fn run(context: &Context) -> Result<Exit> {
    let (path, _) = context.location()?;
    let shown = from_home(&path);
    let mut text = String::new();
    if !context.has_store()? {
        let fiftyone = if cfg!(feature = "mongodb") {
            "  ecache --db fiftyone ls                                look into FiftyOne's\n"
        } else {
            "  ecache import dump.bson                                read a FiftyOne dump\n"
        };
        text.push_str(
            "ecache remembers what slow commands and functions returned.\n\
             \u{20} ecache run --ttl 10m -- curl -s https://example.com    run once in ten minutes\n",
        );
        text.push_str(fiftyone);
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
        let width = context.terminal.width.unwrap_or(80);
        summarize(&mut text, &groups, &shown, width)?;
    }
    stdout().write_all(context.terminal.text(&text).as_bytes())?;
    Ok(Exit::Done)
}

/// Writes the numbers of all stores, and which of them are the largest and save most.
fn summarize(text: &mut String, groups: &[Group], shown: &str, width: usize) -> Result<()> {
    let total = |of: fn(&Group) -> u64| groups.iter().map(of).sum::<u64>();
    let expired = total(|group| group.expired.entries);
    let mut first = format!(
        "{} in {}, {}",
        human::entries(total(|group| group.usage.entries)),
        human::counted(groups.len() as u64, "store", "stores"),
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
    let hits = total(|group| group.hits);
    if hits > 0 {
        let saved = human::duration(total(|group| group.saved_ms));
        let hits = human::counted(hits, "hit", "hits");
        writeln!(text, "{hits}, {saved} saved")?;
    }
    let room = width.saturating_sub(LABEL);
    let largest = most(groups, |group| group.usage.bytes, human::size, room);
    let saved = most(groups, |group| group.saved_ms, human::duration, room);
    for (title, named) in [("largest", largest), ("saved", saved)] {
        if !named.is_empty() {
            writeln!(text, "{:<LABEL$}{named}", format!("  {title}"))?;
        }
    }
    let prune = if expired > 0 {
        "; ecache prune -n says what is expired"
    } else {
        ""
    };
    for line in cut::wrapped(
        &format!("tip: ecache ls, ecache stats, ecache help{prune}"),
        width,
    ) {
        writeln!(text, "{line}")?;
    }
    Ok(())
}

/// Names the stores that have most of something, as many as fit.
fn most(groups: &[Group], of: fn(&Group) -> u64, print: fn(u64) -> String, room: usize) -> String {
    let mut most: Vec<&Group> = groups.iter().filter(|group| of(group) > 0).collect();
    most.sort_by_key(|group| std::cmp::Reverse(of(group)));
    let mut line = String::new();
    for group in most.iter().take(NAMED) {
        let name = escape::for_line(group.name.as_deref().unwrap_or_default());
        let named = format!(
            "{} {}",
            cut::shorten(&name, NAME, Cut::Store),
            print(of(group))
        );
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
