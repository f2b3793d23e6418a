//! The options of the attribute: FiftyOne's, and those beyond.

mod names;
mod values;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Result, Token};

use crate::spans::{at, moved};
use names::{NAMES, unknown};
use values::{Argument, cache, cache_err, duration, residency, self_key, version, word};

/// The part of a method's key that its receiver determines.
#[derive(Clone)]
pub(crate) enum SelfKey {
    /// The value of this expression
    Of(Box<Expr>),
    /// Nothing: all receivers share results, or there is no receiver
    None,
}

/// The store that a function without a context uses.
#[derive(Clone)]
pub(crate) enum CacheOf {
    /// The default cache of the process
    Process,
    /// A `static`
    Static(Box<Expr>),
}

/// The `Err`s that are kept.
#[derive(Clone, Default)]
pub(crate) enum CacheErr {
    #[default]
    None,
    /// All, with the lifetime of any result
    All,
    /// All, with this lifetime
    For(TokenStream),
}

/// The options of one attribute.
pub(crate) struct Options {
    /// Fields of the core's `Options` that differ from its defaults
    pub(crate) fields: Vec<(Ident, TokenStream)>,
    pub(crate) key_fn: Option<Expr>,
    pub(crate) codec: TokenStream,
    /// Set if the function names its codec
    pub(crate) has_codec: bool,
    /// The expression of the option `codec`, if it is set
    pub(crate) codec_name: Option<Expr>,
    pub(crate) self_key: Option<SelfKey>,
    /// The option `self_key`, if it is set
    pub(crate) self_key_name: Option<Ident>,
    pub(crate) cache: Option<CacheOf>,
    pub(crate) cache_err: CacheErr,
    /// Set if the option `cache_none` is `false`
    pub(crate) skips_none: bool,
    /// The option `stale`, if it is set
    pub(crate) stale: Option<Ident>,
    /// The option `stale_if_error`, if it is set
    pub(crate) stale_if_error: Option<Ident>,
    pub(crate) spawn: Option<Expr>,
    pub(crate) ttl_fn: Option<Expr>,
    /// The option that asked for a scope
    pub(crate) scoped: Option<Ident>,
    /// The path of `ecache_core`
    pub(crate) krate: syn::Path,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let arguments = Punctuated::<Argument, Token![,]>::parse_terminated(input)?;
        let mut seen: Vec<&Ident> = Vec::new();
        for argument in &arguments {
            let name = &argument.name;
            if seen.contains(&name) {
                return Err(Error::new_spanned(name, format!("`{name}` is given twice")));
            }
            if !NAMES.contains(&&*name.to_string()) {
                return Err(unknown(name));
            }
            seen.push(name);
        }
        let given = |wanted: &str| arguments.iter().find(|argument| argument.name == wanted);
        let krate: syn::Path = match given("crate") {
            Some(argument) => {
                let value = argument.value()?;
                let parsed = match word(value) {
                    Some(text) => syn::parse_str(&text),
                    None => syn::parse2(value.to_token_stream()),
                };
                let message = "expected the path of `ecache_core`, as in `crate = my::ecache_core`";
                parsed.map_err(|_| Error::new_spanned(value, message))?
            }
            None => syn::parse_quote!(::ecache_core),
        };
        let mut options = Self {
            fields: Vec::new(),
            key_fn: None,
            codec: quote!(#krate::execution_cache::StoredForm),
            has_codec: given("codec").or(given("serialize")).is_some(),
            codec_name: None,
            self_key: None,
            self_key_name: None,
            cache: None,
            cache_err: CacheErr::None,
            skips_none: false,
            stale: None,
            stale_if_error: None,
            spawn: None,
            ttl_fn: None,
            scoped: None,
            krate: krate.clone(),
        };
        for argument in &arguments {
            let name = &argument.name;
            match name.to_string().as_str() {
                "residency" => options.set(name, residency(argument.value()?, &krate)?),
                "ttl" => options.set(name, duration(argument.value()?, &krate)?),
                "stale_if_error" => {
                    options.set(name, duration(argument.value()?, &krate)?);
                    options.stale_if_error = Some(name.clone());
                }
                "stale" => {
                    options.set(name, duration(argument.value()?, &krate)?);
                    options.stale = Some(name.clone());
                }
                "max_size" | "max_bytes" | "verify_every" => {
                    let value = argument.value()?;
                    options.set(name, quote!(#value));
                }
                "link_to_dataset" => {
                    let flag = argument.flag()?;
                    options.set(name, quote!(#flag));
                    options.scoped = options.scoped.take().or(Some(name.clone()));
                }
                "operator_scoped" | "user_scoped" | "prompt_scoped" | "jwt_scoped" => {
                    let flag = argument.flag()?;
                    options.set(name, quote!(#flag));
                    options.scoped = options.scoped.take().or(flag.then(|| name.clone()));
                }
                "collection_name" => options.set(name, argument.text()?),
                "store_name" => {
                    let text = argument.text()?;
                    options.set(name, quote!(::core::option::Option::Some(#text)));
                }
                "version" => options.set(name, version(argument.value()?)?),
                "key_fn" => options.key_fn = Some(argument.value()?.clone()),
                "self_key" => {
                    options.self_key = Some(self_key(argument.value()?));
                    options.self_key_name = Some(name.clone());
                }
                "cache" => options.cache = Some(cache(argument.value()?)?),
                "cache_err" => options.cache_err = cache_err(argument, &krate)?,
                "cache_none" => options.skips_none = !argument.flag()?,
                "spawn" => options.spawn = Some(argument.value()?.clone()),
                "ttl_fn" => options.ttl_fn = Some(argument.value()?.clone()),
                _ => {}
            }
        }
        let residency = match given("residency") {
            Some(residency) => word(residency.value()?),
            None => None,
        };
        for bound in ["max_size", "max_bytes"]
            .iter()
            .filter_map(|name| given(name))
        {
            let name = &bound.name;
            let message = match residency.as_deref() {
                Some("transient") => format!(
                    "`{name}` bounds what is kept in memory, and `residency = \"transient\"` keeps nothing there"
                ),
                Some("ephemeral") if bound.is_zero() => format!(
                    "`{name} = 0` keeps nothing in memory, and `residency = \"ephemeral\"` nothing elsewhere: for \
                     the store alone, write `residency = \"transient\"`"
                ),
                _ => continue,
            };
            return Err(Error::new_spanned(name, message));
        }
        if let (Some(stale), Some(_)) = (given("stale_if_error"), given("cache_err"))
            && !matches!(options.cache_err, CacheErr::None)
        {
            let message = "`stale_if_error` serves a result in the place of an `Err`, and `cache_err` keeps the \
                           `Err` as a result: leave one of them out";
            return Err(Error::new_spanned(&stale.name, message));
        }
        for (name, until) in [
            ("stale", "refreshed"),
            ("stale_if_error", "computed in vain"),
        ] {
            if let (Some(stale), None, None) = (given(name), given("ttl"), given("ttl_fn")) {
                let message = format!(
                    "`{name}` is how much longer than its `ttl` a result is served while it is {until}: without a \
                     `ttl` nothing gets old"
                );
                return Err(Error::new_spanned(&stale.name, message));
            }
        }
        if let (Some(spawn), None) = (given("spawn"), given("stale")) {
            let message =
                "`spawn` runs what refreshes a result: without `stale` nothing is refreshed";
            return Err(Error::new_spanned(&spawn.name, message));
        }
        match (given("codec"), given("serialize"), given("deserialize")) {
            (None, None, None) => {}
            (Some(codec), None, None) => {
                options.codec = codec.value()?.to_token_stream();
                options.codec_name = codec.value.clone();
            }
            (Some(codec), _, _) => {
                let message = "`codec` takes the place of `serialize` and `deserialize`: leave out \
                               either one or the other";
                return Err(Error::new_spanned(&codec.name, message));
            }
            (None, Some(serialize), Some(deserialize)) => {
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
                options.codec = quote!({
                    #[allow(unused_imports)]
                    use #krate::__macro::{Infallible as _, Wordless as _};
                    #krate::execution_cache::try_with(#write, #read)
                });
            }
            (None, Some(one), None) => return Err(alone(&one.name, "deserialize")),
            (None, None, Some(one)) => return Err(alone(&one.name, "serialize")),
        }
        Ok(options)
    }
}

impl Options {
    /// Reports whether the codec is an expression that runs code, which may panic.
    pub(crate) fn evaluates_codec(&self) -> bool {
        let codec = self.codec_name.as_ref();
        codec.is_some_and(|codec| !matches!(codec, Expr::Path(_)))
    }

    fn set(&mut self, name: &Ident, value: TokenStream) {
        self.fields.push((name.clone(), value));
    }
}

fn alone(name: &Ident, other: &str) -> Error {
    Error::new_spanned(
        name,
        format!("`{name}` without `{other}`: results must be read as they were written"),
    )
}
