//! From filters to queries that FiftyOne's indexes answer.
//!
//! A query selects at least the entries that its filter matches, never fewer; the caller checks the
//! results against the filter. Names are only ever values: each stands behind an operator of ours.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::id::DocumentId;
use super::name;
use super::value::date;
use crate::entry::{CLOCK_SKEW, Policy};
use crate::filter::{DatasetPattern, Filter, Freshness, Jobs, Pattern};
use crate::time::{Timestamp, whole_millis};
use crate::transient_job::{FIELDS, RUNNING, TOKEN};
use crate::typed_name;
use crate::value::Kind;

/// The field that the server computes in the place of a value.
pub(super) const SIZE: &str = "ecache_size";

/// Selects those of some documents whose value has base64 as FiftyOne writes it, without stray
/// bits. [`size`] has looked at the padding.
pub(super) fn base64(ids: &[DocumentId]) -> Document {
    const BASE64: &str = r"^[A-Za-z0-9+/]*+(?:(?<=[AQgw])==|(?<=[AEIMQUYcgkosw048])=)?\z";
    doc! { "_id": { "$in": ids }, "value.value": { "$regex": BASE64 } }
}

/// Returns the query for the documents that the filter may match.
pub(super) fn documents(filter: &Filter, now: Timestamp) -> Document {
    // FiftyOne's index is on these three in this order. A store's own document is recognised after
    // it is read: the server would check the index for it, one document after the other.
    let mut all = Vec::new();
    all.extend(named("store_name", &filter.stores));
    all.extend(named("key", &filter.keys));
    all.extend(datasets(&filter.datasets));
    match filter.policy {
        Some(Policy::Evict) => {
            // Where there is no policy, an expiry means `evict`.
            let dated = doc! { "policy": { "$ne": "persist" }, "expires_at": { "$type": "date" } };
            all.push(doc! { "$or": [{ "policy": "evict" }, dated] });
        }
        Some(Policy::Persist) => all.push(doc! { "policy": { "$ne": "evict" } }),
        None => {}
    }
    match filter.freshness {
        Some(Freshness::Expired) => {
            let by = date(filter.expired_by(now));
            all.push(doc! { "expires_at": { "$lte": by } });
        }
        Some(Freshness::Endless) => all.push(no_date("expires_at")),
        Some(Freshness::Fresh) => all
            .push(doc! { "$or": [no_date("expires_at"), { "expires_at": { "$gt": date(now) } }] }),
        None => {}
    }
    if let Some(by) = filter.expires_by {
        all.push(doc! { "expires_at": { "$gt": date(now), "$lte": date(by) } });
    }
    // An entry unused since then was not written since then either.
    let before = filter.written_before.into_iter().chain(filter.unused_since);
    let skewed = date(now.saturating_add(CLOCK_SKEW));
    if let Some(time) = before.min() {
        all.push(doc! { "$or": [
            written(doc! { "$lt": date(time) }),
            written(doc! { "$gt": skewed }),
        ] });
    }
    if let Some(time) = filter.written_after {
        all.push(written(doc! { "$gte": date(time), "$lte": skewed }));
    }
    all.extend(filter.jobs.map(|jobs| match jobs {
        Jobs::Only => job(),
        Jobs::Running => running_job(now),
        Jobs::Idle => doc! { "$and": [job(), { "$nor": [running_job(now)] }] },
        Jobs::NotRunning => doc! { "$nor": [running_job(now)] },
    }));
    if all.is_empty() {
        doc! {}
    } else {
        doc! { "$and": all }
    }
}

/// Selects the records of jobs, as [`Job::of`](crate::transient_job::Job::of) recognizes them.
fn job() -> Document {
    let mut all = doc! {
        "expires_at": { "$type": "date" },
        "value.state": { "$type": "string" },
        format!("value.{TOKEN}"): { "$type": ["int", "long"] },
        "value.cancel_requested": { "$type": "bool" },
        "value.lease_expires_at": { "$type": ["date", "null"] },
    };
    for field in FIELDS {
        all.insert(format!("value.{field}"), doc! { "$exists": true });
    }
    all
}

