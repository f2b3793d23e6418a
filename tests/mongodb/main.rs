//! `ecache` on a database of FiftyOne, with a real server and a real FiftyOne.
//!
//! `tests/mongodb/with cargo test --features mongodb -- --ignored` starts the one and installs the
//! other. Without them these tests fail; they do not pass by being skipped.

#![cfg(feature = "mongodb")]

#[path = "../support/mod.rs"]
mod support;

mod confirmation;
mod copies;
mod doctor;
mod fiftyone;
mod jobs;
mod servers;
mod write_concern;

use std::path::Path;

use support::Session;

const REASON: &str = "tests/mongodb/with names a server";

/// Returns the servers, and the options of their location.
fn server() -> (String, String) {
    let server = std::env::var("ECACHE_TEST_MONGODB").expect(REASON);
    let (hosts, options) = server
        .split_once("/?")
        .unwrap_or((server.trim_end_matches('/'), ""));
    (hosts.to_owned(), options.to_owned())
}

/// Returns the location of a database that no other test uses.
fn location(database: &str) -> String {
    let (hosts, options) = server();
    format!("{hosts}/{database}-{}?{options}", std::process::id())
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_dump_of_fiftyones_goes_through_the_database_to_the_byte() {
    let session = Session::new().with("ECACHE_DB", &location("dump"));
    let dump =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fiftyone/execution_store.bson");
    let dump = dump.to_str().expect("a plain name");
    session
        .run(["import", dump])
        .notes("imported 52 entries (52 new, 0 replaced) and the metadata of 1 store\n");
    let file = Session::new();
    file.run(["import", dump]).succeeds();
    let lines = |session: &Session| {
        let exported = session.run("export").succeeds();
        let mut lines: Vec<String> = exported.text().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&session), lines(&file));
    assert_eq!(lines(&session).len(), 53);
    for clear in [
        "clear --all --policy any --dry-run",
        "clear --all --policy any",
    ] {
        let here = session.run(clear).succeeds();
        assert_eq!(here.stderr, file.run(clear).succeeds().stderr);
    }
    session.run("ls").prints("");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn removals_are_logged_and_stay_removals() {
    let url = location("log");
    let session = Session::new().with("ECACHE_DB", &url);
    let nothing = session.run("undo").stderr;
    let told = "there is nothing to undo: no operation is logged";
    assert!(nothing.contains(told), "{nothing}");
    for key in ["k", "l", "m"] {
        session.run(["set", "s", key, "v"]).succeeds();
    }
    session.run("rm s k").succeeds();
    session.run("clear --key l").succeeds();
    session.run("clear --user bob").succeeds();
    let logged = session.run("log --format jsonl").succeeds();
    let lines: Vec<&str> = logged.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for part in [
        r#""op":1"#,
        r#""command":"rm s k""#,
        r#""did":"removed","entries":1"#,
        r#""undoable":false"#,
    ] {
        assert!(lines[1].contains(part), "{} without {part}", lines[1]);
    }
    session.run("set other k v").succeeds();
    session.run("rm other k").succeeds();
    // By the stores that it changed, whatever was typed.
    let operations = |log: &str| {
        let logged = session.run(log).succeeds();
        logged
            .text()
            .lines()
            .map(|line| line.split('\t').next().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(operations("log s"), ["2", "1"]);
    assert_eq!(operations("log other"), ["3"]);
    assert_eq!(operations("log k"), [""; 0]);
    for (undo, operation) in [("undo 2", "op 2, clear"), ("undo 1 -n", "op 1, rm s k")] {
        let ran = session.run(undo);
        let told = &ran.stderr;
        assert_eq!(ran.code, 1, "{told}");
        assert!(told.contains(operation), "{told}");
        assert!(told.contains("cannot be taken back"), "{told}");
        assert!(
            told.contains("ecache copy @ backup.db keeps a copy"),
            "{told}"
        );
    }
    session.run("ls --fields key").prints("m\n");
    // The way that is named.
    session.run("copy @ backup.db").succeeds();
    session.run("clear --all").succeeds();
    session.run(["copy", "backup.db", &url]).succeeds();
    session.run("get s m").prints("v");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn an_import_is_rehearsed_on_what_the_database_has() {
    let session = Session::new().with("ECACHE_DB", &location("rehearse"));
    session.run("set s k v").succeeds();
    let exported = session.run("export -o entries").succeeds();
    assert_eq!(exported.text(), "");
    let new = "1 entry (0 new, 1 replaced)";
    for (dry, verb) in [(" -n", "would import"), ("", "imported")] {
        let ran = session.run(&format!("import entries{dry}"));
        let told = ran.succeeds().stderr;
        assert!(told.starts_with(&format!("{verb} {new}")), "{told}");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn calls_that_only_read_the_database_are_counted() {
    let session = Session::new().with("ECACHE_DB", &location("readonly"));
    for _ in 0..2 {
        let ran = session.shell("ECACHE=readonly ecache run -- true");
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let counted = session.run("stats --format jsonl").succeeds();
    assert!(counted.text().contains(r#""bypasses":2"#), "{counted:?}");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_command_is_replayed_from_the_database() {
    let session = Session::new().with("ECACHE_DB", &location("run"));
    let run = "run -- sh -c 'echo out; echo err >&2; echo ran >> ran; exit 3'";
    for _ in 0..2 {
        let ran = session.shell(&format!("ecache {run}"));
        assert_eq!((ran.code, ran.text()), (3, "out\n"));
    }
    let ran = std::fs::read_to_string(session.path("ran")).expect("it ran");
    assert_eq!(ran, "ran\n", "once");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_password_is_read_from_private_places_and_never_shown() {
    let session = Session::new();
    let (hosts, _) = server();
    let hosts = hosts.trim_start_matches("mongodb://");
    let location = format!("mongodb://ann:open-sesame@{hosts}/x?authSource=admin");
    let typed = session.run(["ls", "--db", &location]);
    assert_eq!(typed.code, 2);
    std::fs::write(session.path("location"), format!("{location}\n")).expect("a file");
    let denied = session.run("ls --db-file location");
    assert_eq!(denied.code, 5, "there is no such user");
    let warning = "warning: other users can read the password in location\n";
    assert!(denied.stderr.contains(warning), "{}", denied.stderr);
    let ran = session.run("run --db-file location -- echo out").succeeds();
    assert_eq!(ran.text(), "out\n");
    assert!(!ran.stderr.contains(warning), "{}", ran.stderr);
    session.shell("chmod go= location").succeeds();
    let denied = session.run("ls --db-file location");
    assert!(!denied.stderr.contains("warning"), "{}", denied.stderr);
    // A pipe can be read only once.
    let piped = session.shell("bash -c 'ecache ls --db-file <(cat location)'");
    assert_eq!(piped.code, 5, "{}", piped.stderr);
    let info = session.run("info --db-file location");
    let malformed = "mongodb://ann:open-sesame@127.0.0.1:port/x";
    let malformed = Session::new().with("ECACHE_DB", malformed).run("ls");
    assert_eq!(malformed.code, 2);
    let away = "mongodb://ann:open-sesame@127.0.0.1:1/x?serverSelectionTimeoutMS=100";
    let away = Session::new().with("ECACHE_DB", away).run("ls");
    assert_eq!(away.code, 3);
    for ran in [typed, denied, info, malformed, away] {
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert!(!said.contains("sesame"), "{said}");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn entries_whose_keys_begin_with_a_hyphen_go_by_them() {
    let session = Session::new().with("ECACHE_DB", &location("hyphens"));
    support::goes_by_names_with_hyphens(&session);
}
