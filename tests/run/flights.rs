//! One of several processes that run the same command at once is the leader and runs it.

use super::*;

#[test]
fn one_of_many_concurrent_callers_runs_the_command() {
    let session = Session::new();
    let line = "echo run >> ran; sleep 0.5; echo done; echo oops >&2; exit 4";
    let children: Vec<Child> = (0..16).map(|_| start(&session, "", line)).collect();
    for child in children {
        assert_eq!(finish(child), ended("done\n", "oops\n", 4));
    }
    assert_eq!(runs(&session), 1);
}

#[test]
fn a_follower_runs_the_command_after_its_leader_is_killed() {
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
    // The inner run may be in its own session, without the outer variables, or made by `warm`.
    for (inner, printed) in [
        ("ecache run --stdin none -- sh -c \"$ME\"", "x\nx\n"),
        (
            "setsid -w env -i HOME=\"$HOME\" PATH=\"$PATH\" ME=\"$ME\" ecache run --stdin none -- sh -c \"$ME\"",
            "x\nx\n",
        ),
        ("echo \"$ME\" | ecache warm -q -- sh -c", "x\n"),
    ] {
        let session = Session::new();
        let line = format!("echo run >> ran; test -e inner || {{ touch inner; {inner}; }}; echo x");
        let mut command = session.command("run --stdin none -- sh -c");
        command.arg(&line).env("ME", &line);
        run(command, b"").prints(printed);
        assert_eq!(runs(&session), 2, "{inner}");
    }
    // And others, which wait for others as ever.
    let session = Session::new();
    let other = "ecache run -- echo inner";
    memoized(&session, "", other).prints("inner\n");
    memoized(&session, "--no-exec", other).prints("inner\n");
}

/// Waits until a process has printed `printed`.
fn expect(child: &mut Child, printed: &str) {
    let mut beginning = vec![0; printed.len()];
    let stdout = child.stdout.as_mut().expect("it was piped");
    stdout.read_exact(&mut beginning).expect("output");
    assert_eq!(String::from_utf8_lossy(&beginning), printed);
}

/// Waits until a process has printed `printed`, calls `then`, and returns the rest at its end.
fn after(mut child: Child, printed: &str, then: impl FnOnce()) -> Ran {
    expect(&mut child, printed);
    then();
    finish(child)
}

/// Returns the number of files of running commands.
fn flights(session: &Session) -> usize {
    let mut folder = session.store().into_os_string();
    folder.push("-flights");
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn those_who_wait_print_what_is_printed_as_it_comes() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let line = "echo run >> ran; echo first; echo oops >&2; read go < go; echo $go; exit 3";
    let leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let follower = start(&session, "", line);
    let ran = after(follower, "first\n", || {
        std::fs::write(session.path("go"), "last\n").expect("it is being read");
    });
    assert_eq!(ran, ended("last\n", "oops\n", 3));
    assert_eq!(finish(leader), ended("first\nlast\n", "oops\n", 3));
    assert_eq!((runs(&session), flights(&session)), (1, 0));
}

#[test]
fn output_of_a_killed_leader_is_not_printed_twice() {
    let session = Session::new();
    let line = "echo run >> ran; echo a; echo b >&2; if mkdir first 2>&-; then sleep 30; fi; echo c; echo d >&2";
    let mut leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let mut followers: Vec<Child> = (0..3).map(|_| start(&session, "", line)).collect();
    for follower in &mut followers {
        expect(follower, "a\n");
    }
    leader.kill().expect("it runs");
    leader.wait().expect("it ends");
    for follower in followers {
        assert_eq!(finish(follower), ended("c\n", "b\nd\n", 0));
    }
    assert_eq!((runs(&session), flights(&session)), (2, 0));
}

