//! The companion functions of a cached function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Attribute, Lifetime, Type};

use crate::expand::{Expansion, allowed};
use crate::function::{Parameter, pushed};
use crate::options::{CacheOf, SelfKey};
use crate::spans::at;

impl Expansion<'_> {
    pub(crate) fn companions(&self) -> TokenStream {
        let of_calls = [
            self.uncached_companion(),
            self.call_companion_item(),
            self.set_cache(),
            self.get(),
            self.refresh(),
            self.with_status(),
            self.clear_cache(),
        ];
        let of_all = [
            self.clear_all_caches(),
            self.counters(),
            self.execution_context(),
            self.execution_cache(),
        ];
        of_calls.into_iter().chain(of_all).collect()
    }

    fn uncached_companion(&self) -> TokenStream {
        let item = &self.function.item;
        let (vis, body) = (&item.vis, &item.block);
        let lints = item.attrs.iter().filter(|attribute| is_lint(attribute));
        let lints = lints.map(allowed);
        let mut signature = item.sig.clone();
        signature.ident = self.companion("uncached");
        let doc = self.doc("Computes what `{}` would, without its cache.");
        quote! {
            #doc
            #(#lints)*
            #vis #signature #body
        }
    }

    /// Returns a companion with the function's parameters and the given body; it is `async` if the
    /// function is.
    fn like(
        &self,
        what: &str,
        doc: &str,
        (extra, output): (&[TokenStream], Type),
        body: TokenStream,
    ) -> TokenStream {
        let (vis, doc, unused) = (&self.function.item.vis, self.doc(doc), self.may_be_unused());
        let signature = &self.function.item.sig;
        let signature = self.signature(signature, &self.companion(what), extra, &output);
        quote! {
            #doc
            #[inline]
            #unused
            #vis #signature { #body }
        }
    }

    /// Returns the companion that prepares a call; only here must the results' type be cacheable.
    fn call_companion_item(&self) -> TokenStream {
        let (krate, function, output) = (self.krate, self.function, &self.output);
        let (vis, name) = (&function.item.vis, self.companion("call"));
        let lifetime = if function.takes_context() {
            Lifetime::new("'ecache", Span::mixed_site())
        } else {
            Lifetime::new("'static", Span::mixed_site())
        };
        let mut generics = function.item.sig.generics.clone();
        if function.takes_context() {
            generics.params.insert(0, syn::parse_quote!(#lifetime));
        }
        let where_clause = &generics.where_clause;
        let receiver = function.receiver.iter().map(|_| quote!(&self));
        let parameters = function.parameters.iter();
        let borrowed = receiver.chain(parameters.map(|parameter| parameter.borrowed(&lifetime)));
        let (cache, context) = (self.call_companion("execution_cache"), self.context());
        let unused = self.may_be_unused();
        let (arguments, codec) = (self.arguments(), self.output_codec());
        let may_be_context = function
            .parameters
            .first()
            .is_some_and(Parameter::may_be_context);
        let probes =
            may_be_context.then(|| quote!(use #krate::__macro::{IsArgument as _, IsContext as _};));
        quote_spanned! {function.output_span()=>
            #[doc(hidden)]
            #unused
            #[allow(unused_variables, clippy::all, clippy::pedantic)]
            #vis fn #name #generics (#(#borrowed),*)
                -> #krate::__macro::AttributeCall<#lifetime, #output>
            #where_clause
            {
                #[allow(unused_imports)]
                #probes
                #[allow(unused_imports)]
                use #krate::__macro::{Unchecked as _, Unshown as _};
                #krate::__macro::AttributeCall::new(#cache(), #context, &[#(&#arguments),*], #codec)
            }
        }
    }

    /// Returns the arguments of a call, made from borrowed parameters.
    fn arguments(&self) -> Vec<TokenStream> {
        let (krate, function) = (self.krate, self.function);
        let parameters = || function.parameters.iter();
        let list = Ident::new("list", Span::mixed_site());
        let of_self = match &self.options.self_key {
            Some(SelfKey::Of(key)) => {
                let borrowed = match &**key {
                    syn::Expr::Reference(_) => quote!(#key),
                    syn::Expr::Path(path) if path.path.is_ident("self") => quote!(#key),
                    key => quote_spanned!(at(key)=> &(#key)),
                };
                Some(pushed(krate, &borrowed, at(key)))
            }
            _ => None,
        };
        let of_parameters: Vec<TokenStream> = match &self.options.key_fn {
            Some(key_fn) => {
                let references = parameters().map(Parameter::reference);
                vec![
                    quote_spanned!(at(key_fn)=> #krate::__macro::pushed(|#list| {
                        #[allow(unused_imports)]
                        use #krate::__macro::{Argument as _, Infallible as _, Wordless as _};
                        let key = (&mut #krate::__macro::returned((#key_fn)(#(#references),*))).result()?;
                        #krate::__macro::made_key(&key).checked().shown().push_to(#list)
                    })),
                ]
            }
            None => parameters()
                .filter_map(|parameter| parameter.argument(krate))
                .collect(),
        };
        let hidden = parameters().filter_map(|parameter| parameter.type_argument(krate));
        let types = function
            .type_parameters()
            .map(|name| quote!(#krate::__macro::type_argument::<#name>()));
        let constants = function
            .const_parameters()
            .map(|name| quote!(#krate::__macro::argument(&#name)));
        let of_type = self.in_impl.then(|| {
            let cache = self.call_companion("execution_cache");
            quote!(#krate::__macro::self_type::<Self>(#cache()))
        });
        of_self
            .into_iter()
            .chain(of_parameters)
            .chain(hidden)
            .chain(types)
            .chain(constants)
            .chain(of_type)
            .collect()
    }

    /// Returns a call of the `call` companion.
    pub(crate) fn call(&self) -> TokenStream {
        let turbofish = self.function.turbofish();
        let lent = self.function.parameters.iter().map(Parameter::lent);
        match self.function.receiver {
            Some(_) => {
                let name = self.companion("call");
                quote!(self.#name #turbofish (#(#lent),*))
            }
            None => {
                let path = self.call_companion("call");
                quote!(#path #turbofish (#(#lent),*))
            }
        }
    }

    fn set_cache(&self) -> TokenStream {
        let (krate, output) = (self.krate, &self.output);
        // Must not clash with a parameter named `value`.
        let value = Ident::new("value", Span::mixed_site());
        let extra = quote!(#value: impl #krate::__macro::IntoOutput<#output>);
        self.like(
            "set_cache",
            "Keeps a result of `{}` without computing it; returns whether it was kept: an `Err` is \
             not, nor is anything where calls are not cached.\n\n# Errors\nIf the arguments or the \
             result have no stored form, or the store failed.",
            (&[extra], syn::parse_quote!(#krate::error::Result<bool>)),
            self.method(
                "set_cache",
                quote!(#krate::__macro::IntoOutput::<#output>::into_output(#value)),
            ),
        )
    }

    fn get(&self) -> TokenStream {
        let output = &self.output;
        let get = self.like(
            "get",
            "Returns the cached result of a call of `{}`, if there is one; computes nothing and \
             counts nothing.",
            (&[], syn::parse_quote!(::core::option::Option<#output>)),
            self.method("get", quote!()),
        );
        let contains = self.like(
            "contains",
            "Reports whether a call of `{}` has a cached result.",
            (&[], syn::parse_quote!(bool)),
            self.method("contains", quote!()),
        );
        quote!(#get #contains)
    }

    fn refresh(&self) -> TokenStream {
        self.like(
            "refresh",
            "Computes a call of `{}` anew, whatever is cached, and keeps and returns the result.",
            (&[], self.output.clone()),
            self.refreshed(),
        )
    }

    fn refreshed(&self) -> TokenStream {
        let (call, uncached) = (self.call(), self.uncached());
        if self.is_async() {
            quote!(#call.refresh_async().await.finish(#uncached).await)
        } else {
            quote!(#call.refresh().finish(#uncached))
        }
    }

    fn with_status(&self) -> TokenStream {
        let (krate, output) = (self.krate, &self.output);
        let result = Ident::new("result", Span::mixed_site());
        self.like(
            "with_status",
            "Calls `{}` and also returns whether the result was cached, and for how long.",
            (
                &[],
                syn::parse_quote!((#output, #krate::execution_cache::Status)),
            ),
            self.begun("with_status", "finish_with_status", quote!(#result)),
        )
    }

    fn clear_cache(&self) -> TokenStream {
        let krate = self.krate;
        self.like(
            "clear_cache",
            "Forgets one result of `{}`; returns what the store had of it.\n\n# Errors\nIf the \
             arguments have no stored form, or the store failed; memory is cleared all the same.",
            (
                &[],
                syn::parse_quote!(#krate::error::Result<#krate::filter::Usage>),
            ),
            self.method("clear_cache", quote!()),
        )
    }

    fn clear_all_caches(&self) -> TokenStream {
        let (krate, vis, unused) = (self.krate, &self.function.item.vis, self.may_be_unused());
        let (name, cache) = (
            self.companion("clear_all_caches"),
            self.call_companion("execution_cache"),
        );
        let (parameter, context) = if self.function.takes_context() {
            (
                quote!(context: &(impl #krate::execution_cache::CacheContext + ?Sized),),
                quote!(context),
            )
        } else {
            let context = self.call_companion("execution_context");
            (quote!(), quote!(#context()))
        };
        let doc = self.doc(
            "Forgets the results of `{}` for one dataset, for none or for all; returns how many \
             there were.\n\n# Errors\nIf the store failed; memory is cleared all the same.",
        );
        let asyncness = &self.function.item.sig.asyncness;
        let clear = match asyncness {
            Some(_) => quote!(clear_all_caches_async(#context, datasets.into()).await),
            None => quote!(clear_all_caches(#context, &datasets.into())),
        };
        quote! {
            #doc
            #[inline]
            #unused
            #vis #asyncness fn #name(
                #parameter
                datasets: impl ::core::convert::Into<#krate::execution_cache::Datasets>,
            ) -> #krate::error::Result<#krate::filter::Usage> {
                #cache().#clear
            }
        }
    }

    fn counters(&self) -> TokenStream {
        let (krate, vis, unused) = (self.krate, &self.function.item.vis, self.may_be_unused());
        let (name, cache) = (
            self.companion("counters"),
            self.call_companion("execution_cache"),
        );
        let doc = self.doc("Hits, misses and computations of `{}` in this process.");
        quote! {
            #doc
            #[inline]
            #unused
            #vis fn #name() -> #krate::execution_cache::Counters {
                #cache().counters()
            }
        }
    }

    /// Returns the companion with the context of a function that takes none.
    fn execution_context(&self) -> TokenStream {
        if self.function.takes_context() {
            return TokenStream::new();
        }
        let (krate, vis, unused) = (self.krate, &self.function.item.vis, self.may_be_unused());
        let name = self.companion("execution_context");
        let doc = self.doc("The context that `{}` is called in, which has its cache.");
        let body = match &self.options.cache {
            Some(CacheOf::Static(cache)) => {
                let new = quote_spanned! {at(cache)=>
                    #krate::__macro::context_with(#cache)
                };
                quote! {
                    static ECACHE_CONTEXT: ::std::sync::OnceLock<#krate::execution_cache::ExecutionContext> =
                        ::std::sync::OnceLock::new();
                    #krate::__macro::context_in(&ECACHE_CONTEXT, || #new)
                }
            }
            Some(CacheOf::Process) | None => quote!(#krate::execution_cache::default_context()),
        };
        quote! {
            #doc
            #[inline]
            #unused
            #vis fn #name() -> &'static #krate::execution_cache::ExecutionContext { #body }
        }
    }

    fn execution_cache(&self) -> TokenStream {
        let (krate, vis, name) = (self.krate, &self.function.item.vis, self.function.name());
        let companion = self.companion("execution_cache");
        let doc = self.doc("The cache of `{}`.");
        let list = Ident::new("options", Span::mixed_site());
        let fields = self.options.fields.iter();
        let fields = fields.map(|(name, value)| quote!(#list.#name = #value;));
        let set = if self.options.fields.is_empty() {
            quote!(#krate::__macro::as_default)
        } else {
            quote!(|#list| { #(#fields)* })
        };
        let is_method = self.in_impl;
        let of = if is_method {
            Ident::new("Companion", Span::call_site())
        } else {
            self.function.item.sig.ident.clone()
        };
        let (line, column) = self.position;
        let declared = is_method.then(|| quote!(enum #of {}));
        quote! {
            #doc
            #vis fn #companion() -> &'static #krate::execution_cache::ExecutionCache {
                #declared
                static ECACHE: #krate::__macro::LazyCache = #krate::__macro::LazyCache::new(
                    #krate::__macro::Declaration {
                        module: ::core::module_path!(),
                        name: #name,
                        place: (::core::line!(), ::core::column!()),
                        attribute: (#line, #column),
                        package: ::core::option_env!("CARGO_PKG_NAME"),
                        binary: ::core::option_env!("CARGO_BIN_NAME"),
                        is_test: ::core::option_env!("CARGO_TARGET_TMPDIR").is_some(),
                        companion_id: ::core::any::TypeId::of::<#of>(),
                        companion_name: ::core::any::type_name::<#of>,
                        is_method: #is_method,
                    },
                );
                ECACHE.get(#set)
            }
        }
    }

    /// Returns the attributes of a companion, which those of a free function have on their `impl`.
    fn may_be_unused(&self) -> TokenStream {
        if self.in_impl {
            self.lints()
        } else {
            TokenStream::new()
        }
    }

    /// Returns the attributes that allow companions to be unused, and to have a signature that the
    /// function is allowed to have.
    pub(crate) fn lints(&self) -> TokenStream {
        let attributes = self.function.item.attrs.iter();
        let of_function = attributes
            .filter(|attribute| {
                let path = attribute.path();
                path.is_ident("allow") || path.is_ident("expect")
            })
            .map(allowed);
        quote! {
            #(#of_function)*
            #[allow(dead_code, clippy::too_many_arguments, clippy::unit_arg)]
        }
    }

    fn doc(&self, text: &str) -> TokenStream {
        let text = text.replace("{}", &self.function.name());
        quote!(#[doc = #text])
    }
}

/// Reports whether an attribute is a lint level, which concerns the body that was moved.
fn is_lint(attribute: &Attribute) -> bool {
    let lints = ["allow", "expect", "warn", "deny", "forbid"];
    lints.iter().any(|lint| attribute.path().is_ident(lint))
}
