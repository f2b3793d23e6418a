//! From an attribute and its function to the functions that take their place.
//!
//! The body moves as it is into `uncached`, and the function becomes one call into the core. A free function's
//! companions are the associated functions of an empty type of its name: unlike a module, it may stand
//! wherever a function may, and names in it mean what they mean beside it. A method's companions
//! are methods beside it.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Error, ItemFn, Result};

use crate::function::{Argument, Function};
use crate::options::{Options, SelfKey};

/// What the attribute makes of its function.
pub(crate) fn expand(options: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let options: Options = syn::parse2(options)?;
    let item: ItemFn = syn::parse2(function.clone()).map_err(|_| {
        Error::new_spanned(
            function,
            "`#[execution_cache]` stands on a function with a body",
        )
    })?;
    let function = Function::new(item)?;
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
    if let (Some(stale), Some(_)) = (&options.stale, &function.item.sig.asyncness) {
        let message = "a result is refreshed on a thread of its own, which has no runtime for an `async fn`: `stale` is for \
                       functions that block";
        return Err(Error::new_spanned(stale, message));
    }
    let results = Results::new(&function, &options)?;
    Ok(Expansion::new(&function, &options, results).tokens())
}

/// How a function's results are kept.
enum Results {
    /// As they are
    Whole,
    /// The `Ok` of a `Result`; an `Err` is not kept
    Ok,
    /// The `Some` of an `Option`; a `None` is not kept
    Some,
}

impl Results {
    fn new(function: &Function, options: &Options) -> Result<Self> {
        match &options.skips_none {
            Some(_) if function.output_within("Option").is_some() => Ok(Self::Some),
            Some(name) => Err(Error::new_spanned(
                name,
                "`cache_none = false` is for a function that returns `Option<…>`",
            )),
            None if !options.cache_err && function.output_within("Result").is_some() => {
                Ok(Self::Ok)
            }
            None => Ok(Self::Whole),
        }
    }
}

struct Expansion<'a> {
    function: &'a Function,
    options: &'a Options,
    results: Results,
    in_impl: bool,
}

