//! Usage in the side collections: hits in the entries' side documents, counts by hour and group,
//! and how far each usage log is folded, in the collection `ecache`.
//!
//! A server need not have transactions. The offset is moved first, and its document says that the
//! counts are still being added; if that never ends, the time of it is reported as one in which not
//! every call was counted. Nothing is counted twice.
//!
//! The document of a log says when the log was folded. Other hosts cannot read the log, so from
//! then on its host may have counted more. A process that counts calls in memory says so in a
//! document of its own (`tally`) until it has added them.

use std::collections::BTreeSet;

use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc, oid::ObjectId};

use super::MongoBackend;
use super::change_counters::{self, COLLECTION};
use super::moved_counts::Moves;
use super::periods::{increment, period_of};
use super::side_document::Note;
use super::value::{date, number, timestamp};
use crate::backend::{CallCountBackend, Values};
use crate::entry::MAX_COUNT;
use crate::error::Result;
use crate::time::Timestamp;
use crate::usage::{
    CallGroup, EntryUse, Gap, HOUR, KEPT, LogId, LogRange, Period, Recorded, Tally, UsageBatch,
};

/// The field of the `_id` of a tally.
const TALLY: &str = "tally";

impl CallCountBackend for MongoBackend {
    fn add_usage(
        &self,
        batch: &UsageBatch,
        position: Option<LogRange>,
        now: Timestamp,
    ) -> Result<bool> {
        for period in &batch.periods {
            if let CallGroup::Of { store, .. } = &period.group {
                store.check()?;
            }
        }
        if let Some(position) = position
            && !claim(self, position, now)?
        {
            return Ok(false);
        }
        let mut updates: Vec<Document> = batch.periods.iter().map(increment).collect();
        updates.extend(batch.gaps.iter().map(|gap| note_gap(*gap)));
        updates.extend(batch.closed.iter().map(|log| {
            let set = doc! { "$set": { "is_closed": true } };
            doc! { "q": { "_id": { "log": log.0 } }, "u": set }
        }));
        updates.extend(batch.begun.iter().map(|tally| {
            let set = doc! { "$set": { "since": date(tally.since) } };
            doc! { "q": { "_id": { TALLY: tally.id } }, "u": set, "upsert": true }
        }));
        change_counters::update(self, &updates)?;
        for one in &batch.uses {
            add_use(self, one)?;
        }
        if let Some(LogRange { log, .. }) = position {
            let done = doc! {
                "q": { "_id": { "log": log.0 } },
                "u": { "$unset": { "adding_since": "" } },
            };
            change_counters::update(self, &[done])?;
        }
        if !batch.uses.is_empty() {
            change_counters::bump(self, &BTreeSet::new())?;
        }
        let too_old = now.as_millis().saturating_sub(KEPT);
        let before = date(Timestamp::from_millis(too_old));
        let begun = |tally: &&Tally| !batch.begun.iter().any(|begun| begun.id == tally.id);
        let ended = batch.ended.iter().filter(begun);
        let ended = ended.map(|tally| doc! { TALLY: tally.id });
        let forgotten = batch.forgotten.iter().map(|log| doc! { "log": log.0 });
        let gone: Vec<Document> = ended.chain(forgotten).collect();
        let old = doc! { "$or": [
            { "_id": { "$in": gone } },
            { "_id.begins_at": { "$lt": too_old } },
            { "folded_at": { "$lt": before } },
            { "since": { "$lt": before } },
        ] };
        let usage = self.database.collection::<Document>(COLLECTION);
        self.run(usage.delete_many(old))?;
        Ok(true)
    }

    fn has_many_hosts(&self) -> bool {
        true
    }

    fn folded(&self, log: LogId) -> Result<u64> {
        let usage = self.database.collection::<Document>(COLLECTION);
        let found = self.run(usage.find_one(doc! { "_id": { "log": log.0 } }))?;
        let offset = found.and_then(|log| log.get_i64("offset").ok());
        Ok(offset
            .and_then(|offset| u64::try_from(offset).ok())
            .unwrap_or(0))
    }

    fn folded_logs(&self) -> Result<Vec<(LogId, Option<Timestamp>)>> {
        let usage = self.database.collection::<RawDocumentBuf>(COLLECTION);
        let mut logs = Vec::new();
        let found = usage.find(doc! { "folded_at": { "$exists": true } });
        self.each(found.batch(), |raw| {
            let id = raw.get_document("_id").and_then(|id| id.get_i64("log"));
            if let (Ok(id), Ok(folded_at)) = (id, raw.get_datetime("folded_at")) {
                let is_open = raw.get_bool("is_closed").is_err();
                logs.push((LogId(id), is_open.then(|| timestamp(folded_at))));
            }
        })?;
        Ok(logs)
    }

    fn tallies(&self) -> Result<Vec<Tally>> {
        let usage = self.database.collection::<RawDocumentBuf>(COLLECTION);
        let mut tallies = Vec::new();
        let found = usage.find(doc! { "since": { "$exists": true } });
        self.each(found.batch(), |raw| {
            let id = raw.get_document("_id").and_then(|id| id.get_i64(TALLY));
            if let (Ok(id), Ok(since)) = (id, raw.get_datetime("since")) {
                let since = timestamp(since);
                tallies.push(Tally { since, id });
            }
        })?;
        Ok(tallies)
    }

