//! `ecache stores ls`: lists stores, with their entries and metadata.

use anyhow::Result;
use ecache_core::backend::{Backend, Dimension, Group, Holds};
use ecache_core::filter::Pattern;

use super::super::shared::filter::no_match::note_none_listed;
use super::super::shared::filter::{DefaultSelection, filter, note_unknown_names};
use crate::cli::filter::FilterArgs;
use crate::cli::{StoresListArgs, suggest};
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column};

/// The column of ids.
const DATASET_ID: usize = 1;

/// The rank of the column that has a dataset, next to that of its store.
const DATASET_RANK: u8 = 4;

/// The column of names, which are known in a database alone.
const DATASET_NAME: usize = 2;

const COLUMNS: [Column; 9] = [
    Column::text("store_name").asked(),
    Column::text("dataset_id"),
    Column::text("dataset_name"),
    Column::text("collection"),
    Column::number("entries"),
    Column::number("size"),
    Column::age("updated_at"),
    Column::whole("holds"),
    Column::text("metadata"),
];

pub(super) fn run(context: &Context, args: StoresListArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let now = context.now();
    let filter = filter(context, &args.filter, DefaultSelection::AnyCollection, now)?;
    let mut named = filter.clone();
    if let Some(word) = note_verb(context, backend.as_ref(), &args.filter)? {
        named.stores.retain(|store| *store != Pattern::exact(word));
    }
    note_unknown_names(context, backend.as_ref(), &named)?;
    let mut stores = backend.stores()?;
    stores.retain(|store| filter.matches_store(&store.address));
    let datasets = context.datasets()?;
    let mut columns = COLUMNS.to_vec();
    // A name or an id tells stores of one name apart.
    if datasets.have_names() {
        columns[DATASET_NAME] = columns[DATASET_NAME].ranked(DATASET_RANK);
    } else {
        columns[DATASET_ID] = columns[DATASET_ID].ranked(DATASET_RANK);
        columns.remove(DATASET_NAME);
    }
    let mut rows = context.rows(context.format(args.format.chosen()), &columns)?;
    let mut is_empty = true;
    for store in &stores {
        let within = filter.within(&store.address);
        let mut group = Group::default();
        for one in backend.groups(&within, Dimension::Collection, now)? {
            group.merge(one);
        }
        let usage = group.usage;
        // A condition on entries selects the stores that have such.
        if usage.entries == 0 && !filter.means_whole_stores() {
            continue;
        }
        is_empty = false;
        let metadata = store.metadata.as_ref();
        let dataset_id = store.address.dataset_id.as_deref();
        let mut cells = vec![
            Cell::from(&*store.address.store_name),
            Cell::from(dataset_id),
            Cell::from(datasets.name(dataset_id)),
            Cell::from(&*store.address.collection),
            Cell::Count(usage.entries),
            Cell::Size(usage.bytes),
            group
                .newest
                .map_or(Cell::Null, |time| Cell::Time(time.as_millis())),
            holds(group.holds),
            metadata.map_or(Cell::Null, |metadata| {
                Cell::Json(metadata.value.as_str().into())
            }),
        ];
        if !datasets.have_names() {
            cells.remove(DATASET_NAME);
        }
        rows.row(&cells)?;
    }
    rows.finish()?;
    if is_empty {
        note_none_listed(context, backend.as_ref(), &filter, now);
    }
    Ok(args.filter.exit(is_empty))
}

/// Warns about a word that reads like a verb of `stores` and names no store, and returns it.
fn note_verb<'a>(
    context: &Context,
    backend: &dyn Backend,
    typed: &'a FilterArgs,
) -> Result<Option<&'a str>> {
    let Some(word) = typed.store.argument().filter(|_| !typed.glob) else {
        return Ok(None);
    };
    let Some(tip) = suggest::instead_of_verb(word) else {
        return Ok(None);
    };
    if backend
        .names(Dimension::Store)?
        .iter()
        .any(|name| **name == **word)
    {
        return Ok(None);
    }
    context.absent(&format!("there is no verb or store {word:?}"), Some(&tip));
    Ok(Some(word))
}

/// Names what the entries of a store are results of.
fn holds(holds: Holds) -> Cell<'static> {
    let named = [
        (holds.commands, "command"),
        (holds.functions, "function"),
        (holds.values, "value"),
    ];
    let named = named.into_iter().filter(|(count, _)| *count > 0);
    let named: Vec<&str> = named.map(|(_, name)| name).collect();
    if named.is_empty() {
        Cell::Null
    } else {
        Cell::from(named.join(", "))
    }
}