impl<'a> Expansion<'a> {
    fn new(function: &'a Function, options: &'a Options, results: Results) -> Self {
        Self {
            function,
            options,
            results,
            in_impl: options.self_key.is_some(),
        }
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
            #[allow(dead_code, reason = "a program needs some of them")]
            impl #name { #companions }
        }
    }

    /// The function itself.
    fn cached(&self) -> TokenStream {
        let Function { item, context, .. } = self.function;
        let ItemFn { attrs, vis, .. } = item;
        let signature = self.signature(&item.sig.ident, &[], &item.sig.output);
        let (cache, mut codec, arguments) = (
            self.call_companion("execution_cache"),
            self.codec(),
            self.key(),
        );
        let (compute, wait, suffix) = if self.options.stale.is_some() {
            (self.outliving(), quote!(), "_refreshing")
        } else if item.sig.asyncness.is_some() {
            (self.future(), quote!(.await), "_async")
        } else {
            let result = self.result(quote!(self), self.function.values());
            (quote!(|| #result), quote!(), "")
        };
        if self.options.stale.is_none() {
            codec = quote!(&#codec);
        }
        let (call, ok) = match self.results {
            Results::Whole => ("call", quote!()),
            Results::Ok => ("try_call", quote!()),
            Results::Some => ("try_call", quote!(.ok())),
        };
        let call = format_ident!("{call}{suffix}");
        let body = quote_spanned! {self.function.output_span()=>
            #cache().#call(#context, #codec, #arguments, #compute) #wait #ok
        };
        quote! {
            #(#attrs)*
            #vis #signature { #body }
        }
    }

    /// A call of `uncached`.
    fn uncached(
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

    /// What is computed: the result, or where a `None` is not kept, a `Result` with what is.
    fn result(
        &self,
        receiver: TokenStream,
        values: impl Iterator<Item = impl ToTokens>,
    ) -> TokenStream {
        let uncached = self.uncached(receiver, values);
        match self.results {
            Results::Some => quote!(::core::option::Option::ok_or(#uncached, ())),
            Results::Whole | Results::Ok => uncached,
        }
    }

    /// The same of an `async fn`.
    fn future(&self) -> TokenStream {
        let uncached = self.uncached(quote!(self), self.function.values());
        match self.results {
            Results::Some => quote!(async { ::core::option::Option::ok_or(#uncached.await, ()) }),
            Results::Whole | Results::Ok => uncached,
        }
    }

    /// What prepares a computation that outlives the call: it has what was borrowed as its own.
    fn outliving(&self) -> TokenStream {
        let context = &self.function.context;
        let (owned, values): (Vec<_>, Vec<_>) =
            self.function.arguments.iter().map(Argument::owned).unzip();
        let this = Ident::new("this", Span::mixed_site());
        let own_self = match (&self.function.receiver, self.function.borrows_self()) {
            (None, _) => quote!(),
            (Some(_), false) => quote!(let #this = self;),
            (Some(_), true) => quote!(let #this = ::std::borrow::ToOwned::to_owned(self);),
        };
        let values = std::iter::once(quote!(&#context)).chain(values);
        let result = self.result(quote!(#this), values);
        quote! {
            || {
                #own_self
                let #context = ::std::borrow::ToOwned::to_owned(#context);
                #(#owned)*
                move || #result
            }
        }
    }

    fn companions(&self) -> TokenStream {
        let Function { item, context, .. } = self.function;
        let (vis, name) = (&item.vis, item.sig.ident.to_string());
        let body = &item.block;
        let lints = item.attrs.iter().filter(|attribute| is_lint(attribute));
        let mut signature = item.sig.clone();
        signature.ident = self.companion("uncached");
        let uncached = quote! {
            #(#lints)*
            #vis #signature #body
        };

        let plain = |what: &str, extra: &[TokenStream], output: TokenStream| {
            let mut signature = item.sig.clone();
            signature.asyncness = None;
            let output = syn::parse_quote!(-> #output);
            self.signature_of(&signature, &self.companion(what), extra, &output)
        };
        let output = match &self.results {
            Results::Whole => self.function.output(),
            Results::Ok => self
                .function
                .output_within("Result")
                .unwrap_or(self.function.output()),
            Results::Some => self
                .function
                .output_within("Option")
                .unwrap_or(self.function.output()),
        };
        // Not the `value` that the function may have.
        let value = Ident::new("value", Span::mixed_site());
        let set_cache = plain(
            "set_cache",
            &[quote!(#value: #output)],
            quote!(::ecache_core::error::Result<bool>),
        );
        let usage = quote!(::ecache_core::error::Result<::ecache_core::filter::Usage>);
        let clear_cache = plain("clear_cache", &[], usage.clone());
        let (codec, arguments) = (self.codec(), self.key());
        let (clear_all, cache, counters) = (
            self.companion("clear_all_caches"),
            self.companion("execution_cache"),
            self.companion("counters"),
        );
        let the_cache = self.call_companion("execution_cache");
        let core = self.core_options();
        let doc = |text: &str| text.replace("{}", &name);
        let (uncached_doc, set_doc, clear_doc, clear_all_doc, cache_doc, counters_doc) = (
            doc("Computes what `{}` would, without its cache."),
            doc(
                "Keeps a result of `{}` without computing it; returns whether calls are cached in this context.",
            ),
            doc("Forgets one result of `{}`; returns what the store had of it."),
            doc(
                "Forgets the results of `{}` for one dataset, for none or for all; returns how many there were.",
            ),
            doc("The cache of `{}`."),
            doc("What the cache of `{}` has been good for in this process."),
        );
        quote! {
            #[doc = #uncached_doc]
            #uncached
            #[doc = #set_doc]
            ///
            /// # Errors
            /// If the arguments or the result have no stored form, or the store failed.
            #[allow(dead_code, clippy::too_many_arguments)]
            #vis #set_cache { #the_cache().set_cache(#context, &#codec, #arguments, #value) }
            #[doc = #clear_doc]
            ///
            /// # Errors
            /// If the arguments have no stored form, or the store failed; memory is cleared all the same.
            #[allow(dead_code)]
            #vis #clear_cache { #the_cache().clear_cache(#context, #arguments) }
            #[doc = #clear_all_doc]
            ///
            /// # Errors
            /// If the store failed; memory is cleared all the same.
            #[allow(dead_code)]
            #vis fn #clear_all(
                context: &(impl ::ecache_core::execution_cache::CacheContext + ?Sized),
                datasets: impl ::core::convert::Into<::ecache_core::execution_cache::Datasets>,
            ) -> #usage {
                #the_cache().clear_all_caches(context, &datasets.into())
            }
            #[doc = #counters_doc]
            #[allow(dead_code)]
            #vis fn #counters() -> ::ecache_core::execution_cache::Counters {
                #the_cache().counters()
            }
            #[doc = #cache_doc]
            #vis fn #cache() -> &'static ::ecache_core::execution_cache::ExecutionCache {
                static CACHE: ::std::sync::OnceLock<::ecache_core::execution_cache::ExecutionCache> =
                    ::std::sync::OnceLock::new();
                CACHE.get_or_init(|| ::ecache_core::execution_cache::ExecutionCache::new(#core))
            }
        }
    }

    /// The name of a companion where it is defined: `uncached`, or `render_uncached` beside a method `render`.
    fn companion(&self, what: &str) -> Ident {
        let name = &self.function.item.sig.ident;
        match self.in_impl {
            true => format_ident!("{name}_{what}"),
            false => Ident::new(what, name.span()),
        }
    }

    /// The path of a companion.
    fn call_companion(&self, what: &str) -> TokenStream {
        let (companion, name) = (self.companion(what), &self.function.item.sig.ident);
        match self.in_impl {
            true => quote!(Self::#companion),
            false => quote!(#name::#companion),
        }
    }

    fn signature(
        &self,
        name: &Ident,
        extra: &[TokenStream],
        output: &syn::ReturnType,
    ) -> TokenStream {
        self.signature_of(&self.function.item.sig, name, extra, output)
    }

    /// The signature with its parameters named.
    fn signature_of(
        &self,
        signature: &syn::Signature,
        name: &Ident,
        extra: &[TokenStream],
        output: &syn::ReturnType,
    ) -> TokenStream {
        let syn::Signature {
            asyncness,
            generics,
            ..
        } = signature;
        let (parameters, where_clause) = (&self.function.parameters, &generics.where_clause);
        let receiver = self.function.receiver.iter();
        let parameters = receiver.chain(parameters).chain(extra);
        quote!(#asyncness fn #name #generics (#(#parameters),*) #output #where_clause)
    }

    fn codec(&self) -> TokenStream {
        match &self.options.codec {
            Some((serialize, deserialize)) => {
                let (value, fallible) = (
                    Ident::new("value", Span::mixed_site()),
                    quote!(::ecache_core::execution_cache::fallible),
                );
                quote!({
                    use #fallible::Plain as _;
                    ::ecache_core::execution_cache::try_with(
                        |#value: &_| #fallible::Returned((#serialize)(#value)).result(),
                        |#value| #fallible::Returned((#deserialize)(#value)).result(),
                    )
                })
            }
            None => quote!(::ecache_core::execution_cache::StoredForm),
        }
    }

    /// The arguments as the core wants them.
    fn key(&self) -> TokenStream {
        let Function {
            context, arguments, ..
        } = self.function;
        let of_self = match &self.options.self_key {
            Some(SelfKey::Of(key)) => Some(quote!(push(&#key))),
            _ => None,
        };
        let references = arguments.iter().map(|argument| argument.reference());
        let of_arguments: Vec<TokenStream> = match &self.options.key_fn {
            Some(key_fn) => {
                let fallible = quote!(::ecache_core::execution_cache::fallible);
                vec![quote!(push_each(&{
                    use #fallible::Plain as _;
                    #fallible::Returned((#key_fn)(#context, #(#references),*)).result()?
                }))]
            }
            None => references
                .map(|reference| quote!(push(#reference)))
                .collect(),
        };
        let (types, constants) = (
            self.function.type_parameters(),
            self.function.const_parameters(),
        );
        let of_type = self.in_impl.then(|| quote!(push_self_type::<Self>()));
        let pushes = of_self
            .into_iter()
            .chain(of_arguments)
            .chain(types.map(|name| quote!(push_type::<#name>())))
            .chain(constants.map(|name| quote!(push(&#name))))
            .chain(of_type);
        let list = Ident::new("list", Span::mixed_site());
        quote! {
            ::ecache_core::key::Preimage::of_arguments(|#list| {
                #(#list.#pushes?;)*
                let _ = #list;
                ::core::result::Result::Ok(())
            })
        }
    }

    /// The core's `Options`.
    fn core_options(&self) -> TokenStream {
        let name = self.function.item.sig.ident.to_string();
        let defaults = match self.in_impl {
            true => quote!(of_method::<Self>(#name)),
            false => quote!(new(::core::concat!(::core::module_path!(), "::", #name))),
        };
        let fields = self
            .options
            .fields
            .iter()
            .map(|(name, value)| quote!(#name: #value,));
        quote! {
            ::ecache_core::execution_cache::Options {
                #(#fields)*
                ..::ecache_core::execution_cache::Options::#defaults
            }
        }
    }
}

/// Where a signature says `Self`, which only one within an `impl` can.
fn names_self(tokens: TokenStream) -> Option<Ident> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) => (word == "Self").then_some(word),
        TokenTree::Group(group) => names_self(group.stream()),
        _ => None,
    })
}

/// Whether an attribute is about the body, which has moved.
fn is_lint(attribute: &Attribute) -> bool {
    let lints = ["allow", "expect", "warn", "deny", "forbid"];
    lints.iter().any(|lint| attribute.path().is_ident(lint))
}
