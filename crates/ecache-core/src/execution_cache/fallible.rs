//! Adapts the attribute to the types of a function: fallible and infallible functions, results with
//! and without an `==`.
//!
//! A `Result` is itself serializable, so no trait bound tells a fallible function from one that
//! stores a `Result`. Method lookup does: an inherent method takes precedence over a trait's.

use std::fmt::Display;
use std::marker::PhantomData;

use super::CodecError;
use super::outcome::Outcome;

/// The return value of a `serialize`, `deserialize` or `key_fn`.
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

/// The `==` of the cached part of a function's output, if its type has one.
pub struct Equality<T>(PhantomData<fn() -> T>);

/// Returns the `==` of the part of an `Output` that `outcome` keeps.
pub fn equality<O: Outcome<Output>, Output>(_outcome: &O) -> Equality<O::Value> {
    Equality(PhantomData)
}

/// Compares two results; `None` if equality is unknown.
type Compare<T> = fn(&T, &T) -> Option<bool>;

impl<T: PartialEq> Equality<T> {
    /// Returns the comparison.
    pub fn compare(&self) -> Compare<T> {
        |one, other| Some(one == other)
    }
}

/// Results without an `==`.
pub trait Incomparable<T> {
    /// Returns a comparison that always yields `None`.
    fn compare(&self) -> Compare<T> {
        |_, _| None
    }
}

impl<T> Incomparable<T> for Equality<T> {}
