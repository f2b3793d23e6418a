//! The driver, called from threads that block, and its cursors, a batch at a time.
//!
//! Weighed: the driver's own blocking interface, which starts a thread for each processor and turns
//! to its runtime once a document (a hit took half as long again, a listing twice as long); no
//! thread at all, so that nothing but the caller drives the driver (a twentieth faster for one hit,
//! but connections go unattended while a caller reads slowly or between two calls an hour apart);
//! and one thread, which reads ahead while the caller works (chosen).

use std::collections::{HashMap, HashSet};
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::thread;
use std::time::Duration;

use futures_core::Stream;
use mongodb::bson::{
    Document, RawDocument, RawDocumentBuf, cstr, doc, serialize_to_raw_document_buf,
};
use mongodb::error::{Error as DriverError, Result as DriverResult};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use mongodb::{Client, Collection};
use tokio::join;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::document::{self, DescribedEntry};
use super::failure::Failure;
use super::id::{self, DocumentId};
use super::side_document::Note;
use super::{BATCH, MongoBackend, query};
use crate::backend::Values;
use crate::error::{Error, Result};
use crate::value::Kind;

/// Interval at which a running operation checks whether the server still answers, and the time-out
/// of that check.
const SILENCE: Duration = Duration::from_secs(5);

/// A client with the runtime that drives it.
pub(super) struct Driver {
    pub client: Client,
    /// `None` once it is dropped
    runtime: Option<Runtime>,
}

impl Driver {
    /// Creates a client inside the runtime in which its tasks will run.
    pub(super) fn new<C>(connect: C) -> DriverResult<Self>
    where
        C: AsyncFnOnce() -> DriverResult<Client>,
    {
        // The runtime would panic if no thread can be created.
        thread::Builder::new().spawn(|| ())?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let client = runtime.block_on(connect())?;
        Ok(Self {
            client,
            runtime: Some(runtime),
        })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("it is there until the drop")
    }

    /// Waits for an operation of the driver.
    pub(super) fn run<T>(&self, action: impl IntoFuture<Output = T>) -> T {
        self.runtime().block_on(action.into_future())
    }

    /// Starts a task in the background.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime().spawn(task)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A plain drop would wait for a server that does not answer.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl MongoBackend {
    /// Waits for an operation of the driver, and converts its error to ours.
    ///
    /// An operation may take any time, as long as the server answers a ping meanwhile: the driver
    /// itself would wait for ever.
    pub(super) fn run<T>(&self, action: impl IntoFuture<Output = DriverResult<T>>) -> Result<T> {
        self.driver.run(async {
            let mut action = pin!(action.into_future());
            loop {
                if let Ok(result) = timeout(SILENCE, &mut action).await {
                    return result.map_err(|error| self.error(error));
                }
                let ping = self.database.run_command(doc! { "ping": 1 });
                match timeout(SILENCE, ping.into_future()).await {
                    Ok(answer) => answer.map(drop).map_err(|error| self.error(error))?,
                    Err(_) => {
                        return Err(Error::Unreachable {
                            host: self.host.to_string(),
                            detail: "it has stopped to answer".into(),
                        });
                    }
                }
            }
        })
    }

    /// Reads all documents of a cursor.
    pub(super) fn each(
        &self,
        cursor: impl Future<Output = DriverResult<RawBatchCursor>>,
        take: impl FnMut(&RawDocument),
    ) -> Result<()> {
        self.run(each(cursor, take))
    }

    /// Reads all results of an aggregation, whose stages may name ids of any form.
    pub(super) fn each_of(
        &self,
        documents: &Collection<RawDocumentBuf>,
        pipeline: impl Into<Vec<Document>>,
        take: impl FnMut(&RawDocument),
    ) -> Result<()> {
        self.each(aggregate(documents, pipeline.into(), BATCH as u32), take)
    }

    /// Runs a command that writes, and fails if any part of it did.
    pub(super) async fn run_write(&self, command: RawDocumentBuf) -> DriverResult<Document> {
        let answer = self.run_write_parts(command).await?;
        let errors = answer.get_array("writeErrors").ok();
        match errors.and_then(|errors| errors.first()?.as_document()) {
            Some(error) => Err(DriverError::custom(Failure::of_write(error))),
            None => Ok(answer),
        }
    }

    /// Runs a command that writes, some parts of which may fail.
    ///
    /// The driver adds the write concern of the URL only to its own commands, and looks for its
    /// failures only in their answers.
    pub(super) async fn run_write_parts(
        &self,
        mut command: RawDocumentBuf,
    ) -> DriverResult<Document> {
        if let Some(concern) = self.database.write_concern() {
            let concern = serialize_to_raw_document_buf(concern)?;
            command.append(cstr!("writeConcern"), concern);
        }
        let answer = self.database.run_raw_command(command).await?;
        match answer.get_document("writeConcernError") {
            Ok(error) => Err(DriverError::custom(Failure::of_concern(error))),
            Err(_) => Ok(answer),
        }
    }

