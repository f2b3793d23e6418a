//! `ecache diff`: the entries that are in one of two stores alone, or differ.
//!
//! Both are read store by store in the order of their keys, and merged: a page of each is in
//! memory, one value where values have to be read whole, and the entries whose keys have no text.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::{self, BufRead};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use ecache_core::backend::{
    Backend, Content, ContentReader, Row, Rows, Scan, Sort, Values, read_value,
};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::filter::Filter;
use ecache_core::key::Key;
use ecache_core::location::{self, Access};
use ecache_core::scope::{Address, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::typed_name;
use ecache_core::value::Kind;

use super::shared::filter::no_match::note_none_listed;
use super::shared::filter::{DefaultSelection, filter_among, note_names_unknown_to_all};
use crate::cli::DiffArgs;
use crate::context::Context;
use crate::error::{Exit, usage};
use crate::output::human::entries;
use crate::output::{Cell, Column, Writer, human};
use crate::signals;

const COLUMNS: [Column; 8] = [
    Column::whole("change").asked(),
    Column::text("store_name").asked(),
    Column::text("key"),
    Column::text("dataset_id"),
    Column::text("collection"),
    Column::number("size_from").titled("FROM"),
    Column::number("size_to").titled("TO"),
    Column::whole("differs"),
];

pub(crate) fn run(context: &Context, args: DiffArgs) -> Result<Exit> {
    if args.filter.fail_empty {
        return Err(usage(
            "--fail-empty is not for diff, which exits with 1 where the stores differ",
        ));
    }
    context.refuse_unused_location([&args.from, &args.to])?;
    let now = context.now();
    let open = |typed: &Path| -> Result<Arc<dyn Backend>> {
        let location = context.location_of(typed)?;
        Ok(location::open(location.as_os_str(), Access::Read)?)
    };
    let (from, to) = (open(&args.from)?, open(&args.to)?);
    let datasets = || context.datasets_of(from.datasets()?);
    let filter = filter_among(
        context,
        &args.filter,
        DefaultSelection::AnyPolicy,
        now,
        &datasets,
    )?;
    let sides = [from.as_ref(), to.as_ref()];
    note_names_unknown_to_all(context, &sides, &filter)?;
    let mut rows = context.rows(context.format(args.format.chosen()), &COLUMNS)?;
    let mut diff = Diff {
        context,
        sides,
        now,
        found: Differences::default(),
    };
    signals::finish_batches()?;
    for store in diff.stores(&filter)? {
        diff.store(&store, &filter, &mut rows)?;
    }
    rows.finish()?;
    if diff.found == Differences::default() {
        note_none_listed(context, from.as_ref(), &filter, now);
    }
    Ok(diff.finish())
}

/// The numbers of entries that were compared.
#[derive(Default, PartialEq, Eq)]
struct Differences {
    added: u64,
    removed: u64,
    changed: u64,
    same: u64,
    damaged: u64,
}

struct Diff<'a> {
    context: &'a Context,
    /// FROM and TO
    sides: [&'a dyn Backend; 2],
    now: Timestamp,
    found: Differences,
}

/// An entry of one side, with its value as far as it has one.
type Sided = (Entry, Option<Content>);

impl Diff<'_> {
    /// Returns the stores of both sides that a filter can match.
    fn stores(&self, filter: &Filter) -> Result<BTreeSet<Arc<StoreAddress>>> {
        let mut stores = BTreeSet::new();
        for side in self.sides {
            let known = side.stores()?.into_iter().map(|store| store.address);
            stores.extend(known.filter(|store| filter.matches_store(store)));
        }
        Ok(stores)
    }

    /// Prints what differs in one store.
    fn store(
        &mut self,
        store: &StoreAddress,
        filter: &Filter,
        rows: &mut Writer<'_>,
    ) -> Result<()> {
        let scan = Scan {
            sort: Sort::Key,
            values: Values::Include,
            ..Scan::new(filter.within(store))
        };
        let [from, to] = self.sides;
        let mut from = Side::new(self.context, from.scan(&scan, self.now)?);
        let mut to = Side::new(self.context, to.scan(&scan, self.now)?);
        loop {
            if signals::interrupted().is_some() {
                return Err(Error::Interrupted {
                    done: ecache_core::filter::Usage::default(),
                }
                .into());
            }
            let order = match (from.peek()?, to.peek()?) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => one.cmp(other),
            };
            let one = if order.is_le() { from.take() } else { None };
            let other = if order.is_ge() { to.take() } else { None };
            // Nothing is known of an entry that is damaged on one side.
            if order.is_ne() || (one.is_some() && other.is_some()) {
                self.compare(one, other, rows)?;
            }
        }
        self.found.damaged += from.damaged + to.damaged;
        Ok(())
    }

    /// Prints a line for an entry that is on one side alone, or differs.
    fn compare(
        &mut self,
        one: Option<Sided>,
        other: Option<Sided>,
        rows: &mut Writer<'_>,
    ) -> Result<()> {
        let (change, differs, count) = match (&one, &other) {
            (Some(one), Some(other)) => {
                let differs = self.differences(one, other)?;
                if differs.is_empty() {
                    self.found.same += 1;
                    return Ok(());
                }
                ("changed", Some(differs.join(",")), &mut self.found.changed)
            }
            (Some(_), None) => ("removed", None, &mut self.found.removed),
            (None, Some(_)) => ("added", None, &mut self.found.added),
            // It is damaged.
            (None, None) => return Ok(()),
        };
        *count += 1;
        let size = |side: &Option<Sided>| {
            let size = side.as_ref().map(|(entry, _)| entry.size);
            size.map_or(Cell::Null, Cell::Size)
        };
        let Some((entry, _)) = other.as_ref().or(one.as_ref()) else {
            return Ok(());
        };
        let Address { store, key } = &entry.address;
        rows.row(&[
            Cell::from(change),
            Cell::from(&*store.store_name),
            Cell::from(key.as_str()),
            Cell::from(store.dataset_id.as_deref()),
            Cell::from(&*store.collection),
            size(&one),
            size(&other),
            Cell::from(differs),
        ])?;
        Ok(())
    }

    /// Returns the names of the fields in which two entries of one address differ.
    ///
    /// The times of writing, hits and expiry, and the cost, differ from machine to machine and are
    /// not compared.
    fn differences(&self, one: &Sided, other: &Sided) -> Result<Vec<&'static str>> {
        let (from, to) = (&one.0, &other.0);
        let mut differs = Vec::new();
        for (name, is_same) in [
            ("value", self.is_same_value(one, other)?),
            ("kind", from.kind == to.kind),
            ("policy", from.policy == to.policy),
            ("user_id", from.scopes.user_id == to.scopes.user_id),
            (
                "operator_uri",
                from.scopes.operator_uri == to.scopes.operator_uri,
            ),
            ("prompt_id", from.scopes.prompt_id == to.scopes.prompt_id),
            ("jwt_sha256", from.scopes.jwt_sha256 == to.scopes.jwt_sha256),
            ("function", from.function == to.function),
            ("args", from.args == to.args),
        ] {
            if !is_same {
                differs.push(name);
            }
        }
        Ok(differs)
    }

    fn is_same_value(&self, one: &Sided, other: &Sided) -> Result<bool> {
        let ((from, Some(from_content)), (to, Some(to_content))) = (one, other) else {
            return Ok(one.1.is_some() == other.1.is_some());
        };
        let [from_side, to_side] = self.sides;
        // A database has other sizes for the values that FiftyOne wrote.
        let one = ContentReader::new(from_side, from_content.clone());
        let other = ContentReader::new(to_side, to_content.clone());
        if are_equal(one, other)? {
            return Ok(true);
        }
        // JSON may be spelled in another way.
        if from.kind != Kind::Json || to.kind != Kind::Json {
            return Ok(false);
        }
        let from = read_value(from_side, from.kind, from_content.clone())?;
        let to = read_value(to_side, to.kind, to_content.clone())?;
        Ok(from.same(&to))
    }

    /// Says how much differs, and returns the exit code.
    fn finish(self) -> Exit {
        let Differences {
            added,
            removed,
            changed,
            same,
            damaged,
        } = self.found;
        let is_same = added + removed + changed == 0;
        self.context.footer(&if is_same {
            format!("no difference: {} on both sides", entries(same))
        } else {
            let parts = [
                (added, "added"),
                (removed, "removed"),
                (changed, "changed"),
                (same, "the same"),
            ];
            let parts = parts.into_iter().filter(|(count, _)| *count > 0);
            let parts = parts.map(|(count, what)| format!("{} {what}", human::count(count)));
            parts.collect::<Vec<_>>().join(", ")
        });
        match (damaged, is_same) {
            (1.., _) => Exit::Damaged,
            (0, true) => Exit::Done,
            (0, false) => Exit::No,
        }
    }
}

