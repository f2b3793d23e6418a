//! Makes records of documents: checks every field, and decides what its names and value are.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::raw::{Given, Parts};
use crate::backend::{Record, StoreMetadata, StoreRecord};
use crate::entry::{Entry, Policy};
use crate::key::{Key, KeyError};
use crate::mongo_types::extended_json::{self, ExtendedJsonError, Form, is_hex};
use crate::mongo_types::{timestamp, wrapper};
use crate::python_json::Json;
use crate::scope::{
    Address, DEFAULT_COLLECTION, NameError, STORE_KEY, Scopes, StoreAddress, check_name,
};
use crate::time::Timestamp;
use crate::typed_name;
use crate::value::{Kind, Value};

/// Maximum number of characters that a message quotes from a file.
pub(super) const EXCERPT_LENGTH: usize = 80;

/// A JSON object or BSON document is not one of an execution store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It is no object.
    #[error("expected an object, found {found}")]
    NotAnObject {
        /// The type that it has
        found: &'static str,
    },
    /// A field is missing.
    #[error("{field} is missing")]
    Missing {
        /// The field
        field: &'static str,
    },
    /// A field holds what it must not.
    #[error("{field} must be {expected}, found {found}")]
    WrongType {
        /// The field
        field: &'static str,
        /// The type or form that it must have
        expected: &'static str,
        /// The type that it has
        found: &'static str,
    },
    /// There is a field that neither FiftyOne nor ecache has; FiftyOne cannot read such documents
    /// either.
    #[error("unknown field {}", Excerpt(name))]
    UnknownField {
        /// The field
        name: String,
    },
    /// The policy is neither `persist` nor `evict`.
    #[error("unknown policy {}: expected persist or evict", Excerpt(name))]
    UnknownPolicy {
        /// The policy
        name: String,
    },
    /// The value is of no kind that ecache has.
    #[error(
        "unknown kind {}: expected json, text, bytes or command",
        Excerpt(name)
    )]
    UnknownKind {
        /// The kind
        name: String,
    },
    /// A key is empty or too long.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A name is empty or too long.
    #[error("{field}: {error}")]
    Name {
        /// The field
        field: &'static str,
        /// The problem with the name
        error: NameError,
    },
    /// A field has a type of MongoDB that is misspelled.
    #[error(transparent)]
    ExtendedJson(#[from] ExtendedJsonError),
}

type Result<T> = std::result::Result<T, DocumentError>;

impl DocumentError {
    /// Says what `json` is instead of a document.
    pub(super) fn not_an_object(json: &Json) -> Self {
        DocumentError::NotAnObject {
            found: describe(json),
        }
    }
}

/// Shows a file's own words in quotes, escaped, and cut where they get long.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(EXCERPT_LENGTH) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// Makes the records of one file.
///
/// Entries that follow each other mostly share their store and their scopes. Remembering the last
/// of each saves an import the allocations, and a backend the look-ups.
pub(super) struct Recorder {
    collection: Arc<str>,
    now: Timestamp,
    store: Option<Arc<StoreAddress>>,
    user_id: LastName,
    operator_uri: LastName,
    prompt_id: LastName,
    function: LastName,
}

/// The name that a field had last.
#[derive(Default)]
struct LastName(Option<Arc<str>>);

impl LastName {
    fn intern(&mut self, name: Option<Cow<'_, str>>) -> Option<Arc<str>> {
        let name = name?;
        match &self.0 {
            Some(last) if **last == *name => {}
            _ => self.0 = Some(name.into()),
        }
        self.0.clone()
    }
}

impl Recorder {
    /// Makes records of documents in `collection`; our own lines say theirs. An entry that does not
    /// say when it was created was at `now`.
    pub(super) fn new(collection: &str, now: Timestamp) -> Self {
        Self {
            collection: collection.into(),
            now,
            store: None,
            user_id: LastName::default(),
            operator_uri: LastName::default(),
            prompt_id: LastName::default(),
            function: LastName::default(),
        }
    }

