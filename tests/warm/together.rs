//! Several commands at a time, beside other processes, within a time and at a rate.

use super::*;

#[test]
fn several_run_at_a_time() {
    let session = Session::new();
    // Each ends when all four have begun.
    let line =
        "touch at-$0; while ! [ -e at-1 -a -e at-2 -a -e at-3 -a -e at-4 ]; do sleep 0.01; done";
    warm(&session, "-j 4", line, "1\n2\n3\n4\n").notes("ecache: 4 ran, 0 fresh\n");
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
    .notes("ecache: 1 ran, 2 fresh\n");
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
    warm(&session, "", line, "quick\nslow\nlater\n").notes("ecache: 2 ran, 1 fresh\n");
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
            "ecache: 1 ran, 0 fresh, 2 left out\necache: the time limit is reached: kept results stay, so the same command goes on from here\n",
            1
        )
    );
}

#[test]
fn starts_keep_to_a_rate_and_hits_do_not_count() {
    let session = Session::new();
    let items = "1\n2\n3\n4\n5\n";
    let started = Instant::now();
    warm(&session, "-j 4 --rate 20/s", ":", items).notes("ecache: 5 ran, 0 fresh\n");
    assert!(started.elapsed() >= Duration::from_millis(200));
    let started = Instant::now();
    warm(&session, "--rate 1/h", ":", items).notes("ecache: 0 ran, 5 fresh\n");
    assert!(started.elapsed() < Duration::from_secs(60));
}
