//! `completions/`, `man/` and the reference in `docs/` match the output of the command, and shells
//! can read the scripts.
//!
//! `UPDATE=1 cargo test --test artifacts` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[path = "artifacts/reference.rs"]
mod reference;

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

const HOW: &str = "write them anew with `UPDATE=1 cargo test --test artifacts`";

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
    assert!(stale.is_empty(), "not what ecache prints: {stale:?}; {HOW}");
    Ok(())
}

#[test]
fn completions_are_current() -> io::Result<()> {
    let scripts = SCRIPTS.map(|(shell, name)| (name.to_owned(), script(shell)));
    assert_current("completions", &Files::from(scripts))
}

#[test]
fn manual_pages_and_the_reference_are_current() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    ecache([OsStr::new("man"), folder.path().as_os_str()]);
    let pages = files(folder.path())?;
    assert_current("man", &pages)?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let wanted = reference::reference(&pages);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &wanted)?;
    }
    assert!(
        fs::read_to_string(&path)? == wanted,
        "docs/reference.md is not current; {HOW}"
    );
    Ok(())
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
    let option = format!("--operator={operator}");
    let scope = [&*option, "-q", name, "key", "value"].map(OsStr::new);
    let run = |verb: &str, words: [&OsStr; 5]| {
        let command = [OsStr::new("--db"), db.as_os_str(), OsStr::new(verb)];
        ecache(command.into_iter().chain(words));
    };
    run("set", scope);
    // Two operations that can be undone.
    for ttl in ["1d", "2d"] {
        run("touch", ["--ttl", ttl, "-q", name, "key"].map(OsStr::new));
    }
    run(
        "limit",
        ["set", "-q", name, "--max-entries", "9"].map(OsStr::new),
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
            OsStr::new("--db"),
            db.as_os_str(),
            OsStr::new("--"),
            OsStr::new("get"),
            OsStr::new(""),
        ]);
        assert!(
            output.stdout == b"names\n" && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    assert_eq!(files(folder.path())?.len(), 1);
    Ok(())
}

/// Returns the manual pages as they are in the repository.
fn pages() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    files(&folder).expect("the manual pages")
}

#[test]
fn every_page_says_how_a_command_is_typed_and_how_it_ends() {
    for (name, page) in pages() {
        let page = String::from_utf8(page).expect("UTF-8");
        let sections: &[&str] = if name.ends_with(".1") {
            &[
                "SYNOPSIS",
                "EXAMPLES",
                "EXIT STATUS",
                "ENVIRONMENT",
                "SEE ALSO",
            ]
        } else {
            &["DESCRIPTION", "SEE ALSO"]
        };
        for section in sections {
            let is_there = page.contains(&format!(".SH {section}\n"))
                || page.contains(&format!(".SH \"{section}\"\n"));
            assert!(is_there, "{name} has no {section}");
        }
    }
}

#[test]
fn every_option_has_a_description_in_the_manual() {
    for (name, page) in pages() {
        let page = String::from_utf8(page).expect("UTF-8");
        let lines: Vec<&str> = page.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if *line == ".TP" {
                let [what, about] = [lines[number + 1], lines[number + 2]];
                assert!(
                    !about.is_empty() && !about.starts_with('.'),
                    "{name}: {what} has no description"
                );
            }
        }
    }
}

/// Lines with a word that is offered next: verbs of one command are called like other commands.
const VERBS: [(&str, &str); 14] = [
    ("ecache config set ", "run.ttl"),
    ("ecache config get ", "ls.limit"),
    ("ecache help ", "clear"),
    ("ecache help stores ", "rename"),
    ("ecache stores rename ", "thumbs"),
    ("ecache stores show ", "thumbs"),
    ("ecache limit rm ", "thumbs"),
    ("ecache edit ", "thumbs"),
    ("ecache config set color ", "never"),
    ("ecache ls --fields key,", "key,kind"),
    ("ecache stats --by store,", "store,user"),
    ("ecache undo ", "2"),
    ("ecache rm thumbs other ", "key"),
    ("ecache top ", "thumbs"),
];

/// Runs a script in a shell that may not be there, until it prints a line that is expected; returns
/// its last output. Names are given up after 80 ms, which a busy machine may exceed.
fn in_shell(
    shell: &str,
    db: &Path,
    lines: &str,
    is_expected: impl Fn(&str) -> bool,
) -> io::Result<Option<String>> {
    for _ in 0..10 {
        let printed = in_shell_once(shell, db, lines)?;
        let Some(text) = &printed else {
            return Ok(None);
        };
        if text.lines().any(&is_expected) {
            return Ok(printed);
        }
    }
    in_shell_once(shell, db, lines)
}

