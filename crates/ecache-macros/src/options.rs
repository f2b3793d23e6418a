//! The options of the attribute: FiftyOne's, and those beyond.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitBool, Result, Token};

use crate::units::parse_duration;

/// Every option, in the order in which they are documented.
const NAMES: [&str; 20] = [
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
    "self_key",
    "cache_err",
    "cache_none",
    "verify_every",
    "stale",
];

/// Whose methods a method's key tells apart.
#[derive(Clone)]
pub(crate) enum SelfKey {
    /// Those of receivers with another value of that
    Of(Box<Expr>),
    /// Nobody's: all receivers share results, or there is none
    None,
}

/// What the attribute says.
#[derive(Default)]
pub(crate) struct Options {
    /// Fields of the core's `Options` that differ from its defaults
    pub(crate) fields: Vec<(Ident, TokenStream)>,
    pub(crate) key_fn: Option<Expr>,
    pub(crate) codec: Option<(Expr, Expr)>,
    pub(crate) self_key: Option<SelfKey>,
    pub(crate) cache_err: bool,
    /// Where `cache_none = false` was said
    pub(crate) skips_none: Option<Ident>,
    /// Where `stale` was said
    pub(crate) stale: Option<Ident>,
}

struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.parse()?;
        let value = match input.parse::<Option<Token![=]>>()? {
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

    /// A flag alone is `true`.
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

    fn text(&self) -> Result<TokenStream> {
        let value = self.value()?;
        Ok(quote!(::std::borrow::Cow::Borrowed(#value)))
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let arguments = Punctuated::<Argument, Token![,]>::parse_terminated(input)?;
        let mut options = Self::default();
        let mut seen: Vec<&Ident> = Vec::new();
        let (mut serialize, mut deserialize) = (None, None);
        for argument in &arguments {
            let name = &argument.name;
            if seen.contains(&name) {
                return Err(Error::new_spanned(name, format!("`{name}` is given twice")));
            }
            seen.push(name);
            match name.to_string().as_str() {
                "residency" => options.set(name, residency(argument.value()?)?),
                "ttl" => options.set(name, duration(argument.value()?)?),
                "stale" => {
                    options.set(name, duration(argument.value()?)?);
                    options.stale = Some(name.clone());
                }
                "max_size" | "max_bytes" | "verify_every" => {
                    let value = argument.value()?;
                    options.set(name, quote!(#value));
                }
                "link_to_dataset" | "operator_scoped" | "user_scoped" | "prompt_scoped"
                | "jwt_scoped" => {
                    let flag = argument.flag()?;
                    options.set(name, quote!(#flag));
                }
                "collection_name" => options.set(name, argument.text()?),
                "store_name" => {
                    let text = argument.text()?;
                    options.set(name, quote!(::core::option::Option::Some(#text)));
                }
                "version" => options.set(name, version(argument.value()?)?),
                "key_fn" => options.key_fn = Some(argument.value()?.clone()),
                "self_key" => options.self_key = Some(self_key(argument.value()?)),
                "cache_err" => options.cache_err = argument.flag()?,
                "cache_none" => options.skips_none = (!argument.flag()?).then(|| name.clone()),
                "serialize" => serialize = Some((name, argument.value()?)),
                "deserialize" => deserialize = Some((name, argument.value()?)),
                _ => return Err(unknown(name)),
            }
        }
        let given = |wanted: &str| arguments.iter().find(|argument| argument.name == wanted);
        if let (Some(max_size), Some(residency)) = (given("max_size"), given("residency"))
            && word(residency.value()?).as_deref() == Some("transient")
        {
            return Err(Error::new_spanned(
                &max_size.name,
                "`max_size` bounds what is kept in memory, and `residency = \"transient\"` keeps nothing there",
            ));
        }
        if let (Some(stale), None) = (&options.stale, given("ttl")) {
            return Err(Error::new_spanned(
                stale,
                "`stale` is how much longer than its `ttl` a result is served while it is refreshed: without a `ttl` \
                 nothing gets old",
            ));
        }
        options.codec = match (serialize, deserialize) {
            (Some((_, serialize)), Some((_, deserialize))) => {
                Some((serialize.clone(), deserialize.clone()))
            }
            (None, None) => None,
            (Some((name, _)), None) => return Err(alone(name, "deserialize")),
            (None, Some((name, _))) => return Err(alone(name, "serialize")),
        };
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

fn residency(value: &Expr) -> Result<TokenStream> {
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
    Ok(quote!(::ecache_core::execution_cache::Residency::#variant))
}

/// A lifetime: seconds, or whatever `ecache --ttl` reads, with or without quotes.
fn duration(value: &Expr) -> Result<TokenStream> {
    const EXPECTED: &str =
        "expected seconds, or a duration such as \"90s\", \"1d12h\" or \"10 minutes\"";
    let Expr::Lit(ExprLit { lit, .. }) = value else {
        return Err(Error::new_spanned(value, EXPECTED));
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
        }) => version.base10_digits().to_owned(),
        _ => word(value).ok_or_else(|| {
            Error::new_spanned(value, "expected a number or a text: `version = 2`")
        })?,
    };
    Ok(quote!(::core::option::Option::Some(::std::borrow::Cow::Borrowed(#version))))
}

fn self_key(value: &Expr) -> SelfKey {
    match value {
        Expr::Path(path) if path.path.is_ident("none") => SelfKey::None,
        _ => SelfKey::Of(Box::new(value.clone())),
    }
}

fn unknown(name: &Ident) -> Error {
    let written = name.to_string();
    let closest = NAMES.iter().min_by_key(|known| distance(known, &written));
    let longer = NAMES.iter().find(|known| known.starts_with(&written));
    let list = NAMES.join("`, `");
    let message = match longer.or(closest) {
        Some(known) if longer.is_some() || distance(known, &written) <= 3 => {
            format!("unknown option `{written}`: did you mean `{known}`? There are `{list}`")
        }
        _ => format!("unknown option `{written}`: there are `{list}`"),
    };
    Error::new_spanned(name.to_token_stream(), message)
}

/// How many letters have to be changed, added or left out to make one word of the other.
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
        let parsed = |text: &str| duration(&syn::parse_str(text).expect("an expression")).ok();
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
            "\"\"", "\"m\"", "\"10x\"", "0", "0.0001", "10u64", "1e3", "true", "TTL",
        ] {
            assert!(parsed(wrong).is_none(), "{wrong}");
        }
    }
}
