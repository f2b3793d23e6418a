//! Many commands at a time: fresh ones are not run again, and an interrupted `warm` can be resumed.

#[path = "../support/mod.rs"]
mod support;

mod items;
mod refresh;
mod together;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Ran, Session, run, runs, wait_for};

/// Warms a line of shell for each item; it has the item as `$0`.
fn warm(session: &Session, options: &str, line: &str, items: &str) -> Ran {
    let mut command = session.command(format!("warm {options} -- sh -c").as_str());
    command.arg(line);
    run(command, items.as_bytes())
}

/// Returns the lines that `--format jsonl` printed, sorted by item.
fn lines(ran: &Ran) -> Vec<Value> {
    let mut lines: Vec<Value> = ran
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    lines.sort_by_key(|line| line["input"].to_string());
    lines
}

/// Returns one member of each line.
fn members<'a>(lines: &'a [Value], name: &str) -> Vec<&'a str> {
    lines
        .iter()
        .map(|line| line[name].as_str().unwrap_or("-"))
        .collect()
}

fn start(session: &Session, options: &str, line: &str) -> Child {
    let mut command = session.command(format!("warm {options} -- sh -c").as_str());
    command.arg(line).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("ecache starts")
}

#[test]
fn warmed_items_are_hits_of_run() {
    let session = Session::new();
    let input = b"1\n2\n\n3\n";
    session
        .run_with_input("warm -- printf n%s", input)
        .notes("ecache: 3 ran, 0 fresh\n");
    session
        .run("run --stdin none --no-exec -- printf n%s 2")
        .prints("n2");
    session
        .run_with_input("warm -- printf n%s", input)
        .notes("ecache: 0 ran, 3 fresh\n");
}

#[test]
fn lifetimes_and_what_is_recorded_are_those_of_run() {
    let session = Session::new();
    warm(&session, "--ttl boot --no-record-args", "echo $0", "1\n")
        .notes("ecache: 1 ran, 0 fresh\n");
    let run = [
        "run",
        "--no-exec",
        "--stdin",
        "none",
        "--ttl",
        "boot",
        "--",
        "sh",
        "-c",
        "echo $0",
        "1",
    ];
    session.run(run).prints("1\n");
    session.run("ls --fields args,expires_at").prints("\t\n");
    warm(&session, "", "echo $0", "1\n").notes("ecache: 1 ran, 0 fresh\n");
    let refused = session.run("warm --refresh --all --ttl session");
    assert_eq!(refused.code, 2, "{refused:?}");
    let session = session.with("BKT_TTL", "5s");
    warm(&session, "", "echo $0", "2\n").notes("ecache: 1 ran, 0 fresh\n");
    let expiry = session.run("ls --fields expires_at --newer-than 1s --no-expiry");
    expiry.prints("\n\n");
    session.set_clock("2026-11-23T06:33:01.000Z");
    warm(&session, "", "echo $0", "2\n").notes("ecache: 1 ran, 0 fresh\n");
    let session = session.with("BKT_TTL", "soon");
    let refused = session.run("warm -- true");
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("BKT_TTL"), "{refused:?}");
}

#[test]
fn each_has_the_key_that_run_has() {
    let session = Session::new().with("LANG", "C");
    std::fs::write(session.path("file"), "content").expect("a file");
    let options = "--cwd --env LANG --env UNSET --file file --user ann --dataset d1";
    let words = format!("warm --store s --version 2 {options} --format jsonl -- printf %s-{{}}");
    let warmed = session.run_with_input(&words, b"a b\n").succeeds();
    let key = |options: &str| {
        let words: Vec<String> = format!("key --stdin none {options} -- printf")
            .split_whitespace()
            .map(str::to_owned)
            .chain(["%s-a b".to_owned()])
            .collect();
        session.run(words).succeeds().text().trim().to_owned()
    };
    assert_eq!(members(&lines(&warmed), "key"), [key(options)]);
    let entry = session.run("ls --format jsonl").succeeds();
    let entry: Value = serde_json::from_str(entry.text()).expect("one entry");
    assert_eq!(
        (
            &entry["store_name"],
            &entry["dataset_id"],
            &entry["user_id"]
        ),
        (&"s#v2".into(), &"d1".into(), &"ann".into())
    );

    // Without any of that, with an item for the last argument.
    let plain = session
        .run_with_input("warm --format jsonl -- printf", b"%s-a b\n")
        .succeeds();
    assert_eq!(members(&lines(&plain), "key"), [key("")]);
}

