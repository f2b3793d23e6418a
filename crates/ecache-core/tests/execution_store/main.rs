//! FiftyOne's execution store on every backend, and defects of FiftyOne that it does not have.

#![allow(
    clippy::unwrap_used,
    reason = "an error of a store that is expected to work fails the test"
)]

mod entries;
mod stores;
mod subscription;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{Backend, Condition, Operation, Put, no_progress};
use ecache_core::entry::Policy;
use ecache_core::error::{Error, Result};
use ecache_core::execution_store::{
    Change, ExecutionStore, ExecutionStores, Lifetime, STORE_KEY, SetOptions, Subscription,
};
use ecache_core::filter::Usage;
use ecache_core::key::Key;
use ecache_core::python_json::Json;
use ecache_core::scope::{DEFAULT_COLLECTION, StoreAddress};
use ecache_core::time::{Clock, ManualClock, Timestamp};
use ecache_core::value::{CHUNK_SIZE, Value};

const MINUTE: Duration = Duration::from_secs(60);
const DATASET: &str = "6b03de2ec1f4a9d3b7e05c18";

/// A store on one kind of backend, and the clock that it reads.
struct Fixture {
    backend: Arc<dyn Backend>,
    clock: Arc<ManualClock>,
    store: ExecutionStore,
}

impl Fixture {
    fn new(backend: Arc<dyn Backend>) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_415_570_948)));
        let address = StoreAddress::new("thumbnails");
        let store = ExecutionStore::new(Arc::clone(&backend), clock.clone(), address);
        Self {
            backend,
            clock,
            store,
        }
    }

    fn stores(&self, dataset_id: Option<&str>) -> ExecutionStores {
        let backend = Arc::clone(&self.backend);
        ExecutionStores::new(backend, self.clock.clone(), DEFAULT_COLLECTION, dataset_id)
    }

    fn policy(&self, name: &str) -> Policy {
        let entry = self.store.get_entry(&key(name)).expect("readable");
        entry.expect("there").policy
    }
}

fn on_every_backend(test: impl Fn(Fixture)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    test(Fixture::new(sqlite(&folder.path().join("store.db"))));
}

fn sqlite(path: &Path) -> Arc<dyn Backend> {
    Arc::new(SqliteBackend::open(path, Access::Write).expect("a store in a temporary folder"))
}

fn key(name: &str) -> Key {
    Key::new(name).expect("a short key is valid")
}

fn text(text: &str) -> Value {
    Value::text(text)
}
