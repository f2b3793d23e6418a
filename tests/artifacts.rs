//! `completions/` and `man/` match the output of the command, and shells can read the scripts.
//!
//! `UPDATE=1 cargo test --test artifacts` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// File names as shells and packagers expect them.
const SCRIPTS: [(&str, &str); 5] = [
    ("bash", "ecache.bash"),
    ("elvish", "ecache.elv"),
    ("fish", "ecache.fish"),
    ("powershell", "_ecache.ps1"),
    ("zsh", "_ecache"),
];

type Files = BTreeMap<String, Vec<u8>>;

/// Runs the command with an empty environment, since variables could change its output.
fn ecache(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecache"));
    command.env_clear().args(arguments);
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{output:?}");
    output
}

fn script(shell: &str) -> Vec<u8> {
    ecache(["completions", shell]).stdout
}

fn files(folder: &Path) -> io::Result<Files> {
    let read = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Ok((name, fs::read(entry.path())?))
    };
    fs::read_dir(folder)?.map(read).collect()
}

/// Compares a folder of the repository with the wanted files, or writes them with `UPDATE` set.
fn assert_current(folder: &str, wanted: &Files) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("UPDATE").is_some() {
        // There is nothing to remove the first time.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)?;
        for (name, text) in wanted {
            fs::write(path.join(name), text)?;
        }
    }
    let found = files(&path).unwrap_or_default();
    let names = found.keys().chain(wanted.keys());
    let stale: BTreeSet<PathBuf> = names
        .filter(|name| found.get(*name) != wanted.get(*name))
        .map(|name| Path::new(folder).join(name))
        .collect();
    assert!(
        stale.is_empty(),
        "not what ecache prints: {stale:?}; write them anew with `UPDATE=1 cargo test --test artifacts`"
    );
    Ok(())
}

#[test]
fn completions_are_current() -> io::Result<()> {
    let scripts = SCRIPTS.map(|(shell, name)| (name.to_owned(), script(shell)));
    assert_current("completions", &Files::from(scripts))
}

#[test]
fn manual_pages_are_current() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    ecache([OsStr::new("man"), folder.path().as_os_str()]);
    assert_current("man", &files(folder.path())?)
}

#[test]
fn hidden_commands_are_not_offered() {
    for (shell, _) in SCRIPTS {
        let script = String::from_utf8(script(shell)).unwrap();
        assert!(!script.contains("Print the names"), "{shell}");
        assert!(!script.contains("ecache__subcmd__names"), "{shell}");
    }
}

#[test]
fn scripts_parse_in_the_shells_that_are_here() -> io::Result<()> {
    for shell in ["bash", "zsh", "fish"] {
        let mut parser = match Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && shell != "bash" => continue,
            parser => parser?,
        };
        let mut stdin = parser.stdin.take().unwrap();
        stdin.write_all(&script(shell))?;
        drop(stdin);
        assert!(parser.wait()?.success(), "{shell} cannot read its script");
    }
    Ok(())
}

/// Creates a store with one entry, in a folder of its own.
fn store(name: &str, operator: &str) -> io::Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let db = folder.path().join("store.db");
    let scope = ["--operator", operator, "--", name, "key", "value"].map(OsStr::new);
    ecache(
        [OsStr::new("--db"), db.as_os_str(), OsStr::new("set")]
            .into_iter()
            .chain(scope),
    );
    Ok((folder, db))
}

/// Returns bash's completions for a line, given its words, and the word they replace.
fn bash_offers(db: &Path, line: &str, words: &[&str], replaced: &str) -> io::Result<String> {
    let session = r#"
        source /dev/stdin
        COMP_LINE="$1" COMP_POINT=${#1} replaced="$2"
        shift 2
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _ecache_with_names ecache "$replaced" "${@: -2:1}" 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let folder = Path::new(env!("CARGO_BIN_EXE_ecache")).with_file_name("");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("bash")
        .args(["--norc", "-c", session, "bash", line, replaced])
        .args(words)
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("ECACHE_DB", db)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = shell.stdin.take().expect("it is piped");
    stdin.write_all(&script("bash"))?;
    drop(stdin);
    let output = shell.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn bash_offers_the_names_in_the_store() -> io::Result<()> {
    let (_folder, db) = store("my store:a#1", "@acme/stats")?;
    for (line, words, replaced, offers) in [
        (
            "ecache get ",
            vec!["ecache", "get", ""],
            "",
            "my\\ store:a#1",
        ),
        (
            "ecache get 'my",
            vec!["ecache", "get", "'my"],
            "my",
            "my store:a#1",
        ),
        (
            "ecache ls --store my\\ store:a",
            vec!["ecache", "ls", "--store", "my\\ store", ":", "a"],
            "a",
            "a#1",
        ),
        (
            "ecache ls --operator=@ac",
            vec!["ecache", "ls", "--operator", "=", "@", "ac"],
            "@ac",
            "@acme/stats",
        ),
        (
            "ecache ls --expired",
            vec!["ecache", "ls", "--expired"],
            "--expired",
            "--expired",
        ),
    ] {
        assert_eq!(
            bash_offers(&db, line, &words, replaced)?,
            format!("{offers}\n"),
            "{line}"
        );
    }
    Ok(())
}

#[test]
fn names_are_silent_and_create_nothing_where_there_is_no_store() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let missing = folder.path().join("missing/store.db");
    let foreign = folder.path().join("foreign");
    fs::write(&foreign, "not a store")?;
    for db in [&missing, &foreign] {
        let output = ecache([
            OsStr::new("names"),
            OsStr::new("store"),
            OsStr::new("--db"),
            db.as_os_str(),
        ]);
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    assert_eq!(files(folder.path())?.len(), 1);
    Ok(())
}
