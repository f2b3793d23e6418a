//! Reads the fields of a document: its names, times, counts, and the value that it has.

use std::borrow::Cow;
use std::str::FromStr;

use super::errors::{DocumentError, Result, describe};
use super::raw::{Given, Parts};
use crate::entry::Policy;
use crate::mongo_types::extended_json::{self, Form, is_hex};
use crate::mongo_types::{timestamp, wrapper};
use crate::python_json::Json;
use crate::scope::check_name;
use crate::time::Timestamp;
use crate::typed_name;
use crate::value::{Kind, Value};

/// The fields of a document; `None` if one is missing or `null`.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) names: GivenNames<'a>,
    pub(super) collection: Option<Cow<'a, str>>,
    pub(super) policy: Option<Policy>,
    /// It comes from a database
    pub(super) has_id: bool,
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) hits: Option<u64>,
    pub(super) saved_ms: Option<u64>,
    pub(super) kind: Option<Kind>,
    pub(super) user_id: Option<Cow<'a, str>>,
    pub(super) operator_uri: Option<Cow<'a, str>>,
    pub(super) prompt_id: Option<Cow<'a, str>>,
    pub(super) jwt_sha256: Option<[u8; 32]>,
    pub(super) function: Option<Cow<'a, str>>,
    pub(super) args: Option<String>,
    pub(super) cost_ms: Option<u64>,
    pub(super) value: Option<Given<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads every field but the names and the value, which the kind may follow. Returns the first
    /// fault as well, so that a document with one can be named.
    ///
    /// `_id` and `size` are not kept: a database gives the one, and the value has the other.
    pub(super) fn read(parts: Parts<'a>) -> (Self, Option<DocumentError>) {
        let mut fields = Fields {
            has_id: parts.members.iter().any(|(member, _)| member == "_id"),
            ..Fields::default()
        };
        let mut fault = None;
        for (member, given) in parts.members {
            if let Err(error) = fields.add(&member, given) {
                fault.get_or_insert(error);
            }
        }
        (fields, fault)
    }

    fn add(&mut self, member: &str, given: Given<'a>) -> Result<()> {
        match member {
            "size" => {}
            "_id" => {}
            "store_name" => self.names.store_name = Some(given),
            "key" => self.names.key = Some(given),
            "dataset_id" => self.names.dataset_id = Some(given),
            "collection" => self.collection = name("collection", given)?,
            "policy" => self.policy = policy("policy", given)?,
            "created_at" => self.created_at = self.time("created_at", given)?,
            "updated_at" => self.updated_at = self.time("updated_at", given)?,
            "expires_at" => self.expires_at = self.time("expires_at", given)?,
            "last_used_at" => self.last_used_at = self.time("last_used_at", given)?,
            "hits" => self.hits = count("hits", given)?,
            "saved_ms" => self.saved_ms = count("saved_ms", given)?,
            "kind" => self.kind = kind("kind", given)?,
            "user_id" => self.user_id = name("user_id", given)?,
            "operator_uri" => self.operator_uri = name("operator_uri", given)?,
            "prompt_id" => self.prompt_id = name("prompt_id", given)?,
            "jwt_sha256" => self.jwt_sha256 = sha256("jwt_sha256", given)?,
            "function" => self.function = name("function", given)?,
            "args" => self.args = list("args", given)?,
            "cost_ms" => self.cost_ms = count("cost_ms", given)?,
            "value" => self.value = Some(given),
            _ => {
                return Err(DocumentError::UnknownField {
                    name: member.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Reads a time, which is a date in a document of a database.
    fn time(&self, field: &'static str, given: Given<'a>) -> Result<Option<Timestamp>> {
        if self.has_id {
            date(field, given)
        } else {
            time(field, given)
        }
    }

    /// Takes the value of an entry.
    pub(super) fn take_value(&mut self) -> Result<Value> {
        let given = self.value.take().ok_or(missing("value"))?;
        match self.kind {
            Some(kind) => value_of_kind(kind, given),
            None => Ok(foreign_value(given)),
        }
    }

    /// Takes the value of a store's own document.
    pub(super) fn take_metadata(&mut self) -> Result<String> {
        let given = self.value.take().ok_or(missing("value"))?;
        Ok(match self.kind {
            Some(_) => given.into_text().into_owned(),
            None => normal_text(given),
        })
    }
}

/// The names of a document as it gives them.
#[derive(Default)]
pub(super) struct GivenNames<'a> {
    pub(super) store_name: Option<Given<'a>>,
    pub(super) key: Option<Given<'a>>,
    pub(super) dataset_id: Option<Given<'a>>,
}

/// The names of an entry.
pub(super) struct EntryNames<'a> {
    pub(super) store_name: Cow<'a, str>,
    pub(super) key: Cow<'a, str>,
    pub(super) dataset_id: Option<Cow<'a, str>>,
}

impl<'a> EntryNames<'a> {
    /// Reads the names of one of ecache's own lines, which has a kind, or of a document of
    /// MongoDB's, where they are values of any type.
    pub(super) fn read(given: GivenNames<'a>, kind: Option<Kind>) -> Result<Self> {
        let store_name = given.store_name.ok_or(missing("store_name"))?;
        let key = given.key.ok_or(missing("key"))?;
        let dataset_id = given.dataset_id.unwrap_or(Given::Plain("null"));
        let names = match kind {
            Some(_) => Self {
                store_name: string("store_name", store_name)?.ok_or(missing("store_name"))?,
                key: string("key", key)?.ok_or(missing("key"))?,
                dataset_id: own_dataset(dataset_id)?,
            },
            None => Self {
                store_name: foreign_name("store_name", store_name)?,
                key: foreign_name("key", key)?,
                dataset_id: foreign_dataset(dataset_id)?,
            },
        };
        // FiftyOne has stores without a name.
        if !names.store_name.is_empty() {
            check("store_name", &names.store_name)?;
        }
        if let Some(id) = &names.dataset_id {
            check("dataset_id", id)?;
        }
        Ok(names)
    }
}

/// Returns the value of a document that says what kind it is.
fn value_of_kind(kind: Kind, given: Given<'_>) -> Result<Value> {
    let expected = match kind {
        Kind::Json => return Ok(json_value(given.into_text())),
        Kind::Text => "a string",
        Kind::Bytes | Kind::Command => r#"{"_cls": "bytes", "value": base64}"#,
    };
    match (kind, opaque_value(&given)) {
        (Kind::Text, Some(value)) if value.kind == Kind::Text => Ok(value),
        (Kind::Bytes | Kind::Command, Some(value)) if value.kind == Kind::Bytes => {
            Ok(Value { kind, ..value })
        }
        _ => Err(wrong("value", expected, &given.into_json())),
    }
}

/// Returns the value of a document that does not say its kind, as MongoDB's do not.
fn foreign_value(given: Given<'_>) -> Value {
    match (opaque_value(&given), given) {
        (Some(value), _) | (None, Given::Stored(value)) => value,
        (None, given) => json_value(normal_text(given)),
    }
}

/// Returns the text or the bytes that a value stands for, if it is not JSON of its own.
fn opaque_value(given: &Given<'_>) -> Option<Value> {
    match given {
        Given::Text(text) => Some(Value::text(*text)),
        Given::Plain(_) => None,
        Given::Parsed { json, .. } => Value::opaque(json),
        Given::Stored(_) => None,
    }
}

fn json_value(text: impl Into<String>) -> Value {
    Value {
        kind: Kind::Json,
        bytes: text.into().into_bytes(),
    }
}

/// Returns the text that a value came as, in ecache's own form if it came in another one.
fn normal_text(given: Given<'_>) -> String {
    match given {
        Given::Parsed { mut json, text } => {
            let form = extended_json::rewrite(&mut json);
            let text = text.filter(|_| form == Form::Own);
            Given::Parsed { json, text }.into_text().into_owned()
        }
        given => given.into_text().into_owned(),
    }
}

fn name<'a>(field: &'static str, given: Given<'a>) -> Result<Option<Cow<'a, str>>> {
    let name = string(field, given)?;
    if let Some(name) = &name {
        check(field, name)?;
    }
    Ok(name)
}

/// Reads the id of a dataset in one of ecache's own lines.
fn own_dataset<'a>(given: Given<'a>) -> Result<Option<Cow<'a, str>>> {
    let field = "dataset_id";
    let given = match given {
        given @ Given::Text(_) => given,
        given => {
            let json = given.into_json();
            if let Some(id) = extended_json::object_id(field, &json)? {
                return Ok(Some(id.into()));
            }
            Given::Parsed { json, text: None }
        }
    };
    text(field, "an ObjectId or a string", given)
}

