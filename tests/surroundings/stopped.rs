//! A stopped leader does not hold up other processes.

use super::*;

/// Starts a leader, and stops it and its children once it has printed something.
fn stopped_leader(session: &Session, line: &str) -> Child {
    let leader = start(memoized(session, line));
    wait_for("the leader runs", || session.path("begun").exists());
    send(&leader, libc::SIGSTOP);
    let stat = format!("/proc/{}/stat", leader.id());
    let is_stopped = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
    wait_for("it is stopped", is_stopped);
    leader
}

#[test]
fn a_follower_of_a_leader_that_is_stopped_says_so_and_runs_the_command() {
    let session = Session::new();
    // The first run waits for the file, which exists by the time the others run.
    let line = "echo begun; echo >> begun; while ! test -e go; do sleep 0.01; done; echo done";
    let leader = stopped_leader(&session, line);
    fs::write(session.path("go"), "").expect("a file");
    let follower = within(Duration::from_secs(60), memoized(&session, line));
    let pid = leader.id();
    let said = format!(
        "ecache: process {pid} is running the same command and is stopped, so it is not waited for\n  tip: kill -CONT {pid} continues it, kill {pid} ends it\n"
    );
    assert_eq!(
        (follower.code, follower.text(), &*follower.stderr),
        (0, "begun\ndone\n", &*said)
    );
    send(&leader, libc::SIGCONT);
    Ran::from(leader.wait_with_output().expect("it ends")).prints("begun\ndone\n");
    // The leader's output is kept.
    within(Duration::from_secs(60), memoized(&session, line)).prints("begun\ndone\n");
    assert_eq!(fs::read(session.path("begun")).expect("a file"), b"\n\n");
}

#[test]
fn warm_reports_a_command_whose_leader_is_stopped() {
    let session = Session::new();
    let line = "echo >> begun; while ! test -e go; do sleep 0.01; done; echo done";
    let leader = stopped_leader(&session, line);
    let mut warm = session.command("warm -- sh -c");
    warm.arg("{}");
    let ran = run(warm, line.as_bytes());
    assert_eq!(ran.code, 1, "{ran:?}");
    let why = format!("process {} is running it, and is stopped", leader.id());
    assert!(ran.stderr.contains(&why), "{ran:?}");
    fs::write(session.path("go"), "").expect("a file");
    send(&leader, libc::SIGCONT);
    Ran::from(leader.wait_with_output().expect("it ends")).prints("done\n");
}
