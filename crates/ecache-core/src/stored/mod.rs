//! FiftyOne's stored form: converts values and arguments that plain JSON cannot express to JSON,
//! and back.
//!
//! Any type with serde's traits has a stored form:
//!
//! | Rust | stored as |
//! |---|---|
//! | tuple, tuple struct, array `[T; N]` (a tuple to serde) | `{"_cls": "tuple", "values": [...]}` |
//! | `Vec`, slice, any other sequence | a list |
//! | bytes (`serde_bytes`), `Vec<u8>` | `{"_cls": "bytes", "value": base64}`; for a key, a `Vec<u8>` is a list |
//! | `HashSet`, `BinaryHeap` | a list; for a key, in canonical order |
//! | [`Set`], [`set`](mod@set) | `{"_cls": "set", "values": [...]}`, members in canonical order, each once |
//! | [`Date`], [`date`] | `{"_cls": "date", "value": ISO 8601}` |
//! | [`DateTime`], [`datetime`] | `{"_cls": "datetime", "value": ISO 8601}` |
//! | struct, map | a dict; for a key, sorted unless it is a map with an order of its own (`IndexMap`); keys that are not strings as Python spells them in JSON: `1`, `true`, `null`, `1e-05` |
//! | enum | its variant's name, or `{name: content}` |
//! | `()`, unit struct, `None` | `null` |
//! | newtype struct | its content |
//! | `Some` | its content; `{"Some": …}` if that is stored as `null` or as a dict whose first key is `Some` |
//! | `f32` | the `f64` of the same value, as Python would |
//!
//! Every form reads back. Reading also unwraps these objects where the type asks for less: a `Vec`
//! reads a tuple or set, a `String` (or a chrono type's own `Deserialize`) reads a date. An object
//! with any other `_cls` is an ordinary dict.
//!
//! There is one serializer, and it writes text; where a tree is needed, it is parsed from that
//! text. This is easier to maintain than a second serializer with the same rules, and no hit needs
//! a tree.

/// Implements the methods of a `Serializer` for integers, by its method `integer`.
macro_rules! write_integers {
    ($returned:ty) => {
        write_integers! {
            $returned;
            serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
            serialize_i128 i128, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
            serialize_u64 u64, serialize_u128 u128
        }
    };
    ($returned:ty; $($method:ident $integer:ty),*) => {
        $(
            fn $method(self, value: $integer) -> $returned {
                self.integer(value)
            }
        )*
    };
}

mod coverage;
mod debug_form;
mod fiftyone;
mod hidden_fields;
mod map_key;
mod order;
mod read;
mod type_names;
mod types;
mod write;

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::{Error, Serialize};
use thiserror::Error;

use crate::python_json::{Json, KeyOrder, MAX_DEPTH};
use hidden_fields::Doubts;
pub(crate) use order::{check_order, counts};
use read::Reader;
pub(crate) use type_names::{is_mutable, is_partly_written};
pub(crate) use write::MAX_LEVELS;

#[doc(hidden)]
pub use fiftyone::why_fiftyone_raises;
pub use types::{Date, DateTime, Set, date, datetime, set};

/// A value has no stored form, or a stored form is not one of the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoredError {
    /// The value nests deeper than a text may that is to be read again.
    #[error("nested deeper than {MAX_DEPTH} lists and dicts, or {MAX_LEVELS} values of any type")]
    TooDeep,
    /// A map has a key that Python's `json` would not take.
    #[error("a map's key must be a string, number, boolean or null, not {0}")]
    Key(&'static str),
    /// A string with a lone surrogate was to be read as text.
    #[error("a string holds a lone surrogate, which Rust's cannot")]
    LoneSurrogate,
    /// An integer beyond 128 bits was to be read.
    #[error("the integer {0} does not fit 128 bits")]
    BigInteger(Box<str>),
    /// A value has the stored form of another one, so both would have one key.
    #[error(
        "another value has the same stored form, as one without a field of `#[serde(skip)]`, so that a key cannot \
         tell them apart: say what the result depends on with `key_fn`"
    )]
    LeftOut,
    /// A value has a mutable reference, through which a function may return something.
    #[error(
        "it has a `&mut`, and a hit would leave what that refers to as it is: take it by value or by `&`, and \
         return the changed value"
    )]
    Mutable,
    /// It cannot be seen whether a value has the stored form of another one.
    #[error(
        "it cannot be seen whether serde leaves out a field of {0}, or names two of its variants alike: derive \
         `Debug` for it, or `Deserialize` and `PartialEq`, or say what the result depends on with `key_fn`"
    )]
    Unseen(&'static str),
    /// A value cannot be read from its stored form, and cannot be told from others in another way.
    #[error(
        "a {of} cannot be read from its stored form ({why}), so it cannot be seen whether serde leaves out a field \
         or names two variants alike: say what the result depends on with `key_fn`"
    )]
    Unread {
        /// The type
        of: &'static str,
        /// The error of reading it
        why: String,
    },
    /// Equal values are written in different orders, so each call would have a key of its own.
    #[error(
        "equal values of {0} are written in different orders, as the members of a set are by \
         `#[serde(into = \"Vec<_>\")]`, so that no call finds the result of another: write them sorted, or say what \
         the result depends on with `key_fn`"
    )]
    Unordered(&'static str),
    /// The type's own `Serialize` or `Deserialize` refused.
    #[error("{0}")]
    Refused(String),
}

impl From<String> for StoredError {
    fn from(reason: String) -> Self {
        StoredError::Refused(reason)
    }
}

impl Error for StoredError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        StoredError::Refused(message.to_string())
    }
}

impl serde::de::Error for StoredError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        StoredError::Refused(message.to_string())
    }
}

