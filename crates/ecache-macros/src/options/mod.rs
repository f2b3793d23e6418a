//! The options of the attribute: FiftyOne's, and those beyond.

mod codec;
mod contradictions;
mod names;
mod values;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Result, Token};

use names::{NAMES, unknown};
use values::{
    Argument, cache, cache_err, count, duration, residency, self_key, size, version, word,
};

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
        let arguments = Arguments::parse(input)?;
        let krate = path_of_core(&arguments)?;
        let (codec, codec_name) = codec::codec(&arguments, &krate)?;
        let mut options = Self {
            fields: Vec::new(),
            key_fn: None,
            codec,
            has_codec: arguments
                .get("codec")
                .or(arguments.get("serialize"))
                .is_some(),
            codec_name,
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
            krate,
        };
        for argument in arguments.all() {
            options.take(argument)?;
        }
        contradictions::check(&arguments, &options.cache_err)?;
        Ok(options)
    }
}

/// The arguments of an attribute, each of a name of its own.
pub(super) struct Arguments(Vec<Argument>);

impl Arguments {
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
        Ok(Self(arguments.into_iter().collect()))
    }

    fn all(&self) -> &[Argument] {
        &self.0
    }

    fn get(&self, name: &str) -> Option<&Argument> {
        self.0.iter().find(|argument| argument.name == name)
    }
}

/// Returns the path of `ecache_core` that the option `crate` names.
fn path_of_core(arguments: &Arguments) -> Result<syn::Path> {
    let Some(argument) = arguments.get("crate") else {
        return Ok(syn::parse_quote!(::ecache_core));
    };
    let value = argument.value()?;
    let parsed = match word(value) {
        Some(text) => syn::parse_str(&text),
        None => syn::parse2(value.to_token_stream()),
    };
    let message = "expected the path of `ecache_core`, as in `crate = my::ecache_core`";
    parsed.map_err(|_| Error::new_spanned(value, message))
}

impl Options {
    /// Reports whether the codec is an expression that runs code, which may panic.
    pub(crate) fn evaluates_codec(&self) -> bool {
        let codec = self.codec_name.as_ref();
        codec.is_some_and(|codec| !matches!(codec, Expr::Path(_)))
    }

    /// Takes an argument; those of the codec and the crate were read before.
    fn take(&mut self, argument: &Argument) -> Result<()> {
        let name = &argument.name;
        match name.to_string().as_str() {
            "residency" => self.set(name, residency(argument.value()?, &self.krate)?),
            "ttl" => self.set(name, duration(argument.value()?, &self.krate)?),
            "stale_if_error" => {
                self.set(name, duration(argument.value()?, &self.krate)?);
                self.stale_if_error = Some(name.clone());
            }
            "stale" => {
                self.set(name, duration(argument.value()?, &self.krate)?);
                self.stale = Some(name.clone());
            }
            "max_bytes" => self.set(name, size(argument.value()?)?),
            "max_size" => self.set(name, count(argument.value()?)?),
            "verify_every" => {
                let value = argument.value()?;
                self.set(name, quote!(#value));
            }
            "link_to_dataset" => {
                let flag = argument.flag()?;
                self.set(name, quote!(#flag));
                self.scoped = self.scoped.take().or(Some(name.clone()));
            }
            "operator_scoped" | "user_scoped" | "prompt_scoped" | "jwt_scoped" => {
                let flag = argument.flag()?;
                self.set(name, quote!(#flag));
                self.scoped = self.scoped.take().or(flag.then(|| name.clone()));
            }
            "collection_name" => self.set(name, argument.text()?),
            "store_name" => {
                let text = argument.text()?;
                self.set(name, quote!(::core::option::Option::Some(#text)));
            }
            "version" => self.set(name, version(argument.value()?)?),
            "key_fn" => self.key_fn = Some(argument.value()?.clone()),
            "self_key" => {
                self.self_key = Some(self_key(argument.value()?));
                self.self_key_name = Some(name.clone());
            }
            "cache" => self.cache = Some(cache(argument.value()?)?),
            "cache_err" => self.cache_err = cache_err(argument, &self.krate)?,
            "cache_none" => self.skips_none = !argument.flag()?,
            "spawn" => self.spawn = Some(argument.value()?.clone()),
            "ttl_fn" => self.ttl_fn = Some(argument.value()?.clone()),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, name: &Ident, value: TokenStream) {
        self.fields.push((name.clone(), value));
    }
}
