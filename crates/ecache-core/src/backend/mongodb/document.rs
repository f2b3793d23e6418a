//! One document of FiftyOne's, and the entry that it is.
//!
//! Each document of the collection is an entry, whatever wrote it. FiftyOne reads the value alone
//! and deletes by store, key and dataset, so a field of another type or name makes a document
//! *foreign*: it is listed, counted and removed as any other, and left out where it would be
//! changed.

use std::borrow::Cow;
use std::mem::replace;

use mongodb::bson::raw::RawElement;
use mongodb::bson::spec::ElementType;
use mongodb::bson::{Bson, RawBsonRef, RawDocument};

use super::field_names::readable;
use super::id::DocumentId;
use super::interned::Stores;
use super::query::SIZE;
use super::side_document::{Note, Wrote};
use super::value::timestamp;
use super::{name, value};
use crate::backend::Content;
use crate::entry::{Entry, Policy};
use crate::error::Result;
use crate::scope::{Address, STORE_KEY, Scopes};
use crate::time::Timestamp;
use crate::typed_name;
use crate::value::Kind;

/// An entry as its document describes it, without the value.
pub(super) struct DescribedEntry {
    pub id: DocumentId,
    pub address: Address,
    pub policy: Policy,
    pub created_at: Timestamp,
    pub updated_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// The length of its value, if FiftyOne wrote it
    pub size: u64,
    /// The kind of its value, if FiftyOne wrote it
    pub kind: Kind,
    /// The policy's word, which a new version has to find unchanged
    pub policy_word: Option<Policy>,
    /// The parts that an entry of ours cannot have, if there are any
    pub foreign: Option<Box<Foreign>>,
}

/// The parts of a document that an entry of ours cannot have.
#[derive(Default)]
pub(super) struct Foreign {
    /// Times and the policy, where they are of other types
    pub fields: Vec<(&'static str, Bson)>,
    /// Set if a field is there more than once
    pub repeats: bool,
    /// The reason why it is not known when the entry was written
    pub undated: Option<&'static str>,
    /// Descriptions of the foreign parts, for messages
    pub reasons: Vec<String>,
}

impl Foreign {
    /// Returns a time or the policy, if it is of another type.
    fn field(&self, name: &str) -> Option<&Bson> {
        let mut fields = self.fields.iter();
        fields.find_map(|(field, value)| (*field == name).then_some(value))
    }
}

/// Reads a document of a store; `None` if the server sent it without its id.
pub(super) fn read(raw: &RawDocument, stores: &mut Stores) -> Option<DescribedEntry> {
    let id = DocumentId::read(raw, "_id")?;
    let (mut name, mut key, mut dataset) = (None, None, None);
    let mut found = Fields::default();
    let readable = readable(raw);
    let mut seen = [false; FIELDS.len()];
    if matches!(readable, Cow::Owned(_)) {
        let reason = "the name of a field is not UTF-8".into();
        found.foreign.get_or_insert_default().reasons.push(reason);
    }
    for element in readable.iter_elements().map_while(Result::ok) {
        let field = element.key().as_str();
        if let Some(at) = FIELDS.iter().position(|known| *known == field)
            && replace(&mut seen[at], true)
        {
            found.is_repeated(field);
            // Of names and times the server compares the first one, and of values FiftyOne reads
            // the last.
            if field != "value" {
                continue;
            }
        }
        match field {
            "_id" => {}
            "store_name" => name = Some(element),
            "key" => key = Some(element),
            "dataset_id" => dataset = Some(element),
            field => found.add(field, &element),
        }
    }
    let address = Address {
        store: stores.intern(name.as_ref(), dataset.as_ref()),
        key: name::key(key.as_ref(), &id),
    };
    if found.has_value && found.computed.is_some() {
        found.is_unknown(SIZE);
    } else if let Some(computed) = &found.computed
        && computed.document_without_value() != raw.as_bytes().len()
    {
        found.is_repeated("value");
    }
    if let Some(foreign) = &mut found.foreign {
        for (field, value) in &mut foreign.fields {
            // One that is not UTF-8 has no form of its own.
            *value = DocumentId::read(&readable, field).map_or(Bson::Null, Bson::from);
        }
    }
    Some(found.of(id, address))
}

/// The reason for a document that has no value.
const NO_VALUE: &str = "it has no value";

/// The reason for a document that has no time.
const NOT_CREATED: &str = "it has no created_at";

/// FiftyOne's fields.
const FIELDS: [&str; 9] = [
    "_id",
    "store_name",
    "key",
    "value",
    "dataset_id",
    "created_at",
    "updated_at",
    "expires_at",
    "policy",
];

/// The fields of a document other than its id and the names of the entry.
#[derive(Default)]
struct Fields {
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    size: u64,
    kind: Option<Kind>,
    has_value: bool,
    /// The field that the server computes in the place of a value
    computed: Option<Computed>,
    policy: Option<Policy>,
    foreign: Option<Box<Foreign>>,
}

/// Reports whether the value of a document has the form of bytes, if the server has computed that.
pub(super) fn may_be_bytes(raw: &RawDocument) -> bool {
    let computed = raw.get(SIZE).ok().flatten().map(Computed::read);
    matches!(computed, Some(computed) if computed.kind == Some(Kind::Bytes))
}

/// The length and the kind of a value, as the server computed them.
#[derive(Default)]
struct Computed {
    size: u64,
    kind: Option<Kind>,
    /// The length of the document that has the value
    whole: usize,
    /// The length of the field that holds all of this
    field: usize,
}

impl Computed {
    fn read(value: RawBsonRef<'_>) -> Self {
        let RawBsonRef::Array(computed) = value else {
            return Self::default();
        };
        let size = |at| match computed.get(at) {
            Ok(Some(RawBsonRef::Int32(size))) => u64::try_from(size).unwrap_or(0),
            Ok(Some(RawBsonRef::Int64(size))) => u64::try_from(size).unwrap_or(0),
            _ => 0,
        };
        let kind = computed.get_str(1).ok();
        Self {
            size: size(0),
            kind: kind.and_then(|kind| kind.parse().ok()),
            whole: usize::try_from(size(2)).unwrap_or(0),
            field: 1 + SIZE.len() + 1 + computed.as_bytes().len(),
        }
    }

