//! Codecs: conversions between a function's results and stored values.
//!
//! `any` hides the type of results from the rest. `compact` is the binary codec, and `round_trip`
//! finds results that do not survive the store.

pub(super) mod any;
#[cfg(feature = "compact")]
pub(super) mod compact;
#[cfg(feature = "compact")]
mod compact_writer;
mod numeric_arrays;
pub(super) mod round_trip;
#[cfg(feature = "compact")]
mod type_fingerprint;

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::python_json::Json;
use crate::stored::{self, StoredError, counts};
use crate::value::{Kind, Value};

/// Turns results into stored values and back.
pub trait Codec<T> {
    /// Encodes a result as a stored value.
    ///
    /// # Errors
    /// If the result has no stored form; the caller still gets the result.
    fn encode(&self, result: &T) -> Result<Value, CodecError>;

    /// Decodes a stored value.
    ///
    /// # Errors
    /// If the value is not of this type, which makes the call a miss.
    fn decode(&self, value: Value) -> Result<T, CodecError>;

    /// Reports whether two results are equal; `None` if that is unknown.
    ///
    /// It detects results that storing changes although their stored forms agree, such as those
    /// with fields that serde skips.
    fn equal(&self, _one: &T, _other: &T) -> Option<bool> {
        None
    }

    /// Reports whether the stored form has all of a result, if that can be seen. It is asked for
    /// results that cannot be compared; `shown` is the `Debug` form of one that has it.
    fn is_whole(&self, _result: &T, _shown: Option<&dyn fmt::Debug>) -> bool {
        true
    }

    /// Reports whether every result survives a round trip unchanged. Otherwise results are read
    /// back when they are stored.
    fn is_exact(&self) -> bool {
        false
    }

    /// Returns the lifetime of this result, if it differs from the `ttl` of its function.
    fn lifetime(&self, _result: &T) -> Option<Duration> {
        None
    }
}

impl<T, C: Codec<T>> Codec<T> for &C {
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        (**self).encode(result)
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        (**self).decode(value)
    }

    fn equal(&self, one: &T, other: &T) -> Option<bool> {
        (**self).equal(one, other)
    }

    fn is_whole(&self, result: &T, shown: Option<&dyn fmt::Debug>) -> bool {
        (**self).is_whole(result, shown)
    }

    fn is_exact(&self) -> bool {
        (**self).is_exact()
    }

    fn lifetime(&self, result: &T) -> Option<Duration> {
        (**self).lifetime(result)
    }
}

/// The error of a result that cannot be stored, or of a stored value that cannot be decoded.
#[derive(Debug)]
pub struct CodecError(String);

impl CodecError {
    /// Creates an error with this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

impl From<String> for CodecError {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<CodecError> for StoredError {
    fn from(error: CodecError) -> Self {
        Self::Refused(error.0)
    }
}

/// FiftyOne's [stored form](mod@crate::stored), through serde.
///
/// A `Vec<u8>` is stored as bytes, and a `Vec` of 1024 numbers or more as bytes that NumPy reads
/// (`.npy`).
#[derive(Clone, Copy, Debug, Default)]
pub struct StoredForm;

impl<T: Serialize + DeserializeOwned + 'static> Codec<T> for StoredForm {
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        match numeric_arrays::encode(result) {
            Some(value) => Ok(value),
            None => encode(result),
        }
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        match numeric_arrays::decode(value) {
            Ok(result) => Ok(result),
            Err(value) => decode(value),
        }
    }

    fn is_whole(&self, result: &T, shown: Option<&dyn fmt::Debug>) -> bool {
        stored::is_whole(result, shown)
    }

    fn is_exact(&self) -> bool {
        numeric_arrays::is_exact(TypeId::of::<T>())
    }
}

/// A comparison of results.
pub trait Equality<T> {
    /// Reports whether two results are equal; `None` if that is unknown.
    fn equal(one: &T, other: &T) -> Option<bool>;

