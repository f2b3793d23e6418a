//! Signals reach the command, and dispositions and masks are the same as without ecache.

use super::*;

/// Returns the signals that end a process without a handler, whether or not a process sends them.
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
fn a_signal_that_ends_no_process_reaches_the_command_and_changes_nothing_else() {
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
    // The command's shell unblocks the signal.
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
    let prepared: [Prepare; 7] = [
        |_| {},
        |command| surroundings::ignoring(command, libc::SIGPIPE),
        |command| surroundings::ignoring(command, libc::SIGINT),
        |command| surroundings::ignoring(command, libc::SIGXFSZ),
        |command| surroundings::ignoring(command, libc::SIGUSR1),
        |command| surroundings::ignoring(command, libc::SIGCHLD),
        |command| surroundings::blocking(command, libc::SIGTERM),
    ];
    for (number, prepare) in prepared.into_iter().enumerate() {
        let session = Session::new();
        // A shell would change the signal state, so none is used.
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
    // The process keeps reading, since it has not been asked to stop.
    stdin.write_all(record.as_bytes()).expect("it reads");
    send(&child, libc::SIGINT);
    drop(stdin);
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 0, "{ran:?}");
    session.run("get s k").prints("1\n");
}
