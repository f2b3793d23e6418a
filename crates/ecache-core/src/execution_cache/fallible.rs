//! Adapts the attribute to the functions that it names: fallible and infallible ones.
//!
//! A `Result` is itself serializable, so no trait bound tells a fallible function from one that
//! stores a `Result`. Method lookup does: an inherent method takes precedence over a trait's.

use std::fmt::Display;

use super::CodecError;

/// The return value of a `serialize`, `deserialize` or `key_fn`.
#[derive(Debug)]
pub struct Returned<R>(pub R);

impl<T, E: Display> Returned<Result<T, E>> {
    /// Returns the value, or the error as a codec error.
    ///
    /// # Errors
    /// If the function failed.
    pub fn result(self) -> Result<T, CodecError> {
        self.0.map_err(CodecError::new)
    }
}

/// The return value of an infallible function.
pub trait Plain {
    /// The type of the return value.
    type Value;

    /// Returns the value.
    ///
    /// # Errors
    /// None; the signature matches [`Returned::result`].
    fn result(self) -> Result<Self::Value, CodecError>;
}

impl<T> Plain for Returned<T> {
    type Value = T;

    fn result(self) -> Result<T, CodecError> {
        Ok(self.0)
    }
}
