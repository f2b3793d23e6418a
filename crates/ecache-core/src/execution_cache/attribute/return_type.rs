//! Decides which results of a function are kept, by its return type rather than by the name of that
//! type.
//!
//! A macro sees `ApiResult<u8>` and cannot know that it is a `Result`, so the compiler decides: the
//! method `kept` of [`Returns`] comes from [`KeepsOk`] for every `Result`, and from [`KeepsAll`],
//! which takes one more reference, for all other types.

use std::convert::Infallible;
use std::marker::PhantomData;

/// Splits a function's output into a value that is kept and a rest that is only returned.
pub trait SplitOutput<Output>: Copy {
    /// The value that is kept
    type Value;
    /// The part that is returned and not kept
    type Rest;

    /// Splits an output.
    ///
    /// # Errors
    /// The rest, if there is nothing to keep.
    fn divide(output: Output) -> Result<Self::Value, Self::Rest>;

    /// Rebuilds the output.
    fn unite(divided: Result<Self::Value, Self::Rest>) -> Output;
}

/// Keeps every output.
#[derive(Clone, Copy, Debug, Default)]
pub struct Whole;

impl<T> SplitOutput<T> for Whole {
    type Value = T;
    type Rest = Infallible;

    fn divide(output: T) -> Result<T, Infallible> {
        Ok(output)
    }

    fn unite(divided: Result<T, Infallible>) -> T {
        divided.unwrap_or_else(|never| match never {})
    }
}

/// Keeps the `Ok` of a `Result`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OkOnly;

impl<T, E> SplitOutput<Result<T, E>> for OkOnly {
    type Value = T;
    type Rest = E;

    fn divide(output: Result<T, E>) -> Result<T, E> {
        output
    }

    fn unite(divided: Result<T, E>) -> Result<T, E> {
        divided
    }
}

/// Keeps the `Some` of an `Option`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SomeOnly;

impl<T> SplitOutput<Option<T>> for SomeOnly {
    type Value = T;
    type Rest = ();

    fn divide(output: Option<T>) -> Result<T, ()> {
        output.ok_or(())
    }

    fn unite(divided: Result<T, ()>) -> Option<T> {
        divided.ok()
    }
}

/// Keeps the `Ok(Some)` of a `Result`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OkSome;

impl<T, E> SplitOutput<Result<Option<T>, E>> for OkSome {
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

/// Keeps everything but the `Ok(None)` of a `Result`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrOrSome;

impl<T, E> SplitOutput<Result<Option<T>, E>> for ErrOrSome {
    type Value = Result<T, E>;
    type Rest = ();

    fn divide(output: Result<Option<T>, E>) -> Result<Result<T, E>, ()> {
        output.transpose().ok_or(())
    }

    fn unite(divided: Result<Result<T, E>, ()>) -> Result<Option<T>, E> {
        divided.ok().transpose()
    }
}

/// Keeps an `Option<Result>` as the `Result<Option>` that it is when transposed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transposed<O>(PhantomData<O>);

impl<T, E, O: SplitOutput<Result<Option<T>, E>>> SplitOutput<Option<Result<T, E>>>
    for Transposed<O>
{
    type Value = O::Value;
    type Rest = O::Rest;

    fn divide(output: Option<Result<T, E>>) -> Result<O::Value, O::Rest> {
        O::divide(output.transpose())
    }

    fn unite(divided: Result<O::Value, O::Rest>) -> Option<Result<T, E>> {
        O::unite(divided).transpose()
    }
}

/// Keeps the `Ok(Ok)` of a `Result` in a `Result`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OkOk;

impl<T, E, F> SplitOutput<Result<Result<T, E>, F>> for OkOk {
    type Value = T;
    type Rest = Result<E, F>;

    fn divide(output: Result<Result<T, E>, F>) -> Result<T, Result<E, F>> {
        output.map_err(Err)?.map_err(Ok)
    }

    fn unite(divided: Result<T, Result<E, F>>) -> Result<Result<T, E>, F> {
        match divided {
            Ok(value) => Ok(Ok(value)),
            Err(rest) => rest.map(Err),
        }
    }
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug)]
pub struct Rejected;

impl<T> SplitOutput<T> for Rejected {
    type Value = ();
    type Rest = T;

    fn divide(output: T) -> Result<(), T> {
        Err(output)
    }

    fn unite(divided: Result<(), T>) -> T {
        match divided {
            Ok(()) => unreachable!("no value is kept"),
            Err(output) => output,
        }
    }
}

/// A marker for the return type of a function.
#[derive(Debug)]
pub struct Returns<T>(PhantomData<fn() -> T>);

impl<T> Returns<T> {
    /// Creates the marker for `T`.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Returns<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Like [`KeepsOk`] and [`KeepsSome`]; an inherent method takes precedence over theirs.
impl<T, E> Returns<Option<Result<T, E>>> {
    /// Returns the outcome that does not keep a `Some(Err)`.
    pub fn kept(&self) -> Transposed<OkOnly> {
        Transposed(PhantomData)
    }