/// Selects the records of jobs that a worker owns at `now`, as
/// [`Job::is_running`](crate::transient_job::Job::is_running) recognizes them.
fn running_job(now: Timestamp) -> Document {
    doc! { "$and": [
        {
            "expires_at": { "$gt": date(now) },
            "value.state": RUNNING,
            "value.lease_expires_at": { "$gt": date(now) },
        },
        job(),
    ] }
}

/// Matches the time of the last write; documents without one match any condition.
fn written(condition: Document) -> Document {
    doc! { "$or": [{ "updated_at": condition }, no_date("updated_at")] }
}

/// Matches values that are not dates, missing fields included, from the two ends of an index. To
/// the server, an array of dates is each of them as well.
fn no_date(field: &str) -> Document {
    doc! { "$or": [
        { field: { "$not": { "$gte": DateTime::MIN } } },
        { field: { "$type": "array" } },
    ] }
}

/// Selects the documents whose key goes by another name than its own text, so that the server does
/// not order them as their names are.
pub(super) fn renamed_keys() -> Document {
    // Each type is a range of the index; `$not` would walk all of it.
    const OTHERS: [&str; 19] = [
        "double",
        "object",
        "array",
        "binData",
        "undefined",
        "objectId",
        "bool",
        "date",
        "regex",
        "dbPointer",
        "javascript",
        "symbol",
        "javascriptWithScope",
        "int",
        "timestamp",
        "long",
        "decimal",
        "minKey",
        "maxKey",
    ];
    doc! { "$or": [
        { "key": null },
        { "key": { "$type": OTHERS.to_vec() } },
        { "key": range(typed_name::PREFIX) },
    ] }
}

/// Returns the condition that a field has one of these names; `None` if it may have any.
fn named(field: &str, patterns: &[Pattern]) -> Option<Document> {
    let is_typed = |pattern: &&Pattern| match pattern {
        Pattern::Exact(name) => typed_name::is_typed(name),
        // Typed names are not in the documents.
        Pattern::Glob(glob) => may_be_typed(&glob.literal_prefix()),
    };
    let typed = patterns
        .iter()
        .filter(is_typed)
        .map(|pattern| match pattern {
            Pattern::Exact(name) => name::condition(field, name),
            Pattern::Glob(_) => doc! {},
        });
    let typed: Vec<Document> = typed.collect();
    if typed.contains(&doc! {}) {
        return None;
    }
    let texts = patterns.iter().filter(|pattern| !is_typed(pattern));
    let any: Vec<Document> = typed.into_iter().chain(texts_of(field, texts)).collect();
    (!any.is_empty()).then(|| either(any))
}

/// Selects the documents or notes of which one field is one of these texts.
fn texts_of<'a>(field: &str, patterns: impl Iterator<Item = &'a Pattern>) -> Option<Document> {
    let mut exact = Vec::new();
    let mut any = Vec::new();
    for pattern in patterns {
        match pattern {
            Pattern::Exact(name) => exact.push(Bson::from(name.as_str())),
            Pattern::Glob(glob) => match glob.literal_prefix() {
                prefix if prefix.is_empty() => return Some(doc! { field: { "$type": "string" } }),
                prefix => any.push(doc! { field: range(&prefix) }),
            },
        }
    }
    if !exact.is_empty() {
        any.push(doc! { field: { "$in": exact } });
    }
    (!any.is_empty()).then(|| either(any))
}

/// Reports whether typed names may begin with a prefix.
fn may_be_typed(prefix: &str) -> bool {
    typed_name::PREFIX.starts_with(prefix) || prefix.starts_with(typed_name::PREFIX)
}

