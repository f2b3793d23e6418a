//! Follows the changes of entries that a replica set reports: those of any client, FiftyOne
//! included, and removals by the TTL monitor.
//!
//! An event names the document that was written, but not one that was removed, since MongoDB keeps
//! nothing of it. So a watch looks up written entries by name, and scans everything after a
//! removal.
//!
//! One collection has a stream of its own. Several, or all, are followed by the stream of the
//! database, so that a collection that is made meanwhile is followed as well.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::error::{Error as DriverError, ErrorKind, Result as DriverResult};
use mongodb::options::{FullDocumentType, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database};
use tokio::task::JoinHandle;

use super::collections::NEVER_STORES;
use super::id::DocumentId;
use super::interned::Stores;
use super::{MongoBackend, change_counters, side_document};
use crate::backend::{ChangeFeed, ObserveBackend, Touched};
use crate::error::Result;
use crate::filter::Pattern;
use crate::scope::{Address, StoreAddress};
use crate::sync::lock;

/// Maximum number of buffered addresses of a collection; if there are more, everything is scanned.
const MAX_TOUCHED: usize = 250;

/// The delay before servers that failed are asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// The changes that the task received since the last poll.
#[derive(Default)]
struct Heard {
    /// The touched addresses of each collection; `None` if they are not known, or too many
    touched: BTreeMap<String, Option<BTreeSet<Address>>>,
    /// A collection was dropped or renamed, or events were missed
    any: bool,
    /// The error for which the stream is interrupted
    error: Option<DriverError>,
    /// Set if the stream has ended for good
    is_over: bool,
}

