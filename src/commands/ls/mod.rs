//! `ecache ls`: lists entries.

mod fields;
mod footer;

use std::io::Read as _;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use ecache_core::backend::{
    Backend, Content, ContentReader, Direction, Row, START_SIZE, Scan, Sort, Values,
};
use ecache_core::entry::Entry;
use ecache_core::filter::{Filter, Pattern, Usage};
use ecache_core::time::Timestamp;

use super::shared::filter::collections::note_elsewhere;
use super::shared::filter::no_match::note_none_listed;
use super::shared::filter::value_text::ValueText;
use super::shared::filter::{DefaultSelection, filter, note_unknown_names};
use super::shared::view::fields::{self as entry_fields, Field};
use super::shared::view::listing::{Entries, Listing, Shown, measured, scopes};
use crate::cli::LsArgs;
use crate::context::Context;
use crate::error::{Exit, usage_tip};
use crate::output::human::entries;
use crate::output::own_command;
use crate::output::{Column, Format, Secrets, Writer, human};

/// Maximum number of rows on a terminal, unless another is asked for.
const ROWS: u64 = 100;

/// Number of rows from which a table decides what it shows.
const PAGE: usize = 1000;

pub(crate) fn run(context: &Context, mut args: LsArgs) -> Result<Exit> {
    if let Some(count) = &args.dry_run {
        let count = count.as_deref().unwrap_or("10");
        return Err(usage_tip(
            "-n is a dry run, and ls changes nothing",
            format!(
                "to list {count} entries: {}",
                own_command(&format!("ls -L {count}"))
            ),
        ));
    }
    let text = args.value_contains.as_deref().map(ValueText::new);
    let now = context.now();
    let format = context.format(args.format.chosen());
    if args.fields == ["help"] {
        entry_fields::print_help(context, format)?;
        return Ok(Exit::Done);
    }
    if args.fields.is_empty()
        && format == Format::Table
        && let Some(fields) = context.setting_of_terminal("ls.fields")
    {
        let names = fields.split(',').filter(|name| !name.is_empty());
        args.fields = names.map(str::to_owned).collect();
        let attempt = || match context.settings().path() {
            Some(path) => format!("{}: ls.fields", path.display()),
            None => "ls.fields".to_owned(),
        };
        entry_fields::parse(&args.fields, &context.datasets()?).with_context(attempt)?;
    }
    let filter = filter(context, &args.filter, DefaultSelection::AnyPolicy, now)?;
    context.fold_usage();
    let backend = context.reader()?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let list = List {
        context,
        args: &args,
        filter: &filter,
        backend: backend.as_ref(),
        now,
        text: text.transpose()?,
    };
    let seen = match format {
        Format::Table if args.fields.is_empty() => list.print_table()?,
        _ => list.print_fields(format)?,
    };
    if seen.count + seen.damaged == 0 && list.text.is_none() {
        note_none_listed(context, backend.as_ref(), &filter, now);
    }
    if seen.foreign > 0 {
        context.note(&format!(
            "{} {} fields or types of another program; {} names them",
            entries(seen.foreign),
            human::plural(seen.foreign, "has", "have"),
            own_command("doctor")
        ));
    }
    note_elsewhere(context, backend.as_ref(), &filter.into(), now)?;
    Ok(match (seen.damaged, seen.count) {
        (1.., _) => Exit::Damaged,
        (0, count) => args.filter.exit(count == 0),
    })
}

/// The numbers of rows that were read.
#[derive(Default)]
struct Seen {
    count: u64,
    /// Rows whose values were searched
    searched: u64,
    damaged: u64,
    foreign: u64,
}

struct List<'a> {
    context: &'a Context,
    args: &'a LsArgs,
    filter: &'a Filter,
    backend: &'a dyn Backend,
    now: Timestamp,
    /// The text that values must contain
    text: Option<ValueText>,
}

