//! Where the compiler finds fault with generated code.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use syn::spanned::Spanned;

/// Returns the place of tokens, for the code around them: an error in it is theirs.
pub(crate) fn at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// Moves all tokens to one place.
pub(crate) fn moved(tokens: TokenStream, span: Span) -> TokenStream {
    let move_one = |token| {
        let mut token = match token {
            TokenTree::Group(group) => {
                let inner = moved(group.stream(), span);
                TokenTree::Group(Group::new(group.delimiter(), inner))
            }
            token => token,
        };
        token.set_span(span);
        token
    };
    tokens.into_iter().map(move_one).collect()
}
