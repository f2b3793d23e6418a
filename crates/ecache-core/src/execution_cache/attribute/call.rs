//! Calls as `#[execution_cache]` makes them, independent of their arguments.
//!
//! Generated code is plain calls of the methods here, which are compiled once for each type of
//! output and not for each function: a program may have hundreds. Only code that takes a future or
//! an owned closure of the function's is compiled for each function that has one.

use super::arguments::Argument;
use super::output_codec::{OutputCodec, SharedOutputCodec};
use crate::error::Result;
use crate::execution_cache::cache::guard::{FIND, KEEP};
use crate::execution_cache::cache::holder::Holder;
use crate::execution_cache::call::computation::{Begun, Computation};
use crate::execution_cache::call::{Call, StaleUse};
use crate::execution_cache::codec::any::{AnyCodec, FoundResult};
use crate::execution_cache::{ExecutionCache, ExecutionContext, Shared, Status};
use crate::filter::Usage;
use crate::key::Preimage;
use crate::stored::StoredError;

/// One call of a function that returns an `Output`.
#[must_use]
pub struct AttributeCall<'a, Output> {
    pub(in super::super) call: CallOf<'a>,
    pub(in super::super) outputs: OutputCodec<Output>,
}

debug_fields!(impl[Output] AttributeCall<'_, Output> {});

/// The identity of a call.
pub(in super::super) struct CallOf<'a> {
    pub(in super::super) cache: &'static ExecutionCache,
    pub(in super::super) ctx: &'a ExecutionContext,
    pub(in super::super) arguments: std::result::Result<Preimage, StoredError>,
}

/// A call during its computation; `None` if it is not cached.
pub(in super::super) type Computing<'a, 'c> = Option<Box<Underway<'a, 'c>>>;

/// A call and its computation.
pub(in super::super) struct Underway<'a, 'c> {
    pub(in super::super) call: Call<'a>,
    pub(in super::super) computation: Computation<'c>,
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
    pub(in super::super) fn cached(self) -> Option<Call<'a>> {
        self.cache.cached(self.ctx, self.arguments)
    }

    /// Looks for the result and gives it to `unite`, or begins to compute it.
    fn begin(self, codec: &dyn AnyCodec, unite: &mut dyn FnMut(FoundResult)) -> Computing<'a, 'a> {
        let (cache, ctx) = (self.cache, self.ctx);
        let begin = || {
            let call = self.cached()?;
            match call.begin(codec, StaleUse::Refused) {
                Begun::Found(found) => {
                    unite(found);
                    None
                }
                Begun::Computing(computation) => Some(Box::new(Underway { call, computation })),
            }
        };
        cache.guarded(ctx, FIND, begin)?
    }

    /// Like [`CallOf::begin`], but gives `unite` the call, too. A usual hit need not move it.
    fn begin_with<T>(
        self,
        codec: &dyn AnyCodec,
        old: StaleUse,
        unite: impl FnOnce(FoundResult, Call<'a>) -> T,
    ) -> std::result::Result<T, Computing<'a, 'a>> {
        let (cache, ctx) = (self.cache, self.ctx);
        let begin = || {
            let call = self.cached().ok_or(None)?;
            match call.begin(codec, old) {
                Begun::Found(found) => Ok(unite(found, call)),
                Begun::Computing(computation) => {
                    Err(Some(Box::new(Underway { call, computation })))
                }
            }
        };
        cache.guarded(ctx, FIND, begin).unwrap_or(Err(None))
    }

    fn recompute(self) -> Computing<'a, 'a> {
        let (cache, ctx) = (self.cache, self.ctx);
        let recompute = || {
            let call = self.cached()?;
            let computation = call.recompute();
            Some(Box::new(Underway { call, computation }))
        };
        cache.guarded(ctx, FIND, recompute)?
    }

    /// Returns what `unite` makes of the cached result.
    fn peek<T>(self, codec: &dyn AnyCodec, unite: impl FnOnce(FoundResult) -> T) -> Option<T> {
        let (cache, ctx) = (self.cache, self.ctx);
        let peek = || {
            let found = cache.peeking(ctx, self.arguments)?.peek(codec)?;
            Some(unite(found))
        };
        cache.guarded(ctx, FIND, peek)?
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
        let mut output = None;
        let computing = call.begin(outputs.codec(), &mut |found| {
            output = Some(outputs.unite(found));
        });
        match output {
            Some(output) => Ok(output),
            None => Err(Pending { computing, outputs }),
        }
    }

    /// Returns the result of the call and its cache status.
    ///
    /// # Errors
    /// If it must be computed; the result is then given to [`Pending::finish_with_status`].
    pub fn with_status(self) -> std::result::Result<(Output, Status), Pending<'a, Output>> {
        let Self { call, outputs } = self;
        let unite = |found: FoundResult, call: Call<'_>| {
            let status = call.status(found.is_stale);
            (outputs.unite(found), status)
        };
        match call.begin_with(outputs.codec(), StaleUse::Refused, unite) {
            Ok(found) => Ok(found),
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
        let Self { call, outputs } = self;
        call.peek(outputs.codec(), |found| outputs.unite(found))
    }

    /// Reports whether there is a cached result.
    #[must_use]
    pub fn contains(self) -> bool {
        self.call.peek(self.outputs.codec(), drop).is_some()
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
        let Some(underway) = computing else {
            return output;
        };
        match outputs.divide(output) {
            Ok(value) => {
                underway.keep(outputs.codec(), &value);
                outputs.unite(FoundResult::new(value))
            }
            Err(output) => {
                let mut served = None;
                underway.fail(outputs.codec(), status, &mut |found| {
                    served = Some(outputs.unite(found));
                });
                match served {
                    Some(served) => {
                        drop(Holder::new(output));
                        served
                    }
                    None => output,
                }
            }
        }
    }
}