    /// Returns the `Debug` form of a result, if it has one.
    fn shown(_result: &T) -> Option<&dyn fmt::Debug> {
        None
    }
}

/// The `==` of results, which tells nothing of one with a NaN: that is not equal to itself.
#[derive(Clone, Copy, Debug)]
pub struct ByEq;

impl<T: PartialEq> Equality<T> for ByEq {
    fn equal(one: &T, other: &T) -> Option<bool> {
        #[expect(clippy::eq_op, reason = "a NaN is not equal to itself")]
        let is_comparable = one == one;
        match one == other {
            false if !is_comparable => None,
            is_equal => Some(is_equal),
        }
    }
}

/// The `==` of results together with the comparison of their `Debug` forms.
#[derive(Clone, Copy, Debug)]
pub struct ByEqOrDebug;

impl<T: PartialEq + fmt::Debug> Equality<T> for ByEqOrDebug {
    fn equal(one: &T, other: &T) -> Option<bool> {
        match ByEq::equal(one, other) {
            Some(false) => Some(false),
            // An `==` may compare fewer fields than serde skips.
            is_equal => ByDebug::equal(one, other).or(is_equal),
        }
    }

    fn shown(result: &T) -> Option<&dyn fmt::Debug> {
        Some(result)
    }
}

/// The comparison of the `Debug` forms of results without an `==`: what serde skips is in them.
#[derive(Clone, Copy, Debug)]
pub struct ByDebug;

impl<T: fmt::Debug> Equality<T> for ByDebug {
    fn equal(one: &T, other: &T) -> Option<bool> {
        equal_by_debug(one, other)
    }

    fn shown(result: &T) -> Option<&dyn fmt::Debug> {
        Some(result)
    }
}

/// Compares `Debug` forms. A hash map that is read back shows its entries in another order, so two
/// forms of the same letters tell nothing.
fn equal_by_debug(one: &dyn fmt::Debug, other: &dyn fmt::Debug) -> Option<bool> {
    let (one, other) = (format!("{one:?}"), format!("{other:?}"));
    if one == other {
        return Some(true);
    }
    (counts(one.as_bytes()) != counts(other.as_bytes())).then_some(false)
}

/// The comparison of results without an `==` and a `Debug` form.
#[derive(Clone, Copy, Debug)]
pub struct Incomparable;

impl<T> Equality<T> for Incomparable {
    fn equal(_: &T, _: &T) -> Option<bool> {
        None
    }
}

/// Creates a codec that compares results with their `==`.
pub fn compared<C>(codec: C) -> Compared<C, ByEq> {
    Compared::new(codec)
}

/// A codec that can compare results.
#[derive(Clone, Copy, Debug)]
pub struct Compared<C, E> {
    codec: C,
    equality: PhantomData<E>,
}

impl<C, E> Compared<C, E> {
    pub(super) fn new(codec: C) -> Self {
        Self {
            codec,
            equality: PhantomData,
        }
    }
}

impl<T, C: Codec<T>, E: Equality<T>> Codec<T> for Compared<C, E> {
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        self.codec.encode(result)
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        self.codec.decode(value)
    }

    fn equal(&self, one: &T, other: &T) -> Option<bool> {
        E::equal(one, other)
    }

    fn is_whole(&self, result: &T, shown: Option<&dyn fmt::Debug>) -> bool {
        let shown = match shown {
            Some(shown) => Some(shown),
            None => E::shown(result),
        };
        self.codec.is_whole(result, shown)
    }

    fn is_exact(&self) -> bool {
        self.codec.is_exact()
    }

    fn lifetime(&self, result: &T) -> Option<Duration> {
        self.codec.lifetime(result)
    }
}

/// Creates a codec from two functions: `serialize` returns a value with a stored form, and
/// `deserialize` reads it.
pub fn with<T, U, V>(serialize: impl Fn(&T) -> U, deserialize: impl Fn(V) -> T) -> impl Codec<T>
where
    U: Serialize,
    V: DeserializeOwned,
{
    try_with(
        move |result: &T| Ok(serialize(result)),
        move |stored: V| Ok(deserialize(stored)),
    )
}