/// Returns the name of a key or a store, which is a value of any type.
fn foreign_name<'a>(field: &'static str, given: Given<'a>) -> Result<Cow<'a, str>> {
    if let Given::Text(text) = given {
        return Ok(typed_name::of_text(text));
    }
    typed_name::of_value(&normal_text(given))
        .map(Cow::Owned)
        .ok_or(mismatch(
            field,
            "an object without repeated names",
            "one with them",
        ))
}

/// Returns the id of the dataset of a document that ecache did not write.
///
/// A string is the id as it stands, since lines written by hand have it so. FiftyOne itself has
/// ObjectIds alone.
fn foreign_dataset<'a>(given: Given<'a>) -> Result<Option<Cow<'a, str>>> {
    let given = match given {
        Given::Plain("null") => return Ok(None),
        Given::Stored(value) if value.bytes == b"null" => return Ok(None),
        // A string that is spelled like a typed name gets one.
        Given::Text(text) => return Ok(Some(typed_name::of_text(text))),
        given => given,
    };
    let id = match &given {
        Given::Parsed { json, .. } => extended_json::object_id("dataset_id", json)?,
        // A document that looks like an ObjectId has no mark around it.
        Given::Stored(value) => match value.to_stored().as_ref().map(wrapper::inner) {
            Ok(Some(inner)) => {
                extended_json::object_id("dataset_id", &Json::Object(inner.to_vec()))?
            }
            _ => None,
        },
        Given::Text(_) | Given::Plain(_) => None,
    };
    match id {
        Some(id) => Ok(Some(id.into())),
        None => foreign_name("dataset_id", given).map(Some),
    }
}

