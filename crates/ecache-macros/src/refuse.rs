//! Rejects options that do not fit their function, with one error at the word that is wrong.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, Result, Type};

use crate::function::Function;
use crate::options::{Options, SelfKey};
use crate::place::Place;
use crate::types;

/// The types that are named without an import.
const PRIMITIVE: [&str; 17] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16",
    "u32", "u64", "u128", "usize",
];

/// Rejects a function and options that do not fit together.
pub(crate) fn refuse(function: &Function, options: &Options, place: Place) -> Result<()> {
    let name = &function.item.sig.ident;
    if place == Place::TraitImpl {
        let message = "a method of a trait has no room for companions: cache an inherent method, and call \
                       that one here";
        return Err(Error::new_spanned(name, message));
    }
    if function.receiver.is_some() && options.self_key.is_none() {
        return Err(Error::new_spanned(
            &function.receiver,
            "a method needs `self_key = …`, what of `self` its result depends on (`self_key = self.name`), or \
             `self_key = none`",
        ));
    }
    if let (None, Some(SelfKey::Of(key))) = (&function.receiver, &options.self_key) {
        let message = "there is no `self` here; an associated function says `self_key = none`";
        return Err(Error::new_spanned(key, message));
    }
    if options.self_key.is_none()
        && let Some(word) = names_self(function.item.sig.to_token_stream())
    {
        let message = "an associated function says `self_key = none`";
        return Err(Error::new_spanned(word, message));
    }
    if options.self_key.is_none() && place == Place::Impl {
        let message = "an associated function says `self_key = none`";
        return Err(Error::new_spanned(name, message));
    }
    if options.self_key.is_none() && PRIMITIVE.contains(&&*function.name()) {
        let message = "the companions of a function belong to a type of its name, which would hide this one: give \
                       the function another name";
        return Err(Error::new_spanned(name, message));
    }
    if let (Some(SelfKey::None), Place::Free) = (&options.self_key, place)
        && let Some(self_key) = &options.self_key_name
    {
        let message = "a function outside of an `impl` has no `self`: leave `self_key` out";
        return Err(Error::new_spanned(self_key, message));
    }
    if let (Some(scoped), false) = (&options.scoped, function.takes_context()) {
        let message = format!(
            "`{scoped}` is about the caller or the dataset that the context names: give the function a first argument \
             `ctx: &ExecutionContext`"
        );
        return Err(Error::new_spanned(scoped, message));
    }
    if let (Some(spawn), None) = (&options.spawn, &function.item.sig.asyncness) {
        let message = "`spawn` is for an `async fn`: others are refreshed by a thread";
        return Err(Error::new_spanned(spawn, message));
    }
    refuse_borrowed_arguments(function, options)?;
    refuse_static_output(function, options)
}

/// Rejects an argument that a background refresh cannot own. Of a reference, it makes a copy.
fn refuse_borrowed_arguments(function: &Function, options: &Options) -> Result<()> {
    if options.stale.is_none() {
        return Ok(());
    }
    for parameter in &function.parameters {
        let ty = match &parameter.ty {
            Type::Reference(reference) => &reference.elem,
            ty => ty,
        };
        if let Some(borrowed) = types::find(ty, types::is_borrowed) {
            let message = "with `stale`, a refresh outlives the call, so an argument cannot borrow: take an owned value, such \
                           as `String` for `Cow<'_, str>`, or a reference to one";
            return Err(Error::new_spanned(borrowed, message));
        }
    }
    Ok(())
}

/// Rejects a result that serde writes but cannot read, so that the error says what to return.
fn refuse_static_output(function: &Function, options: &Options) -> Result<()> {
    let output = function.output();
    let kept = match &output {
        Type::Path(path) if types::last_word(&output).as_deref() == Some("Result") => {
            types::first_argument(&path.path).unwrap_or(&output)
        }
        output => output,
    };
    if !options.has_codec
        && let Some(lasting) = types::find(kept, |ty| matches!(ty, Type::Reference(_)))
    {
        let message = "a result is read from the store into memory of its own: return an owned value, such as \
                       `String` or `Cow<'static, str>` for `&'static str`, or name what reads it: \
                       `serialize = …` and `deserialize = …`";
        return Err(Error::new_spanned(lasting, message));
    }
    Ok(())
}

/// Returns the first `Self` in a signature, which shows that the function is in an `impl`.
fn names_self(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) => (word == "Self").then_some(word),
        TokenTree::Group(group) => names_self(group.stream()),
        _ => None,
    })
}
