//! The plainest forms of the verbs that loops are made of, read without building clap's parser,
//! which takes a fifth of the time of a hit.
//!
//! Only `get STORE KEY`, `set STORE KEY VALUE` and `run -- COMMAND`, with a few options as separate
//! words, are read here. Whatever else is typed or set, and whatever is wrong, is clap's: a test
//! holds the two against each other.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;
use ecache_core::value::Kind;

use super::entry::{CallArgs, CommandArgs, EntryArgs, ScopeArgs, StdinChoice, variable_name};
use super::value::parse_ttl_change;
use super::{Cli, Command, GetArgs, Global, RunArgs, SetArgs, ValueFormat};
use crate::units::parse_lifetime;

/// Parses the words after the program's name, if they have a plain form.
pub(crate) fn read(mut words: impl Iterator<Item = OsString>) -> Option<Cli> {
    let (mut path, mut quiet) = (None, false);
    let command = match words.next()?.to_str()? {
        "get" => get(words, &mut path)?,
        "set" => set(words, &mut path, &mut quiet)?,
        "run" => run(words, &mut path)?,
        _ => return None,
    };
    Some(Cli {
        global: Global {
            no_config: false,
            no_pager: false,
            db: path.map(PathBuf::from),
            db_file: None,
            collection: Vec::new(),
            all_collections: false,
            durable: false,
            color: None,
            time: None,
            quiet,
            verbose: 0,
        },
        command,
    })
}

fn get(mut words: impl Iterator<Item = OsString>, path: &mut Option<String>) -> Option<Command> {
    let (store, key) = (plain(words.next())?, plain(words.next())?);
    let mut scope = ScopeArgs::default();
    while let Some(flag) = words.next() {
        let slot = common(flag.to_str()?, &mut scope, path)?;
        once(slot, plain(words.next())?)?;
    }
    Some(Command::Get(GetArgs {
        entry: EntryArgs {
            store: Some(store),
            key: Some(key),
            call: CallArgs::default(),
            scope,
        },
        command: CommandArgs::default(),
        keys_from: None,
        null: false,
        entries_from: None,
        format: ValueFormat::Raw,
        json: false,
    }))
}

fn set(
    words: impl Iterator<Item = OsString>,
    path: &mut Option<String>,
    quiet: &mut bool,
) -> Option<Command> {
    let mut words = words.peekable();
    let (store, key) = (plain(words.next())?, plain(words.next())?);
    let value = words.next_if(|word| !word.as_encoded_bytes().starts_with(b"-"));
    let mut args = SetArgs {
        store,
        first: Some(key),
        second: match value {
            Some(value) => Some(plain(Some(value))?),
            None => None,
        },
        value_file: None,
        call: CallArgs::default(),
        kind: Kind::Text,
        ttl: None,
        policy: None,
        if_absent: false,
        if_value: None,
        scope: ScopeArgs::default(),
    };
    let mut kind = None;
    while let Some(flag) = words.next() {
        match flag.to_str()? {
            "--quiet" if !*quiet => *quiet = true,
            "--if-absent" if !args.if_absent => args.if_absent = true,
            "--ttl" => once(&mut args.ttl, parse_ttl_change(&plain(words.next())?).ok()?)?,
            "--type" => {
                let typed = Kind::from_str(&plain(words.next())?, false).ok()?;
                once(&mut kind, typed)?;
            }
            flag => {
                let slot = common(flag, &mut args.scope, path)?;
                once(slot, plain(words.next())?)?;
            }
        }
    }
    args.kind = kind.unwrap_or(args.kind);
    Some(Command::Set(args))
}

fn run(mut words: impl Iterator<Item = OsString>, path: &mut Option<String>) -> Option<Command> {
    let mut args = RunArgs::default();
    let mut stdin = None;
    loop {
        let word = words.next()?;
        let flag = word.to_str()?;
        match flag {
            "--" => break,
            "--cwd" if !args.identity.surroundings.cwd => args.identity.surroundings.cwd = true,
            "--no-failures" if !args.keep.failures.no_failures => {
                args.keep.failures.no_failures = true;
            }
            "--env" => {
                let name = variable_name(&plain(words.next())?).ok()?;
                args.identity.surroundings.env.push(name);
            }
            "--file" => args
                .identity
                .surroundings
                .file
                .push(plain(words.next())?.into()),
            "--store" => once(&mut args.store, plain(words.next())?)?,
            "--ttl" => {
                let ttl = parse_lifetime(&plain(words.next())?).ok()?;
                once(&mut args.keep.ttl, ttl)?;
            }
            "--stdin" => {
                let how = StdinChoice::from_str(&plain(words.next())?, false).ok()?;
                once(&mut stdin, how)?;
            }
            _ => {
                let slot = common(flag, &mut args.scope, path)?;
                once(slot, plain(words.next())?)?;
            }
        }
    }
    args.identity.stdin = stdin.unwrap_or_default();
    args.command = words.collect();
    (!args.command.is_empty()).then_some(Command::Run(args))
}

