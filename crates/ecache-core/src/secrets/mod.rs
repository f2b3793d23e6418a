//! Masks values that look like secrets in the recorded metadata of a call, so that listings do not
//! show them.
//!
//! For display alone: stored entries stay as they are, and `export` and `get` print them unmasked.
//! The search goes by looks, so it misses secrets that look like nothing in particular; a value
//! that must not be stored at all should not be an argument.
//!
//! | file | its job |
//! |---|---|
//! | `by_name` | values of `password=`, `--token`, `Authorization:` and their like |
//! | `by_pattern` | secrets by their shape: tokens of known makers, JWTs, keys, passwords in URLs |

mod by_name;
mod by_pattern;

use std::borrow::Cow;
use std::ops::Range;

use crate::python_json::Json;

/// The text shown in place of a secret.
pub const MASK: &str = "***";

/// Replaces each passage of a text that looks like a secret by [`MASK`].
///
/// ```
/// use ecache_core::secrets::mask;
///
/// assert_eq!(mask("https://ann:sesame@example.com/x?n=1"), "https://ann:***@example.com/x?n=1");
/// assert_eq!(mask("Authorization: Bearer abc123"), "Authorization: Bearer ***");
/// assert_eq!(mask("--sort=key"), "--sort=key");
/// ```
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    let mut secrets: Vec<Range<usize>> = Vec::new();
    by_pattern::find(text, &mut secrets);
    by_name::find(text, &mut secrets);
    masked(text, secrets)
}

fn masked(text: &str, mut secrets: Vec<Range<usize>>) -> Cow<'_, str> {
    secrets.retain(|secret| !secret.is_empty());
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_by_key(|secret| (secret.start, secret.end));
    let mut masked = String::with_capacity(text.len());
    let mut end = None;
    for secret in secrets {
        // Secrets that overlap or touch are masked as one.
        if end.is_none_or(|end| secret.start > end) {
            masked.push_str(&text[end.unwrap_or(0)..secret.start]);
            masked.push_str(MASK);
        }
        end = end.max(Some(secret.end));
    }
    masked.push_str(&text[end.unwrap_or(0)..]);
    Cow::Owned(masked)
}

/// Replaces the passwords of URLs by [`MASK`], and nothing else: for messages that quote the user's
/// input.
///
/// ```
/// use ecache_core::secrets::mask_urls;
///
/// assert_eq!(mask_urls("no mongodb://ann:sesame@h/x there"), "no mongodb://ann:***@h/x there");
/// assert_eq!(mask_urls("no mongodb:/ann:sesame@h/x there"), "no mongodb:/ann:***@h/x there");
/// ```
#[must_use]
pub fn mask_urls(text: &str) -> Cow<'_, str> {
    let mut secrets = Vec::new();
    // A typing mistake is what many messages are about.
    by_pattern::urls(text, 1, &mut secrets);
    masked(text, secrets)
}

/// Masks the arguments of a call: texts anywhere in them, and what follows an argument such as
/// `--password`.
///
/// `arguments` is JSON; the result is JSON too, or what [`mask`] makes of a text that is none.
#[must_use]
pub fn mask_arguments(arguments: &str) -> Cow<'_, str> {
    match Json::parse(arguments.as_bytes()) {
        Ok(mut json) => {
            if mask_json(&mut json) {
                Cow::Owned(json.dumps())
            } else {
                Cow::Borrowed(arguments)
            }
        }
        Err(_) => mask(arguments),
    }
}

/// Masks the texts in a JSON value, and says whether there was anything to mask.
pub fn mask_json(json: &mut Json) -> bool {
    let mut is_changed = false;
    match json {
        Json::String(text) => {
            let lossy = text.to_string_lossy();
            if let Cow::Owned(masked) = mask(&lossy) {
                *json = Json::from(masked);
                is_changed = true;
            }
        }
        Json::Array(items) => {
            let mut previous: Option<String> = None;
            for item in items {
                let text = item.as_str().map(str::to_owned);
                let secret = match (&previous, &text) {
                    (Some(flag), Some(text)) => by_name::after_flag(flag, text),
                    _ => None,
                };
                is_changed |= match (secret, &text) {
                    (Some(secret), Some(text)) => {
                        *item = Json::from(format!("{}{MASK}", &text[..secret.start]));
                        true
                    }
                    _ => mask_json(item),
                };
                previous = text;
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                let is_secret = by_name::is_secret(&name.to_string_lossy());
                is_changed |= match member.as_str() {
                    Some(text) if is_secret && !by_name::is_reference(text) => {
                        *member = Json::from(MASK);
                        true
                    }
                    _ => mask_json(member),
                };
            }
        }
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::BigInteger(_) | Json::Float(_) => {}
    }
    is_changed
}

#[cfg(test)]
mod tests;