    fn usage_since(&self, from: Timestamp, logs: &[LogId]) -> Result<Recorded> {
        let mut recorded = Recorded::default();
        for log in logs {
            recorded.folded.push(self.folded(*log)?);
        }
        let begin = from.as_millis().saturating_sub(HOUR);
        let usage = self.database.collection::<RawDocumentBuf>(COLLECTION);
        let query = doc! { "$or": [
            { "_id.begins_at": { "$gt": begin } },
            { "adding_since": { "$exists": true } },
        ] };
        let mut moves = Moves::default();
        self.each(usage.find(query).batch(), |raw| {
            read(raw, &mut recorded);
            moves.read(raw);
        })?;
        recorded.periods.extend(moves.not_moved());
        Ok(recorded)
    }
}

/// Adds counts to the documents of their periods.
pub(super) fn add_periods(backend: &MongoBackend, periods: Vec<Period>) -> Result<()> {
    let updates: Vec<Document> = periods.iter().map(increment).collect();
    change_counters::update(backend, &updates)
}

/// Moves the offset of a log, if it is still the first one of `position`.
fn claim(backend: &MongoBackend, position: LogRange, now: Timestamp) -> Result<bool> {
    let LogRange { log, from, to } = position;
    let usage = backend.database.collection::<Document>(COLLECTION);
    let id = doc! { "log": log.0 };
    if from == 0 {
        let first = doc! {
            "q": { "_id": id.clone() },
            "u": { "$setOnInsert": { "offset": 0_i64 } },
            "upsert": true,
        };
        change_counters::update(backend, &[first])?;
    }
    let mut is_still = doc! { "_id": id };
    is_still.insert("offset", number(from));
    let set = doc! { "$set": { "offset": number(to), "adding_since": date(now), "folded_at": date(now) } };
    let updated = backend.run(usage.update_one(is_still, set))?;
    Ok(updated.matched_count > 0)
}

fn note_gap(gap: Gap) -> Document {
    let begins_at = gap.from.as_millis().div_euclid(HOUR).saturating_mul(HOUR);
    doc! {
        "q": { "_id": { "begins_at": begins_at, "gap": true } },
        "u": {
            "$min": { "from": gap.from.as_millis() },
            "$max": { "until": gap.until.as_millis() },
        },
        "upsert": true,
    }
}

/// Adds the hits of one entry to its side document.
fn add_use(backend: &MongoBackend, one: &EntryUse) -> Result<()> {
    let collection = &*one.entry.store.collection;
    let Some(found) = backend.found(&one.entry.address())? else {
        return Ok(());
    };
    // Those of a result from before it was created belong to an earlier entry of its key.
    if one.written_at < found.created_at {
        return Ok(());
    }
    backend.prepare(collection)?;
    let notes = backend.notes_on(collection, found.id.clone(), Values::Omit)?;
    let sum = |field: &str, more: i64| {
        let known = doc! { "$ifNull": [field, 0_i64] };
        doc! { "$cond": [
            { "$gte": [known.clone(), i64::MAX - more] },
            number(MAX_COUNT),
            { "$add": [known, more] },
        ] }
    };
    match found.note(&notes) {
        Some(note) => {
            let used = doc! { "$max": ["$last_used_at", date(one.used_at)] };
            let set = doc! { "$set": {
                "hits": sum("$hits", number(one.hits)),
                "saved_ms": sum("$saved_ms", number(one.saved_ms)),
                "last_used_at": used,
            } };
            let notes = backend.notes(collection)?;
            backend.run(notes.update_one(doc! { "_id": note.id }, vec![set]))?;
            Ok(())
        }
        // An entry that FiftyOne wrote has no note yet.
        None => backend.insert_note(
            collection,
            &Note {
                id: ObjectId::new(),
                written_at: found.written_at(),
                entry: found.id,
                wrote: None,
                last_used_at: Some(one.used_at),
                hits: one.hits.min(MAX_COUNT),
                saved_ms: one.saved_ms.min(MAX_COUNT),
            },
        ),
    }
}

fn read(raw: &RawDocument, recorded: &mut Recorded) {
    if let Ok(since) = raw.get_datetime("adding_since") {
        let since = Timestamp::from_millis(since.timestamp_millis());
        recorded.gaps.push(Gap {
            from: since,
            until: since,
        });
        return;
    }
    let Ok(id) = raw.get_document("_id") else {
        return;
    };
    if id.get_bool("gap").is_ok() {
        if let (Ok(from), Ok(until)) = (raw.get_i64("from"), raw.get_i64("until")) {
            recorded.gaps.push(Gap {
                from: Timestamp::from_millis(from),
                until: Timestamp::from_millis(until),
            });
        }
        return;
    }
    recorded.periods.extend(period_of(id, raw));
}
