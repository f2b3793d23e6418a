//! Lets the attribute accept functions that may fail and functions that cannot.
//!
//! A `Result` is serializable itself, so that no trait bound tells "fails" from "stores a `Result`". Method
//! lookup does: an inherent method comes before a trait's.

use std::fmt::Display;

use super::CodecError;

/// What a `serialize`, `deserialize` or `key_fn` returned.
pub struct Returned<R>(pub R);

impl<T, E: Display> Returned<Result<T, E>> {
    /// Returns the value, or the error as one of the codec's.
    ///
    /// # Errors
    /// If the function failed.
    pub fn result(self) -> Result<T, CodecError> {
        self.0.map_err(CodecError::new)
    }
}

/// What a function that cannot fail returned.
pub trait Plain {
    /// What the function returned.
    type Value;

    /// Returns the value.
    ///
    /// # Errors
    /// None; it returns what [`Returned::result`] does.
    fn result(self) -> Result<Self::Value, CodecError>;
}

impl<T> Plain for Returned<T> {
    type Value = T;

    fn result(self) -> Result<T, CodecError> {
        Ok(self.0)
    }
}
