//! Of many that run the same at once one does.

use super::*;

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