    /// Updates all documents that a query finds, which may name ids of any form, and returns how
    /// many there are.
    pub(super) fn update_all(
        &self,
        collection: &str,
        query: Document,
        update: Document,
    ) -> Result<u64> {
        let updates = vec![doc! { "q": query, "u": update, "multi": true }];
        let command = id::raw(&doc! { "update": collection, "updates": updates });
        let answer = self.run(self.run_write(command))?;
        let count = answer.get_i32("n").unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Reads the documents that queries find, and the notes on them.
    pub(super) fn pages(&self, queries: Queries) -> Pages<'_> {
        let (sender, receiver) = mpsc::channel(2);
        self.driver.spawn(async move {
            if let Err(error) = queries.answer(&sender).await {
                // The receiver is gone if the caller has stopped reading.
                let _ = sender.send(Err(error)).await;
            }
        });
        Pages {
            backend: self,
            receiver,
        }
    }
}

/// Queries on a collection, which are answered one after the other.
pub(super) struct Queries {
    pub documents: Collection<RawDocumentBuf>,
    pub notes: Collection<RawDocumentBuf>,
    pub filters: Vec<Document>,
    pub order: Option<Document>,
    pub form: Form,
    /// Selects notes with or without the exact bytes of values
    pub values: Values,
    /// Number of documents per batch
    pub batch: usize,
}

/// The form in which a query returns documents.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// All of it
    Whole,
    /// The length of its value in the place of that
    Sized,
}

impl Queries {
    fn is_as_it_lies(&self) -> bool {
        self.order.is_none() && self.filters == [doc! {}]
    }

    async fn ask(&self, filter: &Document) -> DriverResult<RawBatchCursor> {
        let Self {
            documents, order, ..
        } = self;
        let batch = self.batch as u32;
        match self.form {
            Form::Whole if !id::has_placeholder(filter) => {
                let find = documents.find(filter.clone()).batch_size(batch);
                let find = match order {
                    Some(order) => find.sort(order.clone()).allow_disk_use(true),
                    None => find,
                };
                find.batch().await
            }
            form => {
                let mut pipeline = vec![doc! { "$match": filter.clone() }];
                pipeline.extend(order.clone().map(|order| doc! { "$sort": order }));
                if matches!(form, Form::Sized) {
                    pipeline.extend(query::size());
                }
                aggregate(documents, pipeline, batch).await
            }
        }
    }

    /// Requests the next batch along with the notes on the last one, and both while the receiver
    /// works on the previous page.
    async fn answer(self, pages: &mpsc::Sender<DriverResult<Page>>) -> DriverResult<()> {
        for filter in &self.filters {
            let mut cursor = self.ask(filter).await?;
            let mut batch = next(&mut cursor).await.transpose()?;
            while let Some(documents) = batch {
                let Ok(place) = pages.reserve().await else {
                    return Ok(());
                };
                let (notes, following) = join!(self.notes_on(&documents), next(&mut cursor));
                let (notes, bytes) = (notes?, self.bytes_of(&documents).await?);
                place.send(Ok(Page {
                    documents,
                    notes,
                    bytes,
                }));
                batch = following.transpose()?;
            }
        }
        Ok(())
    }

    /// Returns the documents whose values are bytes, where the server has computed their kind;
    /// `None` where the values are there themselves.
    async fn bytes_of(&self, documents: &RawBatch) -> DriverResult<Option<HashSet<DocumentId>>> {
        if matches!(self.form, Form::Whole) {
            return Ok(None);
        }
        let mut ids = Vec::new();
        for raw in documents.doc_slices()? {
            let raw = raw?.as_document();
            let may_be_bytes = raw.filter(|raw| document::may_be_bytes(raw));
            ids.extend(may_be_bytes.and_then(|raw| DocumentId::read(raw, "_id")));
        }
        let mut bytes = HashSet::new();
        if !ids.is_empty() {
            let pipeline = vec![
                doc! { "$match": query::base64(&ids) },
                doc! { "$project": { "_id": 1 } },
            ];
            let found = aggregate(&self.documents, pipeline, BATCH as u32);
            each(found, |raw| bytes.extend(DocumentId::read(raw, "_id"))).await?;
        }
        Ok(Some(bytes))
    }