    fn has_value(&self) -> bool {
        self.kind == Some(Kind::Text) || self.size > EMPTY
    }

    /// Returns the length of the document as the server sends it, if it has one value at most.
    fn document_without_value(&self) -> usize {
        let payload = match self.kind {
            Some(Kind::Text) => self.size + 5,
            // That of a document with the value as its only element.
            _ => self.size.saturating_sub(EMPTY + 3),
        };
        let element = 1 + "value".len() + 1 + usize::try_from(payload).unwrap_or(usize::MAX);
        let removed = if self.has_value() { element } else { 0 };
        (self.whole + self.field).saturating_sub(removed)
    }
}

/// The length of a document without elements.
const EMPTY: u64 = 5;

impl Fields {
    fn add(&mut self, name: &str, element: &RawElement<'_>) {
        let value = element.value();
        let time = |value| match value {
            Ok(RawBsonRef::Null) => Some(None),
            Ok(RawBsonRef::DateTime(time)) => Some(Some(timestamp(time))),
            _ => None,
        };
        match (name, value) {
            ("value", value) => {
                self.has_value = true;
                let is_text = element.element_type() == ElementType::String;
                (self.size, self.kind) = match value {
                    Ok(value) => (value::size(value), Some(value::kind(value))),
                    Err(_) => (element.size() as u64, is_text.then_some(Kind::Text)),
                };
            }
            // A document that comes whole may have a field of that name, too.
            (SIZE, computed) => {
                let computed = computed.map(Computed::read).unwrap_or_default();
                if !self.has_value {
                    (self.size, self.kind) = (computed.size, computed.kind);
                }
                self.computed = Some(computed);
            }
            ("created_at", value) => match time(value) {
                Some(time) => self.created_at = time,
                None => self.is_no_date("created_at"),
            },
            ("updated_at", value) => match time(value) {
                Some(time) => self.updated_at = time,
                None => self.is_no_date("updated_at"),
            },
            ("expires_at", value) => match time(value) {
                Some(time) => self.expires_at = time,
                None => self.is_no_date("expires_at"),
            },
            ("policy", Ok(RawBsonRef::Null)) => {}
            ("policy", value) => {
                let word = match value {
                    Ok(RawBsonRef::String(word)) => word.parse().ok(),
                    _ => None,
                };
                match word {
                    Some(policy) => self.policy = Some(policy),
                    None => self.is_foreign("policy", "its policy is unknown".into()),
                }
            }
            _ => self.is_unknown(name),
        }
    }

