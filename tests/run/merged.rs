//! Merged standard output and standard error keep the order of the command's writes.

use super::*;

/// Prints to both streams alternately, without a pause, and records that it ran.
const TURNS: &str = "echo run >> ran; i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i + 1)); done";

/// Returns the merged output of `TURNS`.
fn turns() -> String {
    (0..200).map(|i| format!("out {i}\nerr {i}\n")).collect()
}

/// Runs a line with its output redirected by a shell, and returns the output of the shell.
fn redirected(session: &Session, options: &str, line: &str, redirection: &str) -> Ran {
    session.shell(&format!(
        "ecache run --stdin none {options} -- sh -c '{line}' {redirection}"
    ))
}

#[test]
fn the_order_is_kept_wherever_both_go_to_one_place() {
    for redirection in [
        "2>&1",
        "2>&1 | cat",
        "2>&1 1>&2 2>&1 | cat",
        "> log 2>&1; cat log",
        ">> log 2>&1; cat log; rm log",
        ">> log 2>> log; cat log; rm log",
        "> /dev/stdout 2> /dev/stdout",
    ] {
        let session = Session::new();
        for _ in 0..3 {
            redirected(&session, "", TURNS, redirection).prints(turns());
        }
        assert_eq!(runs(&session), 1, "{redirection}");
    }
    let session = Session::new();
    for _ in 0..2 {
        let shown = session.run_on_terminal(["run", "--stdin", "none", "--", "sh", "-c", TURNS]);
        assert_eq!(String::from_utf8_lossy(&shown.bytes), turns());
    }
    assert_eq!(runs(&session), 1);
    // The same terminal under another name.
    let line = format!("ecache run --stdin none -- sh -c '{TURNS}' 2> /dev/tty");
    let shown = session.shell_on_terminal(&line);
    assert_eq!(String::from_utf8_lossy(&shown.bytes), turns());
    assert_eq!(runs(&session), 1);
}

#[test]
fn one_file_that_is_opened_twice_is_two_places() {
    let session = Session::new();
    let line = "echo out; echo err >&2";
    let command = format!("ecache run --stdin none -- sh -c '{line}'");
    let shell = format!("{{ printf ...; {command}; }} > log 2> log; cat log");
    // As without the cache, each stream is written at its own offset.
    session.shell(&shell).prints("err\nut\n");
    memoized(&session, "--no-exec", line).succeeds();
}

#[test]
fn a_merged_recording_is_not_split_and_a_split_one_has_no_order() {
    let session = Session::new();
    let line = "echo run >> ran; echo a; echo b >&2; echo c; exit 3";
    let apart = || assert_eq!(memoized(&session, "", line), ended("a\nc\n", "b\n", 3));
    let merged = || {
        let ran = redirected(&session, "", line, "2>&1");
        assert_eq!(ran, ended("a\nb\nc\n", "", 3));
    };
    merged();
    redirected(&session, "--no-exec", line, "2>&1; echo $?").prints("a\nb\nc\n3\n");
    memoized(&session, "--no-exec", line).ends(1, "");
    apart();
    // Both forms are kept from now on.
    for _ in 0..3 {
        merged();
        apart();
    }
    assert_eq!(runs(&session), 2);
}

#[test]
fn both_forms_of_a_commands_entry_change_together() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran; echo err >&2";
    let apart = |number: &str| {
        let expected = ended(&format!("{number}\n"), "err\n", 0);
        assert_eq!(memoized(&session, "", line), expected);
    };
    let merged = |options: &str, number: &str| {
        let ran = redirected(&session, options, line, "2>&1");
        ran.prints(format!("{number}\nerr\n"));
    };
    apart("1");
    merged("", "2");
    apart("1");
    // After a refresh in one form, the other form no longer serves the old result.
    session.set_clock("2026-11-23T06:33:00.000Z");
    merged("--refresh", "3");
    apart("4");
    merged("", "3");
    apart("4");
    // Both forms share the command's key.
    session.set_clock("2026-11-23T06:34:00.000Z");
    let key = session.run(["key", "--stdin", "none", "--", "sh", "-c", line]);
    let removed = session.run(["rm", "-q", "sh", key.text().trim()]);
    removed.notes("");
    apart("5");
    merged("", "6");
    // Each form has its own age.
    session.set_clock("2026-11-23T06:36:00.000Z");
    assert_eq!(
        memoized(&session, "--max-age 1m", line),
        ended("7\n", "err\n", 0)
    );
    merged("", "8");
    apart("7");
    // `warm` finds both forms, and refreshes them in the same form.
    session
        .run_with_input(["warm", "-q", "--", "sh", "-c"], line.as_bytes())
        .notes("");
    assert_eq!(runs(&session), 8);
    session.run("warm -q --refresh --all -j 1").notes("");
    assert_eq!(runs(&session), 10, "there are two entries");
}

