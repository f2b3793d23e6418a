//! Splits a function's output into the result that is kept and the rest, and encodes the result.
//!
//! The compiler decides here which results are kept and checks that they can be, so that an
//! unsuitable type causes a single error. All other code knows only the type of the output, so
//! that it is compiled once for each such type and not for each function.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::return_type::{Misfit, Rejected, SplitOutput};
use crate::execution_cache::codec::any::{AnyCodec, FoundResult, Typed, erase};
use crate::execution_cache::codec::{ByDebug, ByEq, ByEqOrDebug, Compared, Equality, Incomparable};
use crate::execution_cache::{Codec, CodecError, Shared, StoredForm};
use crate::panics::caught;
use crate::value::Value;

/// Stores and restores the results of a function that returns an `Output`.
pub struct OutputCodec<Output>(Box<dyn SplitCodec<Output> + Send + Sync>);

/// An [`OutputCodec`] for several threads.
pub(in super::super) type SharedOutputCodec<Output> = Arc<dyn SplitCodec<Output> + Send + Sync>;

/// Splits outputs into results that are kept and the rest.
pub(in super::super) trait SplitCodec<Output>: AnyCodec {
    /// Returns the result of an output.
    ///
    /// # Errors
    /// The output, if it has none that is kept.
    fn divide(&self, output: Output) -> Result<Shared, Output>;

    /// Returns the output with this result.
    fn unite(&self, found: FoundResult) -> Output;
}

/// The only implementation.
impl<Output, C, O, T> SplitCodec<Output> for Typed<C, T, O>
where
    T: Clone + Send + Sync + 'static,
    O: SplitOutput<Output, Value = T>,
    C: Codec<T>,
{
    fn divide(&self, output: Output) -> Result<Shared, Output> {
        match O::divide(output) {
            Ok(value) => Ok(erase(value)),
            Err(rest) => Err(O::unite(Err(rest))),
        }
    }

    fn unite(&self, found: FoundResult) -> Output {
        O::unite(Ok(found.take()))
    }
}

impl<Output> OutputCodec<Output> {
    fn new<C, O, T>(codec: C) -> Self
    where
        T: Clone + Send + Sync + 'static,
        O: SplitOutput<Output, Value = T> + 'static,
        C: Codec<T> + Send + Sync + 'static,
    {
        // The usual ways have no size, so that this allocates nothing.
        Self(Box::new(Typed::<C, T, O>::new(codec)))
    }

    pub(in super::super) fn codec(&self) -> &dyn AnyCodec {
        &*self.0
    }

    pub(super) fn divide(&self, output: Output) -> Result<Shared, Output> {
        self.0.divide(output)
    }

    pub(super) fn unite(&self, found: FoundResult) -> Output {
        self.0.unite(found)
    }

    pub(in super::super) fn shared(self) -> SharedOutputCodec<Output> {
        self.0.into()
    }
}

impl<Output> fmt::Debug for OutputCodec<Output> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutputCodec")
    }
}

/// A codec and an outcome, before the check that the codec can store the outcome's values.
#[derive(Debug)]
pub struct Checked<C, O, Output, M = Ready<C>> {
    /// Taken by the one method that applies
    codec: RefCell<Option<M>>,
    types: PhantomData<fn(C, O) -> Output>,
}

/// Starts the check that `codec` can store the part of an `Output` that `outcome` keeps.
///
/// The method `codec` of the result is the first of five that applies: for results with an `==` and
/// a `Debug` form, for those with one of both ([`FitWithEq`], [`FitWithDebug`]), for other results
/// that can be kept ([`FitWithoutEq`]), and for those that cannot ([`Unfit`]), which reduces all
/// missing bounds to one error.
///
/// Threads other than the caller's may use the codec, and after its call.
pub fn checked<C, O, Output>(codec: C, _outcome: O) -> Checked<C, O, Output> {
    Checked {
        codec: RefCell::new(Some(Ready(codec))),
        types: PhantomData,
    }
}

/// Like [`checked`], for the codec that an expression of the program's own makes. If that panics,
/// nothing is stored and nothing found in the store.
pub fn checked_of<C, O, Output>(
    codec: impl FnOnce() -> C,
    _outcome: O,
) -> Checked<C, O, Output, Evaluated<C>> {
    Checked {
        codec: RefCell::new(Some(Evaluated(caught(|| Ok(codec()))))),
        types: PhantomData,
    }
}