/// Returns the stored form of a value, with the keys of its maps and structs in their own order.
///
/// # Errors
///
/// Fails like [`write()`].
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Json, StoredError> {
    let mut text = Vec::new();
    write(value, &mut text)?;
    Json::parse(&text).map_err(Error::custom)
}

/// Reads a value from its stored form.
///
/// # Errors
///
/// Fails when the stored form is not one of `T`.
///
/// ```
/// use ecache_core::python_json::Json;
/// use ecache_core::stored;
///
/// let pair = Json::parse(br#"{"_cls": "tuple", "values": [1, "one"]}"#)?;
/// assert_eq!(stored::from_json::<(u8, String)>(&pair)?, (1, "one".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_json<T: DeserializeOwned>(json: &Json) -> Result<T, StoredError> {
    lent_from_json(json)
}

/// Like [`from_json`], for a type that may borrow; one that does cannot be read, unless it can own
/// its data as well, as a `Cow` can.
pub(crate) fn lent_from_json<'de, T: Deserialize<'de>>(json: &Json) -> Result<T, StoredError> {
    match T::deserialize(Reader::new(json)) {
        Ok(value) => Ok(value),
        Err(error) => match Reader::with_number_keys(json).map(T::deserialize) {
            Some(Ok(value)) => Ok(value),
            Some(Err(_)) | None => Err(error),
        },
    }
}

/// Reads a value whose stored form is a string of that text.
///
/// # Errors
///
/// Fails when no string is the stored form of a `T`.
pub(crate) fn from_text<T: DeserializeOwned>(text: String) -> Result<T, StoredError> {
    T::deserialize(read::TextReader(text))
}

/// Appends the text of a value's stored form: what Python's `json.dumps` would write.
///
/// Text that was appended before an error stays.
///
/// # Errors
///
/// Fails on a map key that is a sequence or map, on nesting beyond [`MAX_DEPTH`], on a date outside
/// of Python's years, and when the type's own `Serialize` fails.
#[doc(hidden)]
pub fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), StoredError> {
    value.serialize(write::Writer::new::<T>(out, KeyOrder::Insertion))
}

/// Appends the canonical text of a value, as Python's `json.dumps(..., sort_keys=True)` would write
/// it.
///
/// Equal values have equal texts, whatever the order of their maps and sets; keys are made from
/// them.
///
/// # Errors
///
/// Fails like [`write()`].
///
/// ```
/// use ecache_core::stored;
///
/// let mut text = Vec::new();
/// stored::write_canonical(&("é", [0.5_f32]), &mut text)?;
/// # let text = String::from_utf8(text).expect("ASCII");
/// assert_eq!(
///     text,
///     r#"{"_cls": "tuple", "values": ["\u00e9", {"_cls": "tuple", "values": [0.5]}]}"#
/// );
/// # Ok::<(), stored::StoredError>(())
/// ```
#[doc(hidden)]
pub fn write_canonical<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), StoredError> {
    value.serialize(write::Writer::new::<T>(out, KeyOrder::Sorted))
}

/// Appends the canonical text of an argument, like [`write_canonical`]; the key of a call is made
/// from it.
///
/// # Errors
///
/// Fails like [`write()`], and for a struct that leaves a field out.
pub(crate) fn write_argument<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), StoredError> {
    value.serialize(write::Writer::new::<T>(out, KeyOrder::Sorted).whole(value))
}

/// Like [`write_argument`], for a value that is read back and compared: what may be left out shows
/// then, and a gap alone proves nothing. An enum has its discriminant there.
///
/// # Errors
///
/// Fails like [`write()`].
pub(crate) fn write_checked_argument<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), StoredError> {
    let writer = write::Writer::new::<T>(out, KeyOrder::Sorted);
    value.serialize(writer.whole(value).unjudged())
}

/// Like [`write_argument`], for a value that cannot be read back and compared: its `Debug` form, if
/// it is `shown`, has to name no more than was written.
///
/// # Errors
///
/// Fails like [`write_argument`], and if it cannot be seen that nothing was left out.
pub(crate) fn write_shown_argument<T: Serialize + ?Sized>(
    value: &T,
    shown: Option<&dyn fmt::Debug>,
    out: &mut Vec<u8>,
) -> Result<(), StoredError> {
    let mut doubts = Doubts::default();
    let writer = write::Writer::new::<T>(out, KeyOrder::Sorted);
    value.serialize(writer.whole(value).doubting(&mut doubts))?;
    doubts.settle(shown)
}

/// Reports whether the stored form of a value can be seen to leave out nothing; `shown` is its
/// `Debug` form, if it has one.
pub(crate) fn is_whole<T: Serialize + ?Sized>(value: &T, shown: Option<&dyn fmt::Debug>) -> bool {
    let written = write_shown_argument(value, shown, &mut Vec::new());
    !matches!(written, Err(StoredError::LeftOut | StoredError::Unseen(_)))
}

/// Puts the members of every set in a stored form into canonical order, each once.
///
/// Python writes a set in the order of its hashes, which differ from one process to the next.
#[doc(hidden)]
pub fn order_sets(json: &mut Json) {
    match json {
        Json::Array(values) => values.iter_mut().for_each(order_sets),
        Json::Object(entries) => entries.iter_mut().for_each(|(_, value)| order_sets(value)),
        _ => {}
    }
    if json.get("_cls").and_then(Json::as_str) != Some("set") {
        return;
    }
    if let Some(Json::Array(members)) = json.get_mut("values") {
        members.sort_by_cached_key(Json::dumps_sorted);
        members.dedup_by_key(|member| member.dumps_sorted());
    }
}
