//! Results without their type, so that the way of a call through the tiers is compiled once.
//!
//! A program may cache functions of many types. For each type, only the operations on results
//! themselves are compiled: [`AnyCodec`] as [`Typed`] implements it.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{Codec, CodecError};
use crate::execution_cache::Shared;
use crate::execution_cache::cache::holder::{CodecHolder, Holder};
use crate::execution_cache::memory::tier::Slot;
use crate::panics::caught;
use crate::value::Value;

/// A result of any type.
pub(in super::super) type AnyResult = dyn Any + Send + Sync;

/// An [`AnyCodec`] for several threads.
pub(in super::super) type SharedCodec = Arc<dyn AnyCodec + Send + Sync>;

/// Operations on results of one type. Except for [`AnyCodec::holds`], they require results of that
/// type.
pub(in super::super) trait AnyCodec {
    /// Reports whether a result is of this type.
    fn holds(&self, result: &AnyResult) -> bool;
    /// Clones a result.
    fn copy(&self, result: &AnyResult) -> Shared;
    /// See [`Codec::encode`].
    fn encode(&self, result: &AnyResult) -> Result<Value, CodecError>;
    /// See [`Codec::decode`].
    fn decode(&self, value: Value) -> Result<Shared, CodecError>;
    /// See [`Codec::equal`].
    fn equal(&self, one: &AnyResult, other: &AnyResult) -> Option<bool>;
    /// See [`Codec::is_whole`].
    fn is_whole(&self, result: &AnyResult) -> bool;
    /// See [`Codec::is_exact`].
    fn is_exact(&self) -> bool;
    /// See [`Codec::lifetime`].
    fn lifetime(&self, result: &AnyResult) -> Option<Duration>;
}

/// A codec for results of type `T`, which are a part of a function's output that `O` chooses.
pub(in super::super) struct Typed<C, T, O = ()> {
    codec: CodecHolder<C>,
    types: PhantomData<fn(O) -> T>,
}

impl<C: Codec<T>, T, O> Typed<C, T, O> {
    pub(in super::super) fn new(codec: C) -> Self {
        Self {
            codec: CodecHolder::new(codec),
            types: PhantomData,
        }
    }

    fn codec(&self) -> &C {
        self.codec.get()
    }
}

/// Erases the type of a result. Its last owner can take it out of its `Holder`.
///
/// `Arc<T>` could be unwrapped as well, but by code that is compiled for each type.
pub(in super::super) fn erase<T: Send + Sync + 'static>(result: T) -> Shared {
    Arc::new(Holder::new(result))
}

fn typed<T: 'static>(result: &AnyResult) -> &T {
    if let Some(holder) = result.downcast_ref::<Holder<T>>()
        && let Some(result) = holder.get()
    {
        return result;
    }
    unreachable!("the results of a call are of its type")
}

/// Returns a copy of a result.
///
/// # Errors
/// If its `Clone` panics.
pub(in super::super) fn copied(
    codec: &dyn AnyCodec,
    result: &AnyResult,
) -> Result<Shared, CodecError> {
    caught(|| Ok(codec.copy(result)))
}

impl<C: Codec<T>, T: Clone + Send + Sync + 'static, O> AnyCodec for Typed<C, T, O> {
    fn holds(&self, result: &AnyResult) -> bool {
        result.is::<Holder<T>>()
    }

    fn copy(&self, result: &AnyResult) -> Shared {
        erase(typed::<T>(result).clone())
    }

    fn encode(&self, result: &AnyResult) -> Result<Value, CodecError> {
        self.codec().encode(typed(result))
    }

    fn decode(&self, value: Value) -> Result<Shared, CodecError> {
        Ok(erase(self.codec().decode(value)?))
    }

    fn equal(&self, one: &AnyResult, other: &AnyResult) -> Option<bool> {
        self.codec().equal(typed(one), typed(other))
    }

    fn is_whole(&self, result: &AnyResult) -> bool {
        self.codec().is_whole(typed(result), None)
    }

    fn is_exact(&self) -> bool {
        self.codec().is_exact()
    }

    fn lifetime(&self, result: &AnyResult) -> Option<Duration> {
        self.codec().lifetime(typed(result))
    }
}

/// A result that was found.
pub(in super::super) struct FoundResult {
    value: Held,
    /// Set if the result is stale: its `ttl` is over, but it may still be served
    pub(in super::super) is_stale: bool,
}

enum Held {
    /// In memory; the slot is shared instead of its value, as it is at hand
    InMemory(Arc<Slot>),
    Shared(Shared),
}

impl FoundResult {
    /// Creates a fresh result.
    pub(in super::super) fn new(value: Shared) -> Self {
        Self::of(value, false)
    }

    pub(in super::super) fn of(value: Shared, is_stale: bool) -> Self {
        Self {
            value: Held::Shared(value),
            is_stale,
        }
    }

    /// Creates a result from memory.
    pub(in super::super) fn in_memory(slot: Arc<Slot>, is_stale: bool) -> Self {
        Self {
            value: Held::InMemory(slot),
            is_stale,
        }
    }

    /// Returns the result without a copy.
    pub(in super::super) fn any(&self) -> &AnyResult {
        &**self.shared()
    }

    /// Returns the result for other callers.
    pub(in super::super) fn shared(&self) -> &Shared {
        match &self.value {
            Held::InMemory(slot) => &slot.value,
            Held::Shared(value) => value,
        }
    }

    /// Returns a result that [`FoundResult::take`] need not copy, which may take long.
    pub(in super::super) fn owned(self, codec: &dyn AnyCodec) -> Self {
        let Self { value, is_stale } = self;
        let value = match value {
            Held::InMemory(slot) => codec.copy(&*slot.value),
            Held::Shared(value) => owned(value, codec),
        };
        Self::of(value, is_stale)
    }

    /// Returns the caller's own copy of a result of type `T`.
    pub(in super::super) fn take<T: Clone + Send + Sync + 'static>(mut self) -> T {
        // A value that nobody else has needs no copy.
        if let Held::Shared(value) = &mut self.value
            && let Some(only) = Arc::get_mut(value)
            && let Some(holder) = only.downcast_mut::<Holder<T>>()
            && let Some(result) = holder.take()
        {
            return result;
        }
        typed::<T>(self.any()).clone()
    }
}

/// Returns a result that nobody else has: itself, or a copy.
pub(in super::super) fn owned(value: Shared, codec: &dyn AnyCodec) -> Shared {
    if Arc::strong_count(&value) == 1 {
        value
    } else {
        codec.copy(&*value)
    }
}
