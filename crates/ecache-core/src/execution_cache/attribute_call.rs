//! Calls as `#[execution_cache]` makes them, independent of their arguments.
//!
//! Generated code is plain calls of the methods here, which are compiled once for each type of
//! output and not for each function: a program may have hundreds. Only code that takes a future or
//! an owned closure of the function's is compiled for each function that has one.

use super::any_codec::{AnyCodec, FoundResult};
use super::arguments::Argument;
use super::call::{Call, StaleUse};
use super::computation::{Begun, Computation};
use super::output_codec::OutputCodec;
use super::{ExecutionCache, ExecutionContext, Shared, Status};
use crate::error::Result;
use crate::filter::Usage;
use crate::key::Preimage;
use crate::stored::StoredError;

/// One call of a function that returns an `Output`.
#[must_use]
pub struct AttributeCall<'a, Output> {
    pub(super) call: CallOf<'a>,
    pub(super) outputs: OutputCodec<Output>,
}

debug_fields!(impl[Output] AttributeCall<'_, Output> {});

/// The identity of a call.
pub(super) struct CallOf<'a> {
    pub(super) cache: &'static ExecutionCache,
    pub(super) ctx: &'a ExecutionContext,
    pub(super) arguments: std::result::Result<Preimage, StoredError>,
}

/// A call during its computation; `None` if it is not cached.
pub(super) type Computing<'a, 'c> = Option<Box<Underway<'a, 'c>>>;

/// A call and its computation.
pub(super) struct Underway<'a, 'c> {
    pub(super) call: Call<'a>,
    pub(super) computation: Computation<'c>,
}

/// A call whose result must be computed. Dropped without it, by a panic, it lets the next caller
/// compute.
#[must_use]
pub struct Pending<'a, Output> {
    computing: Computing<'a, 'a>,
    outputs: OutputCodec<Output>,
}

debug_fields!(impl[Output] Pending<'_, Output> {});

impl<'a> CallOf<'a> {
    pub(super) fn cached(self) -> Option<Call<'a>> {
        self.cache.cached(self.ctx, self.arguments)
    }

    /// Looks for the result, or begins to compute it; sets the `status` of a result that it finds.
    fn begin(
        self,
        codec: &dyn AnyCodec,
        status: Option<&mut Status>,
    ) -> std::result::Result<FoundResult, Computing<'a, 'a>> {
        let call = self.cached().ok_or(None)?;
        match call.begin(codec, StaleUse::Refused) {
            Begun::Found(found) => {
                if let Some(status) = status {
                    *status = call.status(found.is_stale);
                }
                Ok(found)
            }
            Begun::Computing(computation) => Err(Some(Box::new(Underway { call, computation }))),
        }
    }

    pub(super) fn recompute(self) -> Computing<'a, 'static> {
        let call = self.cached()?;
        let computation = call.recompute();
        Some(Box::new(Underway { call, computation }))
    }

    fn peek(self, codec: &dyn AnyCodec) -> Option<FoundResult> {
        self.cache.peeking(self.ctx, self.arguments)?.peek(codec)
    }
}

impl Underway<'_, '_> {
    /// Stores the result and returns it.
    fn store(self, codec: &dyn AnyCodec, value: Shared) -> FoundResult {
        self.computation.finish(&self.call, codec, Some(&value));
        FoundResult::new(value)
    }

    /// Ends a computation without a result; returns one that takes the place of its error, and sets
    /// the `status` of that.
    fn fail(self, codec: &dyn AnyCodec, status: Option<&mut Status>) -> Option<FoundResult> {
        let found = self.computation.finish(&self.call, codec, None)?;
        if let Some(status) = status {
            *status = self.call.status(found.is_stale);
        }
        Some(found)
    }
}

fn collect(arguments: &[&dyn Argument]) -> std::result::Result<Preimage, StoredError> {
    Preimage::of_arguments(|list| {
        let mut arguments = arguments.iter();
        arguments.try_for_each(|argument| argument.push_to(list))
    })
}

impl<'a, Output> AttributeCall<'a, Output> {
    /// Prepares a call.
    pub fn new(
        cache: &'static ExecutionCache,
        ctx: &'a ExecutionContext,
        arguments: &[&dyn Argument],
        outputs: OutputCodec<Output>,
    ) -> Self {
        let arguments = collect(arguments);
        let call = CallOf {
            cache,
            ctx,
            arguments,
        };
        Self { call, outputs }
    }

