//! The companion functions of a cached function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Type};

use crate::expand::Expansion;
use crate::function::Parameter;
use crate::options::{CacheOf, SelfKey};

impl Expansion<'_> {
    pub(crate) fn companions(&self) -> TokenStream {
        let of_calls = [
            self.uncached_companion(),
            self.set_cache(),
            self.get(),
            self.refresh(),
            self.with_status(),
            self.clear_cache(),
            self.arguments(),
            self.way_companion(),
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
        let (vis, doc) = (&self.function.item.vis, self.doc(doc));
        let signature = &self.function.item.sig;
        let signature = self.signature(signature, &self.companion(what), extra, &output);
        quote! {
            #doc
            #[allow(dead_code, clippy::too_many_arguments)]
            #vis #signature { #body }
        }
    }

    /// Returns a call of the core's `method`, or of its `async` twin.
    fn method(&self, method: &str, extra: TokenStream) -> TokenStream {
        if !self.is_async() {
            return self.by_its_way(method, quote!(, #extra));
        }
        let (name, call) = (format_ident!("{method}_async"), self.call());
        let output = &self.output;
        quote!(#call.#name::<#output>(#extra).await)
    }

    /// Returns the companion that decides which results are kept, and how; only here must their
    /// type be cacheable.
    fn way_companion(&self) -> TokenStream {
        let (krate, output, way) = (self.krate, &self.output, self.typed());
        let (vis, name) = (&self.function.item.vis, self.companion("way"));
        let generics = &self.function.item.sig.generics;
        let where_clause = &generics.where_clause;
        quote_spanned! {self.function.output_span()=>
            #[doc(hidden)]
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            #vis fn #name #generics () -> impl #krate::__macro::Calls<#output> #where_clause {
                #way
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
        self.computing(
            "refresh",
            "Computes a call of `{}` anew, whatever is cached, and keeps and returns the result.",
            self.output.clone(),
        )
    }

    fn with_status(&self) -> TokenStream {
        let (krate, output) = (self.krate, &self.output);
        self.computing(
            "with_status",
            "Calls `{}` and also returns whether the result was cached, and for how long.",
            syn::parse_quote!((#output, #krate::execution_cache::Status)),
        )
    }

    /// Returns a companion that may compute.
    fn computing(&self, what: &str, doc: &str, output: Type) -> TokenStream {
        let uncached = self.uncached();
        let compute = match self.is_async() {
            true => uncached,
            false => quote!(|| #uncached),
        };
        self.like(what, doc, (&[], output), self.method(what, compute))
    }

    fn clear_cache(&self) -> TokenStream {
        let (krate, call) = (self.krate, self.call_of());
        self.like(
            "clear_cache",
            "Forgets one result of `{}`; returns what the store had of it.\n\n# Errors\nIf the \
             arguments have no stored form, or the store failed; memory is cleared all the same.",
            (
                &[],
                syn::parse_quote!(#krate::error::Result<#krate::filter::Usage>),
            ),
            match self.is_async() {
                true => quote!(#call.clear_cache_async().await),
                false => quote!(#call.clear_cache()),
            },
        )
    }

    fn clear_all_caches(&self) -> TokenStream {
        let (krate, vis) = (self.krate, &self.function.item.vis);
        let (name, cache) = (
            self.companion("clear_all_caches"),
            self.call_companion("execution_cache"),
        );
        let first = self.function.parameters.first();
        let takes_context = first.is_some_and(|first| first.is_context() || first.may_be_context());
        let (parameter, context) = match takes_context {
            true => (
                quote!(context: &(impl #krate::execution_cache::CacheContext + ?Sized),),
                quote!(context),
            ),
            false => {
                let context = self.call_companion("execution_context");
                (quote!(), quote!(#context()))
            }
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
            #[allow(dead_code)]
            #vis #asyncness fn #name(
                #parameter
                datasets: impl ::core::convert::Into<#krate::execution_cache::Datasets>,
            ) -> #krate::error::Result<#krate::filter::Usage> {
                #cache().#clear
            }
        }
    }

    fn counters(&self) -> TokenStream {
        let (krate, vis) = (self.krate, &self.function.item.vis);
        let (name, cache) = (
            self.companion("counters"),
            self.call_companion("execution_cache"),
        );
        let doc = self.doc("Hits, misses and computations of `{}` in this process.");
        quote! {
            #doc
            #[allow(dead_code)]
            #vis fn #name() -> #krate::execution_cache::Counters {
                #cache().counters()
            }
        }
    }

    /// Returns the companion with the context of a function that takes none.
    fn execution_context(&self) -> TokenStream {
        let first = self.function.parameters.first();
        if first.is_some_and(|first| first.is_context() || first.may_be_context()) {
            return TokenStream::new();
        }
        let (krate, vis) = (self.krate, &self.function.item.vis);
        let name = self.companion("execution_context");
        let doc = self.doc("The context that `{}` is called in, which has its cache.");
        let body = match &self.options.cache {
            Some(CacheOf::Static(cache)) => quote! {
                static ECACHE_CONTEXT: ::std::sync::OnceLock<#krate::execution_cache::ExecutionContext> =
                    ::std::sync::OnceLock::new();
                ECACHE_CONTEXT.get_or_init(|| #krate::execution_cache::ExecutionContext::new(#cache))
            },
            Some(CacheOf::Process) | None => quote!(#krate::execution_cache::default_context()),
        };
        quote! {
            #doc
            #[allow(dead_code)]
            #vis fn #name() -> &'static #krate::execution_cache::ExecutionContext { #body }
        }
    }

    fn execution_cache(&self) -> TokenStream {
        let (krate, vis, name) = (self.krate, &self.function.item.vis, self.function.name());
        let companion = self.companion("execution_cache");
        let doc = self.doc("The cache of `{}`.");
        let fields = self.options.fields.iter();
        let fields = fields.map(|(name, value)| quote!(options.#name = #value;));
        let (of, kind) = match self.in_impl {
            true => (Ident::new("Companion", Span::call_site()), "method"),
            false => (self.function.item.sig.ident.clone(), "function"),
        };
        let declared = self.in_impl.then(|| quote!(enum #of {}));
        let kind = Ident::new(kind, Span::call_site());
        quote! {
            #doc
            #vis fn #companion() -> &'static #krate::execution_cache::ExecutionCache {
                #declared
                static ECACHE: #krate::__macro::Declared = #krate::__macro::Declared::new();
                ECACHE.get(|| {
                    let declaration = #krate::__macro::Declaration {
                        module: ::core::module_path!(),
                        name: #name,
                        place: (::core::line!(), ::core::column!()),
                        package: ::core::option_env!("CARGO_PKG_NAME"),
                        binary: ::core::option_env!("CARGO_BIN_NAME"),
                    };
                    #[allow(unused_mut)]
                    let mut options = declaration.#kind::<#of>();
                    #(#fields)*
                    options
                })
            }
        }
    }

    /// Returns the companion that makes the arguments of a call from borrowed parameters.
    fn arguments(&self) -> TokenStream {
        let (krate, function) = (self.krate, self.function);
        let list = Ident::new("list", Span::mixed_site());
        let of_self = match &self.options.self_key {
            Some(SelfKey::Of(key)) => Some(quote!(#list.push(&(#key)))),
            _ => None,
        };
        let parameters = function.parameters.iter();
        let of_arguments: Vec<TokenStream> = match &self.options.key_fn {
            Some(key_fn) => {
                let references = parameters.clone().map(Parameter::reference);
                let fallible = quote!(#krate::execution_cache::fallible);
                vec![quote!(#list.push_each(&{
                    #[allow(unused_imports)]
                    use #fallible::Plain as _;
                    #fallible::Returned((#key_fn)(#(#references),*)).result()?
                }))]
            }
            None => parameters
                .clone()
                .flat_map(|parameter| parameter.pushes(krate, &list))
                .collect(),
        };
        let hidden = parameters.filter_map(|parameter| parameter.pushes_type(&list));
        let types = function
            .type_parameters()
            .map(|name| quote!(#list.push_type::<#name>()));
        let constants = function
            .const_parameters()
            .map(|name| quote!(#list.push(&#name)));
        let of_type = self.in_impl.then(|| {
            let cache = self.call_companion("execution_cache");
            quote!(#cache().options().push_self_type::<Self>(#list))
        });
        let pushes = of_self
            .into_iter()
            .chain(of_arguments)
            .chain(hidden)
            .chain(types)
            .chain(constants)
            .chain(of_type);
        let generics = &function.item.sig.generics;
        let where_clause = &generics.where_clause;
        let receiver = function.receiver.iter().map(|_| quote!(&self));
        let borrowed = receiver.chain(function.parameters.iter().map(Parameter::borrowed));
        let (vis, name) = (&function.item.vis, self.companion("arguments"));
        quote! {
            #[doc(hidden)]
            #[allow(unused_variables, clippy::all, clippy::pedantic)]
            #vis fn #name #generics (#(#borrowed),*)
                -> ::core::result::Result<#krate::key::Preimage, #krate::stored::StoredError>
            #where_clause
            {
                #krate::key::Preimage::pushed(&mut |#list| {
                    #(#pushes?;)*
                    ::core::result::Result::Ok(())
                })
            }
        }
    }

    /// Returns a call of the `arguments` companion.
    pub(crate) fn call_arguments(&self) -> TokenStream {
        let turbofish = self.function.turbofish();
        let lent = self.function.parameters.iter().map(Parameter::lent);
        match self.function.receiver {
            Some(_) => {
                let name = self.companion("arguments");
                quote!(self.#name #turbofish (#(#lent),*))
            }
            None => {
                let path = self.call_companion("arguments");
                quote!(#path #turbofish (#(#lent),*))
            }
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