fn either(mut any: Vec<Document>) -> Document {
    match any.len() {
        1 => any.remove(0),
        _ => doc! { "$or": any },
    }
}

/// Selects the texts that begin so; MongoDB orders texts by their bytes.
fn range(prefix: &str) -> Document {
    let mut above: Vec<char> = prefix.chars().collect();
    while let Some(last) = above.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            above.push(next);
            let above: String = above.into_iter().collect();
            return doc! { "$gte": prefix, "$lt": above };
        }
    }
    doc! { "$gte": prefix }
}

fn datasets(patterns: &[DatasetPattern]) -> Option<Document> {
    if patterns.is_empty() {
        return None;
    }
    let mut exact = Vec::new();
    for pattern in patterns {
        match pattern {
            DatasetPattern::Unlinked => exact.push(Bson::Null),
            DatasetPattern::Id(Pattern::Exact(id)) if typed_name::nameless_id(id).is_some() => {
                return None;
            }
            DatasetPattern::Id(Pattern::Exact(id)) => exact.extend(name::dataset(id)),
            // ObjectIds are not compared as texts are.
            DatasetPattern::Id(Pattern::Glob(_)) => return None,
        }
    }
    Some(name::one_of("dataset_id", exact))
}

/// Reports whether documents alone decide if a filter matches, without notes and sizes.
pub(super) fn is_told_by_documents(filter: &Filter) -> bool {
    notes(filter).is_none()
        && filter.kinds.is_empty()
        && filter.unused_since.is_none()
        && filter.min_hits.is_none()
        && !filter.never_used
        && filter.larger_than.is_none()
        && filter.smaller_than.is_none()
}

/// Returns the query for the notes on matching documents, if the filter has conditions that only
/// notes can meet.
pub(super) fn notes(filter: &Filter) -> Option<Document> {
    let fields = [
        ("user_id", &filter.users),
        ("operator_uri", &filter.operators),
        ("prompt_id", &filter.prompts),
    ];
    let mut all: Vec<Document> = fields
        .iter()
        .filter_map(|(field, patterns)| texts_of(field, patterns.iter()))
        .collect();
    if !filter.arguments.is_empty() {
        all.push(doc! { "args": { "$type": "string" } });
    }
    if let Some(cost) = filter.cost_above {
        let cost = i64::try_from(whole_millis(cost)).unwrap_or(i64::MAX);
        all.push(doc! { "cost_ms": { "$gt": cost } });
    }
    (!all.is_empty()).then(|| doc! { "$and": all })
}

/// Puts the length and the kind of a value in its place, so that values stay where they are, and
/// the length of the document, which tells whether it has another value.
///
/// A value that is called `bytes` may still have no base64, which [`base64`] decides: an expression
/// of the server fails at text that is not UTF-8.
pub(super) fn size() -> Vec<Document> {
    let is_string = |field: &str| doc! { "$eq": [{ "$type": field }, "string"] };
    let is_text = is_string("$value");
    let size = doc! { "$cond": [is_text.clone(), { "$strLenBytes": "$value" }, { "$bsonSize": { "v": "$value" } }] };
    let base64 = doc! { "$cond": [is_string("$value.value"), "$value.value", "?"] };
    let is_bytes = doc! { "$and": [
        is_string("$value._cls"),
        { "$eq": [{ "$mod": [{ "$strLenBytes": base64 }, 4] }, 0] },
        // In this order alone.
        { "$eq": ["$value", { "_cls": "bytes", "value": "$value.value" }] },
    ] };
    let [json, text, bytes] = [Kind::Json, Kind::Text, Kind::Bytes].map(Kind::as_str);
    let kind = doc! { "$cond": [is_text, text, { "$cond": [is_bytes, bytes, json] }] };
    vec![
        doc! { "$addFields": { SIZE: [size, kind, { "$bsonSize": "$$ROOT" }] } },
        doc! { "$project": { "value": 0 } },
    ]
}