    async fn notes_on(&self, documents: &RawBatch) -> DriverResult<Notes> {
        let mut ids = Vec::with_capacity(BATCH);
        for raw in documents.doc_slices()? {
            let id = raw?.as_document().map(|raw| DocumentId::read(raw, "_id"));
            ids.extend(id.flatten());
        }
        let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else {
            return Ok(Notes::new());
        };
        // As they lie there, documents are neighbours by their ids as well, and most of FiftyOne's
        // have no note: then one range says so for all of them.
        if self.is_as_it_lies()
            && let (DocumentId::Object(first), DocumentId::Object(last)) = (first, last)
        {
            let range = doc! { "entry": { "$gte": first, "$lte": last } };
            let most = 2 * ids.len();
            let (notes, count) = read_notes(&self.notes, range, self.values, Some(most)).await?;
            if count < most {
                return Ok(notes);
            }
        }
        notes_on(&self.notes, &ids, self.values).await
    }
}

/// Documents that came together, and the notes that are on them.
pub(super) struct Page {
    documents: RawBatch,
    pub notes: Notes,
    /// Those whose values are bytes, where the server has computed their kind
    bytes: Option<HashSet<DocumentId>>,
}

impl Page {
    /// Returns the documents.
    pub(super) fn documents(&self) -> impl Iterator<Item = &RawDocument> {
        let documents = self.documents.doc_slices();
        let documents = documents.ok().into_iter().flatten();
        documents.filter_map(|raw| raw.ok()?.as_document())
    }

    /// Returns the kind of the value of one of its documents, if FiftyOne wrote that.
    pub(super) fn kind(&self, found: &DescribedEntry) -> Kind {
        match (&self.bytes, found.kind) {
            (Some(bytes), Kind::Bytes) if !bytes.contains(&found.id) => Kind::Json,
            (_, kind) => kind,
        }
    }
}

/// Notes by the documents that they are on.
pub(super) type Notes = HashMap<DocumentId, Vec<Note>>;

/// Pages as they come; the next one is on its way while this one is worked on.
pub(super) struct Pages<'a> {
    backend: &'a MongoBackend,
    receiver: mpsc::Receiver<DriverResult<Page>>,
}

impl Iterator for Pages<'_> {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = async { self.receiver.recv().await.transpose() };
        self.backend.run(page).transpose()
    }
}

/// Reads the notes on documents.
pub(super) async fn notes_on(
    notes: &Collection<RawDocumentBuf>,
    documents: &[DocumentId],
    values: Values,
) -> DriverResult<Notes> {
    let query = doc! { "entry": { "$in": documents } };
    Ok(read_notes(notes, query, values, None).await?.0)
}

/// Reads the first notes that a query finds, and their number.
async fn read_notes(
    notes: &Collection<RawDocumentBuf>,
    query: Document,
    values: Values,
    most: Option<usize>,
) -> DriverResult<(Notes, usize)> {
    let mut read = Notes::new();
    let mut count = 0;
    let take = |raw: &RawDocument| {
        count += 1;
        if let Some(note) = Note::read(raw) {
            read.entry(note.entry.clone()).or_default().push(note);
        }
    };
    let form = (values == Values::Omit).then(|| doc! { "exact": 0 });
    if id::has_placeholder(&query) {
        let mut pipeline = vec![doc! { "$match": query }];
        pipeline.extend(form.map(|form| doc! { "$project": form }));
        each(aggregate(notes, pipeline, BATCH as u32), take).await?;
    } else {
        let mut find = notes.find(query);
        if let Some(form) = form {
            find = find.projection(form);
        }
        if let Some(most) = most {
            find = find.limit(most as i64);
        }
        each(find.batch(), take).await?;
    }
    Ok((read, count))
}

/// Aggregates documents, and sends the ids in the stages as the bytes that they are.
pub(super) async fn aggregate(
    documents: &Collection<RawDocumentBuf>,
    pipeline: Vec<Document>,
    batch: u32,
) -> DriverResult<RawBatchCursor> {
    if pipeline.iter().any(id::has_placeholder) {
        let command = doc! {
            "aggregate": documents.name(),
            "pipeline": pipeline,
            "cursor": { "batchSize": batch },
            "allowDiskUse": true,
        };
        let database = documents.client().database(&documents.namespace().db);
        let found = database.run_raw_cursor_command(id::raw(&command));
        return found.batch().await;
    }
    let found = documents.aggregate(pipeline).batch_size(batch);
    found.allow_disk_use(true).batch().await
}

async fn each(
    cursor: impl Future<Output = DriverResult<RawBatchCursor>>,
    mut take: impl FnMut(&RawDocument),
) -> DriverResult<()> {
    let mut cursor = cursor.await?;
    while let Some(batch) = next(&mut cursor).await {
        for raw in batch?.doc_slices()? {
            raw?.as_document().map(&mut take);
        }
    }
    Ok(())
}

async fn next(cursor: &mut RawBatchCursor) -> Option<DriverResult<RawBatch>> {
    poll_fn(|context| Pin::new(&mut *cursor).poll_next(context)).await
}
