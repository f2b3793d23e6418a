//! The options of the attribute: FiftyOne's, and those beyond.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitBool, Result, Token};

use crate::units::parse_duration;

/// Every option, in the order in which they are documented.
const NAMES: [&str; 26] = [
    "residency",
    "ttl",
    "max_size",
    "max_bytes",
    "link_to_dataset",
    "key_fn",
    "store_name",
    "version",
    "operator_scoped",
    "user_scoped",
    "prompt_scoped",
    "jwt_scoped",
    "collection_name",
    "serialize",
    "deserialize",
    "cache",
    "codec",
    "self_key",
    "cache_err",
    "cache_none",
    "verify_every",
    "stale",
    "stale_if_error",
    "spawn",
    "ttl_fn",
    "crate",
];

/// Options of other caches' attributes, each with its equivalent here.
const ELSEWHERE: [(&str, &str); 13] = [
    ("size", "it is `max_size = …`"),
    ("time", "it is `ttl = …`"),
    ("time_to_live", "it is `ttl = …`"),
    (
        "key",
        "it is `key_fn = …`, and without it all arguments are the key",
    ),
    (
        "convert",
        "it is `key_fn = …`: a function from references to the arguments to the key",
    ),
    ("name", "it is `store_name = …`"),
    (
        "result",
        "leave it out: the `Err` of a `Result` is not kept unless there is `cache_err`",
    ),
    ("option", "it is `cache_none = false`"),
    (
        "sync_writes",
        "leave it out: a call is computed once at a time",
    ),
    ("sync", "leave it out: a call is computed once at a time"),
    (
        "unbound",
        "leave it out: `max_size` bounds memory, and the store keeps the rest",
    ),
    (
        "disk",
        "it is `residency = \"transient\"`, or nothing for both memory and store",
    ),
    (
        "ty",
        "leave it out: the store is that of the context, or `cache = …`",
    ),
];

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
    All(Option<Ident>),
    /// All, with this lifetime
    For(Ident, TokenStream),
}

/// The options of one attribute.
pub(crate) struct Options {
    /// Fields of the core's `Options` that differ from its defaults
    pub(crate) fields: Vec<(Ident, TokenStream)>,
    pub(crate) key_fn: Option<Expr>,
    pub(crate) codec: TokenStream,
    pub(crate) self_key: Option<SelfKey>,
    pub(crate) cache: Option<CacheOf>,
    pub(crate) cache_err: CacheErr,
    /// The option `cache_none`, if it is `false`
    pub(crate) skips_none: Option<Ident>,
    /// The option `stale`, if it is set
    pub(crate) stale: Option<Ident>,
    pub(crate) spawn: Option<Expr>,
    pub(crate) ttl_fn: Option<Expr>,
    /// The option that asked for a scope
    pub(crate) scoped: Option<Ident>,
    /// The path of `ecache_core`
    pub(crate) krate: syn::Path,
}

struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.call(Ident::parse_any)?;
        let value = match input.parse::<Option<Token![=]>>()? {
            // In `crate = crate`, the value is not an expression by itself.
            Some(_) if name == "crate" && input.peek(Token![crate]) => {
                let path: syn::Path = input.parse()?;
                Some(syn::parse_quote!(#path))
            }
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self { name, value })
    }
}

impl Argument {
    fn value(&self) -> Result<&Expr> {
        let name = &self.name;
        let missing = || Error::new_spanned(name, format!("`{name}` needs a value: `{name} = …`"));
        self.value.as_ref().ok_or_else(missing)
    }

    /// Returns the value of a flag; a flag alone is `true`.
    fn flag(&self) -> Result<bool> {
        match &self.value {
            None => Ok(true),
            Some(Expr::Lit(ExprLit {
                lit: Lit::Bool(LitBool { value, .. }),
                ..
            })) => Ok(*value),
            Some(other) => Err(Error::new_spanned(other, "expected `true` or `false`")),
        }
    }

