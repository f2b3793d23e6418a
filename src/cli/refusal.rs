//! Makes clap's errors, which repeat what was typed, safe to print on a terminal.

use clap::error::{ContextKind, ContextValue};

use crate::output::escape::message;

/// Escapes the typed words that an error repeats, and masks passwords in them; clap prints them
/// verbatim.
pub(crate) fn escaped(mut error: clap::Error) -> clap::Error {
    let context: Vec<_> = error.context().collect();
    let is_shown = |text: &String| message(text) == *text;
    let escaped = context.iter().filter_map(|(kind, value)| {
        let value = match value {
            ContextValue::String(text) if !is_shown(text) => ContextValue::String(message(text)),
            ContextValue::Strings(texts) if !texts.iter().all(is_shown) => {
                let texts = texts.iter().map(|text| message(text));
                ContextValue::Strings(texts.collect())
            }
            _ => return None,
        };
        Some((*kind, value))
    });
    let escaped: Vec<_> = escaped.collect();
    if !escaped.is_empty() {
        // The suggestion repeats the typed words inside clap's own styles, so it cannot be escaped.
        error.remove(ContextKind::Suggested);
    }
    for (kind, value) in escaped {
        error.insert(kind, value);
    }
    error
}
