//! Documents to be written: new ones, and new versions of those that are there.

use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, cstr, doc};

use super::document::DescribedEntry;
use super::id::{DocumentId, raw};
use super::name;
use super::value::{Encoded, date};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::scope::Address;
use crate::time::Timestamp;

impl DescribedEntry {
    /// Returns the conditions under which the document is still the version that was read.
    pub(super) fn unchanged(&self) -> Document {
        let time = |time: Option<Timestamp>| Bson::from(time.map(date));
        let mut unchanged = doc! {
            "_id": self.id.clone(),
            "updated_at": time(self.updated_at),
            "expires_at": time(self.expires_at),
            "policy": self.policy_word.map(Policy::as_str),
        };
        for (field, value) in self.foreign.iter().flat_map(|foreign| &foreign.fields) {
            unchanged.insert(*field, name::equals(value.clone()));
        }
        unchanged
    }

    /// Returns the change that makes the document a new version, as FiftyOne makes one: no field is
    /// written that stays as it is, and fields of other programs stay.
    ///
    /// # Errors
    /// [`Error::Unrepresentable`] if there can be no other version.
    pub(super) fn new_version(&self, entry: &Entry, encoded: &Encoded) -> Result<RawDocumentBuf> {
        if let Some(reason) = self.ambiguity() {
            return Err(Error::Unrepresentable(reason));
        }
        let mut set = RawDocumentBuf::new();
        set.append(cstr!("value"), encoded.value());
        let mut rest = doc! { "updated_at": entry.updated_at.map(date) };
        // That of an entry stays; that of a store's own document is the one it is given.
        if entry.created_at != self.created_at {
            rest.insert("created_at", date(entry.created_at));
        }
        if entry.expires_at != self.expires_at {
            rest.insert("expires_at", entry.expires_at.map(date));
        }
        // Without a policy, the expiry decides about it.
        let by_expiry = Policy::of_lifetime(entry.expires_at.is_some());
        if entry.policy != self.policy_word.unwrap_or(by_expiry) {
            rest.insert("policy", entry.policy.as_str());
        }
        append_all(&mut set, &raw(&rest));
        let mut update = RawDocumentBuf::new();
        update.append(cstr!("$set"), set);
        Ok(update)
    }

    /// Returns the reason why it is not known whether another version is newer: the time of its
    /// last write is none.
    pub(super) fn undated(&self) -> Option<String> {
        let why = self.foreign.as_ref()?.undated?;
        Some(format!("the existing entry may be newer, since {why}"))
    }

    /// Returns the reason why no version can replace this one: a field is there more than once. A
    /// write changes the first one, and FiftyOne reads the last.
    pub(super) fn ambiguity(&self) -> Option<String> {
        let foreign = self.foreign.as_ref().filter(|foreign| foreign.repeats)?;
        let reasons = foreign.reasons.join("; ");
        let address = &self.address;
        Some(format!(
            "{address} cannot be changed: {reasons}; remove it first"
        ))
    }
}

/// Returns a whole document, with FiftyOne's fields in its order.
///
/// # Errors
/// [`Error::TooLarge`](crate::error::Error::TooLarge) if it is longer than MongoDB keeps.
pub(super) fn document(
    id: DocumentId,
    address: &Address,
    encoded: &Encoded,
    (policy, expires_at): (Policy, Option<Timestamp>),
    (created_at, updated_at): (Timestamp, Option<Timestamp>),
) -> Result<RawDocumentBuf> {
    let mut document = raw(&doc! {
        "_id": id,
        "store_name": name::of(&address.store.store_name)?,
        "key": name::of(address.key.as_str())?,
    });
    document.append(cstr!("value"), encoded.value());
    let rest = raw(&doc! {
        "dataset_id": name::dataset_of(&address.store)?,
        "created_at": date(created_at),
        "updated_at": updated_at.map(date),
        "expires_at": expires_at.map(date),
        "policy": policy.as_str(),
    });
    append_all(&mut document, &rest);
    encoded.check_size(&document)?;
    Ok(document)
}

/// Returns the change that makes a document the version of a whole one, or inserts that: fields of
/// other programs stay.
pub(super) fn change_to(whole: &RawDocument) -> RawDocumentBuf {
    let mut set = RawDocumentBuf::new();
    let mut identity = RawDocumentBuf::new();
    for element in whole.iter_elements() {
        let element = element.expect("it was encoded");
        let fields = match element.key().as_str() {
            // It may be one that the driver does not read.
            "_id" => continue,
            "store_name" | "key" | "dataset_id" => &mut identity,
            _ => &mut set,
        };
        let value = element.value().expect("it was encoded");
        fields.append(element.key(), value);
    }
    let mut update = RawDocumentBuf::new();
    update.append(cstr!("$set"), set);
    update.append(cstr!("$setOnInsert"), identity);
    update
}

fn append_all(document: &mut RawDocumentBuf, fields: &RawDocument) {
    for element in fields {
        let (name, value) = element.expect("it has just been encoded");
        document.append(name, value);
    }
}