#[test]
fn a_run_that_prints_something_else_than_the_killed_one_is_not_mixed_with_it() {
    let session = Session::new();
    std::fs::write(session.path("value"), "old\n").expect("a file");
    let line = "echo run >> ran; echo a; cat value; cat value >&2; if mkdir first 2>&-; then sleep 30; fi; echo z";
    let mut leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let follower = start(&session, "", line);
    let ran = after(follower, "a\nold\n", || {
        std::fs::write(session.path("value"), "new\n").expect("a file");
        leader.kill().expect("it runs");
        leader.wait().expect("it ends");
    });
    assert_eq!((ran.text(), ran.code), ("", 125));
    let told = "ecache: the output already printed came from a run that was not kept, and the rerun printed something else; try again\n";
    assert!(ran.stderr.ends_with(told), "{ran:?}");
    // What it ran is kept.
    let again = memoized(&session, "--no-exec", line);
    assert_eq!(again, ended("a\nnew\nz\n", "new\n", 0));
    assert_eq!(runs(&session), 2);
}

#[test]
fn a_failure_that_is_not_kept_is_that_of_all_who_waited_for_it() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let line = "echo run >> ran; echo first; read go < go; echo failed; exit 3";
    let mut all: Vec<Child> = (0..4)
        .map(|_| start(&session, "--no-failures", line))
        .collect();
    for child in &mut all {
        expect(child, "first\n");
    }
    std::fs::write(session.path("go"), "\n").expect("it is being read");
    for child in all {
        assert_eq!(finish(child), ended("failed\n", "", 3));
    }
    assert_eq!(runs(&session), 1);
    memoized(&session, "--no-exec", line).ends(1, "");
}

#[test]
fn too_large_an_output_is_not_kept_and_each_caller_runs_it() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let line =
        "echo run >> ran; echo first; if mkdir second 2>&-; then read go < go; fi; echo last";
    let leader = start(&session, "--max-output 8B", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let follower = start(&session, "--max-output 8B", line);
    let ran = after(follower, "first\n", || {
        std::fs::write(session.path("go"), "\n").expect("it is being read");
    });
    assert_eq!(ran, ended("last\n", "", 0));
    assert_eq!(finish(leader), ended("first\nlast\n", "", 0));
    memoized(&session, "--no-exec", line).ends(1, "");
}

#[test]
fn a_follower_runs_the_command_after_its_leaders_reader_is_gone() {
    let session = Session::new();
    let line = "echo run >> ran; echo first; mkdir once 2>&- && while test ! -e go; do sleep 0.01; done; seq 100000";
    let mut leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let follower = start(&session, "", line);
    let ran = after(follower, "first\n", || {
        drop(leader.stdout.take());
        std::fs::write(session.path("go"), "").expect("a file");
    });
    assert_eq!(ran.code, 0);
    assert_eq!(ran.text().lines().count(), 100_000);
    assert_eq!(finish(leader).code, 141);
    assert_eq!(runs(&session), 2);
}

#[test]
fn a_run_to_be_done_again_is_not_one_that_was_going_on() {
    let session = Session::new();
    session.shell("mkfifo go").succeeds();
    let line = "echo run >> ran; read go < go; echo $go";
    let leader = start(&session, "", line);
    wait_for("the leader runs", || runs(&session) == 1);
    let refresher = start(&session, "--refresh", line);
    std::fs::write(session.path("go"), "1\n").expect("it is being read");
    assert_eq!(finish(leader), ended("1\n", "", 0));
    std::fs::write(session.path("go"), "2\n").expect("it is being read");
    assert_eq!(finish(refresher), ended("2\n", "", 0));
}

#[test]
fn a_store_has_one_set_of_sidecars_by_whatever_name() {
    let session = Session::new();
    session.shell("mkdir real; ecache --db real/a.db set s k --ttl 1d < /dev/null; ln -s real/a.db link.db")
        .succeeds();
    let line = "for db in link.db real/a.db link.db real/a.db; do \
        ecache --db $db run --ttl 1h --stdin none -- sh -c 'echo ran >> runs; sleep 1; echo done' & \
        done; wait";
    let ran = session.shell(line).succeeds();
    assert_eq!(ran.text(), "done\n".repeat(4));
    let runs = std::fs::read_to_string(session.path("runs")).expect("the runs");
    assert_eq!(runs, "ran\n", "one computes, the others wait for it");
    let beside = std::fs::read_dir(session.home()).expect("the folder");
    let names = beside.map(|file| file.expect("a file").file_name().into_string());
    let strays: Vec<_> = names
        .flatten()
        .filter(|name| name.starts_with("link.db-"))
        .collect();
    assert_eq!(strays, [""; 0]);
}
