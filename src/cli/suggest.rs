//! Suggests commands for an unknown word: other tools' names, and misspellings.
//!
//! A suggestion is at most as destructive as the typed word: `search` is never `clear`.

use clap::{Arg, Command};

use crate::output::own_command;

/// Words of other tools, and what to do instead.
const OTHER_WORDS: &[(&[&str], &str)] = &[
    (
        &["delete", "del", "remove", "erase", "unset", "drop"],
        "rm removes keys, clear removes what a filter selects; both have -n",
    ),
    (
        &[
            "flush",
            "purge",
            "empty",
            "reset",
            "invalidate",
            "clean",
            "wipe",
        ],
        "clear removes what a filter selects, prune what is expired; both have -n",
    ),
    (
        &["gc", "expire", "evict", "cleanup", "vacuum", "trim"],
        "prune removes expired and excess entries; with -n it says which",
    ),
    (
        &["du", "size", "usage", "count", "df"],
        "did you mean stats?",
    ),
    (&["list", "entries", "keys", "dir"], "did you mean ls?"),
    (
        &["search", "find", "grep", "query"],
        "ls STORE --key 'PATTERN*' --glob finds keys, ls --value-contains TEXT values",
    ),
    (&["rename", "mv", "move"], "did you mean stores rename?"),
    (
        &["create", "new", "init"],
        "stores create makes one; run, set and import do so, too",
    ),
    (
        &["cat", "read", "fetch", "value", "print"],
        "did you mean get?",
    ),
    (
        &["put", "add", "write", "save", "insert"],
        "did you mean set?",
    ),
    (
        &["exec", "cache", "memo", "memoize", "cmd", "command"],
        "did you mean run?",
    ),
    (&["dump", "backup"], "did you mean export?"),
    (
        &["load", "restore"],
        "import reads a file; undo reverts an operation",
    ),
    (
        &["revert", "rollback", "undelete", "redo"],
        "did you mean undo?",
    ),
    (&["ui", "tui", "interactive"], "did you mean browse?"),
    (&["history", "operations"], "did you mean log?"),
    (
        &["tail", "follow", "monitor", "events"],
        "did you mean watch?",
    ),
    (
        &["inspect", "describe", "view", "display"],
        "did you mean show?",
    ),
    (&["explain", "debug"], "did you mean why?"),
    (&["exists", "contains", "test"], "did you mean has?"),
    (&["hash", "id"], "did you mean key?"),
    (&["cp", "clone", "sync", "migrate"], "did you mean copy?"),
    (
        &["fsck", "check", "verify", "repair", "audit"],
        "did you mean doctor?",
    ),
    (
        &["status", "path", "where", "about", "env"],
        "did you mean info?",
    ),
    (
        &["ttl", "persist", "pin", "extend", "renew", "keep"],
        "did you mean touch?",
    ),
    (
        &["databases", "dbs", "tables", "namespaces"],
        "did you mean stores?",
    ),
    (
        &["refresh", "prefetch", "preload", "batch"],
        "did you mean warm?",
    ),
    (&["settings", "options"], "did you mean config?"),
];

/// Commands that remove something: a misspelt harmless one must not lead to them.
const DESTRUCTIVE: [&str; 3] = ["rm", "clear", "prune"];

/// Similarity from which a command is suggested if one letter is wrong, if more are, and if it
/// removes something.
const SIMILAR: [f64; 3] = [0.6, 0.7, 0.75];

/// Options of other tools, and what they are called here.
const OTHER_OPTIONS: &[(&str, &str)] = &[
    ("--since", "--newer-than"),
    ("--after", "--newer-than"),
    ("--before", "--older-than"),
    ("--until", "--older-than"),
    ("--min-size", "--larger-than"),
    ("--bigger-than", "--larger-than"),
    ("--max-results", "--limit"),
    ("--grep", "--value-contains"),
    ("--contains", "--value-contains"),
    ("--pattern", "--glob"),
    ("--file", "--value-file"),
    ("--from-file", "--value-file"),
    ("--expires", "--ttl"),
    ("--lifetime", "--ttl"),
    ("--expire", "--ttl"),
    ("--persist", "--policy"),
];

/// Returns what an option of other tools is called among those that a command has.
pub(super) fn option_instead_of(typed: &str, command: &Command) -> Option<&'static str> {
    let (_, instead) = OTHER_OPTIONS.iter().find(|(other, _)| *other == typed)?;
    let mut known = command.get_arguments().filter_map(Arg::get_long);
    known
        .any(|known| instead.strip_prefix("--") == Some(known))
        .then_some(*instead)
}

/// Reports whether an option or a value that clap finds similar may be meant: it is spelt much the
/// same, and does not select more than the typed one.
pub(super) fn may_be_meant(typed: &str, near: &str) -> bool {
    let [typed, near] = [typed, near].map(|word| word.trim_start_matches('-'));
    let is_beginning = typed.len() >= 3 && near.starts_with(typed) && !near.starts_with("all-");
    is_beginning || strsim::normalized_damerau_levenshtein(typed, near) >= SIMILAR[0]
}

