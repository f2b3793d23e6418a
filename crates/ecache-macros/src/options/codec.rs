//! The codec of an attribute: named, made of two functions, or the usual one.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, Expr, Ident, Path, Result};

use super::Arguments;
use super::values::Argument;
use crate::spans::{at, core_item};

/// Returns the codec, and the expression of the option `codec` if it is set.
pub(super) fn codec(arguments: &Arguments, krate: &Path) -> Result<(TokenStream, Option<Expr>)> {
    let [codec, serialize, deserialize] =
        ["codec", "serialize", "deserialize"].map(|name| arguments.get(name));
    match (codec, serialize, deserialize) {
        (None, None, None) => Ok((quote!(#krate::execution_cache::StoredForm), None)),
        (Some(codec), None, None) => Ok((codec.value()?.to_token_stream(), codec.value.clone())),
        (Some(codec), _, _) => {
            let message = "`codec` takes the place of `serialize` and `deserialize`: leave out \
                           either one or the other";
            Err(Error::new_spanned(&codec.name, message))
        }
        (None, Some(serialize), Some(deserialize)) => {
            Ok((of_functions(serialize, deserialize, krate)?, None))
        }
        (None, Some(one), None) => Err(alone(&one.name, "deserialize")),
        (None, None, Some(one)) => Err(alone(&one.name, "serialize")),
    }
}

/// Returns the codec that two functions make.
fn of_functions(serialize: &Argument, deserialize: &Argument, krate: &Path) -> Result<TokenStream> {
    let (serialize, deserialize) = (serialize.value()?, deserialize.value()?);
    // A function that does not fit is the fault of the word that names it.
    let core = |name: &str, span| core_item(krate, name, span);
    let value = |span| Ident::new("value", Span::mixed_site().located_at(span));
    let (writes, reads) = (at(&serialize), at(&deserialize));
    let (result, returned, written) = (
        value(writes),
        core("returned", writes),
        core("written", writes),
    );
    let write = quote_spanned! {writes=>
        |#result: &_| #written(&(&mut #returned((#serialize)(#result))).result()?)
    };
    let (stored, returned, read) = (value(reads), core("returned", reads), core("read", reads));
    let read = quote_spanned! {reads=>
        |#stored| (&mut #returned((#deserialize)(#read(#stored)?))).result()
    };
    Ok(quote!({
        #[allow(unused_imports)]
        use #krate::__macro::{Infallible as _, Wordless as _};
        #krate::__macro::functions(#write, #read)
    }))
}

fn alone(name: &Ident, other: &str) -> Error {
    Error::new_spanned(
        name,
        format!("`{name}` without `{other}`: results must be read as they were written"),
    )
}