fn check(field: &'static str, name: &str) -> Result<()> {
    check_name(name).map_err(|error| DocumentError::Name { field, error })?;
    Ok(())
}

fn string<'a>(field: &'static str, given: Given<'a>) -> Result<Option<Cow<'a, str>>> {
    text(field, "a string", given)
}

fn text<'a>(
    field: &'static str,
    expected: &'static str,
    given: Given<'a>,
) -> Result<Option<Cow<'a, str>>> {
    if let Given::Text(text) = given {
        return Ok(Some(text.into()));
    }
    let json = given.into_json();
    match (&json, json.as_str()) {
        (Json::Null, _) => Ok(None),
        (_, Some(text)) => Ok(Some(text.to_owned().into())),
        _ => Err(wrong(field, expected, &json)),
    }
}

fn policy(field: &'static str, given: Given<'_>) -> Result<Option<Policy>> {
    word(field, given, |name| DocumentError::UnknownPolicy { name })
}

fn kind(field: &'static str, given: Given<'_>) -> Result<Option<Kind>> {
    word(field, given, |name| DocumentError::UnknownKind { name })
}

/// Reads one of a few words.
fn word<T: FromStr>(
    field: &'static str,
    given: Given<'_>,
    unknown: impl FnOnce(String) -> DocumentError,
) -> Result<Option<T>> {
    let word = string(field, given)?;
    word.map(|word| word.parse().map_err(|_| unknown(word.into_owned())))
        .transpose()
}

/// Reads a date of a database, where a text or a number is none.
fn date(field: &'static str, given: Given<'_>) -> Result<Option<Timestamp>> {
    let is_bson = matches!(given, Given::Stored(_));
    let (json, is_type) = given.into_typed();
    if json == Json::Null {
        return Ok(None);
    }
    let found = match extended_json::integer(&json) {
        Some(_) => "an integer",
        None => describe(&json),
    };
    let no_date = mismatch(field, "a date", found);
    // In BSON, a document that is spelled like a date is a document.
    if is_bson && !is_type {
        return Err(no_date);
    }
    let millis = extended_json::date_millis(field, &json)?.ok_or(no_date)?;
    Ok(Some(Timestamp::from_millis(millis)))
}

fn time(field: &'static str, given: Given<'_>) -> Result<Option<Timestamp>> {
    let expected = "an RFC 3339 time, a date or milliseconds";
    let millis = match given {
        Given::Text(text) => {
            timestamp::parse(text).ok_or(mismatch(field, expected, "another string"))?
        }
        given => match given.into_json() {
            Json::Null => return Ok(None),
            json => match extended_json::integer(&json) {
                Some(millis) => millis,
                None => extended_json::date_millis(field, &json)?
                    .ok_or(wrong(field, expected, &json))?,
            },
        },
    };
    Ok(Some(Timestamp::from_millis(millis)))
}

fn count(field: &'static str, given: Given<'_>) -> Result<Option<u64>> {
    // SQLite's numbers, and MongoDB's, are signed.
    let expected = "a count of at most 63 bits";
    let json = given.into_json();
    match (extended_json::integer(&json), &json) {
        (Some(number), _) => u64::try_from(number)
            .map(Some)
            .map_err(|_| mismatch(field, expected, "a negative integer")),
        (None, Json::Null) => Ok(None),
        (None, json) => Err(wrong(field, expected, json)),
    }
}

fn sha256(field: &'static str, given: Given<'_>) -> Result<Option<[u8; 32]>> {
    let Some(hex) = string(field, given)? else {
        return Ok(None);
    };
    if hex.len() != 64 || !is_hex(&hex) {
        return Err(mismatch(field, "64 hexadecimal digits", "another string"));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    let mut hash = [0; 32];
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high) << 4 | digit(*low);
    }
    Ok(Some(hash))
}

/// Reads a list as the text that it came as.
fn list(field: &'static str, given: Given<'_>) -> Result<Option<String>> {
    match given.into_text() {
        text if text == "null" => Ok(None),
        text if text.starts_with('[') => Ok(Some(text.into_owned())),
        text => Err(wrong(field, "an array", &Given::Plain(&text).into_json())),
    }
}

pub(super) fn missing(field: &'static str) -> DocumentError {
    DocumentError::Missing { field }
}

fn wrong(field: &'static str, expected: &'static str, found: &Json) -> DocumentError {
    mismatch(field, expected, describe(found))
}

fn mismatch(field: &'static str, expected: &'static str, found: &'static str) -> DocumentError {
    DocumentError::WrongType {
        field,
        expected,
        found,
    }
}