/// A codec that may take the place of the attribute's, apart by type so that a function whose codec
/// cannot be missing compiles no code for [`Missing`].
pub trait Made<C> {
    /// Returns the codec of results that `E` compares.
    fn compared_by<E, O, Output>(self) -> OutputCodec<Output>
    where
        O: SplitOutput<Output, Value: Clone + Send + Sync + 'static> + 'static,
        C: Codec<O::Value> + Send + Sync + 'static,
        E: Equality<O::Value> + Send + Sync + 'static;
}

/// A codec that is there.
#[derive(Debug)]
pub struct Ready<C>(C);

impl<C> Made<C> for Ready<C> {
    fn compared_by<E, O, Output>(self) -> OutputCodec<Output>
    where
        O: SplitOutput<Output, Value: Clone + Send + Sync + 'static> + 'static,
        C: Codec<O::Value> + Send + Sync + 'static,
        E: Equality<O::Value> + Send + Sync + 'static,
    {
        OutputCodec::new::<Compared<C, E>, O, O::Value>(Compared::new(self.0))
    }
}

/// The codec of an expression, or why it panicked.
#[derive(Debug)]
pub struct Evaluated<C>(Result<C, String>);

impl<C> Made<C> for Evaluated<C> {
    fn compared_by<E, O, Output>(self) -> OutputCodec<Output>
    where
        O: SplitOutput<Output, Value: Clone + Send + Sync + 'static> + 'static,
        C: Codec<O::Value> + Send + Sync + 'static,
        E: Equality<O::Value> + Send + Sync + 'static,
    {
        match self.0 {
            Ok(codec) => Ready(codec).compared_by::<E, O, Output>(),
            Err(why) => OutputCodec::new::<Missing, O, O::Value>(Missing { why }),
        }
    }
}

/// Takes the place of a codec whose expression panicked.
struct Missing {
    why: String,
}

impl<T> Codec<T> for Missing {
    fn encode(&self, _: &T) -> Result<Value, CodecError> {
        Err(CodecError::new(&self.why))
    }

    fn decode(&self, _: Value) -> Result<T, CodecError> {
        Err(CodecError::new(&self.why))
    }
}

impl<C, O, Output, M: Made<C>> Checked<C, O, Output, M> {
    fn compared_by<E>(&self) -> OutputCodec<Output>
    where
        O: SplitOutput<Output, Value: Clone + Send + Sync + 'static> + 'static,
        C: Codec<O::Value> + Send + Sync + 'static,
        E: Equality<O::Value> + Send + Sync + 'static,
    {
        let codec = self.codec.take().expect("a codec is taken once");
        codec.compared_by::<E, O, Output>()
    }
}

impl<C, O, Output, M: Made<C>> Checked<C, O, Output, M>
where
    O: SplitOutput<Output, Value: Clone + PartialEq + fmt::Debug + Send + Sync + 'static> + 'static,
    C: Codec<O::Value> + Send + Sync + 'static,
{
    /// Returns the codec for results with an `==` and a `Debug` form.
    pub fn codec(self) -> OutputCodec<Output> {
        self.compared_by::<ByEqOrDebug>()
    }
}

/// Results with an `==` that have no `Debug` form.
pub trait FitWithEq<Output> {
    /// Returns the codec for results that are compared by their `==`.
    fn codec(self) -> OutputCodec<Output>;
}

impl<C, O, Output, M: Made<C>> FitWithEq<Output> for Checked<C, O, Output, M>
where
    O: SplitOutput<Output, Value: Clone + PartialEq + Send + Sync + 'static> + 'static,
    C: Codec<O::Value> + Send + Sync + 'static,
{
    fn codec(self) -> OutputCodec<Output> {
        self.compared_by::<ByEq>()
    }
}

/// Results of a function with an option that does not apply to them, which is an error already.
pub trait FitForNothing<Output> {
    /// Returns a codec that keeps nothing.
    fn codec(self) -> OutputCodec<Output>;
}

impl<C, Output, M> FitForNothing<Output> for Checked<C, Misfit, Output, M> {
    fn codec(self) -> OutputCodec<Output> {
        OutputCodec::new::<_, Rejected, _>(StoredForm)
    }
}

