//! Expands an attribute and its function into the functions that replace them.
//!
//! The body moves as it is into `uncached`, and the function becomes one call into the core. A free
//! function's companions are the associated functions of an empty type of its name: unlike a
//! module, it may stand wherever a function may, and names in it mean what they mean beside it. A
//! method's companions are methods beside it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, Generics, ItemFn, Meta, Result, Signature, Type, WhereClause, WherePredicate,
};

use crate::function::{Function, Parameter};
use crate::options::{CacheErr, CacheOf, Options};
use crate::place::Place;
use crate::refuse::refuse;
use crate::spans::{at, core_item};
use crate::types;

/// Expands the attribute into the items that replace its function.
pub(crate) fn expand(
    options: TokenStream,
    function: TokenStream,
    place: impl FnOnce(bool) -> Place,
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
    refuse(&function, &options, place(options.self_key.is_some()))?;
    if options.self_key.is_none() && function.has_foreign_lifetime() {
        // The compiler says so of the function alone, instead of each companion as well.
        return Ok(tokens);
    }
    Ok(Expansion::new(&function, &options, position).tokens())
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
        let lints = self.lints();
        // A type or module of that name is in error at the name.
        let companion = quote_spanned!(name.span()=> #vis enum #name {});
        quote! {
            #cached
            #[doc = #doc]
            #[allow(non_camel_case_types)]
            #companion
            #lints
            impl #name { #companions }
        }
    }

    /// Returns the function itself.
    fn cached(&self) -> TokenStream {
        let ItemFn {
            attrs, vis, sig, ..
        } = &self.function.item;
        let signature = self.signature(sig, &sig.ident, &[], &self.output);
        let (attrs, body) = (attrs.iter().map(allowed), self.body());
        quote! {
            #(#attrs)*
            #[allow(clippy::unit_arg)]
            #vis #signature { #body }
        }
    }

    /// Returns the body of the cached function.
    fn body(&self) -> TokenStream {
        let span = self.refresh_span();
        let result = Ident::new("result", Span::mixed_site().located_at(span));
        if self.options.stale.is_none() {
            return self.begun("begin", "finish", quote!(#result));
        }
        let (krate, compute) = (self.krate, self.outliving());
        // A call that no thread or task can run is the fault of the option that asks for it.
        if !self.is_async() {
            let found = quote_spanned!(span=> #result.refreshing(#compute));
            return self.begun("begin_stale", "finish", found);
        }
        let spawn = match &self.options.spawn {
            // Its type is checked once, at the word, and not again in the future around it.
            Some(spawn) => {
                let span = at(spawn);
                let spawning = core_item(krate, "spawning", span);
                quote_spanned!(span=> #spawning(#spawn))
            }
            None => quote!(#krate::__macro::spawn),
        };
        let found = quote_spanned!(span=> #result.refreshing_async(#compute, || #spawn));
        self.begun("begin_stale", "finish", found)
    }

    /// Returns a body that computes what the core's method `begin` does not find, and gives the
    /// result to its method `finish`; `found` is made of the `result` that is found.
    pub(crate) fn begun(&self, begin: &str, finish: &str, found: TokenStream) -> TokenStream {
        let (begin, uncached) = (self.method(begin, quote!()), self.uncached());
        let finish = Ident::new(finish, Span::call_site());
        let [result, pending] =
            ["result", "pending"].map(|name| Ident::new(name, Span::mixed_site()));
        if !self.is_async() {
            return quote! {
                match #begin {
                    ::core::result::Result::Ok(#result) => #found,
                    ::core::result::Result::Err(#pending) => #pending.#finish(#uncached),
                }
            };
        }
        // A result need not be `Send`, so it must not live across the second `await`.
        quote! {
            let #pending = match #begin {
                ::core::result::Result::Ok(#result) => return #found,
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
        let (unfit, span) = match (&self.options.codec_name, &self.options.ttl_fn) {
            (Some(codec), _) => (quote!(UnfitCodec), at(codec)),
            (None, Some(ttl_fn)) => (quote!(UnfitLifetime), at(ttl_fn)),
            (None, None) => (quote!(Unfit), self.function.output_span()),
        };
        let chosen = quote_spanned!(span=> codec());
        let span = self.function.output_span();
        let (checked, codec) = if self.options.evaluates_codec() {
            ("checked_of", quote!(|| #codec))
        } else {
            ("checked", codec)
        };
        let checked = core_item(krate, checked, span);
        quote_spanned! {span=> {
            #[allow(unused_imports)]
            use #krate::__macro::{
                FitForNothing as _, FitWithDebug as _, FitWithEq as _, FitWithoutEq as _,
                #unfit as _,
            };
            #checked::<_, _, #output>(#codec, #outcome).#chosen
        }}
    }

    /// Returns the context of a call.
    pub(crate) fn context(&self) -> TokenStream {
        let krate = self.krate;
        match self.function.parameters.first() {
            Some(first) if first.is_context() => {
                let name = &first.name;
                quote!(#krate::__macro::context_of(#name))
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
            let span = at(ttl_fn);
            let result = Ident::new("result", Span::mixed_site().located_at(span));
            let into_lifetime = core_item(krate, "IntoLifetime", span);
            let lifetime = quote_spanned! {span=>
                |#result: &_| #into_lifetime::into_lifetime((#ttl_fn)(#result))
            };
            codec = quote!(#krate::__macro::lasts(#codec, #lifetime));
        }
        if let CacheErr::For(lifetime) = &self.options.cache_err {
            codec = quote!(#krate::__macro::err_lasts(#codec, || #lifetime));
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
        let may_fail = self.options.stale_if_error.as_ref().map(|_| {
            quote_spanned!(self.function.output_span()=> #krate::__macro::may_fail::<#output>();)
        });
        quote_spanned! {self.function.output_span()=> {
            #may_fail
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

    /// Returns the span of the option `stale`.
    fn refresh_span(&self) -> Span {
        let stale = self.options.stale.as_ref();
        stale.map_or_else(Span::call_site, at)
    }

    /// Returns the closure that prepares a computation which outlives the call: it owns a copy of
    /// each borrowed value.
    fn outliving(&self) -> TokenStream {
        let krate = self.krate;
        let parameters = self.function.parameters.iter();
        let (owned, given): (Vec<_>, Vec<_>) =
            parameters.map(|parameter| parameter.owned(krate)).unzip();
        let this = Ident::new("this", Span::mixed_site());
        let own_self = self.function.receiver.as_ref().map(|receiver| {
            let span = at(receiver);
            let crosses = core_item(krate, "crosses", span);
            let this = Ident::new("this", Span::mixed_site().located_at(span));
            let own_self = if self.function.borrows_self() {
                quote_spanned!(span=> (&#krate::__macro::Borrowed(self)).own())
            } else {
                quote!(self)
            };
            quote_spanned!(span=> let #this = #own_self; #crosses(&#this);)
        });
        let uncached = self.uncached_of(quote!(#this), given.iter());
        let this = own_self.as_ref().map(|_| this);
        let values = this.iter().chain(self.function.values());
        let span = self.refresh_span();
        let way = quote_spanned! {span=>
            (&#krate::__macro::crossing((#(#krate::__macro::kind(&#values),)*)))
        };
        let compute = match &self.function.item.sig.asyncness {
            Some(_) => quote_spanned!(span=> #way.future(async move { #uncached.await })),
            None => quote_spanned!(span=> #way.closure(move || #uncached)),
        };
        quote_spanned! {span=>
            || {
                #[allow(unused_imports)]
                use #krate::__macro::{Stopped as _, Uncopied as _};
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
        let where_clause = self.lasting(generics);
        let parameters = self.function.parameters.iter();
        let parameters = parameters.map(|Parameter { name, ty, .. }| quote!(#name: #ty));
        let receiver = self.function.receiver.iter().cloned();
        let parameters = receiver.chain(parameters).chain(extra.iter().cloned());
        quote!(#asyncness fn #name #generics (#(#parameters),*) -> #output #where_clause)
    }

    /// Returns the conditions of an `async` function, and that its results borrow nothing: if they
    /// may, it is the companion `call` alone that is in error.
    fn lasting(&self, generics: &Generics) -> Option<WhereClause> {
        let mut generics = generics.clone();
        let parameters = self.function.type_parameters();
        let of_output: Vec<&Ident> = parameters
            .filter(|name| self.is_async() && types::names(&self.output, name))
            .collect();
        if !of_output.is_empty() {
            let conditions = &mut generics.make_where_clause().predicates;
            conditions.extend(
                of_output
                    .iter()
                    .map(|name| -> WherePredicate { syn::parse_quote!(#name: 'static) }),
            );
        }
        generics.where_clause
    }
}

/// Returns an attribute, with `allow` for `expect`: a lint that is expected fires in only one of
/// the functions.
pub(crate) fn allowed(attribute: &Attribute) -> TokenStream {
    match &attribute.meta {
        Meta::List(lints) if lints.path.is_ident("expect") => {
            let lints = &lints.tokens;
            quote!(#[allow(#lints)])
        }
        _ => quote!(#attribute),
    }
}
