//! Which results of a function are kept: decided by the type that it returns, whatever that type is called.
//!
//! A macro sees `ApiResult<u8>` and cannot know that it is a `Result`, so the compiler chooses: the method
//! `kept` of [`Returns`] is that of [`KeepsOk`] for every `Result`, and that of [`KeepsAll`], which takes
//! one reference more, for all else.

use std::convert::Infallible;
use std::marker::PhantomData;

/// How a function's output is divided into a value that is kept and the rest, which is only returned.
pub trait Outcome<Output>: Copy {
    /// The value that is kept
    type Value;
    /// What is returned and not kept
    type Rest;

    /// Divides an output.
    ///
    /// # Errors
    /// The rest, if there is nothing to be kept.
    fn divide(output: Output) -> Result<Self::Value, Self::Rest>;

    /// Makes the output again.
    fn unite(divided: Result<Self::Value, Self::Rest>) -> Output;
}

/// Every output is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl<T> Outcome<T> for Whole {
    type Value = T;
    type Rest = Infallible;

    fn divide(output: T) -> Result<T, Infallible> {
        Ok(output)
    }

    fn unite(divided: Result<T, Infallible>) -> T {
        divided.unwrap_or_else(|never| match never {})
    }
}

/// The `Ok` of a `Result` is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct OkOnly;

impl<T, E> Outcome<Result<T, E>> for OkOnly {
    type Value = T;
    type Rest = E;

    fn divide(output: Result<T, E>) -> Result<T, E> {
        output
    }

    fn unite(divided: Result<T, E>) -> Result<T, E> {
        divided
    }
}

/// The `Some` of an `Option` is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct SomeOnly;

impl<T> Outcome<Option<T>> for SomeOnly {
    type Value = T;
    type Rest = ();

    fn divide(output: Option<T>) -> Result<T, ()> {
        output.ok_or(())
    }

    fn unite(divided: Result<T, ()>) -> Option<T> {
        divided.ok()
    }
}

/// The `Ok(Some)` of a `Result` is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct OkSome;

impl<T, E> Outcome<Result<Option<T>, E>> for OkSome {
    type Value = T;
    type Rest = Option<E>;

    fn divide(output: Result<Option<T>, E>) -> Result<T, Option<E>> {
        output.map_err(Some)?.ok_or(None)
    }

    fn unite(divided: Result<T, Option<E>>) -> Result<Option<T>, E> {
        match divided {
            Ok(value) => Ok(Some(value)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }
}

/// Everything but the `Ok(None)` of a `Result` is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrOrSome;

impl<T, E> Outcome<Result<Option<T>, E>> for ErrOrSome {
    type Value = Result<T, E>;
    type Rest = ();

    fn divide(output: Result<Option<T>, E>) -> Result<Result<T, E>, ()> {
        output.transpose().ok_or(())
    }

    fn unite(divided: Result<Result<T, E>, ()>) -> Result<Option<T>, E> {
        divided.ok().transpose()
    }
}

/// Stands for the type that a function returns.
#[derive(Debug)]
pub struct Returns<T>(PhantomData<fn() -> T>);

impl<T> Returns<T> {
    /// Stands for `T`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Returns<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Every `Result`.
pub trait KeepsOk {
    /// Says that an `Err` is not kept.
    fn kept(&self) -> OkOnly {
        OkOnly
    }
}

impl<T, E> KeepsOk for Returns<Result<T, E>> {}

/// Whatever is no `Result`.
pub trait KeepsAll {
    /// Says that everything is kept.
    fn kept(&self) -> Whole {
        Whole
    }
}

impl<T> KeepsAll for &Returns<T> {}

/// What `cache_none = false` may stand on.
#[diagnostic::on_unimplemented(
    message = "`cache_none = false` is for a function that returns an `Option`",
    label = "neither `Option<…>` nor `Result<Option<…>, …>`",
    note = "leave `cache_none` out"
)]
pub trait SkipsNone {
    /// What is kept if an `Err` is not
    type Outcome: Default;
}

impl<T> SkipsNone for Option<T> {
    type Outcome = SomeOnly;
}

impl<T, E> SkipsNone for Result<Option<T>, E> {
    type Outcome = OkSome;
}

/// What `cache_err` may stand on.
#[diagnostic::on_unimplemented(
    message = "`cache_err` is for a function that returns a `Result`",
    label = "not a `Result<…, …>`",
    note = "leave `cache_err` out"
)]
pub trait Fallible {
    /// What is kept
    type Outcome: Default;
    /// Reports whether it is an `Err`.
    fn is_err(&self) -> bool;
}

impl<T, E> Fallible for Result<T, E> {
    type Outcome = Whole;

    fn is_err(&self) -> bool {
        Result::is_err(self)
    }
}

/// What `cache_err` and `cache_none = false` together may stand on.
#[diagnostic::on_unimplemented(
    message = "`cache_err` with `cache_none = false` is for a function that returns a \
               `Result<Option<…>, …>`",
    label = "not a `Result<Option<…>, …>`",
    note = "leave one of them out"
)]
pub trait FallibleOption {
    /// What is kept
    type Outcome: Default;
}

impl<T, E> FallibleOption for Result<Option<T>, E> {
    type Outcome = ErrOrSome;
}

/// What a companion takes for an output of the function: itself, or what it holds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a result of the function, which returns `{Output}`",
    label = "expected `{Output}`, or what its `Ok` or `Some` holds"
)]
pub trait IntoOutput<Output> {
    /// Returns the output.
    fn into_output(self) -> Output;
}

impl<T> IntoOutput<T> for T {
    fn into_output(self) -> T {
        self
    }
}

impl<T, E> IntoOutput<Result<T, E>> for T {
    fn into_output(self) -> Result<T, E> {
        Ok(self)
    }
}

impl<T> IntoOutput<Option<T>> for T {
    fn into_output(self) -> Option<T> {
        Some(self)
    }
}

impl<T, E> IntoOutput<Result<Option<T>, E>> for T {
    fn into_output(self) -> Result<Option<T>, E> {
        Ok(Some(self))
    }
}
