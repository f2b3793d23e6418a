//! Names that are near to one that does not exist.

use std::sync::Arc;

use crate::output::escape::shell;
use crate::output::name;

/// Similarity from which a name is suggested: letters exchanged, left out or added.
const SIMILAR: f64 = 0.8;

/// Maximum number of names suggested.
const MOST: usize = 3;

/// Returns the message that there is no store of a name, and near names as a tip.
pub(crate) fn no_store(name: &str, known: &[Arc<str>]) -> (String, Option<String>) {
    let tip = did_you_mean(name, known).or_else(|| {
        let is_pattern = name.contains(['*', '?', '[']);
        is_pattern.then(|| "--glob takes it as a pattern".to_owned())
    });
    (format!("there is no store {name:?}"), tip)
}

/// Returns a tip that suggests the nearest existing name.
pub(crate) fn did_you_mean(name: &str, known: &[Arc<str>]) -> Option<String> {
    let near: Vec<_> = near(name, known).into_iter().map(shell).collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// Returns the names nearest to one that was typed, the nearest first.
fn near<'a>(name: &str, known: &'a [Arc<str>]) -> Vec<&'a str> {
    let typed = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = Vec::new();
    for known in known {
        let lower = known.to_lowercase();
        let own = lower.rsplit([':', '.']).next().unwrap_or(&lower);
        // The beginning of a name, or a function without its module, is meant more often than a
        // name that is merely similar.
        let is_part = typed.len() >= 3 && (lower.starts_with(&typed) || own == typed);
        let similarity = if is_part || name::shown(known) == name {
            1.0
        } else {
            strsim::normalized_damerau_levenshtein(&typed, &lower)
        };
        if similarity >= SIMILAR {
            near.push((similarity, known));
        }
    }
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    // Stores of several datasets have one name.
    near.dedup_by_key(|(_, name)| *name);
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_others_not() {
        let known: Vec<Arc<str>> = [
            "my_labels",
            "thumbs",
            "thumbs",
            "Thumbnails",
            "operator::count",
        ]
        .map(Arc::from)
        .to_vec();
        let said = |name| did_you_mean(name, &known);
        assert_eq!(
            said("my_lables").as_deref(),
            Some("did you mean my_labels?")
        );
        assert_eq!(
            said("thumb").as_deref(),
            Some("did you mean Thumbnails or thumbs?")
        );
        assert_eq!(
            said("count").as_deref(),
            Some("did you mean operator::count?")
        );
        assert_eq!(said("curl"), None);
    }
}
