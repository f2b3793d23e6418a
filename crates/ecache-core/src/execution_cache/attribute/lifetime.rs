//! Lifetimes of results: from the expressions of an attribute, and for each result by itself.

use std::fmt::Debug;
use std::time::Duration;

use super::return_type::Fallible;
use crate::execution_cache::codec::{Codec, CodecError};
use crate::value::Value;

/// A lifetime: a [`Duration`], whole seconds, or `None` for no lifetime of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lifetime",
    label = "expected a `Duration`, an `Option<Duration>`, or a `u64` of seconds"
)]
pub trait IntoLifetime {
    /// Returns the duration.
    fn into_lifetime(self) -> Option<Duration>;
}

impl IntoLifetime for Duration {
    fn into_lifetime(self) -> Option<Duration> {
        Some(self)
    }
}

impl IntoLifetime for u64 {
    fn into_lifetime(self) -> Option<Duration> {
        Some(Duration::from_secs(self))
    }
}

impl<T: IntoLifetime> IntoLifetime for Option<T> {
    fn into_lifetime(self) -> Option<Duration> {
        self?.into_lifetime()
    }
}

/// Creates a codec whose results each have a lifetime of their own.
pub fn lasts<T, C: Codec<T>>(codec: C, lifetime: impl Fn(&T) -> Option<Duration>) -> impl Codec<T> {
    Lasting { codec, lifetime }
}

/// Creates a codec that gives an `Err` a lifetime of its own.
pub fn err_lasts<T: Fallible, C: Codec<T>>(
    codec: C,
    lifetime: impl Fn() -> Option<Duration>,
) -> impl Codec<T> {
    Lasting {
        codec,
        lifetime: move |result: &T| if result.is_err() { lifetime() } else { None },
    }
}

/// A codec with its own lifetimes; where they have none, those of the wrapped codec apply.
struct Lasting<C, F> {
    codec: C,
    lifetime: F,
}

impl<T, C: Codec<T>, F: Fn(&T) -> Option<Duration>> Codec<T> for Lasting<C, F> {
    fn encode(&self, result: &T) -> Result<Value, CodecError> {
        self.codec.encode(result)
    }

    fn decode(&self, value: Value) -> Result<T, CodecError> {
        self.codec.decode(value)
    }

    fn equal(&self, one: &T, other: &T) -> Option<bool> {
        self.codec.equal(one, other)
    }

    fn is_whole(&self, result: &T, shown: Option<&dyn Debug>) -> bool {
        self.codec.is_whole(result, shown)
    }

    fn is_exact(&self) -> bool {
        self.codec.is_exact()
    }

    fn lifetime(&self, result: &T) -> Option<Duration> {
        (self.lifetime)(result).or_else(|| self.codec.lifetime(result))
    }
}