    /// Makes a record of a document.
    pub(super) fn record(&mut self, parts: Parts<'_>) -> Result<Record> {
        let fields = Fields::read(parts)?;
        let names = Names::read(fields.names, fields.kind)?;
        let (store_name, key) = (names.store_name, names.key);
        let value = fields.value.ok_or(missing("value"))?;
        let collection = match (&fields.collection, fields.kind) {
            (Some(collection), _) => collection.as_ref(),
            // A line of ecache's own says its collection unless it is FiftyOne's.
            (None, Some(_)) => DEFAULT_COLLECTION,
            (None, None) => &self.collection,
        };
        let collection: Arc<str> = match &self.store {
            Some(last) if *last.collection == *collection => last.collection.clone(),
            _ => collection.into(),
        };
        let store = self.store(collection, &store_name, names.dataset_id.as_deref());
        let created_at = fields.created_at.or(fields.id_made_at);
        let created_at = created_at.unwrap_or(self.now);
        let policy = match (fields.policy, fields.expires_at) {
            (_, Some(_)) => Policy::Evict,
            (policy, None) => policy.unwrap_or(Policy::Persist),
        };
        if key == STORE_KEY {
            let value = match fields.kind {
                Some(_) => value.into_text().into_owned(),
                None => normal_text(value),
            };
            return Ok(Record::Store(StoreRecord {
                address: store,
                metadata: Some(StoreMetadata {
                    value,
                    created_at,
                    updated_at: fields.updated_at,
                    policy,
                }),
            }));
        }
        let Value { kind, bytes } = match fields.kind {
            Some(kind) => value_of_kind(kind, value)?,
            None => foreign_value(value),
        };
        let entry = Entry {
            address: Address {
                store,
                key: Key::new(key)?,
            },
            policy,
            kind,
            size: bytes.len() as u64,
            created_at,
            updated_at: fields.updated_at,
            expires_at: fields.expires_at,
            last_used_at: fields.last_used_at,
            hits: fields.hits.unwrap_or(0),
            scopes: Scopes {
                user_id: self.user_id.intern(fields.user_id),
                operator_uri: self.operator_uri.intern(fields.operator_uri),
                prompt_id: self.prompt_id.intern(fields.prompt_id),
                jwt_sha256: fields.jwt_sha256,
            },
            function: self.function.intern(fields.function),
            args: fields.args,
            cost_ms: fields.cost_ms,
        };
        Ok(Record::Entry(Box::new(entry), bytes))
    }

    fn store(
        &mut self,
        collection: Arc<str>,
        name: &str,
        dataset_id: Option<&str>,
    ) -> Arc<StoreAddress> {
        match &self.store {
            Some(last)
                if *last.store_name == *name
                    && last.dataset_id.as_deref() == dataset_id
                    && last.collection == collection =>
            {
                last.clone()
            }
            _ => {
                let store = Arc::new(StoreAddress {
                    collection,
                    store_name: name.into(),
                    dataset_id: dataset_id.map(Arc::from),
                });
                self.store.insert(store).clone()
            }
        }
    }
}