/// A stream of changes that is read as it comes.
struct Following {
    backend: MongoBackend,
    /// The collections whose changes are reported: all stores if there are none
    collections: Vec<Pattern>,
    /// By collection that was touched so far: it is a store
    are_stores: BTreeMap<String, bool>,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl ObserveBackend for MongoBackend {
    fn generation(&self, store: &StoreAddress) -> Result<u64> {
        change_counters::generation(&self.on_primary(), store)
    }

    fn change_token(&self) -> Result<u64> {
        change_counters::changes(&self.on_primary())
    }

    fn tells_every_change(&self) -> bool {
        false
    }

    // A standalone server has no change streams. Where reads go to secondaries, these may not have
    // the reported changes yet.
    fn follow(&self, collections: &[Pattern]) -> Result<Option<Box<dyn ChangeFeed>>> {
        let criteria = self.database.selection_criteria();
        let is_primary = |criteria: &SelectionCriteria| {
            matches!(
                criteria,
                SelectionCriteria::ReadPreference(ReadPreference::Primary)
            )
        };
        if !criteria.is_none_or(is_primary) {
            return Ok(None);
        }
        let source = match collections {
            [Pattern::Exact(collection)] => Source::Collection(self.documents(collection)?),
            _ => Source::Database(self.database.clone()),
        };
        let stream = match self.driver.run(source.open()) {
            Ok(stream) => stream,
            Err(error) if is_refusal(&error) => return Ok(None),
            Err(error) => return Err(self.error(error)),
        };
        let heard = Arc::default();
        let task = self
            .driver
            .spawn(listen(source, stream, Arc::clone(&heard)));
        Ok(Some(Box::new(Following {
            backend: self.on_primary(),
            collections: collections.to_vec(),
            are_stores: BTreeMap::new(),
            heard,
            task,
        })))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ChangeFeed for Following {
    fn touched(&mut self) -> Result<Touched> {
        let mut heard = lock(&self.heard);
        if let Some(error) = heard.error.take() {
            return Err(self.backend.error(error));
        }
        if heard.is_over {
            return Ok(Touched::Unknown);
        }
        let by_collection = std::mem::take(&mut heard.touched);
        let mut any = std::mem::take(&mut heard.any);
        drop(heard);
        if any {
            self.are_stores.clear();
        }
        let mut touched = BTreeSet::new();
        for (collection, addresses) in by_collection {
            if self.is_followed(&collection)? {
                any |= addresses.is_none();
                touched.extend(addresses.into_iter().flatten());
            }
        }
        Ok(if any {
            Touched::Any
        } else {
            Touched::These(touched)
        })
    }
}

impl Following {
    /// Reports whether the changes of a collection are asked for. One that is not named must be a
    /// store: it has its indexes before its first document.
    fn is_followed(&mut self, collection: &str) -> Result<bool> {
        let exact = Pattern::exact(collection);
        if self.collections.contains(&exact) {
            return Ok(true);
        }
        let is_meant = |pattern: &Pattern| pattern.matches(collection);
        if !self.collections.is_empty() && !self.collections.iter().any(is_meant) {
            return Ok(false);
        }
        if let Some(is_store) = self.are_stores.get(collection) {
            return Ok(*is_store);
        }
        let is_store = self
            .backend
            .collections()?
            .iter()
            .any(|name| name == collection);
        self.are_stores.insert(collection.to_owned(), is_store);
        Ok(is_store)
    }
}

/// The source of a stream of changes.
enum Source {
    Collection(Collection<RawDocumentBuf>),
    /// Every collection that may be a store
    Database(Database),
}

impl Source {
    async fn open(&self) -> DriverResult<ChangeStream<Document>> {
        // The driver needs the first three to go on after a failure.
        let fields = doc! { "$project": {
            "_id": 1, "ns": 1, "operationType": 1, "fullDocument._id": 1,
            "fullDocument.store_name": 1, "fullDocument.key": 1, "fullDocument.dataset_id": 1,
        } };
        let lookup = FullDocumentType::UpdateLookup;
        Ok(match self {
            Self::Collection(documents) => {
                let watch = documents.watch().pipeline([fields]);
                watch.full_document(lookup).await?.with_type()
            }
            Self::Database(database) => {
                let never = NEVER_STORES.map(|beginning| beginning.replace('.', r"\."));
                let (never, ours) = (never.join("|"), change_counters::COLLECTION);
                let notes = side_document::SUFFIX.replace('.', r"\.");
                let never = format!("^({never})|{notes}$|^{ours}$");
                let may_be_store = doc! { "ns.coll": { "$not": { "$regex": never } } };
                let pipeline = [doc! { "$match": may_be_store }, fields];
                let watch = database.watch().pipeline(pipeline);
                watch.full_document(lookup).await?.with_type()
            }
        })
    }
}

/// Reports whether the server has no change streams, now or later.
fn is_refusal(error: &DriverError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(_))
}

/// Listens for as long as there is something to be heard.
async fn listen(source: Source, mut stream: ChangeStream<Document>, heard: Arc<Mutex<Heard>>) {
    let mut stores = HashMap::new();
    loop {
        // After a stepdown the driver goes on by itself where it was.
        let error = loop {
            match stream.next_if_any().await {
                Ok(Some(event)) => hear(&event, &mut stores, &mut lock(&heard)),
                Ok(None) if stream.is_alive() => {}
                // The collection or the database was dropped or renamed.
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        lock(&heard).error = error;
        stream = loop {
            tokio::time::sleep(AGAIN).await;
            match source.open().await {
                Ok(stream) => break stream,
                Err(error) if is_refusal(&error) => {
                    lock(&heard).is_over = true;
                    return;
                }
                Err(_) => {}
            }
        };
        // A scan finds the changes that were missed in between.
        lock(&heard).any = true;
    }
}

fn hear(event: &Document, stores: &mut HashMap<String, Stores>, heard: &mut Heard) {
    let word = event.get_str("operationType").unwrap_or_default();
    let namespace = event.get_document("ns").ok();
    let collection = namespace.and_then(|namespace| namespace.get_str("coll").ok());
    let Some(collection) = collection.filter(|_| is_of_document(word)) else {
        heard.any = true;
        return;
    };
    let stores = stores
        .entry(collection.to_owned())
        .or_insert_with(|| Stores::of(collection));
    let touched = heard
        .touched
        .entry(collection.to_owned())
        .or_insert_with(|| Some(BTreeSet::new()));
    match (address(event, stores), &mut *touched) {
        (Some(address), Some(addresses)) if addresses.len() < MAX_TOUCHED => {
            addresses.insert(address);
        }
        _ => *touched = None,
    }
}

/// Reports whether an event is that of one document, and not of a whole collection.
fn is_of_document(word: &str) -> bool {
    matches!(word, "insert" | "update" | "replace" | "delete")
}

/// Returns the address of a written document; `None` for a removal or another document.
fn address(event: &Document, stores: &mut Stores) -> Option<Address> {
    let document = event.get_document("fullDocument").ok()?;
    let raw = RawDocumentBuf::try_from(document).ok()?;
    let id = DocumentId::read(&raw, "_id")?;
    Some(stores.address(&raw, &id))
}
