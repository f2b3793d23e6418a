//! Where the compiler finds fault with generated code.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::Path;
use syn::spanned::Spanned;

/// Returns the place of tokens, for the code around them: an error in it is theirs.
pub(crate) fn at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// Returns the path of an item for generated code, at a place: an error in its use is that of the
/// tokens there.
pub(crate) fn core_item(krate: &Path, name: &str, span: Span) -> TokenStream {
    let name = Ident::new(name, Span::call_site());
    let path = quote!(#krate::__macro::#name);
    // A crate that is not there is the fault of the option that names it.
    if krate.leading_colon.is_some() && krate.segments.len() == 1 {
        moved(path, span)
    } else {
        path
    }
}

/// Moves all tokens to one place, where they mean what they meant before.
pub(crate) fn moved(tokens: TokenStream, span: Span) -> TokenStream {
    let move_one = |token| {
        let mut token = match token {
            TokenTree::Group(group) => {
                let inner = moved(group.stream(), span);
                TokenTree::Group(Group::new(group.delimiter(), inner))
            }
            token => token,
        };
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(move_one).collect()
}