/// The fields of a document; `None` if one is missing or `null`.
#[derive(Default)]
struct Fields<'a> {
    names: GivenNames<'a>,
    collection: Option<Cow<'a, str>>,
    policy: Option<Policy>,
    /// The time in the document's `_id`
    id_made_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    hits: Option<u64>,
    kind: Option<Kind>,
    user_id: Option<Cow<'a, str>>,
    operator_uri: Option<Cow<'a, str>>,
    prompt_id: Option<Cow<'a, str>>,
    jwt_sha256: Option<[u8; 32]>,
    function: Option<Cow<'a, str>>,
    args: Option<String>,
    cost_ms: Option<u64>,
    value: Option<Given<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads every field but the names and the value, which the kind may follow.
    ///
    /// `_id` and `size` are not kept: a database gives the one, and the value has the other. A
    /// document that does not say when it was created was when its `_id` was made, as in a
    /// database.
    fn read(parts: Parts<'a>) -> Result<Self> {
        let mut fields = Fields::default();
        for (member, given) in parts.members {
            match member.as_ref() {
                "size" => {}
                "_id" => fields.id_made_at = extended_json::object_id_time(&given.into_json()),
                "store_name" => fields.names.store_name = Some(given),
                "key" => fields.names.key = Some(given),
                "dataset_id" => fields.names.dataset_id = Some(given),
                "collection" => fields.collection = name("collection", given)?,
                "policy" => fields.policy = policy("policy", given)?,
                "created_at" => fields.created_at = time("created_at", given)?,
                "updated_at" => fields.updated_at = time("updated_at", given)?,
                "expires_at" => fields.expires_at = time("expires_at", given)?,
                "last_used_at" => fields.last_used_at = time("last_used_at", given)?,
                "hits" => fields.hits = count("hits", given)?,
                "kind" => fields.kind = kind("kind", given)?,
                "user_id" => fields.user_id = name("user_id", given)?,
                "operator_uri" => fields.operator_uri = name("operator_uri", given)?,
                "prompt_id" => fields.prompt_id = name("prompt_id", given)?,
                "jwt_sha256" => fields.jwt_sha256 = sha256("jwt_sha256", given)?,
                "function" => fields.function = name("function", given)?,
                "args" => fields.args = list("args", given)?,
                "cost_ms" => fields.cost_ms = count("cost_ms", given)?,
                "value" => fields.value = Some(given),
                _ => {
                    return Err(DocumentError::UnknownField {
                        name: member.into_owned(),
                    });
                }
            }
        }
        Ok(fields)
    }
}

/// The names of a document as it gives them.
#[derive(Default)]
struct GivenNames<'a> {
    store_name: Option<Given<'a>>,
    key: Option<Given<'a>>,
    dataset_id: Option<Given<'a>>,
}

/// The names of an entry.
struct Names<'a> {
    store_name: Cow<'a, str>,
    key: Cow<'a, str>,
    dataset_id: Option<Cow<'a, str>>,
}

impl<'a> Names<'a> {
    /// Reads the names of one of ecache's own lines, which has a kind, or of a document of
    /// MongoDB's, where they are values of any type.
    fn read(given: GivenNames<'a>, kind: Option<Kind>) -> Result<Self> {
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
        Ok(Self {
            store_name: checked("store_name", Some(names.store_name))?.expect("it is given"),
            key: names.key,
            dataset_id: checked("dataset_id", names.dataset_id)?,
        })
    }
}

/// The value of a document that says what kind it is.
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

/// The text or the bytes that a value stands for, if it is not JSON of its own.
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
    checked(field, string(field, given)?)
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
    if let Given::Plain("null") = given {
        return Ok(None);
    }
    if let Given::Parsed { json, .. } = &given
        && let Some(id) = extended_json::object_id("dataset_id", json)?
    {
        return Ok(Some(id.into()));
    }
    let name = foreign_name("dataset_id", given)?;
    if !typed_name::is_typed(&name) {
        return Ok(Some(name));
    }
    let value = typed_name::value(&name).unwrap_or(Json::Null);
    let id = wrapper::inner(&value).map(|inner| Json::Object(inner.to_vec()));
    let id = id
        .map(|id| extended_json::object_id("dataset_id", &id))
        .transpose()?;
    Ok(match (value, id.flatten()) {
        (Json::Null, _) => None,
        (_, Some(id)) => Some(id.into()),
        // A string that is spelled like a typed name has its own already.
        (_, None) => Some(name),
    })
}

fn checked<'a>(field: &'static str, name: Option<Cow<'a, str>>) -> Result<Option<Cow<'a, str>>> {
    match name.as_deref().map(check_name) {
        Some(Err(error)) => Err(DocumentError::Name { field, error }),
        _ => Ok(name),
    }
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

fn missing(field: &'static str) -> DocumentError {
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

/// Names what `json` is, without showing what it holds.
fn describe(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Integer(_) => "an integer",
        Json::BigInteger(_) => "a big integer",
        Json::Float(_) => "a float",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
