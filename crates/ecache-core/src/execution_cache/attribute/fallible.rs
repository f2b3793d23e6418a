//! Adapts the attribute to the functions that it names: fallible and infallible ones.
//!
//! A `Result` is itself serializable, so no trait bound tells a fallible function from one that
//! stores a `Result`. Method lookup does: for `&mut Returned<R>`, an inherent method takes
//! precedence over a trait's, and both over that of a trait for one more reference.

use std::fmt::Display;

use crate::execution_cache::CodecError;

const IS_TAKEN_ONCE: &str = "one method takes it";

/// The return value of a `serialize`, `deserialize` or `key_fn`; one method takes it.
#[derive(Debug)]
pub struct Returned<R>(Option<R>);

/// Wraps a return value.
pub fn returned<R>(value: R) -> Returned<R> {
    Returned(Some(value))
}

impl<T, E: Display> Returned<Result<T, E>> {
    /// Returns the value, or the error as a codec error.
    ///
    /// # Errors
    /// If the function failed.
    pub fn result(&mut self) -> Result<T, CodecError> {
        self.0.take().expect(IS_TAKEN_ONCE).map_err(CodecError::new)
    }
}

/// The return value of a fallible function whose errors have no `Display` form.
pub trait Wordless {
    /// The type of the return value
    type Value;

    /// Returns the value, or an error that names the type of the function's error.
    ///
    /// # Errors
    /// If the function failed.
    fn result(&mut self) -> Result<Self::Value, CodecError>;
}

impl<T, E> Wordless for Returned<Result<T, E>> {
    type Value = T;

    fn result(&mut self) -> Result<T, CodecError> {
        let result = self.0.take().expect(IS_TAKEN_ONCE);
        let name = std::any::type_name::<E>();
        result.map_err(|_| CodecError::new(format_args!("it failed with a `{name}`")))
    }
}

/// The return value of an infallible function.
pub trait Infallible {
    /// The type of the return value
    type Value;

    /// Returns the value.
    ///
    /// # Errors
    /// None; the signature matches that of `Returned`.
    fn result(&mut self) -> Result<Self::Value, CodecError>;
}

impl<T> Infallible for &mut Returned<T> {
    type Value = T;

    fn result(&mut self) -> Result<T, CodecError> {
        Ok(self.0.take().expect(IS_TAKEN_ONCE))
    }
}
