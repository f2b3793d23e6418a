//! What the code that `#[execution_cache]` writes calls. It may change with every release.

use serde::Serialize;

use super::{CacheContext, ExecutionContext, default_context};
use crate::key::Preimage;
use crate::stored::StoredError;

pub use super::codec::compared;
pub use super::fallible::{Incomparable, equality};
pub use super::identity::Declaration;
pub use super::lifetime::{ErrLasts, IntoLifetime, lasts};
pub use super::outcome::{
    Fallible, FallibleOption, IntoOutput, KeepsAll, KeepsOk, Returns, SkipsNone,
};
pub use super::refresh::spawn;
pub use super::way::{Calls, Declared, Unfit, checked};

/// What `cache_none = false` keeps.
pub fn keeps_some<T: SkipsNone>() -> T::Outcome {
    T::Outcome::default()
}

/// What `cache_err` keeps.
pub fn keeps_err<T: Fallible>() -> T::Outcome {
    T::Outcome::default()
}

/// What `cache_err` with `cache_none = false` keeps.
pub fn keeps_err_or_some<T: FallibleOption>() -> T::Outcome {
    T::Outcome::default()
}

/// A first argument, of which the type decides whether it is the context of the call.
#[derive(Debug)]
pub struct First<'a, T: ?Sized>(pub &'a T);

/// The first argument is the context.
pub trait IsContext<'a> {
    /// Returns the context of the call.
    fn context(&self) -> &'a ExecutionContext;

    /// Adds nothing to the arguments.
    ///
    /// # Errors
    /// None.
    fn push(&self, _: &mut Preimage) -> Result<(), StoredError> {
        Ok(())
    }
}

impl<'a, C: CacheContext + ?Sized> IsContext<'a> for First<'a, C> {
    fn context(&self) -> &'a ExecutionContext {
        self.0.execution_context()
    }
}

/// The first argument is an argument.
pub trait IsArgument<T: ?Sized> {
    /// Returns the context of the process.
    fn context(&self) -> &'static ExecutionContext {
        default_context()
    }

    /// Adds it to the arguments.
    ///
    /// # Errors
    /// If it has no stored form.
    fn push(&self, list: &mut Preimage) -> Result<(), StoredError>
    where
        T: ContextOrArgument;
}

impl<T: ?Sized> IsArgument<T> for &First<'_, T> {
    fn push(&self, list: &mut Preimage) -> Result<(), StoredError>
    where
        T: ContextOrArgument,
    {
        self.0.push_to(list)
    }
}

/// What a first argument must be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a context nor an argument of a cached function",
    label = "implements neither `CacheContext` nor `Serialize`",
    note = "implement `CacheContext` for a context, derive `serde::Serialize` for an argument, or say what \
            the result depends on with `key_fn = …`"
)]
pub trait ContextOrArgument {
    /// Adds it to the arguments.
    ///
    /// # Errors
    /// If it has no stored form.
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError>;
}

impl<T: Serialize + ?Sized> ContextOrArgument for T {
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError> {
        list.push(self)
    }
}
