//! Calls of functions that return the same type, independent of their arguments.
//!
//! The attribute creates one [`Called`] per call. There the compiler decides which results are kept
//! and checks that they can be, so an unsuitable type causes a single error. All other generated
//! code is plain calls, compiled once per type and not once per function: a program may have
//! hundreds.

use std::marker::PhantomData;
use std::sync::OnceLock;

use super::arguments::Argument;
use super::attributed::{Attributed, Status};
use super::call::{Call, Old};
use super::codec::{ByEq, Compared, Incomparable};
use super::computation::{Begun, Computation};
use super::identity::Declaration;
use super::outcome::{Outcome, Rejected};
use super::{Codec, ExecutionCache, ExecutionContext, Options, StoredForm, workers};
use crate::error::Result;
use crate::filter::Usage;
use crate::key::Preimage;
use crate::stored::StoredError;

/// The cache of one function, created at its first call.
pub struct Declared {
    declaration: Declaration,
    cache: OnceLock<ExecutionCache>,
}

impl Declared {
    /// Declares a cache.
    pub const fn new(declaration: Declaration) -> Self {
        Self {
            declaration,
            cache: OnceLock::new(),
        }
    }

    /// Returns the cache; the first call creates it, with the default options as `change` leaves
    /// them.
    pub fn get(&self, change: fn(&mut Options)) -> &ExecutionCache {
        self.cache.get_or_init(|| {
            let mut options = self.declaration.options();
            change(&mut options);
            ExecutionCache::new(options)
        })
    }
}

/// Leaves the options as they are.
pub fn as_default(_: &mut Options) {}

/// One call of a function that returns an `Output`.
#[must_use]
pub struct Called<'a, Output> {
    call: CallOf<'a>,
    way: Box<dyn Calls<'a, Output> + 'a>,
}

/// The identity of a call.
struct CallOf<'a> {
    cache: &'static ExecutionCache,
    ctx: &'a ExecutionContext,
    arguments: std::result::Result<Preimage, StoredError>,
}

impl<'a, Output> Called<'a, Output> {
    /// Prepares a call.
    pub fn new<C, O>(
        cache: &'static ExecutionCache,
        ctx: &'a ExecutionContext,
        arguments: &[&dyn Argument],
        way: Way<C, O>,
    ) -> Self
    where
        O: Outcome<Output, Value: Clone + Send + Sync + 'static> + 'a,
        C: Codec<O::Value> + 'a,
    {
        let call = CallOf {
            cache,
            ctx,
            arguments: collect(arguments),
        };
        // The usual ways have no size, so that this allocates nothing.
        let way = Box::new(way);
        Self { call, way }
    }

    /// Returns the result of the call.
    ///
    /// # Errors
    /// If it must be computed; the result is then given to [`Pending::finish`]. A closure for that
    /// would be compiled for each function.
    pub fn begin(self) -> std::result::Result<Output, Pending<'a, Output>> {
        self.way.begin(self.call)
    }

    /// Stores an output in the cache and reports whether it was kept.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::set_cache`].
    pub fn set_cache(self, output: Output) -> Result<bool> {
        self.way.set_cache(self.call, output)
    }

    /// Returns the cached result, if there is a fresh one.
    pub fn get(self) -> Option<Output> {
        self.way.get(self.call)
    }

    /// Reports whether there is a cached result.
    pub fn contains(self) -> bool {
        self.way.contains(self.call)
    }

    /// Recomputes the call, stores the result and returns it.
    #[inline]
    pub fn refresh(self, compute: impl FnOnce() -> Output) -> Output {
        let mut compute = Some(compute);
        self.way.refresh(self.call, &mut || once(&mut compute))
    }

    /// Returns the result of the call and its cache status.
    #[inline]
    pub fn with_status(self, compute: impl FnOnce() -> Output) -> (Output, Status) {
        let mut compute = Some(compute);
        self.way.with_status(self.call, &mut || once(&mut compute))
    }

    /// Removes the cached result of the call.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub fn clear_cache(self) -> Result<Usage> {
        self.call
            .cache
            .clear_cache(self.call.ctx, self.call.arguments)
    }

    /// Like [`Called::clear_cache`], without blocking the task.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub fn clear_cache_async(self) -> impl Future<Output = Result<Usage>> {
        // The way need not be `Send`, so the future must not have it.
        let (cache, arguments) = (self.call.cache, self.call.arguments);
        let ctx = self.call.ctx.clone();
        workers::run(move || cache.clear_cache(&ctx, arguments))
    }

    /// Returns the call with its codec and outcome, for code that outlives it.
    pub fn attributed<C, O: Copy>(self, way: Way<C, O>) -> Attributed<'a, C, O> {
        let CallOf {
            cache,
            ctx,
            arguments,
        } = self.call;
        cache.attributed(ctx, way.codec, way.outcome, arguments)
    }
}

/// A call whose result must be computed. Dropped without it, by a panic, it lets the next caller
/// compute.
#[must_use]
pub struct Pending<'a, Output>(Option<Box<dyn Finish<Output> + 'a>>);

impl<Output> Pending<'_, Output> {
    /// Stores the result and returns it.
    pub fn finish(self, output: Output) -> Output {
        match self.0 {
            Some(computing) => computing.finish(output),
            None => output,
        }
    }
}

/// The end of a computation.
trait Finish<Output> {
    fn finish(self: Box<Self>, output: Output) -> Output;
}

