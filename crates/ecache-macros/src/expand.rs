//! Expands an attribute and its function into the functions that replace them.
//!
//! The body moves as it is into `uncached`, and the function becomes one call into the core. A free
//! function's companions are the associated functions of an empty type of its name: unlike a
//! module, it may stand wherever a function may, and names in it mean what they mean beside it. A
//! method's companions are methods beside it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Error, ItemFn, Result, Signature, Type};

use crate::function::{Function, Parameter};
use crate::options::{CacheErr, CacheOf, Options, SelfKey};
use crate::place::Place;
use crate::spans::at;
use crate::types;

/// Expands the attribute into the items that replace its function.
pub(crate) fn expand(
    options: TokenStream,
    function: TokenStream,
    place: Place,
    position: (u32, u32),
) -> Result<TokenStream> {
    let options: Options = syn::parse2(options)?;
    let item: ItemFn = syn::parse2(function.clone()).map_err(|_| {
        Error::new_spanned(
            &function,
            "`#[execution_cache]` stands on a function with a body",
        )
    })?;
    let tokens = function;
    let function = Function::new(item, options.cache.is_some(), options.key_fn.is_some())?;
    refuse(&function, &options, place)?;
    if options.self_key.is_none() && function.has_foreign_lifetime() {
        // The compiler says so of the function alone, instead of each companion as well.
        return Ok(tokens);
    }
    Ok(Expansion::new(&function, &options, position).tokens())
}

/// Rejects a function and options that do not fit together.
fn refuse(function: &Function, options: &Options, place: Place) -> Result<()> {
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
    if let (Some(scoped), false) = (&options.scoped, function.takes_context()) {
        let message = format!(
            "`{scoped}` is about the caller, whom the context names: give the function a first argument \
             `ctx: &ExecutionContext`"
        );
        return Err(Error::new_spanned(scoped, message));
    }
    if let (Some(spawn), None) = (&options.spawn, &function.item.sig.asyncness) {
        let message = "`spawn` is for an `async fn`: others are refreshed by a thread";
        return Err(Error::new_spanned(spawn, message));
    }
    refuse_static_output(function, options)
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

/// A function, its options, and names that the parts of the expansion share.
pub(crate) struct Expansion<'a> {
    pub(crate) function: &'a Function,
    pub(crate) options: &'a Options,
    pub(crate) krate: &'a syn::Path,
    pub(crate) output: Type,
    pub(crate) in_impl: bool,
    /// Line and column of the attribute
    pub(crate) position: (u32, u32),
}

impl<'a> Expansion<'a> {
    fn new(function: &'a Function, options: &'a Options, position: (u32, u32)) -> Self {
        Self {
            function,
            options,
            krate: &options.krate,
            output: function.output(),
            in_impl: options.self_key.is_some(),
            position,
        }
    }

    pub(crate) fn is_async(&self) -> bool {
        self.function.item.sig.asyncness.is_some()
    }

