//! The calls of functions that return one type, whatever their arguments are.
//!
//! The attribute makes one [`Way`] for a function: there the compiler decides what is kept and checks that it
//! can be, so that a type that cannot is one error. Everything else that the attribute writes is plain calls,
//! compiled once for each type and not once for each function: a program may have hundreds.

use std::sync::OnceLock;

use super::attributed::{Attributed, Status};
use super::outcome::Outcome;
use super::{Codec, ExecutionCache, ExecutionContext, Options};
use crate::error::Result;
use crate::filter::Usage;
use crate::key::Preimage;
use crate::stored::StoredError;

/// The cache of one function, made at its first call.
pub struct Declared(OnceLock<ExecutionCache>);

impl Declared {
    /// A cache that is not made yet.
    #[expect(clippy::new_without_default, reason = "it stands in a static")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Returns the cache; the first time, makes it with `options`.
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
    /// A call of the function, before it is known what is to be done with it.
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
    /// Forgets the call's result.
    ///
    /// # Errors
    /// Those of [`ExecutionCache::clear_cache`].
    pub fn clear_cache(self) -> Result<Usage> {
        self.cache.clear_cache(self.ctx, self.arguments)
    }
}

/// What can be done with calls of functions that return an `Output`.
pub trait Calls<Output> {
    /// Returns the result of a call.
    fn call_dyn(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output;

    /// Keeps an output; returns whether it did.
    ///
    /// # Errors
    /// Those of [`ExecutionCache::set_cache`].
    fn set_cache(&self, call: CallOf<'_>, output: Output) -> Result<bool>;

    /// Returns the cached result, if there is one that is not old.
    fn get(&self, call: CallOf<'_>) -> Option<Output>;

    /// Reports whether there is a cached result.
    fn contains(&self, call: CallOf<'_>) -> bool;

    /// Computes a call anew, keeps the result and returns it.
    fn refresh_dyn(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output;

    /// Returns the result of a call, and whether it was cached.
    fn with_status_dyn(
        &self,
        call: CallOf<'_>,
        compute: &mut dyn FnMut() -> Output,
    ) -> (Output, Status);

    /// [`Calls::call_dyn`] with what computes once.
    fn call(&self, call: CallOf<'_>, compute: impl FnOnce() -> Output) -> Output
    where
        Self: Sized,
    {
        let mut compute = Some(compute);
        self.call_dyn(call, &mut || once(&mut compute))
    }

    /// [`Calls::refresh_dyn`] with what computes once.
    fn refresh(&self, call: CallOf<'_>, compute: impl FnOnce() -> Output) -> Output
    where
        Self: Sized,
    {
        let mut compute = Some(compute);
        self.refresh_dyn(call, &mut || once(&mut compute))
    }

    /// [`Calls::with_status_dyn`] with what computes once.
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

/// How the results of a function are kept, and which of them.
#[derive(Clone, Copy, Debug)]
pub struct Way<C, O> {
    codec: C,
    outcome: O,
}

impl<C, O> Way<C, O> {
    /// Keeps what `outcome` says, as `codec` writes it.
    pub fn new(codec: C, outcome: O) -> Self {
        Self { codec, outcome }
    }
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