    /// Returns the result of the call.
    ///
    /// # Errors
    /// If it must be computed; the result is then given to [`Pending::finish`]. A closure for that
    /// would be compiled for each function.
    pub fn begin(self) -> std::result::Result<Output, Pending<'a, Output>> {
        let Self { call, outputs } = self;
        match call.begin(outputs.codec(), None) {
            Ok(found) => Ok(outputs.unite(found)),
            Err(computing) => Err(Pending { computing, outputs }),
        }
    }

    /// Returns the result of the call and its cache status.
    ///
    /// # Errors
    /// If it must be computed; the result is then given to [`Pending::finish_with_status`].
    pub fn with_status(self) -> std::result::Result<(Output, Status), Pending<'a, Output>> {
        let Self { call, outputs } = self;
        let mut status = Status::COMPUTED;
        match call.begin(outputs.codec(), Some(&mut status)) {
            Ok(found) => Ok((outputs.unite(found), status)),
            Err(computing) => Err(Pending { computing, outputs }),
        }
    }

    /// Begins to recompute the call; the result is then given to [`Pending::finish`].
    pub fn refresh(self) -> Pending<'a, Output> {
        Pending {
            computing: self.call.recompute(),
            outputs: self.outputs,
        }
    }

    /// Stores an output in the cache and reports whether it was kept.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::set_cache`].
    pub fn set_cache(self, output: Output) -> Result<bool> {
        let Self { call, outputs } = self;
        match outputs.divide(output) {
            Ok(value) => call
                .cache
                .set_any(call.ctx, outputs.codec(), call.arguments, &value),
            Err(_) => Ok(false),
        }
    }

    /// Returns the cached result, if there is a fresh one.
    #[must_use]
    pub fn get(self) -> Option<Output> {
        let found = self.call.peek(self.outputs.codec())?;
        Some(self.outputs.unite(found))
    }

    /// Reports whether there is a cached result.
    #[must_use]
    pub fn contains(self) -> bool {
        self.call.peek(self.outputs.codec()).is_some()
    }

    /// Removes the cached result of the call.
    ///
    /// # Errors
    /// Fails like [`ExecutionCache::clear_cache`].
    pub fn clear_cache(self) -> Result<Usage> {
        let CallOf {
            cache,
            ctx,
            arguments,
        } = self.call;
        cache.clear_cache(ctx, arguments)
    }
}

impl<Output> Pending<'_, Output> {
    /// Stores the result and returns it.
    pub fn finish(self, output: Output) -> Output {
        self.finish_and(output, None)
    }

    /// Stores the result; returns it and its cache status.
    pub fn finish_with_status(self, output: Output) -> (Output, Status) {
        let mut status = Status::COMPUTED;
        (self.finish_and(output, Some(&mut status)), status)
    }

    /// Stores the result and returns it; sets the `status` of one that takes the place of an error.
    fn finish_and(self, output: Output, status: Option<&mut Status>) -> Output {
        let Self { computing, outputs } = self;
        let Some(computing) = computing else {
            return output;
        };
        match outputs.divide(output) {
            Ok(value) => outputs.unite(computing.store(outputs.codec(), value)),
            Err(output) => match computing.fail(outputs.codec(), status) {
                Some(found) => outputs.unite(found),
                None => output,
            },
        }
    }
}

/// For the option `stale`: the computation must be able to outlive the call.
impl<Output: 'static> AttributeCall<'_, Output> {
    /// Returns the result of the call; serves a stale result while a thread refreshes it.
    pub fn refreshing<F>(self, prepare: impl FnOnce() -> F) -> Output
    where
        F: FnOnce() -> Output + Send + 'static,
    {
        let Self { call, outputs } = self;
        let cache = call.cache;
        let Some(call) = call.cached() else {
            return prepare()();
        };
        match call.begin(outputs.codec(), StaleUse::Served) {
            Begun::Found(found) if found.is_stale => {
                let outputs = outputs.shared();
                let output = outputs.unite(found);
                cache.refresh(call, outputs.clone(), || {
                    let compute = prepare();
                    move || outputs.divide(compute()).ok()
                });
                output
            }
            Begun::Found(found) => outputs.unite(found),
            Begun::Computing(computation) => {
                let computing = Some(Box::new(Underway { call, computation }));
                Pending { computing, outputs }.finish(prepare()())
            }
        }
    }
}
