//! The command in surroundings that are not a fresh login's: signals, limits, descriptors and files of others.

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Ran, Session, nonblocking, run, surroundings};

#[test]
fn the_program_under_test_starts_as_after_a_login() {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -f; umask; grep -E '^Sig(Ign|Blk)' /proc/self/status",
    ]);
    surroundings::ignoring(&mut command, libc::SIGINT);
    surroundings::ignoring(&mut command, libc::SIGPIPE);
    surroundings::blocking(&mut command, libc::SIGTERM);
    surroundings::limited(&mut command, libc::RLIMIT_FSIZE, 0);
    surroundings::as_after_login(&mut command);
    let ran = run(command, b"").succeeds();
    let (first, signals) = ran.text().split_at("unlimited\n0022\n".len());
    assert_eq!(first, "unlimited\n0022\n");
    let none = |name: &str| (name.to_owned(), 0);
    assert_eq!(sets(signals), [none("SigBlk"), none("SigIgn")]);
}

/// Sets of signals as the kernel shows them, without the two that the C library keeps for itself.
fn sets(status: &str) -> Vec<(String, u64)> {
    let set = |line: &str| {
        let (name, signals) = line.split_once(":\t").expect("a field of the kernel's");
        let signals = u64::from_str_radix(signals, 16).expect("a set of signals");
        (name.to_owned(), signals & !(0b11 << 31))
    };
    status.lines().map(set).collect()
}

/// Starts `ecache run` on a line of shell, with nothing to read.
fn memoized(session: &Session, line: &str) -> Command {
    let mut command = session.command("run --stdin none -- sh -c");
    command.arg(line);
    command
}

/// Signals that end a process which does not handle them, with or without a process that sends them.
fn ending() -> impl Iterator<Item = libc::c_int> {
    let named = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGIO,
        libc::SIGPWR,
        libc::SIGSTKFLT,
        libc::SIGXCPU,
        libc::SIGXFSZ,
        libc::SIGPIPE,
        libc::SIGABRT,
    ];
    named
        .into_iter()
        .chain([libc::SIGRTMIN(), libc::SIGRTMAX()])
}

