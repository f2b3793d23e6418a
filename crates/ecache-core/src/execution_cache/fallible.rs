//! Lets the attribute do what a type allows: functions that may fail and functions that cannot,
//! results that have an `==` and results that have none.
//!
//! A `Result` is serializable itself, so that no trait bound tells "fails" from "stores a
//! `Result`". Method lookup does: an inherent method comes before a trait's.

use std::fmt::Display;
use std::marker::PhantomData;

use super::CodecError;
use super::outcome::Outcome;

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

/// The `==` of what is kept of a function's output, if its type has one.
pub struct Equality<T>(PhantomData<fn() -> T>);

/// Returns the `==` of what `outcome` keeps of an `Output`.
pub fn equality<O: Outcome<Output>, Output>(_outcome: &O) -> Equality<O::Value> {
    Equality(PhantomData)
}

/// Compares two results; `None` where that cannot be known.
type Compare<T> = fn(&T, &T) -> Option<bool>;

impl<T: PartialEq> Equality<T> {
    /// Returns the comparison.
    pub fn compare(&self) -> Compare<T> {
        |one, other| Some(one == other)
    }
}

/// Results without an `==`.
pub trait Incomparable<T> {
    /// Returns a comparison that knows nothing.
    fn compare(&self) -> Compare<T> {
        |_, _| None
    }
}

impl<T> Incomparable<T> for Equality<T> {}
