//! Lines to type name the store that was named, and stored or typed text stays unchanged.

use super::support::{Session, run};

/// Runs a command line, and returns what it says.
fn said(session: &Session, words: &[&str]) -> String {
    let mut command = session.command([]);
    command.args(words);
    run(command, b"").stderr
}

#[test]
fn a_message_changes_no_word_of_the_data() {
    let session = Session::new();
    // Names that read like commands of this program.
    let key = "an ecache ls";
    session
        .run(["--db", "x.db", "set", "s", key, "v"])
        .succeeds();
    assert_eq!(
        said(&session, &["--db", "x.db", "rm", "s", "my ecache ls"]),
        "warning: there is no key \"my ecache ls\" in store s\n  tip: ecache --db x.db ls s lists its keys\n"
    );
    let ran = session.run(["--db", "x.db", "run", "--", "ecache undo"]);
    assert!(
        ran.stderr.contains("there is no program \"ecache undo\""),
        "{ran:?}"
    );
    // The command of an operation is as it was typed.
    session.run(["--db", "x.db", "rm", "s", key]).succeeds();
    let log = session.run(["--db", "x.db", "why", "s", key]);
    assert!(
        log.text()
            .contains("`ecache --db x.db rm s 'an ecache ls'`"),
        "{log:?}"
    );
}

#[test]
fn every_line_to_type_names_the_store() {
    let session = Session::new();
    session.run("--db x.db set s k v").succeeds();
    for (words, tip) in [
        // Behind an apostrophe, and beside the option itself.
        (
            &["--db", "x.db", "rm", "s", "it's no --db"][..],
            "ecache --db x.db ls s lists its keys",
        ),
        (
            &["--db", "x.db", "ls", "-n", "3"],
            "ecache --db x.db ls -L 3",
        ),
        (&["--db=x.db", "top", "--all"], "ecache --db x.db top -L 0"),
        (
            &["ls", "--db-file", "f", "--all"],
            "ecache --db-file f ls -L 0",
        ),
        (&["import", "--db", "x.db"], "ecache --db x.db import -"),
        (
            &["run", "--db", "x.db", "--timeout", "5", "--", "a"],
            "timeout 5 ecache --db x.db run …",
        ),
        (
            &["--db", "x.db", "stores", "--json", "show", "s"],
            "ecache --db x.db stores ls --format json",
        ),
        (
            &["--db", "x.db", "ls", "--fields", "xyz"],
            "ecache --db x.db ls --fields help lists them",
        ),
    ] {
        let said = said(&session, words);
        assert!(said.contains(tip), "{words:?}: {said}");
    }
}

#[test]
fn a_password_is_in_no_line() {
    let session = Session::new();
    let location = "mongodb://ann:secret@host/name";
    for words in [
        &["--db", location, "ls", "-n", "3"][..],
        &["--db", location, "run", "make"],
        &["key", "--db", location, "make"],
        &["--ttl", "1d", "--db", location, "run", "--", "make"],
        &["ls", location, location],
        &["--db", location, "ls"],
        &[&format!("--db={location}"), "ls", "--all"],
        &[&format!("--dbx={location}"), "ls"],
        &["get", "s", "-k", "--db", location],
    ] {
        let said = said(&session, words);
        assert!(!said.contains("secret"), "{words:?}: {said}");
        assert!(!said.is_empty(), "{words:?}");
    }
}
