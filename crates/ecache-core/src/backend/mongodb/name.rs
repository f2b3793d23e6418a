//! Keys, store names and datasets of any BSON type, as typed names.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawElement;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocumentBuf, doc};

use super::id::DocumentId;
use super::value;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::mongo_types::encode::document_of;
use crate::python_json::Json;
use crate::scope::{MAX_NAME_LENGTH, StoreAddress};
use crate::typed_name;

/// Returns the name of a value; `None` if it has no text, or a longer one than `most`.
///
/// The server takes a field that is missing for null, and so does this.
fn name_of(field: Option<&RawElement<'_>>, most: usize) -> Option<String> {
    let value = match field {
        Some(field) => field.value().ok()?,
        None => RawBsonRef::Null,
    };
    let name = match value {
        RawBsonRef::String(text) => typed_name::of_text(text).into_owned(),
        value => typed(value)?,
    };
    (name.len() <= most).then_some(name)
}

fn typed(value: RawBsonRef<'_>) -> Option<String> {
    typed_name::of_value(&value::json_text(value).ok()?)
}

/// Returns the key that a document has.
pub(super) fn key(field: Option<&RawElement<'_>>, id: &DocumentId) -> Key {
    let name = name_of(field, Key::MAX_LENGTH);
    let name = name.unwrap_or_else(|| typed_name::nameless(&id.text()));
    Key::new(name).expect("its length is checked")
}

/// Returns the name of the store that a document is in.
pub(super) fn store(field: Option<&RawElement<'_>>) -> String {
    name_of(field, MAX_NAME_LENGTH).unwrap_or_else(|| typed_name::nameless(""))
}

/// Returns the id of the dataset that a document belongs to, unless that is an ObjectId or null.
pub(super) fn dataset_name(field: RawBsonRef<'_>) -> String {
    let name = match field {
        RawBsonRef::String(text) => Some(typed_name::of_dataset(text)),
        value => typed(value),
    };
    let name = name.filter(|name| name.len() <= MAX_NAME_LENGTH);
    name.unwrap_or_else(|| typed_name::nameless(""))
}

/// Returns the value that a key or the name of a store stands for; `None` if that has no text.
fn bson(name: &str) -> Option<Bson> {
    if !typed_name::is_typed(name) {
        return Some(name.into());
    }
    bson_of(&typed_name::value(name)?)
}

/// Returns the value that a key or the name of a store stands for.
///
/// # Errors
/// [`Error::Unrepresentable`] if it stands for none.
pub(super) fn of(name: &str) -> Result<Bson> {
    let no_value = || Error::Unrepresentable(format!("MongoDB cannot keep the name {name:?}"));
    bson(name).ok_or_else(no_value)
}

fn bson_of(json: &Json) -> Option<Bson> {
    let alone = document_of("v", json).ok()?;
    let alone = RawDocumentBuf::from_bytes(alone).ok()?;
    Bson::try_from(alone.get("v").ok()??).ok()
}

/// Returns the value that a dataset's id stands for; `None` if there is no such value.
pub(super) fn dataset(id: &str) -> Option<Bson> {
    match object_id(id) {
        Some(id) => Some(id.into()),
        None => bson_of(&typed_name::value(id)?),
    }
}

/// Returns a store's dataset as FiftyOne keeps it.
///
/// # Errors
/// [`Error::InvalidDatasetId`] if the id is none that FiftyOne could have.
pub(super) fn dataset_of(store: &StoreAddress) -> Result<Bson> {
    match store.dataset_id.as_deref() {
        None => Ok(Bson::Null),
        Some(id) => dataset(id).ok_or_else(|| Error::InvalidDatasetId { id: id.to_owned() }),
    }
}

/// Parses an ObjectId in its canonical spelling.
pub(super) fn object_id(text: &str) -> Option<ObjectId> {
    let id = ObjectId::parse_str(text).ok()?;
    (id.to_hex() == text).then_some(id)
}

/// Selects the documents whose field has that name, and perhaps more where the name is not text.
pub(super) fn condition(field: &str, name: &str) -> Document {
    if let Some(id) = typed_name::nameless_id(name) {
        return match ObjectId::parse_str(id) {
            Ok(id) => doc! { "_id": id },
            Err(_) => doc! {},
        };
    }
    match bson(name) {
        Some(Bson::String(text)) => doc! { field: text },
        Some(value) => doc! { field: equals(value) },
        None => doc! {},
    }
}

/// Returns the condition on the fields by which FiftyOne identifies a document.
///
/// # Errors
/// [`Error::InvalidDatasetId`] if the dataset is none that FiftyOne could have.
pub(super) fn identity(store: &StoreAddress, key: &str) -> Result<Document> {
    let mut identity = condition("store_name", &store.store_name);
    identity.extend(condition("key", key));
    if store.dataset_id.as_deref() != Some(&typed_name::nameless("")) {
        identity.insert("dataset_id", equals(dataset_of(store)?));
    }
    Ok(identity)
}

/// Returns the condition that a field has this value, which the server must not take for a
/// condition itself.
pub(super) fn equals(value: Bson) -> Document {
    match value {
        // The server refuses to compare with it.
        Bson::Undefined => doc! { "$type": "undefined" },
        value => doc! { "$eq": value },
    }
}

/// Returns the condition that a field has one of these values.
pub(super) fn one_of(field: &str, values: impl IntoIterator<Item = Bson>) -> Document {
    // The server refuses an operator among them, and takes a dict with dollars for one.
    let is_plain = |value: &Bson| !matches!(value, Bson::Document(_) | Bson::Undefined);
    let (plain, others): (Vec<Bson>, Vec<Bson>) = values.into_iter().partition(is_plain);
    let plain_ones = doc! { field: { "$in": plain } };
    if others.is_empty() {
        return plain_ones;
    }
    let others = others
        .into_iter()
        .map(|value| doc! { field: equals(value) });
    let any: Vec<Document> = others.chain([plain_ones]).collect();
    doc! { "$or": any }
}
