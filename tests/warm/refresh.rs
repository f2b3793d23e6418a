//! `warm --refresh` without a command: recorded commands, again.

use super::*;

fn record(session: &Session, options: &str, line: &str) {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    command.arg(line);
    run(command, b"").succeeds();
}

#[test]
fn is_as_it_was_and_lasts_as_long() {
    let session = Session::new();
    record(
        &session,
        "--ttl 1h --user ann --cwd --store old",
        "echo run >> ran; pwd; printf '%s' \"$PWD\"",
    );
    record(&session, "--ttl 2h --store old", "echo run >> ran");
    let before = session
        .run("ls --store old --format jsonl --fields key,user_id")
        .succeeds();
    std::fs::create_dir(session.path("elsewhere")).expect("a folder");
    session.set_clock("2026-11-23T07:25:00.000Z");
    let mut command = session.command("warm --refresh --store old --expiring-within 10m");
    command.current_dir(session.path("elsewhere"));
    run(command, b"").notes("ecache: 1 ran, 0 fresh\n");
    assert_eq!(runs(&session), 3);
    let after = session
        .run("ls --store old --format jsonl --fields key,user_id")
        .succeeds();
    assert_eq!(after.text(), before.text());
    let expiries = session.run("ls --store old --fields expires_at").succeeds();
    assert_eq!(
        expiries.text(),
        "2026-11-23T08:25:00.000Z\n2026-11-23T08:32:51.000Z\n"
    );
    let home = session.home().display();
    let key = session
        .run("ls --store old --user ann --fields key")
        .succeeds();
    session
        .run(["get", "old", key.text().trim()])
        .prints(format!("{home}\n{home}"));
    // A lifetime that is asked for is another.
    session
        .run("warm --refresh --store old --user ann --ttl none -q")
        .notes("");
    let expiry = session
        .run("ls --store old --user ann --fields expires_at")
        .succeeds();
    assert_eq!(expiry.text(), "\n");
}

#[test]
fn commands_that_would_be_another_one_are_left_out_and_named() {
    let session = Session::new().with("LANG", "C");
    session
        .run_with_input("run -- cat", b"input")
        .prints("input");
    session
        .run("run --stdin none --env LANG -- echo lang")
        .prints("lang\n");
    session.run("set other key value --ttl 1h").notes("");
    session.run("warm --refresh --all").ends(
        0,
        "ecache: cat was left out: it read its standard input, which is not kept\necache: 1 ran, 0 fresh, 1 left out\n",
    );
    let changed = Session::new().with("LANG", "de");
    let db = session.store();
    changed.run(["warm", "--refresh", "--store", "echo", "--db", db.to_str().expect("a path")]).ends(
        0,
        "ecache: echo lang was left out: the variable LANG had another value\necache: 0 ran, 0 fresh, 1 left out\n",
    );
}

#[test]
fn a_program_that_changed_makes_a_new_entry() {
    let session = Session::new();
    let tool = session.path("tool");
    let write = |text: &str| {
        std::fs::write(&tool, text).expect("a file");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    };
    write("#!/bin/sh\necho one\n");
    session.run("run --stdin none -- ./tool").prints("one\n");
    write("#!/bin/sh\necho another\n");
    session
        .run("warm --refresh --store tool")
        .notes("ecache: 1 ran, 0 fresh\n");
    session
        .run("run --stdin none --no-exec -- ./tool")
        .prints("another\n");
    assert_eq!(
        session
            .run("ls --store tool --fields key")
            .succeeds()
            .text()
            .lines()
            .count(),
        2
    );
}

#[test]
fn a_failure_leaves_the_old_result_if_failures_are_not_kept() {
    let session = Session::new();
    record(&session, "", "test ! -e broken && echo good");
    std::fs::write(session.path("broken"), "").expect("a file");
    let ran = session.run("warm --refresh --store sh --no-failures");
    assert_eq!(ran.code, 1, "{ran:?}");
    let mut command = session.command("run --stdin none --no-exec -- sh -c");
    command.arg("test ! -e broken && echo good");
    run(command, b"").prints("good\n");
}

#[test]
fn a_dry_run_lists_the_commands_in_their_order() {
    let session = Session::new();
    record(&session, "--ttl 1h", "sleep 3; echo run >> ran");
    record(&session, "--ttl 2h", "echo run >> ran");
    record(&session, "--ttl 30m", "echo 'run' >> ran");
    let dry = |order: &str| {
        let ran =
            session.run(format!("warm --refresh --store sh -n {order} --format jsonl").as_str());
        let inputs = ran.text().lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["input"].as_str().expect("text").to_owned()
        });
        inputs.collect::<Vec<_>>()
    };
    let (slow, plain, quoted) = (
        "sh -c 'sleep 3; echo run >> ran'",
        "sh -c 'echo run >> ran'",
        "sh -c \"echo 'run' >> ran\"",
    );
    assert_eq!(dry(""), [quoted, slow, plain]);
    assert_eq!(dry("--order cost")[0], slow);
    assert_eq!(runs(&session), 3);
    session.run("warm --refresh").ends(
        2,
        "ecache: without a filter this would run every entry\n  tip: name some with STORE, --dataset, --user …, or add --all\n",
    );
}

#[test]
fn persistent_entries_are_not_refreshed() {
    let session = Session::new();
    record(&session, "", "echo run >> ran");
    session
        .run("touch --store sh --policy persist -q")
        .notes("");
    session.run("warm --refresh --store sh").notes(
        "ecache: no entry matches: sh has 1 entry, none of policy evict\necache: 0 ran, 0 fresh\n",
    );
    assert_eq!(runs(&session), 1);
}

#[test]
fn a_failure_does_not_take_the_place_of_a_result() {
    let session = Session::new();
    let line = "test ! -e fail && echo good";
    let run = || {
        session.run([
            "run", "--stdin", "none", "--ttl", "1h", "--cwd", "--", "sh", "-c", line,
        ])
    };
    run().prints("good\n");
    std::fs::write(session.path("fail"), "").expect("a file");
    assert_eq!(session.run("warm --refresh --store sh").code, 1);
    run().prints("good\n");
}