impl Underway<'_, '_> {
    /// Stores the result.
    fn keep(self: Box<Self>, codec: &dyn AnyCodec, value: &Shared) {
        let Self { call, computation } = *self;
        let finish = || computation.finish(&call, codec, Some(value));
        call.function.guarded(call.ctx, KEEP, finish);
    }

    /// Ends without a result; gives `serve` the one that takes the place of an error, and sets its
    /// `status`.
    fn fail(
        self: Box<Self>,
        codec: &dyn AnyCodec,
        status: Option<&mut Status>,
        serve: &mut dyn FnMut(FoundResult),
    ) {
        let Self { call, computation } = *self;
        let finish = || {
            let Some(found) = computation.finish(&call, codec, None) else {
                return;
            };
            let of_found = status.is_some().then(|| call.status(found.is_stale));
            serve(found);
            if let (Some(status), Some(of_found)) = (status, of_found) {
                *status = of_found;
            }
        };
        call.function.guarded(call.ctx, KEEP, finish);
    }
}

/// A result that was found by a function with the option `stale`.
#[must_use]
pub struct Served<'a, Output> {
    pub(in super::super) output: Output,
    pub(in super::super) cache: &'static ExecutionCache,
    /// The call, if the result is stale
    pub(in super::super) stale: Option<(Call<'a>, SharedOutputCodec<Output>)>,
}

debug_fields!(impl[Output] Served<'_, Output> {});

impl<'a, Output: 'static> AttributeCall<'a, Output> {
    /// Like [`AttributeCall::begin`], but also returns a stale result.
    ///
    /// # Errors
    /// As there.
    pub fn begin_stale(self) -> std::result::Result<Served<'a, Output>, Pending<'a, Output>> {
        let Self { call, outputs } = self;
        let cache = call.cache;
        let unite = |found: FoundResult, call| {
            let stale = found.is_stale.then_some(call);
            (outputs.unite(found), stale)
        };
        match call.begin_with(outputs.codec(), StaleUse::Served, unite) {
            Ok((output, stale)) => Ok(Served {
                output,
                cache,
                stale: stale.map(|call| (call, outputs.shared())),
            }),
            Err(computing) => Err(Pending { computing, outputs }),
        }
    }
}

impl<Output: 'static> Served<'_, Output> {
    /// Returns the result; a thread refreshes a stale one. The computation that `prepare` returns
    /// must be able to outlive the call.
    pub fn refreshing<F>(self, prepare: impl FnOnce() -> F) -> Output
    where
        F: FnOnce() -> Output + Send + 'static,
    {
        if let Some((call, outputs)) = self.stale {
            self.cache.refresh(call, outputs.clone(), || {
                let compute = prepare();
                move || outputs.divide(compute()).ok()
            });
        }
        self.output
    }
}
