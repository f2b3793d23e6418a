//! The same operations with the MongoDB driver alone: `benches/mongodb` compares ecache with it.
//!
//! Usage: mongodb_peer URI export|ls|get STORE KEY DATASET|clear|stats. The options of the driver
//! are those that ecache sets, except the ones that it chooses for speed.

use std::io::{self, BufWriter, Write};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, Result};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // One thread, which is the fastest for what asks one question after the other.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let [uri, verb, rest @ ..] = &*words else {
            return Err(Error::custom("which URI, and which verb?"));
        };
        let mut options = ClientOptions::parse(*uri).await?;
        options.app_name = Some("peer".into());
        let client = Client::with_options(options)?;
        let database = client.default_database();
        let database = database.unwrap_or_else(|| client.database("fiftyone"));
        let documents = database.collection("execution_store");
        run(&documents, verb, rest).await
    })
}

async fn run(documents: &Collection<Document>, verb: &str, rest: &[&str]) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match (verb, rest) {
        // As mongoexport does: Extended JSON, a line for each document.
        ("export", []) => {
            let mut cursor = documents.find(doc! {}).await?;
            while cursor.advance().await? {
                let document: Document = cursor.deserialize_current()?;
                line(&mut out, &document)?;
            }
        }
        // As `mongoexport --type csv --fields ...` does.
        ("ls", []) => {
            let mut cursor = documents
                .find(doc! {})
                .projection(doc! { "value": 0 })
                .await?;
            while cursor.advance().await? {
                let document: Document = cursor.deserialize_current()?;
                let text = |name| document.get_str(name).unwrap_or_default();
                let time = |name| {
                    let time = document.get_datetime(name).ok();
                    time.and_then(|time| time.try_to_rfc3339_string().ok())
                        .unwrap_or_default()
                };
                let dataset = document.get_object_id("dataset_id");
                let dataset = dataset.map(ObjectId::to_hex).unwrap_or_default();
                let (updated, expires) = (time("updated_at"), time("expires_at"));
                let (store, key) = (text("store_name"), text("key"));
                writeln!(out, "{store}\t{key}\t{dataset}\t{updated}\t{expires}")?;
            }
        }
        ("get", [store, key, dataset]) => {
            let dataset: ObjectId = dataset.parse().map_err(Error::custom)?;
            let identity = doc! { "store_name": store, "key": key, "dataset_id": dataset };
            let found = documents.find_one(identity).await?;
            let document = found.ok_or_else(|| Error::custom("a miss"))?;
            let value = document.get("value").cloned().unwrap_or(Bson::Null);
            line(&mut out, &value)?;
        }
        ("clear", []) => _ = documents.delete_many(doc! {}).await?,
        ("clear", [store]) => _ = documents.delete_many(doc! { "store_name": store }).await?,
        ("stats", []) => {
            let group = doc! {
                "_id": "$store_name",
                "entries": { "$sum": 1 },
                "size": { "$sum": { "$bsonSize": "$value" } },
                "oldest": { "$min": "$created_at" },
                "newest": { "$max": "$updated_at" },
            };
            let mut cursor = documents.aggregate([doc! { "$group": group }]).await?;
            while cursor.advance().await? {
                let group: Document = cursor.deserialize_current()?;
                line(&mut out, &group)?;
            }
        }
        _ => return Err(Error::custom("which verb?")),
    }
    Ok(out.flush()?)
}

fn line(out: &mut impl Write, value: &impl serde::Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(Error::custom)?;
    Ok(out.write_all(b"\n")?)
}