fn send(child: &Child, signal: libc::c_int) {
    // SAFETY: a plain call, on a process that is not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

fn wait_for(what: &str, mut is_reached: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_reached() {
        assert!(Instant::now() < patience, "never reached: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn each_signal_that_would_end_the_command_reaches_it() {
    let session = Session::new();
    for signal in ending() {
        let line = format!("echo $$ > pid{signal}; exec sleep 60");
        let child = start(memoized(&session, &line));
        let pid = || fs::read_to_string(session.path(&format!("pid{signal}"))).unwrap_or_default();
        wait_for("the command runs", || pid().ends_with('\n'));
        send(&child, signal);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        ran.ends(128 + signal, "");
        let process = format!("/proc/{}", pid().trim());
        assert!(!Path::new(&process).exists(), "{signal} left an orphan");
    }
    session.run("ls --fields key").prints("");
}

#[test]
fn a_signal_that_ends_nobody_reaches_the_command_and_changes_nothing_else() {
    let session = Session::new();
    let harmless = [
        ("WINCH", libc::SIGWINCH),
        ("CONT", libc::SIGCONT),
        ("URG", libc::SIGURG),
    ];
    for (name, signal) in harmless {
        let line = format!(
            "trap 'echo {name}; exit' {name}; echo > ready{name}; while :; do sleep 0.01; done"
        );
        let child = start(memoized(&session, &line));
        wait_for("the command runs", || {
            session.path(&format!("ready{name}")).exists()
        });
        send(&child, signal);
        Ran::from(child.wait_with_output().expect("it ends")).prints(format!("{name}\n"));
        session
            .run([
                "run",
                "--stdin",
                "none",
                "--no-exec",
                "--",
                "sh",
                "-c",
                &line,
            ])
            .prints(format!("{name}\n"));
    }
}

#[test]
fn a_signal_that_waits_to_be_unblocked_reaches_the_command() {
    let session = Session::new();
    // A shell unblocks it.
    let mut command = memoized(&session, "sleep 60");
    surroundings::blocking(&mut command, libc::SIGUSR2);
    // SAFETY: the closure only makes system calls.
    unsafe {
        command.pre_exec(|| {
            libc::kill(libc::getpid(), libc::SIGUSR2);
            Ok(())
        })
    };
    run(command, b"").ends(128 + libc::SIGUSR2, "");
}

#[test]
fn an_alarm_that_was_set_before_reaches_the_command() {
    let session = Session::new();
    let mut command = memoized(&session, "exec sleep 60");
    // SAFETY: the closure only makes a system call.
    unsafe {
        command.pre_exec(|| {
            libc::alarm(1);
            Ok(())
        })
    };
    run(command, b"").ends(128 + libc::SIGALRM, "");
}

#[test]
fn each_signal_that_would_end_warm_reaches_its_commands() {
    let session = Session::new();
    for signal in [libc::SIGUSR1, libc::SIGALRM, libc::SIGRTMIN()] {
        let line = format!("echo $$ > pid{signal}; exec sleep 60");
        let mut command = session.command("warm -- sh -c");
        command.args([&line, "{}"]);
        let mut child = start(command);
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(b"x\n")
            .expect("it reads");
        let pid = || fs::read_to_string(session.path(&format!("pid{signal}"))).unwrap_or_default();
        wait_for("the command runs", || pid().ends_with('\n'));
        send(&child, signal);
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, 128 + signal, "{ran:?}");
        let process = format!("/proc/{}", pid().trim());
        assert!(!Path::new(&process).exists(), "{signal} left an orphan");
    }
}

#[test]
fn a_command_inherits_signals_as_it_would_without_the_cache() {
    type Prepare = fn(&mut Command);
    let prepared: [Prepare; 6] = [
        |_| {},
        |command| surroundings::ignoring(command, libc::SIGPIPE),
        |command| surroundings::ignoring(command, libc::SIGINT),
        |command| surroundings::ignoring(command, libc::SIGXFSZ),
        |command| surroundings::ignoring(command, libc::SIGUSR1),
        |command| surroundings::blocking(command, libc::SIGTERM),
    ];
    for (number, prepare) in prepared.into_iter().enumerate() {
        let session = Session::new();
        // No shell: it would change them.
        let pattern = "^Sig(Ign|Blk|Cgt)";
        let seen = |mut command: Command, file: &str, input: &str| {
            command.args(["grep", "-E", pattern, file]);
            prepare(&mut command);
            run(command, input.as_bytes()).succeeds()
        };
        let file = "/proc/self/status";
        let plain = sets(seen(session.program("env"), file, "").text());
        let memoized = seen(session.command("run --stdin none --"), file, "");
        assert_eq!(sets(memoized.text()), plain, "{number}");
        session.run("clear --all").succeeds();
        seen(session.command("warm -j 1 --"), "{}", file);
        let warmed = [
            "run",
            "--stdin",
            "none",
            "--no-exec",
            "--",
            "grep",
            "-E",
            pattern,
            file,
        ];
        let warmed = sets(session.run(warmed).succeeds().text());
        assert_eq!(warmed, plain, "{number}");
    }
}

#[test]
fn work_that_ignores_an_interrupt_goes_on_ignoring_it() {
    let session = Session::new();
    session.run("set a b c").succeeds();
    let mut import = session.command("import -");
    surroundings::ignoring(&mut import, libc::SIGINT);
    let mut child = start(import);
    send(&child, libc::SIGINT);
    let record = r#"{"store_name": "s", "key": "k", "policy": "evict", "value": 1}"#;
    let mut stdin = child.stdin.take().expect("a pipe");
    // It is still there to read: nobody asked it to stop.
    stdin.write_all(record.as_bytes()).expect("it reads");
    send(&child, libc::SIGINT);
    drop(stdin);
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 0, "{ran:?}");
    session.run("get s k").prints("1\n");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_end() {
    let session = Session::new();
    let limited = |words: &str| {
        let mut command = session.command(words);
        surroundings::limited(&mut command, libc::RLIMIT_FSIZE, 0);
        run(
            command,
            b"{\"store_name\": \"s\", \"key\": \"k\", \"value\": 1}\n",
        )
    };
    let cannot = || {
        let store = session.store();
        format!(
            "ecache: cannot use the store {}: the limit on the size of files (ulimit -f) is too low\n",
            store.display()
        )
    };
    limited("set a b c").ends(3, &cannot());
    session.run("set a b c").succeeds();
    for words in [
        "set a b d",
        "clear --all",
        "touch --all --ttl 1h",
        "rm a b",
        "prune",
        "warm -- echo {}",
    ] {
        limited(words).ends(3, &cannot());
    }
    session.run("get a b").prints("c");
    limited("get a b").prints("c");
    for _ in 0..2 {
        limited("run -- seq 3").prints("1\n2\n3\n");
    }
    let ran = limited("import -");
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("File too large"), "{ran:?}");
    // Output that is too much ends it as it ends the command.
    let plain = session.shell("ulimit -f 8; head -c 9000 /dev/zero > plain");
    for _ in 0..2 {
        let line = "ulimit -f 8; ecache run -- head -c 9000 /dev/zero > cached";
        assert_eq!(session.shell(line).code, plain.code);
        let bytes = |name| fs::read(session.path(name)).expect("a file");
        assert_eq!(bytes("cached"), bytes("plain"));
    }
}

fn start(mut command: Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// The bytes that a command prints where its streams block.
const LARGE: usize = 300_000;

#[test]
fn output_is_whole_where_it_does_not_block() {
    let session = Session::new();
    let value = "x".repeat(LARGE);
    session
        .run_with_input("set a large -", value.as_bytes())
        .succeeds();
    let records: String = (0..4000)
        .map(|n| {
            format!("{{\"store_name\": \"s\", \"key\": \"k{n}\", \"value\": \"{value:.80}\"}}\n")
        })
        .collect();
    session
        .run_with_input("import -", records.as_bytes())
        .succeeds();
    let keys: String = (0..4000).map(|n| format!("k{n}\n")).collect();
    fs::write(session.path("keys"), keys).expect("a file");
    let both = format!("head -c {LARGE} /dev/zero; head -c {LARGE} /dev/zero | tr '\\0' e >&2");
    for words in [
        vec!["get", "a", "large"],
        vec!["get", "--format", "json", "a", "large"],
        vec!["get", "s", "--keys-from", "keys"],
        vec!["export"],
        vec!["ls"],
        vec!["ls", "--format", "json"],
        vec!["ls", "--format", "csv"],
        vec!["completions", "zsh"],
        vec!["run", "--stdin", "none", "--", "sh", "-c", &both],
        vec!["run", "--stdin", "none", "--", "sh", "-c", &both],
        vec![
            "run",
            "--stdin",
            "none",
            "--refresh",
            "--",
            "sh",
            "-c",
            &both,
        ],
    ] {
        let plain = session.run(words.clone()).succeeds();
        for descriptor in [1, 2] {
            let command = session.command(words.clone());
            let ran = nonblocking::run_with_full_output(command, descriptor);
            assert!(
                ran == plain,
                "{words:?}: {} and {}",
                ran.stdout.len(),
                ran.stderr.len()
            );
        }
    }
    let first = format!("run --refresh --stdin none -- head -c {LARGE} /dev/zero");
    let ran = nonblocking::run_with_full_output(session.command(&first), 1);
    assert_eq!((ran.code, ran.stdout.len()), (0, LARGE));
}

#[test]
fn input_is_waited_for_where_it_does_not_block() {
    let session = Session::new();
    let late = |words: &str, input: &str| {
        nonblocking::run_with_late_input(session.command(words), input.as_bytes())
    };
    late("set a b -", "value").succeeds();
    session.run("get a b").prints("value");
    late("set a c", "other").succeeds();
    session.run("get a c").prints("other");
    let records = "{\"store_name\": \"s\", \"key\": \"k\", \"value\": 1}\n".repeat(2);
    late("import --on-conflict replace -", &records).succeeds();
    late("get a --keys-from -", "b\nc\n").succeeds();
    late("doctor --live-datasets -", "d\ne\n").succeeds();
    late("warm -- echo {}", "one\ntwo\n").succeeds();
    let key = |n: &str| session.run(["run", "--stdin", "none", "--no-exec", "--", "echo", n]);
    key("one").prints("one\n");
    key("two").prints("two\n");
}

#[test]
fn with_few_descriptors_the_command_runs_without_the_cache() {
    for limit in 4..=20 {
        let session = Session::new();
        session.run("set a b c").succeeds();
        let limited = |mut command: Command| {
            surroundings::limited(&mut command, libc::RLIMIT_NOFILE, limit);
            run(command, b"")
        };
        let line = "echo out; echo err >&2; exit 3";
        let mut plain = session.program("sh");
        plain.args(["-c", line]);
        let plain = limited(plain);
        for _ in 0..2 {
            assert_eq!(limited(memoized(&session, line)), plain, "{limit}");
        }
        for words in [
            "get a b",
            "set a b c",
            "ls",
            "clear --all",
            "export",
            "stats",
        ] {
            let ran = limited(session.command(words));
            let is_told = ran.code == 3 && ran.stderr.contains("ulimit -n");
            assert!(is_told || ran.code == 0, "{limit} {words}: {ran:?}");
        }
    }
}

#[test]
fn warm_starts_as_many_commands_at_a_time_as_there_is_room_for() {
    let session = Session::new();
    let items: String = (0..40).map(|n| format!("{n}\n")).collect();
    let mut command = session.command("warm -j 16 -- sh -c");
    command.args(["sleep 0.01; echo $0", "{}"]);
    surroundings::limited(&mut command, libc::RLIMIT_NOFILE, 32);
    run(command, items.as_bytes()).notes("40 ran, 0 fresh\n");
}

#[test]
fn without_room_for_a_thread_or_a_process_there_is_less_of_both() {
    let session = Session::unprivileged();
    session.run("set a b c").succeeds();
    let limited = |mut command: Command, input: &str| {
        surroundings::limited(&mut command, libc::RLIMIT_NPROC, 1);
        run(command, input.as_bytes())
    };
    let record = "{\"store_name\": \"s\", \"key\": \"k\", \"value\": 1}\n";
    limited(session.command("import -"), record).notes("imported 1 entry (1 new, 0 replaced)\n");
    for _ in 0..2 {
        limited(session.command("run --stdin none -- echo hi"), "").prints("hi\n");
    }
    let ran = limited(session.command("warm -j 4 -- echo {}"), "one\n");
    assert_eq!(ran.code, 3);
    assert!(
        ran.stderr.contains("ecache: cannot start a thread: "),
        "{ran:?}"
    );
}

#[test]
fn a_command_whose_output_is_closed_finds_it_closed() {
    let session = Session::new();
    let lines = [
        "echo out; echo err >&2",
        "ls /proc/self/fd | wc -l",
        "read line; echo $?",
    ];
    for descriptor in 0..3 {
        for line in lines {
            let seen = |mut command: Command| {
                surroundings::closed(&mut command, descriptor);
                run(command, b"")
            };
            let mut plain = session.program("sh");
            plain.args(["-c", line]);
            let plain = seen(plain);
            for _ in 0..2 {
                let mut cached = session.command("run -- sh -c");
                cached.arg(line);
                assert_eq!(seen(cached), plain, "{descriptor} {line}");
            }
        }
    }
    session.run("set a b c").succeeds();
    let closed = |words: &str| {
        let mut command = session.command(words);
        surroundings::closed(&mut command, 1);
        run(command, b"")
    };
    closed("set a b d").notes("");
    closed("get a b").ends(3, "ecache: Bad file descriptor (os error 9)\n");
}
