//! Counts of calls that a renaming moves to the new name of their store.
//!
//! There is no transaction. The counts of a document are set aside within it first, under a mark of
//! the move and with the new name. The update that adds them to the document of the new name notes
//! the mark there, and adds nothing where it is noted already. So a move that stopped anywhere
//! loses nothing and counts nothing twice, and the next renaming of any store ends it.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, doc, oid::ObjectId};

use super::MongoBackend;
use super::change_counters::{self, COLLECTION};
use super::periods::{increment, period_of};
use crate::error::Result;
use crate::scope::StoreAddress;
use crate::usage::{CallGroup, Counts, Period};

/// The field of the counts that are set aside.
const MOVING: &str = "moving";

/// The field of the marks of the moves whose counts were added.
const MOVED: &str = "moved";

/// Moves the counts of a store to another name, after those whose move has stopped.
pub(super) fn move_counts(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
) -> Result<()> {
    end_moves(backend)?;
    set_aside(backend, from, to)?;
    end_moves(backend)
}

/// Sets the counts of a store aside, to be moved to another name.
pub(super) fn set_aside(
    backend: &MongoBackend,
    from: &StoreAddress,
    to: &StoreAddress,
) -> Result<()> {
    let usage = backend.database.collection::<RawDocumentBuf>(COLLECTION);
    let mut these = doc! { "_id.begins_at": { "$exists": true } };
    for (field, name) in change_counters::generation_id(from) {
        these.insert(format!("_id.{field}"), name);
    }
    let counts: Document = Counts::NAMES
        .into_iter()
        .map(|name| (name.to_owned(), Bson::from(format!("${name}"))))
        .collect();
    for id in ids(backend, these)? {
        let these = doc! { "_id": id, MOVING: { "$exists": false } };
        // A name may begin with a dollar.
        let moving = doc! {
            "mark": ObjectId::new(),
            "to": { "$literal": change_counters::generation_id(to) },
            "counts": counts.clone(),
        };
        let update = vec![
            doc! { "$set": { MOVING: moving } },
            doc! { "$unset": Counts::NAMES.to_vec() },
        ];
        backend.run(usage.update_one(these, update))?;
    }
    Ok(())
}

/// Ends the moves of all counts that are set aside.
fn end_moves(backend: &MongoBackend) -> Result<()> {
    for id in ids(backend, doc! { MOVING: { "$exists": true } })? {
        let usage = backend.database.collection::<RawDocumentBuf>(COLLECTION);
        // Another renaming may have ended it.
        let Some(raw) = backend.run(usage.find_one(doc! { "_id": id }))? else {
            continue;
        };
        if let Some(moving) = Moving::read(&raw) {
            add(backend, &moving)?;
            forget(backend, &raw, &moving)?;
        }
    }
    Ok(())
}

/// Adds counts to the document of the new name, unless it has them.
pub(super) fn add(backend: &MongoBackend, moving: &Moving) -> Result<()> {
    let to = Period {
        group: moving.to.clone(),
        ..moving.period.clone()
    };
    let mut once = increment(&to);
    let id = once.get_document("q").cloned().unwrap_or_default();
    // By itself, since an update that both inserts and tests for the mark would insert again.
    let first = doc! { "q": id, "u": { "$setOnInsert": { "hits": 0_i64 } }, "upsert": true };
    change_counters::update(backend, &[first])?;
    once.insert("upsert", false);
    if let Ok(query) = once.get_document_mut("q") {
        query.insert(MOVED, doc! { "$ne": moving.mark });
    }
    if let Ok(update) = once.get_document_mut("u") {
        update.insert("$push", doc! { MOVED: moving.mark });
    }
    change_counters::update(backend, &[once])
}

/// Removes counts that were added to the new name from the document of the old one, and the
/// document with them unless it has got others.
fn forget(backend: &MongoBackend, raw: &RawDocument, moving: &Moving) -> Result<()> {
    let usage = backend.database.collection::<Document>(COLLECTION);
    let id = raw.get("_id").ok().flatten();
    let id = id.and_then(|id| Bson::try_from(id).ok());
    let these = doc! { "_id": id.unwrap_or(Bson::Null), "moving.mark": moving.mark };
    let mut empty = these.clone();
    for name in Counts::NAMES {
        empty.insert(name, doc! { "$exists": false });
    }
    let deleted = backend.run(usage.delete_one(empty))?;
    if deleted.deleted_count == 0 {
        backend.run(usage.update_one(these, doc! { "$unset": { MOVING: "" } }))?;
    }
    Ok(())
}

fn ids(backend: &MongoBackend, these: Document) -> Result<Vec<Document>> {
    let usage = backend.database.collection::<RawDocumentBuf>(COLLECTION);
    let mut ids = Vec::new();
    let find = usage.find(these).projection(doc! { "_id": 1 });
    backend.each(find.batch(), |raw| {
        let id = raw.get_document("_id").ok();
        ids.extend(id.and_then(|id| Document::try_from(id).ok()));
    })?;
    Ok(ids)
}

/// Counts that are set aside.
pub(super) struct Moving {
    mark: ObjectId,
    /// The counts, of the old name
    period: Period,
    /// The same group of calls, of the new name
    to: CallGroup,
}

impl Moving {
    pub(super) fn read(raw: &RawDocument) -> Option<Self> {
        let moving = raw.get_document(MOVING).ok()?;
        let id = raw.get_document("_id").ok()?;
        let period = period_of(id, moving.get_document("counts").ok()?)?;
        let CallGroup::Of { user, operator, .. } = &period.group else {
            return None;
        };
        let to = CallGroup::Of {
            store: change_counters::store_of(moving.get_document("to").ok()?)?.into(),
            user: user.clone(),
            operator: operator.clone(),
        };
        let mark = moving.get_object_id("mark").ok()?;
        Some(Self { mark, period, to })
    }
}

/// The moves that documents speak of.
///
/// A reader counts those set aside for their old name, unless they were added to the new one.
#[derive(Default)]
pub(super) struct Moves {
    moving: Vec<Moving>,
    moved: BTreeSet<ObjectId>,
}

impl Moves {
    pub(super) fn read(&mut self, raw: &RawDocument) {
        self.moving.extend(Moving::read(raw));
        let marks = raw.get_array(MOVED).into_iter().flatten();
        let marks = marks.filter_map(|mark| mark.ok()?.as_object_id());
        self.moved.extend(marks);
    }

    /// Returns the counts that are set aside and were not added.
    pub(super) fn not_moved(self) -> impl Iterator<Item = Period> {
        let Self { moving, moved } = self;
        let moving = moving.into_iter();
        moving
            .filter(move |moving| !moved.contains(&moving.mark))
            .map(|moving| moving.period)
    }
}
