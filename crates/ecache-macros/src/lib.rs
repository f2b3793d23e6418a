//! `#[execution_cache]`: options and a function in, one call into `ecache-core` out, no logic.
//!
//! Documented, with examples, where it is re-exported: `ecache_core::execution_cache`.

mod companions;
mod expand;
mod function;
mod options;
mod place;
mod refuse;
mod signature;
mod spans;
mod types;
#[allow(
    dead_code,
    reason = "a symbolic link to a file of ecache-core, which uses all of it"
)]
mod units;

use proc_macro::TokenStream;

/// See `ecache_core`, which re-exports it.
#[proc_macro_attribute]
pub fn execution_cache(options: TokenStream, function: TokenStream) -> TokenStream {
    let function = proc_macro2::TokenStream::from(function);
    let span = proc_macro2::Span::call_site();
    let place = |has_self_key| place::Place::of(span, has_self_key);
    let position = place::position(span);
    match expand::expand(options.into(), function.clone(), place, position) {
        Ok(expanded) => expanded.into(),
        Err(error) => {
            // The function stays, so that its callers are not in error as well.
            let error = error.into_compile_error();
            quote::quote!(#error #function).into()
        }
    }
}
