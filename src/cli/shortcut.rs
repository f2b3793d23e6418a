//! The plainest form of the verb that loops are made of, read without building clap's parser, which takes a
//! fifth of the time of a hit.
//!
//! Only `get STORE KEY`, with the scopes and the store as separate words, is read here. Whatever else is
//! typed, and whatever is wrong, is clap's: a test holds the two against each other.

use std::ffi::OsString;
use std::path::PathBuf;

use super::entry::{CallArgs, EntryArgs, ScopeArgs};
use super::{Cli, Command, GetArgs, Global, ValueFormat};

/// Reads what follows the program's name, if it is the plain form.
///
/// `db` is the value of `ECACHE_DB`.
pub(crate) fn read(mut words: impl Iterator<Item = OsString>, db: Option<OsString>) -> Option<Cli> {
    // An empty word, and what begins with a hyphen where a name should be, clap has something to say about.
    let plain = |word: OsString| {
        let word = word.into_string().ok()?;
        (!word.is_empty() && !word.starts_with('-')).then_some(word)
    };
    if words.next()? != "get" {
        return None;
    }
    let (store, key) = (plain(words.next()?)?, plain(words.next()?)?);
    let mut scope = ScopeArgs::default();
    let mut path = None;
    while let Some(flag) = words.next() {
        let slot = match flag.to_str()? {
            "--dataset" => &mut scope.dataset,
            "--user" => &mut scope.user,
            "--operator" => &mut scope.operator,
            "--prompt" => &mut scope.prompt,
            "--db" => &mut path,
            _ => return None,
        };
        if slot.replace(plain(words.next()?)?).is_some() {
            return None;
        }
    }
    let db = match (path, db) {
        (Some(path), _) => Some(PathBuf::from(path)),
        (None, Some(db)) if db.is_empty() => return None,
        (None, db) => db.map(PathBuf::from),
    };
    Some(Cli {
        global: Global {
            db,
            db_file: None,
            collection: None,
            quiet: false,
            verbose: 0,
        },
        command: Command::Get(GetArgs {
            entry: EntryArgs {
                store,
                key: Some(key),
                call: CallArgs::default(),
                scope,
            },
            keys_from: None,
            format: ValueFormat::Raw,
        }),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// What the shortcut makes of a command line; it must be what clap makes of it.
    fn check(line: &[&str]) -> Option<Cli> {
        // What clap reads from the environment is the same for both.
        let db = std::env::var_os("ECACHE_DB");
        let short = read(line.iter().map(OsString::from), db)?;
        let long = Cli::try_parse_from([&["ecache"], line].concat());
        let long = long.unwrap_or_else(|error| panic!("clap refuses {line:?}: {error}"));
        assert_eq!(format!("{short:?}"), format!("{long:?}"), "{line:?}");
        Some(short)
    }

    #[test]
    fn reads_the_plain_form_as_clap_does() {
        for line in [
            &["get", "store", "key"][..],
            &["get", "store", "key", "--dataset", "6b03"],
            &[
                "get",
                "s",
                "k",
                "--user",
                "u",
                "--prompt",
                "p",
                "--operator",
                "@a/b",
            ],
            &["get", "s#v2", "ключ with spaces", "--db", "./a=b.db"],
        ] {
            assert!(check(line).is_some(), "{line:?}");
        }
    }

    #[test]
    fn whatever_it_reads_clap_reads_the_same() {
        let words = [
            "get",
            "set",
            "a",
            "",
            "-",
            "--",
            "-q",
            "-ax",
            "--db",
            "--dataset",
            "--user",
            "--dataset=d",
            "--data",
            "--format",
            "json",
            "--help",
            "--quiet",
            "=",
        ];
        let mut read = 0;
        for one in words {
            for two in words {
                for three in words {
                    read += usize::from(check(&["get", one, two]).is_some());
                    read += usize::from(check(&["get", "s", "k", one, two, three]).is_some());
                    check(&["get", "s", one, "--user", two, three]);
                    check(&[one, two, three, "k"]);
                }
            }
        }
        assert!(read > 100, "{read}");
    }

    #[test]
    fn takes_the_store_from_the_environment_as_clap_does() {
        let words = || ["get", "s", "k"].map(OsString::from).into_iter();
        let cli = read(words(), Some("x.db".into())).expect("the plain form");
        assert_eq!(cli.global.db, Some("x.db".into()));
        assert!(read(words(), Some("".into())).is_none());
    }
}