/// The place of an entry in the order of keys. Those without a text come last: the server has them
/// among the others.
type Position = (bool, Key);

/// The entries of a store on one side, in the order of their keys.
struct Side<'a> {
    context: &'a Context,
    rows: Rows<'a>,
    next: Option<(Position, Option<Sided>)>,
    last: Option<Position>,
    /// Entries of other programs whose keys have no text
    nameless: Vec<(Position, Option<Sided>)>,
    damaged: u64,
}

impl<'a> Side<'a> {
    fn new(context: &'a Context, rows: Rows<'a>) -> Self {
        Self {
            context,
            rows,
            next: None,
            last: None,
            nameless: Vec::new(),
            damaged: 0,
        }
    }

    /// Returns the place of the next entry.
    fn peek(&mut self) -> Result<Option<&Position>> {
        while self.next.is_none() {
            let Some(row) = self.rows.next().transpose()? else {
                // The last one is the first in their order.
                self.nameless.sort_by(|(one, _), (other, _)| other.cmp(one));
                self.next = self.nameless.pop();
                break;
            };
            let (key, sided) = match row {
                Row::Entry(entry, content) => (entry.address.key.clone(), Some((*entry, content))),
                Row::Foreign(found) => {
                    let key = found.entry.address.key.clone();
                    (key, Some((found.entry, found.content)))
                }
                Row::Damaged(address) => {
                    self.damaged += 1;
                    self.context
                        .warn(&format!("{address} is damaged and was not compared"));
                    (address.key, None)
                }
            };
            let place = (typed_name::nameless_id(key.as_str()).is_some(), key);
            if place.0 {
                self.nameless.push((place, sided));
                continue;
            }
            if self.last.as_ref().is_some_and(|last| *last > place) {
                if sided.is_some() {
                    bail!("cannot compare: the keys of a store came out of order");
                }
                continue;
            }
            self.last = Some(place.clone());
            self.next = Some((place, sided));
        }
        Ok(self.next.as_ref().map(|(place, _)| place))
    }

    /// Takes the next entry; `None` for a damaged one.
    fn take(&mut self) -> Option<Sided> {
        self.next.take().and_then(|(_, sided)| sided)
    }
}

/// Reports whether two values are the same bytes, holding a chunk of each.
fn are_equal(mut one: impl BufRead, mut other: impl BufRead) -> io::Result<bool> {
    loop {
        let (from, to) = (one.fill_buf()?, other.fill_buf()?);
        let count = from.len().min(to.len());
        if count == 0 || from[..count] != to[..count] {
            return Ok(from.is_empty() && to.is_empty());
        }
        one.consume(count);
        other.consume(count);
    }
}