impl List<'_> {
    /// Reports whether the list is for a person at a terminal.
    fn is_for_terminal(&self) -> bool {
        self.context.terminal.stdout_is_terminal
    }

    /// Returns the maximum number of rows.
    fn limit(&self, format: Format) -> Option<u64> {
        match self.args.limit {
            Some(0) => None,
            None if self.is_for_terminal() && format == Format::Table => {
                let configured = self.context.setting_of_terminal("ls.limit");
                let limit = configured.and_then(|limit| limit.parse().ok());
                limit.map_or(Some(ROWS), |limit| Some(limit).filter(|limit| *limit > 0))
            }
            limit => limit,
        }
    }

    /// Returns the order that was typed, or that a terminal is configured to have.
    fn chosen_sort(&self) -> Option<Sort> {
        let configured = || {
            let word = self.context.setting_of_terminal("ls.sort")?;
            Sort::from_str(&word, false).ok()
        };
        self.args.sort.or_else(configured)
    }

    /// Returns the entries to list, the newest or largest first. Programs get them as they are
    /// stored unless an order is asked for.
    fn scan(&self, values: Values, format: Format) -> Scan {
        let is_table = format == Format::Table && self.is_for_terminal();
        let sort = match self.args.sort {
            Some(sort) => sort,
            None if is_table => self.chosen_sort().unwrap_or(Sort::Updated),
            None => Sort::Stored,
        };
        // The order that was asked for is the same in a pipe.
        let is_descending = !matches!(
            sort,
            Sort::Key | Sort::Expires | Sort::Worth | Sort::Stored | Sort::Any
        );
        Scan {
            filter: self.filter.clone(),
            sort,
            direction: if is_descending == self.args.reverse {
                Direction::Ascending
            } else {
                Direction::Descending
            },
            after: None,
            // A search through values ends by itself.
            limit: self.limit(format).filter(|_| self.text.is_none()),
            values: match self.text {
                Some(_) => Values::Include,
                None => values,
            },
        }
    }

    /// Returns the entry of a row; `None` for a damaged one, with a warning, and for one whose
    /// value lacks the text that is searched for.
    fn entry(&self, row: Row, seen: &mut Seen) -> Result<Option<(Entry, Option<Content>)>> {
        let (is_foreign, entry, content) = match row {
            Row::Entry(entry, content) => (false, *entry, content),
            Row::Foreign(found) => (true, found.entry, found.content),
            Row::Damaged(address) => {
                seen.damaged += 1;
                self.context.warn_damaged(&address);
                return Ok(None);
            }
        };
        if let Some(text) = &self.text {
            seen.searched += 1;
            let is_wanted = match &content {
                Some(content) => text.is_in(self.backend, entry.kind, content)?,
                None => false,
            };
            if !is_wanted {
                return Ok(None);
            }
        }
        seen.foreign += u64::from(is_foreign);
        Ok(Some((entry, content)))
    }

    /// Reports whether as many rows are there as are listed.
    fn is_full(&self, format: Format, count: u64) -> bool {
        self.limit(format).is_some_and(|limit| count >= limit)
    }

    /// Returns the start of a value, of which a search has read all.
    fn start(&self, content: Option<Content>) -> Result<Option<Content>> {
        let content = match content {
            Some(content) if content.size() > START_SIZE as u64 => content,
            short => return Ok(short),
        };
        let mut start = Vec::new();
        let value = ContentReader::new(self.backend, content);
        value.take(START_SIZE as u64).read_to_end(&mut start)?;
        Ok(Some(Content::Inline(start)))
    }

    /// Prints a table for people.
    fn print_table(&self) -> Result<Seen> {
        let datasets = self.context.datasets()?;
        let mut seen = Seen::default();
        let scan = self.scan(Values::Start, Format::Table);
        let mut scanned = self.backend.scan(&scan, self.now)?;
        // The columns are chosen by the first page.
        let mut page = Vec::new();
        while page.len() < PAGE
            && !self.is_full(Format::Table, page.len() as u64)
            && let Some(row) = scanned.next()
        {
            if let Some((entry, content)) = self.entry(row?, &mut seen)? {
                page.push((entry, self.start(content)?));
            }
        }
        let kind = Entries::of(page.iter().map(|(entry, _)| entry));
        let secrets = Secrets::from(self.args.reveal);
        let listing = Listing::new(
            self.shown(scopes(&datasets)),
            kind,
            &datasets,
            secrets,
            self.now,
        );
        let listing = listing.keeping(&measured(self.filter, self.chosen_sort()));
        let mut rows = self.rows(Format::Table, listing.columns())?;
        for (entry, start) in page {
            rows.row_as(listing.mood(&entry), &listing.cells(&entry, start.as_ref()))?;
            seen.count += 1;
        }
        while !self.is_full(Format::Table, seen.count)
            && let Some(row) = scanned.next()
        {
            if let Some((entry, content)) = self.entry(row?, &mut seen)? {
                let start = self.start(content)?;
                rows.row_as(listing.mood(&entry), &listing.cells(&entry, start.as_ref()))?;
                seen.count += 1;
            }
        }
        let all = match scan.limit {
            Some(limit) if seen.count >= limit => self.usage(self.filter)?.entries,
            _ => seen.count,
        };
        if all > seen.count {
            rows.mark_partial();
        }
        rows.settle(&self.settled());
        let left = rows.finish_table()?;
        self.print_footer(&seen, &left)?;
        Ok(seen)
    }

    fn rows<'b>(&self, format: Format, columns: &'b [Column]) -> std::io::Result<Writer<'b>> {
        if self.args.wide {
            self.context.wide_rows(format, columns)
        } else {
            self.context.rows(format, columns)
        }
    }

    /// Returns the columns of a table.
    fn shown(&self, scopes: Vec<Shown>) -> Vec<Shown> {
        let mut shown = vec![Shown::Field(Field::StoreName), Shown::Field(Field::Key)];
        if self.context.may_mix_collections() {
            shown.push(Shown::Field(Field::Collection));
        }
        shown.extend(scopes);
        if self.args.wide {
            shown.extend([Field::Kind, Field::Policy].map(Shown::Field));
        }
        shown.extend([
            Shown::Field(Field::Hits),
            Shown::Saved,
            Shown::Field(Field::CostMs),
            Shown::Field(Field::Size),
            Shown::Age,
            Shown::Field(Field::ExpiresAt),
            Shown::Call,
        ]);
        shown
    }

    /// Returns the columns that the filter makes the same in all rows.
    fn settled(&self) -> Vec<&'static str> {
        let filter = self.filter;
        let is_one = |patterns: &[Pattern]| matches!(patterns, [Pattern::Exact(_)]);
        let mut settled = Vec::new();
        for (name, patterns) in [
            ("store_name", &filter.stores),
            ("user_id", &filter.users),
            ("operator_uri", &filter.operators),
            ("prompt_id", &filter.prompts),
            ("collection", &filter.collections),
        ] {
            if is_one(patterns) {
                settled.push(name);
            }
        }
        if filter.datasets.len() == 1 {
            settled.extend(["dataset_id", "dataset_name"]);
        }
        settled
    }

    fn usage(&self, filter: &Filter) -> Result<Usage> {
        Ok(self.backend.usage(&filter.clone().into(), self.now)?)
    }
}
