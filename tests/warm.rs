//! Many commands at a time: fresh ones are not run again, and an interrupted `warm` can be resumed.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Ran, Session, run};

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

/// Returns the number of runs of commands that record each run in the file `ran`.
fn runs(session: &Session) -> usize {
    let ran = std::fs::read(session.path("ran")).unwrap_or_default();
    ran.iter().filter(|byte| **byte == b'\n').count()
}

fn wait_for(what: &str, mut is_reached: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(120);
    while !is_reached() {
        assert!(Instant::now() < patience, "never reached: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn start(session: &Session, options: &str, line: &str) -> Child {
    let mut command = session.command(format!("warm {options} -- sh -c").as_str());
    command.arg(line).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("ecache starts")
}

#[test]
fn what_is_warm_is_a_hit_of_run() {
    let session = Session::new();
    let input = b"1\n2\n\n3\n";
    session
        .run_with_input("warm -- printf n%s", input)
        .notes("3 ran, 0 fresh\n");
    session
        .run("run --stdin none --no-exec -- printf n%s 2")
        .prints("n2");
    session
        .run_with_input("warm -- printf n%s", input)
        .notes("0 ran, 3 fresh\n");
}

#[test]
fn lifetimes_and_what_is_recorded_are_those_of_run() {
    let session = Session::new();
    warm(&session, "--ttl boot --no-record-args", "echo $0", "1\n").notes("1 ran, 0 fresh\n");
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
    warm(&session, "", "echo $0", "1\n").notes("1 ran, 0 fresh\n");
    let refused = session.run("warm --refresh --all --ttl session");
    assert_eq!(refused.code, 2, "{refused:?}");
    let session = session.with("BKT_TTL", "5s");
    warm(&session, "", "echo $0", "2\n").notes("1 ran, 0 fresh\n");
    let expiry = session.run("ls --fields expires_at --newer-than 1s --no-expiry");
    expiry.prints("\n\n");
    session.set_clock("2026-11-23T06:33:01.000Z");
    warm(&session, "", "echo $0", "2\n").notes("1 ran, 0 fresh\n");
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
fn an_item_is_an_argument_whatever_it_holds() {
    let session = Session::new();
    let item = "$(touch x); `touch x` 'a\"  \\ \u{1f600} {}";
    let warmed = warm(
        &session,
        "--format jsonl",
        "printf %s \"$0\"; touch ran-$#",
        item,
    )
    .succeeds();
    assert_eq!(members(&lines(&warmed), "input"), [item]);
    let key = lines(&warmed)[0]["key"].as_str().expect("a key").to_owned();
    session.run(["get", "sh", &key]).prints(item);
    assert!(!session.path("x").exists());
    assert!(session.path("ran-0").exists());
}

#[test]
fn items_end_with_a_line_or_with_a_nul_byte() {
    let session = Session::new();
    let items = b"a\nb\0\0c";
    let warmed = session
        .run_with_input("warm -0 --format jsonl -- echo", items)
        .succeeds();
    assert_eq!(members(&lines(&warmed), "input"), ["a\nb", "c"]);
    session
        .run(["run", "--stdin", "none", "--no-exec", "--", "echo", "a\nb"])
        .prints("a\nb\n");

    std::fs::write(session.path("items"), "d\ne").expect("a file");
    session
        .run("warm --input items -- echo")
        .notes("2 ran, 0 fresh\n");
    let missing = session.run("warm --input nowhere -- echo");
    missing.ends(
        3,
        "ecache: cannot read nowhere: No such file or directory (os error 2)\n",
    );
}

#[test]
fn fields_of_json_lines_take_their_places() {
    let session = Session::new();
    let items = "{\"city\": \"Köln\", \"lat\": 50.9}\n{\"city\": \"New York\", \"lat\": 40}\n";
    let words = "warm --jsonl -- echo {city} --lat={lat}";
    session
        .run_with_input(words, items.as_bytes())
        .notes("2 ran, 0 fresh\n");
    for (city, lat) in [("Köln", "--lat=50.9"), ("New York", "--lat=40")] {
        let ran = session.run([
            "run",
            "--stdin",
            "none",
            "--no-exec",
            "--",
            "echo",
            city,
            lat,
        ]);
        ran.prints(format!("{city} {lat}\n"));
    }
}

#[test]
fn what_is_no_item_is_named_and_does_not_stop_the_others() {
    let session = Session::new();
    let ran = session.run_with_input("warm -j 1 -- echo", b"a\nb\0c\nd\n");
    ran.ends(
        1,
        "ecache: line 2 (b\\x00c) failed: an argument cannot have a NUL byte\n2 ran, 0 fresh, 1 failed\n",
    );
    let items = b"{\"a\": 1}\n\n{\"b\": 1}\nnonsense\n";
    let ran = session.run_with_input("warm -j 1 --jsonl -- echo {a}", items);
    ran.ends(
        1,
        "ecache: line 3 ({\"b\": 1}) failed: it has no field \"a\"\n\
         ecache: line 4 (nonsense) failed: it is not JSON: expected a value at line 1 column 2\n\
         1 ran, 0 fresh, 2 failed\n",
    );
}

#[test]
fn failures_are_listed_with_what_they_said() {
    let session = Session::new();
    let line = "echo run >> ran; echo one >&2; echo two >&2; exit $0";
    let failed = "line 2 (3) failed with exit code 3";
    let said = "\n    one\n    two\n";
    warm(&session, "-j 1", line, "0\n3\n").ends(
        1,
        &format!("ecache: {failed}{said}1 ran, 0 fresh, 1 failed\n"),
    );
    // It is kept, as by run: it is not run again, but it is a failure still.
    let again = "ecache: line 2 (3) has failed before, with exit code 3, which is kept\n0 ran, 1 fresh, 1 failed\n";
    warm(&session, "-j 1", line, "0\n3\n").ends(1, again);
    assert_eq!(runs(&session), 2);
    let forgotten =
        format!("ecache: {failed}: it is not kept: it failed{said}0 ran, 1 fresh, 1 failed\n");
    session.run("clear --all -q").notes("");
    warm(&session, "-j 1 -q", line, "0\n").notes("");
    for count in [4, 5] {
        warm(&session, "-j 1 --no-failures", line, "0\n3\n").ends(1, &forgotten);
        assert_eq!(runs(&session), count);
    }
}

#[test]
fn what_is_not_kept_is_a_failure() {
    let session = Session::new();
    let ran = session.run_with_input("warm --max-output 3 -- echo", b"ab\nabc\n");
    let why = "it is not kept: it printed more than 3 bytes";
    ran.ends(
        1,
        &format!("ecache: line 2 (abc) failed: {why}\n1 ran, 0 fresh, 1 failed\n"),
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
fn several_run_at_a_time() {
    let session = Session::new();
    // Each ends when all four have begun.
    let line =
        "touch at-$0; while ! [ -e at-1 -a -e at-2 -a -e at-3 -a -e at-4 ]; do sleep 0.01; done";
    warm(&session, "-j 4", line, "1\n2\n3\n4\n").notes("4 ran, 0 fresh\n");
}

#[test]
fn two_at_once_run_each_item_once() {
    let session = Session::new();
    let items: String = (0..40).map(|item| format!("{item}\n")).collect();
    let children = [(); 3].map(|()| {
        let mut child = start(&session, "-j 2", "echo run >> ran");
        let mut stdin = child.stdin.take().expect("it was piped");
        stdin.write_all(items.as_bytes()).expect("it reads");
        child
    });
    for child in children {
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        ran.succeeds();
    }
    assert_eq!(runs(&session), 40);
    // The same item twice is one run, too.
    warm(
        &session,
        "-j 4",
        "echo run >> ran; sleep 0.1; echo $0 >> twice",
        "x\nx\nx\n",
    )
    .notes("1 ran, 2 fresh\n");
    assert_eq!(runs(&session), 41);
}

#[test]
fn a_run_beside_it_prints_what_it_runs() {
    let session = Session::new();
    let line = "echo run >> ran; echo $0; while ! test -e go; do sleep 0.01; done; exit 3";
    let mut warming = start(&session, "--no-failures", line);
    let mut items = warming.stdin.take().expect("it was piped");
    items.write_all(b"x\n").expect("it reads");
    drop(items);
    wait_for("the command runs", || runs(&session) == 1);
    let run = [
        "run",
        "--no-failures",
        "--stdin",
        "none",
        "--",
        "sh",
        "-c",
        line,
        "x",
    ];
    let mut follower = session.spawn(run);
    let mut output = BufReader::new(follower.stdout.take().expect("it was piped")).lines();
    let first = output.next().expect("a line").expect("text");
    assert_eq!(first, "x", "what the other one prints, as it prints it");
    std::fs::write(session.path("go"), "").expect("a file");
    assert!(output.next().is_none());
    assert_eq!(follower.wait().expect("it ends").code(), Some(3));
    assert_eq!(warming.wait().expect("it ends").code(), Some(1));
    assert_eq!(runs(&session), 1);
}

#[test]
fn a_signal_ends_what_runs_and_a_second_run_goes_on() {
    let session = Session::new();
    let line = "echo $0 >> begun; test $0 = quick || test -e go || exec sleep 60; echo done";
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = start(&session, "-j 1 --format jsonl", line);
        // The input stays open: it need not end for the work to be stopped.
        let mut stdin = child.stdin.take().expect("it was piped");
        stdin.write_all(b"quick\nslow\nlater\n").expect("it reads");
        let begun = || std::fs::read_to_string(session.path("begun")).unwrap_or_default();
        wait_for("the slow one", || begun().contains("slow"));
        let id = Pid::from_child(&child);
        kill_process(id, signal).expect("it runs");
        let ran: Ran = child.wait_with_output().expect("it ends").into();
        drop(stdin);
        assert_eq!(ran.code, code, "{ran:?}");
        let lines = lines(&ran);
        assert_eq!(members(&lines, "input"), ["later", "quick", "slow"]);
        let quick = if code == 130 { "ran" } else { "hit" };
        assert_eq!(members(&lines, "outcome"), ["skipped", quick, "skipped"]);
        assert_eq!(
            members(&lines, "message"),
            ["it was not started", "-", "it was interrupted"]
        );
        assert!(
            ran.stderr.ends_with(
                "ecache: interrupted: kept results stay, so the same command goes on from here\n"
            ),
            "{ran:?}"
        );
        std::fs::remove_file(session.path("begun")).expect("it is there");
    }
    std::fs::write(session.path("go"), "").expect("a file");
    warm(&session, "", line, "quick\nslow\nlater\n").notes("2 ran, 1 fresh\n");
}

#[test]
fn nothing_starts_once_time_is_over() {
    let session = Session::new();
    let ran = warm(
        &session,
        "-j 1 --max-time 3s --format jsonl",
        "sleep 4",
        "1\n2\n3\n",
    );
    assert_eq!(
        members(&lines(&ran), "outcome"),
        ["ran", "skipped", "skipped"]
    );
    assert_eq!(
        (ran.stderr.as_str(), ran.code),
        (
            "1 ran, 0 fresh, 2 left out\necache: time is over: kept results stay, so the same command goes on from here\n",
            1
        )
    );
}

#[test]
fn starts_keep_to_a_rate_and_hits_do_not_count() {
    let session = Session::new();
    let items = "1\n2\n3\n4\n5\n";
    let started = Instant::now();
    warm(&session, "-j 4 --rate 20/s", ":", items).notes("5 ran, 0 fresh\n");
    assert!(started.elapsed() >= Duration::from_millis(200));
    let started = Instant::now();
    warm(&session, "--rate 1/h", ":", items).notes("0 ran, 5 fresh\n");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_dry_run_runs_nothing_and_says_what_it_would() {
    let session = Session::new();
    let dry = warm(&session, "-n", "echo run >> ran", "1\n2\n");
    assert_eq!(runs(&session), 0);
    assert!(!session.store().exists());
    assert_eq!(
        dry.stderr,
        "would run 2 of 2; nothing is recorded that would tell how long that takes\n"
    );
    warm(&session, "--ttl 1m -q", "echo run >> ran", "1\n").notes("");
    let dry = warm(
        &session,
        "-n --format jsonl",
        "echo run >> ran",
        "1\n2\n3\n",
    );
    assert_eq!(
        members(&lines(&dry), "outcome"),
        ["hit", "missing", "missing"]
    );
    assert!(
        dry.stderr.starts_with("would run 2 of 3: about "),
        "{dry:?}"
    );
    session.set_clock("2026-11-24T00:00:00.000Z");
    let dry = warm(
        &session,
        "-n --format jsonl",
        "echo run >> ran",
        "1\n2\n3\n",
    );
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
        warm(&session, "--refresh", "echo run >> ran", "1\n2\n").notes("2 ran, 0 fresh\n");
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
    assert!(text.ends_with("3 ran, 0 fresh\n"), "{text}");
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
fn what_a_file_says_is_looked_at_for_each_item() {
    let session = Session::new();
    std::fs::write(session.path("v"), "1").expect("a file");
    // The first item changes what the second one reads.
    let line = "cat v; echo 2 > v";
    warm(&session, "-j 1 --file v", line, "a\nb\n").notes("2 ran, 0 fresh\n");
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
            .notes(&format!("ECACHE={mode}: nothing is warmed\n"));
        assert_eq!(runs(&session), 0);
    }
}

mod refresh {
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
        run(command, b"").notes("1 ran, 0 fresh\n");
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
    fn what_would_be_another_command_is_left_out_and_named() {
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
            "ecache: cat was left out: it read its standard input, which is not kept\n1 ran, 0 fresh, 1 left out\n",
        );
        let changed = Session::new().with("LANG", "de");
        let db = session.store();
        changed.run(["warm", "--refresh", "--store", "echo", "--db", db.to_str().expect("a path")]).ends(
            0,
            "ecache: echo lang was left out: the variable LANG had another value\n0 ran, 0 fresh, 1 left out\n",
        );
    }

    #[test]
    fn a_program_that_changed_makes_a_new_entry() {
        let session = Session::new();
        let tool = session.path("tool");
        let write = |text: &str| {
            std::fs::write(&tool, text).expect("a file");
            std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755))
                .expect("a mode");
        };
        write("#!/bin/sh\necho one\n");
        session.run("run --stdin none -- ./tool").prints("one\n");
        write("#!/bin/sh\necho another\n");
        session
            .run("warm --refresh --store tool")
            .notes("1 ran, 0 fresh\n");
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
    fn what_is_to_be_run_is_listed_first_and_in_order() {
        let session = Session::new();
        record(&session, "--ttl 1h", "sleep 3; echo run >> ran");
        record(&session, "--ttl 2h", "echo run >> ran");
        record(&session, "--ttl 30m", "echo 'run' >> ran");
        let dry = |order: &str| {
            let ran = session
                .run(format!("warm --refresh --store sh -n {order} --format jsonl").as_str());
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
    fn what_the_cache_may_not_change_stays() {
        let session = Session::new();
        record(&session, "", "echo run >> ran");
        session
            .run("touch --store sh --policy persist -q")
            .notes("");
        session
            .run("warm --refresh --store sh")
            .notes("no recorded command matches\n0 ran, 0 fresh\n");
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
