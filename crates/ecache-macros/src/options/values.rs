//! The values of the options, and what each is in the generated code.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitBool, Result, Token};

use super::{CacheErr, CacheOf, SelfKey};
use crate::spans::at;
use crate::units::{parse_duration, parse_size};

/// An option as it is written: a name, and usually a value.
pub(super) struct Argument {
    pub(super) name: Ident,
    pub(super) value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let Ok(name) = input.call(Ident::parse_any) else {
            return Err(input.error("expected an option, as in `ttl = 60`"));
        };
        let ends = input.is_empty() || input.peek(Token![,]);
        if !ends && (!input.peek(Token![=]) || input.peek(Token![==])) {
            let message =
                format!("an option is written `{name} = …`, with a comma before the next one");
            return Err(input.error(message));
        }
        let value = match input.parse::<Option<Token![=]>>()? {
            // In `crate = crate`, the value is not an expression by itself.
            Some(_) if name == "crate" && input.peek(Token![crate]) => {
                let path: syn::Path = input.parse()?;
                Some(syn::parse_quote!(#path))
            }
            Some(_) if input.is_empty() => {
                let message = format!("`{name}` needs a value: `{name} = …`");
                return Err(Error::new_spanned(name, message));
            }
            Some(_) => Some(ungrouped(input.parse()?)),
            None => None,
        };
        Ok(Self { name, value })
    }
}

/// Returns a literal or path without the invisible group in which a macro passes it on. Other
/// expressions keep theirs, which may decide about precedence.
fn ungrouped(value: Expr) -> Expr {
    match value {
        Expr::Group(group) => match ungrouped(*group.expr) {
            inner @ (Expr::Lit(_) | Expr::Path(_)) => inner,
            inner => Expr::Group(syn::ExprGroup {
                expr: Box::new(inner),
                ..group
            }),
        },
        value => value,
    }
}

impl Argument {
    /// Returns the value of an option that must have one.
    pub(super) fn value(&self) -> Result<&Expr> {
        let name = &self.name;
        let missing = || Error::new_spanned(name, format!("`{name}` needs a value: `{name} = …`"));
        self.value.as_ref().ok_or_else(missing)
    }

    /// Reports whether its value is a literal 0.
    pub(super) fn is_zero(&self) -> bool {
        matches!(&self.value, Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. }))
            if number.base10_digits() == "0")
    }

    /// Returns the value of a flag; a flag alone is `true`.
    pub(super) fn flag(&self) -> Result<bool> {
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
    pub(super) fn text(&self) -> Result<TokenStream> {
        let value = self.value()?;
        match value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(_), ..
            }) if word(value).is_some_and(|text| text.is_empty()) => Err(Error::new_spanned(
                value,
                "expected a name, which has at least one letter",
            )),
            Expr::Lit(ExprLit {
                lit: Lit::Str(_), ..
            }) => Ok(quote!(::std::borrow::Cow::Borrowed(#value))),
            Expr::Lit(_) => Err(Error::new_spanned(
                value,
                "expected a text or an expression",
            )),
            _ => Ok(quote_spanned!(at(value)=> ::std::borrow::Cow::from(#value))),
        }
    }
}

/// Returns the text of a string literal.
pub(super) fn word(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// Returns a residency: its name as a text, or a path such as `Residency::Hybrid`.
pub(super) fn residency(value: &Expr, krate: &syn::Path) -> Result<TokenStream> {
    let variant = match word(value).as_deref() {
        Some("transient") => quote!(Transient),
        Some("ephemeral") => quote!(Ephemeral),
        Some("hybrid") => quote!(Hybrid),
        None if variant_word(value).is_some() => return Ok(quote!(#value)),
        _ => {
            return Err(Error::new_spanned(
                value,
                "expected \"transient\" (store only), \"ephemeral\" (memory only) or \"hybrid\" (both)",
            ));
        }
    };
    Ok(quote!(#krate::execution_cache::Residency::#variant))
}

/// Returns the name of a residency, however it is written.
pub(super) fn residency_word(value: &Expr) -> Option<String> {
    word(value).or_else(|| variant_word(value))
}

/// Returns the name of the residency that a path ends in.
fn variant_word(value: &Expr) -> Option<String> {
    let Expr::Path(path) = value else { return None };
    let variant = &path.path.segments.last()?.ident;
    ["Transient", "Ephemeral", "Hybrid"]
        .iter()
        .any(|known| variant == known)
        .then(|| variant.to_string().to_lowercase())
}

/// Returns a number of bytes: a size as `ecache --max-size` reads it, or an expression.
pub(super) fn size(value: &Expr) -> Result<TokenStream> {
    match word(value) {
        Some(text) => {
            let bytes = parse_size(&text).map_err(|error| Error::new_spanned(value, error))?;
            Ok(quote!(#bytes))
        }
        None => Ok(quote!(#value)),
    }
}

/// Returns a number of results: an expression, and no size.
pub(super) fn count(value: &Expr) -> Result<TokenStream> {
    if word(value).is_some() {
        let message = "expected a number of results, as in `max_size = 1024`; what bounds their \
                       bytes is `max_bytes`";
        return Err(Error::new_spanned(value, message));
    }
    Ok(quote!(#value))
}

/// Returns a lifetime: seconds, a duration as `ecache --ttl` reads it (quoted or not), or an
/// expression.
pub(super) fn duration(value: &Expr, krate: &syn::Path) -> Result<TokenStream> {
    const EXPECTED: &str =
        "expected seconds, or a duration such as \"90s\", \"1d12h\" or \"10 minutes\"";
    let lit = match value {
        Expr::Lit(ExprLit { lit, .. }) => lit,
        Expr::Unary(_) => return Err(Error::new_spanned(value, EXPECTED)),
        Expr::Path(path) if path.path.is_ident("None") => {
            return Ok(quote!(::core::option::Option::None));
        }
        _ => {
            return Ok(
                quote_spanned!(at(value)=> #krate::__macro::IntoLifetime::into_lifetime(#value)),
            );
        }
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

pub(super) fn version(value: &Expr) -> Result<TokenStream> {
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
        _ => quote_spanned! {at(value)=>
            ::std::borrow::Cow::Owned(::std::string::ToString::to_string(&(#value)))
        },
    };
    Ok(quote!(::core::option::Option::Some(#version)))
}

pub(super) fn cache(value: &Expr) -> Result<CacheOf> {
    match value {
        Expr::Path(path) if path.path.is_ident("default") => Ok(CacheOf::Process),
        Expr::Path(_) => Ok(CacheOf::Static(Box::new(
            syn::parse_quote_spanned!(at(value)=> &#value),
        ))),
        Expr::Lit(_) => {
            let message = "expected the path of a static such as `static CACHE: LazyLock<Cache>`, \
                           or `default`";
            Err(Error::new_spanned(value, message))
        }
        _ => Ok(CacheOf::Static(Box::new(value.clone()))),
    }
}

pub(super) fn cache_err(argument: &Argument, krate: &syn::Path) -> Result<CacheErr> {
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
        return Ok(CacheErr::For(lifetime));
    }
    Ok(if argument.flag()? {
        CacheErr::All
    } else {
        CacheErr::None
    })
}

pub(super) fn self_key(value: &Expr) -> SelfKey {
    match value {
        Expr::Path(path) if path.path.is_ident("none") => SelfKey::None,
        _ => SelfKey::Of(Box::new(value.clone())),
    }
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
