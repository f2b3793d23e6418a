//! Rejects signatures that cannot be cached, with one error at the word that is wrong.

use quote::ToTokens;
use syn::{
    Attribute, Error, PatType, ReceiverKind, Result, ReturnType, Signature, Type, TypeParamBound,
};

use crate::types;

/// Rejects a function of a kind that cannot be cached.
pub(crate) fn refuse_keyword(signature: &Signature) -> Result<()> {
    for (keyword, why) in [
        (
            signature.constness.to_token_stream(),
            "a `const fn` cannot read a cache",
        ),
        (
            signature.safety.to_token_stream(),
            "an `unsafe fn` is not cached: wrap it in a safe one",
        ),
        (
            signature.abi.to_token_stream(),
            "a function with a calling convention of its own is not cached: cache another one, and call \
             that one here",
        ),
    ] {
        if !keyword.is_empty() {
            return Err(Error::new_spanned(keyword, why));
        }
    }
    Ok(())
}

/// Rejects a parameter that only some builds have.
pub(crate) fn refuse_condition(parameter: &PatType) -> Result<()> {
    let is_condition = |attribute: &&Attribute| {
        let path = attribute.path();
        path.is_ident("cfg") || path.is_ident("cfg_attr")
    };
    match parameter.attrs.iter().find(is_condition) {
        Some(condition) => Err(Error::new_spanned(
            condition,
            "the parameters of a cached function make its key, so they are the same in each build: \
             write two functions, each under its own `#[cfg]`",
        )),
        None => Ok(()),
    }
}

/// Rejects arguments that a hit could not handle as a computation does.
pub(crate) fn refuse_argument(ty: &Type, is_ordinary: bool, has_key_fn: bool) -> Result<()> {
    if let Some(mutable) = types::find(ty, types::is_mutable) {
        let message = "a hit would leave what this refers to as it is: take it by value or by \
                       `&`, and return the changed value";
        return Err(Error::new_spanned(mutable, message));
    }
    if is_ordinary
        && let Some(late) = types::find(ty, |ty| {
            types::last_word(ty).is_some_and(|word| word == "ExecutionContext")
        })
    {
        let message =
            "the context is the first argument of a cached function: move it to the front";
        return Err(Error::new_spanned(late, message));
    }
    if !has_key_fn && let Some(object) = types::find(ty, |ty| matches!(ty, Type::TraitObject(_))) {
        let message = "a key cannot tell which type is behind a `dyn`: take a concrete type, or say \
                       what the result depends on with `key_fn = …`";
        return Err(Error::new_spanned(object, message));
    }
    Ok(())
}

pub(crate) fn refuse_mutable_self(signature: &Signature) -> Result<()> {
    let Some(receiver) = signature.receiver() else {
        return Ok(());
    };
    let is_mutable = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        ReceiverKind::Typed(_, ty) => types::find(ty, types::is_mutable).is_some(),
        _ => false,
    };
    if is_mutable {
        let message =
            "a hit would leave `self` as it is: take `&self`, and return the changed value";
        return Err(Error::new_spanned(receiver, message));
    }
    Ok(())
}

pub(crate) fn refuse_borrowed_output(output: &ReturnType) -> Result<()> {
    let ReturnType::Type(_, ty) = output else {
        return Ok(());
    };
    if let Some(borrowed) = types::find(ty, types::is_borrowed) {
        let message = "a cached result outlives its call, so it cannot borrow: return an owned \
                       value, such as `String` for `&str` or `Vec<T>` for `&[T]`";
        return Err(Error::new_spanned(borrowed, message));
    }
    if let Some(future) = types::find(ty, is_future) {
        let message = "a future is not kept: write `async fn`, and what the future results in is";
        return Err(Error::new_spanned(future, message));
    }
    if let Some(hidden) = types::find(ty, |ty| matches!(ty, Type::ImplTrait(_))) {
        let message = "a cached result is read from the store as what it is: return a type that \
                       has a name";
        return Err(Error::new_spanned(hidden, message));
    }
    Ok(())
}

/// Reports whether a type is `impl Future` or `dyn Future`.
fn is_future(ty: &Type) -> bool {
    let bounds = match ty {
        Type::ImplTrait(ty) => &ty.bounds,
        Type::TraitObject(ty) => &ty.bounds,
        _ => return false,
    };
    bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|last| last.ident == "Future")
        }
        _ => false,
    })
}
