//! The dataset of an entry that was looked up in vain.

use anyhow::Result;
use ecache_core::filter::{DatasetPattern, Filter};
use ecache_core::scope::{Address, is_fiftyone_id};
use ecache_core::typed_name;

use super::note_unknown_names;
use crate::context::Context;

/// Notes that the dataset of an entry that was looked up is unknown, unless it may be an id.
pub(in crate::commands) fn note_unknown_dataset(
    context: &Context,
    address: &Address,
) -> Result<()> {
    let dataset = address.store.dataset_id.as_deref();
    let Some(dataset) = dataset.filter(|dataset| !may_be_id(dataset)) else {
        return Ok(());
    };
    let filter = Filter {
        datasets: vec![DatasetPattern::exact(Some(dataset))],
        ..Filter::default()
    };
    note_unknown_names(context, context.reader()?.as_ref(), &filter)
}

fn may_be_id(dataset: &str) -> bool {
    is_fiftyone_id(dataset) || dataset.starts_with(typed_name::PREFIX)
}