    fn is_unknown(&mut self, field: &str) {
        let reason = format!("its field {field:.80?} is none of FiftyOne's");
        self.foreign.get_or_insert_default().reasons.push(reason);
    }

    fn is_no_date(&mut self, field: &'static str) {
        self.is_foreign(field, format!("its {field} is not a date"));
    }

    /// Notes a field of another type; its value is added once all are read.
    fn is_foreign(&mut self, field: &'static str, reason: String) {
        let foreign = self.foreign.get_or_insert_default();
        foreign.reasons.push(reason);
        foreign.fields.push((field, Bson::Null));
    }

    fn is_repeated(&mut self, field: &str) {
        let foreign = self.foreign.get_or_insert_default();
        foreign.repeats = true;
        let reason = format!("its field {field:?} is there more than once");
        if !foreign.reasons.contains(&reason) {
            foreign.reasons.push(reason);
        }
    }

    fn of(mut self, id: DocumentId, address: Address) -> DescribedEntry {
        let names = [&*address.store.store_name, address.key.as_str()];
        let names = names.into_iter().chain(address.store.dataset_id.as_deref());
        if names
            .into_iter()
            .any(|name| typed_name::nameless_id(name).is_some())
        {
            let reason = "its key, store or dataset has no text".into();
            self.foreign.get_or_insert_default().reasons.push(reason);
        }
        if !self.has_value && !self.computed.as_ref().is_some_and(Computed::has_value) {
            let foreign = self.foreign.get_or_insert_default();
            foreign.reasons.push(NO_VALUE.into());
        }
        let foreign = self.foreign.as_deref();
        let is_foreign = |field| foreign.is_some_and(|foreign| foreign.field(field).is_some());
        let (created, updated) = (is_foreign("created_at"), is_foreign("updated_at"));
        let undated = match (self.created_at, self.updated_at) {
            _ if updated => Some("its updated_at is not a date"),
            (None, None) if created => Some("its created_at is not a date"),
            (None, None) => Some(NOT_CREATED),
            _ => None,
        };
        if undated.is_some() {
            self.foreign.get_or_insert_default().undated = undated;
        }
        if self.created_at.is_none() && !created {
            let foreign = self.foreign.get_or_insert_default();
            foreign.reasons.push(NOT_CREATED.into());
        }
        // MongoDB by itself removes whatever has a date there, be it in an array.
        let is_date = |value: &Bson| matches!(value, Bson::DateTime(_));
        let is_dated = |foreign: &Foreign| match foreign.field("expires_at") {
            Some(Bson::Array(items)) => items.iter().any(is_date),
            _ => false,
        };
        let expires = self.expires_at.is_some() || self.foreign.as_deref().is_some_and(is_dated);
        DescribedEntry {
            policy: self.policy.unwrap_or(Policy::of_lifetime(expires)),
            created_at: self
                .created_at
                .or_else(|| id.created_at())
                .or(self.updated_at)
                .unwrap_or(Timestamp::from_millis(0)),
            id,
            address,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
            size: self.size,
            kind: self.kind.unwrap_or(Kind::Json),
            policy_word: self.policy,
            foreign: self.foreign,
        }
    }
}

impl DescribedEntry {
    /// Returns the time at which this version was written.
    pub(super) fn written_at(&self) -> Timestamp {
        self.updated_at.unwrap_or(self.created_at)
    }