/// Creates a codec from two fallible functions; if either fails, the call computes its result.
pub fn try_with<T, U, V>(
    serialize: impl Fn(&T) -> Result<U, CodecError>,
    deserialize: impl Fn(V) -> Result<T, CodecError>,
) -> impl Codec<T>
where
    U: Serialize,
    V: DeserializeOwned,
{
    With {
        serialize,
        deserialize,
        forms: PhantomData::<fn(V) -> U>,
    }
}

struct With<S, D, F> {
    serialize: S,
    deserialize: D,
    forms: PhantomData<F>,
}

impl<T, U, V, S, D> Codec<T> for With<S, D, fn(V) -> U>
where
    S: Fn(&T) -> Result<U, CodecError>,
    D: Fn(V) -> Result<T, CodecError>,
    U: Serialize,
    V: DeserializeOwned,
{
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        encode(&(self.serialize)(result)?)
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        decode(value).and_then(&self.deserialize)
    }
}

pub(super) fn encode<T: Serialize>(result: &T) -> Result<Value, CodecError> {
    let mut text = Vec::with_capacity(256);
    match stored::write(result, &mut text) {
        Ok(()) => written(text),
        Err(error) => Err(CodecError::new(error)),
    }
}

/// Returns the value that a stored form is.
fn written(mut text: Vec<u8>) -> Result<Value, CodecError> {
    match text.first() {
        // Without an escape, the text between the quotes is the string itself.
        Some(b'"') if !text.contains(&b'\\') => {
            text.pop();
            text.remove(0);
            Ok(Value {
                kind: Kind::Text,
                bytes: text,
            })
        }
        // A string is stored as text, bytes as bytes, and anything else as JSON.
        Some(b'"' | b'{') => {
            let stored = Json::parse(&text).map_err(CodecError::new)?;
            Ok(Value::from_stored(&stored))
        }
        _ => Ok(Value {
            kind: Kind::Json,
            bytes: text,
        }),
    }
}

/// A stored value, ready to be deserialized.
enum Form {
    /// Deserialized without a copy
    Text(String),
    Json(Json),
}

impl Form {
    fn of(value: Value) -> Result<Self, CodecError> {
        Ok(match value.kind {
            Kind::Text => Self::Text(String::from_utf8(value.bytes).map_err(CodecError::new)?),
            _ => Self::Json(value.to_stored().map_err(CodecError::new)?),
        })
    }
}

pub(super) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, CodecError> {
    let read = match Form::of(value) {
        Ok(Form::Text(text)) => stored::from_text(text),
        Ok(Form::Json(json)) => stored::from_json(&json),
        Err(error) => return Err(error),
    };
    match read {
        Ok(result) => Ok(result),
        Err(error) => Err(CodecError::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Colour {
        Red,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Name(Option<String>);

    fn comes_back_from_text<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(
        result: &T,
    ) {
        let value = StoredForm.encode(result).expect("a stored form");
        assert_eq!(value.kind, Kind::Text, "{result:?}");
        assert_eq!(StoredForm.decode(value).ok().as_ref(), Some(result));
    }

    #[test]
    fn every_text_that_is_stored_comes_back() {
        comes_back_from_text(&"señal\n".to_owned());
        comes_back_from_text(&Some("label".to_owned()));
        comes_back_from_text(&Name(Some(String::new())));
        comes_back_from_text(&Colour::Red);
        comes_back_from_text(&'é');
        comes_back_from_text::<Box<str>>(&"label".into());
    }

    #[test]
    fn text_is_no_result_of_another_type() {
        let read = |text: &str| <StoredForm as Codec<u64>>::decode(&StoredForm, Value::text(text));
        assert!(read("8").is_err());
    }
}