    fn tokens(&self) -> TokenStream {
        let cached = self.cached();
        let companions = self.companions();
        if self.in_impl {
            return quote!(#cached #companions);
        }
        let (name, vis) = (&self.function.item.sig.ident, &self.function.item.vis);
        let doc =
            format!("The companions of [`{name}`]({name}()): what can be done with its cache.");
        quote! {
            #cached
            #[doc = #doc]
            #[allow(non_camel_case_types)]
            #vis enum #name {}
            #[allow(dead_code, clippy::too_many_arguments, clippy::unit_arg)]
            impl #name { #companions }
        }
    }

    /// Returns the function itself.
    fn cached(&self) -> TokenStream {
        let ItemFn {
            attrs, vis, sig, ..
        } = &self.function.item;
        let signature = self.signature(sig, &sig.ident, &[], &self.output);
        let body = self.body();
        quote! {
            #(#attrs)*
            #[allow(clippy::unit_arg)]
            #vis #signature { #body }
        }
    }

    /// Returns the body of the cached function.
    fn body(&self) -> TokenStream {
        if self.options.stale.is_none() {
            return self.begun("begin", "finish");
        }
        let (krate, call, compute) = (self.krate, self.call(), self.outliving());
        if !self.is_async() {
            return quote!(#call.refreshing(#compute));
        }
        let spawn = match &self.options.spawn {
            Some(spawn) => spawn.to_token_stream(),
            None => quote!(#krate::__macro::spawn),
        };
        quote!(#call.refreshing_async(#compute, #spawn).await)
    }

    /// Returns a body that computes what the core's method `begin` does not find, and gives the
    /// result to its method `finish`.
    pub(crate) fn begun(&self, begin: &str, finish: &str) -> TokenStream {
        let (begin, uncached) = (self.method(begin, quote!()), self.uncached());
        let finish = Ident::new(finish, Span::call_site());
        let [result, pending] =
            ["result", "pending"].map(|name| Ident::new(name, Span::mixed_site()));
        if !self.is_async() {
            return quote! {
                match #begin {
                    ::core::result::Result::Ok(#result) => #result,
                    ::core::result::Result::Err(#pending) => #pending.#finish(#uncached),
                }
            };
        }
        // A result need not be `Send`, so it must not live across the second `await`.
        quote! {
            let #pending = match #begin {
                ::core::result::Result::Ok(#result) => return #result,
                ::core::result::Result::Err(#pending) => #pending,
            };
            #pending.#finish(#uncached).await
        }
    }

    /// Returns a call of the core's `method`, or of its `async` twin.
    pub(crate) fn method(&self, method: &str, extra: TokenStream) -> TokenStream {
        let (call, span) = (self.call(), self.function.output_span());
        if self.is_async() {
            let method = format_ident!("{method}_async");
            quote_spanned!(span=> #call.#method(#extra).await)
        } else {
            let method = Ident::new(method, Span::call_site());
            quote_spanned!(span=> #call.#method(#extra))
        }
    }

    /// Returns the expression that chooses the results that are kept, and their codec.
    pub(crate) fn output_codec(&self) -> TokenStream {
        let (krate, output) = (self.krate, &self.output);
        let (codec, outcome) = (self.codec(), self.outcome());
        quote_spanned! {self.function.output_span()=> {
            #[allow(unused_imports)]
            use #krate::__macro::{
                FitForNothing as _, FitWithDebug as _, FitWithoutEq as _, Unfit as _,
            };
            #krate::__macro::checked::<_, _, #output>(#codec, #outcome).codec()
        }}
    }

    /// Returns the context of a call.
    pub(crate) fn context(&self) -> TokenStream {
        let krate = self.krate;
        match self.function.parameters.first() {
            Some(first) if first.is_context() => {
                let name = &first.name;
                quote!(#krate::execution_cache::CacheContext::execution_context(#name))
            }
            Some(first) if first.may_be_context() => {
                let name = &first.name;
                quote!((&#krate::__macro::First(#name)).context())
            }
            _ if matches!(self.options.cache, Some(CacheOf::Static(_))) => {
                let context = self.call_companion("execution_context");
                quote!(#context())
            }
            _ => quote!(#krate::execution_cache::default_context()),
        }
    }

    fn codec(&self) -> TokenStream {
        let krate = self.krate;
        let mut codec = self.options.codec.clone();
        if let Some(ttl_fn) = &self.options.ttl_fn {
            let result = Ident::new("result", Span::mixed_site());
            let lifetime = quote_spanned! {at(ttl_fn)=>
                |#result: &_| #krate::__macro::IntoLifetime::into_lifetime((#ttl_fn)(#result))
            };
            codec = quote!(#krate::__macro::lasts(#codec, #lifetime));
        }
        if let CacheErr::For(lifetime) = &self.options.cache_err {
            codec = quote!(#krate::__macro::err_lasts(#codec, #lifetime));
        }
        codec
    }

    /// Returns the outcome, as the compiler chooses it.
    fn outcome(&self) -> TokenStream {
        let (krate, output) = (self.krate, &self.output);
        let kept = match (&self.options.cache_err, self.options.skips_none) {
            (CacheErr::None, false) => "kept",
            (CacheErr::None, true) => "kept_some",
            (_, false) => "kept_err",
            (_, true) => "kept_err_or_some",
        };
        let kept = Ident::new(kept, self.function.output_span());
        quote_spanned! {self.function.output_span()=> {
            #[allow(unused_imports)]
            use #krate::__macro::{
                KeepsAll as _, KeepsErr as _, KeepsErrOrSome as _, KeepsNothing as _, KeepsOk as _, KeepsSome as _,
            };
            (&#krate::__macro::Returns::<#output>::new()).#kept()
        }}
    }

    /// Returns a call of `uncached`, which is a future if the function is `async`.
    pub(crate) fn uncached(&self) -> TokenStream {
        self.uncached_of(quote!(self), self.function.values())
    }

    fn uncached_of(
        &self,
        receiver: TokenStream,
        values: impl Iterator<Item = impl ToTokens>,
    ) -> TokenStream {
        let turbofish = self.function.turbofish();
        match self.function.receiver {
            Some(_) => {
                let name = self.companion("uncached");
                quote!(#receiver.#name #turbofish (#(#values),*))
            }
            None => {
                let path = self.call_companion("uncached");
                quote!(#path #turbofish (#(#values),*))
            }
        }
    }

    /// Returns the closure that prepares a computation which outlives the call: it owns a copy of
    /// each borrowed value.
    fn outliving(&self) -> TokenStream {
        let (owned, values): (Vec<_>, Vec<_>) = self
            .function
            .parameters
            .iter()
            .map(Parameter::owned)
            .unzip();
        let this = Ident::new("this", Span::mixed_site());
        let own_self = match (&self.function.receiver, self.function.borrows_self()) {
            (None, _) => quote!(),
            (Some(_), false) => quote!(let #this = self;),
            (Some(_), true) => quote_spanned! {at(&self.function.receiver)=>
                let #this = ::std::borrow::ToOwned::to_owned(self);
            },
        };
        let uncached = self.uncached_of(quote!(#this), values.iter());
        let compute = match &self.function.item.sig.asyncness {
            Some(_) => quote!(async move { #uncached.await }),
            None => quote!(move || #uncached),
        };
        quote! {
            || {
                #own_self
                #(#owned)*
                #compute
            }
        }
    }

    /// Returns the name of a companion where it is defined: `uncached`, or `render_uncached` beside
    /// a method `render`.
    pub(crate) fn companion(&self, what: &str) -> Ident {
        let name = &self.function.item.sig.ident;
        if self.in_impl {
            Ident::new(&format!("{}_{what}", self.function.name()), name.span())
        } else {
            Ident::new(what, name.span())
        }
    }

    /// Returns the path of a companion.
    pub(crate) fn call_companion(&self, what: &str) -> TokenStream {
        let (companion, name) = (self.companion(what), &self.function.item.sig.ident);
        if self.in_impl {
            quote!(Self::#companion)
        } else {
            quote!(#name::#companion)
        }
    }

    /// Returns the function's signature with named parameters, followed by `extra`.
    pub(crate) fn signature(
        &self,
        signature: &Signature,
        name: &Ident,
        extra: &[TokenStream],
        output: &Type,
    ) -> TokenStream {
        let Signature {
            asyncness,
            generics,
            ..
        } = signature;
        let where_clause = &generics.where_clause;
        let parameters = self.function.parameters.iter();
        let parameters = parameters.map(|Parameter { name, ty, .. }| quote!(#name: #ty));
        let receiver = self.function.receiver.iter().cloned();
        let parameters = receiver.chain(parameters).chain(extra.iter().cloned());
        quote!(#asyncness fn #name #generics (#(#parameters),*) -> #output #where_clause)
    }
}

/// Returns the first `Self` in a signature, which shows that the function is in an `impl`.
fn names_self(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) => (word == "Self").then_some(word),
        TokenTree::Group(group) => names_self(group.stream()),
        _ => None,
    })
}