fn in_shell_once(shell: &str, db: &Path, lines: &str) -> io::Result<Option<String>> {
    let folder = Path::new(env!("CARGO_BIN_EXE_ecache")).with_file_name("");
    let path = std::env::var("PATH").unwrap_or_default();
    let home = tempfile::tempdir()?;
    let completions = home.path().join("completions");
    fs::write(&completions, script(shell))?;
    fs::write(home.path().join("dump.bson"), "")?;
    let mut command = Command::new(shell);
    match shell {
        "zsh" => command.args(["-f", "-c", lines, "zsh"]),
        _ => command.args(["-c", lines]),
    };
    let ran = command
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("HOME", home.path())
        .env("ECACHE_DB", db)
        .env("completions", &completions)
        .current_dir(home.path())
        .output();
    match ran {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        ran => Ok(Some(String::from_utf8_lossy(&ran?.stdout).into_owned())),
    }
}

#[test]
fn fish_offers_names_keys_files_and_programs() -> io::Result<()> {
    let (_folder, db) = store("thumbs", "@acme/stats")?;
    for (line, offered) in [
        ("ecache get ", "thumbs\t1 entry, 5 B"),
        ("ecache get thumbs ", "key"),
        ("ecache ls --operator @", "@acme/stats"),
        ("ecache ls --fields k", "kind"),
        ("ecache import ", "dump.bson"),
        ("ecache run -- ca", "cat"),
        ("ecache pr", "prune"),
    ]
    .into_iter()
    .chain(VERBS)
    {
        let script = format!("source $completions; complete -C '{line}'");
        let is_offered =
            |offer: &str| offer == offered || offer.split('\t').next() == Some(offered);
        let Some(offers) = in_shell("fish", &db, &script, is_offered)? else {
            return Ok(());
        };
        assert!(offers.lines().any(is_offered), "{line}: {offers}");
        assert!(
            !offers.lines().any(|offer| offer == "-"),
            "{line}: {offers}"
        );
    }
    Ok(())
}

#[test]
fn zsh_offers_names_and_keys_with_descriptions() -> io::Result<()> {
    let (_folder, db) = store("thumbs", "@acme/stats")?;
    for (words, offered) in [
        ("ecache get ''", "thumbs|thumbs  1 entry, 5 B"),
        ("ecache get thumbs ''", "key|key"),
        ("ecache ls --operator ''", "@acme/stats|@acme/stats"),
        ("ecache ls --fields ''", "kind|kind"),
        (
            "ecache config set ''",
            "run.ttl|run.ttl  keep a result this long",
        ),
        ("ecache help ''", "ls|ls  List entries"),
        ("ecache help stores ''", "show|show  Show a store in full"),
        ("ecache stores rename ''", "thumbs|thumbs  1 entry, 5 B"),
        ("ecache edit ''", "thumbs|thumbs  1 entry, 5 B"),
        ("ecache config set color ''", "never|never"),
        ("ecache rm thumbs other ''", "key|key"),
    ] {
        let script = format!(
            "compdef() {{ }}; source $completions; \
             _wanted() {{ local i; for ((i = 1; i <= $#names; i++)) print -r -- \"$names[i]|$about[i]\" }}; \
             words=({words}); CURRENT=$#words; PREFIX=''; _ecache_names"
        );
        let is_offered = |offer: &str| offer == offered;
        let Some(offers) = in_shell("zsh", &db, &script, is_offered)? else {
            return Ok(());
        };
        assert!(offers.lines().any(is_offered), "{words}: {offers}");
    }
    Ok(())
}

#[test]
fn bash_offers_files_where_files_are_meant_and_programs_after_the_dashes() -> io::Result<()> {
    let (_folder, db) = store("thumbs", "@acme/stats")?;
    let offers = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        let last = words.pop().unwrap_or_default();
        let offers = bash_offers(&db, line, &[words.as_slice(), &[last]].concat(), last);
        offers.map(|offers| offers.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(offers("ecache get thumbs ")?, ["key"]);
    assert_eq!(offers("ecache ls --fields kin")?, ["kind"]);
    for (line, offered) in VERBS {
        let offers = offers(line)?;
        assert!(
            offers.iter().any(|offer| offer == offered),
            "{line}: {offers:?}"
        );
        assert!(
            offered == "thumbs" || !offers.iter().any(|offer| offer == "thumbs"),
            "{line}"
        );
    }
    assert!(offers("ecache run -- ca")?.contains(&"cat".to_owned()));
    // Nothing of ours, so that bash completes a file; and no placeholder is ever inserted.
    assert_eq!(offers("ecache import ")?, [""]);
    assert_eq!(offers("ecache run --file Car")?, [""]);
    for line in [
        "ecache ",
        "ecache completions ",
        "ecache clear thumbs ",
        "ecache undo ",
    ] {
        for offer in offers(line)? {
            assert!(!offer.starts_with(['-', '<', '[']), "{line}: {offer}");
        }
    }
    assert!(offers("ecache ls --exp")?.contains(&"--expired".to_owned()));
    Ok(())
}
