//! Passes the arguments of a call to the thread or task that refreshes its result.
//!
//! An argument that cannot be copied or sent there is in error at its type. Method lookup then
//! replaces the copy ([`NoCopy`]) or the computation ([`Stopped`]) by one that compiles, so that
//! there is no second error.

use std::borrow::Borrow;
use std::future::{self, Future};
use std::marker::PhantomData;
use std::ops::Deref;

const NOT_COMPILED: &str = "a program with such an argument does not compile";

/// A borrowed argument, of which a refresh needs a copy.
#[derive(Debug)]
pub struct Borrowed<'a, T: ?Sized>(pub &'a T);

impl<T: ToOwned + ?Sized> Borrowed<'_, T> {
    /// Returns the copy.
    #[must_use]
    pub fn own(&self) -> T::Owned {
        self.0.to_owned()
    }
}

/// A borrowed argument that cannot be copied.
pub trait Uncopied<T: ?Sized> {
    /// Fails to compile; the copy that it names lets the code around it compile.
    fn own(&self) -> NoCopy<T>
    where
        T: Copied,
    {
        NoCopy(PhantomData)
    }
}

impl<T: ?Sized> Uncopied<T> for &Borrowed<'_, T> {}

/// Has no implementations; its unmet bound produces the message for an argument without a copy.
#[diagnostic::on_unimplemented(
    message = "with `stale`, a refresh outlives the call, and `{Self}` cannot be copied for it",
    label = "not `Clone`",
    note = "derive `Clone` for it (`T: Clone` for a type parameter), take it by value, or leave `stale` out"
)]
pub trait Copied {}

/// The copy of an argument that has none.
pub struct NoCopy<T: ?Sized>(PhantomData<fn(&T)>);

debug_fields!(impl[T: ?Sized] NoCopy<T> {});

impl<T: ?Sized> Borrow<T> for NoCopy<T> {
    fn borrow(&self) -> &T {
        unreachable!("{NOT_COMPILED}")
    }
}

impl<T: ?Sized> Deref for NoCopy<T> {
    type Target = T;

    fn deref(&self) -> &T {
        unreachable!("{NOT_COMPILED}")
    }
}

/// Borrows an argument of a type without a name, of which `owned` is the copy.
pub fn lent<T: ?Sized, Owned: Borrow<T>>(_kind: PhantomData<T>, owned: &Owned) -> &T {
    owned.borrow()
}

/// The requirement on an argument of a function with `stale`.
#[diagnostic::on_unimplemented(
    message = "with `stale`, another thread refreshes a result, and `{Self}` cannot be sent there",
    label = "not `Send`",
    note = "take a type that is `Send` (`Arc` for `Rc`, `T: Send` for a type parameter), or leave `stale` out"
)]
pub trait Crosses: Send {}

#[diagnostic::do_not_recommend]
impl<T: Send> Crosses for T {}

/// Requires an argument that can be sent to another thread.
pub fn crosses<T: Crosses>(_argument: &T) {}

/// Returns the type of an argument.
pub fn kind<T: ?Sized>(_argument: &T) -> PhantomData<T> {
    PhantomData
}

/// The way of a computation to another thread; `T` is the [kinds](kind) of its arguments.
#[derive(Debug)]
pub struct Crossing<T>(PhantomData<T>);

/// Opens the way for a computation with these [kinds](kind) of arguments.
pub fn crossing<T>(_kinds: T) -> Crossing<T> {
    Crossing(PhantomData)
}

impl<T: Send> Crossing<T> {
    /// Returns the closure.
    pub fn closure<F>(&self, compute: F) -> F {
        compute
    }

    /// Returns the future.
    pub fn future<F>(&self, compute: F) -> F {
        compute
    }
}

/// The way of a computation with an argument that cannot be sent, which is an error already.
pub trait Stopped {
    /// Returns a closure of the same type of result.
    fn closure<R, F: FnOnce() -> R>(&self, _compute: F) -> fn() -> R {
        || unreachable!("{NOT_COMPILED}")
    }

    /// Returns a future of the same type of result.
    fn future<F: Future>(&self, _compute: F) -> future::Pending<F::Output> {
        future::pending()
    }
}

impl<T> Stopped for &Crossing<T> {}
