//! `ecache stores show`: all that is known of a store.

use anyhow::Result;
use ecache_core::entry::Policy;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Freshness};
use ecache_core::time::Timestamp;

use super::{find, known};
use crate::cli::StoresShowArgs;
use crate::context::Context;
use crate::error::Exit;
use crate::output::{Cell, Column};

pub(super) fn run(context: &Context, args: StoresShowArgs) -> Result<Exit> {
    let backend = context.reader()?;
    let now = context.now();
    let store = known(context, &args.store.store, &args.store.link)?;
    if find(context, backend.as_ref(), "show", &store)?.is_none() {
        return Ok(Exit::No);
    }
    let document = match backend.document(&store) {
        Err(error @ Error::ForeignValue { .. }) => {
            context.warn(&error.to_string());
            None
        }
        document => document?,
    };
    let datasets = context.datasets()?;
    let all = Filter::store(&store);
    let usage = |filter: Filter| backend.usage(&filter.into(), now);
    let persistent = usage(Filter {
        policy: Some(Policy::Persist),
        ..all.clone()
    })?;
    let expired = usage(Filter {
        freshness: Some(Freshness::Expired),
        ..all.clone()
    })?;
    let entries = usage(all)?;
    let document = document.as_ref();
    let time =
        |time: Option<Timestamp>| time.map_or(Cell::Null, |time| Cell::Time(time.as_millis()));
    let dataset_id = store.dataset_id.as_deref();
    let mut fields = vec![
        (Column::whole("store_name"), Cell::from(&*store.store_name)),
        (Column::whole("dataset_id"), Cell::from(dataset_id)),
    ];
    if datasets.have_names() {
        let name = Cell::from(datasets.name(dataset_id));
        fields.push((Column::whole("dataset_name"), name));
    }
    fields.extend([
        (Column::whole("collection"), Cell::from(&*store.collection)),
        (Column::number("entries"), Cell::Count(entries.entries)),
        (Column::number("size"), Cell::Size(entries.bytes)),
        (
            Column::number("persistent"),
            Cell::Count(persistent.entries),
        ),
        (Column::number("expired"), Cell::Count(expired.entries)),
        (
            Column::text("metadata"),
            document.map_or(Cell::Null, |known| Cell::Json(known.value.as_str().into())),
        ),
        (
            Column::whole("policy"),
            Cell::from(document.map(|known| known.policy.as_str())),
        ),
        (
            Column::whole("created_at"),
            time(document.map(|known| known.created_at)),
        ),
        (
            Column::whole("updated_at"),
            time(document.and_then(|known| known.updated_at)),
        ),
    ]);
    context.record(context.format(args.format.chosen()), fields)?;
    Ok(Exit::Done)
}