#[test]
fn failures_are_listed_with_what_they_said() {
    let session = Session::new();
    let line = "echo run >> ran; echo one >&2; echo two >&2; exit $0";
    let failed = "line 2 (3) failed with exit code 3";
    let said = "\n    one\n    two\n";
    warm(&session, "-j 1", line, "0\n3\n").ends(
        1,
        &format!("ecache: {failed}{said}ecache: 1 ran, 0 fresh, 1 failed\n"),
    );
    // It is kept, as by run: it is not run again, but it is a failure still.
    let again = "ecache: line 2 (3) has failed before, with exit code 3, which is kept\necache: 0 ran, 1 fresh, 1 failed\n";
    warm(&session, "-j 1", line, "0\n3\n").ends(1, again);
    assert_eq!(runs(&session), 2);
    let forgotten =
        format!("ecache: {failed}: not kept: it failed{said}ecache: 0 ran, 1 fresh, 1 failed\n");
    session.run("clear --all -q").notes("");
    warm(&session, "-j 1 -q", line, "0\n").notes("");
    for count in [4, 5] {
        warm(&session, "-j 1 --no-failures", line, "0\n3\n").ends(1, &forgotten);
        assert_eq!(runs(&session), count);
    }
}

#[test]
fn results_that_are_not_kept_are_counted_and_are_no_failures() {
    let session = Session::new();
    let ran = session.run_with_input("warm --max-output 3 -- echo", b"ab\nabc\n");
    let why = "not kept: it printed more than 3 bytes";
    ran.ends(
        0,
        &format!("ecache: line 2 (abc): {why}\necache: 2 ran, 0 fresh, 1 not kept\n"),
    );
    session.run("limit set w --min-cost 10m").notes("");
    let ran = session.run_with_input("warm --store w -- echo", b"1\n");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stderr.ends_with("1 ran, 0 fresh, 1 not kept\n"),
        "{ran:?}"
    );
}

#[test]
fn a_program_that_is_not_there_is_told_before_anything_is_read() {
    let session = Session::new();
    session
        .run("warm -- nowhere {}")
        .ends(3, "ecache: there is no program \"nowhere\"\n");
    session.run("warm -- {} x").ends(
        2,
        "ecache: the program itself cannot be an item\n  tip: put {} into an argument: what is read does not choose what is run\n",
    );
    session.run("warm --expired -- echo").ends(
        2,
        "ecache: a filter does not go with a command\n  tip: name --store, --dataset, --user, --operator or --prompt, which are part of its key\n",
    );
}

#[test]
fn a_dry_run_runs_nothing_and_says_what_it_would() {
    let session = Session::new();
    let dry = warm(&session, "-n", "echo run >> ran", "1\n2\n");
    assert_eq!(runs(&session), 0);
    assert!(!session.store().exists());
    assert_eq!(
        dry.stderr,
        "ecache: would run 2 of 2; how long that takes is not known yet\n"
    );
    warm(&session, "--ttl 1m -q", "echo run >> ran", "1\n").notes("");
    let dry_run = || {
        let items = "1\n2\n3\n";
        warm(&session, "-n --format jsonl", "echo run >> ran", items)
    };
    let dry = dry_run();
    assert_eq!(
        members(&lines(&dry), "outcome"),
        ["hit", "missing", "missing"]
    );
    assert!(
        dry.stderr.starts_with("ecache: would run 2 of 3: about "),
        "{dry:?}"
    );
    session.set_clock("2026-11-24T00:00:00.000Z");
    let dry = dry_run();
    assert_eq!(
        members(&lines(&dry), "outcome"),
        ["expired", "missing", "missing"]
    );
    assert_eq!(runs(&session), 1);
}

#[test]
fn fresh_ones_are_run_again_when_that_is_asked_for() {
    let session = Session::new();
    for _ in 0..2 {
        warm(&session, "--refresh", "echo run >> ran", "1\n2\n").notes("ecache: 2 ran, 0 fresh\n");
    }
    assert_eq!(runs(&session), 4);
}

#[test]
fn without_a_store_it_fails_and_runs_nothing() {
    let session = Session::unprivileged();
    let folder = session.path("locked");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o000)).expect("a mode");
    let ran = warm(&session, "--db locked/store.db", "echo run >> ran", "1\n");
    assert_eq!(ran.code, 5, "{ran:?}");
    assert_eq!(runs(&session), 0);
}

