//! On a miss, a command behaves as without ecache: output, signals, exit codes.

use super::*;

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
fn its_environment_is_that_of_the_plain_command() {
    // Empty variables count as unset for ecache, but are passed to the command.
    let session = Session::new().with("ECACHE", "").with("ECACHE_DB", "");
    let session = session.with("BKT_TTL", "").with("BKT_SCOPE", "");
    let plain = run(session.program("env"), b"").succeeds();
    assert!(plain.text().contains("HOME="), "{plain:?}");
    session.run("run -- env").prints(plain.text());
    session.run("run --refresh -- env").prints(plain.text());
    session.run_with_input("warm -q -- env", b"A=b").notes("");
    let warmed = session.run("run --stdin none --no-exec -- env A=b");
    warmed.prints(format!("{}A=b\n", plain.text()));
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
fn a_shell_that_says_what_it_starts_says_so_of_the_command() {
    let session = Session::new();
    let script = "
        command -v env > where
        [ \"$(env | grep ^_=)\" = \"_=$(cat where)\" ] || echo this shell does not
        for i in 1 2; do env > plain; ecache run -- env < /dev/null > ours; diff plain ours; done
        sh -c 'exec env' > plain; sh -c 'exec ecache run --refresh -- env' > ours; diff plain ours
    ";
    let mut bash = session.program("bash");
    bash.args(["-c", script]);
    run(bash, b"").prints("");
}

#[test]
fn commands_that_cannot_be_run_have_the_shells_exit_codes() {
    let session = Session::new();
    session
        .run("run -- no-such-program x")
        .ends(127, "ecache: there is no program \"no-such-program\"\n  tip: for an alias, a function or a built-in command of the shell: ecache run -- sh -c 'no-such-program …'\n");
    session
        .run(["run", "--", "", "x"])
        .ends(127, "ecache: there is no program \"\"\n");
    session
        .run("run -- ./nothing")
        .ends(127, "ecache: there is no program \"./nothing\"\n");
    std::fs::write(session.path("text"), "no program").expect("a file");
    session
        .run("run -- ./text")
        .ends(126, "ecache: cannot run ./text: permission denied\n");
    assert_eq!(session.run("run -- ./").code, 126);
    std::fs::set_permissions(session.path("text"), PermissionsExt::from_mode(0o700))
        .expect("a mode");
    let ran = session.run("run -- ./text");
    assert_eq!(ran, session.shell("./text"), "it is a script for sh");
    assert_eq!(ran.code, 127);
    std::fs::write(session.path("text"), "no program\0").expect("a file");
    assert_eq!(session.run("run -- ./text").code, 126, "it has no format");
    session.run("run --jwt-file missing -- true").ends(
        125,
        "ecache: cannot read the token from missing: no such file or directory\n",
    );
    assert_eq!(memoized(&session, "", "exit 255").code, 255);
    assert_eq!(memoized(&session, "", "exit 255").code, 255);
    session.run("ls --fields store_name").prints("text\nsh\n");
}

#[test]
fn a_script_that_names_no_interpreter_is_run_by_sh() {
    let session = Session::new();
    std::fs::create_dir(session.path("bin")).expect("a folder");
    for script in ["bin/script", "-script"] {
        std::fs::write(session.path(script), "echo $0 \"$@\"; exit 3\n").expect("a file");
        let mode = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(session.path(script), mode).expect("a mode");
    }
    for line in ["bin/script a 'b  c' ''", "./-script -x", "script -e"] {
        let plain = session.shell(&format!("PATH=$PWD/bin:$PATH; env {line}"));
        assert_eq!(plain.code, 3, "{plain:?}");
        for _ in 0..2 {
            let line = format!("PATH=$PWD/bin:$PATH; ecache run --stdin none -- {line}");
            assert_eq!(session.shell(&line), plain, "{line}");
        }
    }
}

#[test]
fn processes_left_running_do_not_delay_the_end() {
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
    session.run("ls --fields key").prints("");
    let ran = session.shell("{ ecache run -- yes; echo $? >&2; } | head -n 1");
    assert_eq!(ran, ended("y\n", "141\n", 0));
    // A hit whose reader has seen enough, likewise.
    let line = "head -c 3000000 /dev/zero";
    assert_eq!(memoized(&session, "", line).stdout.len(), 3_000_000);
    let mut child = start(&session, "--no-exec", line);
    let mut stdout = child.stdout.take().expect("it was piped");
    stdout.read_exact(&mut [0]).expect("there is output");
    drop(stdout);
    assert_eq!(finish(child), ended("", "", 141));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let session = Session::new();
    for _ in 0..2 {
        let ran = session.shell("ecache run -- echo hi > /dev/full");
        assert_eq!(ran.code, 125);
        assert!(ran.stderr.contains("no space left on device"), "{ran:?}");
    }
    session.run("ls --fields key").prints("");
    let missed = session.shell("ecache run -- echo hi > /dev/full");
    session
        .shell("ecache run -- echo hi > kept; cat kept")
        .prints("hi\n");
    assert_eq!(session.shell("ecache run -- echo hi > /dev/full"), missed);
}

#[test]
fn wrong_options_of_run_have_the_exit_code_of_env() {
    let session = Session::new();
    for words in [
        "run --no-such-option -- true",
        "run --ttl soon -- true",
        "run true",
        "run",
        "-q run --refresh --no-exec -- true",
        "run --env= -- true",
        "run --env A=B -- true",
        "run --file= -- true",
        "run --modtime= -- true",
        "run --scope= -- true",
        "run --cwd=x -- true",
        "--db x run --ttl",
    ] {
        let ran = session.run(words);
        assert_eq!((ran.code, &*ran.stdout), (125, &b""[..]), "{words}");
        assert!(ran.stderr.contains("error: "), "{words}: {ran:?}");
    }
    for mode in ["refresh", "off"] {
        session
            .run(&format!("run --cache {mode} --no-exec -- true"))
            .ends(125, &format!("ecache: --no-exec and --cache {mode} contradict each other\n  tip: leave out --no-exec or --cache {mode}\n"));
    }
    assert_eq!(session.run("get --no-such-option run").code, 2);
    assert_eq!(session.run("run --help").code, 0);
}

#[test]
fn a_signal_reaches_the_command_while_its_output_is_not_read() {
    let session = Session::new();
    let line = "echo $$ > pid; echo first; exec yes";
    let child = start(&session, "", line);
    let pid = || std::fs::read_to_string(session.path("pid")).unwrap_or_default();
    wait_for("the command runs", || pid().ends_with('\n'));
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid().trim()));
        let stat = stat.unwrap_or_default();
        stat.rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next())
    };
    // Both pipes are full.
    wait_for("the command is blocked", || {
        let blocked = |id: &str| {
            let syscall = std::fs::read_to_string(format!("/proc/{id}/wchan"));
            syscall.is_ok_and(|place| place.contains("pipe_write"))
        };
        blocked(pid().trim()) && blocked(&child.id().to_string())
    });
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    wait_for("the command ends", || matches!(state(), None | Some('Z')));
    assert_eq!(finish(child).code, 143);
}

#[test]
fn a_terminal_is_left_to_the_command_and_not_waited_for() {
    let session = Session::new();
    let script = "echo run >> ran; test -t 0 && echo reads from a terminal; test -t 1 || echo prints to a pipe";
    for _ in 0..2 {
        let shown = session.run_on_terminal(["run", "--", "sh", "-c", script]);
        let text = String::from_utf8_lossy(&shown.bytes);
        assert_eq!(text, "reads from a terminal\nprints to a pipe\n");
        assert_eq!(shown.code, 0);
    }
    assert_eq!(runs(&session), 1);
}
