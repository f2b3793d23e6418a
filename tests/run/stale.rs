//! Stale results, and their refresh in the background.

use super::*;

/// A command that prints how often it was run, and fails if the file `fail` exists.
const LINE: &str = "echo run >> ran; wc -l < ran; test ! -e fail";

const LATER: &str = "2026-11-23T06:33:01.000Z";

#[test]
fn a_stale_result_is_there_at_once_and_a_new_one_soon() {
    let session = Session::new();
    memoized(&session, "--ttl 5s --stale 1h", LINE).prints("1\n");
    memoized(&session, "--ttl 5s --stale 1h", LINE).prints("1\n");
    session.set_clock(LATER);
    let ran = memoized(&session, "-v --ttl 5s --stale 1h", LINE);
    assert_eq!(ran.text(), "1\n");
    let said = ran.stderr.trim_end();
    assert!(
        said.starts_with("ecache: stale: expired 5s ago, saved ")
            && said.ends_with("ms; refreshing in the background"),
        "{said}"
    );
    wait_for("a new result", || {
        memoized(&session, "--no-exec", LINE).stdout == b"2\n"
    });
    memoized(&session, "--ttl 5s --stale 1h", LINE).prints("2\n");
    assert_eq!(runs(&session), 2);
    // An older result is run again, and waited for.
    session.set_clock("2026-11-23T08:33:01.000Z");
    memoized(&session, "--ttl 5s --stale 1h", LINE).prints("3\n");
    // Too old for this reader, likewise.
    session.set_clock("2026-11-23T08:33:04.000Z");
    memoized(&session, "--max-age 1s --stale 1s", LINE).prints("4\n");
    session.set_clock("2026-11-23T08:33:06.000Z");
    memoized(&session, "--max-age 1s --stale 1s", LINE).prints("4\n");
    wait_for("a new result", || {
        memoized(&session, "--no-exec", LINE).stdout == b"5\n"
    });
}

#[test]
fn a_persistent_entry_persists_when_it_is_run_again() {
    let session = Session::new();
    memoized(&session, "--ttl 5s", LINE).prints("1\n");
    session.run("touch --all --policy persist").succeeds();
    memoized(&session, "--ttl 5s --refresh", LINE).prints("2\n");
    let entry = session.run("ls --fields policy,expires_at");
    entry.prints("persist\t\n");
    session.set_clock(LATER);
    memoized(&session, "--ttl 5s", LINE).prints("2\n");
    session.run("touch --all --policy evict").succeeds();
    memoized(&session, "--ttl 5s --refresh", LINE).prints("3\n");
    session.run("ls --fields policy").prints("evict\n");
}

#[test]
fn prune_can_leave_entries_that_may_be_served_stale() {
    let session = Session::new();
    memoized(&session, "--ttl 5s", LINE).prints("1\n");
    session.set_clock(LATER);
    session
        .run("prune --keep-stale 1h -n")
        .notes("no entry matches: there is 1 entry, none expired for 1h\n");
    session
        .run("prune --keep-stale 1h")
        .notes("no entry matches: there is 1 entry, none expired for 1h\n");
    memoized(&session, "--no-exec --stale 1h", LINE).prints("1\n");
    session.set_clock("2026-11-23T07:32:57.000Z");
    session.run("prune --keep-stale 1h -q").succeeds();
    memoized(&session, "--no-exec --stale 2h", LINE).ends(1, "");
}

#[test]
fn prune_keeping_stale_entries_changes_neither_other_ages_nor_the_time_of_the_operation() {
    let session = Session::new();
    session.run("set s old v").succeeds();
    session.set_clock("2026-11-23T07:32:57.000Z");
    session.run("set s new v").succeeds();
    let prune = "prune --older-than 30m --expired --keep-stale 9h";
    session
        .run(format!("{prune} -n").as_str())
        .notes("would remove 1 entry (1 B)\n");
    session.run(prune).notes("removed 1 entry (1 B)\n");
    session.run("ls --fields key").prints("new\n");
    let logged = session.run("log --since 1m --json").succeeds();
    assert!(
        logged.text().contains(r#""at":"2026-11-23T07:32:57"#),
        "{}",
        logged.text()
    );
    session.run("undo -q").succeeds();
    session.run("ls --fields key").prints("old\nnew\n");
}

#[test]
fn however_many_ask_for_a_stale_result_it_is_refreshed_once() {
    let session = Session::new();
    let line =
        "echo run >> ran; test ! -e go || until test -e finish; do sleep 0.01; done; wc -l < ran";
    memoized(&session, "--ttl 5s", line).prints("1\n");
    std::fs::write(session.path("go"), "").expect("a file");
    session.set_clock(LATER);
    let all: Vec<Child> = (0..8)
        .map(|_| start(&session, "--ttl 1h --stale 1h", line))
        .collect();
    for child in all {
        assert_eq!(finish(child), ended("1\n", "", 0));
    }
    std::fs::write(session.path("finish"), "").expect("a file");
    wait_for("a new result", || {
        memoized(&session, "--no-exec", line).stdout == b"2\n"
    });
    assert_eq!(runs(&session), 2);
}

#[test]
fn the_run_in_the_background_holds_nothing_and_has_its_input() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let cat = |options: &str| {
        let line = format!(
            "echo input | ecache run --ttl 5s --stale 1h {options} -- sh -c 'cat; test ! -e once || read go < go; echo run >> ran' 3>&1"
        );
        session.shell(&line)
    };
    cat("").prints("input\n");
    std::fs::write(session.path("once"), "").expect("a file");
    session.set_clock(LATER);
    // That this returns says that no pipe is held open, also none but the standard ones.
    cat("").prints("input\n");
    std::fs::write(session.path("go"), "\n").expect("it is being read");
    wait_for("a new result", || {
        cat("--no-exec --cache readonly").code == 0 && runs(&session) == 2
    });
}