    /// Returns the note on this version, if one of these is.
    pub(super) fn note<'a>(&self, notes: &'a [Note]) -> Option<&'a Note> {
        let notes = notes.iter().filter(|note| self.is_version_of(note));
        notes.max_by_key(|note| note.id)
    }

    /// Reports whether a note is on this version of the document.
    pub(super) fn is_version_of(&self, note: &Note) -> bool {
        note.entry == self.id && note.written_at == self.written_at()
    }

    /// Returns the note on this version of that value.
    pub(super) fn note_on<'a>(&self, notes: &'a [Note], value: RawBsonRef<'_>) -> Option<&'a Note> {
        // Most documents are FiftyOne's and have none.
        self.note(notes)?;
        let checksum = value::checksum(value);
        let of_value = |note: &&Note| {
            let wrote = note.wrote.as_ref();
            wrote.is_none_or(|wrote| wrote.checksum == checksum)
        };
        let notes = notes.iter().filter(|note| self.is_version_of(note));
        notes.filter(of_value).max_by_key(|note| note.id)
    }

    /// Returns the entry, with the metadata of a note.
    pub(super) fn entry(&self, note: Option<&Note>) -> Box<Entry> {
        let wrote = note.and_then(|note| note.wrote.as_ref());
        let mut entry = Box::new(Entry {
            address: self.address.clone(),
            policy: self.policy,
            kind: self.kind,
            size: self.size,
            created_at: self.created_at,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
            last_used_at: note.and_then(|note| note.last_used_at),
            hits: note.map_or(0, |note| note.hits),
            saved_ms: note.map_or(0, |note| note.saved_ms),
            scopes: Scopes::default(),
            function: None,
            args: None,
            cost_ms: None,
        });
        if let Some(wrote) = wrote {
            entry.kind = wrote.kind;
            entry.size = wrote.size;
            entry.scopes = wrote.scopes.clone();
            entry.function = wrote.function.clone();
            entry.args = wrote.args.clone();
            entry.cost_ms = wrote.cost_ms;
        }
        entry
    }

    /// Reports whether it is a store's own document, and no entry.
    pub(super) fn is_stores(&self) -> bool {
        self.address.key.as_str() == STORE_KEY
    }

    /// Describes the parts that an entry of ours cannot have; `None` if there are none.
    pub(super) fn foreign(&self) -> Option<String> {
        self.foreign
            .as_ref()
            .map(|foreign| foreign.reasons.join("; "))
    }

    /// Returns the entry with its value, or the reason why the value has no form.
    pub(super) fn whole(
        &self,
        raw: &RawDocument,
        notes: &[Note],
    ) -> (Box<Entry>, Result<Content, String>) {
        let readable = readable(raw);
        let values = readable.iter_elements().map_while(Result::ok);
        // The last one, if there are several, is the one that FiftyOne reads.
        let value = match values.filter(|element| element.key() == "value").last() {
            Some(element) => element
                .value()
                .map_err(|_| "its value has no text form".to_owned()),
            None => Err(NO_VALUE.to_owned()),
        };
        let value = value.and_then(|value| {
            self.with_value(notes, value)
                .map_err(|error| format!("its value has no text form: {error}"))
        });
        match value {
            Ok((entry, content)) => (entry, Ok(content)),
            Err(reason) => (self.entry(self.note(notes)), Err(reason)),
        }
    }

    fn with_value(&self, notes: &[Note], value: RawBsonRef<'_>) -> Result<(Box<Entry>, Content)> {
        let note = self.note_on(notes, value);
        let mut entry = self.entry(note);
        let bytes = match note.and_then(|note| note.wrote.as_ref()) {
            Some(Wrote {
                exact: Some(exact), ..
            }) => exact.clone(),
            Some(wrote) => value::decode_as(wrote.kind, value)?,
            None => {
                let value = value::decode(value)?;
                entry.kind = value.kind;
                value.bytes
            }
        };
        Ok((entry, Content::Inline(bytes)))
    }

    /// Returns the text of a store's own document, or the reason why it has none.
    pub(super) fn json(
        &self,
        notes: &[Note],
        value: RawBsonRef<'_>,
    ) -> std::result::Result<String, String> {
        let note = self.note_on(notes, value);
        let exact = note.and_then(|note| note.wrote.as_ref()?.exact.clone());
        match exact {
            Some(exact) => String::from_utf8(exact).map_err(|error| error.to_string()),
            None => value::json_text(value).map_err(|error| error.to_string()),
        }
    }
}
