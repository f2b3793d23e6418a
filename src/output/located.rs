//! Commands in messages and tips, which are for the store that was named on the command line.

use std::borrow::Cow;
use std::sync::OnceLock;

/// The option that names the store, as it was typed.
static OPTION: OnceLock<String> = OnceLock::new();

/// Commands that work on the store.
const OF_A_STORE: [&str; 24] = [
    "browse", "clear", "doctor", "edit", "export", "get", "has", "import", "info", "limit", "log",
    "ls", "prune", "rm", "run", "set", "show", "stats", "stores", "top", "touch", "undo", "warm",
    "why",
];

/// Commands that work on it where `@` stands for it.
const OF_TWO_STORES: [&str; 2] = ["copy", "diff"];

/// Sets the option that names the store in the commands of tips, as in `--db x.db`. The first one
/// stays.
pub(crate) fn locate_tips(option: String) {
    // One process works for one command line.
    let _ = OPTION.set(option);
}

/// Returns a text whose commands name the store that was typed, so that they can be pasted.
pub(crate) fn located(tip: &str) -> Cow<'_, str> {
    match OPTION.get() {
        Some(option) => with_option(tip, option),
        None => Cow::Borrowed(tip),
    }
}

fn with_option<'a>(tip: &'a str, option: &str) -> Cow<'a, str> {
    const PROGRAM: &str = "ecache ";
    if tip.contains(" --db") {
        return Cow::Borrowed(tip);
    }
    let mut located = String::new();
    let mut written = 0;
    for (at, _) in tip.match_indices(PROGRAM) {
        let (before, rest) = (&tip[..at], &tip[at + PROGRAM.len()..]);
        // A quoted line is another program's.
        let is_quoted = before.matches('\'').count() % 2 == 1;
        let is_word = before.is_empty() || before.ends_with([' ', '`']);
        let mut words = rest.split(|c: char| c.is_whitespace() || ",;:?".contains(c));
        let verb = words.next().unwrap_or_default();
        let is_of_two = OF_TWO_STORES.contains(&verb) && words.any(|word| word == "@");
        let is_of_store = OF_A_STORE.contains(&verb) || is_of_two;
        let is_help = rest[verb.len()..].starts_with(" -h ");
        if is_quoted || !is_word || !is_of_store || is_help {
            continue;
        }
        located.push_str(&tip[written..at]);
        located.push_str(PROGRAM);
        located.push_str(option);
        located.push(' ');
        written = at + PROGRAM.len();
    }
    if written == 0 {
        return Cow::Borrowed(tip);
    }
    located.push_str(&tip[written..]);
    Cow::Owned(located)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_a_tip_name_the_store() {
        for (tip, located) in [
            (
                "ecache undo takes this back",
                "ecache --db x.db undo takes this back",
            ),
            (
                "ecache ls, ecache stats; ecache copy @ b.db first",
                "ecache --db x.db ls, ecache --db x.db stats; ecache --db x.db copy @ b.db first",
            ),
            ("ecache copy a.db b.db", "ecache copy a.db b.db"),
            (
                "ecache ls -h lists what it takes",
                "ecache ls -h lists what it takes",
            ),
            ("ecache help lists them all", "ecache help lists them all"),
            (
                "for a shell line: ecache run -- sh -c 'ecache ls | wc'",
                "for a shell line: ecache --db x.db run -- sh -c 'ecache ls | wc'",
            ),
            ("ecache prune --db y.db", "ecache prune --db y.db"),
            ("my-ecache ls", "my-ecache ls"),
        ] {
            assert_eq!(with_option(tip, "--db x.db"), located);
        }
    }
}