/// Results without an `==` that have a `Debug` form.
pub trait FitWithDebug<Output> {
    /// Returns the codec for results that are compared by their `Debug` form.
    fn codec(self) -> OutputCodec<Output>;
}

impl<C, O, Output, M: Made<C>> FitWithDebug<Output> for Checked<C, O, Output, M>
where
    O: SplitOutput<Output, Value: Clone + fmt::Debug + Send + Sync + 'static> + 'static,
    C: Codec<O::Value> + Send + Sync + 'static,
{
    fn codec(self) -> OutputCodec<Output> {
        self.compared_by::<ByDebug>()
    }
}

/// Results without an `==` and a `Debug` form.
pub trait FitWithoutEq<Output> {
    /// Returns the codec for results that cannot be compared.
    fn codec(self) -> OutputCodec<Output>;
}

impl<C, O, Output, M: Made<C>> FitWithoutEq<Output> for &Checked<C, O, Output, M>
where
    O: SplitOutput<Output, Value: Clone + Send + Sync + 'static> + 'static,
    C: Codec<O::Value> + Send + Sync + 'static,
{
    fn codec(self) -> OutputCodec<Output> {
        self.compared_by::<Incomparable>()
    }
}

/// Results that cannot be kept.
pub trait Unfit<O: SplitOutput<Output>, Output> {
    /// Fails to compile; the codec that it names lets the code around it compile.
    fn codec(self) -> OutputCodec<Output>
    where
        Self: Sized,
        O::Value: Cacheable,
    {
        OutputCodec::new::<_, Rejected, _>(StoredForm)
    }
}

impl<C, O: SplitOutput<Output>, Output, M> Unfit<O, Output> for &mut Checked<C, O, Output, M> {}

/// Has no implementations; its unmet bound produces the message for a type that cannot be cached.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` cannot be cached",
    label = "not `Clone + Send + Sync + 'static` with serde's `Serialize` and `Deserialize`",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for it, or name what writes and reads \
            it: `codec = …`, which is `Send + Sync + 'static`, or `serialize = …` and `deserialize = …`"
)]
pub trait Cacheable {}

/// Results that cannot be kept, or of which the function's `ttl_fn` takes something else.
pub trait UnfitLifetime<O: SplitOutput<Output>, Output> {
    /// Fails to compile; the codec that it names lets the code around it compile.
    fn codec(self) -> OutputCodec<Output>
    where
        Self: Sized,
        O::Value: Lasting,
    {
        OutputCodec::new::<_, Rejected, _>(StoredForm)
    }
}

impl<C, O: SplitOutput<Output>, Output, M> UnfitLifetime<O, Output>
    for &mut Checked<C, O, Output, M>
{
}

/// Has no implementations; its unmet bound produces the message for a `ttl_fn` of other results.
#[diagnostic::on_unimplemented(
    message = "this is not a lifetime for results of type `{Self}`, or they cannot be cached",
    label = "not a function of `&{Self}`, or `{Self}` is not `Clone + Send + Sync + 'static` with serde's traits",
    note = "a `ttl_fn` takes a reference to what is kept: without its `Result`, unless `cache_err` is set, and \
            without its `Option` if `cache_none = false`"
)]
pub trait Lasting {}

/// Results that the codec of the attribute cannot store.
pub trait UnfitCodec<C, O: SplitOutput<Output>, Output> {
    /// Fails to compile; the codec that it names lets the code around it compile.
    fn codec(self) -> OutputCodec<Output>
    where
        Self: Sized,
        C: CodecOf<O::Value>,
    {
        OutputCodec::new::<_, Rejected, _>(StoredForm)
    }
}

impl<C, O: SplitOutput<Output>, Output, M> UnfitCodec<C, O, Output>
    for &mut Checked<C, O, Output, M>
{
}

/// Has no implementations; its unmet bound produces the message for a codec of other results.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a codec for results of type `{T}`",
    label = "not a `Codec<{T}>` that is `Send + Sync + 'static`, or `{T}` is not `Clone + Send + Sync + 'static`",
    note = "implement `ecache_core::Codec<{T}>` for it, or derive what `{T}` lacks: `Clone`, and for `Compact` \
            `serde::Serialize` and `serde::Deserialize`"
)]
pub trait CodecOf<T> {}
