//! Calls of functions that return the same type, whatever their arguments are.
//!
//! The attribute creates one [`Way`] per function. There the compiler decides which results are
//! kept and checks that they can be, so an unsuitable type causes a single error. All other
//! generated code is plain calls, compiled once per type and not once per function: a program may
//! have hundreds.

use std::marker::PhantomData;
use std::sync::OnceLock;

use super::attributed::{Attributed, Status};
use super::outcome::Outcome;
use super::{Codec, ExecutionCache, ExecutionContext, Options, workers};
use crate::error::Result;
use crate::filter::Usage;
use crate::key::Preimage;
use crate::stored::StoredError;

/// The cache of one function, created at its first call.
pub struct Declared(OnceLock<ExecutionCache>);

impl Declared {
    /// Creates a declaration without its cache.
    #[expect(clippy::new_without_default, reason = "it stands in a static")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Returns the cache; the first call creates it with `options`.
    pub fn get(&self, options: fn() -> Options) -> &ExecutionCache {
        self.0.get_or_init(|| ExecutionCache::new(options()))
    }
}

/// One call of a function.
#[must_use]
pub struct CallOf<'a> {
    cache: &'static ExecutionCache,
    ctx: &'a ExecutionContext,
    arguments: std::result::Result<Preimage, StoredError>,
}

impl ExecutionCache {
    /// Prepares a call of the function; the methods of [`Calls`] execute it.
    #[doc(hidden)]
    pub fn call_of<'a>(
        &'static self,
        ctx: &'a ExecutionContext,
        arguments: std::result::Result<Preimage, StoredError>,
    ) -> CallOf<'a> {
        CallOf {
            cache: self,
            ctx,
            arguments,
        }
    }
}

impl CallOf<'_> {
    /// Removes the cached result of the call.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub fn clear_cache(self) -> Result<Usage> {
        self.cache.clear_cache(self.ctx, self.arguments)
    }

    /// Like [`CallOf::clear_cache`], without blocking the task.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub async fn clear_cache_async(self) -> Result<Usage> {
        let (cache, arguments) = (self.cache, self.arguments);
        let ctx = self.ctx.clone();
        workers::run(move || cache.clear_cache(&ctx, arguments)).await
    }
}

