//! The arguments of a call as the attribute passes them: a slice of trait objects, so that the code
//! that collects them is compiled once and not once per function.

use std::borrow::Borrow;
use std::fmt::Debug;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::Deserialize;

use crate::execution_cache::cache::context::context_of;
use crate::execution_cache::{CacheContext, ExecutionCache, ExecutionContext, default_context};
use crate::key::{Preimage, Show};
use crate::stored::StoredError;

/// Something that determines the result of a call.
pub trait Argument {
    /// Adds it to the arguments.
    ///
    /// # Errors
    /// If it has no stored form.
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError>;
}

/// A value, which has a stored form.
///
/// It names the function that needs `T: KeyPart`, so that a type without it is one error and not
/// two.
#[derive(Debug)]
pub struct Stored<'a, T: ?Sized> {
    value: &'a T,
    push: Push<T>,
    show: Option<Show<T>>,
    /// Set for the result of a `key_fn`: adds its elements one by one
    push_each: Option<PushEach<T>>,
}

/// Adds a value to the arguments; what it hides is looked for in its `Debug` form.
type Push<T> = fn(&mut Preimage, &T, Option<Show<T>>) -> Result<(), StoredError>;

/// Adds a key as several arguments, as [`Preimage::push_each`] does.
type PushEach<T> = fn(&mut Preimage, &T) -> Result<(), StoredError>;

/// The requirement on an argument.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be part of a key",
    label = "does not implement serde's `Serialize`",
    note = "derive `serde::Serialize` for it, take a type that implements it (`T: serde::Serialize` for a \
            type parameter), or say what the result depends on \
            with `key_fn = …`"
)]
pub trait KeyPart: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> KeyPart for T {}

/// Makes an argument of a value.
pub fn argument<T: KeyPart + ?Sized>(value: &T) -> Stored<'_, T> {
    Stored {
        value,
        push: Preimage::push_shown,
        show: None,
        push_each: None,
    }
}

/// The requirement on the result of a `key_fn`.
#[diagnostic::on_unimplemented(
    message = "a `key_fn` that returns a `{Self}` makes no key",
    label = "`{Self}` does not implement serde's `Serialize`",
    note = "return what identifies the call, such as a text, a number or a tuple of them, or derive \
            `serde::Serialize` for `{Self}`"
)]
pub trait MadeKey: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> MadeKey for T {}

/// Makes an argument of the result of a `key_fn`, whose elements count as several arguments.
pub fn made_key<T: MadeKey + ?Sized>(value: &T) -> Stored<'_, T> {
    Stored {
        value,
        push: Preimage::push_shown,
        show: None,
        push_each: Some(Preimage::push_each),
    }
}

/// Where the type allows it, the stored form of the value is read back and compared: a field that
/// serde skips would be missing from the key.
impl<'de, T: ReadBack<'de> + ?Sized> Stored<'_, T> {
    /// Makes this an argument that must come back from its stored form.
    #[must_use]
    pub fn checked(self) -> Self {
        Self {
            push: Preimage::push_checked::<T, T::Read>,
            ..self
        }
    }
}

/// A type that can be read back from its stored form and compared.
pub trait ReadBack<'de>: Serialize + PartialEq {
    /// The type that is read
    type Read: Deserialize<'de> + Borrow<Self>;
}

impl<'de, T: Serialize + Deserialize<'de> + PartialEq> ReadBack<'de> for T {
    type Read = T;
}

impl<'de, T: Serialize + Deserialize<'de> + PartialEq> ReadBack<'de> for [T] {
    type Read = Vec<T>;
}

impl<T: Debug + ?Sized> Stored<'_, T> {
    /// Makes this an argument whose `Debug` form may tell what it hides.
    #[must_use]
    pub fn shown(self) -> Self {
        Self {
            show: Some(Show(<T as Debug>::fmt)),
            ..self
        }
    }
}

/// Arguments that cannot be read back and compared.
pub trait Unchecked {
    /// Returns the argument.
    #[must_use]
    fn checked(self) -> Self;
}

impl<T: ?Sized> Unchecked for Stored<'_, T> {
    fn checked(self) -> Self {
        self
    }
}

/// Arguments without a `Debug` form.
pub trait Unshown {
    /// Returns the argument.
    #[must_use]
    fn shown(self) -> Self;
}

