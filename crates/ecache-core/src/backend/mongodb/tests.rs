//! The backend against a real server, which `tests/mongodb/with` starts.

use std::ops::Deref;

use mongodb::bson::oid::ObjectId;

use super::MongoBackend;
use crate::backend::conformance::{EVERY, check};
use crate::backend::sqlite::Access;

/// A database of its own, which is gone afterwards.
struct TemporaryDatabase(MongoBackend);

impl TemporaryDatabase {
    fn new() -> Self {
        let server =
            std::env::var("ECACHE_TEST_MONGODB").expect("tests/mongodb/with names a server");
        let (hosts, options) = server
            .split_once("/?")
            .unwrap_or((server.trim_end_matches('/'), ""));
        let uri = format!("{hosts}/ecache-{}?{options}", ObjectId::new());
        Self(MongoBackend::open(&uri, Access::Write).expect("a location"))
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
        let _ = self.0.database.drop().run();
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with cargo test --features mongodb -- --ignored"]
fn mongodb_keeps_the_contract() {
    check(EVERY, TemporaryDatabase::new);
}