    /// Returns the outcome that keeps a `Some(Ok)` alone.
    pub fn kept_some(&self) -> Transposed<OkSome> {
        Transposed(PhantomData)
    }

    /// Returns the outcome of `cache_err`.
    pub fn kept_err(&self) -> Whole {
        Whole
    }

    /// Returns the outcome that keeps a `Some`.
    pub fn kept_err_or_some(&self) -> SomeOnly {
        SomeOnly
    }
}

/// Like [`KeepsOk`].
impl<T, E, F> Returns<Result<Result<T, E>, F>> {
    /// Returns the outcome that keeps neither an `Err` nor an `Ok(Err)`.
    pub fn kept(&self) -> OkOk {
        OkOk
    }
}

/// Return types that are a `Result`.
pub trait KeepsOk {
    /// Returns the outcome that does not keep an `Err`.
    fn kept(&self) -> OkOnly {
        OkOnly
    }
}

impl<T, E> KeepsOk for Returns<Result<T, E>> {}

/// Return types that are not a `Result`.
pub trait KeepsAll {
    /// Returns the outcome that keeps everything.
    fn kept(&self) -> Whole {
        Whole
    }
}

impl<T> KeepsAll for &Returns<T> {}

/// Return types that `cache_none = false` applies to.
pub trait KeepsSome {
    /// The outcome that the option chooses
    type Outcome: Default;

    /// Returns the outcome of `cache_none = false`.
    fn kept_some(&self) -> Self::Outcome {
        Self::Outcome::default()
    }
}

impl<T> KeepsSome for Returns<Option<T>> {
    type Outcome = SomeOnly;
}

impl<T, E> KeepsSome for Returns<Result<Option<T>, E>> {
    type Outcome = OkSome;
}

/// Return types that `cache_err` applies to.
pub trait KeepsErr {
    /// Returns the outcome of `cache_err`.
    fn kept_err(&self) -> Whole {
        Whole
    }
}

impl<T, E> KeepsErr for Returns<Result<T, E>> {}

/// Return types that `cache_err` and `cache_none = false` apply to together.
pub trait KeepsErrOrSome {
    /// Returns the outcome of both options.
    fn kept_err_or_some(&self) -> ErrOrSome {
        ErrOrSome
    }
}

impl<T, E> KeepsErrOrSome for Returns<Result<Option<T>, E>> {}

/// The outcome of an option that does not apply to the return type, which is an error already.
#[derive(Clone, Copy, Debug)]
pub struct Misfit;

/// Return types that an option does not apply to: its method fails to compile.
pub trait KeepsNothing<T> {
    /// Reports that `cache_none = false` does not apply.
    fn kept_some(&self) -> Misfit
    where
        T: Optional,
    {
        Misfit
    }

    /// Reports that `cache_err` does not apply.
    fn kept_err(&self) -> Misfit
    where
        T: Fallible,
    {
        Misfit
    }

    /// Reports that the two options do not apply together.
    fn kept_err_or_some(&self) -> Misfit
    where
        T: FallibleOption,
    {
        Misfit
    }
}

impl<T> KeepsNothing<T> for &Returns<T> {}

/// Has no implementations; its unmet bound produces the message for `cache_none = false`.
#[diagnostic::on_unimplemented(
    message = "`cache_none = false` is for a function that returns an `Option`",
    label = "neither `Option<…>` nor `Result<Option<…>, …>`",
    note = "leave `cache_none` out"
)]
pub trait Optional {}

/// Types of which some values are errors.
#[diagnostic::on_unimplemented(
    message = "`cache_err` is for a function that returns a `Result`",
    label = "not a `Result<…, …>`",
    note = "leave `cache_err` out"
)]
pub trait Fallible {
    /// Reports whether it is an `Err`.
    fn is_err(&self) -> bool;
}

impl<T, E> Fallible for Result<T, E> {
    fn is_err(&self) -> bool {
        Result::is_err(self)
    }
}

impl<T, E> Fallible for Option<Result<T, E>> {
    fn is_err(&self) -> bool {
        matches!(self, Some(Err(_)))
    }
}

/// Return types that `stale_if_error` applies to.
#[diagnostic::on_unimplemented(
    message = "`stale_if_error` is for a function that returns a `Result`",
    label = "not a `Result<…, …>`",
    note = "leave `stale_if_error` out, or write `stale`"
)]
pub trait MayFail {}

impl<T, E> MayFail for Result<T, E> {}

impl<T, E> MayFail for Option<Result<T, E>> {}

/// Requires a return type that may be an error.
pub fn may_fail<T: MayFail>() {}

/// Has no implementations; its unmet bound produces the message for both options together.
#[diagnostic::on_unimplemented(
    message = "`cache_err` with `cache_none = false` is for a function that returns a \
               `Result<Option<…>, …>`",
    label = "not a `Result<Option<…>, …>`",
    note = "leave one of them out"
)]
pub trait FallibleOption {}

/// A value that a companion accepts as an output: the output itself, or its content.
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
