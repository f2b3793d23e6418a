//! The backend against a real server, which `tests/mongodb/with` starts.

mod foreign;
mod functions;
mod jobs;
mod kept_fields;
mod kinds;
mod moved;
mod moved_counts;
mod names;
mod notes;
mod operations;
mod own_documents;
mod partial;
mod queries;
mod refused;
mod repeated;
mod servers;

use std::ops::Deref;

use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use proptest::prelude::*;

use super::{MongoBackend, query, side_document, value};
use crate::backend::conformance::random::{fill, filters, records};
use crate::backend::conformance::{EVERY, NOW, check, entry, inline, scan};
use crate::backend::{
    Access, ChangeBackend, Condition, Content, CountBackend, Dimension, Lookup, MaintainBackend,
    Put, ReadBackend, Record, Scan, WriteBackend, no_progress,
};
use crate::entry::{Entry, Policy};
use crate::error::Error;
use crate::filter::{DatasetPattern, Filter, Freshness, Pattern, Usage};
use crate::scope::{DEFAULT_COLLECTION, Scopes, StoreAddress};
use crate::time::Timestamp;
use crate::usage::EntryUse;
use crate::value::Kind;

/// A database of its own, which is gone afterwards.
struct TemporaryDatabase(MongoBackend);

impl TemporaryDatabase {
    fn new() -> Self {
        Self::with("")
    }

    fn with(option: &str) -> Self {
        Self::at(&Self::uri(option))
    }

    fn at(uri: &str) -> Self {
        Self(MongoBackend::open(uri, Access::Write).expect("a location"))
    }

    /// Returns the location of a new database.
    fn uri(option: &str) -> String {
        let server = std::env::var("ECACHE_TEST_MONGODB").expect(NEEDS);
        let (hosts, options) = server
            .split_once("/?")
            .unwrap_or((server.trim_end_matches('/'), ""));
        let name = ObjectId::new();
        let uri = format!("{hosts}/ecache-{name}?{options}&{option}").replace("?&", "?");
        uri.trim_end_matches('&').to_owned()
    }
}

impl Deref for TemporaryDatabase {
    type Target = MongoBackend;

    fn deref(&self) -> &MongoBackend {
        &self.0
    }
}

impl Drop for TemporaryDatabase {
    fn drop(&mut self) {
        // The server's data is thrown away in any case.
        let _ = self.0.run(self.0.database.drop());
    }
}

const NEEDS: &str = "tests/mongodb/with names a server";

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn mongodb_keeps_the_contract() {
    check(EVERY, TemporaryDatabase::new);
}

/// Returns an entry of which everything is known.
fn full() -> Entry {
    Entry {
        policy: Policy::Persist,
        kind: Kind::Json,
        expires_at: None,
        scopes: Scopes {
            user_id: Some("ann".into()),
            ..Scopes::default()
        },
        args: Some("[1]".into()),
        ..entry("s", "k")
    }
}

fn write(backend: &MongoBackend, entry: &Entry, value: &str) -> Put {
    let put = backend.put(entry, &inline(value), &Condition::Always.into(), NOW);
    put.expect("an entry is written")
}

fn hit(backend: &MongoBackend) -> (Entry, Content) {
    match backend.lookup(&full().address, NOW).expect("a look-up") {
        Lookup::Hit(entry, content) => (*entry, content),
        other => panic!("no hit: {other:?}"),
    }
}

/// Returns the collection, for writes that bypass the backend as FiftyOne does.
fn theirs(backend: &MongoBackend) -> Collection<Document> {
    backend.database.collection(DEFAULT_COLLECTION)
}
