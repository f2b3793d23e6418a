//! Lets the attribute do what a type allows: functions that may fail and functions that cannot,
//! results that have an `==` and results that have none.
//!
//! A `Result` is serializable itself, so that no trait bound tells "fails" from "stores a
//! `Result`". Method lookup does: an inherent method comes before a trait's.

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

/// Two results, which may have an `==`.
pub struct Pair<'a, T>(pub &'a T, pub &'a T);

impl<T: PartialEq> Pair<'_, T> {
    /// Reports whether they are equal.
    pub fn equal(self) -> Option<bool> {
        Some(self.0 == self.1)
    }
}

/// Results without an `==`.
pub trait Incomparable: Sized {
    /// Reports that it is not known.
    fn equal(self) -> Option<bool> {
        None
    }
}

impl<T> Incomparable for Pair<'_, T> {}