/// Returns what to type in the place of an unknown command.
pub(super) fn instead_of(typed: &str, known: &[&str]) -> Option<String> {
    let typed = typed.to_lowercase();
    let other = OTHER_WORDS
        .iter()
        .find(|(words, _)| words.contains(&&*typed));
    if let Some((_, instead)) = other {
        return Some((*instead).to_owned());
    }
    let nearest = known
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&typed, name), *name))
        .filter(|(similarity, name)| {
            let is_one_off = strsim::damerau_levenshtein(&typed, name) == 1;
            let least = match is_one_off {
                _ if DESTRUCTIVE.contains(name) => SIMILAR[2],
                true => SIMILAR[0],
                false => SIMILAR[1],
            };
            *similarity >= least
        })
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    Some(format!("did you mean {}?", nearest.1))
}

/// Words that are meant as verbs of `stores`, the word that may be misspelt, and the verb.
const VERBS_OF_STORES: &[(&[&str], &str, &str)] = &[
    (&["list", "dir", "all"], "ls", "ls"),
    (
        &["view", "get", "info", "describe", "inspect"],
        "show",
        "show",
    ),
    (&["new", "add", "make", "init"], "create", "create"),
    (&["edit", "update", "change"], "set", "set"),
    (&["mv", "move"], "rename", "rename"),
    (
        &["remove", "delete", "del", "drop", "clear", "erase"],
        "remove",
        "rm",
    ),
];

/// Returns what to type for a word that reads like a verb of `stores`.
pub(crate) fn instead_of_verb(typed: &str) -> Option<String> {
    let typed = typed.to_lowercase();
    let mut verbs = VERBS_OF_STORES.iter();
    let (.., verb) = verbs.find(|(words, verb, _)| {
        let is_misspelt = strsim::damerau_levenshtein(&typed, verb) == 1;
        words.contains(&&*typed) || typed.len() > 2 && is_misspelt
    })?;
    Some(if *verb == "rm" {
        let rehearsal = own_command("stores rm STORE -n");
        format!("{rehearsal} says what removing it would remove")
    } else {
        format!("did you mean {}?", own_command(&format!("stores {verb}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 12] = [
        "get", "set", "run", "ls", "stores", "stats", "watch", "rm", "clear", "prune", "import",
        "export",
    ];

    #[test]
    fn a_harmless_word_never_leads_to_a_removal() {
        for harmless in [
            "search", "list", "limit", "du", "rename", "rn", "ram", "learn", "close", "claim", "l",
            "show",
        ] {
            let said = instead_of(harmless, &KNOWN).unwrap_or_default();
            for name in DESTRUCTIVE {
                assert!(
                    !said
                        .split_whitespace()
                        .any(|word| word.trim_end_matches('?') == name),
                    "{harmless}: {said}"
                );
            }
        }
    }

    #[test]
    fn words_of_other_tools_and_misspelt_ones_are_understood() {
        for (typed, said) in [
            (
                "delete",
                "rm removes keys, clear removes what a filter selects; both have -n",
            ),
            ("du", "did you mean stats?"),
            (
                "Search",
                "ls STORE --key 'PATTERN*' --glob finds keys, ls --value-contains TEXT values",
            ),
            ("rename", "did you mean stores rename?"),
            ("claer", "did you mean clear?"),
            ("exprot", "did you mean export?"),
            ("stat", "did you mean stats?"),
        ] {
            assert_eq!(instead_of(typed, &KNOWN).as_deref(), Some(said), "{typed}");
        }
        for other in ["xyzzy", "nosuch"] {
            let known = [&KNOWN[..], &["touch"]].concat();
            assert_eq!(instead_of(other, &known), None);
        }
    }

    #[test]
    fn an_option_is_suggested_if_it_is_spelt_much_the_same() {
        for (typed, near, is_meant) in [
            ("--expird", "--expired", true),
            ("--exp", "--expired", true),
            ("--all", "--all-collections", false),
            ("--all-collection", "--all-collections", true),
            ("--all", "--smaller-than", false),
            ("--persist", "--version", false),
            ("nope", "orphaned", false),
        ] {
            assert_eq!(may_be_meant(typed, near), is_meant, "{typed}");
        }
    }

    #[test]
    fn a_word_in_the_place_of_a_verb_of_stores_is_understood() {
        for (typed, said) in [
            ("lst", Some("did you mean ecache stores ls?")),
            ("List", Some("did you mean ecache stores ls?")),
            ("crate", Some("did you mean ecache stores create?")),
            (
                "remove",
                Some("ecache stores rm STORE -n says what removing it would remove"),
            ),
            ("thumbs", None),
            ("l", None),
        ] {
            assert_eq!(instead_of_verb(typed).as_deref(), said, "{typed}");
        }
    }

    #[test]
    fn no_word_means_two_things() {
        let mut words: Vec<&str> = OTHER_WORDS
            .iter()
            .flat_map(|(words, _)| *words)
            .copied()
            .collect();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
