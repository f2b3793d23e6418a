//! What tells one run from another.

use super::*;

#[test]
fn what_it_reads_is_part_of_what_it_is() {
    let session = Session::new();
    let cat = |input: &[u8]| session.run_with_input("run -- cat", input);
    cat(b"one").prints("one");
    cat(b"two").prints("two");
    cat(b"one").prints("one");
    cat(b"").prints("");
    assert_eq!(
        session
            .run("ls --store cat --fields key")
            .text()
            .lines()
            .count(),
        3
    );
    let big = vec![b'x'; 3 << 20];
    assert!(cat(&big).stdout == big);
    assert!(cat(&big).stdout == big);
    // Said to make no difference, the first answer stands.
    session
        .run_with_input("run --stdin ignore -- cat", b"three")
        .prints("three");
    session
        .run_with_input("run --stdin ignore -- cat", b"four")
        .prints("three");
    session
        .run_with_input("run --stdin none -- cat", b"five")
        .prints("three");
}

#[test]
fn whatever_makes_a_difference_is_told_apart() {
    let session = Session::new().with("LANGUAGE", "eo");
    let key = |options: &str| {
        let ran = session.run(&format!("key --stdin none {options} -- cat a"));
        ran.succeeds().text().to_owned()
    };
    std::fs::write(session.path("a"), "1").expect("a file");
    let (plain, cwd, env, file) = (
        key(""),
        key("--cwd"),
        key("--env LANGUAGE"),
        key("--file a"),
    );
    std::fs::write(session.path("a"), "2").expect("a file");
    assert_ne!(file, key("--file a"));
    assert_eq!(plain, key(""));
    let all = [
        &plain,
        &cwd,
        &env,
        &file,
        &key("--env UNSET"),
        &key("--user ann"),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());

    session
        .run("run --stdin none --file a -- cat a")
        .prints("2");
    assert_eq!(session.run("ls --fields key").text(), key("--file a"));
    session.run("run --file missing -- cat a").ends(
        125,
        "ecache: cannot read missing: No such file or directory (os error 2)\n",
    );
    // Only the hash of a value is kept.
    session
        .run("run --stdin none --env LANGUAGE -- true")
        .prints("");
    let listed = session.run("ls --fields args --store true").succeeds();
    assert!(listed.text().contains(r#""LANGUAGE": ""#) && !listed.text().contains("\"eo\""));
}

#[test]
fn a_program_that_was_replaced_is_run() {
    let session = Session::new();
    let program = session.path("tool");
    let install = |text: &str| {
        std::fs::write(&program, format!("#!/bin/sh\necho {text}\n")).expect("a file");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("a mode");
    };
    install("1");
    session.run("run -- ./tool").prints("1\n");
    install("two");
    session.run("run -- ./tool").prints("two\n");
}

#[test]
fn arguments_that_are_no_text_are_told_apart() {
    let session = Session::new();
    let printf = |argument: &[u8]| {
        let mut command = session.command("run --stdin none -- printf %s");
        command.arg(OsStr::from_bytes(argument));
        run(command, b"")
    };
    printf(b"\xff").prints(b"\xff");
    printf(b"\xfe").prints(b"\xfe");
    printf("\u{fffd}".as_bytes()).prints("\u{fffd}");
    printf(b"\xff").prints(b"\xff");
}

#[test]
fn folders_and_patterns_are_what_is_in_them() {
    let session = Session::new();
    session
        .shell("mkdir -p src/deep; echo 1 > src/a.c; echo 2 > src/deep/b.c; echo 3 > src/c.txt")
        .succeeds();
    let key = |file: &str| {
        let ran = session.run(["key", "--stdin", "none", "--file", file, "--", "true"]);
        ran.succeeds().text().to_owned()
    };
    let all = || ["src", "src/*.c", "src/**/*.c"].map(key);
    let before = all();
    std::fs::write(session.path("src/c.txt"), "4").expect("a file");
    let after = all();
    assert_eq!(
        [0, 1, 2].map(|index| before[index] == after[index]),
        [false, true, true]
    );
    std::fs::write(session.path("src/deep/b.c"), "5").expect("a file");
    let last = all();
    assert_eq!(
        [0, 1, 2].map(|index| last[index] == after[index]),
        [false, true, false]
    );
    session.run("run --file src/*.py -- true").ends(
        125,
        "ecache: cannot read src/*.py: no file matches this pattern\n",
    );
}