    /// Returns a literal, or an expression that is evaluated once.
    fn text(&self) -> Result<TokenStream> {
        let value = self.value()?;
        Ok(match word(value) {
            Some(_) => quote!(::std::borrow::Cow::Borrowed(#value)),
            None => quote!(::std::borrow::Cow::from(#value)),
        })
    }
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
            self_key: None,
            cache: None,
            cache_err: CacheErr::None,
            skips_none: None,
            stale: None,
            spawn: None,
            ttl_fn: None,
            scoped: None,
            krate: krate.clone(),
        };
        for argument in &arguments {
            let name = &argument.name;
            match name.to_string().as_str() {
                "residency" => options.set(name, residency(argument.value()?, &krate)?),
                "ttl" | "stale_if_error" => {
                    options.set(name, duration(argument.value()?, &krate)?);
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
                "self_key" => options.self_key = Some(self_key(argument.value()?)),
                "cache" => options.cache = Some(cache(argument.value()?)?),
                "cache_err" => options.cache_err = cache_err(argument, &krate)?,
                "cache_none" => options.skips_none = (!argument.flag()?).then(|| name.clone()),
                "spawn" => options.spawn = Some(argument.value()?.clone()),
                "ttl_fn" => options.ttl_fn = Some(argument.value()?.clone()),
                _ => {}
            }
        }
        if let (Some(max_size), Some(residency)) = (given("max_size"), given("residency"))
            && word(residency.value()?).as_deref() == Some("transient")
        {
            return Err(Error::new_spanned(
                &max_size.name,
                "`max_size` bounds what is kept in memory, and `residency = \"transient\"` keeps nothing there",
            ));
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
            (Some(codec), None, None) => options.codec = codec.value()?.to_token_stream(),
            (Some(codec), _, _) => {
                let message = "`codec` takes the place of `serialize` and `deserialize`: leave out \
                               either one or the other";
                return Err(Error::new_spanned(&codec.name, message));
            }
            (None, Some(serialize), Some(deserialize)) => {
                let (serialize, deserialize) = (serialize.value()?, deserialize.value()?);
                let value = Ident::new("value", Span::mixed_site());
                let fallible = quote!(#krate::execution_cache::fallible);
                options.codec = quote!({
                    #[allow(unused_imports)]
                    use #fallible::Plain as _;
                    #krate::execution_cache::try_with(
                        |#value: &_| #fallible::Returned((#serialize)(#value)).result(),
                        |#value| #fallible::Returned((#deserialize)(#value)).result(),
                    )
                });
            }
            (None, Some(one), None) => return Err(alone(&one.name, "deserialize")),
            (None, None, Some(one)) => return Err(alone(&one.name, "serialize")),
        }
        Ok(options)
    }
}

impl Options {
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

fn word(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

fn residency(value: &Expr, krate: &syn::Path) -> Result<TokenStream> {
    let variant = match word(value).as_deref() {
        Some("transient") => quote!(Transient),
        Some("ephemeral") => quote!(Ephemeral),
        Some("hybrid") => quote!(Hybrid),
        _ => {
            return Err(Error::new_spanned(
                value,
                "expected \"transient\" (store only), \"ephemeral\" (memory only) or \"hybrid\" (both)",
            ));
        }
    };
    Ok(quote!(#krate::execution_cache::Residency::#variant))
}

/// Returns a lifetime: seconds, a duration as `ecache --ttl` reads it (quoted or not), or an
/// expression.
fn duration(value: &Expr, krate: &syn::Path) -> Result<TokenStream> {
    const EXPECTED: &str =
        "expected seconds, or a duration such as \"90s\", \"1d12h\" or \"10 minutes\"";
    let lit = match value {
        Expr::Lit(ExprLit { lit, .. }) => lit,
        Expr::Unary(_) => return Err(Error::new_spanned(value, EXPECTED)),
        _ => return Ok(quote!(#krate::__macro::IntoLifetime::into_lifetime(#value))),
    };
    let text = match lit {
        // `10m` is one token to Rust: a number with a suffix.
        Lit::Int(number) => format!("{}{}", number.base10_digits(), number.suffix()),
        Lit::Float(number) => format!("{}{}", number.base10_digits(), number.suffix()),
        Lit::Str(text) => text.value(),
        _ => return Err(Error::new_spanned(value, EXPECTED)),
    };
    let duration = parse_duration(&text).map_err(|error| Error::new_spanned(value, error))?;
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis))))
}

fn version(value: &Expr) -> Result<TokenStream> {
    let version = match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(version),
            ..
        }) => {
            let digits = version.base10_digits();
            quote!(::std::borrow::Cow::Borrowed(#digits))
        }
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => quote!(::std::borrow::Cow::Borrowed(#text)),
        Expr::Lit(_) => {
            let message = "expected a number, a text or an expression: `version = 2`";
            return Err(Error::new_spanned(value, message));
        }
        _ => quote!(::std::borrow::Cow::Owned(::std::string::ToString::to_string(&(#value)))),
    };
    Ok(quote!(::core::option::Option::Some(#version)))
}

fn cache(value: &Expr) -> Result<CacheOf> {
    match value {
        Expr::Path(path) if path.path.is_ident("default") => Ok(CacheOf::Process),
        Expr::Path(_) => Ok(CacheOf::Static(Box::new(syn::parse_quote!(&#value)))),
        Expr::Lit(_) => {
            let message = "expected the path of a static such as `static CACHE: LazyLock<Cache>`, \
                           or `default`";
            Err(Error::new_spanned(value, message))
        }
        _ => Ok(CacheOf::Static(Box::new(value.clone()))),
    }
}

fn cache_err(argument: &Argument, krate: &syn::Path) -> Result<CacheErr> {
    let name = &argument.name;
    let is_flag = match &argument.value {
        None => true,
        Some(value) => matches!(
            value,
            Expr::Lit(ExprLit {
                lit: Lit::Bool(_),
                ..
            })
        ),
    };
    if !is_flag {
        let lifetime = duration(argument.value()?, krate)?;
        return Ok(CacheErr::For(name.clone(), lifetime));
    }
    Ok(if argument.flag()? {
        CacheErr::All(Some(name.clone()))
    } else {
        CacheErr::None
    })
}

fn self_key(value: &Expr) -> SelfKey {
    match value {
        Expr::Path(path) if path.path.is_ident("none") => SelfKey::None,
        _ => SelfKey::Of(Box::new(value.clone())),
    }
}

fn unknown(name: &Ident) -> Error {
    let written = name.to_string();
    if let Some((_, here)) = ELSEWHERE.iter().find(|(other, _)| *other == written) {
        return Error::new_spanned(name, format!("there is no option `{written}`: {here}"));
    }
    let closest = NAMES.iter().min_by_key(|known| distance(known, &written));
    let longer = NAMES.iter().find(|known| known.starts_with(&written));
    let message = match longer.or(closest) {
        Some(known) if longer.is_some() || distance(known, &written) <= 3 => {
            format!("unknown option `{written}`: did you mean `{known}`?")
        }
        _ => format!(
            "unknown option `{written}`: there are `{}`",
            NAMES.join("`, `")
        ),
    };
    Error::new_spanned(name.to_token_stream(), message)
}

/// Returns the number of letters to change, add or leave out to turn one word into the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read_as_the_command_line_reads_them() {
        let parsed = |text: &str| {
            let krate = syn::parse_quote!(::ecache_core);
            duration(&syn::parse_str(text).expect("an expression"), &krate).ok()
        };
        let millis = |millis: u64| quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis)));
        for (text, wanted) in [
            ("90", 90_000),
            ("1_000", 1_000_000),
            ("0.5", 500),
            ("10m", 600_000),
            ("1.5h", 5_400_000),
            ("\"10\"", 10_000),
            ("\"1d12h\"", 129_600_000),
            ("\"1 hour 30 min\"", 5_400_000),
        ] {
            let parsed = parsed(text).expect("a duration");
            assert_eq!(parsed.to_string(), millis(wanted).to_string(), "{text}");
        }
        for wrong in [
            "\"\"", "\"m\"", "\"10x\"", "0", "0.0001", "10u64", "1e3", "true", "-5",
        ] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