impl<T: ?Sized> Unshown for Stored<'_, T> {
    fn shown(self) -> Self {
        self
    }
}

impl<T: ?Sized> Argument for Stored<'_, T> {
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError> {
        let push = |list: &mut Preimage| (self.push)(list, self.value, self.show);
        match self.push_each {
            None => push(list),
            Some(push_each) => {
                push(&mut Preimage::default())?;
                push_each(list, self.value)
            }
        }
    }
}

/// The identity of a type.
#[derive(Debug)]
pub struct TypeArgument<T: ?Sized>(PhantomData<fn(&T)>);

/// Makes an argument of a type parameter.
#[must_use]
pub fn type_argument<T: ?Sized>() -> TypeArgument<T> {
    TypeArgument(PhantomData)
}

/// Makes an argument of a value's type, which `impl Trait` leaves unnamed.
pub fn type_of<T: ?Sized>(_value: &T) -> TypeArgument<T> {
    TypeArgument(PhantomData)
}

impl<T: ?Sized> Argument for TypeArgument<T> {
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError> {
        list.push_type::<T>()
    }
}

/// The type whose method is called.
#[derive(Debug)]
pub struct SelfType<T: ?Sized>(&'static ExecutionCache, PhantomData<fn(&T)>);

/// Makes an argument of the type whose method is called.
pub fn self_type<T: ?Sized>(cache: &'static ExecutionCache) -> SelfType<T> {
    SelfType(cache, PhantomData)
}

impl<T: ?Sized> Argument for SelfType<T> {
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError> {
        self.0.options().push_self_type::<T>(list)
    }
}

/// The program's own code that adds arguments: a `key_fn` or a `self_key`. It may panic, so it runs
/// where panics are caught.
#[derive(Debug)]
pub struct Pushed<F>(F);

/// Makes an argument of code that adds arguments.
pub fn pushed<F: Fn(&mut Preimage) -> Result<(), StoredError>>(push: F) -> Pushed<F> {
    Pushed(push)
}

impl<F: Fn(&mut Preimage) -> Result<(), StoredError>> Argument for Pushed<F> {
    fn push_to(&self, list: &mut Preimage) -> Result<(), StoredError> {
        (self.0)(list)
    }
}

/// A first argument; its type decides whether it is the context of the call.
#[derive(Debug)]
pub struct First<'a, T: ?Sized>(pub &'a T);

/// A first argument that is the context, which the arguments do not include.
#[derive(Debug)]
pub struct Omitted;

impl Omitted {
    /// Returns it: it hides nothing.
    #[must_use]
    pub fn checked(self) -> Self {
        self
    }

    /// Returns it: it hides nothing.
    #[must_use]
    pub fn shown(self) -> Self {
        self
    }
}

impl Argument for Omitted {
    fn push_to(&self, _: &mut Preimage) -> Result<(), StoredError> {
        Ok(())
    }
}

/// A first argument that is the context.
pub trait IsContext<'a> {
    /// Returns the context of the call.
    fn context(&self) -> &'a ExecutionContext;

    /// Returns an argument that adds nothing.
    fn argument(&self) -> Omitted {
        Omitted
    }
}

impl<'a, C: CacheContext + ?Sized> IsContext<'a> for First<'a, C> {
    fn context(&self) -> &'a ExecutionContext {
        context_of(self.0)
    }
}

/// A first argument that is an ordinary argument.
pub trait IsArgument<'a, T: ?Sized> {
    /// Returns the default context of the process.
    fn context(&self) -> &'static ExecutionContext {
        default_context()
    }

    /// Returns the argument.
    fn argument(&self) -> Stored<'a, T>
    where
        T: ContextOrArgument;
}

impl<'a, T: ?Sized> IsArgument<'a, T> for &First<'a, T> {
    fn argument(&self) -> Stored<'a, T>
    where
        T: ContextOrArgument,
    {
        argument(self.0)
    }
}

/// The requirement on a first argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a context nor an argument of a cached function",
    label = "implements neither `CacheContext` nor `Serialize`",
    note = "implement `CacheContext` for a context, derive `serde::Serialize` for an argument, or say what \
            the result depends on with `key_fn = …`"
)]
pub trait ContextOrArgument: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> ContextOrArgument for T {}
