//! The names of the options, and what to write in the place of others.

use quote::ToTokens;
use syn::{Error, Ident};

/// Every option, in the order in which they are documented.
pub(super) const NAMES: [&str; 26] = [
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
    ("size", "use `max_size = …`"),
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

/// Returns the error for a name that is not an option.
pub(super) fn unknown(name: &Ident) -> Error {
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
