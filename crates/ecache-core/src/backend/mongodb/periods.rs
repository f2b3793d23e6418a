//! The documents of the counts of an hour and a group of calls.

use std::sync::Arc;

use mongodb::bson::{Bson, Document, RawDocument, doc};

use super::change_counters;
use super::value::number;
use crate::usage::{CallGroup, Counts, HOUR, Period};

/// Returns the update that adds counts to their document.
pub(super) fn increment(period: &Period) -> Document {
    let mut id = doc! { "begins_at": period.begins_at };
    match &period.group {
        CallGroup::Of {
            store,
            user,
            operator,
        } => {
            id.extend(change_counters::generation_id(store));
            id.insert("user_id", user.as_deref());
            id.insert("operator_uri", operator.as_deref());
        }
        CallGroup::Other => {
            id.insert("other", true);
        }
    }
    let counts = Counts::NAMES.into_iter().zip(period.counts.fields());
    let counts = counts.filter(|(_, count)| *count > 0);
    let counts = counts.map(|(name, count)| (name.to_owned(), Bson::Int64(number(count))));
    doc! {
        "q": { "_id": id },
        "u": { "$inc": counts.collect::<Document>() },
        "upsert": true,
    }
}

/// Returns the counts of an hour and group, which `id` names.
pub(super) fn period_of(id: &RawDocument, counts: &RawDocument) -> Option<Period> {
    let name = |field: &str| id.get_str(field).ok().map(Arc::from);
    let group = match change_counters::store_of(id) {
        Some(store) => CallGroup::Of {
            store: store.into(),
            user: name("user_id"),
            operator: name("operator_uri"),
        },
        None => CallGroup::Other,
    };
    let count = |field| {
        counts
            .get_i64(field)
            .ok()
            .and_then(|count| u64::try_from(count).ok())
    };
    Some(Period {
        begins_at: id.get_i64("begins_at").ok()?,
        length: HOUR,
        group,
        counts: Counts::of_fields(Counts::NAMES.map(|field| count(field).unwrap_or(0))),
    })
}