#[test]
fn output_to_one_stream_alone_answers_either_way() {
    for line in [
        "echo run >> ran; echo a",
        "echo run >> ran; echo a >&2",
        "echo run >> ran",
    ] {
        let session = Session::new();
        let first = memoized(&session, "", line);
        let printed = [&first.stdout, first.stderr.as_bytes()].concat();
        redirected(&session, "", line, "2>&1").prints(printed);
        assert_eq!(memoized(&session, "", line), first);
        assert_eq!(runs(&session), 1, "{line}");
    }
    // Results kept by `warm` answer as well.
    let session = Session::new();
    session
        .run_with_input(
            "warm -q -- sh -c",
            TURNS.replace("echo err", ": ").as_bytes(),
        )
        .notes("");
    let shown = session.run_on_terminal([
        "run",
        "--stdin",
        "none",
        "--no-exec",
        "--",
        "sh",
        "-c",
        &TURNS.replace("echo err", ": "),
    ]);
    assert_eq!((shown.code, shown.bytes.len()), (0, 1490));
}

#[test]
fn long_output_is_kept_in_order() {
    let session = Session::new();
    let line = "echo run >> ran; i=0; while [ $i -lt 30 ]; do head -c 50000 /dev/zero; echo $i >&2; i=$((i + 1)); done";
    let expected: Vec<u8> = (0..30)
        .flat_map(|i| [vec![0; 50_000], format!("{i}\n").into_bytes()].concat())
        .collect();
    for _ in 0..2 {
        assert!(redirected(&session, "", line, "2>&1").stdout == expected);
    }
    assert_eq!(runs(&session), 1);
    let apart = memoized(&session, "", line);
    assert_eq!(
        (apart.stdout.len(), apart.stderr.lines().count()),
        (1_500_000, 30)
    );
    assert_eq!(runs(&session), 2);
    assert!(redirected(&session, "", line, "2>&1").stdout == expected);
}

#[test]
fn those_who_wait_have_the_order_too() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let line = format!("{TURNS}; cat go");
    let start = || {
        let mut shell = session.program("sh");
        let run = format!("exec ecache run --stdin none -- sh -c '{line}' 2>&1");
        shell.args(["-c", &run]).stdin(Stdio::null());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        shell.spawn().expect("it starts")
    };
    let leader = start();
    wait_for("the leader runs", || runs(&session) == 1);
    let follower = start();
    let waits = || {
        let place = std::fs::read_to_string(format!("/proc/{}/wchan", follower.id()));
        place.is_ok_and(|place| place.contains("nanosleep"))
    };
    wait_for("the other waits", waits);
    std::fs::write(session.path("go"), "end\n").expect("it is read");
    finish(leader).prints(turns() + "end\n");
    finish(follower).prints(turns() + "end\n");
    assert_eq!(runs(&session), 1);
}

