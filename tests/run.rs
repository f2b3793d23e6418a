//! Memoized commands: a hit is what the command did, a miss is as if there were no cache, and there is one run at a
//! time.

mod support;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Ran, Session, run};

/// Runs a line of shell through `ecache run`, with nothing to read.
fn memoized(session: &Session, options: &str, line: &str) -> Ran {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    command.arg(line);
    run(command, b"")
}

fn start(session: &Session, options: &str, line: &str) -> Child {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    command.arg(line).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("ecache starts")
}

fn finish(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

/// How often commands that say so in the file `ran` were run.
fn runs(session: &Session) -> usize {
    let ran = std::fs::read(session.path("ran")).unwrap_or_default();
    ran.iter().filter(|byte| **byte == b'\n').count()
}

fn wait_for(what: &str, mut is_reached: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_reached() {
        assert!(Instant::now() < patience, "never reached: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn ended(stdout: &str, stderr: &str, code: i32) -> Ran {
    Ran {
        stdout: stdout.into(),
        stderr: stderr.into(),
        code,
    }
}

#[test]
fn a_hit_is_what_the_command_did() {
    let session = Session::new();
    let line = "echo run >> ran; echo out; echo err >&2; printf end; exit 3";
    for _ in 0..3 {
        let ran = memoized(&session, "", line);
        assert_eq!(ran, ended("out\nend", "err\n", 3));
    }
    assert_eq!(runs(&session), 1);
}

#[test]
fn bytes_come_back_as_they_were() {
    let session = Session::new();
    for line in [
        "printf 'a\\000b\\377\\n'",
        "true",
        "printf x",
        "head -c 5000000 /dev/zero | tr '\\000' y",
    ] {
        let cold = memoized(&session, "", line);
        let warm = memoized(&session, "--no-exec", line);
        assert!(cold == warm, "{line}");
        let plain = run(
            {
                let mut sh = session.program("sh");
                sh.args(["-c", line]);
                sh
            },
            b"",
        );
        assert!(cold == plain, "{line}");
    }
}

#[test]
fn the_streams_keep_their_order() {
    let session = Session::new();
    let line = "echo a; sleep 0.05; echo b >&2; sleep 0.05; echo c; sleep 0.05; echo d >&2";
    for _ in 0..2 {
        let both = session.shell(&format!("ecache run --stdin none -- sh -c '{line}' 2>&1"));
        both.prints("a\nb\nc\nd\n");
    }
}

#[test]
fn output_is_there_before_the_end() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let mut child = start(&session, "", "echo first; cat go");
    let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    assert_eq!(line, "first\n");
    std::fs::write(session.path("go"), "last\n").expect("it is being read");
    stdout.read_line(&mut line).expect("a line");
    assert_eq!(line, "first\nlast\n");
    assert!(child.wait().expect("it ends").success());
}

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
fn of_many_that_are_cold_one_runs() {
    let session = Session::new();
    let line = "echo run >> ran; sleep 0.5; echo done; echo oops >&2; exit 4";
    let children: Vec<Child> = (0..8).map(|_| start(&session, "", line)).collect();
    for child in children {
        assert_eq!(finish(child), ended("done\n", "oops\n", 4));
    }
    assert_eq!(runs(&session), 1);
}

#[test]
fn when_the_one_that_runs_is_killed_the_next_does() {
    let session = Session::new();
    let line = "echo run >> ran; if mkdir first 2>&-; then sleep 30; fi; echo done";
    let mut leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let followers: Vec<Child> = (0..3).map(|_| start(&session, "", line)).collect();
    let started = Instant::now();
    leader.kill().expect("it runs");
    leader.wait().expect("it ends");
    for follower in followers {
        assert_eq!(finish(follower), ended("done\n", "", 0));
    }
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(runs(&session), 2);
}

#[test]
fn another_one_is_not_waited_for_longer_than_that() {
    let session = Session::new();
    let line = "echo run >> ran; if mkdir first 2>&-; then sleep 30; fi; echo done";
    let mut leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let ran = memoized(&session, "--wait-timeout 100ms", line);
    assert_eq!(ran, ended("done\n", "", 0));
    kill_process(Pid::from_child(&leader), Signal::TERM).expect("it runs");
    leader.wait().expect("it ends");
}

#[test]
fn a_command_may_run_itself() {
    let session = Session::new();
    let line = "echo run >> ran; test -e inner || { touch inner; ecache run --stdin none -- sh -c \"$ME\"; }; echo x";
    let mut command = session.command("run --stdin none -- sh -c");
    command.arg(line).env("ME", line);
    run(command, b"").prints("x\nx\n");
    assert_eq!(runs(&session), 2);
    // And others, which wait for others as ever.
    let other = "ecache run -- echo inner";
    memoized(&session, "", other).prints("inner\n");
    memoized(&session, "--no-exec", other).prints("inner\n");
}

#[test]
fn a_signal_ends_the_command_and_nothing_is_kept() {
    let session = Session::new();
    assert_eq!(
        memoized(&session, "", "echo run >> ran; kill -9 $$").code,
        137
    );
    assert_eq!(
        memoized(&session, "", "echo run >> ran; kill -9 $$").code,
        137
    );
    assert_eq!(runs(&session), 2);
    for (sent, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let line = "echo $$ > pid; exec sleep 30";
        let child = start(&session, "", line);
        let pid = || std::fs::read_to_string(session.path("pid")).unwrap_or_default();
        wait_for("the command runs", || pid().ends_with('\n'));
        kill_process(Pid::from_child(&child), sent).expect("it runs");
        assert_eq!(finish(child), ended("", "", code));
        // The command is gone, too.
        let sleep = format!("/proc/{}", pid().trim());
        assert!(!std::path::Path::new(&sleep).exists());
        std::fs::remove_file(session.path("pid")).expect("it is there");
    }
    // A command that has something to finish may, and that is not its usual result.
    let line = "trap 'echo bye; exit 0' TERM; echo run >> ready; while :; do sleep 0.01; done";
    let child = start(&session, "", line);
    wait_for("the command runs", || session.path("ready").exists());
    std::thread::sleep(Duration::from_millis(50));
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    assert_eq!(finish(child), ended("bye\n", "", 0));
    memoized(&session, "--no-exec", line).ends(1, "");
}

#[test]
fn what_cannot_be_run_has_the_shells_exit_codes() {
    let session = Session::new();
    session
        .run("run -- no-such-program x")
        .ends(127, "ecache: no-such-program: command not found\n");
    session
        .run("run -- ./nothing")
        .ends(127, "ecache: ./nothing: command not found\n");
    std::fs::write(session.path("text"), "no program").expect("a file");
    session.run("run -- ./text").ends(
        126,
        "ecache: cannot run ./text: Permission denied (os error 13)\n",
    );
    assert_eq!(session.run("run -- ./").code, 126);
    std::fs::set_permissions(session.path("text"), PermissionsExt::from_mode(0o700))
        .expect("a mode");
    assert_eq!(session.run("run -- ./text").code, 126, "it has no format");
    session.run("run --jwt-file missing -- true").ends(
        125,
        "ecache: cannot read the token from missing: No such file or directory (os error 2)\n",
    );
    assert_eq!(memoized(&session, "", "exit 255").code, 255);
    assert_eq!(memoized(&session, "", "exit 255").code, 255);
    session.run("ls --fields store_name").prints("sh\n");
}

#[test]
fn failures_are_kept_apart() {
    let session = Session::new();
    let line = "echo run >> ran; exit 1";
    for _ in 0..2 {
        assert_eq!(memoized(&session, "--no-failures", line).code, 1);
    }
    assert_eq!(runs(&session), 2);
    let options = "--ttl 1h --failure-ttl 10s";
    memoized(&session, options, line);
    memoized(&session, options, line);
    assert_eq!(runs(&session), 3);
    session.set_clock("2026-11-23T06:33:01.000Z");
    memoized(&session, options, line);
    assert_eq!(runs(&session), 4);
}

#[test]
fn a_result_has_its_time() {
    let session = Session::new();
    let line = "echo run >> ran; cat value";
    let now = |value: &str| std::fs::write(session.path("value"), value).expect("a file");
    now("1");
    memoized(&session, "--ttl 10m", line).prints("1");
    now("2");
    memoized(&session, "--ttl 10m", line).prints("1");
    memoized(&session, "--ttl 10m --max-age 1h", line).prints("1");
    memoized(&session, "--ttl 10m --refresh", line).prints("2");
    now("3");
    session.set_clock("2026-11-23T06:40:00.000Z");
    memoized(&session, "", line).prints("2");
    memoized(&session, "--ttl 10m --max-age 1m", line).prints("3");
    session.set_clock("2026-11-23T06:50:00.000Z");
    memoized(&session, "--no-exec", line).ends(1, "");
    now("4");
    memoized(&session, "", line).prints("4");
    assert_eq!(runs(&session), 4);
}

#[test]
fn the_environment_says_how_the_cache_is_used() {
    let line = "echo run >> ran; echo x";
    for (mode, expected) in [("on", 1), ("off", 3), ("readonly", 3), ("refresh", 3)] {
        let session = Session::new().with("ECACHE", mode);
        for _ in 0..3 {
            memoized(&session, "", line).prints("x\n");
        }
        assert_eq!(runs(&session), expected, "{mode}");
        let is_kept = session.store().exists();
        assert_eq!(is_kept, matches!(mode, "on" | "refresh"), "{mode}");
    }
    let session = Session::new();
    memoized(&session, "", line).prints("x\n");
    memoized(&session, "--cache readonly", line).prints("x\n");
    assert_eq!(runs(&session), 1);
}

#[test]
fn what_is_left_running_does_not_delay_the_end() {
    let session = Session::new();
    let started = Instant::now();
    let line = "sleep 20 & echo hi";
    memoized(&session, "", line).prints("hi\n");
    memoized(&session, "--no-exec", line).prints("hi\n");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_command() {
    let session = Session::new();
    for _ in 0..2 {
        session.shell("ecache run -- yes | head -n 1").prints("y\n");
    }
    session.run("ls --store yes").prints("");
    let ran = session.shell("{ ecache run -- yes; echo $? >&2; } | head -n 1");
    assert_eq!(ran, ended("y\n", "141\n", 0));
    // A hit that nobody wants to see to its end, likewise.
    let line = "head -c 3000000 /dev/zero";
    assert_eq!(memoized(&session, "", line).stdout.len(), 3_000_000);
    let mut child = start(&session, "--no-exec", line);
    let mut stdout = child.stdout.take().expect("it was piped");
    stdout.read_exact(&mut [0]).expect("there is output");
    drop(stdout);
    assert_eq!(finish(child), ended("", "", 141));
}

#[test]
fn what_is_too_large_passes_through() {
    let session = Session::new();
    let line = "echo run >> ran; echo 123456789";
    for _ in 0..2 {
        memoized(&session, "--max-output 9B", line).prints("123456789\n");
    }
    memoized(&session, "--max-output 10B", line).prints("123456789\n");
    memoized(&session, "", line).prints("123456789\n");
    assert_eq!(runs(&session), 3);
    let ran = memoized(&session, "-v --max-output 9B --refresh", line);
    assert_eq!(
        ran.stderr,
        "the result is not kept: it printed more than 9 bytes\n"
    );
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let session = Session::new();
    for _ in 0..2 {
        let ran = session.shell("ecache run -- echo hi > /dev/full");
        assert_eq!(ran.code, 125);
        assert!(ran.stderr.contains("No space left on device"), "{ran:?}");
    }
    session.run("ls").prints("");
}

#[test]
fn whatever_is_wrong_with_the_cache_the_command_runs() {
    let line = "echo out; echo err >&2; exit 3";
    let as_without = |session: &Session, what: &str| {
        for _ in 0..2 {
            let ran = memoized(session, "", line);
            assert_eq!(ran, ended("out\n", "err\n", 3), "{what}");
        }
        let told = memoized(session, "-v", line);
        assert!(told.stderr.len() > "err\n".len(), "{what}: {told:?}");
        let strict = memoized(session, "--strict", line);
        assert_eq!(
            (strict.code, &*strict.stdout),
            (125, &b""[..]),
            "{what}: {strict:?}"
        );
    };

    let session = Session::new();
    std::fs::create_dir_all(session.store_folder()).expect("a folder");
    std::fs::set_permissions(session.store_folder(), PermissionsExt::from_mode(0o700))
        .expect("a mode");
    std::fs::write(
        session.store(),
        "this is no database, whatever its name says",
    )
    .expect("a file");
    as_without(&session, "a foreign file");

    let session = Session::new();
    session.run("set a b c").notes("");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    store
        .pragma_update(None, "user_version", 99)
        .expect("a version");
    as_without(&session, "a newer schema");

    let session = Session::new();
    session.run("set a b c").notes("");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    store.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let started = Instant::now();
    assert_eq!(
        memoized(&session, "", line),
        ended("out\n", "err\n", 3),
        "locked"
    );
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );

    let session = Session::new().with("HOME", "relative");
    as_without(&session, "no home");

    let session = Session::unprivileged();
    std::fs::set_permissions(session.home(), PermissionsExt::from_mode(0o555)).expect("a mode");
    as_without(&session, "a home that is read-only");
    std::fs::set_permissions(session.home(), PermissionsExt::from_mode(0o755)).expect("a mode");
}

#[test]
fn a_damaged_result_is_run_again_and_replaced() {
    let session = Session::new();
    let line = "echo run >> ran; echo hello";
    memoized(&session, "", line).prints("hello\n");
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    let damage =
        "UPDATE entries SET value = CAST(replace(CAST(value AS TEXT), 'hello', 'HELLO') AS BLOB)";
    assert_eq!(store.execute(damage, ()).expect("a row"), 1);
    memoized(&session, "", line).prints("hello\n");
    memoized(&session, "", line).prints("hello\n");
    assert_eq!(runs(&session), 2);
}

#[test]
fn a_value_that_is_no_recording_is_a_miss() {
    let session = Session::new();
    session.run("run --stdin none -- echo hi").prints("hi\n");
    let exported = session.run("export").succeeds();
    let (head, _) = exported.text().split_once("\"value\": ").expect("a value");
    let forged = format!("{head}\"value\": {{\"_cls\": \"bytes\", \"value\": \"AQEAAA==\"}}}}\n");
    session
        .run_with_input("import - -q", forged.as_bytes())
        .notes("");
    session.run("run --stdin none -- echo hi").prints("hi\n");
}

#[test]
fn a_script_is_told_what_came_of_it() {
    let session = Session::new();
    let status = |options: &str| {
        memoized(
            &session,
            &format!("--status-file status {options}"),
            "exit 3",
        );
        let line = std::fs::read_to_string(session.path("status")).expect("it is there");
        assert!(line.ends_with("}\n"));
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")
    };
    let first = status("--ttl 1m --user ann");
    assert_eq!(
        (&first["outcome"], &first["exit"]),
        (&"miss".into(), &3.into())
    );
    session.set_clock("2026-11-23T06:33:01.000Z");
    let hit = status("--ttl 1m --user ann");
    assert_eq!(hit["outcome"], "hit");
    assert_eq!(
        (&hit["age_ms"], &hit["ttl_left_ms"]),
        (&10_000.into(), &50_000.into())
    );
    assert_eq!(hit["store_name"], "sh");
    assert_eq!(hit["key"], first["key"]);
    assert_eq!(status("--refresh --user ann")["outcome"], "refreshed");
    assert_eq!(status("--cache off --user ann")["outcome"], "bypass");
    assert_ne!(status("--user bob")["key"], first["key"]);
}

#[test]
fn what_was_run_is_an_entry_like_others() {
    let session = Session::new();
    session
        .run("run --stdin none --store builds --version 2 --dataset d1 --user ann -- printf a\\nb")
        .prints("a\nb");
    let key = session
        .run("key --stdin none --user ann -- printf a\\nb")
        .succeeds();
    let key = key.text().trim();
    session
        .run(["get", "builds#v2", key, "--dataset", "d1"])
        .prints("a\nb");
    let shown = session
        .run([
            "ls",
            "--format",
            "jsonl",
            "--fields",
            "kind,user_id,dataset_id,function,cost_ms",
        ])
        .succeeds();
    let shown: serde_json::Value = serde_json::from_str(shown.text()).expect("JSON");
    assert_eq!(shown["kind"], "command");
    assert_eq!(
        (&shown["user_id"], &shown["dataset_id"]),
        (&"ann".into(), &"d1".into())
    );
    assert!(
        shown["function"]
            .as_str()
            .is_some_and(|path| path.ends_with("/printf"))
    );
    assert!(shown["cost_ms"].is_number());

    // It moves, and is a hit elsewhere.
    let exported = session.run("export").succeeds();
    session.run("clear --all -q").notes("");
    session
        .run_with_input("import - -q", &exported.stdout)
        .notes("");
    session
        .run("run --no-exec --stdin none --store builds --version 2 --dataset d1 --user ann -- printf a\\nb")
        .prints("a\nb");
}

#[test]
#[ignore = "mounts a file system of 3 MB, which not everybody may; tests/all runs it"]
fn on_a_full_disk_the_command_runs_each_time() {
    let session = Session::new();
    // In a mount namespace of its own, so that the disk is gone with the shell.
    let script = r#"
        mkdir disk && mount -t tmpfs -o size=3m,mode=700 tmpfs disk
        export ECACHE_DB=disk/store.db
        ecache set a b c
        dd if=/dev/zero of=disk/rest bs=1k 2> /dev/null
        for i in 1 2; do
            ecache run -- sh -c 'echo run >> ran; head -c 500000 /dev/zero; exit 3' | wc -c
            ecache run --no-exec -- sh -c 'echo run >> ran; head -c 500000 /dev/zero; exit 3'
            echo $?
        done
        wc -l < ran
        rm disk/rest
        ecache run -- echo again
        ecache run --no-exec -- echo again
    "#;
    let mut shell = session.program("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    run(shell, b"").prints("500000\n1\n500000\n1\n2\nagain\nagain\n");
}
