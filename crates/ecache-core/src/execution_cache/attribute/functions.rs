//! The codec of the options `serialize` and `deserialize`.
//!
//! A stored form that serde cannot write or read is in error where [`written`] or [`read`] names
//! it, and nowhere else.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::execution_cache::codec::{decode, encode};
use crate::execution_cache::{Codec, CodecError};
use crate::value::Value;

/// The requirement on the return value of `serialize`.
#[diagnostic::on_unimplemented(
    message = "`serialize` returns a `{Self}`, which cannot be stored",
    label = "`{Self}` does not implement serde's `Serialize`",
    note = "return a type that implements it, such as a text or bytes"
)]
pub trait WrittenForm: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize> WrittenForm for T {}

/// The requirement on the argument of `deserialize`.
#[diagnostic::on_unimplemented(
    message = "`deserialize` takes a `{Self}`, which cannot be read from the store",
    label = "`{Self}` does not implement serde's `Deserialize`, or borrows",
    note = "take a type that implements it, such as a `String` or a `Vec<u8>`"
)]
pub trait ReadForm: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> ReadForm for T {}

/// Returns the value of what `serialize` returned.
///
/// # Errors
/// If it has no stored form.
pub fn written<U: WrittenForm>(returned: &U) -> Result<Value, CodecError> {
    encode(returned)
}

/// Returns the argument of `deserialize`.
///
/// # Errors
/// If the value is that of another type.
pub fn read<V: ReadForm>(value: Value) -> Result<V, CodecError> {
    decode(value)
}

/// Creates the codec of two functions.
pub fn functions<T>(
    serialize: impl Fn(&T) -> Result<Value, CodecError>,
    deserialize: impl Fn(Value) -> Result<T, CodecError>,
) -> impl Codec<T> {
    Functions(serialize, deserialize)
}

struct Functions<S, D>(S, D);

impl<T, S, D> Codec<T> for Functions<S, D>
where
    S: Fn(&T) -> Result<Value, CodecError>,
    D: Fn(Value) -> Result<T, CodecError>,
{
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        (self.0)(result)
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        (self.1)(value)
    }
}