/// Returns the place for the value of an option that all commands have.
fn common<'a>(
    flag: &str,
    scope: &'a mut ScopeArgs,
    path: &'a mut Option<String>,
) -> Option<&'a mut Option<String>> {
    match flag {
        "--dataset" => Some(&mut scope.dataset),
        "--user" => Some(&mut scope.user),
        "--operator" => Some(&mut scope.operator),
        "--prompt" => Some(&mut scope.prompt),
        "--db" => Some(path),
        _ => None,
    }
}

/// Returns a word that is a name or a value. Leaves an empty word, and one that begins with a
/// hyphen, to clap.
fn plain(word: Option<OsString>) -> Option<String> {
    let word = word?.into_string().ok()?;
    (!word.is_empty() && !word.starts_with('-')).then_some(word)
}

/// Sets a value; `None` if it was set before.
fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    match slot.replace(value) {
        Some(_) => None,
        None => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// Reads a command line with the shortcut, and asserts that clap reads it alike.
    fn check(line: &[&str]) -> Option<Cli> {
        let short = read(line.iter().map(OsString::from))?;
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
            &["set", "s", "k", "a value"],
            &["set", "s", "k", "--type", "bytes", "--ttl", "1d"],
            &[
                "set",
                "s",
                "k",
                "v",
                "--if-absent",
                "--quiet",
                "--user",
                "u",
                "--db",
                "x",
            ],
            &["run", "--", "true"],
            &["run", "--ttl", "10m", "--", "curl", "-s", "", "--", "--ttl"],
            &[
                "run", "--ttl", "boot", "--cwd", "--stdin", "none", "--", "git", "log",
            ],
            &[
                "run", "--env", "A", "--file", "a", "--env", "B", "--file", "*.c", "--", "cc",
            ],
            &[
                "run",
                "--no-failures",
                "--store",
                "s",
                "--user",
                "u",
                "--db",
                "x",
                "--",
                "-x",
            ],
        ] {
            assert!(check(line).is_some(), "{line:?}");
        }
    }

    #[test]
    fn its_reading_is_that_of_clap() {
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
    fn its_reading_of_set_is_that_of_clap() {
        let words = [
            "s",
            "",
            "-",
            "--",
            "1d",
            "none",
            "json",
            "-q",
            "-5",
            "--ttl",
            "--type",
            "--quiet",
            "--if-absent",
            "--if-value",
            "--policy",
            "--user",
            "--db",
            "--help",
        ];
        let mut read = 0;
        for one in words {
            for two in words {
                for three in words {
                    read += usize::from(check(&["set", one, two, three]).is_some());
                    read += usize::from(check(&["set", "s", "k", one, two, three]).is_some());
                    check(&["set", "s", "k", "v", one, two, three, "1d"]);
                    check(&["set", "s", "k", "--ttl", one, two, three]);
                }
            }
        }
        assert!(read > 100, "{read}");
    }

    #[test]
    fn its_reading_of_run_is_that_of_clap() {
        let words = [
            "run",
            "--",
            "a",
            "",
            "-",
            "10m",
            "none",
            "A=b",
            "session",
            "--ttl",
            "--stdin",
            "--cwd",
            "--env",
            "--store",
            "--no-failures",
            "--refresh",
            "--db",
            "--help",
            "-v",
        ];
        let mut read = 0;
        for one in words {
            for two in words {
                for three in words {
                    read += usize::from(check(&["run", one, two, three]).is_some());
                    read += usize::from(check(&["run", one, two, three, "--", "a"]).is_some());
                    check(&["run", one, two, three, "10m", "--", "a", "-v"]);
                    check(&["run", "--ttl", "1s", one, two, three]);
                }
            }
        }
        assert!(read > 100, "{read}");
    }
}