/// A call during its computation.
struct Computing<'a, C, O, T> {
    way: Box<Way<C, O>>,
    computation: Computation<'a, T>,
    call: Call<'a>,
}

impl<C, O, T, Output> Finish<Output> for Computing<'_, C, O, T>
where
    T: Clone + Send + Sync + 'static,
    O: Outcome<Output, Value = T>,
    C: Codec<T>,
{
    fn finish(self: Box<Self>, output: Output) -> Output {
        let computed = O::divide(output);
        let found = self
            .computation
            .finish(&self.call, &self.way.codec, computed);
        O::unite(found.map(|found| found.value))
    }
}

fn collect(arguments: &[&dyn Argument]) -> std::result::Result<Preimage, StoredError> {
    Preimage::of_arguments(|list| {
        let mut arguments = arguments.iter();
        arguments.try_for_each(|argument| argument.push_to(list))
    })
}

fn once<Output>(compute: &mut Option<impl FnOnce() -> Output>) -> Output {
    match compute.take() {
        Some(compute) => compute(),
        None => unreachable!("a call computes once"),
    }
}

/// Operations on calls of functions that return an `Output`.
trait Calls<'a, Output> {
    fn begin(self: Box<Self>, call: CallOf<'a>)
    -> std::result::Result<Output, Pending<'a, Output>>;
    fn set_cache(&self, call: CallOf<'_>, output: Output) -> Result<bool>;
    fn get(&self, call: CallOf<'_>) -> Option<Output>;
    fn contains(&self, call: CallOf<'_>) -> bool;
    fn refresh(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output;
    fn with_status(
        &self,
        call: CallOf<'_>,
        compute: &mut dyn FnMut() -> Output,
    ) -> (Output, Status);
}

/// A codec and an outcome, before the check that the codec can store the outcome's values.
#[derive(Debug)]
pub struct Checked<C, O, Output> {
    codec: C,
    outcome: O,
    output: PhantomData<fn() -> Output>,
}

/// Starts the check that `codec` can store the part of an `Output` that `outcome` keeps.
///
/// The method `way` of the result is the first of three that applies: for results with an `==`, for
/// other results that can be kept ([`FitWithoutEq`]), and for those that cannot ([`Unfit`]), which
/// reduces all missing bounds to one error.
pub fn checked<C, O, Output>(codec: C, outcome: O) -> Checked<C, O, Output> {
    Checked {
        codec,
        outcome,
        output: PhantomData,
    }
}

impl<C, O, Output> Checked<C, O, Output>
where
    O: Outcome<Output, Value: Clone + PartialEq + Send + Sync + 'static>,
    C: Codec<O::Value>,
{
    /// Returns the way for results with an `==`.
    pub fn way(self) -> Way<Compared<C, ByEq>, O> {
        Way {
            codec: Compared::new(self.codec),
            outcome: self.outcome,
        }
    }
}

/// Results without an `==`.
pub trait FitWithoutEq<C, O> {
    /// Returns the way for results without an `==`.
    fn way(self) -> Way<Compared<C, Incomparable>, O>;
}

impl<C, O, Output> FitWithoutEq<C, O> for Checked<C, O, Output>
where
    O: Outcome<Output, Value: Clone + Send + Sync + 'static>,
    C: Codec<O::Value>,
{
    fn way(self) -> Way<Compared<C, Incomparable>, O> {
        Way {
            codec: Compared::new(self.codec),
            outcome: self.outcome,
        }
    }
}

/// Results that cannot be kept.
pub trait Unfit<O: Outcome<Output>, Output> {
    /// Fails to compile; the way that it names lets the code around it compile.
    fn way(self) -> Way<StoredForm, Rejected>
    where
        Self: Sized,
        O::Value: Cacheable,
    {
        Way {
            codec: StoredForm,
            outcome: Rejected,
        }
    }
}

impl<C, O: Outcome<Output>, Output> Unfit<O, Output> for &Checked<C, O, Output> {}

/// Has no implementations; its unmet bound produces the message for a type that cannot be cached.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` cannot be cached",
    label = "not `Clone + Send + Sync + 'static` with serde's `Serialize` and `Deserialize`",
    note = "derive `Clone`, `serde::Serialize` and `serde::Deserialize` for it, or name what writes and reads \
            it: `codec = …`, or `serialize = …` and `deserialize = …`"
)]
pub trait Cacheable {}

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

impl<'a, Output, C, O> Calls<'a, Output> for Way<C, O>
where
    O: Outcome<Output, Value: Clone + Send + Sync + 'static> + 'a,
    C: Codec<O::Value> + 'a,
{
    fn begin(
        self: Box<Self>,
        call: CallOf<'a>,
    ) -> std::result::Result<Output, Pending<'a, Output>> {
        let Some(call) = call.cache.cached(call.ctx, call.arguments) else {
            return Err(Pending(None));
        };
        match call.begin(&self.codec, Old::Refused) {
            Begun::Found(found) => Ok(O::unite(Ok(found.value))),
            Begun::Computing(computation) => Err(Pending(Some(Box::new(Computing {
                way: self,
                computation,
                call,
            })))),
        }
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

    fn refresh(&self, call: CallOf<'_>, compute: &mut dyn FnMut() -> Output) -> Output {
        self.of(call).refresh(compute)
    }

    fn with_status(
        &self,
        call: CallOf<'_>,
        compute: &mut dyn FnMut() -> Output,
    ) -> (Output, Status) {
        self.of(call).with_status(compute)
    }
}
