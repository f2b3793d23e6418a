//! Scopes of limits as people read them.

use ecache_core::backend::limit::unescaped;

use crate::output::short_ids::ShortIds;

/// The form of ids in a text.
#[derive(Clone, Copy)]
pub(in crate::commands) enum Ids {
    Short(ShortIds),
    Whole,
}

/// Spells a scope for people, a name at a time: `store=thumbs` is `store thumbs`, and `user~* each`
/// is `each user`.
pub(in crate::commands) fn names(scope: &str, ids: Ids) -> Vec<String> {
    let is_each = scope.ends_with(" each");
    let scope = scope.trim_end_matches(" each");
    let mut names: Vec<String> = scope
        .split(' ')
        .map(|word| match word.split_once('=').or(word.split_once('~')) {
            None => word.replace('-', " "),
            Some((dimension, "*")) if is_each => dimension.to_owned(),
            Some((dimension, name)) => {
                let short = match ids {
                    Ids::Short(ids) => ids.id(name),
                    Ids::Whole => None,
                };
                let name_shown = short.or_else(|| unescaped(name));
                let name = name_shown.as_deref().unwrap_or(name);
                format!("{dimension} {name}")
            }
        })
        .collect();
    if is_each {
        names[0].insert_str(0, "each ");
    }
    names
}

/// Spells a scope for people, in one line.
pub(in crate::commands) fn words(scope: &str) -> String {
    names(scope, Ids::Whole).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_spelled_in_words() {
        for (scope, said) in [
            ("everything", "everything"),
            ("store=thumbs user=ann", "store thumbs user ann"),
            ("user~* each", "each user"),
            ("store=a%25b%20%c3%a9", "store a%b é"),
            ("no-dataset", "no dataset"),
        ] {
            assert_eq!(words(scope), said);
        }
    }
}
