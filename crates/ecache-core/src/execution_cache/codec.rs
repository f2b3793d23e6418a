//! Between a function's results and what is stored.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::python_json::Json;
use crate::stored;
use crate::value::{Kind, Value};

/// Turns results into stored values and back.
pub trait Codec<T> {
    /// The value to store.
    ///
    /// # Errors
    /// If the result has no stored form; it is returned to the caller all the same.
    fn encode(&self, result: &T) -> Result<Value, CodecError>;

    /// The result of a stored value.
    ///
    /// # Errors
    /// If the value is that of another type; it counts as a miss then.
    fn decode(&self, value: Value) -> Result<T, CodecError>;
}

/// Why a result cannot be stored, or a stored value is no result.
#[derive(Debug)]
pub struct CodecError(String);

impl CodecError {
    /// An error of that reason.
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

/// FiftyOne's stored form, through serde.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoredForm;

impl<T: Serialize + DeserializeOwned> Codec<T> for StoredForm {
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        encode(result)
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        decode(value)
    }
}

/// Functions of one's own: `serialize` to something that has a stored form, and `deserialize` from it.
pub fn with<T, U, V>(serialize: impl Fn(&T) -> U, deserialize: impl Fn(V) -> T) -> impl Codec<T>
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
    S: Fn(&T) -> U,
    D: Fn(V) -> T,
    U: Serialize,
    V: DeserializeOwned,
{
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        encode(&(self.serialize)(result))
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        decode(value).map(&self.deserialize)
    }
}

fn encode<T: Serialize>(result: &T) -> Result<Value, CodecError> {
    let mut text = Vec::with_capacity(256);
    stored::write(result, &mut text).map_err(CodecError::new)?;
    match text.first() {
        // Without an escape, the text is what is between the quotes.
        Some(b'"') if !text.contains(&b'\\') => {
            text.pop();
            text.remove(0);
            Ok(Value {
                kind: Kind::Text,
                bytes: text,
            })
        }
        // A string is kept as text and bytes as bytes; anything else as the JSON that it is.
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

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, CodecError> {
    let stored = value.into_stored().map_err(CodecError::new)?;
    stored::from_json(&stored).map_err(CodecError::new)
}