#[test]
#[ignore = "mounts a file system of 3 MB, which not everybody may; tests/all runs it"]
fn on_a_full_disk_it_stops_and_a_second_run_goes_on() {
    let session = Session::new();
    // In a mount namespace of its own, so that the disk is gone with the shell.
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=3m,mode=700 tmpfs disk
        export ECACHE_DB=disk/store.db
        ecache set a b c
        dd if=/dev/zero of=disk/rest bs=1k 2> /dev/null
        warm() { seq 1 3 | ecache warm -q -j 1 -- sh -c 'echo run >> ran; head -c 200000 /dev/zero'; }
        warm 2> said
        echo $?
        grep -c 'no space is left' said
        wc -l < ran
        rm disk/rest
        warm
        echo $?
        wc -l < ran
        warm
        wc -l < ran
    "#;
    let mut shell = session.program("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    run(shell, b"").prints("3\n2\n1\n0\n4\n4\n");
}

#[test]
fn progress_is_shown_on_a_terminal_alone() {
    let session = Session::new().with("TERM", "xterm");
    std::fs::write(session.path("items"), "0.7\n0.11\n0.12\n").expect("a file");
    let shown = session.run_on_terminal("warm -j 1 --input items -- sleep");
    let text = String::from_utf8(shown.bytes).expect("text");
    assert_eq!(shown.code, 0, "{text}");
    assert!(text.contains("warming") && text.contains("1/3"), "{text}");
    assert!(text.ends_with("ecache: 3 ran, 0 fresh\n"), "{text}");
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let session = Session::new();
    let ran = session.shell("seq 1 200 | ecache warm --format jsonl -- echo | head -1 | wc -l");
    assert_eq!(ran.text(), "1\n", "{ran:?}");
    assert_eq!(ran.stderr, "");
}

#[test]
fn secrets_are_masked_in_reports() {
    let session = Session::new();
    let secret = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
    let ran = session.run_with_input("warm --format jsonl -- sh -c exit\\ 3", secret.as_bytes());
    assert_eq!(members(&lines(&ran), "input"), ["***"]);
    assert!(
        ran.stderr.starts_with("ecache: line 1 (***) failed"),
        "{ran:?}"
    );
    // The option before it in the command marks it as a secret.
    let ran = session
        .run_with_input("warm --format jsonl -- echo --password {}", b"sesame\n")
        .succeeds();
    assert_eq!(members(&lines(&ran), "input"), ["***"]);
    for verb in [
        "ls --fields args",
        "ls --format json",
        "show echo",
        "warm --refresh --store echo -n",
        "why --stdin none -- echo --password x",
    ] {
        let with = |reveal: &str| {
            let mut words: Vec<String> = verb.split(' ').map(str::to_owned).collect();
            if verb == "show echo" {
                words.push(lines(&ran)[0]["key"].as_str().expect("a key").to_owned());
                // Its value is its own affair.
                words.extend(["--format", "csv"].map(str::to_owned));
            }
            let at = words
                .iter()
                .position(|word| word == "--")
                .unwrap_or(words.len());
            words.splice(at..at, reveal.split_whitespace().map(str::to_owned));
            let shown = session.run(words);
            let args = shown
                .text()
                .lines()
                .filter(|line| !line.starts_with("value,"));
            args.collect::<Vec<_>>().join("\n")
        };
        assert!(!with("").contains("sesame"), "{verb}: {}", with(""));
        assert!(
            with("--reveal").contains("sesame"),
            "{verb}: {}",
            with("--reveal")
        );
    }
    assert!(session.run("export").succeeds().text().contains("sesame"));
}

#[test]
fn the_content_of_files_is_checked_for_each_item() {
    let session = Session::new();
    std::fs::write(session.path("v"), "1").expect("a file");
    // The first item changes what the second one reads, and the second one leaves it the same.
    let line = "cat v; echo 2 > v";
    warm(&session, "-j 1 --file v", line, "a\nb\n").notes(
        "ecache: line 1 (a): not kept: v changed while it ran\n\
         ecache: 2 ran, 0 fresh, 1 not kept\n",
    );
    std::fs::write(session.path("v"), "2\n").expect("a file");
    let mut kept = session.command("run --no-exec --stdin none --file v -- sh -c");
    kept.args([line, "b"]);
    run(kept, b"").prints("2\n");
    std::fs::write(session.path("v"), "1").expect("a file");
    let mut stale = session.command("run --no-exec --stdin none --file v -- sh -c");
    stale.args([line, "b"]);
    assert_eq!(run(stale, b"").code, 1, "it never ran with that file");
}

#[test]
fn nothing_is_warmed_where_the_cache_is_off() {
    for mode in ["off", "readonly"] {
        let session = Session::new().with("ECACHE", mode);
        warm(&session, "", "echo run >> ran", "a\n")
            .notes(&format!("ecache: ECACHE={mode}: nothing is warmed\n"));
        assert_eq!(runs(&session), 0);
    }
}

#[test]
fn a_failure_that_is_not_to_be_kept_is_run_again() {
    let session = Session::new();
    let line = "echo run >> ran; exit 3";
    let outcome = |options: &str| {
        let ran = warm(&session, &format!("--format jsonl {options}"), line, "a\n");
        (
            members(&lines(&ran), "outcome")[0].to_owned(),
            runs(&session),
        )
    };
    outcome("");
    assert_eq!(outcome(""), ("hit".to_owned(), 1));
    assert_eq!(outcome("--failure-ttl 10s"), ("hit".to_owned(), 1));
    assert_eq!(outcome("--no-failures"), ("failed".to_owned(), 2));
    session.set_clock("2026-11-23T06:33:01.000Z");
    assert_eq!(outcome(""), ("hit".to_owned(), 2));
    assert_eq!(outcome("--failure-ttl 10s").1, 3);
}
