//! The codec of an attribute: named, made of two functions, or the usual one.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, Expr, Ident, Path, Result};

use super::Arguments;
use super::values::Argument;
use crate::spans::{at, moved};

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
    let value = Ident::new("value", Span::mixed_site());
    // A function that does not fit is the fault of the word that names it.
    let returned = |span| moved(quote!(#krate::__macro::returned), span);
    let (writes, reads) = (at(&serialize), at(&deserialize));
    let (written, was_read) = (returned(writes), returned(reads));
    let write = quote_spanned! {writes=>
        |#value: &_| (&mut #written((#serialize)(#value))).result()
    };
    let read = quote_spanned! {reads=>
        |#value| (&mut #was_read((#deserialize)(#value))).result()
    };
    Ok(quote!({
        #[allow(unused_imports)]
        use #krate::__macro::{Infallible as _, Wordless as _};
        #krate::execution_cache::try_with(#write, #read)
    }))
}

fn alone(name: &Ident, other: &str) -> Error {
    Error::new_spanned(
        name,
        format!("`{name}` without `{other}`: results must be read as they were written"),
    )
}
