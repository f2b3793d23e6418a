//! `ecache stores ls`: lists stores, with their entries and metadata.

use anyhow::Result;

use super::super::shared::filter::{Unless, filter, note_unknown_names};
use crate::cli::StoresListArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column};

/// The column of names, which are known in a database alone.
const DATASET_NAME: usize = 2;

const COLUMNS: [Column; 7] = [
    Column::text("store_name"),
    Column::text("dataset_id"),
    Column::text("dataset_name"),
    Column::text("collection"),
    Column::number("entries"),
    Column::number("size"),
    Column::text("metadata"),
];

pub(super) fn run(context: &Context, args: StoresListArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let now = context.now();
    let filter = filter(context, &args.filter, Unless::AnyCollection, now)?;
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let mut stores = backend.stores()?;
    stores.retain(|store| filter.matches_store(&store.address));
    let datasets = context.datasets()?;
    let mut columns = COLUMNS.to_vec();
    if !datasets.are_known() {
        columns.remove(DATASET_NAME);
    }
    let mut rows = context.rows(context.format(args.format), &columns)?;
    let mut is_empty = true;
    for store in &stores {
        let usage = backend.usage(&filter.within(&store.address).into(), now)?;
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
            metadata.map_or(Cell::Null, |metadata| {
                Cell::Json(metadata.value.as_str().into())
            }),
        ];
        if !datasets.are_known() {
            cells.remove(DATASET_NAME);
        }
        rows.row(&cells)?;
    }
    rows.finish()?;
    if is_empty && context.terminal.stdout_is_terminal {
        context.note("there is no store");
    }
    Ok(args.filter.exit(is_empty))
}