#[test]
fn an_old_result_is_printed_while_another_process_runs_the_same() {
    let session = Session::new();
    let line = "echo >> begun; test ! -e once || until test -e go; do sleep 0.01; done; cat";
    let input = b"input\n";
    std::fs::write(session.path("input"), input).expect("a file");
    // A file has its input at once; a pipe may be empty for longer than it is waited for.
    let command = |options: &str| {
        session.shell(&format!(
            "ecache run --ttl 5s {options} -- sh -c '{line}' < input"
        ))
    };
    command("").prints(input);
    std::fs::write(session.path("once"), "").expect("a file");
    std::fs::remove_file(session.path("begun")).expect("it has run");
    session.set_clock(LATER);
    let leader = format!("ecache run --ttl 5s -- sh -c '{line}' < input");
    let leader = session
        .program("sh")
        .args(["-c", &leader])
        .stdout(Stdio::piped())
        .spawn();
    let leader = leader.expect("sh starts");
    wait_for("the leader runs", || session.path("begun").exists());
    command("--on-busy stale").prints(input);
    assert!(!session.path("go").exists());
    std::fs::write(session.path("go"), "").expect("a file");
    let led = leader.wait_with_output().expect("it ends");
    assert_eq!(led.stdout, input);
}

#[test]
fn a_failure_does_not_take_the_place_of_an_old_result() {
    let session = Session::new();
    let options = "--ttl 5s --stale-if-error";
    memoized(&session, options, LINE).prints("1\n");
    session.set_clock(LATER);
    std::fs::write(session.path("fail"), "").expect("a file");
    memoized(&session, options, LINE).prints("1\n");
    let ran = memoized(&session, &format!("-v {options}"), LINE);
    assert_eq!(ran.text(), "1\n");
    assert!(
        ran.stderr
            .starts_with("ecache: stale: it ended with 1, saved "),
        "{ran:?}"
    );
    let refreshed = memoized(&session, &format!("--refresh {options}"), LINE);
    assert_eq!(refreshed, ended("1\n", "", 0));
    // Without it, a failure is a result.
    assert_eq!(
        memoized(&session, "--no-failures", LINE),
        ended("5\n", "", 1)
    );
    std::fs::remove_file(session.path("fail")).expect("it is there");
    memoized(&session, options, LINE).prints("6\n");
    // Where there is no old result, there is nothing but the failure.
    std::fs::write(session.path("fail"), "").expect("a file");
    let other = memoized(&session, "--stale-if-error --user ann", LINE);
    assert_eq!(other, ended("7\n", "", 1));
}

#[test]
fn a_follower_chooses_how_to_handle_a_busy_command() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let line = "echo run >> ran; test ! -e wait || read go < go; wc -l < ran";
    memoized(&session, "--ttl 5s", line).prints("1\n");
    session.set_clock(LATER);
    std::fs::write(session.path("wait"), "").expect("a file");
    let leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 2);
    std::fs::remove_file(session.path("wait")).expect("it is there");
    memoized(&session, "--on-busy stale", line).prints("1\n");
    memoized(&session, "--on-busy fail", line).ends(125, "ecache: another process is running it\n");
    memoized(&session, "--on-busy run", line).prints("3\n");
    std::fs::write(session.path("go"), "\n").expect("it is being read");
    assert_eq!(finish(leader), ended("3\n", "", 0));
    memoized(&session, "--on-busy fail", line).prints("3\n");
}

#[test]
fn a_failure_in_the_background_leaves_the_old_result() {
    let session = Session::new();
    memoized(&session, "--ttl 5s --stale 1h", LINE).prints("1\n");
    std::fs::write(session.path("fail"), "").expect("a file");
    session.set_clock(LATER);
    memoized(&session, "--ttl 5s --stale 1h", LINE).prints("1\n");
    wait_for("a run in the background", || runs(&session) == 2);
    // The next call starts another one, which waits for the end of this.
    wait_for("another run in the background", || {
        memoized(&session, "--ttl 5s --stale 1h", LINE).prints("1\n");
        runs(&session) > 2
    });
}

#[test]
fn commands_that_read_unkeyed_input_are_not_rerun_in_the_background() {
    let session = Session::new();
    let cat = |text: &str| {
        let line = format!("echo {text} | ecache run --stdin ignore --ttl 5s --stale 1h -- cat");
        session.shell(&line).succeeds()
    };
    cat("a").prints("a\n");
    cat("b").prints("a\n");
    session.set_clock(LATER);
    cat("c").prints("c\n");
    cat("d").prints("c\n");
}
