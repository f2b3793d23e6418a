//! Follows the changes of entries that a replica set reports: those of any client, FiftyOne
//! included, and removals by the TTL monitor.
//!
//! An event names the document that was written, but not one that was removed, since MongoDB keeps
//! nothing of it. So a watch looks up written entries by name, and scans everything after a
//! removal.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::error::{Error as DriverError, ErrorKind, Result as DriverResult};
use mongodb::options::{FullDocumentType, ReadPreference, SelectionCriteria};
use tokio::task::JoinHandle;

use super::MongoBackend;
use super::document::Stores;
use super::id::DocumentId;
use crate::backend::{Follow, Touched};
use crate::error::Result;
use crate::scope::Address;

/// Maximum number of buffered addresses; if there are more, everything is scanned.
const MAX_TOUCHED: usize = 250;

/// The delay before servers that failed are asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// The changes that the task received since the last poll.
#[derive(Default)]
struct Heard {
    touched: BTreeSet<Address>,
    /// Something was touched that has no known address, or too much for `touched`
    any: bool,
    /// The error for which the stream is interrupted
    error: Option<DriverError>,
    /// Set if the stream has ended for good
    is_over: bool,
}

/// A stream of changes that is read as it comes.
struct Following {
    backend: MongoBackend,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to follow a collection; `None` if the server has no change streams, as a standalone one.
///
/// Also `None` if reads go to secondaries, which may not have the reported changes yet.
pub(super) fn follow(backend: &MongoBackend, collection: &str) -> Result<Option<Box<dyn Follow>>> {
    let criteria = backend.database.selection_criteria();
    let is_primary = |criteria: &SelectionCriteria| {
        matches!(
            criteria,
            SelectionCriteria::ReadPreference(ReadPreference::Primary)
        )
    };
    if !criteria.is_none_or(is_primary) {
        return Ok(None);
    }
    let documents = backend.documents(collection)?;
    let stream = match backend.driver.run(open(&documents)) {
        Ok(stream) => stream,
        Err(error) if is_refusal(&error) => return Ok(None),
        Err(error) => return Err(backend.error(error)),
    };
    let heard = Arc::default();
    let task = backend
        .driver
        .spawn(listen(documents, stream, Arc::clone(&heard)));
    let backend = backend.on_primary();
    Ok(Some(Box::new(Following {
        backend,
        heard,
        task,
    })))
}

impl Follow for Following {
    fn touched(&mut self) -> Result<Touched> {
        let mut heard = lock(&self.heard);
        if let Some(error) = heard.error.take() {
            return Err(self.backend.error(error));
        }
        if heard.is_over {
            return Ok(Touched::Unknown);
        }
        let touched = std::mem::take(&mut heard.touched);
        Ok(if std::mem::take(&mut heard.any) {
            Touched::Any
        } else {
            Touched::These(touched)
        })
    }
}

/// The server said no, and will say so again.
fn is_refusal(error: &DriverError) -> bool {
    matches!(&*error.kind, ErrorKind::Command(_))
}

async fn open(documents: &Collection<RawDocumentBuf>) -> DriverResult<ChangeStream<Document>> {
    // The driver needs the first three to go on after a failure.
    let fields = doc! {
        "_id": 1, "ns": 1, "operationType": 1, "fullDocument._id": 1, "fullDocument.store_name": 1,
        "fullDocument.key": 1, "fullDocument.dataset_id": 1,
    };
    let stream = documents.watch().pipeline([doc! { "$project": fields }]);
    let stream = stream.full_document(FullDocumentType::UpdateLookup).await?;
    Ok(stream.with_type())
}

/// Listens for as long as there is something to be heard.
async fn listen(
    documents: Collection<RawDocumentBuf>,
    mut stream: ChangeStream<Document>,
    heard: Arc<Mutex<Heard>>,
) {
    let mut stores = Stores::of(documents.name());
    loop {
        // After a stepdown the driver goes on by itself where it was.
        let error = loop {
            match stream.next_if_any().await {
                Ok(Some(event)) => hear(&event, &mut stores, &mut lock(&heard)),
                Ok(None) if stream.is_alive() => {}
                // The collection was dropped or renamed.
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        lock(&heard).error = error;
        stream = loop {
            tokio::time::sleep(AGAIN).await;
            match open(&documents).await {
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

fn hear(event: &Document, stores: &mut Stores, heard: &mut Heard) {
    match address(event, stores) {
        Some(address) if heard.touched.len() < MAX_TOUCHED => _ = heard.touched.insert(address),
        _ => heard.any = true,
    }
    if heard.any {
        heard.touched.clear();
    }
}

/// Returns the address of a written document; `None` for a removal and for what is no entry.
fn address(event: &Document, stores: &mut Stores) -> Option<Address> {
    let document = event.get_document("fullDocument").ok()?;
    let raw = RawDocumentBuf::try_from(document).ok()?;
    let id = DocumentId::read(&raw, "_id")?;
    Some(stores.address(&raw, &id))
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