#[test]
fn old_results_and_their_successors_keep_the_order() {
    let session = Session::new();
    redirected(&session, "--ttl 5s", TURNS, "2>&1").prints(turns());
    session.set_clock("2026-11-23T06:33:00.000Z");
    // The background refresh keeps the merged form, although its own output goes to `/dev/null`.
    redirected(&session, "--ttl 5s --stale 1h", TURNS, "2>&1").prints(turns());
    wait_for("it runs again", || runs(&session) == 2);
    wait_for("it is kept", || {
        redirected(&session, "--no-exec", TURNS, "2>&1").code == 0
    });
    redirected(&session, "--no-exec", TURNS, "2>&1").prints(turns());
    // Buffered output, and a stale result served in place of a failure.
    session.set_clock("2026-11-23T06:34:00.000Z");
    let fails = format!("{TURNS}; test ! -e fail");
    let options = "--ttl 5s --stale-if-error --no-failures";
    redirected(&session, options, &fails, "2>&1").prints(turns());
    session.set_clock("2026-11-23T06:35:00.000Z");
    redirected(&session, options, &fails, "2>&1").prints(turns());
    session.set_clock("2026-11-23T06:36:00.000Z");
    std::fs::write(session.path("fail"), "").expect("a file");
    redirected(&session, options, &fails, "2>&1").prints(turns());
    assert_eq!(runs(&session), 5);
}

#[test]
fn an_old_result_of_either_form_is_there_at_once() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran; echo err >&2";
    let options = "--ttl 5s --stale 1h";
    let (apart, merged) = (
        |number: &str| {
            let expected = ended(&format!("{number}\n"), "err\n", 0);
            assert_eq!(memoized(&session, options, line), expected);
        },
        |number: &str| {
            redirected(&session, options, line, "2>&1").prints(format!("{number}\nerr\n"));
        },
    );
    apart("1");
    merged("2");
    session.set_clock("2026-11-23T06:33:00.000Z");
    merged("2");
    wait_for("it runs again", || runs(&session) == 3);
    wait_for("it is kept", || {
        redirected(&session, "--no-exec", line, "2>&1").stdout == b"3\nerr\n"
    });
    merged("3");
}

#[test]
fn a_command_rerun_by_warm_keeps_its_merged_form() {
    let session = Session::new();
    redirected(&session, "", TURNS, "2>&1").prints(turns());
    assert_eq!(session.run("warm -q --refresh --store sh").code, 0);
    assert_eq!(runs(&session), 2);
    redirected(&session, "--no-exec", TURNS, "2>&1").prints(turns());
}

#[test]
fn the_missing_order_is_the_difference_that_why_names() {
    let session = Session::new();
    let line = "echo a; echo b >&2";
    let why = |redirection: &str| {
        session.shell(&format!(
            "ecache why --stdin none -- sh -c '{line}' {redirection}"
        ))
    };
    memoized(&session, "", line).succeeds();
    assert_eq!(why("").code, 0);
    let ran = why("2>&1");
    // Where the output of `why` goes does not matter.
    let told = "a terminal runs it once more: recorded separate";
    assert!(
        ran.code == 0 && ran.text().starts_with("hit in a pipe: "),
        "{ran:?}"
    );
    assert!(ran.text().contains(told), "{ran:?}");
    assert_eq!(ran.text(), why("").text());
    redirected(&session, "", line, "2>&1").succeeds();
    assert_eq!((why("").code, why("2>&1").code), (0, 0));
    redirected(&session, "--refresh", line, "2>&1").succeeds();
    session.run("clear -q --store sh").notes("");
    redirected(&session, "", line, "2>&1").succeeds();
    let ran = why("");
    let told = "a pipe runs it once more: recorded merged";
    assert!(
        ran.code == 0 && ran.text().starts_with("hit on a terminal: "),
        "{ran:?}"
    );
    assert!(ran.text().contains(told), "{ran:?}");
    let ran = memoized(&session, "-v", line);
    let told = "ecache: miss: recorded with stdout and stderr merged (a terminal, 2>&1); here they are \
                separate, took ";
    assert!(ran.stderr.contains(told), "{ran:?}");
    session.run("clear -q --store sh").notes("");
    redirected(&session, "", line, "2>&1").succeeds();
    let json = session.shell(&format!(
        "ecache why --stdin none --format json -- sh -c '{line}'"
    ));
    let told = r#""outputs":"one""#;
    assert!(json.text().contains(told), "{json:?}");
}