/// Operations on calls of functions that return an `Output`.
pub trait Calls<Output> {
    /// Returns the result of a call.
    fn call_dyn(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output;

    /// Stores an output in the cache and reports whether it was kept.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::set_cache`].
    fn set_cache(&self, call: CallOf<'_>, output: Output) -> Result<bool>;

    /// Returns the cached result, if there is a fresh one.
    fn get(&self, call: CallOf<'_>) -> Option<Output>;

    /// Reports whether there is a cached result.
    fn contains(&self, call: CallOf<'_>) -> bool;

    /// Recomputes a call, stores the result and returns it.
    fn refresh_dyn(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output;

    /// Returns the result of a call and its cache status.
    fn with_status_dyn(
        &self,
        call: CallOf<'_>,
        compute: &mut dyn FnMut() -> Output,
    ) -> (Output, Status);

    /// Like [`Calls::call_dyn`], for an `FnOnce`.
    fn call(&self, call: CallOf<'_>, compute: impl FnOnce() -> Output) -> Output
    where
        Self: Sized,
    {
        let mut compute = Some(compute);
        self.call_dyn(call, &mut || once(&mut compute))
    }

    /// Like [`Calls::refresh_dyn`], for an `FnOnce`.
    fn refresh(&self, call: CallOf<'_>, compute: impl FnOnce() -> Output) -> Output
    where
        Self: Sized,
    {
        let mut compute = Some(compute);
        self.refresh_dyn(call, &mut || once(&mut compute))
    }

    /// Like [`Calls::with_status_dyn`], for an `FnOnce`.
    fn with_status(&self, call: CallOf<'_>, compute: impl FnOnce() -> Output) -> (Output, Status)
    where
        Self: Sized,
    {
        let mut compute = Some(compute);
        self.with_status_dyn(call, &mut || once(&mut compute))
    }
}

fn once<Output>(compute: &mut Option<impl FnOnce() -> Output>) -> Output {
    match compute.take() {
        Some(compute) => compute(),
        None => unreachable!("a call computes once"),
    }
}

/// A codec and an outcome, before the check that the codec can store the outcome's values.
#[derive(Debug)]
pub struct Checked<C, O, Output> {
    codec: C,
    outcome: O,
    output: PhantomData<fn() -> Output>,
}

/// Starts the check that `codec` can store the part of an `Output` that `outcome` keeps.
pub fn checked<C, O, Output>(codec: C, outcome: O) -> Checked<C, O, Output> {
    Checked {
        codec,
        outcome,
        output: PhantomData,
    }
}

impl<C, O, Output> Checked<C, O, Output>
where
    O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
    C: Codec<O::Value>,
{
    /// Returns the way for results that can be kept.
    pub fn way(self) -> Way<C, O> {
        Way {
            codec: self.codec,
            outcome: self.outcome,
        }
    }
}

/// Results that cannot be kept: method lookup falls back to this trait if the inherent method does
/// not apply, which reduces all missing bounds to one error.
pub trait Unfit<O, Output>
where
    O: Outcome<Output>,
{
    /// Fails to compile.
    fn way(self) -> NoWay
    where
        Self: Sized,
        O::Value: Cacheable,
    {
        NoWay
    }
}

impl<C, O: Outcome<Output>, Output> Unfit<O, Output> for Checked<C, O, Output> {}

/// Has no implementations; its unmet bound produces the message for a type that cannot be cached.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` cannot be cached",
    label = "not `Clone + Send + Sync + 'static` with serde's `Serialize` and `Deserialize`",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for it, or name what writes and reads \
            it: `codec = …`, or `serialize = …` and `deserialize = …`"
)]
pub trait Cacheable {}

/// The way for results that cannot be kept; no program that compiles has one.
#[derive(Clone, Copy, Debug)]
pub struct NoWay;

impl<Output> Calls<Output> for NoWay {
    fn call_dyn(&self, _: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output {
        compute()
    }

    fn set_cache(&self, _: CallOf<'_>, _: Output) -> Result<bool> {
        Ok(false)
    }

    fn get(&self, _: CallOf<'_>) -> Option<Output> {
        None
    }

    fn contains(&self, _: CallOf<'_>) -> bool {
        false
    }

    fn refresh_dyn(&self, _: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output {
        compute()
    }

    fn with_status_dyn(
        &self,
        _: CallOf<'_>,
        compute: &mut dyn FnMut() -> Output,
    ) -> (Output, Status) {
        (compute(), Status::COMPUTED)
    }
}

/// The codec of a function's results, and the choice of those that are kept.
#[derive(Clone, Copy, Debug)]
pub struct Way<C, O> {
    codec: C,
    outcome: O,
}

impl<C, O: Copy> Way<C, O> {
    fn of<'a>(&'a self, call: CallOf<'a>) -> Attributed<'a, &'a C, O> {
        call.cache
            .attributed(call.ctx, &self.codec, self.outcome, call.arguments)
    }
}

impl<Output, C, O> Calls<Output> for Way<C, O>
where
    O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
    C: Codec<O::Value>,
{
    fn call_dyn(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output {
        self.of(call).call(compute)
    }

    fn set_cache(&self, call: CallOf<'_>, output: Output) -> Result<bool> {
        self.of(call).set_cache(output)
    }

    fn get(&self, call: CallOf<'_>) -> Option<Output> {
        self.of(call).get()
    }

    fn contains(&self, call: CallOf<'_>) -> bool {
        self.of(call).contains()
    }

    fn refresh_dyn(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output {
        self.of(call).refresh(compute)
    }

    fn with_status_dyn(
        &self,
        call: CallOf<'_>,
        compute: &mut dyn FnMut() -> Output,
    ) -> (Output, Status) {
        self.of(call).with_status(compute)
    }
}
