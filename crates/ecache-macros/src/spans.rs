//! Where the compiler finds fault with generated code.

use proc_macro2::Span;
use syn::spanned::Spanned;

/// Returns the place of tokens, for the code around them: an error in it is theirs.
pub(crate) fn at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}
